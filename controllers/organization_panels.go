package controllers

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Dashboards make library panels and never delete one: a request to make one may land long after its Dashboard was
// changed or is gone, and several can share it. Their Organization deletes those that none of them lists in status,
// once Grafana has had them for a while and no dashboard refers to them.

// byPanelsIn is the index of the Organization in which a Dashboard keeps library panels, or may come to.
const byPanelsIn = "libraryPanelsIn"

func panelsKeptIn(obj *v1alpha1.Dashboard) []string {
	if obj.Spec.LibraryPanels != v1alpha1.LibraryPanelsManage && len(obj.Status.LibraryPanels) == 0 {
		return nil
	}
	return []string{lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace).String()}
}

// collector is the Organization that has to know what a Dashboard keeps, if that is let in.
func (k organizationKind) collector(ctx context.Context, obj client.Object) []ctrl.Request {
	d := obj.(*v1alpha1.Dashboard)
	key := lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace)
	var organization v1alpha1.Organization
	if err := k.Get(ctx, key, &organization); apierrors.IsNotFound(err) {
		return nil
	} else if err == nil {
		if counts, err := k.countsIn(ctx, &organization, d); err == nil && !counts {
			return nil
		}
	}
	k.panelLooks.changed(key, k.Now())
	return []ctrl.Request{{NamespacedName: key}}
}

// keeperChanges are those of a Dashboard by which it begins to keep library panels, or does not need one any more.
var keeperChanges = builder.WithPredicates(lifecycle.Later, predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return panelsKeptIn(e.Object.(*v1alpha1.Dashboard)) != nil },
	DeleteFunc: func(e event.DeleteEvent) bool { return panelsKeptIn(e.Object.(*v1alpha1.Dashboard)) != nil },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.(*v1alpha1.Dashboard), e.ObjectNew.(*v1alpha1.Dashboard)
		dropped := slices.ContainsFunc(before.Status.LibraryPanels, func(p v1alpha1.KeptLibraryPanel) bool {
			return panelOf(now.Status.LibraryPanels, p.UID) == nil
		})
		letIn := waitsForKeeper(now) && !waitsForKeeper(before)
		return dropped || letIn || (panelsKeptIn(before) == nil) != (panelsKeptIn(now) == nil)
	},
})

// waitsForKeeper reports whether a Dashboard may wait for its Organization to note that library panels are kept in it.
func waitsForKeeper(d *v1alpha1.Dashboard) bool {
	ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
	return d.Spec.LibraryPanels == v1alpha1.LibraryPanelsManage && ready != nil &&
		ready.Reason == v1alpha1.ReasonParentNotAvailable
}

// countsIn reports whether an Organization goes by a Dashboard: it lists library panels, or is let in.
func (k organizationKind) countsIn(
	ctx context.Context, organization *v1alpha1.Organization, d *v1alpha1.Dashboard,
) (bool, error) {
	if len(d.Status.LibraryPanels) > 0 {
		return true, nil
	}
	return k.LetsIn(ctx, organization, d.Namespace)
}

// keepers are the Dashboards in an Organization that wait until it says that library panels are kept in it.
func (k dashboardKind) keepers(ctx context.Context, obj client.Object) []ctrl.Request {
	return k.Requests(ctx, &v1alpha1.DashboardList{},
		client.MatchingFields{byPanelsIn: client.ObjectKeyFromObject(obj).String()})
}

var collectorChanges = builder.WithPredicates(lifecycle.Later, predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.(*v1alpha1.Organization), e.ObjectNew.(*v1alpha1.Organization)
		return before.Status.LibraryPanels != now.Status.LibraryPanels
	},
})

// keptPanels is what Kubernetes has of the library panels in an Organization.
type keptPanels struct {
	any    bool            // a Dashboard keeps some, or may come to
	listed map[string]bool // the uids that Dashboards list
	state  []string        // of these Dashboards: another one whenever one of them has changed
}

func (k organizationKind) keptPanels(ctx context.Context, obj *v1alpha1.Organization) (kept keptPanels, err error) {
	var list v1alpha1.DashboardList
	err = k.List(ctx, &list, client.MatchingFields{byPanelsIn: client.ObjectKeyFromObject(obj).String()},
		client.UnsafeDisableDeepCopy)
	kept.listed = map[string]bool{}
	for _, d := range list.Items {
		counts, err := k.countsIn(ctx, obj, &d)
		if err != nil {
			return kept, err
		}
		if !counts {
			continue
		}
		kept.any = true
		kept.state = append(kept.state, string(d.UID)+" "+d.ResourceVersion)
		for _, p := range d.Status.LibraryPanels {
			kept.listed[p.UID] = true
		}
	}
	return kept, err
}

// leftPanels is what was seen of the library panels that are kept for Dashboards.
type leftPanels struct {
	unused  []grafana.LibraryPanel // nobody needs them
	others  int                    // how many more there are
	more    bool                   // of these there are than one look deletes
	settled bool                   // no more can come
}

func (l *leftPanels) none() bool { return l.settled && l.others+len(l.unused) == 0 }

const (
	// youngPanel is how long Grafana has to have had a library panel before it can be one that nobody needs: longer
	// than what a Dashboard has written to its status can take to be seen here.
	youngPanel = 2 * time.Minute
	// lateLanding is how long after its time-out a request may still take effect in Grafana.
	lateLanding = 30 * time.Second
	// undecidedPanels is when to look again where something could not be found out.
	undecidedPanels = 5 * time.Minute
	// mostDropped is how many are deleted after one look: until the last of them, somebody can come to use it.
	mostDropped = 50
)

