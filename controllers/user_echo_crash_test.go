package controllers_test

import (
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// The visit that a new password's Secret brings asks Grafana nothing. But a Secret that others have changed meanwhile is
// put right at once, and a change in Grafana is seen by any other visit.
func TestOwnSecretHidesNoChangeOfOthers(t *testing.T) {
	spoil := func(w *crash.World) {
		s := &corev1.Secret{ObjectMeta: crash.Named("carol")}
		if !w.Get(s) {
			w.TB.Fatal("there is no Secret")
		}
		s.Data["password"] = []byte("what a person has written")
		if err := w.Kube.Update(w.TB.Context(), s); err != nil {
			w.TB.Fatal(err)
		}
	}
	visit := func(w *crash.World) { w.Visit("User tenant/carol") }
	for name, c := range map[string]struct {
		before, then func(w *crash.World)
		request      string
	}{
		"Secret edited before the visit": {spoil, crash.Nothing, "PUT /api/admin/users/N/password"},
		"Secret edited after the visit":  {visit, spoil, "PUT /api/admin/users/N/password"},
		"Secret deleted before the visit": {func(w *crash.World) {
			w.Delete(&corev1.Secret{ObjectMeta: crash.Named("carol")})
		}, crash.Nothing, "PUT /api/admin/users/N/password"},
		"disabled in Grafana": {visit, func(w *crash.World) {
			byPeople(w, http.MethodPost, "carol", "/disable", nil)
		}, "POST /api/admin/users/N/enable"},
		"disabled in Grafana, the visit late": {func(w *crash.World) {
			byPeople(w, http.MethodPost, "carol", "/disable", nil)
		}, func(w *crash.World) { w.Advance(w.Clock.Add(10 * time.Second)) }, "POST /api/admin/users/N/enable"},
		"annotated before the visit": {func(w *crash.World) {
			o := carol()
			w.Get(o)
			o.Annotations = map[string]string{"example.com/look": "now"}
			if err := w.Kube.Update(w.TB.Context(), o); err != nil {
				w.TB.Fatal(err)
			}
		}, crash.Nothing, "GET /api/users/N"},
		"spec changed before the visit": {editCarol(func(o *v1alpha1.User) { o.Spec.Name = "Carol" }), crash.Nothing,
			"PUT /api/users/N"},
	} {
		t.Run(name, func(t *testing.T) {
			inBothVersions(t, func(t *testing.T, w *crash.World) {
				made(w, "User", carol())
				c.before(w)
				c.then(w)
				if got := requestsOf(w, func() { visit(w) }); got[c.request] != 1 {
					t.Errorf("it has asked for %v, want %s", got, c.request)
				}
			})
		})
	}
}
