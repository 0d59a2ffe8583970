package controllers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// A key is in its Secret and nowhere else, whatever goes wrong while it is made: not in objects, events, logs or
// metrics. (Every other test checks objects and events of its own as well.)
func TestAPINoKeyLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	for name, fault := range map[string]grafanatest.Fault{
		"the answer is lost":     {Outcome: grafanatest.DropAfter},
		"the answer is 500":      {Outcome: grafanatest.FailAfter},
		"a proxy echoes the key": {Outcome: grafanatest.Answer, Status: 400, Body: `{"message": "will not do ` + w.key("ci") + `"}`},
		"a proxy adds to it":     {Outcome: grafanatest.Answer, Status: 200, Body: `{"id": 1, "name": "x", "key": "` + w.key("ci") + `x"}`},
		"a page with a key":      {Outcome: grafanatest.Answer, Status: 502, Body: `<html>` + w.key("ci") + `</html>`},
	} {
		w.spoilNextToken(name, fault, n)
	}
	if leaks := w.leaks(t.Context(), w.ns); len(leaks) > 0 {
		t.Errorf("%v", leaks)
	}
	if err := w.log.leaks(); err != nil {
		t.Error(err)
	}
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(families); tokenKey.MatchString(text) || !strings.Contains(text, "grafana_tenancy_ready") {
		t.Error("the metrics hold a key, or are not the operator's")
	}
	if revoked := w.grafana.Keys(); len(revoked) < 6 {
		t.Errorf("only %d keys were made: this test tests little", len(revoked))
	}
}

// spoilNextToken has the next token come about under a fault, and waits until all is well again.
func (w *world) spoilNextToken(name string, fault grafanatest.Fault, n *tenant) {
	w.t.Helper()
	revision, hit := get(w, n.token).Status.Revision, make(chan struct{}, 1)
	w.grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method == "POST" && r.Route == "/api/serviceaccounts/:account/tokens" {
			select {
			case hit <- struct{}{}:
				return fault
			default:
			}
		}
		return grafanatest.Fault{}
	})
	w.delete(w.secret("ci"))
	select {
	case <-hit:
		hit <- struct{}{} // once is enough
	case <-w.t.Context().Done():
		w.t.Fatalf("%s: no token was asked for", name)
	}
	visit(w, n.token)
	until(w, n.token, name+": a new token", func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && n.token.Status.Revision > revision
	})
	w.eventually(name+": it works", func() error {
		if _, _, _, alive := w.grafana.KeyAlive(string(w.secret("ci").Data["token"])); !alive {
			return errors.New("the key in the Secret is dead")
		}
		return nil
	})
}

// The search for leaks finds one.
func TestAPILeaksAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	key := w.key("ci")
	if leaks := w.leaks(t.Context(), w.ns); len(leaks) > 0 {
		t.Fatalf("there is none yet: %v", leaks)
	}
	keys := secrets{key}
	if found := w.inObjects(keys); len(found) > 0 {
		t.Fatalf("there is none yet: %v", found)
	}
	cm := w.configMap("copy", map[string]string{"key": "the key is " + key})
	dash := change(w, n.dash, func() { n.dash.Annotations = map[string]string{"note": key} })
	if leaks := w.leaks(t.Context(), w.ns); len(leaks) != 2 {
		t.Errorf("found: %v", leaks)
	}
	disguised := w.configMap("disguised", map[string]string{"key": fmt.Sprintf("%d", []byte(key))})
	theirs := &corev1.Secret{ObjectMeta: w.named("theirs"), StringData: map[string]string{"stolen": key}}
	w.create(theirs)
	if found := w.inObjects(keys); len(found) != 4 {
		t.Errorf("found: %v", found)
	}
	w.delete(disguised, theirs)
	w.delete(cm)
	change(w, dash, func() { dash.Annotations = nil })
}

