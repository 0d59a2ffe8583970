package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// clockSlack is by how much the operator's idea of Grafana's clock may be wrong.
const clockSlack = 5 * time.Second

// sameBirth reports whether a dashboard that was created then can be the one that a status speaks of: not one that
// somebody has put in its place since.
func sameBirth(status v1alpha1.DashboardStatus, created time.Time) bool {
	if status.Adopted {
		return status.CreatedAt == created.UTC().Format(time.RFC3339)
	}
	return status.SavedAt != nil && !created.After(status.SavedAt.Add(clockSlack))
}

// adopted reports whether the dashboard is the one that was taken over.
func (x *dash) adopted(d *grafana.Dashboard) bool {
	status := x.obj.Status
	return status.Adopted && status.UID == d.UID && status.CreatedAt == d.Created.UTC().Format(time.RFC3339)
}

// known reports whether a status speaks of a save that was answered, since it was last about to be created.
func known(status v1alpha1.DashboardStatus) bool { return status.Version > 0 && status.SavedAt != nil }

// isRecorded reports whether a dashboard is the one that we have saved, by what status has of that save: the place, the
// birth, and a version that is not an earlier one. Others can take every message off its history.
func (x *dash) isRecorded(d *grafana.Dashboard) bool { return x.recordedIn(x.obj.Status, d) }

func (x *dash) recordedIn(status v1alpha1.DashboardStatus, d *grafana.Dashboard) bool {
	return status.UID == d.UID && status.OrgID == x.org.ID() &&
		known(status) && d.Version >= status.Version && sameBirth(status, d.Created)
}

// isHeld reports whether a dashboard is the one that another Dashboard object has saved or taken over.
func (x *dash) isHeld(ctx context.Context, d *grafana.Dashboard) (bool, error) {
	var list v1alpha1.DashboardList
	err := x.env.ListChildren(ctx, &list, x.owner)
	return slices.ContainsFunc(list.Items, func(o v1alpha1.Dashboard) bool {
		return o.UID != x.obj.UID && x.recordedIn(o.Status, d)
	}), err
}

// look reads the dashboard under our uid, whoever's it is; nil: there is none. content is given its content.
func (x *dash) look(ctx context.Context, content func([]byte)) (*grafana.Dashboard, error) {
	var d *grafana.Dashboard
	var err error
	if x.api != "" && content != nil {
		if d, err = x.org.DashboardResource(ctx, x.api, x.uid, content); err == nil {
			d.URL = x.obj.Status.URL // which is not told
		}
	} else {
		d, err = x.org.ReadDashboard(ctx, x.uid, content)
	}
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	return d, nil
}

// lookClosely reads the dashboard under our uid, whoever's it is, and compares it with the content; nil: there is none.
func (x *dash) lookClosely(ctx context.Context) (*dashboardState, error) {
	have := &dashboardState{}
	x.foreign = ""
	var content func([]byte)
	if x.content != nil {
		content = func(model []byte) { have.hash = x.env.hashOf(model, x.content.api()) }
	}
	d, err := x.look(ctx, content)
	if d == nil || err != nil {
		return nil, err
	}
	have.Dashboard, have.adopted = *d, x.adopted(d)
	if d.UID != x.uid {
		x.foreign = fmt.Sprintf(
			"dashboard %q is another, though this Grafana's database takes %q for the same",
			d.UID,
			x.uid,
		)
		return nil, nil
	}
	return have, x.compareForm(ctx, have)
}

// read reads the dashboard under our uid, if it is ours: by what status records, else by its history. known says that
// status speaks of it.
func (x *dash) read(ctx context.Context, known bool) (*dashboardState, error) {
	have, err := x.lookClosely(ctx)
	if have == nil || err != nil {
		return nil, err
	}
	if x.content != nil {
		if err := x.locate(ctx, false); err != nil {
			return nil, err
		}
	}
	d := &have.Dashboard
	recorded := known && x.isRecorded(d)
	if recorded && x.recall(have) {
		return x.seen(ctx, have)
	}
	oldest := int64(0)
	if recorded {
		oldest = d.Version
	}
	if x.lost && x.isDerived() && x.isRecent(d.Created) { // perhaps it was left without; people may restrict older ones
		x.obj.Status.PermissionsPending = true
	}
	h, err := x.history(ctx, d, oldest)
	if err != nil {
		return nil, err
	}
	have, err = x.weigh(have, h, known, recorded)
	if have == nil || err != nil || x.content == nil {
		return have, err
	}
	return x.seen(ctx, have)
}

