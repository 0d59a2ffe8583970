package controllers

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

func (x *organization) CheckConflict(ctx context.Context) error {
	if err := x.checkName(); err != nil {
		return err
	}
	if x.named != nil {
		return x.taken(*x.named)
	}
	return x.olderClaim(ctx, false)
}

// olderClaim fails if another Organization of the same name on the same Instance, or another that would adopt it, was
// there before.
func (x *organization) olderClaim(ctx context.Context, adopting bool) error {
	var list v1alpha1.OrganizationList
	if err := x.ListChildren(ctx, &list, x.conn.Server); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.UID == x.obj.UID || !x.claims(o) || o.Spec.Suspend || !o.DeletionTimestamp.IsZero() || !older(o, x.obj) ||
			adopting && o.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
			continue
		}
		permitted, err := x.Permits(ctx, x.instance.Spec.AllowedNamespaces, x.instance.Namespace, o.Namespace)
		if err != nil {
			return err
		}
		if permitted {
			return x.claimed(o)
		}
	}
	return nil
}

// claims reports whether another Organization is about to have the name of this one, or one that Grafana's database may
// take for it: of that it is known once one of the two has it.
func (x *organization) claims(o *v1alpha1.Organization) bool {
	if o.WantedName() == x.obj.WantedName() && o.Status.OrgID == 0 {
		return true
	}
	return mark.MayCollide(o.WantedName(), x.obj.WantedName()) && o.Status.Name != o.WantedName() &&
		!meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionStalled)
}

// older orders claims of objects that hold nothing yet.
func older(a, b lifecycle.Object) bool {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !at.Equal(&bt) {
		return at.Before(&bt)
	}
	return a.GetNamespace()+"/"+a.GetName() < b.GetNamespace()+"/"+b.GetName()
}

func (x *organization) setName(ctx context.Context, have *orgState) error {
	name := x.obj.WantedName()
	if have.Name == name {
		return nil
	}
	if err := x.checkName(); err != nil {
		return err
	}
	if !x.searched {
		var err error
		if x.named, err = x.conn.OrgByName(ctx, name); err != nil {
			return err
		}
	}
	if x.named != nil && x.named.ID != have.ID { // its own name may differ by no more than the case
		return x.taken(*x.named)
	}
	if err := x.conn.Prove(ctx, have.ID, x.mark, true); err != nil {
		return err
	}
	err := x.conn.RenameOrg(ctx, have.ID, name)
	if grafana.IsTaken(err) { // since it was looked for
		if x.named, err = x.conn.OrgByName(ctx, name); err != nil || x.named == nil {
			return cmp.Or(err, errLookAgain)
		}
		return x.taken(*x.named)
	}
	if err == nil {
		have.Name = name
	}
	return err
}
