package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// inVersion waits until Grafana has a password of this revision.
func inVersion(w *suite.World, u *v1alpha1.User, version string) {
	w.T.Helper()
	w.Eventually("password "+version, func() error {
		if v := suite.Get(w, u).Status.PasswordVersion; v != version {
			return fmt.Errorf("it is %q: %s", v, suite.MessageOf(u))
		}
		return nil
	})
	suite.Ready(w, u)
}

// saysAtLast waits until an object says something.
func saysAtLast(w *suite.World, u *v1alpha1.User, text string) {
	w.T.Helper()
	suite.Until(w, u, text, func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionFalse && strings.Contains(c.Message, text)
	})
}

// neverTold checks that none of the passwords stands anywhere but in Secrets.
func neverTold(w *suite.World, passwords ...string) {
	w.T.Helper()
	secrets := suite.Secrets(passwords)
	var events eventsv1.EventList
	if err := w.Client.List(w.T.Context(), &events, client.InNamespace(w.NS)); err != nil {
		w.T.Fatal(err)
	}
	texts := []string{w.Log.About(w.NS), fmt.Sprintf("%+v", events.Items)}
	for _, obj := range w.Objects(w.T.Context(), w.NS) {
		texts = append(texts, fmt.Sprintf("%+v", obj))
	}
	for _, text := range texts {
		if found := secrets.In(text); len(found) > 0 {
			w.T.Errorf("a password is told: %v in %.300s", found, text)
		}
	}
}

// Another password is made on demand, when the Secret is gone, and when it was edited: each is in the Secret as Grafana
// has it. A Secret that others have taken is not written.
func TestAPIUserPassword(t *testing.T) {
	everyVersionOf(t, grafanatest.Options{LoginForm: true}, func(t *testing.T, w *suite.World) {
		u := suite.Ready(w, newUser(w, "ada", func(o *v1alpha1.User) {
			o.Spec.Password = &v1alpha1.UserPassword{Secret: &v1alpha1.PasswordSecret{
				Name:   "ada-login",
				Type:   "kubernetes.io/basic-auth",
				Labels: map[string]v1alpha1.LabelValue{"for": "ada"},
				Template: map[string]v1alpha1.TemplateText{
					"username": "{{ .login }}",
					"all":      "{{ .name }} {{ .password | quote }}",
				},
			}}
		}))
		had := []string{passwordIn(w, "ada-login")}
		another := func(what, version string) {
			inVersion(w, u, version)
			now := passwordIn(w, "ada-login")
			if !opens(w, u.Spec.Login, now) || opens(w, u.Spec.Login, had[len(had)-1]) {
				t.Errorf("%s: the Secret does not have the password, or the old one still works", what)
			}
			had = append(had, now)
		}
		if s := w.Secret("ada-login"); string(s.Data["username"]) != u.Spec.Login || s.Labels["for"] != "ada" ||
			string(
				s.Data["all"],
			) != fmt.Sprintf(
				"%s %q",
				u.Spec.Login,
				had[0],
			) || s.Type != "kubernetes.io/basic-auth" {
			t.Errorf("the Secret is %s with %v", s.Type, s.Labels)
		}
		suite.Change(w, u, func() { u.Annotations = map[string]string{v1alpha1.AnnotationRotate: "one"} })
		another("on demand", "2")
		w.Delete(w.Secret("ada-login"))
		another("deleted", "3")
		secret := w.Secret("ada-login")
		suite.Change(w, secret, func() { secret.Data["password"] = []byte("edited") })
		another("edited", "4")

		suite.Change(w, u, func() { u.Spec.Password.Secret.Name = "moved" })
		w.Eventually("the Secret has moved", func() error {
			if name := suite.Get(w, u).Status.SecretName; name != "moved" {
				return fmt.Errorf("it is %q: %s", name, suite.MessageOf(u))
			}
			return nil
		})
		suite.Ready(w, u)
		if passwordIn(w, "moved") != had[len(had)-1] {
			t.Error("another password was made for another name of the Secret")
		}
		w.Gone(&corev1.Secret{ObjectMeta: w.Named("ada-login")})
		w.Create(&corev1.Secret{ObjectMeta: w.Named("foreign"), StringData: map[string]string{"password": "mine"}})
		suite.Change(w, u, func() { u.Spec.Password.Secret.Name = "foreign" })
		suite.Stalled(w, u, v1alpha1.ReasonSecretConflict, "foreign")
		if string(w.Secret("foreign").Data["password"]) != "mine" || passwordIn(w, "moved") != had[len(had)-1] {
			t.Error("a foreign Secret was written, or ours is gone")
		}
		neverTold(w, had...)
	})
}

