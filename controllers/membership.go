package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=memberships,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=memberships/status,verbs=patch

type membershipKind struct{ *Env }

// membership is a Membership in its organization. There is no mark on a person: whom it is about to add is in its
// status before, and whoever was there already is not its own.
type membership struct {
	*orgScope
	env     *Env
	obj     *v1alpha1.Membership
	as      named // as the plan takes it
	due     bool
	joining *membershipState       // that Create brings about
	tried   []v1alpha1.AddedMember // those of status whom an earlier request may have added
}

func (k membershipKind) describe() lifecycle.Kind[*v1alpha1.Membership, membershipState] {
	return lifecycle.Kind[*v1alpha1.Membership, membershipState]{
		List:    &v1alpha1.MembershipList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Organization{},
		Parent: func(obj *v1alpha1.Membership) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
		},
		Tenant:  true,
		Indexes: []lifecycle.Index[*v1alpha1.Membership]{{Field: byUser, Of: usersAmong}},
		Watches: []lifecycle.Watch{
			{Of: &v1alpha1.Membership{}, Requests: k.siblings, Changes: givesUpPeople},
			{Of: &v1alpha1.User{}, Requests: k.naming, Changes: otherUser},
		},
	}
}

// Held reports whether a Membership may have added somebody.
func (k membershipKind) Held(obj *v1alpha1.Membership) bool {
	return len(obj.Status.Added) > 0 || obj.Status.CreateStarted != nil
}

// givesUpPeople are changes of a Membership after which another one may have the people that it listed.
var givesUpPeople = builder.WithPredicates(predicate.Funcs{
	CreateFunc: func(ctrlevent.CreateEvent) bool { return false },
	UpdateFunc: func(e ctrlevent.UpdateEvent) bool {
		return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() // a deletion counts it up, too
	},
})

// siblings are visits to the other Memberships of an Organization.
func (k membershipKind) siblings(ctx context.Context, obj client.Object) []ctrl.Request {
	o := obj.(*v1alpha1.Membership)
	parent := lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	return slices.DeleteFunc(k.RequestsIn(ctx, &v1alpha1.MembershipList{}, parent), func(r ctrl.Request) bool {
		return r.NamespacedName == client.ObjectKeyFromObject(o)
	})
}

func (k membershipKind) Connect(
	ctx context.Context,
	obj *v1alpha1.Membership,
) (lifecycle.External[membershipState], error) {
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	x := &membership{orgScope: scope, env: k.Env, obj: obj}
	if scope.conn.Login == "" {
		return x, lifecycle.Stalled(
			v1alpha1.ReasonInvalidSpec,
			"the operator has a service account token of Organization %s, with which nobody can be added or removed",
			x.owner,
		)
	}
	if m := x.tooHigh(obj); m != nil && obj.DeletionTimestamp.IsZero() {
		return x, lifecycle.Stalled(
			v1alpha1.ReasonRoleNotPermitted,
			"Organization %s allows no role above %s here: give %q a lower one than %s, or have its maxMemberRole "+
				"raised",
			x.owner,
			x.highestRole(x.object.Spec.MaxMemberRole, obj.Namespace),
			m.Who(),
			m.Role,
		)
	}
	return x, nil
}

// tooHigh is the first member of a Membership who is to have a higher role than the Organization allows there.
func (x *membership) tooHigh(obj *v1alpha1.Membership) *v1alpha1.Member {
	highest := roleRank[x.highestRole(x.object.Spec.MaxMemberRole, obj.Namespace)]
	for i := range obj.Spec.Members {
		if m := &obj.Spec.Members[i]; roleRank[m.Role] > highest {
			return m
		}
	}
	return nil
}

