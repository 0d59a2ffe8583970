package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

func usersIn(obj *v1alpha1.Team) (names []string) {
	for _, m := range obj.Spec.Members {
		names = append(names, nameOf(m.UserRef)...)
	}
	return names
}

// naming are the Teams that name a User.
func (k teamKind) naming(ctx context.Context, user client.Object) []ctrl.Request {
	return k.Requests(ctx, &v1alpha1.TeamList{}, namedIn(byUser, user)...)
}

// waiting are the Teams of an Organization in which somebody is missing.
func (k teamKind) waiting(ctx context.Context, obj client.Object) []ctrl.Request {
	o := obj.(*v1alpha1.Membership)
	var list v1alpha1.TeamList
	if err := k.ListChildren(ctx, &list, lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the Teams of an Organization")
		return nil
	}
	var requests []ctrl.Request
	for i := range list.Items {
		if t := &list.Items[i]; len(t.Status.Missing) > 0 {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(t)})
		}
	}
	return requests
}

// bringsPeople are changes of a Membership after which somebody is in the organization.
var bringsPeople = builder.WithPredicates(lifecycle.Later, predicate.Funcs{
	UpdateFunc: func(e ctrlevent.UpdateEvent) bool {
		before, now := e.ObjectOld.(*v1alpha1.Membership).Status, e.ObjectNew.(*v1alpha1.Membership).Status
		return before.Present != now.Present || before.OrgID != now.OrgID || !slices.Equal(before.Added, now.Added)
	},
})

// teamPlan is what was seen of the people in a team, and what follows from it.
type teamPlan struct {
	now      metav1.Time
	in       []grafana.TeamPerson       // the team
	people   []grafana.Member           // of the organization
	recorded []v1alpha1.AddedTeamMember // whom this object has put into the team
	listed   map[int64]string           // who shall be there, by id
	unknown  []v1alpha1.AddedTeamMember // who shall be there, and is not in the organization

	present  int      // of those who are listed, as they should be
	missing  []string // of them
	join     []teamPlace
	change   []teamPlace
	remove   []removal
	added    []v1alpha1.AddedTeamMember // by this object, once all is done
	problems []*lifecycle.Problem
}

// teamPlace is what somebody is to be in a team.
type teamPlace struct {
	id   int64
	who  string
	role int
}

var teamRoles = map[v1alpha1.TeamRole]int{
	v1alpha1.TeamRoleMember: grafana.TeamMember,
	v1alpha1.TeamRoleAdmin:  grafana.TeamAdmin,
}

// asAdded is how status names somebody.
func asAdded(m v1alpha1.TeamMember, id int64) v1alpha1.AddedTeamMember {
	a := v1alpha1.AddedTeamMember{UserID: id, Login: m.Login, Email: m.Email}
	if m.UserRef != nil {
		a.User = m.UserRef.Name
	}
	return a
}

func (p *teamPlan) diff() (diff []string) {
	for _, j := range p.join {
		diff = append(diff, fmt.Sprintf("%q added", j.who))
	}
	for _, c := range p.change {
		diff = append(diff, fmt.Sprintf("role of %q", c.who))
	}
	for _, r := range p.remove {
		diff = append(diff, fmt.Sprintf("%q removed", r.who))
	}
	return diff
}

// see reads who is in the team and its preferences. At a resync, an older list of the people in the organization will
// do, until something is to be done by it.
func (x *team) see(ctx context.Context, have *teamState) (err error) {
	in := x.creator(have)
	alone := len(in) > 0 && len(x.obj.Spec.Members) == 0 // the operator goes, whoever else is in the organization
	added := have.listed && len(x.obj.Status.Added) > 0  // of whom an older list does not say that they are gone
	if (have.MemberCount > 0 || added) && len(in) == 0 { // else there is nobody to be asked for
		if in, err = x.org.TeamMembers(ctx, have.ID); err != nil {
			return fmt.Errorf("listing who is in the team: %w", err)
		}
	}
	fresh, err := x.plan(ctx, have, in, x.due && have.listed || alone)
	if err == nil && !fresh && !alone && len(have.teamPlan.diff()) > 0 {
		_, err = x.plan(ctx, have, in, false)
	}
	if err != nil {
		return err
	}
	if x.obj.Spec.Preferences != nil {
		p, err := x.org.TeamPreferences(ctx, have.ID)
		if err != nil {
			return fmt.Errorf("reading the preferences: %w", err)
		}
		have.preferences = &p
	}
	have.seen = true
	return nil
}

// creator is who is in a team that this pass has just created: the operator, whom Grafana makes an Admin of it. Nobody,
// if the team was there before, or the operator does not know which of the people it is.
func (x *team) creator(have *teamState) []grafana.TeamPerson {
	own := x.conn.Operator()
	if !have.newborn || have.seen || own == 0 {
		return nil
	}
	return []grafana.TeamPerson{{UserID: own, Login: x.conn.Login, Permission: grafana.TeamAdmin}}
}

