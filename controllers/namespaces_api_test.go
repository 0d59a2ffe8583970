package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// TestAPINamespaces runs the operator as a process that has rights in chosen namespaces only, as config/namespaced
// gives them.
func TestAPINamespaces(t *testing.T) {
	t.Parallel()
	binary, bare := operator(t), suite.Bare(t)
	for name, test := range map[string]func(*bounded){
		"one that cannot be read stops nobody":      oneUnreadable,
		"none that can be read":                     noneReadable,
		"deleted with its RoleBinding":              deletedWithRights,
		"caches that do not fill, and a signal":     cachesNeverFull,
		"events are not sent into one that is gone": noEventsIntoOneThatEnds,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newBounded(t, bare, binary))
		})
	}
}

// rightsName is the RoleBinding of config/namespaced.
const rightsName = "grafana-tenancy-manager-rolebinding"

// bounded is an operator with rights in a few namespaces.
type bounded struct {
	*haunt
	user, role string
	probes     string
}

func newBounded(t *testing.T, c *suite.Cluster, binary string) *bounded {
	t.Helper()
	h := newHaunt(t, c, binary)
	b := &bounded{haunt: h, user: "operator-" + h.NS, role: "role-" + h.NS, probes: freeAddress(t)}
	text, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if _, _, err := serializer.NewCodecFactory(c.Scheme).UniversalDeserializer().Decode(text, nil, role); err != nil {
		t.Fatal(err)
	}
	role.Name = b.role
	role.Rules = append(role.Rules, rbacv1.PolicyRule{
		APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings"}, ResourceNames: []string{rightsName},
		Verbs: []string{"get", "list", "watch", "patch"},
	})
	if err := c.Client.Create(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	b.bind(h.NS)
	b.through(forward(t, c.Config))
	return b
}

// through has the operator reach the API server through a handler, as its own user.
func (b *bounded) through(api http.Handler) {
	b.T.Helper()
	front := httptest.NewServer(api)
	b.T.Cleanup(front.Close)
	config := strings.Replace(fmt.Sprintf(kubeconfigTo, front.URL), "user: {}", "user: {as: "+b.user+"}", 1)
	if err := os.WriteFile(b.kubeconfig, []byte(config), 0o600); err != nil {
		b.T.Fatal(err)
	}
}

// bind gives the operator its rights in a namespace.
func (b *bounded) bind(ns string) *rbacv1.RoleBinding {
	b.T.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: rightsName},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: b.role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: b.user}},
	}
	b.Create(binding)
	return binding
}

// work starts the operator for these namespaces.
func (b *bounded) work(namespaces ...string) {
	b.T.Helper()
	b.start("--watch-namespaces="+strings.Join(namespaces, ","), "--role-binding="+rightsName,
		"--health-probe-bind-address="+b.probes, "--zap-log-level=info")
}

// isReady asks the probe of readiness.
func (b *bounded) isReady() error {
	answer, err := http.Get("http://" + b.probes + "/readyz") //nolint:noctx // it is on this machine
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", answer.Status)
	}
	return nil
}

// endsWith waits until the process has ended, and checks its exit code.
func (b *bounded) endsWith(code int) {
	b.T.Helper()
	child := b.process()
	b.Eventually("the process ends", func() error {
		if !child.ended() {
			return errors.New("it runs")
		}
		return nil
	})
	if is := child.cmd.ProcessState.ExitCode(); is != code {
		b.T.Errorf("it ended with %d, want %d", is, code)
	}
}

// says waits until the last process has said something.
func (b *bounded) logs(text string) {
	b.T.Helper()
	b.Eventually("the log tells", func() error {
		if all := b.said(); !strings.Contains(all[len(all)-1], text) {
			return fmt.Errorf("%q is not in the log", text)
		}
		return nil
	})
}

// A namespace without a RoleBinding is left out and named, the work in others goes on, and it is taken in by the
// process that comes after the rights.
func oneUnreadable(b *bounded) {
	closed, missing := b.Namespace(nil), b.NS+"-missing"
	org := b.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	})
	theirs := &v1alpha1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: closed, Name: "robot"},
		Spec: v1alpha1.ServiceAccountSpec{
			OrganizationRef: v1alpha1.ObjectReference{Name: "team", Namespace: b.NS},
		},
	}
	b.Create(theirs)
	b.work(b.NS, closed, missing)
	suite.Ready(b.World, org)
	b.Eventually("the operator is ready", b.isReady)
	b.logs("namespace " + closed + " cannot be read, and is left out")
	b.logs("namespace " + missing + " cannot be read, and is left out")
	suite.Change(b.World, org, func() { org.Spec.Name = "Team of theirs" })
	b.Eventually("the organization has its new name", func() error {
		if b.OrgNamed("Team of theirs") == nil {
			return errors.New("it has not")
		}
		return nil
	})
	b.bind(closed)
	b.endsWith(0)
	b.logs("more namespaces that can be read")
	b.work(b.NS, closed, missing)
	suite.Ready(b.World, theirs)
	b.process().end(syscall.SIGTERM)
}

