package controllers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// An organization whose list fails is not asked for it by each of its dashboards.
func TestListThatFails(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	w.create(newOrganization("Tenant"))
	const many = 12
	for n := range many {
		d := newDashboard("", strings.Replace(oneDashboard, "Requests", fmt.Sprint("Number ", n), 1))
		d.Name = fmt.Sprint("d", n)
		w.create(d)
	}
	w.settle()
	lists := 0
	w.refuses = func(r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/apis/dashboard.grafana.app/v1beta1/namespaces/") {
			return false
		}
		lists++
		return true
	}
	w.briefly(2 * lifecycle.DefaultResync)
	if lists == 0 || lists > 4 {
		t.Errorf("%d lists were asked for by %d dashboards in two resyncs", lists, many)
	}
}
