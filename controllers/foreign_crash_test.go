package controllers_test

import (
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// foreignScenarios: what others have is in the way, or comes to be where ours was.
func foreignScenarios() []crash.Scenario {
	return []crash.Scenario{
		{
			Name:    "organization's name is taken",
			Before:  crash.Nothing,
			Act:     func(w *crash.World) { w.Create(crash.Organization("Foreign Inc.")) },
			Stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists},
		},
		{Name: "organization renamed to a taken name", Before: crash.WithOrg, Act: func(w *crash.World) {
			crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Foreign Inc." })
		}, Stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists}, After: func(w *crash.World) error {
			if orgs := w.Grafana.Orgs(); len(orgs) != 3 || orgs[2].Name != "Tenant" {
				return fmt.Errorf("the organization did not keep its name: %+v", orgs)
			}
			return nil
		}},
		{
			Name:    "service account's name is taken",
			Before:  withForeignAccount,
			Act:     func(w *crash.World) { w.Create(crash.Account("Foreign account")) },
			Stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonAlreadyExists},
		},
		{Name: "dashboard's uid is taken", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.MustRest()
			foreignDashboard(w)
		}, Act: func(w *crash.World) { w.Create(crash.Dashboard("requests", crash.OneDashboard)) }, Stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists}},
		{Name: "dashboard replaced by somebody else's, then deleted", Before: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"), crash.Dashboard("requests", crash.OneDashboard))
		}, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
			foreignDashboard(w)
			w.Delete(crash.Dashboard("", ""))
		}},
		{Name: "token's Secret is somebody else's", Before: func(w *crash.World) {
			crash.WithAccount(w)
			w.Create(
				&corev1.Secret{ObjectMeta: crash.Named("token"), Data: map[string][]byte{"token": []byte("precious")}},
			)
		}, Act: func(w *crash.World) { w.Create(crash.Token()) }, Stalled: map[string]string{"ServiceAccountToken": v1alpha1.ReasonSecretConflict}, After: func(w *crash.World) error {
			secret := &corev1.Secret{ObjectMeta: crash.Named("token")}
			if w.Get(secret); string(secret.Data["token"]) != "precious" || len(w.Grafana.Keys()) > 0 {
				return fmt.Errorf("the Secret holds %d bytes, %d keys were made", len(secret.Data["token"]),
					len(w.Grafana.Keys()))
			}
			return nil
		}},
		{Name: "Grafana's database reset, and the id is another's", Before: crash.Tenant, Act: func(w *crash.World) {
			reset(w)
			w.Everybody()
		}},
		{Name: "Grafana's database reset, and the id is nobody's", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			w.Everybody()
		}},
		{
			Name:   "Grafana's database reset, the rebuild cut off, then everything deleted",
			Before: crash.Tenant,
			Act: func(w *crash.World) {
				w.Grafana.ResetDatabase()
				// As a create leaves it whose answer was lost: the id of before, and the intent.
				o := crash.Organization("")
				w.Get(o)
				o.Status.CreateStarted = &metav1.Time{Time: w.Clock.Truncate(time.Second)}
				if err := w.Kube.Status().Update(w.TB.Context(), o); err != nil {
					w.TB.Fatal(err)
				}
				w.Remember(o)
				w.Delete(crash.Organization(""), crash.Account(""), crash.Token(), crash.Dashboard("", ""))
				w.Clock = w.Clock.Add(2 * time.Minute)
				w.Visit("Instance tenant/main")
				w.Visit("Organization tenant/org")
			},
		},
		{Name: "an account that lists no more tokens", Before: func(w *crash.World) {
			crash.WithAccount(w)
			w.MustRest()
			a := crash.Account("")
			w.Get(a)
			for i := range 300 {
				w.Grafana.Do(http.MethodPost, fmt.Sprintf("/api/serviceaccounts/%d/tokens", a.Status.ID), 3,
					map[string]any{"name": fmt.Sprintf("a%03d-kept", i)})
			}
		}, Act: func(w *crash.World) { w.Create(crash.Token()) }, Stalled: map[string]string{"ServiceAccountToken": v1alpha1.ReasonRefused}, OwnKeys: true, After: func(w *crash.World) error {
			if n := len(w.Grafana.Tokens(3)); n != 300 {
				return fmt.Errorf("%d tokens", n)
			}
			return nil
		}},
		{
			Name:    "organization with an account of somebody else's deleted",
			Before:  withForeignAccount,
			Act:     func(w *crash.World) { w.Delete(crash.Organization("")) },
			Stalled: map[string]string{"Organization": v1alpha1.ReasonDeletionBlocked},
		},
		{Name: "Grafana's database reset, then everything deleted", Before: crash.Tenant, Act: func(w *crash.World) {
			reset(w)
			w.Delete(crash.Instance(), crash.Organization(""), crash.Account(""), crash.Token(),
				crash.Dashboard("", ""))
		}, Stalled: map[string]string{"Organization": v1alpha1.ReasonOwnershipLost, "Instance": v1alpha1.ReasonDeleting}},
	}
}

// withForeignAccount is an organization in which somebody else has made a service account.
func withForeignAccount(w *crash.World) {
	crash.WithOrg(w)
	w.MustRest()
	account := map[string]any{"name": "Foreign account", "role": "Viewer"}
	w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, account)
}

func foreignDashboard(w *crash.World) {
	w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3,
		map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Foreign requests"}})
}
