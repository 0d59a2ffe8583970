package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Find finds the organization that status records, or else one of ours.
func (x *organization) Find(ctx context.Context) (*orgState, error) {
	if have, err := x.recorded(ctx); have != nil || err != nil {
		return have, err
	}
	return x.search(ctx)
}

// recorded is the organization that status records, if it is ours.
func (x *organization) recorded(ctx context.Context) (*orgState, error) {
	if x.obj.Status.OrgID == 0 {
		return nil, nil
	}
	org, err := x.conn.OrgByID(ctx, x.obj.Status.OrgID)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	ours, err := x.owned(ctx, org)
	switch {
	case err != nil:
		return nil, err
	case ours:
		return x.load(ctx, org)
	case !x.fromBefore() && !x.neverOurs(org):
		others, err := x.ofAnother(ctx, org)
		if !others {
			x.lost = &org
		}
		return nil, err
	}
	return nil, nil
}

// search looks for an organization of ours by its birth name, its name and its mark, or for one to take over.
func (x *organization) search(ctx context.Context) (*orgState, error) {
	if x.obj.Status.CreateStarted != nil {
		born, err := x.born(ctx)
		if err != nil {
			return nil, err
		}
		if len(born) > 0 {
			return x.load(ctx, born[0])
		}
	}
	for _, name := range slices.Compact([]string{x.obj.WantedName(), x.obj.Status.Name}) {
		if name == "" {
			continue
		}
		org, err := x.conn.OrgByName(ctx, name)
		if err != nil {
			return nil, err
		}
		if name == x.obj.WantedName() {
			x.searched, x.named = true, org
		}
		if org == nil {
			continue
		}
		ours, err := x.marked(ctx, *org)
		switch {
		case err != nil:
			return nil, err
		case ours:
			return x.load(ctx, *org)
		}
	}
	if !x.conn.KnowsDatabase() {
		return nil, x.databaseUnknown("it is not in Grafana")
	}
	if have, err := x.findMarked(
		ctx,
	); have != nil ||
		err != nil { // status may be lost or of another time, and the name have changed since
		return have, err
	}
	if x.lost != nil {
		return nil, x.lostMark()
	}
	return x.adopt(ctx)
}

// findMarked finds the organization that carries our mark, whatever its name.
func (x *organization) findMarked(ctx context.Context) (*orgState, error) {
	for range 2 { // what is remembered of the marks can be older than a restore
		read, err := x.conn.Marks.Find(ctx, x.conn, x.mark)
		if err != nil {
			return nil, err
		}
		for _, id := range append(x.conn.Carriers(x.mark), read) {
			if have, err := x.ifMarked(ctx, id); have != nil || err != nil {
				return have, err
			}
		}
		if read == 0 {
			return nil, nil
		}
		x.conn.Marks.Forget()
	}
	return nil, nil
}

// ifMarked is the organization of this id if it carries our mark.
func (x *organization) ifMarked(ctx context.Context, id int64) (*orgState, error) {
	if id == 0 {
		return nil, nil
	}
	org, err := x.conn.OrgByID(ctx, id)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	ours, err := x.marked(ctx, org)
	if err != nil || !ours {
		return nil, err
	}
	free, err := x.inherits(ctx, org)
	if err != nil {
		return nil, err
	}
	if !free {
		return nil, x.copiedMark(org)
	}
	return x.load(ctx, org)
}

// born lists the organizations under our birth name, oldest first.
func (x *organization) born(ctx context.Context) ([]grafana.Org, error) {
	all, err := x.conn.ListOrgs(ctx)
	if err != nil {
		return nil, err
	}
	var born []grafana.Org
	for _, o := range all {
		if !strings.HasSuffix(o.Name, mark.BirthSuffix(x.obj)) {
			continue
		}
		org, err := x.conn.OrgByID(ctx, o.ID)
		if grafana.IgnoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		ours, err := x.owned(ctx, org)
		if err != nil {
			return nil, err
		}
		if ours {
			born = append(born, org)
		}
	}
	slices.SortFunc(born, func(a, b grafana.Org) int { return int(a.ID - b.ID) })
	return born, nil
}

// adopt takes over what has the wanted name, if it is nobody's and both sides consent.
func (x *organization) adopt(ctx context.Context) (*orgState, error) {
	if x.named == nil || !x.adoptable(*x.named) || x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		return nil, nil
	}
	if x.instance.Spec.Adoption != v1alpha1.AdoptionAllow {
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonAdoptionNotPermitted,
			"organization %q exists in Grafana, and the Instance does not allow that it is adopted: set its "+
				"spec.adoption to Allow, or choose another name",
			x.named.Name,
		)
	}
	if holder, err := x.holder(ctx, *x.named); holder != nil || err != nil {
		return nil, cmp.Or(err, x.recordedBy(*x.named, holder))
	}
	if err := x.olderClaim(ctx, true); err != nil { // those that do not ask for it cannot get it
		return nil, err
	}
	have, err := x.load(ctx, *x.named)
	if have != nil {
		have.adopted = true
	}
	return have, err
}

// adoptable reports whether an organization is nobody's, and exactly what the object asks for.
func (x *organization) adoptable(org grafana.Org) bool {
	return org.Name == x.obj.WantedName() && x.obj.DeletionTimestamp.IsZero() &&
		mark.Read(org.Address) == (mark.Mark{}) &&
		!mark.BirthNamePattern.MatchString(org.Name)
}

// load reads what belongs to an organization that is ours. What cannot be read is told by Judge and keeps nobody from
// the organization.
func (x *organization) load(ctx context.Context, org grafana.Org) (*orgState, error) {
	have := &orgState{Org: org, adopted: x.wasAdopted(org)}
	x.conn.RememberMark(ctx, org.ID, mark.Read(org.Address))
	var err error
	if have.member, err = x.conn.IsMember(ctx, org.ID); err != nil {
		return nil, err
	}
	if x.obj.Status.CreateStarted != nil {
		born, err := x.born(ctx)
		if err != nil {
			return nil, err
		}
		have.duplicates = slices.DeleteFunc(born, func(o grafana.Org) bool { return o.ID == org.ID })
	}
	if !x.obj.DeletionTimestamp.IsZero() {
		return have, x.keepOpen(ctx, have)
	}
	if have.member && x.obj.Spec.Preferences != nil {
		var p grafana.Preferences
		if p, err = x.conn.Org(org.ID).Preferences(ctx); err == nil {
			have.preferences = &p
		} else {
			have.preferencesErr = fmt.Errorf("reading the preferences: %w", err)
		}
	}
	if len(x.obj.Spec.Quotas) > 0 {
		have.quotas, have.quotasErr = x.readQuotas(ctx, org.ID)
	}
	if have.member && (x.kept.any || x.obj.Status.LibraryPanels) {
		have.panels = x.seePanels(ctx, x.conn.Org(org.ID))
	}
	return have, nil
}
