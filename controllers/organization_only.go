package controllers

import (
	"context"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// onlyOrganization is an Organization on an Instance with a token credential: it stands for the token's own
// organization, which is never created, renamed or deleted.
type onlyOrganization struct{ *organization }

func (x *onlyOrganization) Find(ctx context.Context) (*orgState, error) {
	org, err := x.conn.CurrentOrg(ctx)
	if err != nil {
		return nil, err
	}
	m := mark.Read(org.Address)
	ours := m == x.mark || x.mark.Predecessor(m)
	switch {
	case ours && org.Name == x.obj.WantedName():
	case !x.obj.DeletionTimestamp.IsZero():
		if !ours {
			return nil, nil // released, or never ours
		}
	case org.Name != x.obj.WantedName():
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonInvalidSpec,
			"the Instance's credential is a service account token, whose only organization is %q: set spec.name "+
				"to exactly that",
			org.Name,
		)
	case m != (mark.Mark{}):
		return nil, x.taken(org)
	}
	return x.load(ctx, org)
}

func (x *onlyOrganization) Create(context.Context) (*orgState, error) {
	return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "a service account token cannot create organizations")
}

func (x *onlyOrganization) Update(ctx context.Context, have *orgState) error {
	if !x.isMarked(have) {
		address := mark.Write(have.Address, x.mark, true)
		if err := x.conn.Org(have.ID).SetOwnAddress(ctx, address); err != nil {
			return err
		}
		have.Address = address
		x.conn.RememberMark(ctx, have.ID, x.mark)
	}
	return x.organization.Update(ctx, have)
}

// Delete lets it go: the organization was there before.
func (x *onlyOrganization) Delete(ctx context.Context, have *orgState) error {
	return x.Release(ctx, have)
}

func (x *onlyOrganization) Release(ctx context.Context, have *orgState) error {
	if mark.Read(have.Address) != x.mark {
		return nil
	}
	x.dropLastPanels(ctx, have)
	return x.conn.Org(have.ID).SetOwnAddress(ctx, mark.Release(have.Address, true))
}
