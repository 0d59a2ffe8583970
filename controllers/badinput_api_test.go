package controllers_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// answers starts a server that is no Grafana.
func answers(w *suite.World, status int, contentType, body string, headers ...string) string {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", contentType)
		for i := 0; i+1 < len(headers); i += 2 {
			rw.Header().Set(headers[i], headers[i+1])
		}
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}))
	w.T.Cleanup(server.Close)
	return server.URL
}

// overTLS serves the world's Grafana over TLS, with a certificate that nobody trusts, and puts that into ConfigMap ca.
func overTLS(w *suite.World) string {
	server := httptest.NewUnstartedServer(w.Grafana)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are meant to fail
	server.StartTLS()
	w.T.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	w.ConfigMap("ca", map[string]string{"ca.crt": string(ca), "junk": "not a certificate"})
	return server.URL
}

// badInstance is an Instance that is wrong in some way, what must be said of it, and what puts it right.
type badInstance struct {
	make   func(w *suite.World, o *v1alpha1.Instance)
	reason string
	texts  []string
	fix    func(w *suite.World, o *v1alpha1.Instance)
	// passing: it may pass by itself, so that the object is Reconciling rather than Stalled.
	passing bool
}

func rightURL(w *suite.World, o *v1alpha1.Instance) {
	suite.Change(w, o, func() { o.Spec.URL = w.Grafana.URL })
}

func trust(configMapKey string) *v1alpha1.TLS {
	return &v1alpha1.TLS{
		CAFrom: &v1alpha1.CASource{ConfigMapKeyRef: &v1alpha1.KeyReference{Name: "ca", Key: configMapKey}},
	}
}

