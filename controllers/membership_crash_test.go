package controllers_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// letIn has a person put somebody into the organization.
func letIn(w *crash.World, login, role string) {
	w.Grafana.Do(http.MethodPost, "/api/orgs/3/users", 1, map[string]any{"loginOrEmail": login, "role": role})
}

// memberPath is where somebody in the organization is changed.
func memberPath(w *crash.World, login string) string {
	for _, org := range w.Grafana.Orgs() {
		for _, m := range org.Members {
			if m.Login == login {
				return fmt.Sprint("/api/orgs/3/users/", m.UserID)
			}
		}
	}
	w.TB.Fatalf("there is no %s", login)
	return ""
}

// inhabitants are those in the organization, but for the operator, and whether it still has its operator.
func inhabitants(w *crash.World) (roles map[string]string, operator bool) {
	roles = map[string]string{}
	for _, org := range w.Grafana.Orgs() {
		if org.ID != 3 {
			continue
		}
		for _, m := range org.Members {
			if m.Login == "admin" {
				operator = m.Role == "Admin"
			} else {
				roles[m.Login] = m.Role
			}
		}
	}
	return roles, operator
}

// peopleAre is a check that the organization has just these people in the end, and that nobody lost their login.
func peopleAre(loginsAndRoles ...string) func(*crash.World) error {
	want := map[string]string{}
	for pair := range slices.Chunk(loginsAndRoles, 2) {
		want[pair[0]] = pair[1]
	}
	return func(w *crash.World) error {
		have, operator := inhabitants(w)
		if !maps.Equal(have, want) || !operator {
			return fmt.Errorf("the people are %v, not %v; the operator is among them: %v", have, want, operator)
		}
		for login := range want {
			if status, _ := w.Grafana.Do(
				http.MethodGet,
				"/api/users/lookup?loginOrEmail="+login,
				1,
				nil,
			); status != http.StatusOK {
				return fmt.Errorf("%s has no login any more: %d", login, status)
			}
		}
		return nil
	}
}

// neverRemoved is a check that the operator has removed nobody: one who was removed has lost their teams and
// permissions, though they come again.
func neverRemoved(w *crash.World) error {
	for _, r := range w.Grafana.Requests() {
		if r.Method == http.MethodDelete && strings.Contains(r.Path, "/users/") {
			return fmt.Errorf("somebody was removed: %s %s", r.Method, r.Path)
		}
	}
	return nil
}

func all(checks ...func(*crash.World) error) func(*crash.World) error {
	return func(w *crash.World) error {
		var errs []error
		for _, check := range checks {
			errs = append(errs, check(w))
		}
		return errors.Join(errs...)
	}
}

// orgWithPeople is an organization in which boss was before, beside people who are in no organization.
func orgWithPeople(w *crash.World) {
	w.SignUp("ada", "bob", "cyd")
	crash.WithOrg(w)
	if err := w.Rest(); err != nil {
		w.TB.Fatal(err)
	}
	letIn(w, "boss", "Editor")
}

// withMembership has ada and bob in it as well.
func withMembership(w *crash.World) {
	orgWithPeople(w)
	w.Create(crash.NewMembership("people", crash.WithRole("ada", "Editor"), crash.WithRole("bob", "Viewer")))
}

// tenantWithPeople is an organization with one of everything in it.
func tenantWithPeople(w *crash.World) {
	crash.Tenant(w)
	w.Create(crash.NewMembership("people", crash.WithRole("boss", "Viewer")))
}

func editMembers(w *crash.World, change func(*v1alpha1.Membership)) {
	crash.Edit(w, crash.NewMembership("people"), change)
}

// rested lets the operator come to rest before the next thing happens.
func rested(w *crash.World) {
	if err := w.Rest(); err != nil {
		w.TB.Fatal(err)
	}
}

