package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// membershipState is what was seen of the people in an organization, and what follows from it.
type membershipState struct {
	list    []grafana.Member
	byName  roll // of the list
	others  []sibling
	seen    map[int64]string       // who is listed, by id
	present int                    // of them, as they should be
	missing []string               // of them
	added   []v1alpha1.AddedMember // by this object, once all is done

	join     []v1alpha1.Member
	change   []roleChange
	remove   []removal
	handing  bool // another one is about to take over somebody
	problems []*lifecycle.Problem
}

// removal is of somebody who goes by that name here.
type removal struct {
	id  int64
	who string
}

type roleChange struct {
	id   int64
	want v1alpha1.Member
}

// sibling is another Membership of the Organization, in a namespace that this allows.
type sibling struct {
	named
	alive bool // it is not being deleted, and what it asks for may be given
}

const (
	handingPause = 5 * time.Second
	// handingTime is how long a Membership that is being deleted waits for another one.
	handingTime = time.Minute
)

func (s *membershipState) differs() bool { return len(s.join)+len(s.change)+len(s.remove) > 0 }

func (s *membershipState) refuse(p *lifecycle.Problem) { s.problems = append(s.problems, p) }

func (s *membershipState) given(id int64, role v1alpha1.Role) {
	for i := range s.added {
		if s.added[i].UserID == id {
			s.added[i].Role, s.added[i].ChangingTo = role, ""
		}
	}
}

func (s *membershipState) forget(id int64) {
	s.added = slices.DeleteFunc(s.added, func(a v1alpha1.AddedMember) bool { return a.UserID == id })
}

// asMember is somebody who was added, as the spec had them.
func asMember(a v1alpha1.AddedMember) v1alpha1.Member {
	return v1alpha1.Member{Login: a.Login, Email: a.Email, Role: a.Role}
}

// gave reports whether somebody was given a role, or may have been by a request whose answer was lost.
func gave(a v1alpha1.AddedMember, role string) bool {
	return role == string(a.Role) || a.ChangingTo != "" && role == string(a.ChangingTo)
}

func sameID(a v1alpha1.AddedMember) func(v1alpha1.AddedMember) bool {
	return func(b v1alpha1.AddedMember) bool { return a.UserID == b.UserID }
}

// is reports whether a login and an address are those of somebody whom a spec names. Grafana does not mind the case,
// and some of its databases mind less than that, so that a look-up can bring somebody else.
func is(m v1alpha1.Member, login, email string) bool {
	if m.Login != "" {
		return strings.EqualFold(m.Login, login)
	}
	return strings.EqualFold(m.Email, email)
}

// recorded are those whom status says that this object has added to this organization.
func (x *membership) recorded() []v1alpha1.AddedMember { return addedTo(x.as.Membership, x.org.ID()) }

func addedTo(obj *v1alpha1.Membership, org int64) []v1alpha1.AddedMember {
	if obj.Status.OrgID != org {
		return nil
	}
	return obj.Status.Added
}

// hasAdded is the record of somebody; nil: there is none.
func hasAdded(added []v1alpha1.AddedMember, m grafana.Member) *v1alpha1.AddedMember {
	for _, a := range added {
		if a.UserID == m.UserID && is(asMember(a), m.Login, m.Email) {
			return &a
		}
	}
	return nil
}

// lists reports whether a Membership names somebody.
func (n named) lists(m grafana.Member) bool {
	_, byLogin := n.listed.logins[folded(m.Login)]
	_, byEmail := n.listed.emails[folded(m.Email)]
	return byLogin || byEmail
}

