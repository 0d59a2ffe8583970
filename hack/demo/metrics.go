package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	grafanav1 "grafana-tenancy.dev/operator/api/v1alpha1"
)

// metrics stands in for the Mimir of the samples, which keeps the metrics of
// all tenants. It answers every query alike, and notes for which tenants it was
// asked.
type metrics struct {
	*httptest.Server
	mu      sync.Mutex
	tenants map[string]bool
}

// tenantHeader says to a Mimir whose metrics are wanted.
const tenantHeader = "X-Scope-OrgID"

func startMetrics() *metrics {
	m := &metrics{tenants: map[string]bool{}}
	m.Server = httptest.NewServer(http.HandlerFunc(m.answer))
	return m
}

func (m *metrics) answer(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.tenants[r.Header.Get(tenantHeader)] = true
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)
}

// url is where the samples' DataSources find it.
func (m *metrics) url() string { return m.URL + "/prometheus" }

func (m *metrics) askedFor(tenant string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tenants[tenant]
}

// proveSources tells what Grafana found when it tried the data sources, and
// that the metrics were asked for by the tenant's own header. A Grafana that
// stands elsewhere does not reach this machine's loopback.
func proveSources(ctx context.Context, cluster *cluster, grafana *grafana) error {
	var sources grafanav1.DataSourceList
	if err := cluster.client.List(ctx, &sources); err != nil {
		return err
	}
	for _, source := range sources.Items {
		key := client.ObjectKeyFromObject(&source)
		healthy := meta.FindStatusCondition(source.Status.Conditions, grafanav1.ConditionHealthy)
		if healthy == nil {
			continue
		}
		say("DataSource %s: %s: %s", key, healthy.Reason, healthy.Message)
		var organization grafanav1.Organization
		at := keyOf(source.Spec.OrganizationRef, source.Namespace)
		if err := cluster.client.Get(ctx, at, &organization); err != nil {
			return err
		}
		tenant := organization.Labels["tenant"]
		asked := len(source.Spec.Headers) == 0 || grafana.metrics.askedFor(tenant)
		if healthy.Reason != grafanav1.ReasonWorking || !asked {
			err := fmt.Errorf("DataSource %s does not answer, or was not asked for tenant %s", key, tenant)
			if !grafana.lasting {
				return err
			}
			say("%v: can Grafana reach %s?", err, grafana.metrics.url())
		}
	}
	if len(sources.Items) == 0 {
		return errors.New("there is no DataSource, so nothing is proven")
	}
	return nil
}
