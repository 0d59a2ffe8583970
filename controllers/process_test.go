package controllers_test

import (
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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// operatorDir is where operatorBuild puts the binary of the command; it is built once for all tests.
var operatorDir string

var operatorBuild = sync.OnceValues(func() (binary string, err error) {
	if operatorDir, err = os.MkdirTemp("", "operator"); err != nil {
		return "", err
	}
	binary = filepath.Join(operatorDir, "manager")
	if out, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	return binary, nil
})

// operator is the path of the operator's binary.
func operator(t *testing.T) string {
	t.Helper()
	binary, err := operatorBuild()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// haunt is a namespace and a Grafana with an operator that gets killed. The operator reaches both through the haunt,
// which sees each write.
type haunt struct {
	*suite.World
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

func newHaunt(t *testing.T, c *suite.Cluster, binary string) *haunt {
	t.Helper()
	h := &haunt{binary: binary, password: "no-such-password-anywhere", signal: syscall.SIGKILL, count: map[string]int{}}
	h.World = &suite.World{Cluster: c, T: t, Grafana: grafanatest.New(grafanatest.Options{Password: h.password})}
	h.NS = h.Namespace(nil)
	front := httptest.NewServer(h.watch("grafana", h.Grafana, nameGrafanaWrite))
	t.Cleanup(front.Close)
	h.Grafana.URL = front.URL
	api := httptest.NewServer(h.watch("kubernetes", forward(t, c.Config), nameKubernetesWrite))
	t.Cleanup(api.Close)
	h.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	t.Cleanup(h.over)
	if err := os.WriteFile(h.kubeconfig, []byte(fmt.Sprintf(kubeconfigTo, api.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin", Annotations: map[string]string{ // as kubectl apply leaves it
			corev1.LastAppliedConfigAnnotation: fmt.Sprintf(
				`{"stringData": {"admin-user": "admin", "admin-password": %q}}`,
				h.password,
			),
		}},
		StringData: map[string]string{"admin-user": "admin", "admin-password": h.password},
	})
	h.Instance()
	return h
}

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
	h.T.Helper()
	output, err := os.Create(fmt.Sprintf("%s.output-%d", h.kubeconfig, len(h.outputs)))
	if err != nil {
		h.T.Fatal(err)
	}
	defer output.Close() // the process has its own
	args = append([]string{
		"--kubeconfig=" + h.kubeconfig, "--watch-namespaces=" + h.NS, "--cluster-id=killed",
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0", "--zap-log-level=10",
	}, args...)
	c := &child{cmd: exec.Command(h.binary, args...), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), h.environment...)
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.SysProcAttr = output, output, dyingWithUs()
	if err := c.cmd.Start(); err != nil {
		h.T.Fatal(err)
	}
	h.T.Cleanup(func() { c.end(syscall.SIGKILL) })
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
	h.T.Helper()
	var all []string
	for _, file := range h.outputs {
		text, err := os.ReadFile(file)
		if err != nil {
			h.T.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}

// over looks for leaks, and tells the last words of the last process if the test has failed.
func (h *haunt) over() {
	for i, text := range h.said() {
		for _, secret := range h.forbidden().In(text) {
			h.T.Errorf("process %d said %s", i, secret)
		}
		if h.T.Failed() && i == len(h.outputs)-1 {
			h.T.Logf("the last process said, last:\n%s", text[max(0, len(text)-8000):])
		}
	}
}

// forbidden is what nobody may see.
func (h *haunt) forbidden() suite.Secrets { return append(suite.Secrets(h.Grafana.Keys()), h.password) }