// unneededPanels is what the difference is called.
const unneededPanels = "library panels that nobody needs"

// settling is how long after a change of a Dashboard all that it had sent before has landed, and is not young any more.
func (x *organization) settling() time.Duration { return x.conn.Timeout + lateLanding + youngPanel }

// seePanels looks for library panels that nobody needs, if it is time to. nil: it is not, or that could not be found
// out, which holds up nobody.
func (x *organization) seePanels(ctx context.Context, org *grafana.OrgClient) *leftPanels {
	key := client.ObjectKeyFromObject(x.obj)
	if !x.panelLooks.begin(key, x.kept, x.Now(), x.settling()) {
		return nil
	}
	left, err := x.lookForPanels(ctx, org)
	if err != nil {
		x.panelsStay(ctx, err)
		return nil
	}
	if left != nil && len(left.unused) == 0 {
		x.panelLooks.tell(key, "")
	}
	return left
}

// lookForPanels finds those that nobody needs. nil: where no Dashboard keeps one, nobody misses what cannot be listed.
func (x *organization) lookForPanels(ctx context.Context, org *grafana.OrgClient) (*leftPanels, error) {
	key := client.ObjectKeyFromObject(x.obj)
	age, last := connection.Due, !x.obj.DeletionTimestamp.IsZero()
	if last { // nobody looks again, and Grafana 10 tells there who uses one
		age = connection.Now
	}
	all, err := x.conn.ListOfLibraryPanels(ctx, org, age)
	switch {
	case err != nil && !x.kept.any && !last:
		if x.panelLooks.tell(key, err.Error()) { // else at the next resync
			x.panelLooks.again(key, x.Now().Add(undecidedPanels))
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("whether there are any cannot be seen: %w", err)
	}
	left := &leftPanels{settled: x.panelLooks.after(key, x.Now()) == 0}
	for _, p := range all {
		if !strings.HasPrefix(p.UID, panelPrefix(x.mark)) {
			continue
		}
		left.others++
		if x.kept.listed[p.UID] {
			continue
		}
		if wait := youngPanel - x.conn.Now().Sub(latest(p.Meta.Created, p.Meta.Updated)); wait >= 0 {
			x.panelLooks.again(key, x.Now().Add(wait+time.Second))
			continue
		}
		left.others--
		left.unused = append(left.unused, p)
	}
	slices.SortFunc(left.unused, func(a, b grafana.LibraryPanel) int { return strings.Compare(a.UID, b.UID) })
	if len(left.unused) == 0 {
		return left, nil
	}
	used, err := x.usedPanels(ctx, org)
	if err != nil {
		return nil, err
	}
	seen := len(left.unused)
	left.unused = slices.DeleteFunc(left.unused, used)
	if len(left.unused) > mostDropped {
		left.unused, left.more = left.unused[:mostDropped], true
	}
	left.others += seen - len(left.unused)
	return left, nil
}

// usedPanels tells of library panels whether a dashboard uses them.
func (x *organization) usedPanels(
	ctx context.Context, org *grafana.OrgClient,
) (func(p grafana.LibraryPanel) bool, error) {
	if x.conn.KeepsUsedPanels.Load() {
		return func(p grafana.LibraryPanel) bool { return p.Meta.Users > 0 }, nil
	}
	users, unread, err := x.conn.PanelUsers(ctx, org, keptPanelsIn)
	if err == nil && len(unread) > 0 {
		err = unread[slices.Min(slices.Collect(maps.Keys(unread)))]
	}
	if err != nil {
		return nil, fmt.Errorf("looking which dashboards use them: %w", err)
	}
	return func(p grafana.LibraryPanel) bool { return len(users[p.UID]) > 0 }, nil
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// recordPanels notes in status whether library panels are kept in the organization: before the first is made, and until
// none is there. Of one that was found, and not made now, that is not known.
func (x *organization) recordPanels(have *orgState, fresh bool) {
	wasOurs := mark.Read(have.Address) != (mark.Mark{}) || mark.ReadReleased(have.Address) != (mark.Mark{})
	switch {
	case x.kept.any:
		x.obj.Status.LibraryPanels = true
	case fresh && wasOurs:
		x.obj.Status.LibraryPanels = true
		x.panelLooks.again(client.ObjectKeyFromObject(x.obj), x.Now().Add(x.settling()))
	case have.panels != nil && have.panels.none():
		x.obj.Status.LibraryPanels = false
	}
}

// RecheckAfter is when to look for library panels that nobody needs, if something has changed of late. Nobody looks
// while it is being deleted.
func (x *organization) RecheckAfter(*orgState) time.Duration {
	if !x.obj.Status.LibraryPanels || !x.obj.DeletionTimestamp.IsZero() {
		return 0
	}
	return x.panelLooks.after(client.ObjectKeyFromObject(x.obj), x.Now())
}

// keptPanel is the uid of a library panel that is kept for Dashboards of whatever Organization.
var keptPanel = regexp.MustCompile(`gto-[0-9a-f]{8}-p[0-9a-f]{24}`)

// keptPanelsIn are the uids of such library panels that a dashboard refers to, in whatever schema.
func keptPanelsIn(content []byte) (uids []string) {
	seen := map[string]bool{}
	for _, uid := range keptPanel.FindAll(content, -1) {
		if !seen[string(uid)] {
			seen[string(uid)] = true
			uids = append(uids, string(uid))
		}
	}
	return uids
}
