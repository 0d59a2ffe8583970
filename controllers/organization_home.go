package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// byHomeDashboard is the index of the namespace/name of the Dashboard that an Organization shows first.
const byHomeDashboard = "homeDashboard"

func homeDashboardOf(org *v1alpha1.Organization) []string {
	if p := org.Spec.Preferences; p != nil && p.HomeDashboardRef != nil {
		return []string{lifecycle.ParentKey(*p.HomeDashboardRef, org.Namespace).String()}
	}
	return nil
}

// homeDashboard is the uid of the dashboard that preferences.homeDashboardRef names.
func (k organizationKind) homeDashboard(ctx context.Context, obj *v1alpha1.Organization) (string, error) {
	if obj.Spec.Preferences == nil || obj.Spec.Preferences.HomeDashboardRef == nil {
		return "", nil
	}
	key := lifecycle.ParentKey(*obj.Spec.Preferences.HomeDashboardRef, obj.Namespace)
	var d v1alpha1.Dashboard
	err := k.Get(ctx, key, &d)
	own := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		return "", err
	case err != nil,
		lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace) != own,
		d.Status.OrgID != obj.Status.OrgID,
		d.Status.Version == 0:
		return "", lifecycle.Waiting(
			v1alpha1.ReasonDashboardNotFound,
			"the home dashboard, Dashboard %s, is not in this organization yet",
			key,
		)
	}
	return d.Status.UID, nil
}

// shownFirst are the Organizations that show a Dashboard first, by reference or uid.
func (k organizationKind) shownFirst(ctx context.Context, obj client.Object) []ctrl.Request {
	requests := k.Requests(ctx, &v1alpha1.OrganizationList{},
		client.MatchingFields{byHomeDashboard: client.ObjectKeyFromObject(obj).String()})
	d := obj.(*v1alpha1.Dashboard)
	key := lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace)
	var org v1alpha1.Organization
	if err := k.Get(ctx, key, &org); err != nil || org.Spec.Preferences == nil {
		return requests
	}
	if d.Status.UID != "" && org.Spec.Preferences.HomeDashboardUID == d.Status.UID {
		requests = append(requests, ctrl.Request{NamespacedName: key})
	}
	return requests
}

// homeDashboardChanges are those of a Dashboard by which it can become one that is shown first.
var homeDashboardChanges = builder.WithPredicates(
	lifecycle.Later,
	predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*v1alpha1.Dashboard).Status, e.ObjectNew.(*v1alpha1.Dashboard).Status
		return before.UID != after.UID || before.OrgID != after.OrgID || (before.Version == 0) != (after.Version == 0)
	}},
)