// Find compares the people in the organization with those who shall be there. It returns nil if somebody has to be
// added, so that the intent is written first, and in a deletion if nobody is left to be removed. While a request may
// still add somebody, and before anything is written, the list is a fresh one.
func (x *membership) Find(ctx context.Context) (*membershipState, error) {
	have, fresh, err := x.look(ctx, x.due && x.obj.Status.CreateStarted == nil)
	if err == nil && !fresh && (have.differs() || len(have.added) < len(x.recorded())) {
		have, _, err = x.look(ctx, false)
	}
	switch {
	case err != nil:
		return nil, err
	case !x.obj.DeletionTimestamp.IsZero():
		if len(have.remove) == 0 && !have.handing {
			return nil, nil
		}
	case len(have.join) > 0:
		x.joining = have
		return nil, nil
	}
	return have, nil
}

func (x *membership) look(ctx context.Context, due bool) (have *membershipState, fresh bool, err error) {
	list, fresh, err := x.conn.ListOfMembers(ctx, x.org.ID(), due)
	if err != nil {
		return nil, false, err
	}
	if !slices.ContainsFunc(list, func(m grafana.Member) bool {
		return x.conn.IsOperator(m.UserID, m.Login, m.Email)
	}) {
		return nil, false, &lifecycle.Problem{ // what Grafana shows a stranger proves nothing
			Reason:  v1alpha1.ReasonParentNotAvailable,
			Message: fmt.Sprintf("waiting for Organization %s: the operator is not among its people", x.owner),
			Retry:   true,
			Suspect: x.Forbidden(),
		}
	}
	have, err = x.plan(ctx, list)
	return have, fresh, err
}

// Prepare puts into status whom Create is about to add.
func (x *membership) Prepare() lifecycle.Event {
	if x.obj.Status.CreateStarted != nil {
		x.tried = slices.Clone(x.recorded())
	}
	x.Record(x.joining)
	var names []string
	for _, j := range x.joining.join {
		names = append(names, j.Who())
	}
	return lifecycle.Event{Reason: v1alpha1.EventCreated, Message: "Adding to the organization: " + listed(names)}
}

// Create adds those who are missing. A refusal of one holds up no other.
func (x *membership) Create(ctx context.Context) (*membershipState, error) {
	defer x.conn.ForgetMembers(x.org.ID())
	s, lookAgain := x.joining, false
	for _, m := range s.join {
		id, err := x.conn.AddMember(ctx, x.org.ID(), m.Who(), string(m.Role))
		entry := slices.IndexFunc(s.added, func(a v1alpha1.AddedMember) bool { return asMember(a) == m })
		switch {
		case err == nil:
			s.added[entry].UserID = id
			s.present++
			continue
		case grafana.IsTaken(err):
			lookAgain = true
			if slices.ContainsFunc(x.tried, sameID(s.added[entry])) {
				continue // it was a request of ours that has added them
			}
		case grafana.IsNotFound(err):
			s.missing = append(s.missing, m.Who())
		case grafana.IsForbidden(err), grafana.VerdictOf(err) == grafana.Refused:
			p := lifecycle.Classify(fmt.Errorf("adding %q: %w", m.Who(), err), x.conn.Server)
			p.Message = grafana.Public(p.Err)
			s.refuse(p)
		default:
			x.Record(s) // who was there before stays known as such
			return nil, err
		}
		s.added = slices.Delete(s.added, entry, entry+1)
	}
	if x.Record(s); lookAgain {
		return nil, &lifecycle.Problem{
			Reason:  v1alpha1.ReasonCreating,
			Message: "somebody else has added people at the same moment: looking again",
			Retry:   true,
		}
	}
	return s, nil
}

func (x *membership) Record(have *membershipState) bool {
	status := &x.obj.Status
	if have == nil {
		status.OrgID, status.Present, status.Missing, status.Added = 0, "", nil, nil
		return false
	}
	before := addedTo(x.obj, x.org.ID())
	status.OrgID, status.Added = x.org.ID(), slices.Clone(have.added) // which goes on changing
	if x.obj.DeletionTimestamp.IsZero() {
		status.Missing = have.missing
		status.Present = fmt.Sprintf("%d/%d", have.present, len(x.obj.Spec.Members))
	}
	return slices.ContainsFunc(have.added, func(a v1alpha1.AddedMember) bool {
		return !slices.ContainsFunc(before, sameID(a))
	})
}

