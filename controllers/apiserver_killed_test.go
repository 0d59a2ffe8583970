package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// TestAPIKilled runs the operator as it is shipped, as a process, and kills it at chosen writes: before the write has
// gone out, and after it took effect but before the operator could know. The next process must bring everything to
// exactly one of each, with no key lost or left.
func TestAPIKilled(t *testing.T) {
	notOnReal(t, "the operator is killed at chosen requests")
	t.Parallel()
	binary := buildOperator(t)
	bare := bareCluster(t)
	for _, s := range deadlyScenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			newHaunt(t, bare, binary).play(s)
		})
	}
	t.Run("tells no key", func(t *testing.T) {
		t.Parallel()
		tellsNoKey(newHaunt(t, bare, binary))
	})
	t.Run("tells no key in a panic", func(t *testing.T) {
		t.Parallel()
		tellsNoKeyInPanic(newHaunt(t, bare, binary))
	})
}

// buildOperator builds the command and returns the path of the binary.
func buildOperator(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the operator: %v\n%s", err, out)
	}
	return binary
}

// bareCluster is a control plane that no operator runs against: the one of the other tests works on whatever it sees in
// theirs.
func bareCluster(t *testing.T) *cluster {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Fatal(
			"this test needs a kube-apiserver and KUBEBUILDER_ASSETS is not set: run `make test`, which builds " +
				"one and sets it",
		)
	}
	c := &cluster{scheme: apiruntime.NewScheme(), log: &logbook{}}
	if err := errors.Join(clientgoscheme.AddToScheme(c.scheme), v1alpha1.AddToScheme(c.scheme)); err != nil {
		t.Fatal(err)
	}
	c.env = &envtest.Environment{
		UseExistingCluster: new(false), BinaryAssetsDirectory: assets,
		CRDDirectoryPaths: []string{filepath.Join("..", "config", "crd", "bases")}, ErrorIfCRDPathMissing: true,
		ControlPlaneStartTimeout: time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	var err error
	t.Cleanup(func() {
		if err := c.env.Stop(); err != nil {
			t.Error(err)
		}
	})
	if c.config, err = c.env.Start(); err != nil {
		t.Fatalf("starting the control plane of KUBEBUILDER_ASSETS=%s: %v", assets, err)
	}
	c.config.QPS = -1
	if c.client, err = client.New(c.config, client.Options{Scheme: c.scheme}); err != nil {
		t.Fatal(err)
	}
	return c
}

// haunt is a namespace and a Grafana with an operator that gets killed. The operator reaches both through the haunt,
// which sees each write.
type haunt struct {
	*world
	binary, kubeconfig string
	password           string
	environment        []string  // of the operator, besides the tests' own
	signal             os.Signal // that it is killed with
	outputs            []string  // files with what each process said

	mu     sync.Mutex
	seen   []string       // writes, in order, since begin
	count  map[string]int // of each
	target *listLife
	hit    chan struct{} // closed when the target is reached
	child  *child
}

// listLife is one write, and whether to strike before it has gone out or after it took effect.
type listLife struct {
	write string
	nth   int // of that name, from 1
	after bool
}

func (m *listLife) String() string {
	if m == nil {
		return "unharmed"
	}
	when := "before"
	if m.after {
		when = "after"
	}
	return fmt.Sprintf("%s %s (%d)", when, m.write, m.nth)
}

func newHaunt(t *testing.T, c *cluster, binary string) *haunt {
	t.Helper()
	h := &haunt{binary: binary, password: "no-such-password-anywhere", signal: syscall.SIGKILL, count: map[string]int{}}
	h.world = &world{cluster: c, t: t, grafana: grafanatest.New(grafanatest.Options{Password: h.password})}
	h.ns = h.namespace(nil)
	front := httptest.NewServer(h.watch("grafana", h.grafana, nameGrafanaWrite))
	t.Cleanup(front.Close)
	h.grafana.URL = front.URL
	api := httptest.NewServer(h.watch("kubernetes", forward(t, c.config), nameKubernetesWrite))
	t.Cleanup(api.Close)
	h.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	t.Cleanup(h.over)
	if err := os.WriteFile(h.kubeconfig, []byte(fmt.Sprintf(kubeconfigTo, api.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin", Annotations: map[string]string{ // as kubectl apply leaves it
			corev1.LastAppliedConfigAnnotation: fmt.Sprintf(
				`{"stringData": {"admin-user": "admin", "admin-password": %q}}`,
				h.password,
			),
		}},
		StringData: map[string]string{"admin-user": "admin", "admin-password": h.password},
	})
	h.instance()
	return h
}

