package controllers

import (
	"context"
	"fmt"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// firstWith is the oldest Dashboard that carries a library panel, if that is not this one: what it has in the panel
// counts.
func (x *dash) firstWith(ctx context.Context, uid string) (*v1alpha1.Dashboard, error) {
	others, err := x.othersWith(ctx, uid)
	if err != nil {
		return nil, err
	}
	first := x.obj
	for i, o := range others {
		if o.Namespace == x.obj.Namespace && !o.Spec.Suspend && older(&o, first) {
			first = &others[i]
		}
	}
	if first == x.obj {
		return nil, nil
	}
	return first, nil
}

// othersWith are the other Dashboards, of those that live, whose source carries a library panel, of any namespace.
func (x *dash) othersWith(ctx context.Context, uid string) ([]v1alpha1.Dashboard, error) {
	var list v1alpha1.DashboardList
	err := x.env.List(ctx, &list, client.MatchingFields{byLibraryPanel: uid}, client.UnsafeDisableDeepCopy)
	return slices.DeleteFunc(list.Items, func(o v1alpha1.Dashboard) bool { return !x.carries(&o, uid) }), err
}

// carries reports whether another Dashboard that lives is known to carry a library panel.
func (x *dash) carries(o *v1alpha1.Dashboard, uid string) bool {
	return o.UID != x.obj.UID && o.DeletionTimestamp.IsZero() && panelOf(o.Status.LibraryPanels, uid) != nil
}

// sharers are the Dashboards that carry a library panel of another one.
func (k dashboardKind) sharers(ctx context.Context, obj client.Object) (requests []ctrl.Request) {
	for _, uid := range dashboardPanels(obj.(*v1alpha1.Dashboard)) {
		for _, r := range k.Requests(ctx, &v1alpha1.DashboardList{}, client.MatchingFields{byLibraryPanel: uid}) {
			if r.NamespacedName != client.ObjectKeyFromObject(obj) {
				requests = append(requests, r)
			}
		}
	}
	return requests
}

// sharerChanges are the changes of a Dashboard that concern those that share library panels with it.
var sharerChanges = builder.WithPredicates(lifecycle.Later, predicate.Funcs{
	UpdateFunc: func(u ctrlevent.UpdateEvent) bool {
		before, now := u.ObjectOld.(*v1alpha1.Dashboard), u.ObjectNew.(*v1alpha1.Dashboard)
		wants := func(d *v1alpha1.Dashboard) string {
			text := fmt.Sprint(d.Spec.Suspend, d.DeletionTimestamp.IsZero())
			for _, p := range d.Status.LibraryPanels {
				text += " " + p.UID + " " + p.Hash
			}
			return text
		}
		return wants(before) != wants(now)
	},
})
