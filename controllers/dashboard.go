package controllers

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

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
	adopted bool
	edit    *v1alpha1.DashboardDrift // made by somebody else since our last save
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
		return nil, err
	}
	if x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID); x.uid == "" {
		if err := x.content.fill(ctx); err != nil {
			return nil, err
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
	return x.read(ctx, x.obj.Status.CreateStarted == nil)
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
	if !listed || !x.sameBirth(seen.Created) {
		return nil, nil
	}
	have := &dashboardState{hash: status.ContentHash, adopted: status.Adopted}
	have.Dashboard = grafana.Dashboard{UID: status.UID, Version: seen.Generation, FolderUID: seen.FolderUID, URL: status.URL, Created: seen.Created}
	switch {
	case status.Drift != nil && seen.Generation == status.Drift.Version:
		have.hash, have.edit = "", status.Drift
	case status.Drift != nil, seen.Generation != status.Version:
		return nil, nil
	}
	return have, x.locate(ctx, false)
}

// clockSlack is by how much the operator's idea of Grafana's clock may be wrong.
const clockSlack = 5 * time.Second

// sameBirth reports whether a dashboard that was created then can be the one that status speaks of: not one that somebody has put in its place since.
func (x *dash) sameBirth(created time.Time) bool {
	status := x.obj.Status
	if status.Adopted {
		return status.CreatedAt == created.UTC().Format(time.RFC3339)
	}
	return status.SavedAt != nil && !created.After(status.SavedAt.Add(clockSlack))
}

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

// read reads the dashboard under our uid. What is as status says is ours; of anything else, and before it is deleted, a version must carry our mark.
func (x *dash) read(ctx context.Context, recorded bool) (*dashboardState, error) {
	d, err := x.org.Dashboard(ctx, x.uid)
	if err != nil {
		return nil, absent(err)
	}
	if x.content != nil {
		if err := x.locate(ctx, false); err != nil {
			return nil, err
		}
	}
	status := x.obj.Status
	have := &dashboardState{Dashboard: *d, hash: x.env.hashOf(d.Model), adopted: x.adopted(d)}
	asSaved := recorded && d.Version == status.Version && d.FolderUID == status.FolderUID && x.sameBirth(d.Created)
	if asSaved && have.hash == status.ContentHash && x.content != nil {
		return have, nil
	}
	h, err := x.history(ctx)
	if err != nil {
		return nil, err
	}
	return x.weigh(have, h, recorded, asSaved)
}

// weigh says by its history whether a dashboard is ours, and whether somebody else has changed it.
func (x *dash) weigh(have *dashboardState, h history, recorded, asSaved bool) (*dashboardState, error) {
	status := x.obj.Status
	switch {
	case !h.ours && !have.adopted && h.cut && recorded:
		return nil, stalled(v1alpha1.ReasonOwnershipLost, "dashboard %q is there, but of the versions that Grafana keeps none is the operator's: delete it in Grafana, or annotate this object %s=true and delete it, to leave the dashboard to others",
			x.uid, v1alpha1.AnnotationAbandon)
	case !h.ours && !have.adopted:
		return nil, nil
	case asSaved && h.lastOurs && dashboard.CurrentHash(status.ContentHash): // Grafana keeps in another form what we have sent
		have.hash = status.ContentHash
	case recorded && !h.lastOurs && (have.hash != status.ContentHash || have.FolderUID != status.FolderUID):
		have.edit = &v1alpha1.DashboardDrift{Version: have.Version, By: h.last}
	}
	return have, nil
}

// adopt takes over the dashboard of the wanted uid, if it is nobody's and the Organization allows it.
func (x *dash) adopt(ctx context.Context) (*dashboardState, error) {
	d, err := x.org.Dashboard(ctx, x.uid)
	if err != nil {
		return nil, absent(err)
	}
	h, err := x.history(ctx)
	switch {
	case err != nil:
		return nil, err
	case h.others:
		return nil, x.ofAnother()
	case x.object.Spec.Adoption != v1alpha1.AdoptionAllow:
		return nil, stalled(v1alpha1.ReasonAdoptionNotPermitted, "a dashboard with uid %q exists in Grafana, and Organization %s does not allow that it is adopted: have its spec.adoption set to Allow, or choose another uid", x.uid, x.owner)
	}
	return &dashboardState{Dashboard: *d, hash: x.env.hashOf(d.Model), adopted: true}, nil
}

// history is what a dashboard's versions say of it.
type history struct {
	ours     bool   // one of them carries our mark or that of an earlier life, or the uid is derived from this object
	others   bool   // one of them carries the mark of another object
	cut      bool   // the first ones are not kept any more
	last     string // who made the newest
	lastOurs bool   // the newest carries our mark
}

// adopted reports whether the dashboard is the one that was taken over.
func (x *dash) adopted(d *grafana.Dashboard) bool {
	status := x.obj.Status
	return status.Adopted && status.UID == d.UID && status.CreatedAt == d.Created.UTC().Format(time.RFC3339)
}

func (x *dash) history(ctx context.Context) (history, error) {
	versions, err := x.org.DashboardVersions(ctx, x.uid, 1000)
	if err != nil {
		return history{}, absent(err)
	}
	h := history{ours: x.uid == string(x.obj.UID)}
	newest, oldest := int64(0), int64(math.MaxInt64)
	for _, v := range versions {
		ours := strings.HasSuffix(v.Message, x.markText()) || strings.HasPrefix(v.Message, x.messagePrefix())
		h.ours = h.ours || ours
		h.others = h.others || !ours && strings.HasPrefix(v.Message, appliedBy)
		oldest = min(oldest, v.Version)
		if v.Version > newest {
			newest, h.last, h.lastOurs = v.Version, v.CreatedBy, ours
		}
	}
	h.cut = oldest > 1
	return h, nil
}

// appliedBy begins the message of every version that an operator saves.
const appliedBy = "Applied by " + v1alpha1.ManagedBy + " from "

// messagePrefix is the same for all lives of the object. It stands in an organization that is ours.
func (x *dash) messagePrefix() string {
	return appliedBy + x.obj.Namespace + "/" + x.obj.Name + " ("
}

// markText ends the message of every version that we save.
func (x *dash) markText() string { return "(" + string(x.obj.UID) + ")" }

// Rival looks at the uid again if it was taken before. Else it asks where the folder is only: Create is the look at the uid as well.
func (x *dash) Rival(ctx context.Context) error {
	if err := x.content.fill(ctx); err != nil { // before it is told that it is being created
		return err
	}
	if err := x.locate(ctx, true); err != nil {
		return err
	}
	ready := meta.FindStatusCondition(x.obj.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason != v1alpha1.ReasonAlreadyExists {
		return nil
	}
	_, err := x.org.Dashboard(ctx, x.uid)
	if err != nil {
		return absent(err)
	}
	if h, err := x.history(ctx); err != nil || h.ours {
		return err
	}
	return x.taken(ctx)
}

func (x *dash) taken(ctx context.Context) error {
	h, err := x.history(ctx)
	switch {
	case err != nil:
		return err
	case h.others:
		return x.ofAnother()
	}
	return stalled(v1alpha1.ReasonAlreadyExists, "a dashboard with uid %q exists in organization %d and was not created by this object: set another spec.uid in a new Dashboard, or delete that one in Grafana", x.uid, x.org.ID())
}

func (x *dash) ofAnother() error {
	return stalled(v1alpha1.ReasonNameConflict, "the dashboard with uid %q in organization %d belongs to another Dashboard object: set another spec.uid in a new one", x.uid, x.org.ID())
}

// Prepare fixes the uid before the request that creates under it.
func (x *dash) Prepare() event {
	x.obj.Status.UID, x.obj.Status.OrgID = x.uid, x.org.ID()
	x.obj.Status.Version, x.obj.Status.ContentHash, x.obj.Status.ContentGeneration, x.obj.Status.FolderUID, x.obj.Status.SavedAt = 0, "", 0, "", nil
	return eventCreated
}

func (x *dash) Create(ctx context.Context) (*dashboardState, error) {
	if err := x.makeFolders(ctx); err != nil {
		return nil, err
	}
	saved, err := x.save(ctx, 0)
	if err == nil {
		have := &dashboardState{Dashboard: grafana.Dashboard{UID: saved.UID, Version: saved.Version, FolderUID: x.folder, URL: saved.URL}, hash: x.content.hash}
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
		Message: x.messagePrefix() + strings.TrimPrefix(x.markText(), "("),
	})
	if err != nil {
		return saved, x.explain(ctx, err)
	}
	if saved.UID != x.uid {
		return saved, stalled(v1alpha1.ReasonNameConflict, "Grafana saved it under uid %q instead of %q: another dashboard of this title is in the way", saved.UID, x.uid)
	}
	x.obj.Status.SavedAt = seconds(x.conn.Now())
	x.env.fetches.saved(client.ObjectKeyFromObject(x.obj))
	return saved, nil
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
		if status.SavedAt == nil {
			status.SavedAt = seconds(have.Updated)
		}
	}
	return fresh
}