const kubeconfigTo = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
`

// forward passes requests on to the API server.
func forward(t *testing.T, config *rest.Config) http.Handler {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// watch serves what next does, and strikes at the target.
func (h *haunt) watch(system string, next http.Handler, name func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write := name(r)
		if write == "" {
			next.ServeHTTP(w, r)
			return
		}
		strike := h.note(system + ": " + write)
		if strike == nil {
			next.ServeHTTP(w, r)
			return
		}
		if strike.after {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		h.process().end(h.signal)
		close(h.hit)
		panic(http.ErrAbortHandler)
	})
}

// note keeps a write, and returns the target if that is it.
func (h *haunt) note(write string) *listLife {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = append(h.seen, write)
	h.count[write]++
	target := h.target
	if target == nil || target.write != write || target.nth != h.count[write] {
		return nil
	}
	h.target = nil
	return target
}

func (h *haunt) process() *child {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.child
}

// begin forgets what was seen and sets the target; nil: none.
func (h *haunt) begin(target *listLife) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen, h.count, h.target, h.hit = nil, map[string]int{}, target, make(chan struct{})
}

// noted returns what was seen since begin.
func (h *haunt) noted() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen)
}

// pending reports whether the target has not been reached, and takes it back.
func (h *haunt) pending() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	pending := h.target != nil
	h.target = nil
	return pending
}

var numbers = regexp.MustCompile(`/\d+`)

// nameGrafanaWrite names a request that changes something in Grafana; "" for others. Logins change nothing that matters
// here.
func nameGrafanaWrite(r *http.Request) string {
	if r.Method == http.MethodGet || r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/api/user/auth-tokens") {
		return ""
	}
	return r.Method + " " + numbers.ReplaceAllString(r.URL.Path, "/:id")
}

// nameKubernetesWrite names a request that changes something in Kubernetes; "" for others, rehearsals and events.
func nameKubernetesWrite(r *http.Request) string {
	if r.Method == http.MethodGet || r.URL.Query().Has("dryRun") {
		return ""
	}
	_, path, _ := strings.Cut(r.URL.Path, "/namespaces/")
	parts := strings.Split(path, "/") // the namespace, the resource, the object's name, the subresource
	if len(parts) < 2 || parts[1] == "events" || parts[1] == "leases" {
		return ""
	}
	name := r.Method + " " + parts[1]
	if len(parts) == 4 {
		name += "/" + parts[3]
	}
	return name
}

// child is one run of the operator.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// start starts the operator.
func (h *haunt) start(args ...string) {
	h.t.Helper()
	output, err := os.Create(fmt.Sprintf("%s.output-%d", h.kubeconfig, len(h.outputs)))
	if err != nil {
		h.t.Fatal(err)
	}
	defer output.Close() // the process has its own
	args = append([]string{
		"--kubeconfig=" + h.kubeconfig, "--watch-namespaces=" + h.ns, "--cluster-id=killed",
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0", "--zap-log-level=10",
	}, args...)
	c := &child{cmd: exec.Command(h.binary, args...), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), h.environment...)
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.SysProcAttr = output, output, dyingWithUs()
	if err := c.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.end(syscall.SIGKILL) })
	go func() {
		_ = c.cmd.Wait() // that it was killed is no news
		close(c.done)
	}()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.child, h.outputs = c, append(h.outputs, output.Name())
}

// dyingWithUs ends a process when the tests are killed, where the system can do that.
func dyingWithUs() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{}
	if field := reflect.ValueOf(attributes).Elem().FieldByName("Pdeathsig"); field.IsValid() {
		field.SetInt(int64(syscall.SIGKILL))
	}
	return attributes
}

// end ends the process by a signal and waits until it is no more.
func (c *child) end(signal os.Signal) {
	_ = c.cmd.Process.Signal(signal) // fails if it has ended
	<-c.done
}

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// said is all that the processes have said.
func (h *haunt) said() []string {
	h.t.Helper()
	var all []string
	for _, file := range h.outputs {
		text, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// over looks for leaks, and tells the last words of the last process if the test has failed.
func (h *haunt) over() {
	for i, text := range h.said() {
		for _, secret := range h.forbidden().in(text) {
			h.t.Errorf("process %d said %s", i, secret)
		}
		if h.t.Failed() && i == len(h.outputs)-1 {
			h.t.Logf("the last process said, last:\n%s", text[max(0, len(text)-8000):])
		}
	}
}

// forbidden is what nobody may see.
func (h *haunt) forbidden() secrets { return append(secrets(h.grafana.Keys()), h.password) }

// robot is a token with all that it needs.
type robot struct {
	org   *v1alpha1.Organization
	sa    *v1alpha1.ServiceAccount
	token *v1alpha1.ServiceAccountToken
}

// robot applies a tenant from nothing.
func (h *haunt) robot(name string, changes ...func(*v1alpha1.ServiceAccountToken)) *robot {
	h.t.Helper()
	return &robot{
		h.organization("team-" + name),
		h.account("robot-"+name, "team-"+name),
		h.token("ci-"+name, "robot-"+name, changes...),
	}
}

// deadly is a change that the operator is killed over.
type deadly struct {
	name string
	// begin makes what must be there before the first change.
	begin func(h *haunt) *robot
	// renew makes what must be there before each change; nil: nothing.
	renew func(h *haunt, r *robot, i int)
	// change is what people do. It returns what fails until the operator is through with it.
	change func(h *haunt, r *robot, i int) (done func() error)
}

func deadlyScenarios() []deadly {
	nothing := func(*haunt) *robot { return nil }
	one := func(h *haunt) *robot {
		return h.robot("one", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{}} // so that the old key goes at once
		})
	}
	always := func() error { return nil }
	return []deadly{
		{
			name: "a tenant from nothing", begin: nothing,
			change: func(h *haunt, _ *robot, i int) func() error {
				h.robot(fmt.Sprint(i))
				return always
			},
		},
		{
			name: "Secret deleted", begin: one,
			change: func(h *haunt, r *robot, _ int) func() error {
				h.delete(h.secret(r.token.SecretName()))
				return always // there must be one
			},
		},
		{
			name: "token and service account deleted", begin: one,
			renew: func(h *haunt, r *robot, i int) {
				r.sa = h.account(fmt.Sprint("robot-", i), r.org.Name)
				r.token = h.token(fmt.Sprint("ci-", i), r.sa.Name)
			},
			change: func(h *haunt, r *robot, _ int) func() error {
				h.delete(r.sa, r.token)
				return func() error {
					if err := h.client.Get(
						h.t.Context(),
						client.ObjectKeyFromObject(r.sa),
						r.sa,
					); !apierrors.IsNotFound(
						err,
					) {
						return fmt.Errorf("ServiceAccount %s: %+v (%w)", r.sa.Name, r.sa.Status, err)
					}
					return nil
				}
			},
		},
		{
			name: "key rotated", begin: one,
			change: func(h *haunt, r *robot, i int) func() error {
				before := h.key(r.token.SecretName())
				change(
					h.world,
					r.token,
					func() { r.token.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint(i)} },
				)
				return func() error {
					if _, _, _, alive := h.grafana.KeyAlive(before); alive {
						return errors.New("the old key lives")
					}
					return nil
				}
			},
		},
		{
			name: "Secret renamed", begin: one,
			change: func(h *haunt, r *robot, i int) func() error {
				before, keys := h.key(r.token.SecretName()), len(h.grafana.Keys())
				change(h.world, r.token, func() { r.token.Spec.Secret.Name = fmt.Sprint("secret-", i) })
				return func() error {
					if _, _, _, alive := h.grafana.KeyAlive(before); !alive || len(h.grafana.Keys()) != keys {
						h.t.Fatal("another key was made, where the old one was to move")
					}
					return nil
				}
			},
		},
		{
			name: "type of the Secret changed", begin: one,
			change: func(h *haunt, r *robot, i int) func() error {
				kind := fmt.Sprint("example.com/", i)
				change(h.world, r.token, func() { r.token.Spec.Secret.Type = kind })
				return func() error {
					var s corev1.Secret
					if err := h.client.Get(
						h.t.Context(),
						client.ObjectKey{Namespace: h.ns, Name: r.token.SecretName()},
						&s,
					); err != nil ||
						string(s.Type) != kind {
						return fmt.Errorf("the Secret is of type %q (%w)", s.Type, err)
					}
					return nil
				}
			},
		},
	}
}

// play plays a scenario once unharmed, to see which writes there are, and then once for each moment of a sample of
// them.
func (h *haunt) play(s deadly) {
	h.start()
	r := s.begin(h)
	once := func(i int, target *listLife) bool {
		if s.renew != nil {
			s.renew(h, r, i)
		}
		h.settle("before", func() error { return nil })
		h.begin(target)
		done := s.change(h, r, i)
		killed := target != nil && h.struck(done)
		if killed {
			h.start()
		}
		h.settle(target.String(), done)
		return killed
	}
	once(0, nil)
	moments, kills := sample(h.noted()), 0
	for i, m := range moments {
		if once(i+1, m) {
			kills++
		}
	}
	h.t.Logf("killed %d times; to be killed %v", kills, moments)
	if kills < 3 || kills < len(moments)/2 {
		h.t.Error("that tests too little")
	}
}

// sample picks moments from the writes of an unharmed run: all around a key, those after which only Grafana knows what
// was created, and some of the others.
func sample(writes []string) (moments []*listLife) {
	count := map[string]int{}
	for i, write := range writes {
		count[write]++
		aboutKeys := strings.HasSuffix(write, "secrets") ||
			strings.HasPrefix(write, "grafana") && strings.Contains(write, "/tokens")
		for j, after := range []bool{false, true} {
			created := after && strings.HasPrefix(write, "grafana: POST")
			if aboutKeys || created || (2*i+j)%7 == 1 {
				moments = append(moments, &listLife{write, count[write], after})
			}
		}
	}
	return moments
}

// struck waits until the operator has been killed. It is false if all is done without: not every run has the same
// writes.
func (h *haunt) struck(done func() error) bool {
	h.t.Helper()
	struck := true
	h.eventually("the kill", func() error {
		select {
		case <-h.hit:
			return nil
		default:
		}
		if err := h.settled(done); err != nil {
			return err
		}
		struck = !h.pending()
		return nil
	})
	if struck {
		<-h.hit
	}
	return struck
}

// settle waits until the operator is through with all there is.
func (h *haunt) settle(when string, done func() error) {
	h.t.Helper()
	h.eventually(when, func() error { return h.settled(done) })
}

// settled fails unless everything is Ready and in Grafana exactly once, and every live key is in its Secret and works.
func (h *haunt) settled(done func() error) error {
	if c := h.process(); c != nil && c.ended() {
		return errors.New("the operator has ended")
	}
	if err := done(); err != nil {
		return err
	}
	for _, obj := range h.objects(h.t.Context(), h.ns) {
		if !isTrue(obj, v1alpha1.ConditionReady) || obj.CommonStatus().ObservedGeneration != obj.GetGeneration() ||
			!obj.GetDeletionTimestamp().IsZero() {
			return fmt.Errorf("%T %s: %+v", obj, obj.GetName(), obj.CommonStatus().Conditions)
		}
	}
	return errors.Join(h.exactAccounts(), h.exactTokens())
}

// exactAccounts fails unless Grafana has the organizations and service accounts of the objects, and no others.
func (h *haunt) exactAccounts() error {
	wanted, found := map[string]int{"org 1 Main Org.": 1}, map[string]int{}
	for _, obj := range h.objects(h.t.Context(), h.ns) {
		switch o := obj.(type) {
		case *v1alpha1.Organization:
			wanted[fmt.Sprint("org ", o.Status.OrgID, " ", o.WantedName())]++
		case *v1alpha1.ServiceAccount:
			wanted[fmt.Sprint("account ", o.Status.OrgID, " ", o.Status.ID, " ", o.WantedName())]++
		}
	}
	for _, org := range h.grafana.Orgs() {
		found[fmt.Sprint("org ", org.ID, " ", org.Name)]++
		for _, sa := range h.grafana.ServiceAccounts(org.ID) {
			found[fmt.Sprint("account ", org.ID, " ", sa.ID, " ", sa.Name)]++
		}
	}
	if diff := cmp.Diff(wanted, found); diff != "" {
		return fmt.Errorf("in Grafana (-want +got):\n%s", diff)
	}
	return nil
}

// exactTokens fails unless each token object has one token in Grafana, whose key is in its Secret and works, and there
// are no others.
func (h *haunt) exactTokens() error {
	var list corev1.SecretList
	if err := h.client.List(
		h.t.Context(),
		&list,
		client.InNamespace(h.ns),
		client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
	); err != nil {
		return err
	}
	held, keys := map[string]string{}, map[string]bool{}
	for _, s := range list.Items {
		held[s.Name] = string(s.Data["token"])
		keys[string(s.Data["token"])] = true
	}
	tokens := 0
	for _, obj := range h.objects(h.t.Context(), h.ns) {
		o, ok := obj.(*v1alpha1.ServiceAccountToken)
		if !ok {
			continue
		}
		tokens++
		if org, _, id, alive := h.grafana.KeyAlive(
			held[o.SecretName()],
		); !alive || id != o.Status.TokenID ||
			!h.works(held[o.SecretName()], org) {
			return fmt.Errorf("the key of %s is of token %d, alive: %v; status %+v", o.Name, id, alive, o.Status)
		}
	}
	inGrafana := 0
	for _, org := range h.grafana.Orgs() {
		inGrafana += len(h.grafana.Tokens(org.ID))
	}
	if len(list.Items) != tokens || inGrafana != tokens {
		return fmt.Errorf("%d tokens have %d Secrets, and Grafana has %d", tokens, len(list.Items), inGrafana)
	}
	for _, key := range h.grafana.Keys() {
		if _, _, id, alive := h.grafana.KeyAlive(key); alive && !keys[key] {
			return fmt.Errorf("the key of token %d lives, and no Secret holds it", id)
		}
	}
	return nil
}

// works reports whether Grafana lets the key into the organization.
func (h *haunt) works(key string, org int64) bool {
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.grafana.URL+"/api/org", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var of struct{ ID int64 }
	return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(&of) == nil && of.ID == org
}
