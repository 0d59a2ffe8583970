package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/plan/admission"
)

// Of what the API server would refuse, what an object need not have is left out, and else the object; each is told.
func TestAdmit(t *testing.T) {
	t.Parallel()
	definitions, err := admission.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	r := &run{definitions: definitions}
	r.InstanceRef.Name, r.Namespace = "grafana", "grafana"
	r.Notef = func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	r.Grafana = &grafana.Client{}
	x := newTenant(r, "shop", grafana.OrgName{ID: 7, Name: "Shop"})
	bad, good := "no address", v1alpha1.TeamMember{Login: "ada", Role: v1alpha1.TeamRoleMember}
	team := &v1alpha1.Team{ObjectMeta: x.meta("a"), Spec: v1alpha1.TeamSpec{
		OrganizationRef: x.ref(), Name: "A", Email: &bad,
		Members:     []v1alpha1.TeamMember{{Login: " b"}, good, {Login: "c", Role: "Guest"}},
		Preferences: &v1alpha1.TeamPreferences{Theme: "dark", WeekStart: "friday"},
	}}
	if admitted, err := x.admit(t.Context(), "team", "A", team); err != nil || !admitted {
		t.Errorf("the team: %t, %v", admitted, err)
	}
	s := team.Spec
	if s.Email != nil || !slices.Equal(s.Members, []v1alpha1.TeamMember{good}) || s.Preferences.Theme != "dark" ||
		s.Preferences.WeekStart != "" || s.Name != "A" {
		t.Errorf("what is left of the team: %+v %+v", s, s.Preferences)
	}
	account := &v1alpha1.ServiceAccount{ObjectMeta: x.meta("b"), Spec: v1alpha1.ServiceAccountSpec{
		OrganizationRef: x.ref(), Name: "B", Role: "Guest",
	}}
	if admitted, err := x.admit(t.Context(), "service account", "B", account); err != nil || admitted {
		t.Errorf("the account: %t, %v", admitted, err)
	}
	all := strings.Join(told, "\n")
	for _, text := range []string{
		`email of team "A": "no address" stays as it is`, `members of team "A": {"login":" b"`, `"login":"c"`,
		`preferences.weekStart of team "A": "friday" stays as it is`,
		`service account "B": the API server would refuse it: spec.role: `,
	} {
		if !strings.Contains(all, text) {
			t.Errorf("%q is not told:\n%s", text, all)
		}
	}
}
