package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// recognize finds out whether the database is the one that the operator's objects speak of. Its identity says so, or
// else any organization that the operator has made: where there should be some and there is none, it was reset, or is
// another one.
func (x *instance) recognize(ctx context.Context) error {
	if id, known := x.conn.Database(); known && id != "" {
		x.identify(id)
		return nil
	}
	id, err := x.databaseID(ctx)
	untold := err != nil && isHidden(err) && !grafana.IsUnauthorized(err)
	if err != nil && !untold {
		return err
	}
	if again := x.conn.UserHidden.Swap(untold); untold && !again {
		x.pause = time.Minute // it may have been hidden for a moment only
	}
	if id == "" || id != x.obj.Status.DatabaseID {
		made, serr := x.made(ctx)
		if serr != nil {
			return serr
		}
		switch seen, serr := x.seesAny(ctx, made); {
		case serr != nil:
			return serr
		case !seen && untold && x.obj.Status.DatabaseID != "": // it could be the same one all the same
			return fmt.Errorf("whether this is still the same database cannot be told: %w", err)
		case !seen:
			return x.reset(id, len(made))
		}
	}
	x.conn.RememberDatabase(ctx, id)
	if !untold {
		x.identify(id)
	}
	return nil
}

// databaseID tells the database from others by the operator's own login, which only server admins can make: its id,
// when it was made, and the uid that Grafana drew for it. Empty: it cannot be told.
func (x *instance) databaseID(ctx context.Context) (string, error) {
	if x.conn.Login == "" {
		return "", nil
	}
	me, err := x.conn.Me(ctx)
	if err == nil {
		x.conn.RememberOperator(ctx, me.ID)
	}
	if err != nil || me.CreatedAt == "" {
		return "", err
	}
	return fmt.Sprintf("user %d %s of %s", me.ID, me.UID, me.CreatedAt), nil
}

// identify puts the identity of the database into status.
func (x *instance) identify(id string) {
	if x.obj.Status.DatabaseID != id {
		x.obj.Status.DatabaseID, x.news = id, true
	}
}

// reset turns over to another database, if that is wanted.
func (x *instance) reset(id string, missing int) error {
	next := strconv.FormatInt(x.obj.Status.Resets+1, 10)
	if x.obj.Spec.OnReset != v1alpha1.ResetRebuild && x.obj.Annotations[v1alpha1.AnnotationConfirmReset] != next {
		return lifecycle.Stalled(
			v1alpha1.ReasonDatabaseReset,
			"none of the %d organizations that the operator has made is in this Grafana: is spec.url right, and "+
				"its database in place? If it was emptied on purpose, annotate this Instance %s=%s, and "+
				"everything is built again; if the organizations are there and have lost their marks, annotate "+
				"one of the Organizations %s=<its id>",
			missing,
			v1alpha1.AnnotationConfirmReset,
			next,
			v1alpha1.AnnotationConfirmOrgID,
		)
	}
	x.obj.Status.Resets++ // once that is written, none of them counts as made any more
	x.news = true
	x.identify(id)
	return nil
}

// isHeld reports whether an Instance waits for a person to say what is to become of it, since its database is not the
// one that the operator's objects speak of.
func isHeld(obj *v1alpha1.Instance) bool {
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason == v1alpha1.ReasonDatabaseReset
}

// made lists the Organizations that should be in this Grafana.
func (x *instance) made(ctx context.Context) ([]v1alpha1.Organization, error) {
	var list v1alpha1.OrganizationList
	if err := x.ListChildren(ctx, &list, x.key); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(o v1alpha1.Organization) bool {
		return o.Status.OrgID == 0 || o.Status.Resets != x.obj.Status.Resets
	}), nil
}

// seesAny reports whether Grafana has an organization of one of these, under the id or the name that it had, or need
// have none. A token has one organization, which names itself.
func (x *instance) seesAny(ctx context.Context, made []v1alpha1.Organization) (bool, error) {
	if len(made) == 0 || x.conn.Login == "" {
		return true, nil
	}
	ids, names := map[int64]bool{}, map[string]bool{}
	for i := range made {
		ids[made[i].Status.OrgID], names[made[i].Status.Name] = true, true
	}
	all, err := x.conn.ListOrgs(ctx)
	if err != nil {
		return false, err
	}
	for _, o := range all {
		if !ids[o.ID] && !names[o.Name] {
			continue
		}
		org, err := x.conn.OrgByID(ctx, o.ID)
		if grafana.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err == nil && slices.ContainsFunc(made, func(m v1alpha1.Organization) bool { return x.isOf(org, &m) }) {
			return true, nil
		}
	}
	return false, nil
}

// isOf reports whether an organization carries the mark of an Organization, or has under the recorded id the
// confirmation of a person. Id and name are not enough: two Grafanas that were set up alike have the same.
func (x *instance) isOf(org grafana.Org, o *v1alpha1.Organization) bool {
	want, m := mark.Of(x.ClusterID, o), mark.Read(org.Address)
	return m == want || want.Predecessor(m) || org.ID == o.Status.OrgID && confirms(o, org.ID)
}