var badInstances = map[string]badInstance{
	"wrong password": {
		make:   func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-password", "wrong") },
		reason: v1alpha1.ReasonInvalidCredentials, texts: []string{"Secret", "spec.credentials"},
		fix: func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-password", "admin") },
	},
	"unknown user, without sessions": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.Credentials.BasicAuth.Session = v1alpha1.SessionNever
			setAdmin(w, "admin-user", "nobody")
		},
		reason: v1alpha1.ReasonInvalidCredentials,
		fix:    func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-user", "admin") },
	},
	"user with a colon": {
		make:   func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-user", "ad:min") },
		reason: v1alpha1.ReasonInvalidSpec, texts: []string{"user name", "colon"},
		fix: func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-user", "admin") },
	},
	"token that is none": {
		make: func(_ *suite.World, o *v1alpha1.Instance) {
			o.Spec.Credentials = v1alpha1.Credentials{
				Token: &v1alpha1.KeyReference{Name: "admin", Key: "admin-password"},
			}
		},
		reason: v1alpha1.ReasonInvalidCredentials,
		fix: func(w *suite.World, o *v1alpha1.Instance) {
			suite.Change(w, o, func() {
				o.Spec.Credentials = v1alpha1.Credentials{
					BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "admin"}},
				}
			})
		},
	},
	"unknown Secret": {
		make: func(_ *suite.World, o *v1alpha1.Instance) {
			o.Spec.Credentials.BasicAuth.SecretRef.Name = "unknown"
		},
		reason: v1alpha1.ReasonSecretNotFound, texts: []string{"spec.credentials.basicAuth", "/unknown does not exist"},
		fix: func(w *suite.World, _ *v1alpha1.Instance) {
			w.Create(
				&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Name: "unknown"},
					StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
				},
			)
		},
	},
	"unknown key": {
		make:   func(_ *suite.World, o *v1alpha1.Instance) { o.Spec.Credentials.BasicAuth.PasswordKey = "password" },
		reason: v1alpha1.ReasonSecretNotFound, texts: []string{"/admin", `"password"`},
		fix: func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "password", "admin") },
	},
	"empty password": {
		make:   func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-password", "") },
		reason: v1alpha1.ReasonSecretNotFound, texts: []string{`"admin-password"`},
		fix: func(w *suite.World, _ *v1alpha1.Instance) { setAdmin(w, "admin-password", "admin") },
	},
	"no server admin": {
		make: func(w *suite.World, _ *v1alpha1.Instance) {
			w.Ask(
				"POST",
				"/api/admin/users",
				0,
				map[string]any{
					"login":    "plain",
					"name":     "plain",
					"password": "plain-password",
					"email":    "plain@example.com",
				},
			)
			setAdmin(w, "admin-user", "plain")
			setAdmin(w, "admin-password", "plain-password")
		},
		reason: v1alpha1.ReasonForbidden, texts: []string{`"plain"`, "server admin"},
		fix: func(w *suite.World, _ *v1alpha1.Instance) {
			setAdmin(w, "admin-user", "admin")
			setAdmin(w, "admin-password", "admin")
		},
	},
	"a page": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = answers(w, 200, "text/html", "<!DOCTYPE html><title>Welcome</title>")
		},
		reason: v1alpha1.ReasonNotGrafana, texts: []string{"spec.url", "path"}, fix: rightURL,
	},
	"a redirect": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = answers(w, 302, "text/html", "", "Location", "https://sso.example.com/login?token=secret")
		},
		reason: v1alpha1.ReasonNotGrafana, texts: []string{"https://sso.example.com/login:"}, fix: rightURL,
	},
	"a login page for everything": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = answers(w, 401, "text/html", "<html>sign in</html>")
		},
		reason: v1alpha1.ReasonNotGrafana, fix: rightURL,
	},
	"another API": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = answers(w, 200, "application/json", `{"up": true}`)
		},
		reason: v1alpha1.ReasonNotGrafana,
		fix:    rightURL,
	},
	"wrong path": {
		make:   func(w *suite.World, o *v1alpha1.Instance) { o.Spec.URL = w.Grafana.URL + "/not/here" },
		reason: v1alpha1.ReasonNotGrafana, texts: []string{"path"}, fix: rightURL,
	},
	"unknown host": {
		make:   func(_ *suite.World, o *v1alpha1.Instance) { o.Spec.URL = "http://grafana.invalid:3000" },
		reason: v1alpha1.ReasonGrafanaUnavailable, passing: true, fix: rightURL,
	},
	"nobody listens": {
		make:   func(_ *suite.World, o *v1alpha1.Instance) { o.Spec.URL = "http://127.0.0.1:9" },
		reason: v1alpha1.ReasonGrafanaUnavailable, passing: true, fix: rightURL,
	},
	"an impossible port": {
		make:   func(_ *suite.World, o *v1alpha1.Instance) { o.Spec.URL = "http://127.0.0.1:99999" },
		reason: v1alpha1.ReasonGrafanaUnavailable, passing: true, fix: rightURL,
	},
	"TLS that does not verify": {
		make:   func(w *suite.World, o *v1alpha1.Instance) { o.Spec.URL = overTLS(w) },
		reason: v1alpha1.ReasonTLSFailed, texts: []string{"certificate"},
		fix: func(w *suite.World, o *v1alpha1.Instance) {
			suite.Change(w, o, func() { o.Spec.TLS = trust("ca.crt") })
		},
	},
	"TLS for another name": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL, o.Spec.TLS = overTLS(w), trust("ca.crt")
			o.Spec.TLS.ServerName = "grafana.example.org"
		},
		reason: v1alpha1.ReasonTLSFailed, texts: []string{"grafana.example.org"},
		fix: func(w *suite.World, o *v1alpha1.Instance) {
			suite.Change(w, o, func() { o.Spec.TLS.ServerName = "example.com" })
		},
	},
	"TLS where there is none": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = strings.Replace(w.Grafana.URL, "http://", "https://", 1)
		},
		reason: v1alpha1.ReasonTLSFailed, fix: rightURL,
	},
	"no TLS where there is some": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = strings.Replace(overTLS(w), "https://", "http://", 1)
		},
		reason: v1alpha1.ReasonNotGrafana, texts: []string{"HTTPS"}, fix: rightURL,
	},
	"a CA that is none": {
		make:   func(w *suite.World, o *v1alpha1.Instance) { o.Spec.URL, o.Spec.TLS = overTLS(w), trust("junk") },
		reason: v1alpha1.ReasonTLSFailed, texts: []string{"spec.tls.caFrom", "PEM"},
		fix: func(w *suite.World, _ *v1alpha1.Instance) {
			cm := suite.Get(w, &corev1.ConfigMap{ObjectMeta: w.Named("ca")})
			suite.Change(w, cm, func() { cm.Data["junk"] = cm.Data["ca.crt"] })
		},
	},
	"a CA that is missing": {
		make:   func(w *suite.World, o *v1alpha1.Instance) { o.Spec.URL, o.Spec.TLS = overTLS(w), trust("missing") },
		reason: v1alpha1.ReasonSecretNotFound, texts: []string{"spec.tls.caFrom", `"missing"`},
		fix: func(w *suite.World, o *v1alpha1.Instance) {
			suite.Change(w, o, func() { o.Spec.TLS = &v1alpha1.TLS{InsecureSkipVerify: true} })
		},
	},
	"a client certificate that is none": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			w.Create(
				&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Name: "client"},
					Type:       corev1.SecretTypeTLS,
					StringData: map[string]string{"tls.crt": "junk", "tls.key": "private junk"},
				},
			)
			o.Spec.TLS = &v1alpha1.TLS{ClientCertificateSecretRef: &v1alpha1.LocalObjectReference{Name: "client"}}
		},
		reason: v1alpha1.ReasonTLSFailed, texts: []string{"spec.tls.clientCertificateSecretRef"},
		fix: func(w *suite.World, o *v1alpha1.Instance) { suite.Change(w, o, func() { o.Spec.TLS = nil }) },
	},
	"an old Grafana": {
		make: func(w *suite.World, o *v1alpha1.Instance) {
			o.Spec.URL = answers(w, 200, "application/json", `{"commit": "", "database": "ok", "version": "9.5.21"}`)
		},
		reason: v1alpha1.ReasonUnsupportedVersion, texts: []string{"9.5.21", "10.4"}, fix: rightURL,
	},
}

