package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lease"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Two processes share two Grafanas, each of which is asked by one only. What is in an Organization that does not exist
// yet is told so by the other one, and goes over when it appears. A shard that is stopped leaves its Grafana alone, and
// the other works on. A process with another number of shards waits until both have ended.
func TestAPIShards(t *testing.T) {
	t.Parallel()
	s := newShared(t)
	first, second := s.tenant(0), s.tenant(1)
	for i, at := range []*sharedTenant{first, second} {
		suite.Waiting(at.World, at.dash, v1alpha1.ReasonParentNotFound, "Organization")
		suite.Waiting(at.World, at.token, v1alpha1.ReasonParentNotAvailable, "ServiceAccount")
		at.org = at.Organization(s.orgOf(i))
		suite.Waiting(at.World, at.org, v1alpha1.ReasonParentNotFound, "Instance")
		at.Instance()
		at.ready(at.World)
		at.askedBy(i)
	}
	s.holds("grafana-tenancy.dev-0-of-2", "grafana-tenancy.dev-1-of-2")

	s.stop(1)
	s.worlds[1].Grafana.ResetLog()
	suite.Change(second.World, second.dash, func() { second.dash.Spec.Source.JSON = new(`{"title": "Changed"}`) })
	suite.Change(first.World, first.dash, func() { first.dash.Spec.Source.JSON = new(`{"title": "Changed"}`) })
	suite.Ready(first.World, first.dash)
	first.leave(first.World)
	if asked := s.worlds[1].Grafana.Requests(); len(asked) > 0 {
		t.Errorf("the Grafana of the shard that is stopped was asked: %+v", asked)
	}
	if o := suite.Get(second.World, second.dash); o.Status.ObservedGeneration >= o.Generation {
		t.Error("somebody has worked for the shard that is stopped")
	}

	s.start(1, ofTwo(1))
	suite.Ready(second.World, second.dash)
	second.askedBy(1)

	s.start(2, lifecycle.Shard{})
	suite.Change(second.World, second.dash, func() { second.dash.Spec.Source.JSON = new(`{"title": "Again"}`) })
	suite.Ready(second.World, second.dash)
	second.askedBy(1)
	s.stop(1)
	s.holds("grafana-tenancy.dev", "grafana-tenancy.dev-0-of-2")
	second.askedBy(1)
	s.stop(0)
	second.Grafana.ResetLog()
	second.leave(second.World)
	second.askedBy(2)
}

// An Organization that is let go, and made anew on an Instance of the other process, takes what refers to it along: all
// of that is made there once, though each has the same ids there as before. In the old Grafana it is left, as asked.
func TestAPIOrganizationGoesToAnotherShard(t *testing.T) {
	suite.NotOnReal(t, "there are two Grafanas")
	t.Parallel()
	s := newShared(t)
	from, to := s.worlds[0], s.worlds[1]
	from.Instance()
	to.Instance(func(o *v1alpha1.Instance) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	})
	n := s.tenant(0)
	n.org = from.Organization(s.orgOf(0))
	n.ready(from)
	was := suite.Get(from, n.org).Status.OrgID

	suite.Change(from, n.org, func() { n.org.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	from.Delete(n.org)
	from.Gone(n.org)
	n.org = from.Organization(s.orgOf(0), func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Namespace = to.NS })
	suite.Ready(from, n.org)
	id := suite.Get(from, n.org).Status.OrgID
	if id != was {
		t.Errorf("the organization has id %d there, and had %d: it was to be the same", id, was)
	}
	from.Eventually("everything in the other Grafana", func() error {
		made := []int{len(to.Grafana.Dashboards(id)), len(to.Grafana.ServiceAccounts(id)), len(to.Grafana.Tokens(id))}
		if !slices.Equal(made, []int{1, 1, 1}) {
			return fmt.Errorf("there are %v dashboards, service accounts and tokens", made)
		}
		return nil
	})
	n.ready(from)
	(&sharedTenant{n.tenant, to}).askedBy(1)
	n.askedBy(0)

	from.Delete(n.org, n.sa, n.token, n.dash)
	from.Gone(n.org, n.sa, n.token, n.dash)
	if left := []int{len(from.Grafana.Orgs()), len(to.Grafana.Orgs())}; !slices.Equal(left, []int{2, 1}) {
		t.Errorf("there are %v organizations, and not the abandoned one and those that Grafana has itself", left)
	}
}

// shared are two Grafanas, each with an Instance in a namespace of its own, and the processes that share them.
type shared struct {
	t         *testing.T
	worlds    [2]*suite.World
	leases    string // the namespace of the leases
	processes [3]*shardProcess
}

func ofTwo(index int) lifecycle.Shard { return lifecycle.Shard{Index: index, Of: 2} }

func newShared(t *testing.T) *shared {
	t.Helper()
	bare, s := suite.Bare(t), &shared{t: t}
	for i := range s.worlds {
		w := &suite.World{Cluster: bare, T: t, Grafana: suite.StartGrafana(t, grafanatest.Options{})}
		for w.NS == "" || !ofTwo(i).Has(types.NamespacedName{Namespace: w.NS, Name: "grafana"}) {
			w.NS = w.Namespace(nil)
		}
		w.Create(&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "admin"},
			StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
		})
		s.worlds[i] = w
	}
	s.leases = s.worlds[0].Namespace(nil)
	for i := range s.worlds {
		s.start(i, ofTwo(i))
	}
	return s
}

