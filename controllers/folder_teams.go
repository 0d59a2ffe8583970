package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// teamNamed is Grafana's id of a Team; 0: it is not there, or, if that is asked live, the id is another's by now.
func (x *folder) teamNamed(
	ctx context.Context, ref v1alpha1.LocalObjectReference, field string, live bool,
) (int64, error) {
	var t v1alpha1.Team
	err := x.env.Get(ctx, client.ObjectKey{Namespace: x.obj.Namespace, Name: ref.Name}, &t)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	in := lifecycle.ParentKey(t.Spec.OrganizationRef, t.Namespace)
	switch {
	case err != nil:
		return 0, err
	case in != x.owner:
		return 0, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"%s: Team %s is in Organization %s, and this folder in %s: name one that is there, too",
			field, ref.Name, in, x.owner)
	case t.Status.OrgID != x.org.ID(), t.Status.UID == "":
		return 0, nil
	case !live:
		return t.Status.ID, nil
	}
	now, err := x.org.Team(ctx, t.Status.ID)
	if err != nil || now.UID != t.Status.UID {
		return 0, grafana.IgnoreNotFound(err)
	}
	return now.ID, nil
}
