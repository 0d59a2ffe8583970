package controllers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// orgForTeams is an organization that ada, bob and boss are in, and cyd is not.
func orgForTeams(w *crash.World) {
	orgWithPeople(w)
	letIn(w, "ada", "Viewer")
	letIn(w, "bob", "Viewer")
}

// withTeam has a team in it as well, of ada and bob.
func withTeam(changes ...func(*v1alpha1.Team)) func(*crash.World) {
	return func(w *crash.World) {
		orgForTeams(w)
		o := crash.NewTeam("Dev", "Aada", "bob")
		for _, change := range changes {
			change(o)
		}
		w.Create(o)
	}
}

// theirTeam is a team that a person has made, who is in it, with boss.
func theirTeam(w *crash.World, name string) {
	w.Grafana.Do(http.MethodPost, "/api/teams", 3, map[string]any{"name": name, "email": "t@example.org"})
	for _, t := range w.Grafana.Teams(3) {
		if t.Name == name {
			putIntoTeam(w, t, "boss")
		}
	}
}

// putIntoTeam has a person put somebody into a team.
func putIntoTeam(w *crash.World, t grafanatest.Team, login string) {
	path := fmt.Sprintf("/api/teams/%d/members", t.ID)
	w.Grafana.Do(http.MethodPost, path, 3, map[string]any{"userId": json.Number(userID(w, login))})
}

// teamOf is the team of a name; nil: there is none.
func teamOf(w *crash.World, name string) *grafanatest.Team {
	for _, t := range w.Grafana.Teams(3) {
		if t.Name == name {
			return &t
		}
	}
	return nil
}

// teamIs is a check that there is just this team, with these people in it; an A marks its admins.
func teamIs(name string, logins ...string) func(*crash.World) error {
	want := map[string]bool{}
	for _, login := range logins {
		plain, admin := strings.CutPrefix(login, "A")
		want[plain] = admin
	}
	return func(w *crash.World) error {
		all := w.Grafana.Teams(3)
		if len(all) != 1 || all[0].Name != name || !maps.Equal(all[0].Members, want) {
			return fmt.Errorf("the teams are %+v, not %s with %v", all, name, want)
		}
		return nil
	}
}

func noTeam(w *crash.World) error {
	if all := w.Grafana.Teams(3); len(all) > 0 {
		return fmt.Errorf("the teams are %+v", all)
	}
	return nil
}

func editTeam(w *crash.World, change func(*v1alpha1.Team)) { crash.Edit(w, crash.NewTeam(""), change) }

func listing(logins ...string) func(*v1alpha1.Team) {
	return func(o *v1alpha1.Team) { o.Spec.Members = crash.TeamMembers(logins...) }
}

func exclusively(o *v1alpha1.Team) { o.Spec.Mode = v1alpha1.TeamExclusive }

// openToTeam lets the team edit in a folder, and nobody else.
func openToTeam(f *v1alpha1.Folder) {
	f.Spec.Permissions = []v1alpha1.FolderPermission{{
		TeamRef: &v1alpha1.LocalObjectReference{Name: "team"}, Permission: v1alpha1.PermissionEdit,
	}}
}

