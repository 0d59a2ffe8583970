package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=datasources,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=datasources/status,verbs=patch

type dataSourceKind struct {
	*Env
	readAt *sync.Map // when each was last read by itself, by its object's key
	writes *sync.Map // the settingsWrite of each, by its object's key
}

func newDataSourceKind(e *Env) dataSourceKind {
	return dataSourceKind{Env: e, readAt: &sync.Map{}, writes: &sync.Map{}}
}

// sourceState is what was seen of a data source.
type sourceState struct {
	grafana.DataSource
	adopted bool
	listed  bool   // on a list, which does not tell all
	newborn bool   // Grafana alone has said so far whether it is the default
	kept    bool   // where it differs from what was sent, that is how Grafana keeps it
	secrets string // which are in it, as status.secretsHash says it; "": nobody knows
}

// source is a DataSource in its organization. Its mark is the owner that its jsonData names; where the uid is derived
// from the object, so is that.
type source struct {
	*orgScope
	env    *Env
	readAt *sync.Map
	writes *sync.Map
	obj    *v1alpha1.DataSource
	uid    string
	due    bool // by its resync

	want        grafana.DataSource // but for the owner; nothing while the object is being deleted
	secrets     map[string]grafana.Key
	secretsHash string
	doubt       string // what may be wrong with a secret; for people
	written     bool   // in this visit

	all       []grafana.DataSource // of the organization, as of this visit; nil: not listed yet
	contested error                // why it cannot be the default
	foreign   string               // what is under the uid and not provably ours, once that was seen; for people
}

func (k dataSourceKind) describe() lifecycle.Kind[*v1alpha1.DataSource, sourceState] {
	return lifecycle.Kind[*v1alpha1.DataSource, sourceState]{
		List:    &v1alpha1.DataSourceList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Organization{},
		Parent: func(obj *v1alpha1.DataSource) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
		},
		Tenant: true,
		Usability: func(obj *v1alpha1.DataSource) any {
			return factsOf(obj)
		},
		References: []lifecycle.Reference[*v1alpha1.DataSource]{
			{To: &corev1.Secret{}, Names: dataSourceSecrets},
			{To: &corev1.ConfigMap{}, Names: dataSourceConfigMaps},
		},
		Forget: func(key types.NamespacedName) {
			k.readAt.Delete(key)
			k.writes.Delete(key)
		},
	}
}

// Held reports whether a DataSource may have one in Grafana.
func (k dataSourceKind) Held(obj *v1alpha1.DataSource) bool {
	return obj.Status.UID != "" || obj.Status.OrgID != 0 || obj.Status.CreateStarted != nil
}

func (k dataSourceKind) Connect(
	ctx context.Context,
	obj *v1alpha1.DataSource,
) (lifecycle.External[sourceState], error) {
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	x := &source{orgScope: scope, env: k.Env, readAt: k.readAt, writes: k.writes, obj: obj}
	x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID, string(obj.UID))
	if !obj.DeletionTimestamp.IsZero() {
		return x, nil
	}
	facts := datasource.Facts{
		OrgID: x.org.ID(), Name: x.object.Status.Name, Labels: x.object.Labels,
		Object: x.object.Namespace + "/" + x.object.Name,
	}
	if x.want, err = datasource.Wanted(obj, facts); err != nil {
		return x, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	err = x.readSecrets(ctx, facts)
	return x, err
}

// Settled reports whether all is as it was last seen to be.
func (x *source) Settled() bool {
	status := x.obj.Status
	return status.Version != 0 && status.OrgID == x.org.ID() && status.SecretsHash == x.secretsHash &&
		status.ContentHash == datasource.Hash(x.wanted(status.Adopted))
}

// ResyncSlot has the data sources of an organization looked at in one resync slot, so that one list serves them all.
func (x *source) ResyncSlot() string { return x.owner.String() + "/datasources" }

