package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
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
	if text := fmt.Sprint(families); suite.TokenKey.MatchString(text) ||
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
