package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

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
	obj     *v1alpha1.Dashboard
	content *dashboard.Content // nil while the object is being deleted
	hash    string
	uid     string
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
	place, err := k.placeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	x := &dash{place: place, obj: obj}
	if !obj.DeletionTimestamp.IsZero() {
		x.uid = cmp.Or(obj.Status.UID, obj.Spec.UID, string(obj.UID))
		return x, nil
	}
	source, err := k.source(ctx, obj)
	if err != nil {
		return nil, err
	}
	if x.content, err = dashboard.Parse(source); err == nil {
		x.hash, err = x.content.Hash()
	}
	if err != nil {
		return nil, stalled(v1alpha1.ReasonInvalidSource, "the source is no dashboard: %v", err)
	}
	x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID, x.content.UID, string(obj.UID))
	return x, nil
}

// source reads the dashboard's JSON from where the spec says that it is.
func (k dashboardKind) source(ctx context.Context, obj *v1alpha1.Dashboard) ([]byte, error) {
	if obj.Spec.Source.JSON != nil {
		return []byte(*obj.Spec.Source.JSON), nil
	}
	ref := obj.Spec.Source.ConfigMapRef
	var cm corev1.ConfigMap
	err := k.Live.Get(quiet(ctx), types.NamespacedName{Namespace: obj.Namespace, Name: ref.Name}, &cm)
	if apierrors.IsNotFound(err) {
		return nil, stalled(v1alpha1.ReasonSourceNotFound, "ConfigMap %s/%s does not exist", obj.Namespace, ref.Name)
	}
	if err != nil {
		return nil, err
	}
	if text, ok := cm.Data[ref.Key]; ok {
		return []byte(text), nil
	}
	if binary, ok := cm.BinaryData[ref.Key]; ok {
		return binary, nil
	}
	return nil, stalled(v1alpha1.ReasonSourceNotFound, "ConfigMap %s/%s has no key %q", obj.Namespace, ref.Name, ref.Key)
}

func (x *dash) Get(ctx context.Context) (*dashboardState, error) {
	if x.obj.Status.UID == "" || x.obj.Status.OrgID != x.org.ID() {
		return nil, nil
	}
	return x.read(ctx, x.obj.Status.CreateStarted == nil)
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
	return &dashboardState{Dashboard: *d, hash: hashOf(d.Model), adopted: true}, nil
}

// read reads the dashboard under our uid. What is as status says is ours; of anything else, and before it is deleted, a version must carry our mark.
func (x *dash) read(ctx context.Context, recorded bool) (*dashboardState, error) {
	d, err := x.org.Dashboard(ctx, x.uid)
	if err != nil {
		return nil, absent(err)
	}
	have := &dashboardState{Dashboard: *d, hash: hashOf(d.Model), adopted: x.adopted(d)}
	changed := have.hash != x.obj.Status.ContentHash || d.FolderUID != x.obj.Status.FolderUID
	if recorded && !changed && d.Version == x.obj.Status.Version && x.content != nil {
		return have, nil
	}
	h, err := x.history(ctx)
	switch {
	case err != nil:
		return nil, err
	case !h.ours && !have.adopted && h.cut && recorded:
		return nil, stalled(v1alpha1.ReasonOwnershipLost, "dashboard %q is there, but of the versions that Grafana keeps none is the operator's: delete it in Grafana, or annotate this object %s=true and delete it, to leave the dashboard to others",
			x.uid, v1alpha1.AnnotationAbandon)
	case !h.ours && !have.adopted:
		return nil, nil
	}
	if recorded && changed {
		have.edit = &v1alpha1.DashboardDrift{Version: d.Version, By: h.last}
	}
	return have, nil
}

// hashOf is the hash of a dashboard in Grafana; empty if it is none that we could have saved.
func hashOf(model []byte) string {
	content, err := dashboard.Parse(model)
	if err != nil {
		return ""
	}
	hash, err := content.Hash()
	if err != nil {
		return ""
	}
	return hash
}

