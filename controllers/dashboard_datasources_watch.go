package controllers

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// usersOfSource are the Dashboards that may depend on a DataSource. Of a change this is asked for what it was, and for
// what it is.
func (k dashboardKind) usersOfSource(ctx context.Context, obj client.Object) (requests []ctrl.Request) {
	d := obj.(*v1alpha1.DataSource)
	org := lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace)
	keys := []string{
		refKey(d.Namespace, d.Name), defaultKey(org), sourceKey(org, d.Status.UID), sourceKey(org, d.Status.Name),
	}
	for _, key := range keys {
		requests = append(requests,
			k.Requests(ctx, &v1alpha1.DashboardList{}, client.MatchingFields{byDataSource: key})...)
	}
	return requests
}

// sourceChanges are the changes of DataSources that concern Dashboards: not those of a url or a Secret.
var sourceChanges = builder.WithPredicates(lifecycle.Later, predicate.Funcs{
	UpdateFunc: func(u ctrlevent.UpdateEvent) bool {
		before, now := u.ObjectOld.(*v1alpha1.DataSource), u.ObjectNew.(*v1alpha1.DataSource)
		return before.UID != now.UID || factsOf(before) != factsOf(now)
	},
})
