package controllers_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// What Grafana refuses in an organization, a service account or a token ends in a word about it, and goes on when it is
// put right.
func TestAPIRefusedByGrafana(t *testing.T) {
	t.Parallel()
	t.Run("a timezone", func(t *testing.T) {
		t.Parallel()
		w := suite.New(t, grafanatest.Options{Version: "12.4.0"}) // an older one takes any
		org := w.Organization("team",
			func(o *v1alpha1.Organization) { o.Spec.Preferences = &v1alpha1.Preferences{Timezone: "Nowhere/Land"} })
		suite.Stalled(w, org, v1alpha1.ReasonRefused, "preferences", "Grafana answered 400")
		suite.Ready(w, w.Dashboard("overview", "team", overview))
		suite.Change(w, org, func() { org.Spec.Preferences.Timezone = "utc" })
		suite.Ready(w, org)
	})
	t.Run("a role", func(t *testing.T) {
		t.Parallel()
		w := suite.New(t, grafanatest.Options{})
		suite.Ready(w, w.Organization("team"))
		w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
			if r.Method == "POST" && r.Route == "/api/serviceaccounts" && suite.Contains(string(r.Body), "Admin") {
				return grafanatest.Fault{
					Outcome: grafanatest.Answer,
					Status:  403,
					Body:    `{"message": "can not assign a role higher than user's role"}`,
				}
			}
			return grafanatest.Fault{}
		})
		sa := w.Account("robot", "team", func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin })
		token := w.Token("ci", "robot")
		suite.Stalled(w, sa, v1alpha1.ReasonForbidden, "can not assign a role higher than user's role")
		suite.Waiting(w, token, v1alpha1.ReasonParentNotAvailable)
		suite.Change(w, sa, func() { sa.Spec.Role = v1alpha1.RoleEditor })
		suite.Ready(w, sa)
		suite.Ready(w, token)
	})
	t.Run("a ttl", func(t *testing.T) {
		t.Parallel()
		w := suite.New(t, grafanatest.Options{MaxSecondsToLive: 3600})
		w.Organization("team")
		w.Account("robot", "team")
		token := w.Token("ci", "robot")
		suite.Stalled(w, token, v1alpha1.ReasonLifetimeRefused, "Number of seconds before expiration should be set")
		suite.Change(w, token, func() { token.Spec.TTL = &metav1.Duration{Duration: 2 * time.Hour} })
		suite.Stalled(w, token, v1alpha1.ReasonLifetimeRefused, "greater than the global limit")
		suite.Change(w, token, func() { token.Spec.TTL = &metav1.Duration{Duration: time.Hour} })
		suite.Ready(w, token)
	})
	t.Run("one dashboard too many", func(t *testing.T) {
		t.Parallel()
		w := suite.New(t, grafanatest.Options{Quotas: true})
		org := suite.Ready(w, w.Organization("team",
			func(o *v1alpha1.Organization) { o.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"dashboard": 0} }))
		dash := w.Dashboard("overview", "team", overview)
		suite.Stalled(w, dash, v1alpha1.ReasonForbidden, "uota")
		suite.Change(w, org, func() { org.Spec.Quotas["dashboard"] = 5 })
		suite.Ready(w, org)
		suite.Visit(w, dash)
		suite.Ready(w, dash)
	})
}

// What Kubernetes refuses in a Secret is found out before a token is made.
func TestAPIRefusedByKubernetes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		harm, mend func(o *v1alpha1.ServiceAccountToken)
		text       string
	}{
		"a label that is none": {
			harm: func(o *v1alpha1.ServiceAccountToken) {
				o.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"not a label": "x"}
			},
			mend: func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Labels = nil }, text: "not a label",
		},
		"an annotation that is none": {
			harm: func(o *v1alpha1.ServiceAccountToken) {
				o.Spec.Secret.Annotations = map[string]string{"a/b/c": "x"}
			},
			mend: func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Annotations = nil }, text: "a/b/c",
		},
		"annotations without end": {
			harm: func(o *v1alpha1.ServiceAccountToken) {
				o.Spec.Secret.Annotations = map[string]string{"long": strings.Repeat("x", 1<<18)}
			},
			mend: func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Annotations = nil }, text: "annotations",
		},
		"data that the type does not take": {
			harm: func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Type = "kubernetes.io/basic-auth" },
			mend: func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Key = "password" }, text: "username",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			w.Organization("team")
			w.Account("robot", "team")
			token := w.Token("ci", "robot", test.harm)
			suite.Stalled(w, token, v1alpha1.ReasonRefused,
				"Secret "+w.NS+"/ci cannot be written, so that nothing was changed", test.text)
			if n := len(w.Grafana.Keys()); n > 0 {
				t.Errorf("%d tokens were made", n)
			}
			suite.Change(w, token, func() { test.mend(token) })
			suite.Ready(w, token)
			if n := len(w.Grafana.Keys()); n != 1 {
				t.Errorf("%d tokens were made", n)
			}
		})
	}
}