// history is what a dashboard's versions say of it.
type history struct {
	ours   bool   // one of them carries our mark or that of an earlier life, or the uid is derived from this object
	others bool   // one of them carries the mark of another object
	cut    bool   // the first ones are not kept any more
	last   string // who made the newest
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
		switch {
		case strings.HasSuffix(v.Message, x.markText()), strings.HasPrefix(v.Message, x.messagePrefix()):
			h.ours = true
		case strings.HasPrefix(v.Message, appliedBy):
			h.others = true
		}
		oldest = min(oldest, v.Version)
		if v.Version > newest {
			newest, h.last = v.Version, v.CreatedBy
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

// Rival looks at the uid again if it was taken before. Else it has nothing to ask: Create is the look at the uid as well.
func (x *dash) Rival(ctx context.Context) error {
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
	x.obj.Status.Version, x.obj.Status.ContentHash, x.obj.Status.FolderUID = 0, "", ""
	return eventCreated
}

func (x *dash) Create(ctx context.Context) (*dashboardState, error) {
	saved, err := x.save(ctx, 0)
	if err == nil {
		have := &dashboardState{Dashboard: grafana.Dashboard{UID: saved.UID, Version: saved.Version, FolderUID: x.folder(), URL: saved.URL}, hash: x.hash}
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
	return nil, err
}

// save sends our content, based on a version; 0 creates.
func (x *dash) save(ctx context.Context, version int64) (grafana.Saved, error) {
	model, err := x.content.Model(x.uid, version)
	if err != nil {
		return grafana.Saved{}, err
	}
	saved, err := x.org.SaveDashboard(ctx, grafana.SaveDashboard{
		Model: model, FolderUID: x.folder(),
		Message: x.messagePrefix() + strings.TrimPrefix(x.markText(), "("),
	})
	if err != nil {
		return saved, x.explain(ctx, err)
	}
	if saved.UID != x.uid {
		return saved, stalled(v1alpha1.ReasonNameConflict, "Grafana saved it under uid %q instead of %q: another dashboard of this title is in the way", saved.UID, x.uid)
	}
	return saved, nil
}

// explain finds out whether a refused save is about the folder.
func (x *dash) explain(ctx context.Context, err error) error {
	var answer *grafana.Error
	if x.folder() == "" || !errors.As(err, &answer) || answer.Status != 400 && answer.Status != 404 {
		return err
	}
	if _, ferr := x.org.Folder(ctx, x.folder()); grafana.IsNotFound(ferr) {
		return stalled(v1alpha1.ReasonFolderNotFound, "folder %q does not exist in organization %d: create it, or change spec.folder", x.folder(), x.org.ID())
	}
	return err
}

func (x *dash) folder() string {
	if x.obj.Spec.Folder == nil {
		return ""
	}
	return x.obj.Spec.Folder.UID
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
	if x.content != nil && have.hash == x.hash && have.FolderUID == x.folder() {
		status.Version, status.ContentHash, status.FolderUID, status.Drift = have.Version, have.hash, have.FolderUID, nil
	}
	return fresh
}

func (x *dash) Diff(have *dashboardState) []string {
	if x.reported(have) {
		return nil
	}
	var diff []string
	if have.hash != x.hash {
		what := "content"
		if have.edit != nil {
			what = fmt.Sprintf("content (version %d, made in Grafana by %q, is in its history)", have.edit.Version, have.edit.By)
		}
		diff = append(diff, what)
	}
	if have.FolderUID != x.folder() {
		diff = append(diff, "folder")
	}
	return diff
}

// reported says whether the difference is an edit made in Grafana that policy lets stand: the source and the folder are as they were last saved.
func (x *dash) reported(have *dashboardState) bool {
	return x.obj.Spec.DriftPolicy == v1alpha1.DriftReport && have.edit != nil && x.hash == x.obj.Status.ContentHash && x.folder() == x.obj.Status.FolderUID
}

func (x *dash) Update(ctx context.Context, have *dashboardState) error {
	saved, err := x.save(ctx, have.Version)
	if err != nil {
		return err
	}
	have.Version, have.FolderUID, have.URL, have.hash, have.edit = saved.Version, x.folder(), saved.URL, x.hash, nil
	return nil
}

func (x *dash) Judge(_ context.Context, have *dashboardState) error {
	if !x.reported(have) {
		return nil
	}
	x.obj.Status.Drift = have.edit
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
