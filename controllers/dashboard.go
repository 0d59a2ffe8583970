package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=dashboards,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=dashboards/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

type dashboardKind struct{ *Env }

// dashboardState is what was seen of a dashboard.
type dashboardState struct {
	grafana.Dashboard
	hash    string // of the content in Grafana
	stored  string // the same, where Grafana has made something of its own of what we have saved
	adopted bool
	edit    *v1alpha1.DashboardDrift // made by somebody else since our last save

	bare        bool // only Admins can see it, since Grafana has failed to give it its permissions
	permissions []grafana.Permission
}

// dash is a Dashboard in its organization. Its mark is the uid where that is derived from the object, else the message
// of its versions.
type dash struct {
	*orgScope
	env     *Env
	obj     *v1alpha1.Dashboard
	content *content // nil while the object is being deleted
	uid     string
	due     bool // by its resync

	refUID string // of the folder that folder.ref names
	// Where it belongs, once that was looked for.
	located bool
	folder  string   // the uid; "": none
	missing []string // the titles of the folders that have to be made
	parent  string   // in which the first of those belongs

	panels  map[string]seenPanel // the library panels that it carries, once looked at
	renewed bool                 // they get other uids, so that the content is another one from now on

	api string // the version of /apis that it is in; "": it is in the classic model, and /apis not asked

	unlisted error // why it is not known which data sources the organization has

	rolesSeen bool // it was made in this pass, and before that permissions were seen in the organization

	foreign string // what is under the uid and not provably ours, once that was seen; for people
	unsure  string // why there may be one that was not looked for; for people
	lost    bool   // the object's status was
}

func (k dashboardKind) describe() lifecycle.Kind[*v1alpha1.Dashboard, dashboardState] {
	return lifecycle.Kind[*v1alpha1.Dashboard, dashboardState]{
		List:    &v1alpha1.DashboardList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Organization{},
		Parent: func(obj *v1alpha1.Dashboard) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
		},
		Tenant: true,
		References: []lifecycle.Reference[*v1alpha1.Dashboard]{
			{To: &corev1.ConfigMap{}, Names: dashboardConfigMaps},
			{To: &corev1.Secret{}, Names: dashboardSecrets},
		},
		Indexes: []lifecycle.Index[*v1alpha1.Dashboard]{
			{Field: byFolder, Of: dashboardFolder},
			{Field: byDataSource, Of: dashboardDataSources},
			{Field: byLibraryPanel, Of: dashboardPanels},
			{Field: byPanelsIn, Of: panelsKeptIn},
		},
		Watches: []lifecycle.Watch{
			{
				Of:       &v1alpha1.Folder{},
				Requests: whatIsIn(k.Env, &v1alpha1.DashboardList{}),
				Changes:  k.UsabilityChanges(),
			},
			{Of: &v1alpha1.DataSource{}, Requests: k.usersOfSource, Changes: sourceChanges},
			{Of: &v1alpha1.Dashboard{}, Requests: k.sharers, Changes: sharerChanges},
			{Of: &v1alpha1.Organization{}, Requests: k.keepers, Changes: collectorChanges},
		},
		Forget: k.forget,
		Slim:   slimDashboard,
	}
}

// forget drops what is remembered of a Dashboard that is gone.
func (k dashboardKind) forget(key types.NamespacedName) {
	k.fetches.drop(key)
	k.Sources.Forget(key.String())
	dashboardEdits.DeletePartialMatch(prometheus.Labels{"namespace": key.Namespace, "name": key.Name})
}

// Held reports whether a Dashboard may have one in Grafana.
func (k dashboardKind) Held(obj *v1alpha1.Dashboard) bool {
	return obj.Status.UID != "" || obj.Status.OrgID != 0 || obj.Status.CreateStarted != nil
}

