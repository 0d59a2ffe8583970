package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// logins counts the times that the operator has logged in, or tried to.
func (w *world) logins() (n int) {
	for _, r := range w.grafana.Requests() {
		if r.Path == "/login" {
			n++
		}
	}
	return n
}

// changeCredential changes the Secret that the Instance logs in with.
func (w *world) changeCredential(change func(*corev1.Secret)) {
	w.tb.Helper()
	secret := &corev1.Secret{ObjectMeta: named("grafana")}
	w.get(secret)
	change(secret)
	if err := w.kube.Update(w.tb.Context(), secret); err != nil {
		w.tb.Fatal(err)
	}
	w.everybody()
}

// The finalizer that keeps the credential's Secret while there are Organizations is no change of the credential: one
// login serves all.
func TestFinalizerOnCredentialCostsNoLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "12.4.0")
	w.seed()
	w.settle()
	withOrg(w)
	w.settle()
	secret := &corev1.Secret{ObjectMeta: named("grafana")}
	if w.get(secret); len(secret.Finalizers) != 1 {
		t.Errorf("the Secret's finalizers: %v", secret.Finalizers)
	}
	if n := w.logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// A Secret that changes in all but the credential, by whoever's hand, is no reason to try a refused one again; a
// changed credential is tried at once. So it is after a restart.
func TestRefusedCredentialTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "12.4.0")
	w.seed()
	w.settle()
	w.grafana.SetPassword("admin", "changed")
	w.grafana.EndSessions()
	w.advance(w.clock.Add(2 * time.Second)) // the pause between probes
	instance := newInstance()
	visit := func() {
		t.Helper()
		w.visit("Instance tenant/main")
		w.get(instance)
	}
	visit()
	if instance.Status.LoginFailure == nil {
		t.Fatalf("status: %+v", instance.Status)
	}
	w.advance(w.clock.Add(time.Minute))
	visit() // the second try; the next one is due five minutes later
	tries := w.logins()
	touch := func(s *corev1.Secret) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, "example.com/seen", s.ResourceVersion)
	}
	for range 3 {
		w.changeCredential(touch)
		visit()
		w.advance(w.clock.Add(time.Minute))
		visit()
	}
	w.start() // and it knows nothing but what the status says
	visit()
	if n := w.logins(); n != tries {
		t.Errorf("tried %d times more", n-tries)
	}
	w.changeCredential(func(s *corev1.Secret) { s.Data["admin-password"] = []byte("wrong again") })
	visit()
	if n := w.logins(); n != tries+1 || instance.Status.LoginFailure == nil ||
		instance.Status.LoginFailure.Attempts != 1 {
		t.Errorf("tried %d times more; status: %+v", n-tries, instance.Status.LoginFailure)
	}
	w.changeCredential(func(s *corev1.Secret) { s.Data["admin-password"] = []byte("changed") })
	visit()
	if instance.Status.LoginFailure != nil || !meta.IsStatusConditionTrue(instance.Status.Conditions, "Ready") {
		t.Errorf("status: %+v", instance.Status)
	}
}
