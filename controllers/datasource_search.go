package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Find finds the data source that status records, or else one that carries our mark.
func (x *source) Find(ctx context.Context) (*sourceState, error) {
	x.all = nil
	have, err := x.recorded(ctx)
	if have == nil && err == nil {
		have, err = x.search(ctx)
	}
	if have == nil || err != nil {
		return nil, err
	}
	return have, x.seeDefault(ctx, have.IsDefault)
}

// FoundByObject is true: the object's uid is in the settings of what is made, whatever it is called.
func (x *source) FoundByObject() (now, before bool) { return true, true }

// KnownByObject is true: what is taken over gets the mark as well.
func (x *source) KnownByObject() bool { return true }

// recorded is the data source that status records, if it is ours.
func (x *source) recorded(ctx context.Context) (*sourceState, error) {
	if x.obj.Status.UID == "" || x.obj.Status.OrgID != x.org.ID() {
		return nil, nil
	}
	if have, err := x.fromList(ctx); have != nil || err != nil {
		return have, err
	}
	return x.read(ctx, x.obj.Status.UID)
}

// fromList finds the data source on a list of all, if it is there just as it is asked for. What lists do not tell was
// seen within the last hour then.
func (x *source) fromList(ctx context.Context) (*sourceState, error) {
	status := x.obj.Status
	if !x.due || !x.obj.DeletionTimestamp.IsZero() || status.CreateStarted != nil || status.Version == 0 ||
		!meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) ||
		status.SecretsHash != x.secretsHash || !x.readLately() {
		return nil, nil
	}
	list, err := x.conn.ListOfDataSources(ctx, x.org, connection.Due)
	at := slices.IndexFunc(list, func(d grafana.DataSource) bool { return d.UID == status.UID })
	if at < 0 || err != nil || !x.ours(list[at]) {
		return nil, err
	}
	have := x.seen(list[at])
	if have.listed = true; len(x.Diff(have)) > 0 || have.secrets != x.secretsHash {
		return nil, nil
	}
	return have, nil
}

// readAgain is how often a data source is read by itself, although a list says that it is as it was.
const readAgain = time.Hour

func (x *source) readLately() bool {
	at, known := x.readAt.Load(client.ObjectKeyFromObject(x.obj))
	return known && x.conn.Clock().Sub(at.(time.Time)) < readAgain
}

// list has all data sources of the organization, as they are.
func (x *source) list(ctx context.Context) ([]grafana.DataSource, error) {
	if x.all != nil {
		return x.all, nil
	}
	list, err := x.conn.ListOfDataSources(ctx, x.org, connection.Now)
	if err == nil {
		x.all = append([]grafana.DataSource{}, list...)
	}
	return x.all, err
}

// read reads the data source under a uid, if it is ours.
func (x *source) read(ctx context.Context, uid string) (*sourceState, error) {
	d, err := x.org.DataSource(ctx, uid)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	switch {
	case d.UID != uid:
		x.foreign = fmt.Sprintf("data source %q is another, though this Grafana's database takes its uid %q for the "+
			"same", d.Name, d.UID)
		return nil, nil
	case !x.ours(d):
		x.foreign = fmt.Sprintf("data source %q carries no mark of this object, or comes from a file by now", d.Name)
		return nil, nil
	}
	if d.Version == x.obj.Status.Version { // which no list tells
		x.readAt.Store(client.ObjectKeyFromObject(x.obj), x.conn.Clock())
	}
	return x.seen(d), nil
}

// ours reports whether a data source carries our mark, or is the one that status records and has lost it.
func (x *source) ours(d grafana.DataSource) bool {
	owner, self := datasource.ReadOwner(d), datasource.OwnerOf(x.obj, false)
	recorded := d.UID == x.obj.Status.UID && d.ID == x.obj.Status.ID && x.obj.Status.OrgID == x.org.ID()
	return !d.ReadOnly && (d.UID == string(x.obj.UID) || owner.UID == self.UID ||
		recorded && (owner == datasource.Owner{} || owner.Name == self.Name))
}

