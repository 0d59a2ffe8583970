package lease_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/internal/lease"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// oldRole is an API server with one lease, and the rights to it that versions before shards had: get, create, update.
type oldRole struct {
	mu     sync.Mutex
	stored []byte
	other  []string // requests that were refused
}

func (s *oldRole) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	const leases = "/apis/coordination.k8s.io/v1/namespaces/" + namespace + "/leases"
	switch at := r.Method + " " + r.URL.Path; {
	case strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/"+namespace+"/events"):
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"kind": "Event", "apiVersion": "v1"}`)
	case at == "POST "+leases, at == "PUT "+leases+"/grafana-tenancy.dev":
		s.stored, _ = io.ReadAll(r.Body)
		_, _ = w.Write(s.stored)
	case at == "GET "+leases+"/grafana-tenancy.dev" && s.stored != nil:
		_, _ = w.Write(s.stored)
	case at == "GET "+leases+"/grafana-tenancy.dev":
		refuse(w, http.StatusNotFound, "NotFound")
	default:
		s.other = append(s.other, at)
		refuse(w, http.StatusForbidden, "Forbidden")
	}
}

func refuse(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
	})
}

// An upgrade under the Role of the version before: the one process is elected, and works.
func TestManagerOfTheWholeFleetNeedsNoMoreRightsThanBefore(t *testing.T) {
	api := &oldRole{}
	server := httptest.NewServer(api)
	defer server.Close()
	config := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	mgr, err := lease.NewManager(config, namespace, lifecycle.Shard{}, ctrl.Options{
		LeaderElection: true, LeaderElectionReleaseOnCancel: true, Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	works := false
	if err := mgr.Add(manager.RunnableFunc(func(context.Context) error {
		works = true
		end()
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	if err := mgr.Start(ctx); err != nil || !works {
		t.Errorf("it works: %v; %v", works, err)
	}
	lists := len(api.other)
	for _, request := range api.other {
		if !strings.HasSuffix(request, "/leases") {
			lists = 0
		}
	}
	if lists != 2 {
		t.Errorf("refused: %v, want two lists of leases", api.other)
	}
}
