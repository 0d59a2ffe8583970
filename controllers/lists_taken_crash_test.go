package controllers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What somebody had for an address before the object was made is given to nobody as a login: Grafana compares logins
// with logins and addresses with addresses, so that it refuses nothing here, and whoever had the address could not log
// in under it any more.
func TestAnAddressThatSomebodyHasIsNobodysLogin(t *testing.T) {
	for _, email := range []string{"carol@work.example.com", ""} {
		inBothVersions(t, func(t *testing.T, w *crash.World) {
			made(w, "User", crash.NewUser("first", "first")) // for whom the list is made
			ann := map[string]any{"login": "ann", "email": "carol@example.com", "password": "secret12"}
			if status, got := w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, ann); status != http.StatusOK {
				t.Fatalf("%d: %s", status, got)
			}
			o := crash.NewUser("carol", "carol@example.com")
			o.Spec.Email = email
			made(w, "User", o)
			w.Get(o)
			if p := somebody(w, "carol@example.com"); p.ID != 0 {
				t.Errorf("somebody else's address is the login of %+v: %+v", p, o.Status)
			}
		})
	}
}

// Grafana takes the name of a service account twice, so that no list of before a create says that it is free.
func TestANameThatSomebodyTookSinceTheListIsSeen(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(objectNamed(crash.Account("First"), "first"), objectNamed(crash.Account("CI"), "ci"))
		seenAtOnce(w, "ServiceAccount tenant/first", "ServiceAccount tenant/ci")
		w.Visit("ServiceAccount tenant/first") // for whom the list is made
		w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Viewer"})
		w.Visit("ServiceAccount tenant/ci")
		if n := namedCI(w); n != 1 {
			t.Errorf("%d service accounts have the name", n)
		}
	})
}

// The object is given another name before it was ever looked for, which somebody had before that.
func TestAnotherNameThatSomebodyHasIsSeen(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(objectNamed(crash.Account("First"), "first"), objectNamed(crash.Account("Draft"), "ci"))
		seenAtOnce(w, "ServiceAccount tenant/first", "ServiceAccount tenant/ci")
		w.Visit("ServiceAccount tenant/first") // for whom the list is made
		w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Viewer"})
		crash.Edit(w, objectNamed(crash.Account(""), "ci"), func(o *v1alpha1.ServiceAccount) { o.Spec.Name = "CI" })
		w.Visit("ServiceAccount tenant/ci")
		if n := namedCI(w); n != 1 {
			t.Errorf("%d service accounts have the name", n)
		}
	})
}

// A team that somebody had before the object was made can be taken over once both sides consent, as the message says.
func TestATeamThatSomebodyHadCanStillBeTakenOver(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		made(w, "Team", objectNamed(crash.NewTeam("First"), "first")) // for whom the list is made
		w.Grafana.Do(http.MethodPost, "/api/teams", 3, map[string]any{"name": "Dev"})
		o := objectNamed(crash.NewTeam("Dev"), "dev")
		made(w, "Team", o)
		if n := len(w.Grafana.Teams(3)); n != 2 {
			t.Errorf("there are %d teams, want two: nothing is made whose name is taken", n)
		}
		crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
			o.Spec.Adoption = v1alpha1.AdoptionAllow
		})
		crash.Edit(w, o, func(o *v1alpha1.Team) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		rested(w)
		if w.Get(o); !o.Status.Adopted {
			t.Errorf("it is not taken over: %+v", o.Status)
		}
	})
}

// An earlier request of the object lands between two of this pass, under the name that the second asks for: it is
// found, and no third is sent.
func TestARequestThatLandsBetweenTwoIsFound(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		o := objectNamed(crash.Account("CI"), "ci")
		w.Create(o)
		w.Get(o)
		sum := sha256.Sum256([]byte("tenant/ci"))
		short := strings.ReplaceAll(string(o.UID), "-", "")[:8]
		w.Grafana.BlockLogin(3, "sa-3-ci-"+hex.EncodeToString(sum[:4])+"-"+short) // as a create that failed half-way
		const post = "POST /api/serviceaccounts"
		atSecond := func(do func()) {
			w.Meanwhile = map[string]func(){post: func() { w.Meanwhile[post] = do }}
		}
		atSecond(func() {
			w.Arm(0, crash.Late)
			w.Only = "grafana " + post
		})
		w.Visit("ServiceAccount tenant/ci")
		w.Arm(-1, crash.None)
		w.Visit("Instance tenant/main")
		landed := 0
		atSecond(func() { landed = w.Grafana.Land() })
		got := requestsOf(w, func() { w.Visit("ServiceAccount tenant/ci") })
		if landed != 1 {
			t.Fatalf("%d requests have landed: %v", landed, got)
		}
		if n := len(w.Grafana.ServiceAccounts(3)); n != 1 || got[post] != 2 {
			t.Errorf("there are %d accounts of one object: %v", n, got)
		}
	})
}

// The visit after that which has made a user goes by how things are.
func TestWhoeverIsLockedOutRightAfterTheyWereMadeIsLetIn(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(
			&corev1.Secret{ObjectMeta: crash.Named("given"), Data: map[string][]byte{"password": []byte("secret12")}},
		)
		o := crash.NewUser("carol", "carol")
		o.Spec.Password = &v1alpha1.UserPassword{SecretKeyRef: &v1alpha1.KeyReference{Name: "given", Key: "password"}}
		made(w, "User", o)
		id := somebody(w, "carol").ID
		if status, got := w.Grafana.Do(
			http.MethodPost, fmt.Sprintf("/api/admin/users/%d/disable", id), 1, nil,
		); status != http.StatusOK {
			t.Fatalf("%d: %s", status, got)
		}
		w.Visit("User tenant/carol")
		if w.Get(o); somebody(w, "carol").Disabled {
			t.Errorf("the user is locked out: %+v", o.Status)
		}
	})
}

// A name that a person has taken keeps nobody from disabling an account.
func TestAnAccountWhoseNameIsTakenIsDisabled(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		o := crash.Account("CI")
		w.Create(o)
		rested(w)
		w.Get(o)
		path := fmt.Sprint("/api/serviceaccounts/", o.Status.ID)
		w.Grafana.Do(http.MethodPatch, path, 3, map[string]any{"name": "Another"})
		w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Viewer"})
		crash.Edit(w, o, func(o *v1alpha1.ServiceAccount) { o.Spec.Disabled = true })
		w.Visit("ServiceAccount tenant/account")
		for _, a := range w.Grafana.ServiceAccounts(3) {
			if a.ID == o.Status.ID && !a.Disabled {
				t.Errorf("it works on: %+v", a)
			}
		}
		if w.Get(o); conditionOf(o, v1alpha1.ConditionReady).Reason == v1alpha1.ReasonInSync {
			t.Errorf("nobody says that the name is taken: %+v", o.Status.Conditions)
		}
	})
}