// ResyncDue has a list of all data sources serve this one too, and has Grafana try it.
func (x *source) ResyncDue() { x.due = true }

// wanted is what the object asks for, with the mark.
func (x *source) wanted(adopted bool) grafana.DataSource {
	return datasource.WithOwner(x.want, datasource.OwnerOf(x.obj, adopted))
}

// Prepare fixes the uid before the request that creates under it.
func (x *source) Prepare() lifecycle.Event {
	x.obj.Status = v1alpha1.DataSourceStatus{CommonStatus: x.obj.Status.CommonStatus}
	x.obj.Status.UID, x.obj.Status.OrgID = x.uid, x.org.ID()
	return lifecycle.EventCreated
}

func (x *source) Create(ctx context.Context) (*sourceState, error) {
	want := x.wanted(false)
	want.UID, want.IsDefault = x.uid, x.asksDefault() && x.contested == nil
	defer x.conn.ForgetDataSources(x.org.ID())
	made, err := x.org.CreateDataSource(ctx, datasource.WithSeal(want, 1, x.secretsHash), x.secrets)
	if err == nil {
		x.noteWrite()
		return &sourceState{DataSource: made, newborn: true, kept: true, secrets: x.secretsHash}, nil
	}
	if !grafana.IsTaken(err) {
		return nil, err
	}
	if have, ferr := x.read(ctx, x.uid); have != nil || ferr != nil {
		return have, ferr // an earlier request took effect after all
	}
	x.obj.Status.UID, x.obj.Status.OrgID = "", 0 // it was never ours
	return nil, x.explain(ctx, err)
}

func (x *source) Record(have *sourceState) bool {
	status := &x.obj.Status
	if have == nil {
		*status = v1alpha1.DataSourceStatus{CommonStatus: status.CommonStatus}
		return false
	}
	fresh := status.UID != have.UID || status.OrgID != x.org.ID()
	if fresh {
		*status = v1alpha1.DataSourceStatus{CommonStatus: status.CommonStatus}
	}
	status.UID, status.ID, status.OrgID, status.Adopted = have.UID, have.ID, x.org.ID(), have.adopted
	status.Name, status.Type = have.Name, have.Type
	if !x.obj.DeletionTimestamp.IsZero() || len(x.Diff(have)) > 0 {
		return fresh
	}
	status.ContentHash, status.StoredHash = datasource.Hash(x.wanted(have.adopted)), datasource.Hash(have.DataSource)
	status.SecretsHash, status.Default = x.secretsHash, x.asksDefault() && have.IsDefault
	if !have.listed {
		status.Version = have.Version
	}
	return fresh
}

func (x *source) Diff(have *sourceState) (diff []string) {
	if !have.kept {
		diff = datasource.Differences(x.wanted(have.adopted), have.DataSource)
	}
	if have.IsDefault != x.wantsDefault(have) {
		diff = append(diff, "isDefault")
	}
	if have.listed {
		return diff
	}
	if x.want.BasicAuth && have.BasicAuthUser != x.want.BasicAuthUser {
		diff = append(diff, "basicAuth.user")
	}
	if have.WithCredentials != x.want.WithCredentials {
		diff = append(diff, "withCredentials")
	}
	if have.secrets != x.secretsHash || !sameKeys(have.SecureFields, x.secrets) {
		diff = append(diff, "secrets")
	}
	return diff
}

func sameKeys(set map[string]bool, secrets map[string]grafana.Key) bool {
	return slices.Equal(slices.Sorted(maps.Keys(set)), slices.Sorted(maps.Keys(secrets)))
}