// Bad Instances say what to change, hold up their organizations only, and recover by themselves.
func TestAPIBadInstance(t *testing.T) {
	t.Parallel()
	for name, test := range badInstances {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.NewEmpty(t, grafanatest.Options{})
			instance := w.Instance(func(o *v1alpha1.Instance) { test.make(w, o) })
			org := w.Organization("team")
			if test.passing {
				suite.Waiting(w, instance, test.reason, test.texts...)
			} else {
				suite.Stalled(w, instance, test.reason, test.texts...)
			}
			if suite.IsTrue(instance, v1alpha1.ConditionAvailable) {
				t.Errorf("conditions: %+v", instance.Status.Conditions)
			}
			for _, private := range []string{"token=secret", "plain-password", "private junk"} {
				if suite.Contains(suite.MessageOf(instance), private) {
					t.Errorf("the message tells what is private: %s", suite.MessageOf(instance))
				}
			}
			suite.Waiting(w, org, v1alpha1.ReasonParentNotAvailable, "Instance "+w.NS+"/grafana")
			test.fix(w, instance)
			suite.Ready(w, instance)
			suite.Ready(w, org)
		})
	}
}

// A spec that is broken later is told as well, although the connection made from the earlier one still works.
func TestAPIInstanceBrokenLater(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		harm, mend func(w *suite.World, o *v1alpha1.Instance)
		reason     string
	}{
		"unknown Secret named": {
			harm: func(w *suite.World, o *v1alpha1.Instance) {
				suite.Change(w, o, func() { o.Spec.Credentials.BasicAuth.SecretRef.Name = "unknown" })
			},
			mend: func(w *suite.World, o *v1alpha1.Instance) {
				suite.Change(w, o, func() { o.Spec.Credentials.BasicAuth.SecretRef.Name = "admin" })
			},
			reason: v1alpha1.ReasonSecretNotFound,
		},
		"unknown CA named": {
			harm:   func(w *suite.World, o *v1alpha1.Instance) { suite.Change(w, o, func() { o.Spec.TLS = trust("none") }) },
			mend:   func(w *suite.World, o *v1alpha1.Instance) { suite.Change(w, o, func() { o.Spec.TLS = nil }) },
			reason: v1alpha1.ReasonSecretNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			instance := suite.Ready(w, suite.Get(w, &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}))
			test.harm(w, instance)
			suite.Stalled(w, instance, test.reason)
			test.mend(w, instance)
			suite.Ready(w, instance)
		})
	}
}