// seen finds out what else has to be known of a dashboard that is ours.
func (x *dash) seen(ctx context.Context, have *dashboardState) (*dashboardState, error) {
	if err := x.sameFolder(ctx, have.FolderUID); err != nil {
		return nil, err
	}
	return have, x.seePermissions(ctx, have)
}

// recall reports whether a dashboard is just as it was when it was last saved or seen, so that nothing has to be asked.
// A deletion asks.
func (x *dash) recall(have *dashboardState) bool {
	status := x.obj.Status
	switch {
	case x.content == nil:
		return false
	case status.Drift != nil && have.Version == status.Drift.Version:
		have.edit = status.Drift
		return true
	case have.Version != status.Version || have.FolderUID != status.FolderUID:
		return false
	case have.hash == status.StoredHash:
		have.hash, have.stored = status.ContentHash, have.hash
	}
	return have.hash == status.ContentHash
}

// weigh says by its history whether a dashboard is ours, and whether somebody else has changed it.
func (x *dash) weigh(have *dashboardState, h history, known, recorded bool) (*dashboardState, error) {
	if h.others || !h.ours && !have.adopted && !recorded {
		return nil, x.notOurs(h, known)
	}
	if h.adopted { // its permissions are as people want them
		have.adopted, x.obj.Status.PermissionsPending = true, false
	}
	if x.content == nil {
		return have, nil
	}
	if x.lost && h.ours && h.of == contentMark(x.content.hash) {
		x.restore(h)
		known = true
	}
	x.compare(have, h, known, recorded)
	return have, nil
}

// compare finds out whether somebody else has changed the dashboard since our last save.
func (x *dash) compare(have *dashboardState, h history, known, recorded bool) {
	status := x.obj.Status
	asSaved := have.Version == status.Version && have.FolderUID == status.FolderUID &&
		(h.of == "" || h.of == contentMark(status.ContentHash)) // a restore can bring another content under that number
	differs := have.hash != status.ContentHash || have.FolderUID != status.FolderUID
	switch {
	case recorded && asSaved && h.saved && dashboard.CurrentHash(status.ContentHash):
		have.hash, have.stored = status.ContentHash, have.hash // Grafana keeps in another form what we have sent
	case known && differs && !h.saved:
		have.edit = &v1alpha1.DashboardDrift{Version: have.Version, By: cmp.Or(h.by, have.UpdatedBy)}
	}
}

// restore gives a lost status what the history says of our last save, if that was of what the source still is.
func (x *dash) restore(h history) {
	x.obj.Status.Version, x.obj.Status.SavedAt = h.signed.Version, seconds(h.signed.Created)
	x.obj.Status.ContentHash, x.obj.Status.FolderUID = x.content.hash, x.folder
}

// notOurs takes note of a dashboard that is not provably ours. It fails if it may be, but nothing can prove it any
// more.
func (x *dash) notOurs(h history, known bool) error {
	switch {
	case h.others:
		x.foreign = fmt.Sprintf("dashboard %q belongs to another Dashboard object", x.uid)
	case h.cut && known:
		return lifecycle.Stalled(
			v1alpha1.ReasonOwnershipLost,
			"dashboard %q is there, but of the versions that Grafana keeps none is the operator's: delete it in "+
				"Grafana, or annotate this object %s=true and delete it, to leave the dashboard to others",
			x.uid,
			v1alpha1.AnnotationAbandon,
		)
	default:
		x.foreign = fmt.Sprintf("there is a dashboard %q, and nothing proves that it is this object's", x.uid)
	}
	return nil
}

// adopt takes over the dashboard of the wanted uid, if it is nobody's and the Organization allows it.
func (x *dash) adopt(ctx context.Context) (*dashboardState, error) {
	have := &dashboardState{adopted: true}
	d, err := x.look(ctx, func(model []byte) { have.hash = x.env.hashOf(model, x.content.api()) })
	if d == nil || err != nil {
		return nil, err
	}
	h, err := x.history(ctx, d, 0)
	if err != nil {
		return nil, err
	}
	held, err := x.isHeld(ctx, d)
	switch {
	case err != nil:
		return nil, err
	case d.UID != x.uid, h.others:
		return nil, x.takenBy(d, h)
	case held:
		return nil, x.ofAnother()
	case x.object.Spec.Adoption != v1alpha1.AdoptionAllow:
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonAdoptionNotPermitted,
			"a dashboard with uid %q exists in Grafana, and Organization %s does not allow that it is adopted: "+
				"have its spec.adoption set to Allow, or choose another uid",
			x.uid,
			x.owner,
		)
	}
	have.Dashboard = *d
	return have, x.compareForm(ctx, have)
}