// plan says what has to be done, given the people who are there.
func (x *membership) plan(ctx context.Context, list []grafana.Member) (*membershipState, error) {
	others, err := x.others(ctx)
	if err != nil {
		return nil, err
	}
	if x.as, err = x.byLogin(ctx, x.obj); err != nil {
		return nil, err
	}
	s := &membershipState{list: list, byName: newRoll(), others: others, seen: map[int64]string{}}
	for i, m := range list {
		s.byName.enter(m.Login, m.Email, i)
	}
	if x.obj.DeletionTimestamp.IsZero() {
		s.missing, s.problems = x.as.missing, x.as.problems
		for _, a := range x.recorded() {
			if x.as.unknown[a.User] { // who may be the one who is listed
				s.seen[a.UserID], s.added = "User "+a.User, append(s.added, a)
			}
		}
		for _, want := range x.as.Spec.Members {
			if err := x.planOne(ctx, s, want); err != nil {
				return nil, err
			}
		}
	}
	x.planRemovals(s)
	if x.obj.DeletionTimestamp.IsZero() && x.obj.Spec.Mode == v1alpha1.MembershipExclusive {
		x.planExclusion(s)
	}
	return s, nil
}

// others are the other Memberships of the Organization. What is in a namespace that may not have any counts for
// nothing.
func (x *membership) others(ctx context.Context) (all []sibling, err error) {
	var list v1alpha1.MembershipList
	if err := x.env.ListChildren(ctx, &list, x.owner); err != nil {
		return nil, err
	}
	for i := range list.Items {
		o := &list.Items[i]
		allowed, err := x.env.Permits(ctx, x.object.Spec.AllowedNamespaces, x.owner.Namespace, o.Namespace)
		switch {
		case err != nil:
			return nil, err
		case allowed && o.UID != x.obj.UID:
			n, err := x.byLogin(ctx, o)
			if err != nil {
				return nil, err
			}
			all = append(all, sibling{n, o.DeletionTimestamp.IsZero() && x.tooHigh(o) == nil})
		}
	}
	return all, nil
}

// planOne decides about one person who is listed.
func (x *membership) planOne(ctx context.Context, s *membershipState, want v1alpha1.Member) error {
	var there *grafana.Member
	if i, found := s.byName.find(want); found {
		there = &s.list[i]
	}
	if rival := x.rival(s, want, there); rival != "" {
		s.refuse(
			lifecycle.Stalled(
				v1alpha1.ReasonNameConflict,
				"%q is in %s as well: list everybody once",
				want.Who(),
				rival,
			),
		)
		if there != nil {
			s.seen[there.UserID] = want.Who()
		}
		return nil
	}
	switch {
	case there == nil:
		return x.planStranger(ctx, s, want)
	case x.conn.IsOperator(there.UserID, there.Login, there.Email), // nobody learns its name by asking
		x.as.isAnother(want, there.UserID):
		s.missing = append(s.missing, want.Who())
	case !s.twice(there.UserID, want):
		x.planMember(s, want, *there)
	}
	return nil
}

// twice notes who is listed, and reports whether they are so by another name already.
func (s *membershipState) twice(id int64, want v1alpha1.Member) bool {
	first, twice := s.seen[id]
	if twice {
		s.refuse(
			lifecycle.Stalled(
				v1alpha1.ReasonInvalidSpec,
				"%q and %q are the same person: list them once",
				first,
				want.Who(),
			),
		)
	}
	s.seen[id] = want.Who()
	return twice
}

// planStranger decides about somebody who is not in the organization.
func (x *membership) planStranger(ctx context.Context, s *membershipState, want v1alpha1.Member) error {
	user, err := x.candidate(ctx, want)
	switch {
	case err != nil:
		return err
	case user == nil:
		s.missing = append(s.missing, want.Who())
	case s.twice(user.ID, want):
	case user.IsExternallySynced:
		s.refuse(external(want))
	default:
		s.join = append(s.join, want)
		s.added = append(s.added, x.as.asUser(want, v1alpha1.AddedMember{
			UserID: user.ID, Login: want.Login, Email: want.Email, Role: want.Role,
		}))
	}
	return nil
}

