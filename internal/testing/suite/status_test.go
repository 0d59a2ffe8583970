package suite

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

func TestInspectorFindsFaults(t *testing.T) {
	in := &inspector{}
	var err error
	if in.reasons, in.types, err = closedLists(); err != nil {
		t.Fatal(err)
	}
	condition := func(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "so it is", ObservedGeneration: 1}
	}
	ok, no := condition("Ready", "True", v1alpha1.ReasonInSync), condition("Ready", "False", v1alpha1.ReasonRefused)
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		observed   int64
		sound      bool
	}{
		"fresh":                  {nil, 0, true},
		"ready":                  {[]metav1.Condition{ok}, 1, true},
		"stalled":                {[]metav1.Condition{no, condition("Stalled", "True", v1alpha1.ReasonRefused)}, 1, true},
		"reconciling":            {[]metav1.Condition{no, condition("Reconciling", "True", v1alpha1.ReasonCreating)}, 1, true},
		"no Ready":               {[]metav1.Condition{condition("Stalled", "True", v1alpha1.ReasonRefused)}, 1, false},
		"Ready and Stalled":      {[]metav1.Condition{ok, condition("Stalled", "True", v1alpha1.ReasonRefused)}, 1, false},
		"unready without more":   {[]metav1.Condition{no}, 1, false},
		"ahead of its time":      {[]metav1.Condition{ok}, 2, false},
		"an unknown reason":      {[]metav1.Condition{condition("Ready", "True", "Whatever")}, 1, false},
		"an unknown type":        {[]metav1.Condition{ok, condition("Synced", "True", v1alpha1.ReasonInSync)}, 1, false},
		"Stalled that is False":  {[]metav1.Condition{ok, condition("Stalled", "False", v1alpha1.ReasonInSync)}, 1, false},
		"observed without Ready": {nil, 1, false},
	} {
		obj := &v1alpha1.Organization{}
		obj.Generation, obj.Status.Conditions, obj.Status.ObservedGeneration = 1, test.conditions, test.observed
		if faults := in.faultsOf(obj); (len(faults) == 0) != test.sound {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
