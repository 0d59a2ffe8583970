package controllers_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// tellsNoKeyInPanic has the operator panic, in this process, at the moments when it has a key in hand:
// controller-runtime tells of it with values and stacks, and goes on.
func tellsNoKeyInPanic(h *haunt) {
	book, fuse := &suite.Logbook{}, &fuse{}
	mgr, err := ctrl.NewManager(h.Config, ctrl.Options{
		Scheme: h.Scheme, Logger: book.Logger(), Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{h.NS: {}}},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		h.T.Fatal(err)
	}
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Client: panickyClient{
			mgr.GetClient(),
			fuse,
		},
		Live:             mgr.GetAPIReader(),
		Events:           mgr.GetEventRecorder(v1alpha1.ManagedBy),
		Connections:      connection.NewPool(),
		Now:              time.Now,
		FirstRetry:       50 * time.Millisecond,
		LastRetry:        time.Second,
		NamespacesHidden: true,
	}, ClusterID: suite.ClusterID, Transport: panickyTransport{h.Grafana.RoundTripper(), fuse}}
	if err := suite.Setup(mgr, env); err != nil {
		h.T.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	h.T.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.T.Error(err)
		}
	})
	go func() { ended <- mgr.Start(ctx) }()
	n := newTenant(h.World)
	for _, moment := range []string{"key read", "Secret created", "Secret updated"} {
		fuse.light(moment)
		if moment == "Secret updated" {
			n.relabel(h.World)
		} else {
			h.Delete(h.Secret("ci"))
		}
		h.Eventually("panic: "+moment, func() error {
			if !strings.Contains(book.String(), "not foreseen: "+moment) {
				return errors.New("it is not in the log")
			}
			return nil
		})
		h.settle(moment, func() error { return nil })
	}
	if err := book.Leaks(); err != nil {
		h.T.Error(err)
	}
	for _, found := range append(h.forbidden().In(book.String()), inObjects(h.World, h.forbidden())...) {
		h.T.Error(found)
	}
}

// fuse says at which moment to panic next, once.
type fuse struct{ lit atomic.Value }

func (f *fuse) light(moment string) { f.lit.Store(moment) }

func (f *fuse) blow(moment string) {
	if f.lit.CompareAndSwap(moment, "") {
		panic("not foreseen: " + moment)
	}
}

// panickyTransport panics when the answer with a new key has been read.
type panickyTransport struct {
	http.RoundTripper
	*fuse
}

func (p panickyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := p.RoundTripper.RoundTrip(r)
	if err == nil && r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/tokens") {
		answer.Body = panickyBody{answer.Body, p.fuse}
	}
	return answer, err
}

type panickyBody struct {
	io.ReadCloser
	*fuse
}

func (p panickyBody) Close() error {
	p.blow("key read")
	return p.ReadCloser.Close()
}

// panickyClient panics over a Secret that is to be written.
type panickyClient struct {
	client.Client
	*fuse
}

func (p panickyClient) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if _, secret := obj.(*corev1.Secret); secret && len((&client.CreateOptions{}).ApplyOptions(opts).DryRun) == 0 {
		p.blow("Secret created")
	}
	return p.Client.Create(ctx, obj, opts...)
}

func (p panickyClient) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if _, secret := obj.(*corev1.Secret); secret && len((&client.UpdateOptions{}).ApplyOptions(opts).DryRun) == 0 {
		p.blow("Secret updated")
	}
	return p.Client.Update(ctx, obj, opts...)
}