// badDashboard is a source that is none, and what must be said of it.
var badDashboards = map[string]struct {
	source, reason string
	texts          []string
}{
	"not JSON":          {`title: "YAML"`, v1alpha1.ReasonInvalidSource, []string{"not JSON"}},
	"a comma too many":  {"{\n\"title\": \"T\",\n}", v1alpha1.ReasonInvalidSource, []string{"line 3"}},
	"cut off":           {`{"title": "T", "panels": [`, v1alpha1.ReasonInvalidSource, []string{"ends too early"}},
	"blank":             {"  ", v1alpha1.ReasonInvalidSource, []string{"ends too early"}},
	"null":              {"null", v1alpha1.ReasonInvalidSource, []string{"null"}},
	"a list":            {`[{"title": "T"}]`, v1alpha1.ReasonInvalidSource, []string{"array", "not a JSON object"}},
	"two":               {`{"title": "T"}{"title": "U"}`, v1alpha1.ReasonInvalidSource, []string{"behind"}},
	"no title":          {`{"panels": []}`, v1alpha1.ReasonInvalidSource, []string{`"title"`}},
	"an empty title":    {`{"title": ""}`, v1alpha1.ReasonInvalidSource, []string{`"title"`}},
	"a title of blanks": {`{"title": "   "}`, "", nil},
	"a title that is 5": {`{"title": 5}`, v1alpha1.ReasonInvalidSource, []string{`"title"`}},
	"a uid that is none": {
		`{"title": "T", "uid": "not a uid"}`,
		v1alpha1.ReasonInvalidSource,
		[]string{`"uid"`, "not a uid"},
	},
	"a uid that is 5":     {`{"title": "T", "uid": 5}`, v1alpha1.ReasonInvalidSource, []string{`"uid"`}},
	"a number too large":  {`{"title": "T", "n": 1e999}`, v1alpha1.ReasonInvalidSource, []string{"number"}},
	"more than 4 kB":      {`{"title": "T", "pad": "` + strings.Repeat("x", 5000) + `"}`, v1alpha1.ReasonTooLarge, nil},
	"panels that are one": {`{"title": "T", "panels": "none"}`, "", nil},
}

// Dashboards that are none say what is wrong with them, harm no other, and recover when put right.
func TestAPIBadDashboard(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, MaxDashboardBytes: 4096})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			made := map[string]*v1alpha1.Dashboard{}
			for name, test := range badDashboards {
				made[name] = w.Dashboard(
					strings.ToLower(strings.NewReplacer(" ", "-", "'", "").Replace(name)),
					"team",
					test.source,
				)
			}
			good := w.Dashboard("good", "team", overview)
			for name, test := range badDashboards {
				dash := made[name]
				suite.Until(w, dash, name, func(c metav1.Condition) bool {
					return test.reason == "" &&
						(c.Status == metav1.ConditionTrue || suite.IsTrue(dash, v1alpha1.ConditionStalled)) ||
						c.Status == metav1.ConditionFalse && c.Reason == test.reason &&
							suite.IsTrue(dash, v1alpha1.ConditionStalled)
				})
				suite.Says(w, dash, test.texts...)
			}
			suite.Ready(w, good)
			for name, dash := range made {
				suite.Change(w, dash, func() { dash.Spec.Source.JSON = new(`{"title": "` + name + `"}`) })
			}
			for name, dash := range made {
				if d := w.Dash(org, suite.Ready(w, dash).Status.UID); d == nil || d.Title != name {
					t.Errorf("%s became %+v", name, d)
				}
			}
		})
	}
}

// A folder that is missing is told, and waited for at the resync.
func TestAPIMissingFolder(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			dash := w.Dashboard(
				"overview",
				"team",
				overview,
				func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{UID: "missing"} },
			)
			suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound, `"missing"`, "create it")
			w.Ask("POST", "/api/folders", org, map[string]any{"uid": "missing", "title": "Found"})
			suite.Visit(w, dash)
			suite.Ready(w, dash)
			suite.Change(w, dash, func() { dash.Spec.Folder.UID = "gone" })
			suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound, `"gone"`)
			if d := w.Dash(org, dash.Status.UID); d == nil || d.FolderUID != "missing" {
				t.Errorf("dashboard: %+v", d)
			}
			suite.Change(w, dash, func() { dash.Spec.Folder = nil })
			suite.Ready(w, dash)
		})
	}
}

// What Grafana refuses in an organization, a service account or a token ends in a word about it, and goes on when it is
// put right.
func TestAPIRefusedByGrafana(t *testing.T) {
	t.Parallel()
	t.Run("a timezone", func(t *testing.T) {
		t.Parallel()
		w := suite.New(t, grafanatest.Options{Version: "12.4.0"}) // an older one takes any
		org := w.Organization(
			"team",
			func(o *v1alpha1.Organization) { o.Spec.Preferences = &v1alpha1.Preferences{Timezone: "Nowhere/Land"} },
		)
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
		org := suite.Ready(
			w,
			w.Organization(
				"team",
				func(o *v1alpha1.Organization) { o.Spec.Quotas = map[string]v1alpha1.QuotaLimit{"dashboard": 0} },
			),
		)
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
			suite.Stalled(
				w,
				token,
				v1alpha1.ReasonRefused,
				"Secret "+w.NS+"/ci cannot be written, so that nothing was changed",
				test.text,
			)
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
