package controllers_test

import (
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// atOnceScenarios are those in which two passes have met that were made side by side.
func atOnceScenarios() []crash.Scenario {
	twoDashboards := func(w *crash.World) {
		for _, name := range []string{"dashboard", "second"} {
			d := crash.Dashboard("", strings.Replace(crash.OneDashboard, "Requests", name, 1))
			d.Name = name
			path("Team")(d)
			w.Create(d)
		}
	}
	secondToken := func() *v1alpha1.ServiceAccountToken {
		t := crash.Token()
		t.Name = "second"
		return t
	}
	all := []crash.Scenario{
		{Name: "at once: dashboards created in one folder that is made", Before: crash.WithOrg, Act: twoDashboards,
			After: inFolder("Team")},
		{Name: "at once: tokens of one account created", Before: crash.WithAccount, Act: func(w *crash.World) {
			w.Create(crash.Token(), secondToken())
		}},
		{Name: "at once: a tenant from nothing", Before: crash.Nothing, Act: func(w *crash.World) {
			crash.Tenant(w)
			w.Create(secondToken())
		}},
		{Name: "at once: a tenant deleted", Before: func(w *crash.World) {
			crash.Tenant(w)
			w.Create(secondToken())
		}, Act: func(w *crash.World) {
			w.Delete(crash.Organization(""), crash.Account(""), crash.Token(), secondToken(), crash.Dashboard("", ""))
		}},
		{Name: "at once: dashboards whose folder is deleted by a person", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			twoDashboards(w)
		}, Act: func(w *crash.World) {
			w.Grafana.Do(http.MethodDelete, "/api/folders/"+w.Grafana.Folders(3)[0].UID, 3, nil)
			w.Clock = w.Clock.Add(2 * connection.ProofLife)
			w.Everybody()
		}, After: inFolder("Team")},
		{Name: "at once: Grafana's database reset", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Grafana.ResetDatabase()
			w.Everybody()
		}},
	}
	for n := range all {
		all[n].AtOnce = true
	}
	return all
}

// TestCrashAtOnce plays the scenarios in which passes are made side by side in many orders, without any other fault.
func TestCrashAtOnce(t *testing.T) { crash.AtOnce(t, atOnceScenarios()) }
