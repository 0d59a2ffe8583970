package controllers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// A key is in its Secret and nowhere else, whatever goes wrong while it is made: not in objects, events, logs or metrics. (Every other test checks objects and events of its own as well.)
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
	cm := w.configMap("copy", map[string]string{"key": "the key is " + key})
	dash := change(w, n.dash, func() { n.dash.Annotations = map[string]string{"note": key} })
	if leaks := w.leaks(t.Context(), w.ns); len(leaks) != 2 {
		t.Errorf("found: %v", leaks)
	}
	w.delete(cm)
	change(w, dash, func() { dash.Annotations = nil })
}
