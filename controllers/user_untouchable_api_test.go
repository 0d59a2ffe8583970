package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// The operator's own login is nobody's to have, and is not deleted when it has become the operator's.
func TestAPIUserOfTheOperator(t *testing.T) {
	suite.NotOnReal(t, "it changes who the operator is")
	everyVersion(t, func(t *testing.T, w *suite.World) {
		instance := suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})
		suite.Change(w, instance, func() { instance.Spec.Adoption = v1alpha1.AdoptionAllow })
		w.Grafana.ResetLog()
		admin := newUser(w, "admin-user", func(o *v1alpha1.User) {
			o.Spec.Login, o.Spec.AdoptionPolicy = "Admin", v1alpha1.AdoptionAdopt
		})
		suite.Stalled(w, admin, v1alpha1.ReasonAlreadyExists, "operator itself")
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q", writes)
		}
		w.Delete(admin)
		w.Gone(admin)

		next := suite.Ready(w, newUser(w, "next", func(o *v1alpha1.User) { o.Spec.GrafanaAdmin = true }))
		secret := w.Secret("admin")
		suite.Change(w, secret, func() {
			secret.StringData = map[string]string{
				"admin-user":     next.Spec.Login,
				"admin-password": passwordIn(w, "next"),
			}
		})
		w.Eventually("the other credential", func() error { // which nobody tells the objects of
			if text := suite.MessageOf(suite.Get(w, suite.Visit(w, next))); !suite.Contains(text, "operator itself") {
				return fmt.Errorf("it says %q", text)
			}
			return nil
		})
		w.Delete(next)
		suite.Stalled(w, next, v1alpha1.ReasonDeletionBlocked, "operator itself", "another credential")
		if left := userIn(w, next.Spec.Login); left == nil || !left.IsGrafanaAdmin {
			t.Errorf("the operator is %+v", left)
		}
		suite.Change(w, secret, func() {
			secret.StringData = map[string]string{"admin-user": "admin", "admin-password": "admin"}
		})
		w.Eventually("deletion of who is the operator no more", func() error {
			patch := client.RawPatch(
				types.MergePatchType,
				[]byte(`{"metadata":{"annotations":{"example.com/visit":"now"}}}`),
			)
			if next.Annotations["example.com/visit"] == "now" {
				patch = client.RawPatch(
					types.MergePatchType,
					[]byte(`{"metadata":{"annotations":{"example.com/visit":"again"}}}`),
				)
			}
			if err := w.Client.Patch(t.Context(), next, patch); apierrors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("it is still there: %s", suite.MessageOf(next))
		})
	})
}

// The last server admin stays, and stays one.
func TestAPIUserLastServerAdmin(t *testing.T) {
	suite.NotOnReal(t, "the operator's own login must not look like a server admin")
	everyVersion(t, func(t *testing.T, w *suite.World) {
		boss := suite.Ready(w, newUser(w, "boss", func(o *v1alpha1.User) { o.Spec.GrafanaAdmin = true }))
		row := fmt.Sprintf(`{"totalCount":1,"users":[{"id":%d,"login":"boss","isAdmin":true}]}`, boss.Status.ID)
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.Path == "/api/users/search" {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 200, Body: row}
			}
			return grafanatest.Fault{}
		})
		w.Grafana.ResetLog()
		suite.Change(w, boss, func() { boss.Spec.GrafanaAdmin = false })
		suite.Stalled(w, boss, v1alpha1.ReasonRefused, "last server admin")
		suite.Change(w, boss, func() { boss.Spec.GrafanaAdmin, boss.Spec.Disabled = true, true })
		suite.Stalled(w, boss, v1alpha1.ReasonRefused, "last server admin")
		w.Delete(boss)
		suite.Stalled(w, boss, v1alpha1.ReasonDeletionBlocked, "last server admin")
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q", writes)
		}
		w.Grafana.SetFault(nil)
		w.Gone(suite.Visit(w, boss))
	})
}

// Who comes by an identity provider is not touched, adopted or not.
func TestAPIUserOfAnIdentityProvider(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		instance := suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})
		suite.Change(w, instance, func() { instance.Spec.Adoption = v1alpha1.AdoptionAllow })
		ida := login(w, "ida")
		person(w, ida)
		ours := suite.Ready(w, newUser(w, "ivo"))
		w.Grafana.SignInExternally(ida)
		w.Grafana.SignInExternally(ours.Spec.Login)
		w.Grafana.ResetLog()
		u := newUser(w, "ida", func(o *v1alpha1.User) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		suite.Stalled(w, u, v1alpha1.ReasonManagedExternally, ida)
		suite.Change(w, ours, func() { ours.Spec.Name = "Ivo" })
		suite.Stalled(w, ours, v1alpha1.ReasonManagedExternally, ours.Spec.Login)
		w.Delete(ours) // as the message says
		suite.Stalled(w, ours, v1alpha1.ReasonDeletionBlocked, "identity provider", "deletionPolicy: Orphan")
		suite.Change(w, ours, func() { ours.Spec.DeletionPolicy = v1alpha1.UserDisable })
		suite.Stalled(w, ours, v1alpha1.ReasonDeletionBlocked, "identity provider")
		suite.Change(w, ours, func() { ours.Spec.DeletionPolicy = v1alpha1.UserOrphan })
		w.Gone(ours)
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("wrote %q", writes)
		}
	})
}

