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
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A key is in its Secret and nowhere else, whatever goes wrong while it is made: not in objects, events, logs or
// metrics. (Every other test checks objects and events of its own as well.)
func TestAPINoKeyLeaks(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	for name, fault := range map[string]grafanatest.Fault{
		"the answer is lost":     {Outcome: grafanatest.DropAfter},
		"the answer is 500":      {Outcome: grafanatest.FailAfter},
		"a proxy echoes the key": {Outcome: grafanatest.Answer, Status: 400, Body: `{"message": "will not do ` + w.Key("ci") + `"}`},
		"a proxy adds to it":     {Outcome: grafanatest.Answer, Status: 200, Body: `{"id": 1, "name": "x", "key": "` + w.Key("ci") + `x"}`},
		"a page with a key":      {Outcome: grafanatest.Answer, Status: 502, Body: `<html>` + w.Key("ci") + `</html>`},
	} {
		spoilNextToken(w, name, fault, n)
	}
	if leaks := w.Leaks(t.Context(), w.NS); len(leaks) > 0 {
		t.Errorf("%v", leaks)
	}
	if err := w.Log.Leaks(); err != nil {
		t.Error(err)
	}
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(
		families,
	); suite.TokenKey.MatchString(text) ||
		!strings.Contains(text, "grafana_tenancy_ready") {
		t.Error("the metrics hold a key, or are not the operator's")
	}
	if revoked := w.Grafana.Keys(); len(revoked) < 6 {
		t.Errorf("only %d keys were made: this test tests little", len(revoked))
	}
}

// spoilNextToken has the next token come about under a fault, and waits until all is well again.
func spoilNextToken(w *suite.World, name string, fault grafanatest.Fault, n *tenant) {
	w.T.Helper()
	revision, hit := suite.Get(w, n.token).Status.Revision, make(chan struct{}, 1)
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method == "POST" && r.Route == "/api/serviceaccounts/:account/tokens" {
			select {
			case hit <- struct{}{}:
				return fault
			default:
			}
		}
		return grafanatest.Fault{}
	})
	w.Delete(w.Secret("ci"))
	select {
	case <-hit:
		hit <- struct{}{} // once is enough
	case <-w.T.Context().Done():
		w.T.Fatalf("%s: no token was asked for", name)
	}
	suite.Visit(w, n.token)
	suite.Until(w, n.token, name+": a new token", func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && n.token.Status.Revision > revision
	})
	w.Eventually(name+": it works", func() error {
		if _, _, _, alive := w.Grafana.KeyAlive(string(w.Secret("ci").Data["token"])); !alive {
			return errors.New("the key in the Secret is dead")
		}
		return nil
	})
}

// The search for leaks finds one.
func TestAPILeaksAreFound(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	key := w.Key("ci")
	if leaks := w.Leaks(t.Context(), w.NS); len(leaks) > 0 {
		t.Fatalf("there is none yet: %v", leaks)
	}
	keys := suite.Secrets{key}
	if found := inObjects(w, keys); len(found) > 0 {
		t.Fatalf("there is none yet: %v", found)
	}
	cm := w.ConfigMap("copy", map[string]string{"key": "the key is " + key})
	dash := suite.Change(w, n.dash, func() { n.dash.Annotations = map[string]string{"note": key} })
	if leaks := w.Leaks(t.Context(), w.NS); len(leaks) != 2 {
		t.Errorf("found: %v", leaks)
	}
	disguised := w.ConfigMap("disguised", map[string]string{"key": fmt.Sprintf("%d", []byte(key))})
	theirs := &corev1.Secret{ObjectMeta: w.Named("theirs"), StringData: map[string]string{"stolen": key}}
	w.Create(theirs)
	if found := inObjects(w, keys); len(found) != 4 {
		t.Errorf("found: %v", found)
	}
	w.Delete(disguised, theirs)
	w.Delete(cm)
	suite.Change(w, dash, func() { dash.Annotations = nil })
}

