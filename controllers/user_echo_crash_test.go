package controllers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// The visit that a new password's Secret brings asks Grafana nothing. But a Secret that others have changed meanwhile
// is put right at once, and a change in Grafana is seen by any other visit.
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

// Grafana's database is replaced right after the last request for a User was answered, and another object's pass begins
// a session in it. What was seen before is not in there: the visit that the Secret brings does not go by it.
func TestOwnSecretHidesNoOtherDatabase(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Account("CI"))
		rested(w)
		replaced := false
		w.Answers = func(r *http.Request) *http.Response {
			if replaced || r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/api/users/") {
				return nil
			}
			replaced = true
			resp, err := w.Grafana.RoundTripper().RoundTrip(r)
			if err != nil {
				t.Error(err)
			}
			anotherDatabase(w)
			w.Visit("ServiceAccount tenant/account")
			return resp
		}
		made(w, "User", carol())
		if !replaced || !w.Get(&corev1.Secret{ObjectMeta: crash.Named("carol")}) {
			t.Fatal("the database was not replaced while the User was made")
		}
		if got := requestsOf(w, func() { w.Visit("User tenant/carol") }); len(got) == 0 {
			t.Error("the visit has asked nothing, about a login that is not there")
		}
	})
}