func membershipScenarios() []crash.Scenario {
	return []crash.Scenario{
		{Name: "membership created", Before: orgWithPeople, Act: func(w *crash.World) {
			w.Create(
				crash.NewMembership(
					"people",
					crash.WithRole("ada", "Editor"),
					crash.WithRole("bob", "Viewer"),
					crash.WithRole("boss", "Editor"),
				),
			)
		}, After: all(peopleAre("ada", "Editor", "bob", "Viewer", "boss", "Editor"), neverRemoved)},
		{Name: "membership from nothing", Before: func(w *crash.World) { w.SignUp("ada") }, Act: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"), crash.NewMembership("people", crash.WithRole("ada", "Editor")))
		}, After: all(peopleAre("ada", "Editor"), neverRemoved)},
		{Name: "membership by User", Before: orgWithPeople, Act: func(w *crash.World) {
			member := v1alpha1.Member{UserRef: &v1alpha1.LocalObjectReference{Name: "user"}, Role: "Editor"}
			w.Create(crash.NewMembership("people", member), crash.NewUser("user", "dan"))
		}, After: peopleAre("dan", "Editor", "boss", "Editor")},
		{Name: "membership changed", Before: withMembership, Act: func(w *crash.World) {
			editMembers(w, func(m *v1alpha1.Membership) {
				m.Spec.Members = []v1alpha1.Member{crash.WithRole("ada", "Admin"), crash.WithRole("cyd", "None")}
			})
		}, After: peopleAre("ada", "Admin", "cyd", "None", "boss", "Editor")},
		{Name: "membership's role changed", Before: withMembership, Act: func(w *crash.World) {
			editMembers(w, func(m *v1alpha1.Membership) { m.Spec.Members[0].Role = "Viewer" })
		}, After: all(peopleAre("ada", "Viewer", "bob", "Viewer", "boss", "Editor"), neverRemoved)},
		{
			Name:   "membership's role changed, and then taken off the list",
			Before: withMembership,
			Act: func(w *crash.World) {
				editMembers(w, func(m *v1alpha1.Membership) { m.Spec.Members[0].Role = "Admin" })
				w.Visit("Membership tenant/people")
				editMembers(w, func(m *v1alpha1.Membership) { m.Spec.Members = m.Spec.Members[1:] })
			},
			After: peopleAre("bob", "Viewer", "boss", "Editor"),
		},
		{Name: "membership's role changed, and then deleted", Before: withMembership, Act: func(w *crash.World) {
			editMembers(w, func(m *v1alpha1.Membership) { m.Spec.Members[0].Role = "Admin" })
			w.Visit("Membership tenant/people")
			w.Delete(crash.NewMembership("people"))
		}, After: peopleAre("boss", "Editor")},
		{Name: "membership deleted", Before: withMembership, Act: func(w *crash.World) {
			w.Delete(crash.NewMembership("people"))
		}, After: peopleAre("boss", "Editor")},
		{Name: "membership deleted while it adds people", Before: orgWithPeople, Act: func(w *crash.World) {
			w.Create(crash.NewMembership("people", crash.WithRole("ada", "Editor"), crash.WithRole("bob", "Viewer")))
			w.Visit("Membership tenant/people")
			w.Delete(crash.NewMembership("people"))
		}, After: peopleAre("boss", "Editor")},
		{Name: "membership changed while it adds people", Before: orgWithPeople, Act: func(w *crash.World) {
			w.Create(crash.NewMembership("people", crash.WithRole("ada", "Editor"), crash.WithRole("bob", "Viewer")))
			w.Visit("Membership tenant/people")
			editMembers(
				w,
				func(m *v1alpha1.Membership) { m.Spec.Members = []v1alpha1.Member{crash.WithRole("cyd", "Viewer")} },
			)
		}, After: peopleAre("cyd", "Viewer", "boss", "Editor")},
		{Name: "membership orphaned", Before: func(w *crash.World) {
			orgWithPeople(w)
			m := crash.NewMembership("people", crash.WithRole("ada", "Editor"))
			m.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.Create(m)
		}, Act: func(w *crash.World) {
			w.Delete(crash.NewMembership("people"))
		}, After: all(peopleAre("ada", "Editor", "boss", "Editor"), neverRemoved)},
		{Name: "membership of somebody who signs in later", Before: func(w *crash.World) {
			orgWithPeople(w)
			w.Create(crash.NewMembership("people", crash.WithRole("ada", "Editor"), crash.WithRole("dan", "Viewer")))
		}, Act: func(w *crash.World) {
			w.SignUp("dan")
			w.Everybody()
		}, After: all(peopleAre("ada", "Editor", "dan", "Viewer", "boss", "Editor"), neverRemoved)},
		{Name: "membership undone by people", Before: withMembership, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, memberPath(w, "ada"), 1, nil)
			w.Grafana.Do(http.MethodPatch, memberPath(w, "bob"), 1, map[string]any{"role": "Admin"})
			w.Everybody()
		}, After: peopleAre("ada", "Editor", "bob", "Viewer", "boss", "Editor")},
		{Name: "membership of an organization deleted with it", Before: withMembership, Act: func(w *crash.World) {
			w.Delete(crash.Organization(""), crash.NewMembership("people"))
		}},
		{Name: "membership and Grafana's database reset", Before: withMembership, Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			w.SignUp("cyd", "bob") // ada's id is another's now
			w.Everybody()
		}},
		{
			Name:   "a tenant with people from nothing",
			Before: crash.Nothing,
			Act:    tenantWithPeople,
			After:  peopleAre("boss", "Viewer"),
		},
		{Name: "a tenant with people deleted at once", Before: tenantWithPeople, Act: func(w *crash.World) {
			w.Delete(
				crash.Instance(),
				crash.Organization(""),
				crash.Account(""),
				crash.Token(),
				crash.Dashboard("", ""),
				crash.NewMembership("people"),
			)
		}},
		foreignMember(),
		adoptedMember(),
		exclusiveMembership(),
		handedOver(),
		twoMemberships(),
	}
}

