package controllers_test

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// visitsAsked notes who is to be visited now.
type visitsAsked struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]
	names []string
}

func (q *visitsAsked) Add(r ctrl.Request) { q.names = append(q.names, r.Name) }

// What Grafana refused for a quota is looked at again at once when the Organization has that quota raised, and not only
// after the pause that a refusal brings.
func TestARaisedQuotaHasTheRefusedLookedAt(t *testing.T) {
	for _, version := range []string{"10.4.3", "12.4.0"} {
		w := crash.New(t, version)
		w.Seed()
		w.Grafana.SetQuotas(true)
		crash.Tenant(w)
		crash.Edit(
			w,
			crash.Organization(""),
			func(o *v1alpha1.Organization) { o.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"dashboard": 0} },
		)
		w.Briefly(10 * time.Second)
		d := crash.Dashboard("", "")
		if w.Get(d); !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionStalled) {
			t.Fatalf("%s: conditions: %+v", version, d.Status.Conditions)
		}
		asked := &visitsAsked{}
		for _, c := range w.Env.Controllers() {
			if c.Name != "Dashboard" {
				continue
			}
			if err := c.UseQueue(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
		}
		crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Quotas["dashboard"] = 5 })
		w.Visit("Organization " + client.ObjectKeyFromObject(crash.Organization("")).String())
		if !slices.Contains(asked.names, d.Name) {
			t.Errorf("%s: asked for: %v", version, asked.names)
		}
	}
}
