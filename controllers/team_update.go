package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Update puts people out first, and in last. What Grafana refuses of it holds up nothing else.
func (x *team) Update(ctx context.Context, have *teamState) error {
	if have.UID == "" { // only its name says whose it is, which goes with it
		return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true,
			Message: "the team was just made, and Grafana has not shown it yet: looking again"}
	}
	if have.listed { // a write wants a proof: of a team that is gone, Grafana takes preferences as well
		now, err := x.org.Team(ctx, have.ID)
		if err != nil || !x.owned(now) {
			return cmp.Or(grafana.IgnoreNotFound(err), errLookAgain)
		}
		have.Team, have.listed = now, false
	}
	var errs []error
	for _, step := range []struct {
		what string
		do   func(context.Context, *teamState) error
	}{
		{"deleting a second team of this object", x.deleteDuplicates},
		{"taking people out of the team", x.removeAll},
		{"changing name and e-mail", x.setProfile},
		{"setting the preferences", x.setPreferences},
		{"changing roles in the team", x.changeAll},
		{"putting people into the team", x.joinAll},
	} {
		if err := step.do(ctx, have); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.what, err))
			if grafana.IsUnavailable(err) {
				break
			}
		}
	}
	if len(errs) > 0 {
		x.conn.ForgetTeams(x.org.ID()) // what failed may have taken effect
	} else {
		x.conn.NoteTeam(x.org.ID(), have.Team)
	}
	return errors.Join(errs...)
}

// deleteDuplicates deletes the teams of late creates. Nobody was put into them.
func (x *team) deleteDuplicates(ctx context.Context, have *teamState) error {
	if len(have.duplicates) == 0 {
		return nil
	}
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	defer x.conn.ForgetTeams(x.org.ID())
	for _, d := range have.duplicates {
		if err := grafana.IgnoreNotFound(x.org.DeleteTeam(ctx, d.ID)); err != nil {
			return err
		}
	}
	have.duplicates = nil
	return nil
}

// setProfile sends both, since Grafana blanks an address that is left out.
func (x *team) setProfile(ctx context.Context, have *teamState) error {
	p := x.profile(have)
	if p.Name == have.Name && p.Email == have.Email {
		return nil
	}
	if p.Name != have.Name {
		if !x.isMarked(have.Team) { // CheckConflict was asked at the birth
			if err := x.CheckConflict(ctx); err != nil {
				return err
			}
		}
		if err := x.proveLive(ctx, have); err != nil { // a rename wants a live proof
			return err
		}
	}
	err := x.org.UpdateTeam(ctx, have.ID, p)
	if grafana.IsTaken(err) {
		return x.explain(ctx, have, err)
	}
	if err == nil {
		have.Name, have.Email = p.Name, p.Email
	}
	return err
}

// proveLive fails unless the organization is seen to be ours. For a team that this pass has just created the answer to
// that is the proof, since nothing is changed in another session.
func (x *team) proveLive(ctx context.Context, have *teamState) error {
	if have.newborn {
		return nil
	}
	return x.Prove(ctx, true)
}

// explain says which team it is that has the wanted name, or one that the database takes for it.
func (x *team) explain(ctx context.Context, have *teamState, refused error) error {
	x.all = nil
	list, err := x.list(ctx)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.ID != have.ID && mark.MayCollide(t.Name, x.obj.WantedName()) {
			return x.taken(ctx, t)
		}
	}
	return refused
}

// preferencesDiffer reports whether the team lacks some that are asked for.
func (x *team) preferencesDiffer(have *teamState) bool {
	return have.preferences != nil && have.preferences.Preferences != x.wantedPreferences(have).Preferences
}

// wantedPreferences lays what the spec names over what is there.
func (x *team) wantedPreferences(have *teamState) grafana.TeamPreferences {
	p, spec := *have.preferences, x.obj.Spec.Preferences
	for _, f := range []struct {
		field *string
		want  string
	}{
		{&p.Theme, spec.Theme}, {&p.Timezone, spec.Timezone}, {&p.WeekStart, spec.WeekStart},
		{&p.Language, spec.Language}, {&p.HomeDashboardUID, spec.HomeDashboardUID},
	} {
		if f.want != "" {
			*f.field = f.want
		}
	}
	return p
}

// setPreferences sends all of them, since Grafana drops what is left out. Where the home dashboard is missing it sets
// none: then the others go without it.
func (x *team) setPreferences(ctx context.Context, have *teamState) error {
	if !x.preferencesDiffer(have) {
		return nil
	}
	want := x.wantedPreferences(have)
	err := x.org.SetTeamPreferences(ctx, have.ID, want)
	if !grafana.IsNotFound(err) {
		if err == nil {
			have.preferences = &want
		}
		return err
	}
	missing := lifecycle.Waiting(v1alpha1.ReasonDashboardNotFound,
		"the home dashboard, %q, is not in this organization yet", want.HomeDashboardUID)
	missing.RetryAfter = peoplePause
	want.HomeDashboardUID = have.preferences.HomeDashboardUID
	if want.Preferences != have.preferences.Preferences {
		if err := x.org.SetTeamPreferences(ctx, have.ID, want); err != nil {
			return err
		}
		have.preferences = &want
	}
	return missing
}

func (x *team) removeAll(ctx context.Context, have *teamState) error {
	if len(have.remove) == 0 {
		return nil
	}
	if err := x.proveLive(ctx, have); err != nil {
		return err
	}
	var errs []error
	for _, r := range have.remove {
		if err := x.org.RemoveTeamMember(ctx, have.ID, r.id); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", r.who, err))
			if grafana.IsUnavailable(err) {
				break
			}
			continue
		}
		have.forget(r.id)
		if have.newborn { // else whoever is removed may have been out of it before
			have.MemberCount--
		}
	}
	have.remove = nil
	return errors.Join(errs...)
}

func (p *teamPlan) forget(id int64) {
	p.added = slices.DeleteFunc(p.added, func(a v1alpha1.AddedTeamMember) bool { return a.UserID == id })
}

// landed notes that somebody was put into the team.
func (p *teamPlan) landed(id int64) {
	for i := range p.added {
		if p.added[i].UserID == id {
			p.added[i].AskedAt = nil
		}
	}
}

func (x *team) changeAll(ctx context.Context, have *teamState) error {
	var errs []error
	for _, c := range have.change {
		if err := x.org.SetTeamPermission(ctx, have.ID, c.id, c.role); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", c.who, err))
			if grafana.IsUnavailable(err) {
				break
			}
			continue
		}
		have.present++
	}
	have.change = nil
	return errors.Join(errs...)
}

// joinAll puts people into the team, one by one, as what they are to be there. Whom somebody else has put there in
// between is not ours to take out.
func (x *team) joinAll(ctx context.Context, have *teamState) error {
	var errs []error
	for _, j := range have.join {
		err := x.org.AddTeamMember(ctx, have.ID, j.id)
		taken := grafana.IsTaken(err)
		tried := have.record(j.id) != nil // by an earlier pass
		if !tried && err != nil && !grafana.IsUnsure(err) {
			have.forget(j.id)
		}
		if (err == nil || taken) && (j.role != grafana.TeamMember || taken) {
			err = x.org.SetTeamPermission(ctx, have.ID, j.id, j.role)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", j.who, err))
			if grafana.IsUnavailable(err) {
				break
			}
			continue
		}
		have.present++
		have.MemberCount++
		have.landed(j.id)
	}
	have.join = nil
	return errors.Join(errs...)
}
