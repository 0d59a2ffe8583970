package controllers

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
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

// dash is a Dashboard in its organization. Its mark is the uid where that is derived from the object, else the message of its versions.
type dash struct {
	*place
	env     *Env
	obj     *v1alpha1.Dashboard
	content *content // nil while the object is being deleted
	uid     string
	due     bool // by its resync

	// Where it belongs, once that was looked for.
	located bool
	folder  string   // the uid; "": none
	missing []string // the titles of the folders that have to be made
	parent  string   // in which the first of those belongs

	foreign string // what is under the uid and not provably ours, once that was seen; for people
}

func (k dashboardKind) New() *v1alpha1.Dashboard { return &v1alpha1.Dashboard{} }

func (k dashboardKind) Held(obj *v1alpha1.Dashboard) bool {
	return obj.Status.UID != "" || obj.Status.CreateStarted != nil
}

func (k dashboardKind) Dependents(context.Context, *v1alpha1.Dashboard) ([]Object, error) {
	return nil, nil
}

func (k dashboardKind) Abandon(context.Context, *v1alpha1.Dashboard) error { return nil }

func (k dashboardKind) Connect(ctx context.Context, obj *v1alpha1.Dashboard) (External[dashboardState], error) {
	place, err := k.placeIn(ctx, obj.Spec.OrganizationRef, obj, k.Held(obj))
	if err != nil {
		return nil, err
	}
	x := &dash{place: place, env: k.Env, obj: obj}
	if !obj.DeletionTimestamp.IsZero() {
		x.uid = cmp.Or(obj.Status.UID, obj.Spec.UID, string(obj.UID))
		return x, nil
	}
	if x.content, err = k.contentOf(ctx, obj, x.interval()); err != nil {
		return x, err
	}
	if x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID); x.uid == "" {
		if err := x.content.fill(ctx); err != nil {
			return x, err
		}
		if err := x.content.invalidUID; err != nil {
			return x, stalled(v1alpha1.ReasonInvalidSource,
				"the source is no dashboard: %v. Set spec.uid, which is taken in its place", err)
		}
		x.uid = cmp.Or(x.content.uid, string(obj.UID))
	}
	return x, nil
}

func (x *dash) interval() time.Duration { return resyncOf(x.obj, x.conn) }

// Settled reports whether the organization is the one that status speaks of, and the source what was last saved.
func (x *dash) Settled() bool {
	status := x.obj.Status
	return x.content != nil && x.content.hash == status.ContentHash && status.OrgID == x.org.ID() && status.SavedAt != nil
}

// Due has a list of all dashboards serve this one too.
func (x *dash) Due() { x.due = true }

// Together has the dashboards of an organization looked at in one beat, so that one list serves them all.
func (x *dash) Together() string { return x.owner.String() }

func (x *dash) Get(ctx context.Context) (*dashboardState, error) {
	if x.obj.Status.UID == "" || x.obj.Status.OrgID != x.org.ID() {
		return nil, nil
	}
	if have, err := x.surveyed(ctx); have != nil || err != nil {
		return have, err
	}
	return x.read(ctx, known(x.obj.Status))
}

// surveyed finds the dashboard on a list of all, if it is there just as it was when it was last saved or seen. The list may be some seconds old: of one that is not Ready there is more to know.
func (x *dash) surveyed(ctx context.Context) (*dashboardState, error) {
	status := x.obj.Status
	if x.content == nil || !isTrue(status.Conditions, v1alpha1.ConditionReady) || status.CreateStarted != nil || status.SavedAt == nil || !dashboard.CurrentHash(status.ContentHash) {
		return nil, nil
	}
	list, err := x.conn.survey(ctx, x.org, x.due)
	if err != nil {
		return nil, err
	}
	seen, listed := list[status.UID]
	if !listed || !sameBirth(x.obj.Status, seen.Created) {
		return nil, nil
	}
	have := &dashboardState{hash: status.ContentHash, stored: status.StoredHash, adopted: status.Adopted}
	have.Dashboard = grafana.Dashboard{UID: status.UID, Version: seen.Generation, FolderUID: seen.FolderUID, URL: status.URL, Created: seen.Created}
	switch {
	case status.Drift != nil && seen.Generation == status.Drift.Version:
		have.hash, have.edit = "", status.Drift
	case status.Drift != nil, seen.Generation != status.Version, fromBefore(status, seen):
		return nil, nil
	}
	return have, x.locate(ctx, false)
}