// An admission policy may tell in its message what is in the Secret that it refuses or warns of. Kubernetes passes the
// message on, and the operator must not.
func TestAPIRefusedSecretTellsNoKey(t *testing.T) {
	t.Parallel()
	remove := func(w *world, _ *tenant) { w.delete(w.secret("ci")) }
	relabel := func(w *world, n *tenant) { n.relabel(w) }
	for name, test := range map[string]struct {
		action  admissionv1.ValidationAction
		against admissionv1.OperationType
		change  func(w *world, n *tenant) // has the operator write the Secret
	}{
		"a new key is refused":       {admissionv1.Deny, admissionv1.Create, remove},
		"a new key is warned of":     {admissionv1.Warn, admissionv1.Create, remove},
		"the live key is refused":    {admissionv1.Deny, admissionv1.Update, relabel},
		"the live key is warned of":  {admissionv1.Warn, admissionv1.Update, relabel},
		"the Secret's end is denied": {admissionv1.Deny, admissionv1.Delete, func(w *world, n *tenant) { w.delete(n.token) }},
		"its end is warned of":       {admissionv1.Warn, admissionv1.Delete, func(w *world, n *tenant) { w.delete(n.token) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{})
			n := w.tenant()
			key := w.key("ci")
			lift := w.tellingPolicy(test.action, test.against)
			test.change(w, n)
			if test.action == admissionv1.Deny {
				n.refused(w)
				lift()
			}
			switch test.against {
			case admissionv1.Delete:
				w.gone(n.token)
			case admissionv1.Create:
				w.eventually("another key", func() error {
					var s corev1.Secret
					if err := w.client.Get(
						t.Context(),
						client.ObjectKey{Namespace: w.ns, Name: "ci"},
						&s,
					); err != nil ||
						string(s.Data["token"]) == key {
						return fmt.Errorf("there is none (%w)", err)
					}
					return nil
				})
				ready(w, n.token)
			default:
				ready(w, n.token)
			}
			if found := w.told(); len(found) > 0 {
				t.Error(found)
			}
		})
	}
}

// refused waits until Kubernetes has refused a write of the Secret.
func (n *tenant) refused(w *world) {
	w.t.Helper()
	until(w, n.token, "the Secret is refused", func(c metav1.Condition) bool {
		return c.Status != metav1.ConditionTrue && strings.Contains(c.Message, "refused") &&
			strings.Contains(c.Message, "Secret")
	})
}

func (n *tenant) relabel(w *world) {
	w.t.Helper()
	change(w, n.token, func() { n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"team": "blue"} })
}

// tellingPolicy refuses or warns of what is done to a Secret in the world's namespace, other than in a rehearsal, and
// tells what is in the Secret. It waits until the policy holds, and returns what takes it away.
func (w *world) tellingPolicy(action admissionv1.ValidationAction, against admissionv1.OperationType) (lift func()) {
	w.t.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				ResourceRules: []admissionv1.NamedRuleWithOperations{
					{RuleWithOperations: admissionv1.RuleWithOperations{
						Operations: []admissionv1.OperationType{
							against,
						},
						Rule: admissionv1.Rule{
							APIGroups:   []string{""},
							APIVersions: []string{"v1"},
							Resources:   []string{"secrets"},
						},
					}},
				},
			},
			Validations: []admissionv1.Validation{
				{
					Expression:        "request.dryRun",
					MessageExpression: "'not with ' + string((request.operation == 'DELETE' ? oldObject : object).data['token']) + ' in it'",
				},
			},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        w.ns,
			ValidationActions: []admissionv1.ValidationAction{action},
			MatchResources: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{
					MatchLabels: map[string]string{corev1.LabelMetadataName: w.ns},
				},
			},
		},
	}
	for _, obj := range []client.Object{policy, binding} {
		if err := w.client.Create(w.t.Context(), obj); err != nil {
			w.t.Fatal(err)
		}
	}
	w.eventually("the policy holds", func() error { return w.probe(true) })
	lift = func() {
		if err := client.IgnoreNotFound(w.client.Delete(context.WithoutCancel(w.t.Context()), binding)); err != nil {
			w.t.Error(err)
		}
		w.eventually("the policy is lifted", func() error { return w.probe(false) })
	}
	w.t.Cleanup(func() { _ = w.client.Delete(context.Background(), policy) })
	return lift
}

// warnings keeps what the API server warns of.
type warnings struct{ messages []string }

func (k *warnings) HandleWarningHeader(_ int, _, message string) {
	k.messages = append(k.messages, message)
}