func (x *source) Update(ctx context.Context, have *sourceState) error {
	if err := x.waitForNextSecond(); err != nil {
		return err
	}
	if x.want.URL == "" && have.URL != "" {
		return lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "it has the url %q in Grafana, which cannot take a url "+
			"away from a data source: set spec.url, or delete this DataSource and create another one", have.URL)
	}
	if have.Name != x.want.Name {
		if err := x.rival(ctx); err != nil {
			return err
		}
		if err := x.Prove(ctx, true); err != nil { // a rename wants a live proof
			return err
		}
	}
	diff := strings.Join(x.Diff(have), ", ")
	want := x.wanted(have.adopted)
	want.UID, want.Version, want.IsDefault = have.UID, have.Version, x.wantsDefault(have)
	secrets := map[string]grafana.Key{}
	for name := range have.SecureFields {
		secrets[name] = "" // taken out, unless it is asked for
	}
	maps.Copy(secrets, x.secrets)
	x.readAt.Delete(client.ObjectKeyFromObject(x.obj)) // should status not come to know what is written now
	justMade := x.written
	defer x.conn.ForgetDataSources(x.org.ID())
	got, err := x.org.UpdateDataSource(ctx, datasource.WithSeal(want, have.Version+1, x.secretsHash), secrets)
	x.noteWrite()
	switch {
	case grafana.IsVersionMismatch(err), err != nil && !grafana.IsTaken(err) && !grafana.IsNotFound(err):
		return fmt.Errorf("changing %s of the data source: %w", diff, err)
	case grafana.IsTaken(err) && have.Name != want.Name && mark.MayCollide(have.Name, want.Name):
		return x.renameByAnother(ctx, have, want, secrets)
	case err != nil:
		return x.explain(ctx, err)
	}
	*have = sourceState{DataSource: got, adopted: have.adopted, kept: true, secrets: x.secretsHash}
	if left := slices.DeleteFunc(datasource.Differences(want, got), keptInOtherForm); len(left) > 0 {
		have.kept = false
		return lifecycle.Stalled(v1alpha1.ReasonRefused, "Grafana took %s, and keeps another", strings.Join(left, ", "))
	}
	if !justMade { // which Grafana uses at once
		x.askAgainLater()
	}
	return nil
}

// renameByAnother gives the data source a third name, from which it can get the wanted one. MySQL and MariaDB take the
// name that it has and the wanted one for the same, and Grafana then refuses the change as if another data source had
// that name (10.4.3, 12.4.0).
func (x *source) renameByAnother(
	ctx context.Context, have *sourceState, want grafana.DataSource, secrets map[string]grafana.Key,
) error {
	if other, err := x.inTheWay(ctx); err != nil {
		return err
	} else if other != nil {
		return x.taken(ctx, *other)
	}
	wanted := want.Name
	want.Name = string(x.obj.UID)
	_, err := x.org.UpdateDataSource(ctx, datasource.WithSeal(want, have.Version+1, x.secretsHash), secrets)
	x.noteWrite()
	if err != nil {
		return fmt.Errorf("renaming the data source to %q, by way of %q: %w", wanted, want.Name, err)
	}
	return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true, Message: fmt.Sprintf(
		"Grafana's database takes %q and %q for one name: it is renamed by way of %q", have.Name, wanted, want.Name)}
}

// keptInOtherForm reports whether Grafana may make something of its own of a field: of the name of a plugin that was
// called otherwise once, and of its settings.
func keptInOtherForm(field string) bool { return field == "type" || field == "jsonData" }

func (x *source) Check(ctx context.Context, have *sourceState) error {
	x.try(ctx, have)
	return x.contested
}

// InSync says that the data source is as it is asked for.
func (x *source) InSync() string { return "Grafana holds what is asked for" }

// Left says what was left in Grafana when nothing was found that is provably ours; empty: nothing is there.
func (x *source) Left() string { return x.foreign }

// Delete deletes the data source. find has just seen our mark on it, and the lifecycle proven the organization.
func (x *source) Delete(ctx context.Context, have *sourceState) error {
	defer x.conn.ForgetDataSources(x.org.ID())
	return grafana.IgnoreNotFound(x.org.DeleteDataSource(ctx, have.UID))
}
