package controllers_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

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
		suite.Until(h.World, n.token, "the template is refused",
			func(c metav1.Condition) bool { return c.Status != metav1.ConditionTrue })
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
		h.T.Errorf("there is no dump of the stacks, or not with the key in hand: %.3000s",
			last[max(0, len(last)-3000):])
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
