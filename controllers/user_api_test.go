package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// newUser applies a User whose login nobody else has in a Grafana that is shared.
func newUser(w *suite.World, name string, changes ...func(*v1alpha1.User)) *v1alpha1.User {
	w.T.Helper()
	obj := &v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.UserSpec{
			InstanceRef: v1alpha1.LocalObjectReference{Name: "grafana"},
			Login:       login(w, name),
		},
	}
	return suite.Apply(w, obj, changes)
}

// seenUser is a login as Grafana shows it.
type seenUser struct {
	ID                         int64
	Login, Email, Name         string
	IsGrafanaAdmin, IsDisabled bool
}

// userIn is who has a login in Grafana; nil: nobody has.
func userIn(w *suite.World, login string) *seenUser {
	w.T.Helper()
	status, answer := w.Grafana.Do("GET", "/api/users/lookup?loginOrEmail="+login, 1, nil)
	if status == http.StatusNotFound {
		return nil
	}
	u := &seenUser{} // in old versions a look-up does not tell everything
	if err := json.Unmarshal(w.Ask("GET", fmt.Sprint("/api/users/", w.Made(answer)), 1, nil), u); err != nil {
		w.T.Fatal(err)
	}
	return u
}

// isUser waits until a login is like that in Grafana.
func isUser(w *suite.World, want seenUser) {
	w.T.Helper()
	w.Eventually("login "+want.Login, func() error {
		have := userIn(w, want.Login)
		if have == nil || *have != want {
			return fmt.Errorf("it is %+v, not %+v", have, want)
		}
		return nil
	})
}

// opens reports whether a password opens a login.
func opens(w *suite.World, login, password string) bool {
	w.T.Helper()
	req, err := http.NewRequestWithContext(w.T.Context(), http.MethodGet, w.Grafana.URL+"/api/user", nil)
	if err != nil {
		w.T.Fatal(err)
	}
	req.SetBasicAuth(login, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.T.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// passwordIn is the one in a Secret.
func passwordIn(w *suite.World, secret string) string {
	w.T.Helper()
	password := string(w.Secret(secret).Data["password"])
	if len(password) != 32 {
		w.T.Fatalf("Secret %s holds no password under password", secret)
	}
	return password
}

// A login is made with its password in a Secret, follows the spec without being made anew, is put back after drift,
// costs nothing at rest, and goes with the object.
func TestAPIUser(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		ada, lovelace := login(w, "ada"), login(w, "lovelace")
		suite.Ready(w, suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}))
		w.Grafana.ResetLog()
		u := suite.Ready(w, newUser(w, "ada", func(o *v1alpha1.User) {
			o.Spec.Email, o.Spec.Name = ada+"@Example.org", "Ada Lovelace"
		}))
		want := seenUser{u.Status.ID, ada, ada + "@example.org", "Ada Lovelace", false, false}
		isUser(w, want)
		if n := len(w.Writes()); n != 2 {
			t.Errorf("it took %d writes: %q", n, w.Writes())
		}
		password := passwordIn(w, "ada")
		if !opens(w, ada, password) {
			t.Error("the password does not open the login")
		}
		if u.Status.SecretName != "ada" || u.Status.PasswordVersion != "1" || u.Status.UID == "" || u.Status.Adopted {
			t.Errorf("status %+v", u.Status)
		}
		w.Grafana.ResetLog()
		version := u.ResourceVersion
		suite.Visit(w, u)
		w.Eventually("a visit", func() error {
			if w.Asked("GET", fmt.Sprint("/api/users/", want.ID)) == 0 {
				return fmt.Errorf("asked %v", w.Grafana.Requests())
			}
			return nil
		})
		if writes := w.Writes(); len(writes) > 0 || version == "" {
			t.Errorf("wrote %q at rest", writes)
		}

		suite.Change(w, u, func() {
			u.Spec.Login, u.Spec.Email, u.Spec.Name = lovelace, lovelace+"@example.org", ""
			u.Spec.Disabled, u.Spec.GrafanaAdmin = true, true
		})
		suite.Ready(w, u)
		want = seenUser{want.ID, lovelace, lovelace + "@example.org", lovelace, true, true}
		isUser(w, want)
		suite.Change(w, u, func() { u.Spec.Disabled, u.Spec.GrafanaAdmin = false, false })
		suite.Ready(w, u)
		want.IsDisabled, want.IsGrafanaAdmin = false, false
		isUser(w, want)

		path := fmt.Sprint("/api/admin/users/", want.ID)
		w.Ask("POST", path+"/disable", 1, struct{}{})
		w.Ask("PUT", path+"/permissions", 1, map[string]any{"isGrafanaAdmin": true})
		w.Ask("PUT", fmt.Sprint("/api/users/", want.ID), 1, map[string]any{
			"login": lovelace, "name": "Somebody Else", "email": "else-" + lovelace + "@example.org",
		})
		suite.Visit(w, u)
		isUser(w, want)
		if !opens(w, lovelace, password) {
			t.Error("the password does not open the login any more")
		}
		secret := w.Secret("ada")
		w.Delete(u)
		w.Gone(u)
		if left := userIn(w, lovelace); left != nil {
			t.Errorf("it is still there: %+v", left)
		}
		if !metav1.IsControlledBy(secret, u) { // so that Kubernetes collects it
			t.Errorf("the Secret is owned by %v", secret.OwnerReferences)
		}
	})
}