// seen is what is known of a data source that is ours.
func (x *source) seen(d grafana.DataSource) *sourceState {
	status, owner := x.obj.Status, datasource.ReadOwner(d)
	have := &sourceState{DataSource: d, adopted: status.Adopted || owner.Adopted}
	have.newborn = status.Version == 0 && d.Version == 1 && owner.UID == string(x.obj.UID) && !have.adopted
	if !x.obj.DeletionTimestamp.IsZero() || status.UID != d.UID {
		return have
	}
	have.kept = status.StoredHash == datasource.Hash(d) &&
		status.ContentHash == datasource.Hash(x.wanted(have.adopted))
	if d.ID != status.ID || d.Version != 0 && d.Version != status.Version {
		return have // it was made again, or somebody has written it since, perhaps a secret
	}
	if datasource.Sealed(d, status.Version, status.SecretsHash) {
		have.secrets = status.SecretsHash
	}
	return have
}

// search finds the data source that carries our mark, or one that the object may take over.
func (x *source) search(ctx context.Context) (*sourceState, error) {
	list, err := x.list(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		if x.ours(d) {
			if have, err := x.read(ctx, d.UID); have != nil || err != nil {
				return have, err
			}
		}
	}
	at := slices.IndexFunc(list, x.couldBeOurs)
	if at < 0 || !x.obj.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	return x.takeOver(ctx, list[at])
}

// takeOver brings a data source that was not made for this object: that of an earlier life of it, or, with consent,
// somebody else's.
func (x *source) takeOver(ctx context.Context, listed grafana.DataSource) (*sourceState, error) {
	earlier := x.isEarlier(listed)
	if !earlier {
		if may, err := x.mayAdopt(ctx, listed); !may || err != nil {
			return nil, err
		}
	}
	if err := x.rival(ctx); err != nil {
		return nil, err
	}
	d, err := x.org.DataSource(ctx, listed.UID)
	if err != nil || d.UID != listed.UID || !x.couldBeOurs(d) ||
		datasource.ReadOwner(d) != datasource.ReadOwner(listed) {
		return nil, grafana.IgnoreNotFound(err)
	}
	have := x.seen(d)
	have.adopted = have.adopted || !earlier
	return have, nil
}

// couldBeOurs reports whether the object would take a data source over.
func (x *source) couldBeOurs(d grafana.DataSource) bool {
	return !d.ReadOnly && (x.isEarlier(d) || x.isAsked(d))
}

// isEarlier reports whether a data source is that of an earlier life of the object.
func (x *source) isEarlier(d grafana.DataSource) bool {
	return datasource.ReadOwner(d).Name == datasource.OwnerOf(x.obj, false).Name &&
		(x.obj.Spec.UID == "" || x.obj.Spec.UID == d.UID)
}

// isAsked reports whether a data source is the one that the object would take over.
func (x *source) isAsked(d grafana.DataSource) bool {
	if x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		return false
	}
	if x.obj.Spec.UID != "" {
		return d.UID == x.obj.Spec.UID
	}
	return d.Name == x.want.Name
}

// mayAdopt reports whether no other object has the data source; it fails if the Organization does not allow that it is
// taken over.
func (x *source) mayAdopt(ctx context.Context, d grafana.DataSource) (bool, error) {
	holder, err := x.holder(ctx, d)
	if holder != nil || err != nil {
		return false, err
	}
	if x.object.Spec.Adoption != v1alpha1.AdoptionAllow {
		return false, lifecycle.Stalled(v1alpha1.ReasonAdoptionNotPermitted,
			"data source %q exists in Grafana, and Organization %s does not allow that it is adopted: have its "+
				"spec.adoption set to Allow, or choose another name and uid", d.Name, x.owner)
	}
	return true, nil
}

// siblings are the other DataSources of the organization.
func (x *source) siblings(ctx context.Context) ([]v1alpha1.DataSource, error) {
	var list v1alpha1.DataSourceList
	err := x.env.ListChildren(ctx, &list, x.owner)
	return slices.DeleteFunc(list.Items, func(o v1alpha1.DataSource) bool { return o.UID == x.obj.UID }), err
}

