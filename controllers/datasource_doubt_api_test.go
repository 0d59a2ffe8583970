package controllers_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Two keys that differ in a digit: once the first is put right, the second is named.
func TestAPIDataSourceLineEndInTheSecondKey(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Organization("team")
		secret := secretOf(w, "login", map[string]string{"token1": "canary\n", "token2": "canary\n"})
		obj := dataSource(w, "metrics", "team", func(o *v1alpha1.DataSource) {
			o.Spec.Health = true
			o.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{
				"a": fromSecret("login", "token1"), "b": fromSecret("login", "token2"),
			}
		})
		said := func(what string, is func(string) bool) {
			t.Helper()
			suite.Until(w, obj, what, func(ready metav1.Condition) bool {
				c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionHealthy)
				return ready.Status == metav1.ConditionTrue && c != nil && c.Status == metav1.ConditionFalse &&
					is(c.Message)
			})
		}
		said("the first", func(text string) bool { return strings.Contains(text, "key token1 ends") })
		suite.Change(w, secret, func() { secret.StringData = map[string]string{"token1": "canary"} })
		said("the second", func(text string) bool { return strings.Contains(text, "key token2 ends") })
	})
}