// plan compares the people in the team with those who shall be there.
func (x *team) plan(
	ctx context.Context, have *teamState, in []grafana.TeamPerson, olderDoes bool,
) (fresh bool, err error) {
	p := teamPlan{in: in, listed: map[int64]string{}, now: metav1.NewTime(x.env.Now().UTC().Truncate(time.Second))}
	fresh = true
	if len(x.obj.Spec.Members) > 0 || x.obj.Spec.Mode == v1alpha1.TeamExclusive && len(in) > 0 {
		if p.people, fresh, err = x.conn.ListOfMembers(ctx, x.org.ID(), olderDoes); err != nil {
			return fresh, fmt.Errorf("listing the members of the organization: %w", err)
		}
	}
	if x.obj.Status.ID == have.ID && x.obj.Status.OrgID == x.org.ID() {
		p.recorded = x.obj.Status.Added
	}
	for _, want := range x.obj.Spec.Members {
		person, err := x.person(ctx, p.people, want)
		var invalid *lifecycle.Problem
		switch {
		case errors.As(err, &invalid):
			p.problems = append(p.problems, invalid)
			p.unknown = append(p.unknown, asAdded(want, 0))
		case err != nil:
			return fresh, err
		case person == nil:
			p.missing = append(p.missing, want.Who())
			p.unknown = append(p.unknown, asAdded(want, 0))
		default:
			p.place(want, person.UserID)
		}
	}
	x.planRemovals(&p, have.adopted)
	have.teamPlan = p
	return fresh, nil
}

// person is the member of the organization whom the spec names; nil: there is none, or it is the operator, whose login
// nobody learns here.
func (x *team) person(
	ctx context.Context, people []grafana.Member, want v1alpha1.TeamMember,
) (*grafana.Member, error) {
	is := func(m grafana.Member) bool { return strings.EqualFold(m.Email, want.Email) }
	switch {
	case want.UserRef != nil:
		user, err := x.env.userNamed(ctx, x.orgScope, x.obj, want.UserRef.Name)
		if user == nil || err != nil {
			return nil, err
		}
		is = func(m grafana.Member) bool {
			return m.UserID == user.Status.ID && strings.EqualFold(m.Login, user.Status.Login)
		}
	case want.Login != "":
		is = func(m grafana.Member) bool { return strings.EqualFold(m.Login, want.Login) }
	}
	at := slices.IndexFunc(people, is)
	if at < 0 || x.conn.IsOperator(people[at].UserID, people[at].Login, people[at].Email) {
		return nil, nil
	}
	return &people[at], nil
}

// place decides about one person who is listed.
func (p *teamPlan) place(want v1alpha1.TeamMember, id int64) {
	if first, twice := p.listed[id]; twice {
		p.problems = append(p.problems, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"spec.members: %q and %q are the same person: list them once", first, want.Who()))
		return
	}
	p.listed[id] = want.Who()
	at := slices.IndexFunc(p.in, func(m grafana.TeamPerson) bool { return m.UserID == id })
	put := teamPlace{id, want.Who(), teamRoles[want.Role]}
	switch {
	case at < 0:
		p.join = append(p.join, put)
	case p.in[at].Permission != put.role:
		p.change = append(p.change, put)
	default:
		p.present++
	}
	a := asAdded(want, id)
	switch {
	case at < 0:
		a.AskedAt = &p.now
		p.added = append(p.added, a)
	case p.record(id) != nil:
		p.added = append(p.added, a)
	}
}

// record is how status names somebody; nil: it does not.
func (p *teamPlan) record(id int64) *v1alpha1.AddedTeamMember {
	at := slices.IndexFunc(p.recorded, func(a v1alpha1.AddedTeamMember) bool { return a.UserID == id })
	if at < 0 {
		return nil
	}
	return &p.recorded[at]
}

// planRemovals decides about those in the team who are not listed. Who is not in the organization is left there: in it
// they can do nothing, and may be a service account.
func (x *team) planRemovals(p *teamPlan, adopted bool) {
	for _, m := range p.in {
		ours, who := p.record(m.UserID), m.Login
		switch {
		case p.listed[m.UserID] != "":
			continue
		case x.conn.IsOperator(m.UserID, m.Login, m.Email):
			if who = "the operator"; adopted { // nobody learns its name here
				continue
			}
		case ours != nil && slices.Contains(p.unknown, v1alpha1.AddedTeamMember{
			Login: ours.Login, Email: ours.Email, User: ours.User,
		}): // they may be the one who is listed
			p.added = append(p.added, *ours)
			continue
		case ours == nil && (x.obj.Spec.Mode != v1alpha1.TeamExclusive || !p.inOrganization(m.UserID) ||
			len(m.Labels) > 0): // an identity provider would put them back
			continue
		}
		p.remove = append(p.remove, removal{m.UserID, who})
		if ours != nil {
			p.added = append(p.added, *ours)
		}
	}
	for _, a := range p.recorded {
		if p.listed[a.UserID] == "" && !p.isIn(a.UserID) && x.landing(a) > 0 {
			p.added = append(p.added, a)
		}
	}
}

// landing is how long a request whose answer was lost may still put somebody into the team.
func (x *team) landing(a v1alpha1.AddedTeamMember) time.Duration {
	if a.AskedAt == nil {
		return 0
	}
	return max(0, a.AskedAt.Add(x.conn.Timeout+teamGrace).Sub(x.env.Now()))
}

// teamGrace is how long after its time-out a request may still take effect.
const teamGrace = 31 * time.Second

// RecheckAfter says when nobody can come into the team any more by a request whose answer was lost.
func (x *team) RecheckAfter(*teamState) (after time.Duration) {
	for _, a := range x.obj.Status.Added {
		after = max(after, x.landing(a))
	}
	return after
}

func (p *teamPlan) isIn(id int64) bool {
	return slices.ContainsFunc(p.in, func(m grafana.TeamPerson) bool { return m.UserID == id })
}

func (p *teamPlan) inOrganization(id int64) bool {
	return slices.ContainsFunc(p.people, func(m grafana.Member) bool { return m.UserID == id })
}