func noneReadable(b *bounded) {
	b.work(b.NS + "-missing")
	b.endsWith(1)
	b.logs("none of the namespaces of --watch-namespaces can be read")
}

// The namespace controller deletes everything of a namespace in one sweep, RoleBindings first. The rights stay until
// the operator has cleaned up: keys are revoked, dashboards deleted, and nothing is left that holds up the namespace.
func deletedWithRights(b *bounded) {
	tenant := b.Namespace(nil)
	binding := b.bind(tenant)
	in := func(o client.Object) { o.SetNamespace(tenant) }
	from := v1alpha1.ObjectReference{Name: "team", Namespace: b.NS}
	org := b.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	})
	robot := b.Account("robot", "team", func(o *v1alpha1.ServiceAccount) { in(o); o.Spec.OrganizationRef = from })
	token := b.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { in(o) })
	dash := b.Dashboard(
		"overview",
		"team",
		overview,
		func(o *v1alpha1.Dashboard) { in(o); o.Spec.OrganizationRef = from },
	)
	b.work(b.NS, tenant)
	suite.Ready(b.World, org)
	suite.Ready(b.World, robot)
	suite.Ready(b.World, token)
	suite.Ready(b.World, dash)
	b.Eventually("the RoleBinding is held", func() error {
		if len(suite.Get(b.World, binding).Finalizers) == 0 {
			return errors.New("it has no finalizer")
		}
		return nil
	})
	b.Delete(binding, token, robot, dash)
	b.Gone(binding, token, robot, dash)
	b.Eventually("Grafana has nothing of it", func() error {
		for _, key := range b.Grafana.Keys() {
			if _, _, _, alive := b.Grafana.KeyAlive(key); alive {
				return errors.New("a key lives")
			}
		}
		if n := len(b.Grafana.Dashboards(org.Status.OrgID)); n > 0 {
			return fmt.Errorf("%d dashboards are left", n)
		}
		return nil
	})
	b.process().end(syscall.SIGTERM)
}

// A process whose caches do not become full says that it is not ready, and ends when it is told to.
func cachesNeverFull(b *bounded) {
	api := forward(b.T, b.Config)
	var watched atomic.Int64
	b.through(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/dashboards") && r.URL.Query().Get("limit") != "1" {
			watched.Add(1)
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		api.ServeHTTP(w, r)
	}))
	b.work(b.NS)
	b.Eventually("the operator tries to watch Dashboards", func() error {
		if watched.Load() == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	if err := b.isReady(); err == nil {
		b.T.Error("/readyz says that it is ready")
	}
	child := b.process()
	_ = child.cmd.Process.Signal(syscall.SIGTERM)
	b.endsWith(1)
}

// What is let go in a namespace that is being deleted is no reason for errors in the log.
func noEventsIntoOneThatEnds(b *bounded) {
	tenant := b.Namespace(nil)
	b.bind(tenant)
	org := b.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	})
	var robots []client.Object
	for n := range 3 {
		robots = append(robots, b.Account(fmt.Sprint("robot-", n), "team", func(o *v1alpha1.ServiceAccount) {
			o.Namespace, o.Spec.OrganizationRef.Namespace = tenant, b.NS
		}))
	}
	b.work(b.NS, tenant)
	suite.Ready(b.World, org)
	for _, r := range robots {
		suite.Ready(b.World, r.(*v1alpha1.ServiceAccount))
	}
	b.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}})
	b.Eventually("the namespace is being deleted", func() error {
		err := b.Client.Create(
			b.T.Context(),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: "late"}},
		)
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return fmt.Errorf("it is not: %w", err)
		}
		return nil
	})
	b.Delete(robots...)
	b.Gone(robots...)
	b.process().end(syscall.SIGTERM)
	for _, said := range b.said() {
		for _, line := range strings.Split(said, "\n") {
			ended := strings.Contains(line, `"error":"context canceled"`) // a read that the end of the process cut off
			if strings.Contains(line, `"level":"error"`) && !ended || strings.Contains(line, "Server rejected event") {
				b.T.Errorf("an error in the log: %s", line)
			}
		}
	}
}