// Where Grafana changes no password, that in the Secret is not lost to one that it does not take.
func TestAPIUserPasswordWithoutALoginForm(t *testing.T) {
	everyVersionOf(t, grafanatest.Options{DisableLoginForm: true}, func(t *testing.T, w *suite.World) {
		u := suite.Ready(w, newUser(w, "ada"))
		made := passwordIn(w, "ada")
		suite.Change(w, u, func() { u.Annotations = map[string]string{v1alpha1.AnnotationRotate: "one"} })
		suite.Stalled(w, u, v1alpha1.ReasonRefused, "login form is switched off")
		if passwordIn(w, "ada") != made || !opens(w, u.Spec.Login, made) {
			t.Error("the Secret does not have the password any more")
		}
		suite.Change(w, u, func() { u.Annotations = nil })
		suite.Ready(w, u)
		if u.Status.PasswordVersion != "1" {
			t.Errorf("status %+v", u.Status)
		}
	})
}

// A Secret of the name that is somebody else's is found out before anybody is made in Grafana.
func TestAPIUserSecretTaken(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Create(&corev1.Secret{ObjectMeta: w.Named("ada"), StringData: map[string]string{"password": "mine"}})
		u := suite.Stalled(w, newUser(w, "ada"), v1alpha1.ReasonSecretConflict, "ada")
		if userIn(w, u.Spec.Login) != nil || string(w.Secret("ada").Data["password"]) != "mine" {
			t.Error("a login was made without a place for its password, or the Secret was written")
		}
		w.Delete(w.Secret("ada"))
		suite.Ready(w, u)
	})
}

// A password that is in a Secret already is set in Grafana, again when it changes. Where there is none, what else the
// spec asks for is done all the same.
func TestAPIUserPasswordFromSecret(t *testing.T) {
	everyVersionOf(t, grafanatest.Options{LoginForm: true}, func(t *testing.T, w *suite.World) {
		u := newUser(w, "ada", func(o *v1alpha1.User) {
			o.Spec.Password = &v1alpha1.UserPassword{SecretKeyRef: &v1alpha1.KeyReference{Name: "given", Key: "pw"}}
		})
		suite.Stalled(w, u, v1alpha1.ReasonSecretNotFound, "given", "does not exist")
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "given"},
			StringData: map[string]string{"other": "x"},
		}
		w.Create(secret)
		saysAtLast(w, u, `nothing under key "pw"`)
		give := func(password string) {
			suite.Change(w, secret, func() { secret.StringData = map[string]string{"pw": password} })
		}
		give("first-given-password\n")
		saysAtLast(w, u, "no blank or line end")
		give("first-given-password")
		suite.Ready(w, u)
		if !opens(w, u.Spec.Login, "first-given-password") || u.Status.SecretName != "" {
			t.Errorf("the password does not open the login; status %+v", u.Status)
		}
		give("second-given-password")
		w.Eventually("the other password", func() error {
			if suite.Get(w, u).Status.PasswordVersion != fmt.Sprintf("%s %s pw", secret.UID, secret.ResourceVersion) {
				return fmt.Errorf("status %+v", u.Status)
			}
			return nil
		})
		if !opens(w, u.Spec.Login, "second-given-password") {
			t.Error("the other password does not open the login")
		}
		w.Delete(secret)
		suite.Stalled(w, u, v1alpha1.ReasonSecretNotFound, "given")
		suite.Change(w, u, func() { u.Spec.Disabled = true })
		isUser(w, seenUser{u.Status.ID, u.Spec.Login, u.Spec.Login, u.Spec.Login, false, true})
		suite.Change(w, u, func() {
			u.Spec.Disabled, u.Spec.Password = false, &v1alpha1.UserPassword{
				Secret: &v1alpha1.PasswordSecret{Name: "made"},
			}
		})
		suite.Ready(w, u)
		if !opens(w, u.Spec.Login, passwordIn(w, "made")) {
			t.Error("what was made does not open the login")
		}
		neverTold(w, "first-given-password", "second-given-password", passwordIn(w, "made"))
	})
}

// What Grafana refuses a password with is told, and the password is not.
func TestAPIUserRefusedPassword(t *testing.T) {
	suite.NotOnReal(t, "it needs requests that fail")
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.Method != "GET" && strings.HasPrefix(r.Path, "/api/admin/users") {
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 400, Body: `{"message":"too weak"}`}
			}
			return grafanatest.Fault{}
		})
		u := suite.Stalled(w, newUser(w, "ada"), v1alpha1.ReasonRefused, "too weak")
		first := passwordIn(w, "ada")
		w.Grafana.SetFault(nil)
		suite.Ready(w, suite.Visit(w, u))
		if !opens(w, u.Spec.Login, first) {
			w.T.Error("the password that was kept is not the one that Grafana got")
		}
		neverTold(w, first)
	})
}