// holder is the other DataSource that has a data source; nil: none.
func (x *source) holder(ctx context.Context, d grafana.DataSource) (*v1alpha1.DataSource, error) {
	all, err := x.siblings(ctx)
	owner := datasource.ReadOwner(d)
	at := slices.IndexFunc(all, func(o v1alpha1.DataSource) bool {
		return owner.UID == string(o.UID) ||
			o.Status.UID == d.UID && o.Status.ID == d.ID && o.Status.OrgID == x.org.ID()
	})
	if at < 0 || err != nil {
		return nil, err
	}
	return &all[at], nil
}

// rival fails if another DataSource of this organization and namespace has the name or uid, or was there before and is
// about to get it. Those of other namespaces are seen in Grafana, once they are there.
func (x *source) rival(ctx context.Context) error {
	all, err := x.siblings(ctx)
	for i := range all {
		o := &all[i]
		same := o.WantedName() == x.want.Name || o.Spec.UID != "" && o.Spec.UID == x.obj.Spec.UID
		if same && o.Namespace == x.obj.Namespace && x.yieldsTo(o, o.Status.UID != "", x.obj.Status.UID != "") {
			return lifecycle.Stalled(v1alpha1.ReasonNameConflict, "data source %q of this organization belongs to "+
				"DataSource %s: give this one another name and uid", o.WantedName(), o.Name)
		}
	}
	return err
}

// yieldsTo reports whether another object goes first: the one that holds what both want, else the older one.
func (x *source) yieldsTo(o *v1alpha1.DataSource, theirs, ours bool) bool {
	return !o.Spec.Suspend && o.DeletionTimestamp.IsZero() && (theirs && !ours || theirs == ours && older(o, x.obj))
}

func (x *source) CheckConflict(ctx context.Context) error {
	if err := x.rival(ctx); err != nil {
		return err
	}
	list, err := x.list(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(d grafana.DataSource) bool { return d.UID == x.uid || d.Name == x.want.Name })
	if at >= 0 {
		return x.taken(ctx, list[at])
	}
	return x.seeDefault(ctx, false)
}

// explain says why Grafana has refused a name or uid, or does not know the data source any more.
func (x *source) explain(ctx context.Context, refused error) error {
	other, err := x.inTheWay(ctx)
	switch {
	case err != nil:
		return err
	case other != nil:
		return x.taken(ctx, *other)
	}
	return x.lookAgain(refused)
}

// inTheWay is another data source whose name or uid the database may take for the wanted one; nil: there is none.
func (x *source) inTheWay(ctx context.Context) (*grafana.DataSource, error) {
	x.all = nil
	list, err := x.list(ctx)
	for _, d := range list {
		if d.UID != x.obj.Status.UID && (mark.MayCollide(d.UID, x.uid) || mark.MayCollide(d.Name, x.want.Name)) {
			return &d, nil
		}
	}
	return nil, err
}

func (x *source) lookAgain(err error) error {
	return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true, Err: err,
		Message: "somebody else is at the data sources of this organization: looking again"}
}

// taken says that a data source has the wanted name or uid, and whether it could be taken over.
func (x *source) taken(ctx context.Context, d grafana.DataSource) error {
	holder, err := x.holder(ctx, d)
	switch {
	case err != nil:
		return err
	case x.ours(d), holder == nil && x.obj.Status.UID == "" && x.couldBeOurs(d):
		return x.lookAgain(nil) // it came since the look
	case holder != nil:
		return lifecycle.Stalled(v1alpha1.ReasonNameConflict, "data source %q (uid %s) of this organization belongs "+
			"to %s: give this one another name and uid", d.Name, d.UID, x.named(holder))
	case d.ReadOnly:
		return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists, "data source %q (uid %s) comes from a file on "+
			"Grafana's server and can be changed there only: take it out of that file, or choose another name and uid",
			d.Name, d.UID)
	}
	cure := "rename or delete one of them"
	if x.obj.Status.UID == "" && x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		cure += ", or have this object take it over with adoptionPolicy: Adopt"
	}
	return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists, "data source %q (uid %s) exists in organization %d and is "+
		"not this object's: %s", d.Name, d.UID, x.org.ID(), cure)
}

// named is another object, for people who may know of it.
func (x *source) named(o *v1alpha1.DataSource) string {
	if o.Namespace != x.obj.Namespace {
		return "a DataSource of another namespace"
	}
	return "DataSource " + o.Name
}