// candidate is somebody of that name who can be added; nil: Grafana knows nobody, or nobody whom the operator may add.
func (x *membership) candidate(ctx context.Context, want v1alpha1.Member) (*grafana.User, error) {
	user, err := x.org.LookupUser(ctx, want.Who())
	switch {
	case err != nil:
		return nil, grafana.IgnoreNotFound(err)
	case user.ID == 0, !is(want, user.Login, user.Email), x.conn.IsOperator(user.ID, user.Login, user.Email),
		x.as.isAnother(want, user.ID):
		return nil, nil
	case user.AuthLabels != nil && len(user.AuthLabels) == 0:
		return &user, nil
	}
	// They may have come by an identity provider. Whether that decides about them a look-up does not tell.
	user, err = x.org.UserByID(ctx, user.ID)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	return &user, nil
}

func external(want v1alpha1.Member) *lifecycle.Problem {
	return lifecycle.Stalled(
		v1alpha1.ReasonManagedExternally,
		"%q comes by an identity provider, which decides in which organizations they are, as what: have it changed "+
			"there, and ask for the same here or for nothing",
		want.Who(),
	)
}

// planMember decides about somebody who is in the organization.
func (x *membership) planMember(s *membershipState, want v1alpha1.Member, m grafana.Member) {
	ours := hasAdded(x.recorded(), m)
	for _, o := range s.others { // it was added by one that gives it up: this one has it from now on
		if given := hasAdded(addedTo(o.Membership, x.org.ID()), m); ours == nil && given != nil {
			ours = given
			ours.Login, ours.Email = want.Login, want.Email
		}
	}
	highest := x.highestRole(x.object.Spec.MaxMemberRole, x.obj.Namespace)
	takesOver := x.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionAdopt || x.obj.Spec.Mode == v1alpha1.MembershipExclusive
	switch {
	case m.Role == string(want.Role):
		s.present++
	case m.IsExternallySynced:
		s.refuse(external(want))
	case ours == nil && !takesOver:
		s.refuse(lifecycle.Stalled(
			v1alpha1.ReasonAlreadyExists,
			"%q is in the organization already, as %s: ask for that role, or have it changed with adoptionPolicy: "+
				"Adopt",
			want.Who(),
			m.Role,
		))
	case ours == nil && x.object.Spec.Adoption != v1alpha1.AdoptionAllow:
		s.refuse(x.noAdoption("%q is in the organization already, as %s", want.Who(), m.Role))
	case ours == nil && roleRank[v1alpha1.Role(m.Role)] > roleRank[highest]:
		s.refuse(lifecycle.Stalled(
			v1alpha1.ReasonRoleNotPermitted,
			"%q is in the organization already, as %s, and Organization %s lets nobody be changed here whose role is "+
				"above %s",
			want.Who(), m.Role, x.owner, highest,
		))
	default:
		s.change = append(s.change, roleChange{m.UserID, want})
	}
	if ours != nil {
		if m.Role == string(want.Role) || gave(*ours, m.Role) {
			ours.Role, ours.ChangingTo = v1alpha1.Role(m.Role), ""
		}
		s.added = append(s.added, x.as.asUser(want, *ours))
	}
}

func (x *membership) noAdoption(format string, args ...any) *lifecycle.Problem {
	return lifecycle.Stalled(
		v1alpha1.ReasonAdoptionNotPermitted,
		"%s, and Organization %s does not allow that this is changed: have its spec.adoption set to Allow",
		fmt.Sprintf(format, args...), x.owner,
	)
}

// rival names another Membership that has somebody: it has added them and this one has not, or it is the older one.
func (x *membership) rival(s *membershipState, want v1alpha1.Member, there *grafana.Member) string {
	for _, o := range s.others {
		var held, mine bool
		person := grafana.Member{Login: want.Login, Email: want.Email}
		if there != nil {
			person = *there
			held = hasAdded(addedTo(o.Membership, x.org.ID()), person) != nil
			mine = hasAdded(x.recorded(), person) != nil
		}
		claims := o.DeletionTimestamp.IsZero() && o.lists(person) && (held || o.alive && !o.Spec.Suspend)
		if !claims || mine && !held || mine == held && !older(o, x.obj) {
			continue
		}
		if o.Namespace == x.obj.Namespace {
			return "Membership " + o.Name
		}
		return "another Membership of this organization"
	}
	return ""
}
