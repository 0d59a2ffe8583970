package controllers

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=teams,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=teams/status,verbs=patch

type teamKind struct{ *Env }

// teamState is what was seen of a team, and what follows from it.
type teamState struct {
	grafana.Team
	adopted    bool
	listed     bool           // seen in a list, which may be some seconds old
	duplicates []grafana.Team // that late creates have made
	seen       bool           // people and preferences
	newborn    bool           // created by this pass, within a session: the answer is a proof
	teamPlan
	preferences *grafana.TeamPreferences // nil: not asked for
}

// team is a Team in its organization. Its mark is the name that it is born with; from then on it is the uid that
// Grafana drew for it, which is in status before the name changes.
type team struct {
	*orgScope
	env *Env
	obj *v1alpha1.Team
	due bool           // by its resync
	all []grafana.Team // of the organization, as they are; nil: not listed in this pass
}

func (k teamKind) describe() lifecycle.Kind[*v1alpha1.Team, teamState] {
	return lifecycle.Kind[*v1alpha1.Team, teamState]{
		List:    &v1alpha1.TeamList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Organization{},
		Parent: func(obj *v1alpha1.Team) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
		},
		Tenant: true,
		Usability: func(obj *v1alpha1.Team) any {
			return struct {
				uid   string
				orgID int64
			}{obj.Status.UID, obj.Status.OrgID}
		},
		Indexes: []lifecycle.Index[*v1alpha1.Team]{{Field: byUser, Of: usersIn}},
		Watches: []lifecycle.Watch{
			{Of: &v1alpha1.User{}, Requests: k.naming, Changes: otherUser},
			{Of: &v1alpha1.Membership{}, Requests: k.waiting, Changes: bringsPeople},
		},
	}
}

// Held reports whether a Team may have one in Grafana.
func (k teamKind) Held(obj *v1alpha1.Team) bool {
	return obj.Status.ID != 0 || obj.Status.CreateStarted != nil
}

func (k teamKind) Connect(ctx context.Context, obj *v1alpha1.Team) (lifecycle.External[teamState], error) {
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	return &team{orgScope: scope, env: k.Env, obj: obj}, nil
}

// Settled reports whether the organization is the one that status speaks of.
func (x *team) Settled() bool { return x.obj.Status.ID != 0 && x.obj.Status.OrgID == x.org.ID() }

// ResyncSlot is the same for all Teams of an Organization.
func (x *team) ResyncSlot() string { return "teams of " + x.owner.String() }

// ResyncDue lets one list serve all of them.
func (x *team) ResyncDue() { x.due = true }

// Prepare forgets what was known of another team.
func (x *team) Prepare() lifecycle.Event {
	x.obj.Status = v1alpha1.TeamStatus{CommonStatus: x.obj.Status.CommonStatus, OrgID: x.org.ID()}
	return lifecycle.EventCreated
}

func (x *team) Create(ctx context.Context) (*teamState, error) {
	p := grafana.TeamProfile{Name: mark.BirthName(x.obj.WantedName(), x.obj)}
	if x.obj.Spec.Email != nil {
		p.Email = *x.obj.Spec.Email
	}
	x.all = nil // from before the intent
	made, err := x.org.CreateTeam(ctx, p)
	if err != nil {
		x.conn.ForgetTeams(x.org.ID()) // it may be there all the same, or come later
	}
	if grafana.IsTaken(err) { // an earlier request took effect after all, or somebody has guessed the name
		if have, ferr := x.marked(ctx); have != nil || ferr != nil {
			return have, ferr
		}
	}
	if err != nil {
		return nil, err
	}
	have := &teamState{Team: grafana.Team{ID: made.ID, UID: made.UID, Name: p.Name, Email: p.Email, MemberCount: 1}}
	if have.UID == "" { // old versions tell it only who asks
		if t, err := x.org.Team(ctx, made.ID); err == nil && x.isMarked(t) { // else the id is another's by now
			have.Team = t
		}
	}
	x.conn.NoteTeam(x.org.ID(), have.Team)
	have.newborn = x.conn.SessionID() != ""
	_ = x.see(ctx, have) // else it is looked at later
	return have, nil
}

func (x *team) Record(have *teamState) bool {
	status := &x.obj.Status
	if have == nil {
		*status = v1alpha1.TeamStatus{CommonStatus: status.CommonStatus}
		return false
	}
	fresh := status.ID != have.ID || status.OrgID != x.org.ID() || status.UID != have.UID
	status.ID, status.UID, status.OrgID, status.Adopted = have.ID, have.UID, x.org.ID(), have.adopted
	if have.seen {
		status.Added, status.Missing = slices.Clone(have.added), have.missing // which go on changing
		status.Present = fmt.Sprintf("%d/%d", have.present, len(x.obj.Spec.Members))
	}
	return fresh
}

func (x *team) Diff(have *teamState) (diff []string) {
	if len(have.duplicates) > 0 {
		diff = append(diff, "strays")
	}
	p := x.profile(have)
	if p.Name != have.Name {
		diff = append(diff, "name")
	}
	if p.Email != have.Email {
		diff = append(diff, "e-mail")
	}
	if x.preferencesDiffer(have) {
		diff = append(diff, "preferences")
	}
	return append(diff, have.teamPlan.diff()...)
}

// profile is what the team shall be called.
func (x *team) profile(have *teamState) grafana.TeamProfile {
	p := grafana.TeamProfile{Name: x.obj.WantedName(), Email: have.Email}
	if x.obj.Spec.Email != nil {
		p.Email = *x.obj.Spec.Email
	}
	return p
}

// PrepareChange puts into status whom Update is about to put into the team, so that it knows them for its own though
// the answer is lost.
func (x *team) PrepareChange(have *teamState) bool {
	if !have.seen || len(have.join) == 0 {
		return false
	}
	x.Record(have)
	return true
}

// Check says what keeps the team from being as it is asked for.
func (x *team) Check(_ context.Context, have *teamState) error {
	if !have.seen {
		return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true,
			Message: "Grafana has not shown yet who is in the team: looking again"}
	}
	return joined(have.problems)
}

// InSync names those who are not there yet.
func (x *team) InSync() string {
	if missing := x.obj.Status.Missing; len(missing) > 0 {
		return fmt.Sprintf("%s are in the team; these are put into it once they are in the organization: %s",
			x.obj.Status.Present, listed(missing))
	}
	return "Grafana holds what is asked for"
}

// Left is empty: nothing else was this object's.
func (x *team) Left() string { return "" }

// Delete deletes the team. Find has just read its uid or its mark, and the lifecycle proven the organization.
func (x *team) Delete(ctx context.Context, have *teamState) error {
	defer x.conn.ForgetTeams(x.org.ID())
	return grafana.IgnoreNotFound(x.org.DeleteTeam(ctx, have.ID))
}