// orgOf is the name of an Organization in the namespace of a shard's Instance that the other shard misses as long as it
// does not exist.
func (s *shared) orgOf(i int) string {
	for n := 0; ; n++ {
		name := fmt.Sprintf("team-%d", n)
		if !ofTwo(i).Has(types.NamespacedName{Namespace: s.worlds[i].NS, Name: name}) {
			return name
		}
	}
}

// sharedTenant is a tenant in the Grafana of one of the shards.
type sharedTenant struct {
	*tenant
	*suite.World
}

// tenant applies all of a tenant but its Organization.
func (s *shared) tenant(i int) *sharedTenant {
	w, org := s.worlds[i], s.orgOf(i)
	return &sharedTenant{&tenant{
		token: w.Token("ci", "robot"), dash: w.Dashboard("overview", org, overview), sa: w.Account("robot", org),
	}, w}
}

// askedBy checks which process alone has sent requests to this Grafana.
func (n *sharedTenant) askedBy(process int) {
	n.T.Helper()
	asked := map[string]bool{}
	for _, r := range n.Grafana.Requests() {
		asked[r.Agent] = true
	}
	if len(asked) != 1 || !asked[agentOf(process)] {
		n.T.Errorf("the Grafana was asked by %v, and not by %s alone", asked, agentOf(process))
	}
}

// leave deletes the tenant, of which nothing is left then.
func (n *sharedTenant) leave(w *suite.World) {
	w.T.Helper()
	w.Delete(n.org, n.sa, n.token, n.dash)
	w.Gone(n.org, n.sa, n.token, n.dash)
	if orgs := w.Grafana.Orgs(); len(orgs) != 1 {
		w.T.Errorf("there are organizations left: %v", orgs)
	}
}

// holds waits until these are the leases that somebody holds.
func (s *shared) holds(want ...string) {
	s.t.Helper()
	s.worlds[0].Eventually("the leases that are held", func() error {
		var all coordinationv1.LeaseList
		if err := s.worlds[0].Client.List(s.t.Context(), &all, client.InNamespace(s.leases)); err != nil {
			return err
		}
		var held []string
		for _, l := range all.Items {
			if l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity != "" {
				held = append(held, l.Name)
			}
		}
		if slices.Sort(held); !slices.Equal(held, want) {
			return fmt.Errorf("%q are held, and not %q", held, want)
		}
		return nil
	})
}

// shardProcess is what main runs.
type shardProcess struct {
	cancel      context.CancelFunc
	ended       func() error // waits for its end
	connections *connection.Pool
}

func agentOf(process int) string { return fmt.Sprintf("%s-%d", suite.UserAgent, process) }

// start starts a process, which is ready to work when this returns.
func (s *shared) start(process int, shard lifecycle.Shard) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := s.worlds[0]
	mgr, err := lease.NewManager(w.Config, s.leases, shard, ctrl.Options{
		Scheme: w.Scheme, Metrics: metricsserver.Options{BindAddress: "0"}, Logger: w.Log.Logger(),
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{s.worlds[0].NS: {}, s.worlds[1].NS: {}},
		},
		Controller:     ctrlconfig.Controller{SkipNameValidation: new(true)},
		LeaderElection: true, LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	p := &shardProcess{cancel: cancel, connections: connection.NewPool()}
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder(v1alpha1.ManagedBy),
		Connections: p.connections, Now: time.Now, Shard: shard,
		FirstRetry: 50 * time.Millisecond, LastRetry: time.Second,
	}, ClusterID: suite.ClusterID, UserAgent: agentOf(process)}
	env.Sources = fetch.NewQueue(fetch.New(fetch.Options{}).Fetch, 1, 1)
	if err := suite.Setup(mgr, env); err != nil {
		cancel()
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	p.ended = sync.OnceValue(func() error { return <-ended })
	s.processes[process] = p
	s.t.Cleanup(func() { s.end(p) })
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		s.t.Fatal("the caches did not fill")
	}
}

// stop ends a process as main does.
func (s *shared) stop(process int) {
	s.t.Helper()
	s.end(s.processes[process])
}

func (s *shared) end(p *shardProcess) {
	p.cancel()
	if err := p.ended(); err != nil {
		s.t.Error(err)
	}
	p.connections.Close(context.Background())
}

// A set is worked on by the process whose shard has its own name, wherever the Organizations are.
func TestAPIShardsOfSets(t *testing.T) {
	suite.NotOnReal(t, "there are two Grafanas")
	t.Parallel()
	s := newShared(t)
	w := s.worlds[0]
	w.Instance()
	org := suite.Ready(w, w.Organization(s.orgOf(0), chosen(w, nil)))
	var sets [2]*v1alpha1.DashboardSet
	s.stop(1)
	for i := range sets {
		name := "set"
		for !ofTwo(i).Has(types.NamespacedName{Namespace: w.NS, Name: name}) {
			name += "x"
		}
		sets[i] = dashboardSet(w, name)
	}
	suite.Ready(w, sets[0])
	if left := childrenOf(w, sets[1]); len(left) > 0 || len(suite.Get(w, sets[1]).Status.Conditions) > 0 {
		t.Errorf("another's set was worked on: %+v, %+v", left, sets[1].Status)
	}
	s.start(1, ofTwo(1))
	suite.Ready(w, sets[1])
	for _, set := range sets {
		childOfReady(w, set, org)
		w.Delete(set)
		w.Gone(set)
		child := childOf(set, org)
		w.Delete(child)
		w.Gone(child)
	}
	w.Delete(org)
	w.Gone(org)
}
