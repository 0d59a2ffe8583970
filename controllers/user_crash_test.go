package controllers_test

import (
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// carol is the User that the scenarios are about.
func carol(changes ...func(*v1alpha1.User)) *v1alpha1.User {
	u := crash.NewUser("carol", "carol")
	for _, change := range changes {
		change(u)
	}
	return u
}

func withCarol(changes ...func(*v1alpha1.User)) func(*crash.World) {
	return func(w *crash.World) { w.Create(carol(changes...)) }
}

func editCarol(change func(*v1alpha1.User)) func(*crash.World) {
	return func(w *crash.World) { crash.Edit(w, carol(), change) }
}

func deleteCarol(w *crash.World) { w.Delete(carol()) }

// personIn is who has a login; nil: nobody has.
func personIn(w *crash.World, login string) *grafanatest.Person {
	for _, p := range w.Grafana.People() {
		if p.Login == login {
			return &p
		}
	}
	return nil
}

// byPeople has a person who is Grafana's admin do something to a login.
func byPeople(w *crash.World, method, login, step string, body any) {
	path := fmt.Sprintf("/api/admin/users/%d%s", personIn(w, login).ID, step)
	if status, answer := w.Grafana.Do(method, path, 1, body); status != http.StatusOK {
		w.TB.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
}

// nobodyIs is a check that a login is gone, and its Secret.
func nobodyIs(login string) func(*crash.World) error {
	return func(w *crash.World) error {
		if p := personIn(w, login); p != nil {
			return fmt.Errorf("it is still there: %+v", *p)
		}
		if w.Get(&corev1.Secret{ObjectMeta: crash.Named(login)}) {
			return errors.New("its Secret is still there")
		}
		return nil
	}
}

// loginStayed is a check that a login is there, and whether it is disabled and its Secret is there.
func loginStayed(login string, disabled, secret bool) func(*crash.World) error {
	return func(w *crash.World) error {
		p := personIn(w, login)
		if p == nil || p.Disabled != disabled {
			return fmt.Errorf("the login is %+v", p)
		}
		if has := w.Get(&corev1.Secret{ObjectMeta: crash.Named(login)}); has != secret {
			return fmt.Errorf("its Secret is there: %v", has)
		}
		return nil
	}
}

// begun lets the operator get as far as the first request for the login.
func begun(w *crash.World) {
	w.Step(w.Clock) // the Instance
	w.Step(w.Clock)
}

func rotateCarol(u *v1alpha1.User) {
	u.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
}

func userScenarios() []crash.Scenario {
	full := func(u *v1alpha1.User) {
		u.Spec.Email, u.Spec.Name, u.Spec.GrafanaAdmin, u.Spec.Disabled = "carol@example.org", "Carol", true, true
	}
	return append(passwordScenarios(), []crash.Scenario{
		{Name: "user created", Before: crash.Nothing, Act: withCarol()},
		{Name: "user created with all that there is", Before: crash.Nothing, Act: withCarol(full)},
		{Name: "user changed", Before: withCarol(), Act: editCarol(func(u *v1alpha1.User) {
			full(u)
			u.Spec.Login = "caroline"
		}), After: func(w *crash.World) error {
			if p := personIn(w, "carol"); p != nil {
				return fmt.Errorf("the login of before is somebody's: %+v", p)
			}
			return nil
		}},
		{Name: "user changed while created", Before: crash.Nothing, Act: func(w *crash.World) {
			withCarol()(w)
			begun(w)
			editCarol(func(u *v1alpha1.User) { u.Spec.Login = "caroline" })(w)
		}},
		{Name: "user deleted", Before: withCarol(full), Act: deleteCarol, After: nobodyIs("carol")},
		{Name: "user deleted while created", Before: crash.Nothing, Act: func(w *crash.World) {
			withCarol()(w)
			begun(w)
			deleteCarol(w)
		}, After: nobodyIs("carol")},
		{Name: "user disabled when deleted", Before: withCarol(func(u *v1alpha1.User) {
			u.Spec.DeletionPolicy = v1alpha1.UserDisable
		}), Act: deleteCarol, After: loginStayed("carol", true, false)},
		{Name: "user orphaned", Before: withCarol(func(u *v1alpha1.User) {
			u.Spec.DeletionPolicy = v1alpha1.UserOrphan
		}), Act: deleteCarol, After: loginStayed("carol", false, true)},
		{Name: "user undone by people", Before: withCarol(full), Act: func(w *crash.World) {
			byPeople(w, http.MethodPost, "carol", "/enable", struct{}{})
			byPeople(w, http.MethodPut, "carol", "/permissions", map[string]any{"isGrafanaAdmin": false})
			w.Everybody()
		}},
		{Name: "user deleted by people", Before: withCarol(), Act: func(w *crash.World) {
			byPeople(w, http.MethodDelete, "carol", "", nil)
			w.Everybody()
		}},
		{Name: "user and Grafana's database reset", Before: func(w *crash.World) {
			crash.WithOrg(w)
			withCarol()(w)
		}, Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			w.SignUp("boss", "cyd", "dan") // dan has carol's id now
			w.Everybody()
		}, After: loginStayed("dan", false, false)},
		foreignUser(), adoptedUser(), twoUsers(),
		{Name: "at once: users", AtOnce: true, Before: crash.Nothing, Act: func(w *crash.World) {
			w.Create(carol(), crash.NewUser("dora", "dora"), crash.NewUser("emil", "emil"))
		}},
	}...)
}

// passwordScenarios are about what is in the Secret.
func passwordScenarios() []crash.Scenario {
	moved := func(u *v1alpha1.User) {
		u.Spec.Password = &v1alpha1.UserPassword{
			Secret: &v1alpha1.PasswordSecret{Name: "moved", Key: "password", Type: "Opaque"},
		}
	}
	given := func(u *v1alpha1.User) {
		u.Spec.Password = &v1alpha1.UserPassword{SecretKeyRef: &v1alpha1.KeyReference{Name: "given", Key: "password"}}
	}
	secret := func(name string) *corev1.Secret { return &corev1.Secret{ObjectMeta: crash.Named(name)} }
	write := func(w *crash.World, name, password string) {
		s := secret(name)
		w.Get(s)
		s.Data = map[string][]byte{"password": []byte(password)}
		if err := w.Kube.Update(w.TB.Context(), s); err != nil {
			w.TB.Fatal(err)
		}
		w.Everybody()
	}
	withGiven := func(w *crash.World) {
		s := secret("given")
		s.Data = map[string][]byte{"password": []byte("first-given-password")}
		w.Create(s)
		withCarol(given)(w)
	}
	return []crash.Scenario{
		{Name: "user's password rotated", Before: withCarol(), Act: editCarol(rotateCarol)},
		{Name: "user's password rotated, then deleted", Before: withCarol(), Act: func(w *crash.World) {
			editCarol(rotateCarol)(w)
			w.Step(w.Clock)
			deleteCarol(w)
		}, After: nobodyIs("carol")},
		{Name: "user's Secret deleted", Before: withCarol(), Act: func(w *crash.World) { w.Delete(secret("carol")) }},
		{Name: "user's Secret edited", Before: withCarol(), Act: func(w *crash.World) { write(w, "carol", "edited") }},
		{Name: "user's Secret renamed", Before: withCarol(), Act: editCarol(moved)},
		{Name: "user's Secret renamed, password rotated", Before: withCarol(), Act: editCarol(func(u *v1alpha1.User) {
			moved(u)
			rotateCarol(u)
		})},
		{Name: "user created with a password from a Secret", Before: crash.Nothing, Act: withGiven},
		{Name: "user's password changed in a Secret", Before: withGiven, Act: func(w *crash.World) {
			write(w, "given", "second-given-password")
		}},
		{Name: "user's password taken from a Secret from now on", Before: withCarol(), Act: func(w *crash.World) {
			s := secret("given")
			s.Data = map[string][]byte{"password": []byte("first-given-password")}
			w.Create(s)
			editCarol(given)(w)
		}},
	}
}

// foreignUser asks for the login of somebody who was there before.
func foreignUser() crash.Scenario {
	return crash.Scenario{Name: "user of somebody else's login", Before: crash.Nothing, Act: func(w *crash.World) {
		w.Create(crash.NewUser("carol", "Boss"))
	}, Stalled: map[string]string{"User": v1alpha1.ReasonAlreadyExists}, After: func(w *crash.World) error {
		if !w.Grafana.Opens("boss", "secret") {
			return errors.New("the password of who was there before does not open their login")
		}
		return nil
	}}
}

// adoptedUser was there before, is taken over by consent, and stays when the object goes.
func adoptedUser() crash.Scenario {
	return crash.Scenario{Name: "user adopted, then deleted", Before: func(w *crash.World) {
		w.SignUp("carol")
		crash.Edit(w, crash.Instance(), func(o *v1alpha1.Instance) { o.Spec.Adoption = v1alpha1.AdoptionAllow })
	}, Act: func(w *crash.World) {
		w.Create(carol(func(u *v1alpha1.User) { u.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt }))
		rested(w)
		deleteCarol(w)
	}, After: loginStayed("carol", false, true)}
}

// twoUsers ask for one login: the one that has it keeps it.
func twoUsers() crash.Scenario {
	return crash.Scenario{Name: "user of another one's login", Before: func(w *crash.World) {
		w.Create(crash.NewUser("other", "carol"))
	}, Act: withCarol(), Stalled: map[string]string{"User": v1alpha1.ReasonNameConflict}}
}