// An admission policy may tell in its message what is in the Secret that it refuses or warns of. Kubernetes passes the
// message on, and the operator must not.
func TestAPIRefusedSecretTellsNoKey(t *testing.T) {
	t.Parallel()
	remove := func(w *suite.World, _ *tenant) { w.Delete(w.Secret("ci")) }
	relabel := func(w *suite.World, n *tenant) { n.relabel(w) }
	for name, test := range map[string]struct {
		action  admissionv1.ValidationAction
		against admissionv1.OperationType
		change  func(w *suite.World, n *tenant) // has the operator write the Secret
	}{
		"a new key is refused":       {admissionv1.Deny, admissionv1.Create, remove},
		"a new key is warned of":     {admissionv1.Warn, admissionv1.Create, remove},
		"the live key is refused":    {admissionv1.Deny, admissionv1.Update, relabel},
		"the live key is warned of":  {admissionv1.Warn, admissionv1.Update, relabel},
		"the Secret's end is denied": {admissionv1.Deny, admissionv1.Delete, func(w *suite.World, n *tenant) { w.Delete(n.token) }},
		"its end is warned of":       {admissionv1.Warn, admissionv1.Delete, func(w *suite.World, n *tenant) { w.Delete(n.token) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			n := newTenant(w)
			key := w.Key("ci")
			lift := tellingPolicy(w, test.action, test.against)
			test.change(w, n)
			if test.action == admissionv1.Deny {
				n.refused(w)
				lift()
			}
			switch test.against {
			case admissionv1.Delete:
				w.Gone(n.token)
			case admissionv1.Create:
				w.Eventually("another key", func() error {
					var s corev1.Secret
					if err := w.Client.Get(
						t.Context(),
						client.ObjectKey{Namespace: w.NS, Name: "ci"},
						&s,
					); err != nil ||
						string(s.Data["token"]) == key {
						return fmt.Errorf("there is none (%w)", err)
					}
					return nil
				})
				suite.Ready(w, n.token)
			default:
				suite.Ready(w, n.token)
			}
			if found := keysTold(w); len(found) > 0 {
				t.Error(found)
			}
		})
	}
}

// refused waits until Kubernetes has refused a write of the Secret.
func (n *tenant) refused(w *suite.World) {
	w.T.Helper()
	suite.Until(w, n.token, "the Secret is refused", func(c metav1.Condition) bool {
		return c.Status != metav1.ConditionTrue && strings.Contains(c.Message, "refused") &&
			strings.Contains(c.Message, "Secret")
	})
}

func (n *tenant) relabel(w *suite.World) {
	w.T.Helper()
	suite.Change(w, n.token, func() { n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"team": "blue"} })
}

// tellingPolicy refuses or warns of what is done to a Secret in the world's namespace, other than in a rehearsal, and
// tells what is in the Secret. It waits until the policy holds, and returns what takes it away.
func tellingPolicy(
	w *suite.World,
	action admissionv1.ValidationAction,
	against admissionv1.OperationType,
) (lift func()) {
	w.T.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: w.NS},
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
		ObjectMeta: metav1.ObjectMeta{Name: w.NS},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        w.NS,
			ValidationActions: []admissionv1.ValidationAction{action},
			MatchResources: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{
					MatchLabels: map[string]string{corev1.LabelMetadataName: w.NS},
				},
			},
		},
	}
	for _, obj := range []client.Object{policy, binding} {
		if err := w.Client.Create(w.T.Context(), obj); err != nil {
			w.T.Fatal(err)
		}
	}
	w.Eventually("the policy holds", func() error { return probe(w, true) })
	lift = func() {
		if err := client.IgnoreNotFound(w.Client.Delete(context.WithoutCancel(w.T.Context()), binding)); err != nil {
			w.T.Error(err)
		}
		w.Eventually("the policy is lifted", func() error { return probe(w, false) })
	}
	w.T.Cleanup(func() { _ = w.Client.Delete(context.Background(), policy) })
	return lift
}

// warnings keeps what the API server warns of.
type warnings struct{ messages []string }

func (k *warnings) HandleWarningHeader(_ int, _, message string) {
	k.messages = append(k.messages, message)
}

// probe does all there is to do to a Secret of its own, and fails unless the API server tells what is in it, or keeps
// it to itself.
func probe(w *suite.World, telling bool) error {
	seen := &warnings{}
	config := rest.CopyConfig(w.Config)
	config.WarningHandler = seen
	c, err := client.New(config, client.Options{Scheme: w.Scheme})
	if err != nil {
		return err
	}
	const content = "a text that is known again"
	probe := &corev1.Secret{ObjectMeta: w.Named("probe"), StringData: map[string]string{"token": content}}
	create := client.IgnoreAlreadyExists(c.Create(w.T.Context(), probe))
	probe.Labels = map[string]string{"written": "again"}
	update := client.IgnoreNotFound(c.Update(w.T.Context(), probe))
	remove := client.IgnoreNotFound(c.Delete(w.T.Context(), probe))
	if told := len(suite.Secrets{content}.In(fmt.Sprint(create, update, remove, seen.messages))) > 0; told != telling {
		return fmt.Errorf("it is told: %v (%w)", told, errors.Join(create, update, remove))
	}
	return nil
}

// keysTold finds keys of this world's Grafana in its objects, events and what the log has about them.
func keysTold(w *suite.World) (found []string) {
	w.T.Helper()
	keys := suite.Secrets(w.Grafana.Keys())
	found = inObjects(w, keys)
	for line := range strings.Lines(w.Log.String()) {
		if !strings.Contains(line, w.NS) {
			continue
		}
		for _, key := range keys.In(line) {
			found = append(found, fmt.Sprintf("the log holds %s: %.300s", key, line))
		}
	}
	return found
}