// Somebody who was there before is left alone, whichever of login and address is theirs, in any case; of two objects
// for one login the first has it.
func TestAPIUserTaken(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		bob := login(w, "bob")
		id := person(w, bob)
		before := userIn(w, bob)
		by := suite.Stalled(w, newUser(w, "bylogin", func(o *v1alpha1.User) { o.Spec.Login = strings.ToUpper(bob) }),
			v1alpha1.ReasonAlreadyExists, fmt.Sprintf("id %d", id), "adoptionPolicy: Adopt")
		address := suite.Stalled(w, newUser(w, "byaddress", func(o *v1alpha1.User) {
			o.Spec.Email = strings.ToUpper(bob + "@example.org")
		}), v1alpha1.ReasonAlreadyExists, "address")
		mail := login(w, "mail") + "@example.org" // a login that looks like an address, and is not theirs
		other := w.Made(w.Ask("POST", "/api/admin/users", 1, map[string]any{
			"login": mail, "email": "else-" + mail, "password": "secret",
		}))
		overshadowing := suite.Stalled(w, newUser(w, "overshadowing", func(o *v1alpha1.User) {
			o.Spec.Email = strings.ToUpper(mail)
		}), v1alpha1.ReasonAlreadyExists, fmt.Sprintf("id %d", other))
		w.Delete(overshadowing)
		w.Gone(overshadowing)
		if !opens(w, mail, "secret") {
			t.Error("who has an address for a login cannot log in any more")
		}
		one := suite.Ready(w, newUser(w, "one", func(o *v1alpha1.User) { o.Spec.Login = login(w, "twice") }))
		two := suite.Stalled(w, newUser(w, "two", func(o *v1alpha1.User) { o.Spec.Login = login(w, "Twice") }),
			v1alpha1.ReasonNameConflict, "User one")
		suite.Change(w, one, func() { one.Spec.Login = bob })
		suite.Stalled(w, one, v1alpha1.ReasonAlreadyExists, bob)
		suite.Change(w, one, func() { one.Spec.Login, one.Spec.Email = login(w, "twice"), bob+"@example.org" })
		suite.Stalled(w, one, v1alpha1.ReasonAlreadyExists, bob+"@example.org")
		suite.Change(w, one, func() { one.Spec.Email = "" })
		suite.Ready(w, one)
		w.Delete(by, address, two, one)
		w.Gone(by, address, two, one)
		if after := userIn(w, bob); after == nil || *after != *before {
			t.Errorf("who was there is now %+v", after)
		}
		if !opens(w, bob, "secret") {
			t.Error("their password does not open their login any more")
		}
	})
}

// Who was there before is taken over if object and Instance both say so, and stays when the object goes.
func TestAPIUserAdopted(t *testing.T) {
	everyVersionOf(t, grafanatest.Options{LoginForm: true}, func(t *testing.T, w *suite.World) {
		eve := login(w, "eve")
		id := person(w, eve)
		u := newUser(w, "eve", func(o *v1alpha1.User) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		suite.Stalled(w, u, v1alpha1.ReasonAdoptionNotPermitted, eve, "spec.adoption")
		if !opens(w, eve, "secret") {
			t.Error("it was touched")
		}
		instance := suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})
		suite.Change(w, instance, func() { instance.Spec.Adoption = v1alpha1.AdoptionAllow })
		suite.Ready(w, suite.Visit(w, u))
		if u.Status.ID != id || !u.Status.Adopted || !opens(w, eve, passwordIn(w, "eve")) {
			t.Errorf("status %+v", u.Status)
		}
		rival := newUser(w, "rival", func(o *v1alpha1.User) {
			o.Spec.Login, o.Spec.AdoptionPolicy = eve, v1alpha1.AdoptionAdopt
		})
		suite.Stalled(w, rival, v1alpha1.ReasonNameConflict, "User eve")
		w.Delete(rival, u)
		w.Gone(rival, u)
		if left := userIn(w, eve); left == nil || left.ID != id || left.IsDisabled {
			t.Errorf("who was there before is now %+v", left)
		}
		if !opens(w, eve, passwordIn(w, "eve")) || len(w.Secret("eve").OwnerReferences) > 0 {
			t.Error("the password went with the object")
		}
		again := suite.Ready(w, newUser(w, "eve", func(o *v1alpha1.User) {
			o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.UserDisable
		}))
		w.Delete(again)
		w.Gone(again)
		if left := userIn(w, eve); left == nil || left.ID != id || !left.IsDisabled {
			t.Errorf("who was there before is now %+v", left)
		}
		suite.Ready(w, newUser(w, "eve", func(o *v1alpha1.User) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt }))
		if now := userIn(w, eve); now.IsDisabled { // a look-up does not tell that it was
			t.Error("the object is Ready, and the login disabled")
		}
	})
}

