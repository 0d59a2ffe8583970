package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/hack/internal/local"
	"grafana-tenancy.dev/operator/internal/grafana"
)

const (
	platform     = "platform" // the namespace of the Instance
	instanceName = "grafana"
	patience     = 30 * time.Minute
)

// setting is what a world is like.
type setting struct {
	tree    string // the checkout whose operator it is; empty: this one
	grafana func() (*front, error)
	orgs    int
	size    int // of a dashboard, in bytes
	resync  time.Duration
	shared  bool // all organizations let every namespace in
}

// world is a control plane, a Grafana, and the operator between them.
type world struct {
	setting
	cluster *local.Cluster
	binary  *local.Operator
	front   *front
	seed    uint64
	prefix  string // of the names of all organizations, here and in Grafana
	fail    context.CancelCauseFunc

	operator *local.Process
}

// within sets a world up, with the operator running and all organizations Ready, lets something play in it, and takes
// it down.
func (b *bench) within(ctx context.Context, s setting, play func(context.Context, *world) error) (err error) {
	dir, err := os.MkdirTemp("", "grafana-tenancy-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
			err = cause
		}
	}()
	cluster, err := local.StartCluster(ctx, cmp.Or(s.tree, "."), dir, fail)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	operator, err := cluster.Operator(ctx)
	if err != nil {
		return err
	}
	front, err := s.grafana()
	if err != nil {
		return err
	}
	w := &world{
		setting: s,
		cluster: cluster,
		binary:  operator,
		front:   front,
		seed:    b.seed,
		prefix:  fmt.Sprintf("bench-%08x-", uint32(b.seed)),
		fail:    fail,
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := errors.Join(w.applyPlatform(ctx), w.start()); err != nil {
		return err
	}
	if err := w.await(ctx, "instances", 1); err != nil {
		return err
	}
	return play(ctx, w)
}

// close stops the operator, and removes from a Grafana that lasts what was made there.
func (w *world) close(ctx context.Context) error {
	w.stop()
	defer w.front.close()
	if !w.front.lasting {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	w.front.comeBack()
	c, err := w.connect()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }() // the session expires by itself, too
	orgs, err := c.ListOrgs(ctx)
	for _, org := range orgs {
		if strings.HasPrefix(org.Name, w.prefix) {
			err = errors.Join(err, c.DeleteOrg(ctx, org.ID))
		}
	}
	users, failed := c.SearchUsers(ctx, w.prefix)
	err = errors.Join(err, failed)
	for _, user := range users {
		if strings.HasPrefix(user.Login, w.prefix) {
			err = errors.Join(err, c.DeleteUser(ctx, user.ID))
		}
	}
	if err != nil {
		return fmt.Errorf("removing the organizations and people %s… from Grafana: %w", w.prefix, err)
	}
	return nil
}

// connect makes a client of the bench's own.
func (w *world) connect() (*grafana.Client, error) {
	return grafana.New(grafana.Config{URL: w.front.URL, BasicAuth: &w.front.login})
}

// start starts the operator as it is shipped, but for its probes, metrics and lease.
func (w *world) start() (err error) {
	w.operator, err = w.binary.Start(w.fail, "--zap-log-level=info")
	return err
}

func (w *world) stop() {
	if w.operator != nil {
		w.operator.Stop()
		w.operator = nil
	}
}

// await waits until so many objects of a kind are Ready.
func (w *world) await(ctx context.Context, resource string, want int) error {
	have := 0
	ctx, cancel := context.WithTimeoutCause(ctx, patience, local.ErrTimeout)
	defer cancel()
	err := w.watchReady(ctx, resource, func(ready int) bool {
		have = ready
		return have >= want
	})
	switch {
	case errors.Is(context.Cause(ctx), local.ErrTimeout):
		return fmt.Errorf("%d of %d %s are Ready after %s. The operator's last words:\n%s",
			have, want, resource, patience, w.operator.Tail())
	case ctx.Err() != nil:
		return fmt.Errorf("%d of %d %s are Ready: %w", have, want, resource, context.Cause(ctx))
	}
	return err
}

// applyPlatform creates the Instance with its credential.
func (w *world) applyPlatform(ctx context.Context) error {
	spec := v1alpha1.InstanceSpec{
		URL: w.front.URL,
		Credentials: v1alpha1.Credentials{
			BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "admin"}},
		},
		AllowedNamespaces: v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll},
	}
	if w.resync != 0 {
		spec.ResyncInterval = &metav1.Duration{Duration: w.resync}
	}
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: platform}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: "admin"}, StringData: map[string]string{
			"admin-user": w.front.login.Username, "admin-password": string(w.front.login.Password)}},
		&v1alpha1.Instance{ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: instanceName}, Spec: spec},
	} {
		if err := w.cluster.Client.Create(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

// org is the name of an organization, of the object that stands for it, and of its namespace.
func (w *world) org(i int) string { return fmt.Sprintf("%s%03d", w.prefix, i%w.orgs) }

// applyOrgs creates the Organizations, and waits until they are Ready.
func (w *world) applyOrgs(ctx context.Context) error {
	if err := w.createOrgs(ctx); err != nil {
		return err
	}
	return w.await(ctx, "organizations", w.orgs)
}

func (w *world) createOrgs(ctx context.Context) error {
	return parallel(ctx, w.orgs, func(ctx context.Context, i int) error {
		meta := metav1.ObjectMeta{Namespace: w.org(i), Name: w.org(i)}
		instance := v1alpha1.ObjectReference{Namespace: platform, Name: instanceName}
		spec := v1alpha1.OrganizationSpec{InstanceRef: instance}
		if w.shared {
			spec.AllowedNamespaces.From = v1alpha1.FromAll
		}
		return errors.Join(
			w.cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.org(i)}}),
			w.cluster.Client.Create(ctx, &v1alpha1.Organization{ObjectMeta: meta, Spec: spec}),
		)
	})
}

// applyDashboards creates the Dashboards from one number to another, and waits until they are Ready.
func (w *world) applyDashboards(ctx context.Context, from, to int) error {
	if err := w.createDashboards(ctx, from, to); err != nil {
		return err
	}
	return w.await(ctx, "dashboards", to)
}

// createDashboards has them go to the organizations in turn.
func (w *world) createDashboards(ctx context.Context, from, to int) error {
	return parallel(ctx, to-from, func(ctx context.Context, i int) error {
		i += from
		text := content(w.seed, i, w.size)
		return w.cluster.Client.Create(ctx, &v1alpha1.Dashboard{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.org(i), Name: fmt.Sprintf("dashboard-%05d", i)},
			Spec: v1alpha1.DashboardSpec{
				OrganizationRef: v1alpha1.ObjectReference{Name: w.org(i)},
				Source:          v1alpha1.DashboardSource{JSON: &text},
			},
		})
	})
}

// parallel calls do for every number below n, eight at a time, until one fails.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i := 0; i < n && ctx.Err() == nil; i++ {
		slots <- struct{}{}
		wg.Go(func() {
			if err := do(ctx, i); err != nil {
				fail(err)
			}
			<-slots
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// pause waits for a time.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