// inObjects finds secrets in the objects and events of the world's namespace, other than where they belong.
func inObjects(w *suite.World, of suite.Secrets) (found []string) {
	w.T.Helper()
	look := func(what string, content any) {
		text, err := json.Marshal(content)
		if err != nil {
			w.T.Fatal(err)
		}
		for _, secret := range of.In(string(text)) {
			found = append(found, what+" holds "+secret)
		}
	}
	for _, obj := range w.Objects(w.T.Context(), w.NS) {
		look(fmt.Sprintf("%T %s", obj, obj.GetName()), obj)
	}
	var list corev1.SecretList
	var events eventsv1.EventList
	var configMaps corev1.ConfigMapList
	for _, l := range []client.ObjectList{&list, &events, &configMaps} {
		if err := w.Client.List(w.T.Context(), l, client.InNamespace(w.NS)); err != nil {
			w.T.Fatal(err)
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
	metrics := freeAddress(h.T)
	h.environment = []string{
		"KUBE_FEATURE_WatchListClient=false",
	} // an older API server is asked for lists, and their bodies are logged
	h.start("--metrics-bind-address=" + metrics)
	n := &tenant{
		org: h.Organization("team"), sa: h.Account("robot", "team"), dash: h.Dashboard("overview", "team", overview),
		token: h.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
				".env":    "TOKEN={{.token}}\n",
				"doubled": "{{.token | b64enc}} {{.token | quote}}",
			}
		}),
	}
	n.ready(h.World)
	for _, fault := range []grafanatest.Outcome{grafanatest.DropAfter, grafanatest.FailAfter} {
		spoilNextToken(h.World, "a lost answer", grafanatest.Fault{Outcome: fault}, n)
	}
	for _, wrong := range []v1alpha1.TemplateText{"{{.token", "{{.token.nothing}}", "{{.token | nothing}}", "{{indent 1 .token | indent .token}}", "{{eq .token 1}}", "{{range .token}}{{end}}"} {
		suite.Change(h.World, n.token, func() { n.token.Spec.Secret.Template["wrong"] = wrong })
		suite.Until(
			h.World,
			n.token,
			"the template is refused",
			func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue },
		)
	}
	suite.Change(h.World, n.token, func() { delete(n.token.Spec.Secret.Template, "wrong") })
	suite.Ready(h.World, n.token)
	lift := tellingPolicy(h.World, admissionv1.Deny, admissionv1.Update)
	n.relabel(h.World)
	n.refused(h.World)
	lift()
	suite.Visit(h.World, n.token)
	suite.Ready(h.World, n.token)
	h.mistypePassword()
	h.emitsNothing(scrape(h.T, metrics))
	h.dumpStacks(n)
	h.settle("after the dump", func() error { return nil })
	h.emitsNothing()
}

// mistypePassword has Grafana refuse the operator's credential for a while.
func (h *haunt) mistypePassword() {
	h.T.Helper()
	admin, instance := h.Secret("admin"), suite.Get(h.World, &v1alpha1.Instance{ObjectMeta: h.Named("grafana")})
	suite.Change(h.World, admin, func() { admin.Data["admin-password"] = []byte(h.password + " mistyped") })
	suite.Stalled(h.World, instance, v1alpha1.ReasonInvalidCredentials)
	suite.Change(h.World, admin, func() { admin.Data["admin-password"] = []byte(h.password) })
	suite.Ready(h.World, instance)
}

// dumpStacks makes the process end with a dump of all stacks, as an unforeseen panic does, at the moment when it has a
// new key and is about to write it.
func (h *haunt) dumpStacks(n *tenant) {
	h.T.Helper()
	h.signal = syscall.SIGQUIT
	h.begin(&listLife{"kubernetes: POST secrets", 1, false})
	h.Delete(h.Secret(n.token.SecretName()))
	if !h.struck(func() error { return nil }) {
		h.T.Fatal("no Secret was written")
	}
	said := h.said()
	if last := said[len(said)-1]; !strings.Contains(last, "SIGQUIT") ||
		!strings.Contains(last, "CreateToken") && !strings.Contains(last, "writeSecret") {
		h.T.Errorf(
			"there is no dump of the stacks, or not with the key in hand: %.3000s",
			last[max(0, len(last)-3000):],
		)
	}
	h.start()
}

// emitsNothing looks for keys and the password in everything that the operator has emitted, and makes sure that this
// would find them.
func (h *haunt) emitsNothing(also ...string) {
	h.T.Helper()
	for _, found := range inObjects(h.World, h.forbidden()) {
		h.T.Error(found)
	}
	for _, text := range also {
		for _, found := range h.forbidden().In(text) {
			h.T.Error(found)
		}
	}
	if said := h.said()[0]; !strings.Contains(said, `"level":"Level(-5)"`) || len(suite.Secrets{h.NS}.In(said)) == 0 {
		h.T.Error("the log is not at a high verbosity, or what is in it cannot be found")
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
