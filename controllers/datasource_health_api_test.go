package controllers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A source that does not work, and whose password ends with a line end as `echo` makes one, says so; certificates end
// with one as well, and nothing is said of them. A Secret that is corrected has the source tried again.
func TestAPIDataSourceLineEndInASecret(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Organization("team")
		secret := secretOf(w, "login", map[string]string{"password": "canary\n", "ca": "-----BEGIN\nx\n-----END\n"})
		obj := dataSource(w, "metrics", "team", func(o *v1alpha1.DataSource) {
			o.Spec.Health = true
			o.Spec.BasicAuth = &v1alpha1.DataSourceBasicAuth{
				User: "scraper", PasswordSecretRef: v1alpha1.KeyReference{Name: "login", Key: "password"},
			}
			o.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{"tlsCACert": fromSecret("login", "ca")}
		})
		said := func(what string, is func(string) bool) {
			t.Helper()
			suite.Until(w, obj, what, func(ready metav1.Condition) bool {
				c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionHealthy)
				return ready.Status == metav1.ConditionTrue && c != nil && c.Status == metav1.ConditionFalse &&
					is(c.Message)
			})
		}
		said("the line end", func(text string) bool {
			return strings.Contains(text, `The value of key password ends with a line end`) &&
				!strings.Contains(text, "key ca") && !strings.Contains(text, "canary")
		})
		suite.Change(w, secret, func() { secret.StringData = map[string]string{"password": "canary"} })
		said("no line end any more", func(text string) bool { return !strings.Contains(text, "line end") })
	})
}

// Grafana goes on with the settings that it has read for a plugin for five seconds, so that what it finds right after a
// change may be about the one before: it is asked once more.
func TestAPIDataSourceHealthAfterAChange(t *testing.T) {
	everyVersionOf(t, grafanatest.Options{Sources: http.DefaultTransport}, func(t *testing.T, w *suite.World) {
		database := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			if r.Header.Get("X-Key") != "right" {
				rw.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = rw.Write([]byte(`{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}`))
		}))
		t.Cleanup(database.Close)
		w.Organization("team")
		secret := secretOf(w, "key", map[string]string{"key": "wrong"})
		obj := dataSource(w, "metrics", "team", func(o *v1alpha1.DataSource) {
			o.Spec.URL, o.Spec.Health = database.URL, true
			from := fromSecret("key", "key")
			o.Spec.Headers = []v1alpha1.DataSourceHeader{{Name: "X-Key", ValueFrom: &from}}
		})
		for _, c := range []struct {
			key    string
			status metav1.ConditionStatus
		}{{"wrong", metav1.ConditionFalse}, {"right", metav1.ConditionTrue}, {"wrong", metav1.ConditionFalse}} {
			suite.Change(w, secret, func() { secret.StringData = map[string]string{"key": c.key} })
			suite.Until(w, obj, "Healthy "+string(c.status), func(metav1.Condition) bool {
				healthy := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionHealthy)
				return healthy != nil && healthy.Status == c.status
			})
		}
	})
}
