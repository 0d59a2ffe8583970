package controllers

import (
	"context"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// asksDefault reports whether the object asks to be the organization's default.
func (x *source) asksDefault() bool { return x.obj.Spec.IsDefault != nil && *x.obj.Spec.IsDefault }

// wantsDefault reports whether a data source shall be the default. Grafana makes the first one of an organization that,
// which nobody has asked for.
func (x *source) wantsDefault(have *sourceState) bool {
	if x.obj.Spec.IsDefault == nil {
		return have.IsDefault && !have.newborn
	}
	return x.asksDefault() && (have.IsDefault || x.contested == nil)
}

// seeDefault finds out whether the object may make its data source the default, if it is to be and is not yet: this
// takes it from the one that is. Among objects that ask for it the one that has it goes first, else the oldest; what
// people have made the default is not touched without consent.
func (x *source) seeDefault(ctx context.Context, is bool) error {
	if x.contested = nil; is || !x.asksDefault() || !x.obj.DeletionTimestamp.IsZero() {
		return nil
	}
	all, err := x.siblings(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		o := &all[i]
		asks := o.Spec.IsDefault != nil && *o.Spec.IsDefault
		if asks && x.yieldsTo(o, o.Status.Default, x.obj.Status.Default) {
			x.contested = lifecycle.Stalled(v1alpha1.ReasonNameConflict, "the organization's default data source is "+
				"that of %s: have isDefault: true in one of them only. All else is as it is asked for", x.named(o))
			return nil
		}
	}
	list, err := x.list(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		if !d.IsDefault || d.UID == x.uid {
			continue
		}
		holder, err := x.holder(ctx, d)
		consent := x.object.Spec.Adoption == v1alpha1.AdoptionAllow &&
			x.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionAdopt
		if err != nil || holder != nil || consent || x.obj.Status.Default {
			return err
		}
		x.contested = lifecycle.Stalled(v1alpha1.ReasonAlreadyExists, "the organization's default is data source %q, "+
			"which is not the operator's: switch that off there in Grafana, or leave isDefault out here. All else is "+
			"as it is asked for", d.Name)
	}
	return nil
}
