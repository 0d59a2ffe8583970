package controllers

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Find finds the team that status records, else one that carries the mark, or that the object may take over.
func (x *team) Find(ctx context.Context) (*teamState, error) {
	x.all = nil
	have, err := x.fromList(ctx)
	if have == nil && err == nil {
		have, err = x.recorded(ctx)
	}
	if have == nil && err == nil {
		have, err = x.marked(ctx)
	}
	deleting := !x.obj.DeletionTimestamp.IsZero()
	if have == nil && err == nil && !deleting {
		have, err = x.adopt(ctx)
	}
	if have == nil || err != nil || deleting {
		return have, err
	}
	return have, x.see(ctx, have)
}

// fromList finds the team on a list of all, if it is called there as it should be. The list may be some seconds old: of
// one that is not Ready there is more to know.
func (x *team) fromList(ctx context.Context) (*teamState, error) {
	status := x.obj.Status
	if !x.due || status.ID == 0 || x.conn.SessionID() == "" ||
		status.OrgID != x.org.ID() || status.CreateStarted != nil ||
		!x.obj.DeletionTimestamp.IsZero() ||
		!meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
		return nil, nil
	}
	list, err := x.conn.ListOfTeams(ctx, x.org, connection.Due)
	for _, t := range list {
		have := &teamState{Team: t, adopted: status.Adopted, listed: true}
		if t.ID == status.ID && x.owned(t) && x.profile(have) == (grafana.TeamProfile{Name: t.Name, Email: t.Email}) {
			return have, nil
		}
	}
	return nil, err
}

// recorded reads the team that status records, if it is still the same. While a create may still land, it looks for
// others of ours as well.
func (x *team) recorded(ctx context.Context) (*teamState, error) {
	status := x.obj.Status
	if status.ID == 0 || status.OrgID != x.org.ID() {
		return nil, nil
	}
	t, err := x.org.Team(ctx, status.ID)
	if err != nil || !x.owned(t) {
		return nil, grafana.IgnoreNotFound(err)
	}
	if status.Adopted {
		if first, err := x.holder(ctx, t); err != nil || first != nil && older(first, x.obj) {
			return nil, cmp.Or(err, x.heldByOther(first))
		}
	}
	have := &teamState{Team: t, adopted: status.Adopted}
	if status.CreateStarted != nil {
		have.duplicates, err = x.search(ctx)
		have.duplicates = slices.DeleteFunc(have.duplicates, func(d grafana.Team) bool { return d.ID == t.ID })
	}
	return have, err
}

// owned reports whether a team is ours: it has the uid that status records, or the name that we have it born with.
func (x *team) owned(t grafana.Team) bool {
	status := x.obj.Status
	recorded := status.ID == t.ID && status.UID == t.UID && t.UID != "" && status.OrgID == x.org.ID()
	return recorded || x.isMarked(t)
}

func (x *team) isMarked(t grafana.Team) bool {
	return strings.HasSuffix(t.Name, mark.BirthSuffix(x.obj))
}

// list has all teams of the organization, as they are: those who ask at the same time share one.
func (x *team) list(ctx context.Context) ([]grafana.Team, error) {
	if x.all != nil {
		return x.all, nil
	}
	list, err := x.conn.ListOfTeams(ctx, x.org, connection.Now)
	if err == nil {
		x.all = append([]grafana.Team{}, list...)
	}
	return x.all, err
}

// search lists the teams that carry our mark, the first first.
func (x *team) search(ctx context.Context) ([]grafana.Team, error) {
	all, err := x.list(ctx)
	return oldestFirst(all, x.isMarked, func(t grafana.Team) int64 { return t.ID }), err
}

// marked is the first team that carries our mark.
func (x *team) marked(ctx context.Context) (*teamState, error) {
	found, err := x.search(ctx)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &teamState{Team: found[0], duplicates: found[1:]}, nil
}

