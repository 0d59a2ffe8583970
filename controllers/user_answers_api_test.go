package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// givenIn has the password taken from a key of a Secret.
func givenIn(key string) *v1alpha1.UserPassword {
	return &v1alpha1.UserPassword{SecretKeyRef: &v1alpha1.KeyReference{Name: "given", Key: key}}
}

// A login whose first request lands only when it is asked for again is found, and has the password that is kept.
func TestAPIUserLandsLate(t *testing.T) {
	suite.NotOnReal(t, "it needs answers that get lost")
	for name, password := range map[string]*v1alpha1.UserPassword{"made": nil, "given": givenIn("pw")} {
		t.Run(name, func(t *testing.T) {
			everyVersion(t, func(t *testing.T, w *suite.World) {
				w.Create(&corev1.Secret{
					ObjectMeta: w.Named("given"), StringData: map[string]string{"pw": "a-given-password"},
				})
				var asked atomic.Int32
				w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
					switch {
					case r.Method == http.MethodPost && r.Path == "/api/admin/users" && asked.Add(1) == 1:
						return grafanatest.Fault{Outcome: grafanatest.DropAfter}
					case r.Path == "/api/users/lookup" && asked.Load() == 1:
						return grafanatest.Fault{
							Outcome: grafanatest.Answer, Status: 404, Body: `{"message":"user not found"}`,
						}
					}
					return grafanatest.Fault{}
				})
				u := suite.Ready(w, newUser(w, "ada", func(o *v1alpha1.User) { o.Spec.Password = password }))
				if asked.Load() != 2 || u.Status.PasswordVersion == "" {
					t.Errorf("made %d times, status %+v", asked.Load(), u.Status)
				}
				has := "a-given-password"
				if password == nil {
					has = passwordIn(w, "ada")
				}
				if !opens(w, u.Spec.Login, has) {
					t.Error("the password that is kept does not open the login")
				}
			})
		})
	}
}

// A password that Grafana took without saying so is not taken for the one before when that is asked for again.
func TestAPIUserPasswordTakenSilently(t *testing.T) {
	suite.NotOnReal(t, "it needs answers that get lost")
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Create(&corev1.Secret{ObjectMeta: w.Named("given"), StringData: map[string]string{
			"one": "first-given-password", "two": "second-given-password",
		}})
		u := suite.Ready(w, newUser(w, "ada", func(o *v1alpha1.User) { o.Spec.Password = givenIn("one") }))
		var sent atomic.Int32
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if strings.HasSuffix(r.Path, "/password") {
				sent.Add(1)
				return grafanatest.Fault{Outcome: grafanatest.DropAfter}
			}
			return grafanatest.Fault{}
		})
		suite.Change(w, u, func() { u.Spec.Password = givenIn("two") })
		w.Eventually("the second password", func() error {
			if sent.Load() == 0 {
				return errors.New("it was not sent")
			}
			return nil
		})
		w.Grafana.SetFault(nil)
		suite.Change(w, u, func() { u.Spec.Password = givenIn("one") })
		suite.Ready(w, u)
		if !opens(w, u.Spec.Login, "first-given-password") {
			t.Error("the object is Ready, and its password does not open the login")
		}
	})
}

// What goes away by itself is tried again soon, though something else stays refused.
func TestAPIUserTriedAgain(t *testing.T) {
	suite.NotOnReal(t, "it needs requests that fail")
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		secret := &corev1.Secret{ObjectMeta: w.Named("given"), StringData: map[string]string{"pw": "a-given-password"}}
		w.Create(secret)
		boss := suite.Ready(w, newUser(w, "boss", func(o *v1alpha1.User) {
			o.Spec.GrafanaAdmin, o.Spec.Password = true, givenIn("pw")
		}))
		row := fmt.Sprintf(`{"totalCount":1,"users":[{"id":%d,"login":"boss","isAdmin":true}]}`, boss.Status.ID)
		var failed atomic.Bool
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			switch {
			case r.Path == "/api/users/search":
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 200, Body: row}
			case strings.HasSuffix(r.Path, "/password") && !failed.Swap(true):
				return grafanatest.Fault{Outcome: grafanatest.Answer, Status: 503}
			}
			return grafanatest.Fault{}
		})
		suite.Change(w, boss, func() { boss.Spec.Disabled = true })
		suite.Stalled(w, boss, v1alpha1.ReasonRefused, "last server admin")
		suite.Change(w, secret, func() { secret.StringData = map[string]string{"pw": "another-given-password"} })
		w.Eventually("the other password", func() error {
			if v := suite.Get(w, boss).Status.PasswordVersion; !strings.Contains(v, " "+secret.ResourceVersion+" ") {
				return fmt.Errorf("it is version %q: %s", v, suite.MessageOf(boss))
			}
			return nil
		})
		suite.Stalled(w, boss, v1alpha1.ReasonRefused, "last server admin")
	})
}

// Of a given password that does not meet Grafana's policy a login is not made; a login that is there keeps what it
// has, and all else is done.
func TestAPIUserPasswordAgainstPolicy(t *testing.T) {
	suite.NotOnReal(t, "it needs another setting")
	everyVersion(t, func(t *testing.T, w *suite.World) {
		secret := &corev1.Secret{ObjectMeta: w.Named("given"), StringData: map[string]string{"pw": "a-given-password"}}
		w.Create(secret)
		u := suite.Ready(w, newUser(w, "ada", func(o *v1alpha1.User) { o.Spec.Password = givenIn("pw") }))
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if strings.HasSuffix(r.Path, "/password") { // as of version 12
				return grafanatest.Fault{
					Outcome: grafanatest.Answer, Status: 500, Body: `{"message":"Failed to update user password"}`,
				}
			}
			return grafanatest.Fault{}
		})
		suite.Change(w, secret, func() { secret.StringData = map[string]string{"pw": "weak"} })
		suite.Stalled(w, u, v1alpha1.ReasonRefused, "Secret "+w.NS+"/given", "policy", "Failed to update user password")
		suite.Change(w, u, func() { u.Spec.Name = "Ada" })
		isUser(w, seenUser{u.Status.ID, u.Spec.Login, u.Spec.Login, "Ada", false, false})
		w.Grafana.SetFault(nil)
		suite.Change(w, secret, func() { secret.StringData = map[string]string{"pw": "another-given-password"} })
		suite.Ready(w, u)
		if !opens(w, u.Spec.Login, "another-given-password") {
			t.Error("the password does not open the login")
		}
	})
}