// probe does all there is to do to a Secret of its own, and fails unless the API server tells what is in it, or keeps
// it to itself.
func (w *world) probe(telling bool) error {
	seen := &warnings{}
	config := rest.CopyConfig(w.config)
	config.WarningHandler = seen
	c, err := client.New(config, client.Options{Scheme: w.scheme})
	if err != nil {
		return err
	}
	const content = "a text that is known again"
	probe := &corev1.Secret{ObjectMeta: w.named("probe"), StringData: map[string]string{"token": content}}
	create := client.IgnoreAlreadyExists(c.Create(w.t.Context(), probe))
	probe.Labels = map[string]string{"written": "again"}
	update := client.IgnoreNotFound(c.Update(w.t.Context(), probe))
	remove := client.IgnoreNotFound(c.Delete(w.t.Context(), probe))
	if told := len(secrets{content}.in(fmt.Sprint(create, update, remove, seen.messages))) > 0; told != telling {
		return fmt.Errorf("it is told: %v (%w)", told, errors.Join(create, update, remove))
	}
	return nil
}

// told finds keys of this world's Grafana in its objects, events and what the log has about them.
func (w *world) told() (found []string) {
	w.t.Helper()
	keys := secrets(w.grafana.Keys())
	found = w.inObjects(keys)
	for line := range strings.Lines(w.log.String()) {
		if !strings.Contains(line, w.ns) {
			continue
		}
		for _, key := range keys.in(line) {
			found = append(found, fmt.Sprintf("the log holds %s: %.300s", key, line))
		}
	}
	return found
}

// inObjects finds secrets in the objects and events of the world's namespace, other than where they belong.
func (w *world) inObjects(of secrets) (found []string) {
	w.t.Helper()
	look := func(what string, content any) {
		text, err := json.Marshal(content)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, secret := range of.in(string(text)) {
			found = append(found, what+" holds "+secret)
		}
	}
	for _, obj := range w.objects(w.t.Context(), w.ns) {
		look(fmt.Sprintf("%T %s", obj, obj.GetName()), obj)
	}
	var list corev1.SecretList
	var events eventsv1.EventList
	var configMaps corev1.ConfigMapList
	for _, l := range []client.ObjectList{&list, &events, &configMaps} {
		if err := w.client.List(w.t.Context(), l, client.InNamespace(w.ns)); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, e := range events.Items {
		look("an event", e)
	}
	for _, cm := range configMaps.Items {
		look("ConfigMap "+cm.Name, cm)
	}
	for _, s := range list.Items {
		if s.Name == "admin" {
			continue
		}
		if s.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
			s.Data = nil // this is where keys belong
		}
		look("Secret "+s.Name, s)
	}
	return found
}

// tellsNoKey lets much go wrong with the operator as a process, which at last dumps all its stacks with a new key in
// hand, and searches everything that it has emitted.
func tellsNoKey(h *haunt) {
	metrics := freeAddress(h.t)
	h.environment = []string{
		"KUBE_FEATURE_WatchListClient=false",
	} // an older API server is asked for lists, and their bodies are logged
	h.start("--metrics-bind-address=" + metrics)
	n := &tenant{
		org: h.organization("team"), sa: h.account("robot", "team"), dash: h.dashboard("overview", "team", overview),
		token: h.token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
				".env":    "TOKEN={{.token}}\n",
				"doubled": "{{.token | b64enc}} {{.token | quote}}",
			}
		}),
	}
	n.ready(h.world)
	for _, fault := range []grafanatest.Outcome{grafanatest.DropAfter, grafanatest.FailAfter} {
		h.spoilNextToken("a lost answer", grafanatest.Fault{Outcome: fault}, n)
	}
	for _, wrong := range []v1alpha1.TemplateText{"{{.token", "{{.token.nothing}}", "{{.token | nothing}}", "{{indent 1 .token | indent .token}}", "{{eq .token 1}}", "{{range .token}}{{end}}"} {
		change(h.world, n.token, func() { n.token.Spec.Secret.Template["wrong"] = wrong })
		until(
			h.world,
			n.token,
			"the template is refused",
			func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue },
		)
	}
	change(h.world, n.token, func() { delete(n.token.Spec.Secret.Template, "wrong") })
	ready(h.world, n.token)
	lift := h.tellingPolicy(admissionv1.Deny, admissionv1.Update)
	n.relabel(h.world)
	n.refused(h.world)
	lift()
	visit(h.world, n.token)
	ready(h.world, n.token)
	h.mistypePassword()
	h.emitsNothing(scrape(h.t, metrics))
	h.dumpStacks(n)
	h.settle("after the dump", func() error { return nil })
	h.emitsNothing()
}