func (x *dash) Diff(have *dashboardState) []string {
	if x.reported(have) {
		return nil
	}
	var diff []string
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
	return x.obj.Spec.DriftPolicy == v1alpha1.DriftReport && have.edit != nil && x.unchanged() && x.folder == x.obj.Status.FolderUID
}

// unchanged reports whether the source is as it was last saved. A hash that another version of the operator has made tells nothing: then the object itself must have changed.
func (x *dash) unchanged() bool {
	status := x.obj.Status
	return x.content.hash == status.ContentHash || status.ContentHash != "" && !dashboard.CurrentHash(status.ContentHash) && status.ContentGeneration == x.obj.Generation
}

func (x *dash) Update(ctx context.Context, have *dashboardState) error {
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
	have.Version, have.FolderUID, have.URL, have.hash, have.edit = saved.Version, x.folder, saved.URL, x.content.hash, nil
	return nil
}

func (x *dash) Judge(_ context.Context, have *dashboardState) error {
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

// Recheck has no reason of its own.
func (x *dash) Recheck(*dashboardState) time.Duration { return 0 }

// Delete deletes the dashboard. find has just seen our mark on it, and the lifecycle proven the organization.
func (x *dash) Delete(ctx context.Context, have *dashboardState) error {
	return absent(x.org.DeleteDashboard(ctx, have.UID))
}

// Release has nothing to take off.
func (x *dash) Release(context.Context, *dashboardState) error { return nil }