func (k dashboardKind) Connect(
	ctx context.Context,
	obj *v1alpha1.Dashboard,
) (lifecycle.External[dashboardState], error) {
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	x := &dash{orgScope: scope, env: k.Env, obj: obj}
	if !obj.DeletionTimestamp.IsZero() {
		err = x.placeForDeletion(ctx, k)
		return x, err
	}
	if f := obj.Spec.Folder; f != nil && f.Ref != nil {
		x.refUID, err = k.folderNamed(ctx, scope, obj, *f.Ref, "spec.folder.ref", obj.Status.FolderUID)
		if err != nil {
			return x, err
		}
	}
	sources, err := k.knownSources(ctx, scope, obj)
	if err != nil {
		return x, err
	}
	x.content, err = k.contentOf(ctx, x.ask(), sources, !asksGrafana(obj))
	return x, err
}

// Load finds out in which form the dashboard is saved, and its uid.
func (x *dash) Load(ctx context.Context) error {
	if x.content == nil { // it is being deleted
		return nil
	}
	if err := x.content.know(ctx); err != nil {
		return err
	}
	if len(x.content.panels) > 0 && !x.object.Status.LibraryPanels {
		return lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "Organization %s has to note first that "+
			"library panels are kept in it: it does so by itself, unless it is suspended", x.owner)
	}
	if err := x.chooseAPI(); err != nil {
		return err
	}
	if x.uid = cmp.Or(x.obj.Spec.UID, x.obj.Status.UID); x.uid != "" {
		return nil
	}
	if err := x.content.fill(ctx); err != nil {
		return err
	}
	if err := x.content.invalidUID; err != nil {
		return lifecycle.Stalled(v1alpha1.ReasonInvalidSource,
			"the source is no dashboard: %v. Set spec.uid, which is taken in its place", err)
	}
	x.uid = cmp.Or(x.content.uid, string(x.obj.UID))
	return nil
}

// placeForDeletion finds the uid under which an object that is being deleted looks: the one in its source, if neither
// status nor spec tells it; its own, if there is none there, or the source cannot be had.
func (x *dash) placeForDeletion(ctx context.Context, k dashboardKind) error {
	if x.uid = cmp.Or(x.obj.Status.UID, x.obj.Spec.UID); x.uid != "" {
		return nil
	}
	source, err := k.contentOf(ctx, x.ask(), recordedSources(x.obj), true)
	if err == nil {
		err = source.fill(ctx)
	}
	var p *lifecycle.Problem
	switch {
	case err == nil:
		x.uid = cmp.Or(source.uid, string(x.obj.UID))
	case errors.As(err, &p) && p.Reason != v1alpha1.ReasonFetching, apierrors.IsNotFound(err): // it is gone itself
		x.uid = string(x.obj.UID)
		x.unsure = "the object has lost its status, and its source, which may say what uid the dashboard has, cannot " +
			"be had: if there is one, it is left"
	default:
		return fmt.Errorf("its status does not tell its uid, which may be in the source: %w", err)
	}
	return nil
}

func (x *dash) interval() time.Duration { return lifecycle.ResyncInterval(x.obj, x.conn) }

// Settled reports whether the organization and the Folder are those that status speaks of, and the source what was last
// saved.
func (x *dash) Settled() bool {
	status := x.obj.Status
	return x.content != nil && x.content.hash == status.ContentHash && status.OrgID == x.org.ID() &&
		status.SavedAt != nil && x.panelsSettled() && (x.refUID == "" || x.refUID == status.FolderUID)
}

// ResyncDue has a list of all dashboards serve this one too.
func (x *dash) ResyncDue() { x.due = true }

// ResyncSlot has the dashboards of an organization looked at in one resync slot, so that one list serves them all.
func (x *dash) ResyncSlot() string { return x.owner.String() }