// mistypePassword has Grafana refuse the operator's credential for a while.
func (h *haunt) mistypePassword() {
	h.t.Helper()
	admin, instance := h.secret("admin"), get(h.world, &v1alpha1.Instance{ObjectMeta: h.named("grafana")})
	change(h.world, admin, func() { admin.Data["admin-password"] = []byte(h.password + " mistyped") })
	stalled(h.world, instance, v1alpha1.ReasonInvalidCredentials)
	change(h.world, admin, func() { admin.Data["admin-password"] = []byte(h.password) })
	ready(h.world, instance)
}

// dumpStacks makes the process end with a dump of all stacks, as an unforeseen panic does, at the moment when it has a
// new key and is about to write it.
func (h *haunt) dumpStacks(n *tenant) {
	h.t.Helper()
	h.signal = syscall.SIGQUIT
	h.begin(&listLife{"kubernetes: POST secrets", 1, false})
	h.delete(h.secret(n.token.SecretName()))
	if !h.struck(func() error { return nil }) {
		h.t.Fatal("no Secret was written")
	}
	said := h.said()
	if last := said[len(said)-1]; !strings.Contains(last, "SIGQUIT") ||
		!strings.Contains(last, "CreateToken") && !strings.Contains(last, "writeSecret") {
		h.t.Errorf(
			"there is no dump of the stacks, or not with the key in hand: %.3000s",
			last[max(0, len(last)-3000):],
		)
	}
	h.start()
}

// emitsNothing looks for keys and the password in everything that the operator has emitted, and makes sure that this
// would find them.
func (h *haunt) emitsNothing(also ...string) {
	h.t.Helper()
	for _, found := range h.inObjects(h.forbidden()) {
		h.t.Error(found)
	}
	for _, text := range also {
		for _, found := range h.forbidden().in(text) {
			h.t.Error(found)
		}
	}
	if said := h.said()[0]; !strings.Contains(said, `"level":"Level(-5)"`) || len(secrets{h.ns}.in(said)) == 0 {
		h.t.Error("the log is not at a high verbosity, or what is in it cannot be found")
	}
}

// freeAddress is one on loopback that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// scrape reads the operator's metrics.
func scrape(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get("http://" + address + "/metrics") //nolint:noctx // it is on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), "grafana_tenancy_ready{") {
		t.Fatalf("no metrics of the operator: %v\n%.500s", err, text)
	}
	return string(text)
}

// tellsNoKeyInPanic has the operator panic, in this process, at the moments when it has a key in hand:
// controller-runtime tells of it with values and stacks, and goes on.
func tellsNoKeyInPanic(h *haunt) {
	book, fuse := &logbook{}, &fuse{}
	mgr, err := ctrl.NewManager(h.config, ctrl.Options{
		Scheme: h.scheme, Logger: book.logger(), Metrics: metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{h.ns: {}}},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		h.t.Fatal(err)
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
	}, ClusterID: clusterID, Transport: panickyTransport{h.grafana.RoundTripper(), fuse}}
	if err := setup(mgr, env); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	})
	go func() { ended <- mgr.Start(ctx) }()
	n := h.tenant()
	for _, moment := range []string{"key read", "Secret created", "Secret updated"} {
		fuse.light(moment)
		if moment == "Secret updated" {
			n.relabel(h.world)
		} else {
			h.delete(h.secret("ci"))
		}
		h.eventually("panic: "+moment, func() error {
			if !strings.Contains(book.String(), "not foreseen: "+moment) {
				return errors.New("it is not in the log")
			}
			return nil
		})
		h.settle(moment, func() error { return nil })
	}
	if err := book.leaks(); err != nil {
		h.t.Error(err)
	}
	for _, found := range append(h.forbidden().in(book.String()), h.inObjects(h.forbidden())...) {
		h.t.Error(found)
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
