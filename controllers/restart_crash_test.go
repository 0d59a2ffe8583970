package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// After a start, what was in sync is not asked about until its resync is due; then it is, and with it what has changed
// meanwhile.
func TestRestartIsQuiet(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.Tenant(w)
	w.Create(secondDashboard())
	w.Settle()
	writes := w.Writes
	w.Grafana.ResetLog()
	w.Advance(w.Clock.Add(time.Second))
	w.Start()
	w.Briefly(0)
	if w.Writes != writes {
		t.Errorf("%d writes to Kubernetes after a start", w.Writes-writes)
	}
	asked := map[string]int{}
	for _, r := range w.Grafana.Requests() {
		asked[r.Path]++
	}
	for path, n := range asked {
		if strings.Contains(path, "dashboards/") || strings.HasSuffix(path, "/serviceaccounts/4") && n > 0 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	if len(asked) == 0 {
		t.Error("nothing was asked at all")
	}
	w.Grafana.ResetLog()
	w.Briefly(lifecycle.DefaultResync)
	lists := 0
	for _, r := range w.Grafana.Requests() {
		if strings.HasPrefix(r.Path, "/apis/dashboard.grafana.app/v1beta1/") {
			lists++
		} else if strings.Contains(r.Path, "/api/dashboards/uid/") {
			t.Errorf("%s was asked for", r.Path)
		}
	}
	if lists != 1 {
		t.Errorf("%d lists in one resync", lists)
	}
}

// What was changed while no operator was there is acted on at once.
func TestRestartActsOnChanges(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.Tenant(w)
	w.Settle()
	crash.Edit(w, crash.Account(""), func(a *v1alpha1.ServiceAccount) { a.Spec.Name = "Deploy" })
	crash.Edit(w, crash.Dashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = crash.OtherDashboard })
	w.Advance(w.Clock.Add(time.Second))
	w.Start()
	w.Briefly(0)
	if a := w.Grafana.ServiceAccounts(3); len(a) != 1 || a[0].Name != "Deploy" {
		t.Errorf("service accounts: %+v", a)
	}
	if err := shows("stat")(w); err != nil {
		t.Error(err)
	}
}

// Logins that were in sync are not asked about after a start; whose Secret was deleted meanwhile gets another password
// at once.
func TestRestartOfUsers(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.NewUser("carol", "carol"), crash.NewUser("dave", "dave"))
	w.Settle()
	carol := personIn(w, "carol")
	secret := &corev1.Secret{ObjectMeta: crash.Named("dave")}
	if err := w.Kube.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.Grafana.ResetLog()
	w.Advance(w.Clock.Add(time.Second))
	w.Start()
	w.Briefly(0)
	for _, r := range w.Grafana.Requests() {
		if strings.HasSuffix(r.Path, fmt.Sprint("/users/", carol.ID)) {
			t.Errorf("%s %s, who was in sync", r.Method, r.Path)
		}
	}
	if !w.Get(secret) {
		t.Error("the Secret was not made again")
	}
	if err := w.Check(w.Foreign(), crash.Scenario{}); err != nil { // what is in the Secret opens the login
		t.Error(err)
	}
}