func (x *dash) Record(have *dashboardState) bool {
	status := &x.obj.Status
	if have == nil {
		*status = v1alpha1.DashboardStatus{CommonStatus: status.CommonStatus}
		return false
	}
	// The identity was written with the intent; only a dashboard that was found by its mark brings a new one.
	fresh := status.UID != have.UID || status.OrgID != x.org.ID()
	status.UID, status.OrgID, status.URL, status.Adopted = have.UID, x.org.ID(), have.URL, have.adopted
	if status.CreatedAt = ""; have.adopted {
		status.CreatedAt = have.Created.UTC().Format(time.RFC3339)
	}
	if x.content != nil && !x.renewed && have.hash == x.content.hash && have.FolderUID == x.folder {
		status.Version, status.FolderUID, status.Drift = have.Version, have.FolderUID, nil
		status.ContentHash, status.ContentGeneration = have.hash, x.obj.Generation
		status.StoredHash = have.stored
		x.recordSources()
		x.recordPanels()
		if status.SavedAt == nil {
			status.SavedAt = seconds(have.Updated)
		}
	}
	return fresh
}

func (x *dash) Update(ctx context.Context, have *dashboardState) error {
	differs, panels := len(x.contentDiff(have)) > 0, len(x.panelDiff()) > 0
	if differs {
		if err := x.checkTwin(ctx, have); err != nil {
			return err
		}
	}
	if err := x.mendPermissions(ctx, have); err != nil {
		return err
	}
	if !differs && !panels {
		return nil
	}
	if err := x.makeFolders(ctx); err != nil {
		return err
	}
	if err := x.keepPanels(ctx); err != nil {
		return err
	}
	if differs {
		return x.saveAgain(ctx, have)
	}
	return nil
}

// saveAgain saves what differs from our content.
func (x *dash) saveAgain(ctx context.Context, have *dashboardState) error {
	saved, err := x.save(ctx, have)
	if err != nil {
		return err
	}
	if have.edit != nil {
		dashboardEdits.WithLabelValues(x.obj.Namespace, x.obj.Name, "corrected").Inc()
	}
	have.Version, have.FolderUID, have.URL = saved.Version, x.folder, saved.URL
	have.hash, have.stored, have.edit = x.content.hash, saved.stored, nil
	return nil
}

func (x *dash) Check(ctx context.Context, have *dashboardState) error {
	if err := x.seePermissions(ctx, have); err != nil {
		return err
	}
	x.tellDataSources(ctx)
	if have.bare {
		return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true,
			Message: "only Admins can see it, since Grafana has failed to give it its permissions: they are put right"}
	}
	if err := x.checkPanels(); err != nil {
		return err
	}
	panels := x.driftedPanels()
	if !x.reported(have) {
		if panels == "" {
			return nil
		}
		return &lifecycle.Drifted{Message: panels}
	}
	if was := x.obj.Status.Drift; was == nil || was.Version != have.edit.Version {
		dashboardEdits.WithLabelValues(x.obj.Namespace, x.obj.Name, "reported").Inc()
	}
	x.obj.Status.Drift = have.edit
	x.obj.Status.ContentHash, x.obj.Status.ContentGeneration = x.content.hash, x.obj.Generation
	x.recordSources()
	x.recordPanels()
	by := ""
	if have.edit.By != "" {
		by = " by " + have.edit.By
	}
	message := fmt.Sprintf(
		"version %d, made in Grafana%s, is left to stand by driftPolicy Report",
		have.edit.Version,
		by,
	)
	if panels != "" {
		message += "; " + panels
	}
	return &lifecycle.Drifted{Message: message}
}

// InSync says what is known of a dashboard that is Ready. A save is answered with a version and not with what Grafana
// has made of it: it raises a refresh that is too short, say.
func (x *dash) InSync() string {
	if x.obj.Status.StoredHash != "" {
		return "Grafana has saved what is asked for, and keeps it in a form of its own"
	}
	return "Grafana has saved what is asked for"
}

// Left says what was left in Grafana when nothing was found that is provably ours; empty: nothing is there.
func (x *dash) Left() string { return cmp.Or(x.foreign, x.unsure) }

// Delete deletes the dashboard. find has just seen our mark on it, and the lifecycle proven the organization.
func (x *dash) Delete(ctx context.Context, have *dashboardState) error {
	return grafana.IgnoreNotFound(x.org.DeleteDashboard(ctx, have.UID))
}