// Who was there before is let in, and given rights, once their password is the one that is asked for: until then they
// have one that others may know.
func TestAPIUserAdoptedWithoutAPassword(t *testing.T) {
	everyVersionOf(t, grafanatest.Options{LoginForm: true}, func(t *testing.T, w *suite.World) {
		instance := suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")})
		suite.Change(w, instance, func() { instance.Spec.Adoption = v1alpha1.AdoptionAllow })
		eve := login(w, "eve")
		id := person(w, eve)
		w.Ask("POST", fmt.Sprintf("/api/admin/users/%d/disable", id), 1, struct{}{})
		u := suite.Stalled(w, newUser(w, "eve", func(o *v1alpha1.User) {
			o.Spec.AdoptionPolicy, o.Spec.GrafanaAdmin, o.Spec.Name = v1alpha1.AdoptionAdopt, true, "Eve"
			o.Spec.Password = givenIn("pw")
		}), v1alpha1.ReasonSecretNotFound, "given")
		isUser(w, seenUser{id, eve, eve + "@example.org", "Eve", false, true})
		w.Create(&corev1.Secret{ObjectMeta: w.Named("given"), StringData: map[string]string{"pw": "a-given-password"}})
		suite.Ready(w, u)
		isUser(w, seenUser{id, eve, eve + "@example.org", "Eve", true, false})
		if !opens(w, eve, "a-given-password") {
			t.Error("the password does not open the login")
		}
	})
}

// A login is made once, whatever becomes of the answers, and its password is in the Secret all the while.
func TestAPIUserLostAnswers(t *testing.T) {
	suite.NotOnReal(t, "it needs answers that get lost")
	everyVersion(t, func(t *testing.T, w *suite.World) {
		lost := map[string]bool{}
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			step := r.Method + strings.TrimRight(r.Path, "0123456789")
			if r.Method == "GET" || !strings.Contains(r.Path, "/users") || lost[step] {
				return grafanatest.Fault{}
			}
			lost[step] = true
			return grafanatest.Fault{Outcome: grafanatest.DropAfter}
		})
		u := suite.Ready(w, newUser(w, "ada"))
		suite.Change(w, u, func() { u.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"} })
		w.Eventually("another password", func() error {
			if v := suite.Get(w, u).Status.PasswordVersion; v != "2" {
				return fmt.Errorf("it is version %q", v)
			}
			return nil
		})
		suite.Ready(w, u)
		isUser(w, seenUser{u.Status.ID, u.Spec.Login, u.Spec.Login, u.Spec.Login, false, false})
		if !opens(w, u.Spec.Login, passwordIn(w, "ada")) {
			t.Error("what is in the Secret does not open the login")
		}
		w.Delete(u)
		w.Gone(u)
		if left := userIn(w, u.Spec.Login); left != nil || len(lost) < 3 {
			t.Errorf("left: %+v; lost: %v", left, lost)
		}
	})
}

// On a token there is nobody who could manage logins.
func TestAPIUserOnAToken(t *testing.T) {
	suite.NotOnReal(t, "the token is of a stand-in")
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	foreign(w, 1, "robot")
	account := w.Grafana.ServiceAccounts(1)[0]
	answer := w.Ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", account.ID), 1, map[string]any{"name": "key"})
	var made struct{ Key string }
	if err := json.Unmarshal(answer, &made); err != nil {
		t.Fatal(err)
	}
	secret := w.Secret("admin")
	suite.Change(w, secret, func() { secret.StringData = map[string]string{"token": made.Key} })
	w.Instance(func(o *v1alpha1.Instance) {
		o.Spec.Credentials = v1alpha1.Credentials{Token: &v1alpha1.KeyReference{Name: "admin", Key: "token"}}
	})
	suite.Stalled(w, newUser(w, "ada"), v1alpha1.ReasonInvalidSpec, "service account token")
}

// Who gives themselves a User's mark does not become that User's, and outlives it.
func TestAPIUserMarkedByOthers(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		eve := login(w, "eve")
		id := person(w, eve)
		u := suite.Stalled(w, newUser(w, "eve"), v1alpha1.ReasonAlreadyExists)
		w.Ask("PUT", fmt.Sprint("/api/users/", id), 1, map[string]any{
			"login": eve, "email": eve + "@example.org", "name": mark.BirthName(eve, u),
		})
		suite.Change(w, u, func() { u.Spec.GrafanaAdmin = true })
		suite.Stalled(w, u, v1alpha1.ReasonAlreadyExists)
		w.Delete(u)
		w.Gone(u)
		if left := userIn(w, eve); left == nil || left.IsGrafanaAdmin || !opens(w, eve, "secret") {
			t.Errorf("they are now %+v", left)
		}
	})
}