// What becomes of a login is as the deletionPolicy says.
func TestAPIUserDeletion(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		policy := func(p v1alpha1.UserDeletionPolicy) func(*v1alpha1.User) {
			return func(o *v1alpha1.User) { o.Spec.DeletionPolicy = p }
		}
		orphan := suite.Ready(w, newUser(w, "orphan", policy(v1alpha1.UserOrphan)))
		disable := suite.Ready(w, newUser(w, "disable", policy(v1alpha1.UserDisable)))
		gone := suite.Ready(w, newUser(w, "gone"))
		if owned := metav1.IsControlledBy(w.Secret("disable"), disable); !owned {
			t.Error("nothing deletes the Secret of a login that is disabled")
		}
		w.Ask("DELETE", fmt.Sprint("/api/admin/users/", gone.Status.ID), 1, nil)
		w.Delete(orphan, disable, gone)
		w.Gone(orphan, disable, gone)
		isUser(w, seenUser{orphan.Status.ID, orphan.Spec.Login, orphan.Spec.Login, orphan.Spec.Login, false, false})
		isUser(w, seenUser{disable.Status.ID, disable.Spec.Login, disable.Spec.Login, disable.Spec.Login, false, true})
		if !opens(w, orphan.Spec.Login, passwordIn(w, "orphan")) || len(w.Secret("orphan").OwnerReferences) > 0 {
			t.Error("the password went with the object")
		}
		w.Ask("DELETE", fmt.Sprint("/api/admin/users/", orphan.Status.ID), 1, nil)
		w.Ask("DELETE", fmt.Sprint("/api/admin/users/", disable.Status.ID), 1, nil)
	})
}

// Case is Grafana's to choose, of all letters that have it.
func TestAPIUserCase(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		u := suite.Ready(w, newUser(w, "dotted", func(o *v1alpha1.User) {
			o.Spec.Login = login(w, "İbrahim")
			o.Spec.Email = o.Spec.Login + "@example.org"
		}))
		suite.Change(w, u, func() { u.Spec.Name = "İbrahim" }) // old versions choose it when it is changed
		suite.Ready(w, u)
		w.Grafana.ResetLog()
		suite.Visit(w, u)
		w.Eventually("a visit", func() error {
			if w.Asked("GET", fmt.Sprint("/api/users/", u.Status.ID)) == 0 {
				return fmt.Errorf("asked %v", w.Grafana.Requests())
			}
			return nil
		})
		suite.Ready(w, u)
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q at rest", writes)
		}
	})
}

// An address that somebody has is told, whatever is in the login that was asked for, and however long it is.
func TestAPIUserTakenInOddWords(t *testing.T) {
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		bob := login(w, "bob")
		person(w, bob)
		for name, odd := range map[string]string{"slash": "team/ada", "long": strings.Repeat("x", 150)} {
			suite.Stalled(w, newUser(w, name, func(o *v1alpha1.User) {
				o.Spec.Login, o.Spec.Email = login(w, odd), bob+"@example.org"
			}), v1alpha1.ReasonAlreadyExists, "address")
		}
	})
}

// The Secret goes with the login, also where nothing in Kubernetes ties it to the object yet.
func TestAPIUserSecretGoes(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		for _, p := range []v1alpha1.UserDeletionPolicy{v1alpha1.UserDelete, v1alpha1.UserDisable} {
			name := strings.ToLower(string(p))
			u := suite.Ready(
				w,
				newUser(w, name, func(o *v1alpha1.User) { o.Spec.DeletionPolicy = v1alpha1.UserOrphan }),
			)
			suite.Change(w, u, func() { u.Spec.Suspend, u.Spec.DeletionPolicy = true, p })
			w.Delete(u)
			w.Gone(u)
			secret := &corev1.Secret{}
			err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: w.NS, Name: name}, secret)
			if err == nil && !metav1.IsControlledBy(secret, u) || client.IgnoreNotFound(err) != nil {
				t.Errorf("%s: nothing deletes Secret %s: %v", p, name, err)
			}
		}
	})
}