// fromBefore reports whether a version was saved well before the one of that number that status speaks of: it is in a
// database that was restored.
func fromBefore(status v1alpha1.DashboardStatus, seen grafana.DashboardMeta) bool {
	at := seen.Updated
	if at.IsZero() {
		at = seen.Created
	}
	return !at.IsZero() && at.Before(status.SavedAt.Add(-longestSave))
}

// longestSave is how long before its answer a save can have taken effect, and Grafana's clock be wrong.
const longestSave = time.Minute

// Find looks at the wanted uid, which may hold what an earlier life of the status created.
func (x *dash) Find(ctx context.Context) (*dashboardState, error) {
	if x.content == nil || x.obj.Status.UID != "" {
		return x.read(ctx, false)
	}
	if x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		return nil, nil // never created: Create is the look at the uid as well
	}
	if have, err := x.read(ctx, false); have != nil || err != nil {
		return have, err
	}
	return x.adopt(ctx)
}

// Rival looks at the uid again if it was taken before. Else it asks where the folder is only: Create is the look at the uid as well.
func (x *dash) Rival(ctx context.Context) error {
	if err := x.content.fill(ctx); err != nil { // before it is told that it is being created
		return err
	}
	if err := x.locate(ctx, true); err != nil {
		return err
	}
	if len(x.missing) > 0 { // or it would find out when it has said that it is being created
		done, err := x.conn.alone(x.org.ID(), "Folder", x.ticket())
		if err != nil {
			return err
		}
		done(false)
	}
	ready := meta.FindStatusCondition(x.obj.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason != v1alpha1.ReasonAlreadyExists {
		return nil
	}
	d, err := x.look(ctx, nil)
	if d == nil || err != nil {
		return err
	}
	h, err := x.history(ctx, d, 0)
	if err != nil || h.ours && d.UID == x.uid {
		return err
	}
	return x.takenBy(d, h)
}

// Prepare fixes the uid before the request that creates under it.
func (x *dash) Prepare() event {
	x.obj.Status.UID, x.obj.Status.OrgID = x.uid, x.org.ID()
	x.obj.Status.Version, x.obj.Status.ContentHash, x.obj.Status.ContentGeneration, x.obj.Status.FolderUID, x.obj.Status.SavedAt = 0, "", 0, "", nil
	x.obj.Status.StoredHash, x.obj.Status.PermissionsPending = "", true
	return eventCreated
}

func (x *dash) Create(ctx context.Context) (*dashboardState, error) {
	if err := x.makeFolders(ctx); err != nil {
		return nil, err
	}
	saved, err := x.save(ctx, 0)
	if err == nil {
		have := &dashboardState{Dashboard: grafana.Dashboard{UID: saved.UID, Version: saved.Version, FolderUID: x.folder, URL: saved.URL}, hash: x.content.hash}
		_ = x.seePermissions(ctx, have) // else they are looked at later
		return have, nil
	}
	if grafana.IsVersionMismatch(err) { // there is a dashboard under this uid
		have, rerr := x.read(ctx, false)
		if have != nil || rerr != nil {
			return have, rerr
		}
		x.obj.Status.UID, x.obj.Status.OrgID = "", 0 // it was never ours
		return nil, x.taken(ctx)
	}
	if grafana.IsTitleTaken(err) { // by another uid, so that no earlier request of ours has made it
		x.obj.Status.UID, x.obj.Status.OrgID = "", 0
		return nil, stalled(v1alpha1.ReasonAlreadyExists, "another dashboard of this title is in the folder, and this Grafana does not allow two: change the title or the folder of one of them (%v)", err)
	}
	return nil, err
}

// save sends our content, based on a version; 0 creates.
func (x *dash) save(ctx context.Context, version int64) (grafana.Saved, error) {
	model, err := x.content.model(ctx, x.uid, version)
	if err != nil {
		return grafana.Saved{}, err
	}
	saved, err := x.org.SaveDashboard(ctx, grafana.SaveDashboard{
		Model: model, FolderUID: x.folder,
		Message: x.signature(version + 1).String(),
	})
	if err != nil {
		return saved, x.explain(ctx, err)
	}
	if saved.UID != x.uid {
		return saved, stalled(v1alpha1.ReasonNameConflict, "Grafana saved it under uid %q instead of %q: another dashboard of this title is in the way", saved.UID, x.uid)
	}
	x.obj.Status.SavedAt = seconds(x.conn.Now())
	x.warnOfUnused()
	x.env.fetches.saved(client.ObjectKeyFromObject(x.obj))
	return saved, nil
}

// warnOfUnused tells people of inputs that they gave for nothing: what stood there is gone, perhaps on the way here, as
// where Flux replaces ${NAME} before the object is applied.
func (x *dash) warnOfUnused() {
	if len(x.content.unused) == 0 {
		return
	}
	x.env.Events.Eventf(x.obj, nil, corev1.EventTypeWarning, v1alpha1.EventUnusedInput, "Reconcile", "%s",
		truncate("the dashboard declares these inputs, but nothing in it uses them: "+strings.Join(x.content.unused, ", ")+
			". Was ${…} replaced on the way here?"))
}

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
	if x.content != nil && have.hash == x.content.hash && have.FolderUID == x.folder {
		status.Version, status.ContentHash, status.ContentGeneration, status.FolderUID, status.Drift = have.Version, have.hash, x.obj.Generation, have.FolderUID, nil
		status.StoredHash = have.stored
		if status.SavedAt == nil {
			status.SavedAt = seconds(have.Updated)
		}
	}
	return fresh
}

