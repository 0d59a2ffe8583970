package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

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
					if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: w.NS, Name: "ci"},
						&s); err != nil ||
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

// warnings keeps what the API server warns of.
type warnings struct{ messages []string }

func (k *warnings) HandleWarningHeader(_ int, _, message string) {
	k.messages = append(k.messages, message)
}
