package controllers_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// addressed gives somebody in Grafana the operator's login for an address, which is open to everybody.
func addressed(w *crash.World, login string) {
	w.TB.Helper()
	as := map[string]any{"login": login, "email": "admin", "name": login}
	path := fmt.Sprint("/api/users/", somebody(w, login).ID)
	if status, got := w.Grafana.Do(http.MethodPut, path, 1, as); status != http.StatusOK {
		w.TB.Fatalf("%d: %s", status, got)
	}
}

// Whoever gives themselves the operator's login for an address is locked out, and deleted, all the same.
func TestAUserWithTheOperatorsLoginForAnAddressIsLockedOut(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		o := crash.NewUser("carol", "carol")
		w.Create(o)
		rested(w)
		addressed(w, "carol")
		crash.Edit(w, o, func(o *v1alpha1.User) { o.Spec.Disabled = true })
		w.Visit("User tenant/carol")
		if w.Get(o); !somebody(w, "carol").Disabled {
			t.Errorf("they can log in: %+v", o.Status)
		}
	})
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		o := crash.NewUser("carol", "carol")
		w.Create(o)
		rested(w)
		addressed(w, "carol")
		w.Delete(o)
		rested(w)
		if p := somebody(w, "carol"); p.ID != 0 {
			t.Errorf("they are still there: %+v", p)
		}
	})
}

// Whoever does that is taken out of the organization as well, and can be put into it.
func TestAMemberWithTheOperatorsLoginForAnAddressIsOneLikeOthers(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.SignUp("carol")
		o := crash.NewMembership("carol", crash.WithRole("carol", v1alpha1.RoleViewer))
		w.Create(o)
		rested(w)
		addressed(w, "carol")
		w.Delete(o)
		rested(w)
		if got := peopleIn(w); slices.Contains(got, "carol") {
			t.Errorf("in the organization are %v", got)
		}
		w.Create(crash.NewMembership("again", crash.WithRole("carol", v1alpha1.RoleViewer)))
		rested(w)
		if got := peopleIn(w); !slices.Contains(got, "carol") {
			t.Errorf("in the organization are %v", got)
		}
	})
}

// An Organization whose people are those who are listed is not stayed in by an address.
func TestNobodyStaysInAnOrganizationByTheirAddress(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		crash.Edit(
			w,
			crash.Organization(""),
			func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow },
		)
		w.SignUp("carol")
		w.Grafana.Do(http.MethodPost, "/api/orgs/3/users", 1, map[string]any{"loginOrEmail": "carol", "role": "Viewer"})
		addressed(w, "carol")
		o := crash.NewMembership("all", crash.WithRole("ada", v1alpha1.RoleViewer))
		o.Spec.Mode = v1alpha1.MembershipExclusive
		w.Create(o)
		rested(w)
		if got := peopleIn(w); slices.Contains(got, "carol") {
			t.Errorf("in the organization are %v", got)
		}
	})
}

// peopleIn are the logins of those in the organization.
func peopleIn(w *crash.World) (logins []string) {
	for _, org := range w.Grafana.Orgs() {
		if org.ID == 3 {
			for _, m := range org.Members {
				logins = append(logins, m.Login)
			}
		}
	}
	return logins
}

// An operator that writes its login in another case than Grafana leaves an organization that it lets go.
func TestTheOperatorLeavesHoweverItWritesItsLogin(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			secret := &corev1.Secret{ObjectMeta: crash.Named("grafana")}
			w.Get(secret)
			secret.Data["admin-user"] = []byte("ADMIN")
			if err := w.Kube.Update(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			configured(allow, theirs)(w)
			o := adopting()[0]
			w.Create(o)
			rested(w)
			if org := own(w)[0]; !isIn(org, 1) {
				t.Fatalf("the operator has not joined: %+v", org)
			}
			w.Delete(o)
			rested(w)
			if org := own(w)[0]; isIn(org, 1) || len(org.Members) != 1 {
				t.Errorf("the operator stays in an organization that is let go: %+v", org)
			}
		})
	}
}

func isIn(org grafanatest.Org, id int64) bool {
	return slices.ContainsFunc(org.Members, func(m grafanatest.Member) bool { return m.UserID == id })
}