// foreignMember was there before, in another role, and keeps it.
func foreignMember() crash.Scenario {
	return crash.Scenario{
		Name:   "membership of somebody who was there before",
		Before: orgWithPeople,
		Act: func(w *crash.World) {
			w.Create(crash.NewMembership("people", crash.WithRole("ada", "Editor"), crash.WithRole("boss", "Viewer")))
		},
		Stalled: map[string]string{"Membership": v1alpha1.ReasonAlreadyExists},
		After:   all(peopleAre("ada", "Editor", "boss", "Editor"), neverRemoved),
	}
}

// adoptedMember was there before, gets another role by consent, and stays when the object goes.
func adoptedMember() crash.Scenario {
	return crash.Scenario{Name: "membership of somebody adopted, then deleted", Before: func(w *crash.World) {
		orgWithPeople(w)
		crash.Edit(
			w,
			crash.Organization(""),
			func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow },
		)
	}, Act: func(w *crash.World) {
		m := crash.NewMembership("people", crash.WithRole("boss", "Viewer"), crash.WithRole("ada", "Viewer"))
		m.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		w.Create(m)
		rested(w)
		w.Delete(crash.NewMembership("people"))
	}, After: peopleAre("boss", "Viewer")}
}

func exclusiveMembership() crash.Scenario {
	return crash.Scenario{Name: "membership made exclusive", Before: func(w *crash.World) {
		withMembership(w)
		w.Create(crash.NewMembership("more", crash.WithRole("cyd", "Viewer")))
		w.Grafana.Do(
			http.MethodPost,
			"/api/serviceaccounts",
			3,
			map[string]any{"name": "Foreign account", "role": "Viewer"},
		)
		crash.Edit(
			w,
			crash.Organization(""),
			func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow },
		)
	}, Act: func(w *crash.World) {
		editMembers(w, func(m *v1alpha1.Membership) { m.Spec.Mode = v1alpha1.MembershipExclusive })
	}, After: peopleAre("ada", "Editor", "bob", "Viewer", "cyd", "Viewer")}
}

// handedOver goes from one Membership to another without being removed in between.
func handedOver() crash.Scenario {
	return crash.Scenario{
		Name:   "membership that hands somebody over",
		Before: withMembership,
		Act: func(w *crash.World) {
			w.Create(crash.NewMembership("successor", crash.WithRole("ada", "Viewer")))
			editMembers(w, func(m *v1alpha1.Membership) { m.Spec.Members = m.Spec.Members[1:] })
			rested(w)
			w.Clock = w.Clock.Add(crash.Horizon)
			w.Everybody()
			rested(w)
			w.Delete(crash.NewMembership("people"))
		},
		After: peopleAre("ada", "Viewer", "boss", "Editor"),
	}
}

// twoMemberships list one person: the one that has them keeps them.
func twoMemberships() crash.Scenario {
	return crash.Scenario{Name: "membership of somebody else's member", Before: func(w *crash.World) {
		orgWithPeople(w)
		w.Create(crash.NewMembership("other", crash.WithRole("ada", "Editor"), crash.WithRole("bob", "Viewer")))
	}, Act: func(w *crash.World) {
		w.Create(crash.NewMembership("people", crash.WithRole("ada", "Viewer"), crash.WithRole("cyd", "Viewer")))
	}, Stalled: map[string]string{"Membership": v1alpha1.ReasonNameConflict},
		After: all(peopleAre("ada", "Editor", "bob", "Viewer", "cyd", "Viewer", "boss", "Editor"), neverRemoved)}
}