func (x *dash) Diff(have *dashboardState) []string {
	diff := x.contentDiff(have)
	if have.bare {
		diff = append(diff, "permissions, which Grafana had failed to give it")
	}
	return diff
}

// contentDiff is what has to be saved.
func (x *dash) contentDiff(have *dashboardState) (diff []string) {
	if x.reported(have) {
		return nil
	}
	if have.hash != x.content.hash {
		what := "content"
		if have.edit != nil {
			what = fmt.Sprintf("content (version %d, made in Grafana by %q, is in its history)", have.edit.Version, have.edit.By)
		}
		diff = append(diff, what)
	}
	if have.FolderUID != x.folder {
		diff = append(diff, "folder")
	}
	return diff
}

// reported says whether the difference is an edit made in Grafana that policy lets stand: the source and the folder are as they were last saved.
func (x *dash) reported(have *dashboardState) bool {
	differs := have.hash != x.content.hash || have.FolderUID != x.folder
	return x.obj.Spec.DriftPolicy == v1alpha1.DriftReport && have.edit != nil && differs &&
		x.unchanged() && x.folder == x.obj.Status.FolderUID
}

// unchanged reports whether the source is as it was last saved. A hash that another version of the operator has made tells nothing: then the object itself must have changed.
func (x *dash) unchanged() bool {
	status := x.obj.Status
	return x.content.hash == status.ContentHash || status.ContentHash != "" && !dashboard.CurrentHash(status.ContentHash) && status.ContentGeneration == x.obj.Generation
}

func (x *dash) Update(ctx context.Context, have *dashboardState) error {
	if err := x.mendPermissions(ctx, have); err != nil {
		return err
	}
	if len(x.contentDiff(have)) == 0 {
		return nil
	}
	if err := x.makeFolders(ctx); err != nil {
		return err
	}
	saved, err := x.save(ctx, have.Version)
	if err != nil {
		return err
	}
	if have.edit != nil {
		dashboardEdits.WithLabelValues(x.obj.Namespace, x.obj.Name, "corrected").Inc()
	}
	have.Version, have.FolderUID, have.URL = saved.Version, x.folder, saved.URL
	have.hash, have.stored, have.edit = x.content.hash, "", nil
	return nil
}

func (x *dash) Judge(ctx context.Context, have *dashboardState) error {
	if err := x.seePermissions(ctx, have); err != nil {
		return err
	}
	if have.bare {
		return &problem{Reason: v1alpha1.ReasonCreating, Retry: true,
			Message: "only Admins can see it, since Grafana has failed to give it its permissions: they are put right"}
	}
	if !x.reported(have) {
		return nil
	}
	if was := x.obj.Status.Drift; was == nil || was.Version != have.edit.Version {
		dashboardEdits.WithLabelValues(x.obj.Namespace, x.obj.Name, "reported").Inc()
	}
	x.obj.Status.Drift, x.obj.Status.ContentHash, x.obj.Status.ContentGeneration = have.edit, x.content.hash, x.obj.Generation
	by := ""
	if have.edit.By != "" {
		by = " by " + have.edit.By
	}
	return &drifted{message: fmt.Sprintf("version %d, made in Grafana%s, is left to stand by driftPolicy Report", have.edit.Version, by)}
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
func (x *dash) Left() string { return x.foreign }

// Recheck has no reason of its own.
func (x *dash) Recheck(*dashboardState) time.Duration { return 0 }

// Delete deletes the dashboard. find has just seen our mark on it, and the lifecycle proven the organization.
func (x *dash) Delete(ctx context.Context, have *dashboardState) error {
	return absent(x.org.DeleteDashboard(ctx, have.UID))
}

// Release has nothing to take off.
func (x *dash) Release(context.Context, *dashboardState) error { return nil }