// taken says who has the uid.
func (x *dash) taken(ctx context.Context) error {
	d, err := x.look(ctx, nil)
	if d == nil || err != nil {
		return cmp.Or(err, errLookAgain)
	}
	h, err := x.history(ctx, d, 0)
	if err != nil {
		return err
	}
	return x.takenBy(d, h)
}

// errLookAgain says that what was there a moment ago is gone, or another.
var errLookAgain error = &lifecycle.Problem{
	Reason: v1alpha1.ReasonCreating, Retry: true,
	Message: "what had its uid a moment ago, or its source, is gone or another: looking again",
}

func (x *dash) takenBy(d *grafana.Dashboard, h history) error {
	switch {
	case d.UID != x.uid:
		return lifecycle.Stalled(
			v1alpha1.ReasonNameConflict,
			"a dashboard with uid %q exists in organization %d, and this Grafana's database takes %q for the "+
				"same: set another spec.uid in a new Dashboard",
			d.UID,
			x.org.ID(),
			x.uid,
		)
	case h.others:
		return x.ofAnother()
	}
	cure := ""
	if x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		cure = ", or have this object take it over with adoptionPolicy: Adopt"
	}
	return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists,
		"a dashboard with uid %q exists in organization %d and was not created by this object: "+
			"set another spec.uid in a new Dashboard, or delete that one in Grafana%s",
		x.uid, x.org.ID(), cure)
}

func (x *dash) ofAnother() error {
	return lifecycle.Stalled(
		v1alpha1.ReasonNameConflict,
		"the dashboard with uid %q in organization %d belongs to another Dashboard object: set another spec.uid "+
			"in a new one",
		x.uid,
		x.org.ID(),
	)
}

// history is what a dashboard's versions say of it.
type history struct {
	// ours is that the newest signature that stands is this object's, of any life; or that the uid is derived from it.
	ours    bool
	adopted bool                     // that signature says that the dashboard was taken over
	others  bool                     // the newest signature that stands is another object's
	cut     bool                     // it was read to its end, and the first ones are not kept any more
	saved   bool                     // the newest version is a save of ours
	of      string                   // which content that signature names; empty: none
	by      string                   // who made the newest, where that is told
	signed  grafana.DashboardVersion // the one that bears that signature
}

// history reads a dashboard's versions from the newest on until one decides. Those before the oldest that matters are
// not asked for; in a deletion the newest is enough then. What /apis does not tell of the dashboard is added to it.
func (x *dash) history(ctx context.Context, d *grafana.Dashboard, oldest int64) (history, error) {
	h := history{}
	if err := x.complete(ctx, d); err != nil {
		return h, err
	}
	last := int64(1)
	for v, err := range x.org.DashboardVersions(ctx, d.UID, x.conn.DashboardAPIServed()) {
		if err != nil {
			return h, grafana.IgnoreNotFound(err)
		}
		if v.Version < oldest {
			break
		}
		if last = v.Version; v.Version == d.Version {
			h.by = cmp.Or(h.by, v.CreatedBy)
		}
		s := readSignature(v.Message)
		if s.stands(v) {
			h.ours, h.others = x.isOurs(s), !x.isOurs(s)
			h.signed, h.adopted = v, h.ours && s.adopted
			h.saved, h.of = h.ours && v.Version == d.Version && x.wroteIt(s, v, d), s.content
			return h, nil
		}
		if oldest > 0 && x.content == nil {
			break
		}
	}
	h.ours = x.uid == string(x.obj.UID)
	h.cut = oldest == 0 && last > 1
	return h, nil
}

// wroteIt reports whether a version that bears our signature is a save of ours: the last that was answered, or a later
// one whose answer was lost, which only our own login can have made.
func (x *dash) wroteIt(s signature, v grafana.DashboardVersion, d *grafana.Dashboard) bool {
	if v.Version == x.obj.Status.Version {
		return true
	}
	login, by := x.conn.Login, cmp.Or(v.CreatedBy, d.UpdatedBy)
	return s.as == v.Version && (login == "" || by == "" || strings.EqualFold(login, by))
}
