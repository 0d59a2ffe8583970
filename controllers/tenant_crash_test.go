package controllers_test

import (
	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func wholeScenarios() []crash.Scenario {
	return []crash.Scenario{
		{Name: "a tenant from nothing", Before: crash.Nothing, Act: crash.Tenant},
		{Name: "a tenant deleted at once", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Delete(
				crash.Instance(),
				crash.Organization(""),
				crash.Account(""),
				crash.Token(),
				crash.Dashboard("", ""),
			)
		}},
		{Name: "an organization deleted while it is created", Before: crash.Nothing, Act: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"))
			w.Visit("Organization tenant/org") // waits for the Instance
			w.Visit("Instance tenant/main")
			w.Visit("Organization tenant/org")
			w.Delete(crash.Organization(""))
		}},
		{Name: "credentials changed", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Grafana.SetPassword("admin", "changed")
			w.Grafana.EndSessions() // else the old login would go on working
			secret := &corev1.Secret{ObjectMeta: crash.Named("grafana")}
			w.Get(secret)
			secret.Data["admin-password"] = []byte("changed")
			if err := w.Kube.Update(w.TB.Context(), secret); err != nil {
				w.TB.Fatal(err)
			}
			w.Everybody()
		}},
		{Name: "an instance deleted", Before: crash.Nothing, Act: func(w *crash.World) { w.Delete(crash.Instance()) }},
	}
}
