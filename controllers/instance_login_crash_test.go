package controllers_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// logins counts the times that the operator has logged in, or tried to.
func logins(w *crash.World) (n int) {
	for _, r := range w.Grafana.Requests() {
		if r.Path == "/login" {
			n++
		}
	}
	return n
}

// changeCredential changes the Secret that the Instance logs in with.
func changeCredential(w *crash.World, change func(*corev1.Secret)) {
	w.TB.Helper()
	secret := &corev1.Secret{ObjectMeta: crash.Named("grafana")}
	w.Get(secret)
	change(secret)
	if err := w.Kube.Update(w.TB.Context(), secret); err != nil {
		w.TB.Fatal(err)
	}
	w.Everybody()
}

// The finalizer that keeps the credential's Secret while there are Organizations is no change of the credential: one
// login serves all.
func TestFinalizerOnCredentialCostsNoLogin(t *testing.T) {
	t.Parallel()
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Settle()
	crash.WithOrg(w)
	w.Settle()
	secret := &corev1.Secret{ObjectMeta: crash.Named("grafana")}
	if w.Get(secret); len(secret.Finalizers) != 1 {
		t.Errorf("the Secret's finalizers: %v", secret.Finalizers)
	}
	if n := logins(w); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// A Secret that changes in all but the credential, by whoever's hand, is no reason to try a refused one again; a
// changed credential is tried at once. So it is after a restart.
func TestRefusedCredentialTriedAgain(t *testing.T) {
	t.Parallel()
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Settle()
	w.Grafana.SetPassword("admin", "changed")
	w.Grafana.EndSessions()
	w.Advance(w.Clock.Add(2 * time.Second)) // the pause between probes
	instance := crash.Instance()
	visit := func() {
		t.Helper()
		w.Visit("Instance tenant/main")
		w.Get(instance)
	}
	visit()
	if instance.Status.LoginFailure == nil {
		t.Fatalf("status: %+v", instance.Status)
	}
	w.Advance(w.Clock.Add(time.Minute))
	visit() // the second try; the next one is due five minutes later
	tries := logins(w)
	touch := func(s *corev1.Secret) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, "example.com/seen", s.ResourceVersion)
	}
	for range 3 {
		changeCredential(w, touch)
		visit()
		w.Advance(w.Clock.Add(time.Minute))
		visit()
	}
	w.Start() // and it knows nothing but what the status says
	visit()
	if n := logins(w); n != tries {
		t.Errorf("tried %d times more", n-tries)
	}
	changeCredential(w, func(s *corev1.Secret) { s.Data["admin-password"] = []byte("wrong again") })
	visit()
	if n := logins(w); n != tries+1 || instance.Status.LoginFailure == nil ||
		instance.Status.LoginFailure.Attempts != 1 {
		t.Errorf("tried %d times more; status: %+v", n-tries, instance.Status.LoginFailure)
	}
	changeCredential(w, func(s *corev1.Secret) { s.Data["admin-password"] = []byte("changed") })
	visit()
	if instance.Status.LoginFailure != nil || !meta.IsStatusConditionTrue(instance.Status.Conditions, "Ready") {
		t.Errorf("status: %+v", instance.Status)
	}
}
