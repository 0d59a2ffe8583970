// Package suite runs the operator on a real kube-apiserver, which all tests of a package share, and gives each test a
// namespace and a Grafana of its own.
package suite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	apiruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Cluster is a real control plane with the operator running against it. All tests share one; each keeps to a namespace
// and a Grafana of its own.
type Cluster struct {
	Env    *envtest.Environment
	Config *rest.Config
	Scheme *apiruntime.Scheme
	// client reads and writes past every cache.
	Client client.Client
	Log    *Logbook
	status *inspector

	connections *connection.Pool
	cancel      context.CancelFunc
	stopped     chan error
}

// ClusterID is the operator's --cluster-id.
const ClusterID = "envtest"

// shared are the control planes of a package's tests. Each is started by the first test that needs it: the tests beside
// these run without.
var shared, bare once

type once struct {
	sync.Once
	cluster *Cluster
	err     error
}

func (o *once) get(t *testing.T, start func() (*Cluster, error)) *Cluster {
	t.Helper()
	o.Do(func() { o.cluster, o.err = start() })
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.cluster
}

// Main is the TestMain of a package whose tests have the operator at work. They fail if it has sent to Grafana what
// no real one was ever recorded with. It returns what to exit with.
func Main(m *testing.M) (code int) {
	flag.Parse()
	letTestsWaitSideBySide()
	collectGarbageRarely()
	code = m.Run()
	for _, c := range []*Cluster{shared.cluster, bare.cluster} {
		if err := c.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if unknown := grafanatest.Unrecorded(); len(unknown) > 0 && code == 0 {
		fmt.Fprintf(
			os.Stderr,
			"the operator sent what is in no recording from a real Grafana (see make record):\n%s\n",
			strings.Join(unknown, "\n"),
		)
		code = 1
	}
	return code
}

// letTestsWaitSideBySide raises -parallel, unless it was given: these tests wait much more than they compute.
func letTestsWaitSideBySide() {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", fmt.Sprint(max(32, runtime.GOMAXPROCS(0))))
	}
}

// collectGarbageRarely spends memory for time, here and in the processes that tests start, the control plane above all.
func collectGarbageRarely() {
	if os.Getenv("GOGC") == "" {
		_ = os.Setenv("GOGC", "400")
		debug.SetGCPercent(800)
	}
}

// Shared is the control plane of this package's tests.
func Shared(t *testing.T) *Cluster {
	t.Helper()
	return shared.get(t, func() (*Cluster, error) {
		c, err := newCluster()
		if err != nil {
			return nil, err
		}
		ctrl.SetLogger(c.Log.Logger())
		if err := c.run(); err != nil {
			return nil, errors.Join(err, c.Env.Stop())
		}
		return c, nil
	})
}

// Bare is a control plane that no operator runs against: the one of the other tests works on whatever it sees in
// theirs. Its tests share it, too: what they run keeps to namespaces of its own.
func Bare(t *testing.T) *Cluster {
	t.Helper()
	return bare.get(t, newCluster)
}

// newCluster starts a control plane.
func newCluster() (_ *Cluster, err error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return nil, errors.New(
			"this test needs a kube-apiserver and KUBEBUILDER_ASSETS is not set: run `make test`, which builds " +
				"one and sets it (make test PKG=./controllers RUN=TestAPI)",
		)
	}
	c := &Cluster{Log: &Logbook{}, Scheme: apiruntime.NewScheme()}
	if err := errors.Join(clientgoscheme.AddToScheme(c.Scheme), v1alpha1.AddToScheme(c.Scheme)); err != nil {
		return nil, err
	}
	c.Env = &envtest.Environment{
		UseExistingCluster: new(false), BinaryAssetsDirectory: assets,
		CRDDirectoryPaths: []string{InRepository("config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	tokens, err := c.admitByToken()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tokens) }()
	if c.Config, err = c.Env.Start(); err != nil {
		return nil, fmt.Errorf(
			"starting the control plane of KUBEBUILDER_ASSETS=%s: %w",
			assets,
			errors.Join(err, c.Env.Stop()),
		)
	}
	c.Config.QPS = -1
	c.Config.BearerToken, c.Config.CertData, c.Config.KeyData = adminToken, nil, nil
	if c.Client, err = client.New(c.Config, client.Options{Scheme: c.Scheme}); err != nil {
		return nil, errors.Join(err, c.Env.Stop())
	}
	return c, nil
}

const adminToken = "the-token-of-the-admin-in-tests"

// admitByToken has the API server know its admin by a token too, and returns the file that says so: a certificate is
// verified anew with each request, which is a tenth of what the API server computes in these tests.
func (c *Cluster) admitByToken() (file string, err error) {
	f, err := os.CreateTemp("", "tokens-*.csv")
	if err != nil {
		return "", err
	}
	c.Env.ControlPlane.GetAPIServer().Configure().Append("token-auth-file", f.Name())
	_, err = f.WriteString(adminToken + `,admin-of-tests,1,"system:masters"` + "\n")
	return f.Name(), errors.Join(err, f.Close())
}

// UserAgent is what the operator of the tests calls itself.
const UserAgent = "grafana-tenancy-operator/test"

// run starts the operator.
func (c *Cluster) run() (err error) {
	c.connections, c.stopped = connection.NewPool(), make(chan error, 1)
	env := &controllers.Env{Engine: &lifecycle.Engine{
		Connections: c.connections, Now: time.Now, FirstRetry: 50 * time.Millisecond, LastRetry: time.Second,
	}, ClusterID: ClusterID, UserAgent: UserAgent, Sources: fetch.NewQueue(fetchFromTests, 8, 4),
		FixedWriters: true}
	mgr, err := ctrl.NewManager(c.Config, ctrl.Options{
		Scheme: c.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Cache: cache.Options{DefaultTransform: env.Slim},
	})
	if err != nil {
		return err
	}
	env.Client, env.Live, env.Events = mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder(v1alpha1.ManagedBy)
	if err := Setup(mgr, env); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	if c.status, err = newInspector(ctx, mgr.GetCache()); err != nil {
		cancel()
		return err
	}
	go func() { c.stopped <- mgr.Start(ctx) }()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		cancel()
		return errors.New("the caches did not fill")
	}
	return nil
}

// ShelfPath begins the path of what tests serve themselves, and so on loopback, where nothing else may be fetched from.
const ShelfPath = "/shelf/"

var fetcher = fetch.New(fetch.Options{})

func fetchFromTests(ctx context.Context, r fetch.Request) (fetch.Fetched, error) {
	u, err := url.Parse(r.URL)
	r.Trusted = err == nil && strings.HasPrefix(u.Path, ShelfPath)
	return fetcher.Fetch(ctx, r)
}

// stop stops the operator as main does, if there is one, and then the control plane.
func (c *Cluster) stop() error {
	if c == nil {
		return nil
	}
	if c.cancel == nil {
		return c.Env.Stop()
	}
	c.cancel()
	err := <-c.stopped
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c.connections.Close(ctx)
	return errors.Join(err, c.Env.Stop(), c.Log.Leaks())
}

// Setup registers the controllers of all kinds.
func Setup(mgr ctrl.Manager, env *controllers.Env) error {
	return errors.Join(controllers.Register(env), controllers.Setup(mgr, env, lifecycle.Options{}))
}

// InRepository is the path of a file, wherever in the repository the test is.
func InRepository(parts ...string) string {
	root := ""
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Join(append([]string{root}, parts...)...)
		}
		if len(root) > 60 {
			panic("there is no go.mod above the working directory")
		}
		root = filepath.Join("..", root)
	}
}
