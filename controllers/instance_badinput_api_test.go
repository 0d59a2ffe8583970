package controllers_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// badInstance is an Instance that is wrong in some way, what must be said of it, and what puts it right.
type badInstance struct {
	make   func(w *suite.World, o *v1alpha1.Instance)
	reason string
	texts  []string
	fix    func(w *suite.World, o *v1alpha1.Instance)
	// passing: it may pass by itself, so that the object is Reconciling rather than Stalled.
	passing bool
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
			w.Create(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "unknown"},
				StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
			})
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
			w.Ask("POST", "/api/admin/users", 0, map[string]any{
				"login":    "plain",
				"name":     "plain",
				"password": "plain-password",
				"email":    "plain@example.com",
			})
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
			w.Create(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: "client"},
				Type:       corev1.SecretTypeTLS,
				StringData: map[string]string{"tls.crt": "junk", "tls.key": "private junk"},
			})
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
			instance := suite.Ready(w, instanceOf(w))
			test.harm(w, instance)
			suite.Stalled(w, instance, test.reason)
			test.mend(w, instance)
			suite.Ready(w, instance)
		})
	}
}

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

func rightURL(w *suite.World, o *v1alpha1.Instance) {
	suite.Change(w, o, func() { o.Spec.URL = w.Grafana.URL })
}

func trust(configMapKey string) *v1alpha1.TLS {
	return &v1alpha1.TLS{
		CAFrom: &v1alpha1.CASource{ConfigMapKeyRef: &v1alpha1.KeyReference{Name: "ca", Key: configMapKey}},
	}
}

// A line end in the Secret is the most frequent reason for a refused credential, and cannot be seen.
func TestAPILineEndInTheCredential(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	setAdmin(w, "admin-password", "admin\n")
	instance := w.Instance()
	suite.Stalled(w, instance, v1alpha1.ReasonInvalidCredentials, "key admin-password ends with a line end")
	setAdmin(w, "admin-password", "admin")
	suite.Ready(w, instance)
}
