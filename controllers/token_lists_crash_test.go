package controllers_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func withAccount(t *testing.T, test func(t *testing.T, w *crash.World)) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Account("CI"))
		rested(w)
		test(t, w)
	})
}

// The answer of a create tells nothing of the others of the object: what no Secret holds any more is revoked at once.
func TestAKeyThatTakesTheLostOnesPlaceHasItRevoked(t *testing.T) {
	withAccount(t, func(t *testing.T, w *crash.World) {
		made(w, "ServiceAccountToken", crash.Token())
		rested(w)
		before := w.Grafana.Tokens(3)[0].ID
		if err := w.Kube.Delete(t.Context(), &corev1.Secret{ObjectMeta: crash.Named("token")}); err != nil {
			t.Fatal(err)
		}
		w.Visit("ServiceAccountToken tenant/token")
		if all := w.Grafana.Tokens(3); len(all) != 1 || all[0].ID == before {
			t.Errorf("there are %+v, want one that is not %d", all, before)
		}
	})
}

// The answer of a create does not tell when the token expires: Grafana's list does.
func TestWhenATokenExpiresIsKnownAtOnce(t *testing.T) {
	withAccount(t, func(t *testing.T, w *crash.World) {
		o := crash.Token()
		o.Spec.TTL = &metav1.Duration{Duration: 24 * time.Hour}
		made(w, "ServiceAccountToken", o)
		w.Get(o)
		want := w.Clock.Add(24 * time.Hour).Truncate(time.Second)
		if at := o.Status.ExpiresAt; at == nil || !at.Time.Equal(want) {
			t.Errorf("it expires at %v, want %s", at, want)
		}
	})
}

// The visit that a new token's Secret brings goes by the list that there is; the next one looks, and so does one whose
// Secret was changed meanwhile.
func TestOnlyTheVisitThatTheOwnSecretBringsGoesByAYoungList(t *testing.T) {
	withAccount(t, func(t *testing.T, w *crash.World) {
		visit := func() map[string]int {
			return requestsOf(w, func() { w.Visit("ServiceAccountToken tenant/token") })
		}
		made(w, "ServiceAccountToken", crash.Token())
		if log := visit(); len(log) > 0 {
			t.Errorf("the visit that its own Secret brings has asked %v", log)
		}
		account, before := w.Grafana.ServiceAccounts(3)[0].ID, w.Grafana.Tokens(3)[0].ID
		w.Grafana.Do(http.MethodDelete, fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", account, before), 3, nil)
		visit()
		if all := w.Grafana.Tokens(3); len(all) != 1 || all[0].ID == before {
			t.Errorf("there are %+v after the next visit, want one that is not %d", all, before)
		}
	})
}

// A list that serves many is enough at a resync for a token that is at rest, and not for one that has others beside it,
// of which there is more to be told than some seconds ago.
func TestAListServesATokenOnlyAtRest(t *testing.T) {
	withAccount(t, func(t *testing.T, w *crash.World) {
		first, second := crash.Token(), crash.Token()
		first.Name, first.Spec.Secret.Name = "a-token", "a-secret"
		second.Name, second.Spec.Secret.Name = "b-token", "b-secret"
		second.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{Duration: time.Hour}}
		w.Create(first, second)
		rested(w)
		lists := func() int {
			return requestsOf(w, func() { resync(w) })["GET /api/serviceaccounts/N/tokens"]
		}
		if n := lists(); n != 1 {
			t.Errorf("%d lists for two tokens at rest", n)
		}
		crash.Edit(w, second, func(o *v1alpha1.ServiceAccountToken) {
			metav1.SetMetaDataAnnotation(&o.ObjectMeta, v1alpha1.AnnotationRotate, "now")
		})
		w.Briefly(time.Minute)
		if n := len(w.Grafana.Tokens(3)); n != 3 {
			t.Fatalf("there are %d tokens", n)
		}
		if n := lists(); n != 2 {
			t.Errorf("%d lists for a token at rest and one within the overlap", n)
		}
	})
}
