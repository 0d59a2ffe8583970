package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// looks waits for three whole visits to a token.
func (w *world) looks(token *v1alpha1.ServiceAccountToken) {
	w.t.Helper()
	for range 4 { // a visit begins only when the one before is over
		before := w.asked("GET", w.tokensPath(token))
		visit(w, token)
		w.eventually("a visit", func() error {
			if w.asked("GET", w.tokensPath(token)) == before {
				return errors.New("it has not been looked at")
			}
			return nil
		})
	}
}

// tokensPath is what is read at every visit to a token.
func (w *world) tokensPath(token *v1alpha1.ServiceAccountToken) string {
	w.t.Helper()
	account := get(w, &v1alpha1.ServiceAccount{ObjectMeta: w.named(token.Spec.ServiceAccountRef.Name)})
	return fmt.Sprintf("/api/serviceaccounts/%d/tokens", account.Status.ID)
}

// A Secret is not written when there is nothing to write: not by visits, not by an operator that has just started, and
// not by the end of an overlap.
func TestAPITokenSecretAtRest(t *testing.T) {
	t.Parallel()
	clock := newClock()
	w := newWorld(t, grafanatest.Options{Now: clock.Now})
	token := w.tokenOf(func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.TTL = duration(720 * time.Hour)
		o.Spec.Secret.Labels, o.Spec.Secret.Annotations = map[string]v1alpha1.LabelValue{
			"b": "1",
			"a": "",
		}, map[string]string{
			"c": "d,e",
			"f": "",
		}
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"all": "{{ toJson . }}", "until": "{{ .expiresAt }}"}
	})
	first := w.key("ci")
	w.rotate(token, "now")
	revised(w, token, 2)
	secret := w.secret("ci")
	w.rests(token, 2)
	w.unwritten(secret)
	w.anotherOperator(token)
	w.unwritten(secret)
	clock.advance(6 * time.Minute)
	visit(w, token)
	w.dead(first)
	w.rests(token, 2)
	w.anotherOperator(token)
	w.rests(token, 2)
	w.unwritten(secret)
}

// anotherOperator starts an operator that remembers nothing, as after a restart, lets it look at a token twice and
// stops it.
func (w *world) anotherOperator(token *v1alpha1.ServiceAccountToken) {
	w.t.Helper()
	mgr, err := ctrl.NewManager(w.config, ctrl.Options{
		Scheme:     w.scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
		Cache: cache.Options{
			DefaultTransform:  cache.TransformStripManagedFields(),
			DefaultNamespaces: map[string]cache.Config{w.ns: {}},
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	connections := connection.NewPool()
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder(v1alpha1.ManagedBy),
		Connections: connections, Now: time.Now, FirstRetry: 50 * time.Millisecond, LastRetry: time.Second,
	}, ClusterID: clusterID}
	if err := setup(mgr, env); err != nil {
		w.t.Fatal(err)
	}
	path := w.tokensPath(token)
	w.grafana.ResetLog()
	ctx, cancel := context.WithCancel(w.t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	w.eventually("the other operator's first visit", func() error {
		if w.asked("GET", path) == 0 {
			return errors.New("it has not looked")
		}
		return nil
	})
	w.looks(token)
	cancel()
	if err := <-stopped; err != nil {
		w.t.Error(err)
	}
	connections.Close(context.WithoutCancel(ctx))
}