func (x *membership) Diff(have *membershipState) (diff []string) {
	for _, c := range have.change {
		diff = append(diff, fmt.Sprintf("role of %q", c.want.Who()))
	}
	for _, r := range have.remove {
		diff = append(diff, fmt.Sprintf("%q removed", r.who))
	}
	return diff
}

// PrepareChange puts into status which roles Update is about to give to those whom this object has added, so that it
// knows them for its own though the answer is lost.
func (x *membership) PrepareChange(have *membershipState) bool {
	for i := range have.added {
		for _, c := range have.change {
			if a := &have.added[i]; a.UserID == c.id {
				a.ChangingTo = c.want.Role
			}
		}
	}
	before := x.obj.Status.Added
	x.Record(have)
	return !slices.Equal(before, x.obj.Status.Added)
}

// Update gives roles and removes people, one by one: a refusal of one holds up no other.
func (x *membership) Update(ctx context.Context, have *membershipState) error {
	defer x.conn.ForgetMembers(x.org.ID())
	var errs []error
	for _, c := range have.change {
		if err := x.conn.SetMemberRole(ctx, x.org.ID(), c.id, string(c.want.Role)); err != nil {
			errs = append(errs, fmt.Errorf("changing the role of %q: %w", c.want.Who(), err))
			continue
		}
		have.present++
		have.given(c.id, c.want.Role)
	}
	have.change = nil
	return errors.Join(append(errs, x.removeAll(ctx, have))...)
}

// removeAll removes people from an organization that is ours at this moment.
func (x *membership) removeAll(ctx context.Context, have *membershipState) error {
	if len(have.remove) == 0 {
		return nil
	}
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	var errs []error
	for _, r := range have.remove {
		if err := x.conn.RemoveMember(ctx, x.org.ID(), r.id); err != nil {
			errs = append(errs, fmt.Errorf("removing %q: %w", r.who, err))
			continue
		}
		have.forget(r.id)
	}
	have.remove = nil
	return errors.Join(errs...)
}

// Check says whom Grafana, the Organization, or somebody else keeps from being as they are asked for.
func (x *membership) Check(_ context.Context, have *membershipState) error {
	return joined(have.problems)
}

// joined is the first of several problems, with the words of all; nil: there are none.
func joined(problems []*lifecycle.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	p := *problems[0]
	var texts []string
	for _, each := range problems {
		texts = append(texts, each.Message)
	}
	p.Message = strings.Join(texts, "; ")
	return &p
}

// InSync names those who are not known yet.
func (x *membership) InSync() string {
	text := "everybody who is asked for is in the organization"
	if missing := x.obj.Status.Missing; len(missing) > 0 {
		text = fmt.Sprintf("%s are in the organization; these are added once Grafana knows them: %s",
			x.obj.Status.Present, listed(missing))
	}
	return text
}

// Left is empty: what was removed is gone, and nobody else was this object's.
func (x *membership) Left() string { return "" }

// Settled reports whether the organization is the one that status speaks of.
func (x *membership) Settled() bool { return x.obj.Status.OrgID == x.org.ID() }

// ResyncSlot is the same for all Memberships of an Organization.
func (x *membership) ResyncSlot() string { return "members of " + x.owner.String() }

// ResyncDue lets one list serve all of them.
func (x *membership) ResyncDue() { x.due = true }

// Delete removes those whom it has added and who are as it left them. It waits a moment for another Membership that
// lists one of them, which takes them over as they are.
func (x *membership) Delete(ctx context.Context, have *membershipState) error {
	defer x.conn.ForgetMembers(x.org.ID())
	if have.handing {
		return &lifecycle.Problem{
			Reason:     v1alpha1.ReasonDeleting,
			Message:    "waiting for another Membership of the organization to take over people whom both list",
			RetryAfter: handingPause,
		}
	}
	return x.removeAll(ctx, have)
}