// teamScenarios are of teams by themselves.
func teamScenarios() []crash.Scenario {
	return append(teamOwnershipScenarios(), []crash.Scenario{
		{Name: "team created", Before: orgForTeams, Act: func(w *crash.World) {
			w.Create(crash.NewTeam("Dev", "Aada", "bob", "cyd"))
		}, After: teamIs("Dev", "Aada", "bob")},
		{Name: "team without people created", Before: orgForTeams, Act: func(w *crash.World) {
			w.Create(crash.NewTeam("Dev"))
		}, After: teamIs("Dev")},
		{Name: "team from nothing", Before: func(w *crash.World) { w.SignUp("ada") }, Act: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"), crash.NewMembership("people", crash.WithRole("ada", "Editor")),
				crash.NewTeam("Dev", "ada"))
		}, After: teamIs("Dev", "ada")},
		{Name: "team changed", Before: withTeam(), Act: func(w *crash.World) {
			editTeam(w, func(o *v1alpha1.Team) {
				listing("ada", "Aboss")(o)
				o.Spec.Name, o.Spec.Email = "Developers", new("dev@example.org")
				o.Spec.Preferences = &v1alpha1.TeamPreferences{Theme: "dark", Timezone: "utc"}
			})
		}, After: all(teamIs("Developers", "ada", "Aboss"), func(w *crash.World) error {
			t := teamOf(w, "Developers")
			if t.Email != "dev@example.org" || t.Preferences.Theme != "dark" || t.Preferences.Timezone != "utc" {
				return fmt.Errorf("it is %+v", t)
			}
			return nil
		})},
		{Name: "team's list grown, and then cut again", Before: withTeam(), Act: func(w *crash.World) {
			editTeam(w, listing("Aada", "bob", "Aboss"))
			w.Visit("Team tenant/team")
			editTeam(w, listing("Aada", "bob"))
		}, After: teamIs("Dev", "Aada", "bob")},
		{Name: "team made exclusive", Before: func(w *crash.World) {
			withTeam()(w)
			rested(w)
			putIntoTeam(w, *teamOf(w, "Dev"), "boss")
		}, Act: func(w *crash.World) {
			editTeam(w, func(o *v1alpha1.Team) { listing("ada")(o); exclusively(o) })
		}, After: teamIs("Dev", "ada")},
		{Name: "team with a folder that is open to it, from nothing", Before: orgForTeams, Act: func(w *crash.World) {
			f := newFolder("")
			openToTeam(f)
			w.Create(f, crash.NewTeam("Dev", "ada"))
		}, After: all(teamIs("Dev", "ada"), hasFolder("Team", `"team":"Dev"`, `"permission":2`))},
		{Name: "team deleted in Grafana, with a folder that is open to it", Before: func(w *crash.World) {
			withTeam()(w)
			f := newFolder("")
			openToTeam(f)
			w.Create(f)
		}, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/teams/%d", teamOf(w, "Dev").ID), 3, nil)
			w.Everybody()
		}, After: all(teamIs("Dev", "Aada", "bob"), hasFolder("Team", `"team":"Dev"`, `"permission":2`))},
		{Name: "team deleted", Before: withTeam(), Act: func(w *crash.World) {
			w.Delete(crash.NewTeam(""))
		}, After: noTeam},
		{Name: "team deleted at once", Before: orgForTeams, Act: func(w *crash.World) {
			w.Create(crash.NewTeam("Dev", "ada"))
			w.Visit("Team tenant/team")
			w.Delete(crash.NewTeam(""))
		}, After: noTeam},
		{Name: "team orphaned", Before: withTeam(func(o *v1alpha1.Team) {
			o.Spec.Name, o.Spec.DeletionPolicy = "kept", v1alpha1.DeletionOrphan
		}), Act: func(w *crash.World) {
			w.Delete(crash.NewTeam(""))
		}, After: teamIs("kept", "Aada", "bob")},
		{Name: "team deleted in Grafana", Before: withTeam(), Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/teams/%d", teamOf(w, "Dev").ID), 3, nil)
			w.Everybody()
		}, After: teamIs("Dev", "Aada", "bob")},
		{Name: "tenant with people's team deleted", Before: func(w *crash.World) {
			orgForTeams(w)
			theirTeam(w, "Foreign")
		}, Act: func(w *crash.World) {
			w.Delete(crash.Organization(""))
			w.Visit("Organization tenant/org")
			w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/teams/%d", teamOf(w, "Foreign").ID), 3, nil)
		}, After: noTeam},
		{Name: "tenant with a team deleted", Before: withTeam(), Act: func(w *crash.World) {
			w.Delete(crash.NewTeam(""), crash.Organization(""))
		}, After: noTeam},
	}...)
}

// teamOwnershipScenarios are of teams that others have made.
func teamOwnershipScenarios() []crash.Scenario {
	adopts := func(o *v1alpha1.Team) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt }
	allowed := func(w *crash.World) {
		orgForTeams(w)
		theirTeam(w, "Dev")
		crash.Edit(
			w,
			crash.Organization(""),
			func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow },
		)
		rested(w)
	}
	adopted := func(w *crash.World) {
		o := crash.NewTeam("Dev", "ada")
		adopts(o)
		w.Create(o)
	}
	return []crash.Scenario{
		{Name: "team adopted", Before: allowed, Act: adopted, After: teamIs("Dev", "Aadmin", "boss", "ada")},
		{
			Name:   "adopted team let go",
			Before: func(w *crash.World) { allowed(w); adopted(w) },
			Act: func(w *crash.World) {
				w.Delete(crash.NewTeam(""))
			},
			Kept:  true,
			After: teamIs("Dev", "Aadmin", "boss", "ada"),
		},
		{Name: "team of a name that is taken", Before: func(w *crash.World) {
			orgForTeams(w)
			theirTeam(w, "Foreign")
		}, Act: func(w *crash.World) {
			o := crash.NewTeam("Foreign", "ada")
			adopts(o)
			w.Create(o)
		}, Stalled: map[string]string{"Team": v1alpha1.ReasonAdoptionNotPermitted}, After: teamIs("Foreign", "Aadmin", "boss")},
		{Name: "team replaced by another of its name", Before: withTeam(func(o *v1alpha1.Team) {
			o.Spec.Name = "Foreign"
		}), Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/teams/%d", teamOf(w, "Foreign").ID), 3, nil)
			theirTeam(w, "Foreign")
			w.Everybody()
		}, Stalled: map[string]string{"Team": v1alpha1.ReasonAlreadyExists}, After: teamIs("Foreign", "Aadmin", "boss")},
	}
}
