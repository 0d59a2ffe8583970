package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Find finds the dashboard that status records, or else one of ours under the wanted uid.
func (x *dash) Find(ctx context.Context) (*dashboardState, error) {
	if err := x.resolveSources(ctx); err != nil {
		return nil, err
	}
	have, err := x.recorded(ctx)
	if have == nil && err == nil {
		have, err = x.search(ctx)
	}
	if err == nil && have != nil && x.content != nil {
		err = x.seePanels(ctx, x.ageOfSources())
	}
	return have, err
}

// recorded is the dashboard that status records, if it is ours.
func (x *dash) recorded(ctx context.Context) (*dashboardState, error) {
	if x.obj.Status.UID == "" || x.obj.Status.OrgID != x.org.ID() {
		return nil, nil
	}
	if have, err := x.fromList(ctx); have != nil || err != nil {
		return have, err
	}
	return x.read(ctx, known(x.obj.Status))
}

// fromList finds the dashboard on a list of all, if it is there just as it was when it was last saved or seen. The list
// may be some seconds old: of one that is not Ready there is more to know.
func (x *dash) fromList(ctx context.Context) (*dashboardState, error) {
	status := x.obj.Status
	if x.content == nil || !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) ||
		status.CreateStarted != nil ||
		status.SavedAt == nil ||
		!dashboard.CurrentHash(status.ContentHash) {
		return nil, nil
	}
	list, err := x.conn.ListOfDashboards(ctx, x.org, x.listUse())
	if err != nil {
		return nil, err
	}
	seen, listed := list[status.UID]
	if !listed || !sameBirth(x.obj.Status, seen.Created) {
		return nil, nil
	}
	have := &dashboardState{hash: status.ContentHash, stored: status.StoredHash, adopted: status.Adopted}
	have.Dashboard = grafana.Dashboard{
		UID:             status.UID,
		Version:         seen.Generation,
		ResourceVersion: seen.ResourceVersion,
		FolderUID:       seen.FolderUID,
		URL:             status.URL,
		Created:         seen.Created,
	}
	switch {
	case status.Drift != nil && seen.Generation == status.Drift.Version:
		have.hash, have.edit = "", status.Drift
	case status.Drift != nil, seen.Generation != status.Version, fromBefore(status, seen):
		return nil, nil
	}
	return have, x.locate(ctx, false)
}

// listUse is what the list is for, as far as that is known before.
func (x *dash) listUse() connection.ListUse {
	switch {
	case x.content.hash != x.obj.Status.ContentHash:
		return connection.ToSave
	case x.due:
		return connection.ToResync
	}
	return connection.ToLook
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

// StatusLost has search look, also at what was perhaps never created.
func (x *dash) StatusLost() { x.lost = true }

// FoundByObject reports whether the uid is the object's own, and whether it can have been before the source had one.
func (x *dash) FoundByObject() (now, before bool) {
	keepsPanels := x.content != nil && len(x.content.panels) > 0 // which status must know before
	return x.isDerived() && !keepsPanels, x.obj.Spec.UID == ""
}

// KnownByObject is false where the uid is another: what was taken over under it only status tells of.
func (x *dash) KnownByObject() bool { return x.isDerived() }

func (x *dash) isDerived() bool { return x.uid == string(x.obj.UID) }

// search looks at the wanted uid, which may hold what an earlier life of the status created.
func (x *dash) search(ctx context.Context) (*dashboardState, error) {
	x.lost = x.lost || x.obj.Status.UID == "" && x.obj.Status.CreateStarted != nil
	intended := x.content == nil || x.obj.Status.UID != ""
	adopts := x.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionAdopt
	if !intended && !adopts && !x.lost {
		return nil, nil // never created: Create is the look at the uid as well
	}
	if have, err := x.underOwnUID(ctx); have != nil || err != nil {
		return have, err
	}
	have, err := x.read(ctx, false)
	if have != nil || err != nil || intended || !adopts {
		return have, err
	}
	return x.adopt(ctx)
}

// underOwnUID finds what was made before the source had a uid, if status tells of none.
func (x *dash) underOwnUID(ctx context.Context) (*dashboardState, error) {
	if x.obj.Status.UID != "" || x.obj.Spec.UID != "" || x.isDerived() || !x.lost && x.content != nil {
		return nil, nil
	}
	wanted := x.uid
	x.uid = string(x.obj.UID)
	have, err := x.read(ctx, false)
	if have == nil {
		x.uid = wanted
	}
	return have, err
}

// CheckConflict looks at the uid again if it was taken before. Else it asks where the folder is only: Create is the
// look at the uid as well.
func (x *dash) CheckConflict(ctx context.Context) error {
	if err := x.content.fill(ctx); err != nil { // before it is told that it is being created
		return err
	}
	if err := x.locate(ctx, true); err != nil {
		return err
	}
	age := connection.Recent
	if len(x.obj.Status.LibraryPanels) > 0 { // it was there: who deleted it may have deleted these too
		age = connection.Now
	}
	if err := x.seePanels(ctx, age); err != nil {
		return err
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
