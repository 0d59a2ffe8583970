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
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// looks waits for three whole visits to a token.
func looks(w *suite.World, token *v1alpha1.ServiceAccountToken) {
	w.T.Helper()
	for range 4 { // a visit begins only when the one before is over
		before := w.Asked("GET", tokensPath(w, token))
		suite.Visit(w, token)
		w.Eventually("a visit", func() error {
			if w.Asked("GET", tokensPath(w, token)) == before {
				return errors.New("it has not been looked at")
			}
			return nil
		})
	}
}

// tokensPath is what is read at every visit to a token.
func tokensPath(w *suite.World, token *v1alpha1.ServiceAccountToken) string {
	w.T.Helper()
	account := suite.Get(w, &v1alpha1.ServiceAccount{ObjectMeta: w.Named(token.Spec.ServiceAccountRef.Name)})
	return fmt.Sprintf("/api/serviceaccounts/%d/tokens", account.Status.ID)
}

// A Secret is not written when there is nothing to write: not by visits, not by an operator that has just started, and
// not by the end of an overlap.
func TestAPITokenSecretAtRest(t *testing.T) {
	t.Parallel()
	clock := suite.NewClock()
	w := suite.New(t, grafanatest.Options{Now: clock.Now})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) {
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
	first := w.Key("ci")
	rotate(w, token, "now")
	revised(w, token, 2)
	secret := w.Secret("ci")
	rests(w, token, 2)
	unwritten(w, secret)
	anotherOperator(w, token)
	unwritten(w, secret)
	clock.Advance(6 * time.Minute)
	suite.Visit(w, token)
	dead(w, first)
	rests(w, token, 2)
	anotherOperator(w, token)
	rests(w, token, 2)
	unwritten(w, secret)
}

// anotherOperator starts an operator that remembers nothing, as after a restart, lets it look at a token twice and
// stops it.
func anotherOperator(w *suite.World, token *v1alpha1.ServiceAccountToken) {
	w.T.Helper()
	mgr, err := ctrl.NewManager(w.Config, ctrl.Options{
		Scheme:     w.Scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
		Cache: cache.Options{
			DefaultTransform:  cache.TransformStripManagedFields(),
			DefaultNamespaces: map[string]cache.Config{w.NS: {}},
		},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	connections := connection.NewPool()
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder(v1alpha1.ManagedBy),
		Connections: connections, Now: time.Now, FirstRetry: 50 * time.Millisecond, LastRetry: time.Second,
	}, ClusterID: suite.ClusterID}
	if err := suite.Setup(mgr, env); err != nil {
		w.T.Fatal(err)
	}
	path := tokensPath(w, token)
	w.Grafana.ResetLog()
	ctx, cancel := context.WithCancel(w.T.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	w.Eventually("the other operator's first visit", func() error {
		if w.Asked("GET", path) == 0 {
			return errors.New("it has not looked")
		}
		return nil
	})
	looks(w, token)
	cancel()
	if err := <-stopped; err != nil {
		w.T.Error(err)
	}
	connections.Close(context.WithoutCancel(ctx))
}
