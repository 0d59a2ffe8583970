package crash

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/token"
)

// NewUser is one of the Instance main.
func NewUser(name, login string) *v1alpha1.User {
	return &v1alpha1.User{ObjectMeta: Named(name), Spec: v1alpha1.UserSpec{
		InstanceRef: v1alpha1.LocalObjectReference{Name: "main"},
		Login:       login,
	}}
}

// checkUser fails unless the login is in Grafana as asked for, and what is in its Secret opens it.
func (w *World) checkUser(o *v1alpha1.User, fail failer) {
	for _, p := range w.Grafana.People() {
		if !strings.EqualFold(p.Login, o.WantedLogin()) {
			continue
		}
		email := o.Spec.Email == "" || strings.EqualFold(o.Spec.Email, p.Email)
		if p.ID != o.Status.ID || p.Name != o.WantedName() || !email ||
			p.Disabled != o.Spec.Disabled || p.ServerAdmin != o.Spec.GrafanaAdmin {
			fail("User %s: Grafana has %+v, status %d", o.Name, p, o.Status.ID)
		}
		w.checkPassword(o, fail)
		return
	}
	fail("User %s: nobody in Grafana has login %s", o.Name, o.WantedLogin())
}

func (w *World) checkPassword(o *v1alpha1.User, fail failer) {
	secret, key := &corev1.Secret{ObjectMeta: Named(o.SecretName())}, "password"
	if ref := o.GivenPassword(); ref != nil {
		secret.Name, key = ref.Name, ref.Key
	}
	switch {
	case !w.Get(secret):
		fail("User %s has no Secret %s", o.Name, secret.Name)
	case !w.Grafana.Opens(o.WantedLogin(), string(secret.Data[key])):
		fail("User %s: what is in Secret %s does not open the login", o.Name, secret.Name)
	case o.GivenPassword() == nil && !metav1.IsControlledBy(secret, o) && !o.SecretStays():
		fail("User %s does not own Secret %s", o.Name, secret.Name)
	}
	var list corev1.SecretList
	if err := w.Kube.List(w.TB.Context(), &list); err != nil {
		w.TB.Fatal(err)
	}
	for i := range list.Items {
		if s := &list.Items[i]; s.Name != secret.Name && token.Belongs(s, o) {
			fail("User %s has a Secret %s as well", o.Name, s.Name)
		}
	}
}

// checkUnnamed fails for every login that was made and never got its name.
func (w *World) checkUnnamed(fail failer) {
	for _, p := range w.Grafana.People() {
		if mark.BirthNamePattern.MatchString(p.Name) {
			fail("the login of %+v is nobody's", p)
		}
	}
}

// strangers are the logins that nobody asks the operator for.
func (w *World) strangers() (all []any) {
	for _, p := range w.Grafana.People() {
		if isStranger(p.Login) {
			all = append(all, p)
		}
	}
	return all
}

// isStranger reports whether a login was there before all. Grafana puts those that are made into its main organization.
func isStranger(login string) bool { return login == "admin" || login == "boss" }
