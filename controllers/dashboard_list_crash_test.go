package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// An organization whose list fails is not asked for it by each of its dashboards.
func TestListThatFails(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	const many = 12
	for n := range many {
		d := crash.Dashboard("", strings.Replace(crash.OneDashboard, "Requests", fmt.Sprint("Number ", n), 1))
		d.Name = fmt.Sprint("d", n)
		w.Create(d)
	}
	w.Settle()
	lists := 0
	w.Refuses = func(r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/apis/dashboard.grafana.app/v1beta1/namespaces/") {
			return false
		}
		lists++
		return true
	}
	w.Briefly(2 * lifecycle.DefaultResync)
	if lists == 0 || lists > 4 {
		t.Errorf("%d lists were asked for by %d dashboards in two resyncs", lists, many)
	}
}