// adopt takes over the team of the wanted name, if it is nobody's and both sides consent.
func (x *team) adopt(ctx context.Context) (*teamState, error) {
	if x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		return nil, nil
	}
	t, err := x.named(ctx)
	if t == nil || err != nil {
		return nil, err
	}
	if holder, err := x.holder(ctx, *t); holder != nil || err != nil {
		return nil, cmp.Or(err, x.conflict(holder))
	}
	if x.object.Spec.Adoption != v1alpha1.AdoptionAllow {
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonAdoptionNotPermitted,
			"a team %q exists in Grafana, and Organization %s does not allow that it is adopted: have its "+
				"spec.adoption set to Allow, or choose another name",
			t.Name,
			x.owner,
		)
	}
	return &teamState{Team: *t, adopted: true}, nil
}

// named is the team that has the wanted name; nil: there is none.
func (x *team) named(ctx context.Context) (*grafana.Team, error) {
	list, err := x.list(ctx)
	at := slices.IndexFunc(list, func(t grafana.Team) bool { return t.Name == x.obj.WantedName() })
	if err != nil || at < 0 {
		return nil, err
	}
	return &list[at], nil
}

// holder is another Team that a team belongs to; nil: none.
func (x *team) holder(ctx context.Context, t grafana.Team) (*v1alpha1.Team, error) {
	return x.sibling(ctx, func(o *v1alpha1.Team) bool {
		return o.Status.OrgID == x.org.ID() && o.Status.ID == t.ID && o.Status.UID == t.UID ||
			strings.HasSuffix(t.Name, mark.BirthSuffix(o))
	})
}

// sibling is another Team of the Organization of which something holds; nil: there is none.
func (x *team) sibling(ctx context.Context, holds func(*v1alpha1.Team) bool) (*v1alpha1.Team, error) {
	var list v1alpha1.TeamList
	err := x.env.ListChildren(ctx, &list, x.owner)
	at := slices.IndexFunc(list.Items, func(o v1alpha1.Team) bool { return o.UID != x.obj.UID && holds(&o) })
	if err != nil || at < 0 {
		return nil, err
	}
	return &list.Items[at], nil
}

// CheckConflict fails if another team has the wanted name, or another Team asked for it earlier.
func (x *team) CheckConflict(ctx context.Context) error {
	claims, err := x.sibling(ctx, func(o *v1alpha1.Team) bool {
		return o.WantedName() == x.obj.WantedName() && o.Namespace == x.obj.Namespace && o.Status.ID == 0 &&
			older(o, x.obj) && !o.Spec.Suspend && o.DeletionTimestamp.IsZero()
	})
	if claims != nil || err != nil {
		return cmp.Or(err, x.conflict(claims))
	}
	t, err := x.named(ctx)
	if t == nil || err != nil {
		return err
	}
	return x.taken(ctx, *t)
}

// taken says that another team has the wanted name, and whether it could be taken over.
func (x *team) taken(ctx context.Context, t grafana.Team) error {
	holder, err := x.holder(ctx, t)
	if holder != nil || err != nil {
		return cmp.Or(err, x.conflict(holder))
	}
	cure := "give this one another name, or delete or rename that one in Grafana"
	if x.obj.Status.ID == 0 && x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		cure += ", or have this object take it over with adoptionPolicy: Adopt"
	}
	return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists,
		"a team %q exists in organization %d and was not created by this object: %s", t.Name, x.org.ID(), cure)
}

// heldByOther says that two objects have taken over one team at the same moment, and that the older one has it. In a
// deletion it is nobody's concern.
func (x *team) heldByOther(first *v1alpha1.Team) error {
	if !x.obj.DeletionTimestamp.IsZero() {
		return nil
	}
	return x.conflict(first)
}

// conflict says that the name is another object's, which is named only to its own namespace.
func (x *team) conflict(o *v1alpha1.Team) error {
	who := "a Team of another namespace"
	if o == nil {
		return nil
	}
	if o.Namespace == x.obj.Namespace {
		who = "Team " + o.Name
	}
	return lifecycle.Stalled(v1alpha1.ReasonNameConflict,
		"team %q of this organization belongs to %s: give this one another name", x.obj.WantedName(), who)
}
