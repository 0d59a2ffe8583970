package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// dataSource applies a DataSource of an Organization: a Prometheus that nobody is at.
func dataSource(w *suite.World, name, organization string, changes ...func(*v1alpha1.DataSource)) *v1alpha1.DataSource {
	w.T.Helper()
	obj := &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.DataSourceSpec{
			OrganizationRef:    v1alpha1.ObjectReference{Name: organization},
			DataSourceSettings: v1alpha1.DataSourceSettings{Type: "prometheus", URL: "http://127.0.0.1:1"},
		},
	}
	return suite.Apply(w, obj, changes)
}

// source is what stands in Grafana for a DataSource; nil: nothing.
func source(w *suite.World, obj *v1alpha1.DataSource) *grafanatest.Source {
	w.T.Helper()
	return w.Grafana.Source(orgOf(w, obj.Spec.OrganizationRef.Name), suite.Get(w, obj).Status.UID)
}

// untilSource waits until what stands in Grafana for a DataSource is as it should be.
func untilSource(w *suite.World, obj *v1alpha1.DataSource, what string, is func(*grafanatest.Source) bool) {
	w.T.Helper()
	w.Eventually(what, func() error {
		if s := source(w, obj); s == nil || !is(s) {
			return fmt.Errorf("it is %+v, conditions %+v", s, obj.Status.Conditions)
		}
		return nil
	})
}

func settings(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }

func fromSecret(name, key string) v1alpha1.ValueSource {
	return v1alpha1.ValueSource{SecretKeyRef: &v1alpha1.KeyReference{Name: name, Key: key}}
}

func secretOf(w *suite.World, name string, data map[string]string) *corev1.Secret {
	w.T.Helper()
	obj := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
	w.Create(obj)
	return obj
}

// editSource changes a data source as somebody does in Grafana's pages, which send all that they were sent, and again
// if it was changed meanwhile.
func editSource(w *suite.World, org int64, uid string, edit func(fields map[string]any)) {
	w.T.Helper()
	w.Eventually("the edit", func() error {
		fields := map[string]any{}
		if err := json.Unmarshal(w.Ask("GET", "/api/datasources/uid/"+uid, org, nil), &fields); err != nil {
			w.T.Fatal(err)
		}
		edit(fields)
		switch status, answer := w.Grafana.Do("PUT", "/api/datasources/uid/"+uid, org, fields); {
		case status == 409:
			return fmt.Errorf("changed meanwhile: %s", answer)
		case status > 299:
			w.T.Fatalf("editing %s: %d %s", uid, status, answer)
		}
		return nil
	})
}

// full is a DataSource that has all there is, with Secret login and ConfigMap ca.
func full(o *v1alpha1.DataSource) {
	o.Spec.Name, o.Spec.UID, o.Spec.URL = "The metrics", "metrics", "http://127.0.0.1:1/{{ .labels.tenant }}"
	o.Spec.User, o.Spec.Database = "reader", "db{{ .orgID }}"
	o.Spec.BasicAuth = &v1alpha1.DataSourceBasicAuth{
		User: "scraper", PasswordSecretRef: v1alpha1.KeyReference{Name: "login", Key: "password"},
	}
	o.Spec.WithCredentials = true
	o.Spec.JSONData = settings(
		`{"timeInterval": "30s", "n": 1.0, "big": 12345678901, "nested": {"org": "{{ .orgName }}",
		"list": ["{{ index .labels \"example.com/cost-centre\" }}", "{{ \"{{\" }}job}}", true, null]}}`,
	)
	o.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{
		"token":     fromSecret("login", "token"),
		"tlsCACert": {ConfigMapKeyRef: &v1alpha1.KeyReference{Name: "ca", Key: "ca.crt"}},
	}
	from := fromSecret("login", "token")
	o.Spec.Headers = []v1alpha1.DataSourceHeader{
		{Name: "X-Scope-OrgID", Value: "{{ .orgName }}"}, {Name: "Authorization", ValueFrom: &from},
	}
}

// labelled is an Organization that full can be filled in from.
func labelled(o *v1alpha1.Organization) {
	o.Labels = map[string]string{"tenant": "red", "example.com/cost-centre": "17"}
}

// All fields reach Grafana, templates filled in and secrets from where they are; nothing secret is told anywhere.
func TestAPIDataSource(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Organization("team", labelled)
		const password, token = "correct-horse", "battery-staple"
		secretOf(w, "login", map[string]string{"password": password, "token": token})
		w.ConfigMap("ca", map[string]string{"ca.crt": "-----BEGIN CERTIFICATE-----"})
		obj := suite.Ready(w, dataSource(w, "metrics", "team", full))
		org, got := orgOf(w, "team"), source(w, obj)
		name := w.Org(org).Name
		var data map[string]any
		if err := json.Unmarshal(fmt.Appendf(nil, `{
			"timeInterval": "30s", "n": 1, "big": 12345678901, "nested": {"org": %q, "list": ["17", "{{job}}", true, null]},
			"httpHeaderName1": "X-Scope-OrgID", "httpHeaderName2": "Authorization",
			"grafana-tenancy.dev/owner": "%s/metrics %s"}`, name, w.NS, obj.UID), &data); err != nil {
			t.Fatal(err)
		}
		if have := asJSON(t, withoutSeal(*got).JSONData); !reflect.DeepEqual(have, data) {
			t.Errorf("jsonData is %+v,\nwant %+v", have, data)
		}
		for what, differs := range map[string]bool{
			"name": got.Name != "The metrics", "uid": got.UID != "metrics", "type": got.Type != "prometheus",
			"url": got.URL != "http://127.0.0.1:1/red", "access": got.Access != "proxy", "user": got.User != "reader",
			"database": got.Database != fmt.Sprint("db", org), "basicAuth": !got.BasicAuth || got.BasicAuthUser != "scraper",
			"withCredentials": !got.WithCredentials, "isDefault": got.IsDefault,
		} {
			if differs {
				t.Errorf("its %s: %+v", what, got)
			}
		}
		wantKeys := []string{"basicAuthPassword", "httpHeaderValue1", "httpHeaderValue2", "tlsCACert", "token"}
		if len(got.SecureFields) != len(wantKeys) {
			t.Errorf("secrets: %v, want %v", got.SecureFields, wantKeys)
		}
		if got.Secrets != nil && (got.Secrets["basicAuthPassword"] != password || got.Secrets["token"] != token ||
			got.Secrets["httpHeaderValue1"] != name || got.Secrets["httpHeaderValue2"] != token) {
			t.Errorf("secrets: %v", got.Secrets)
		}
		told, err := json.Marshal(obj)
		if err != nil || strings.Contains(string(told), password) || strings.Contains(string(told), token) {
			t.Errorf("a secret is told: %s (%v)", told, err)
		}
		if n := written(w, "/api/datasources"); n > 2 {
			t.Errorf("%d writes for one data source: %+v", n, w.Grafana.Requests())
		}
		w.Delete(obj)
		w.Gone(obj)
		if left := w.Grafana.Sources(org); len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

// asJSON is a JSON object as json.Unmarshal makes it.
func asJSON(t *testing.T, object map[string]any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// written counts the operator's writes to paths that begin so, and that were not refused.
func written(w *suite.World, prefix string) (n int) {
	for _, r := range w.Grafana.Requests() {
		if r.Method != "GET" && strings.HasPrefix(r.Path, prefix) && r.Status < 300 {
			n++
		}
	}
	return n
}

// With nothing but what must be, the name and uid come from the object; nobody has asked for the first one to be the
// default, so it is not.
func TestAPIDataSourceBare(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Organization("team")
		obj := suite.Ready(w, dataSource(w, "loki-logs", "team", func(o *v1alpha1.DataSource) { o.Spec.Type = "loki" }))
		got := source(w, obj)
		if got == nil || got.UID != string(obj.UID) || got.Name != "loki-logs" || got.IsDefault || got.Type != "loki" {
			t.Errorf("it is %+v", got)
		}
		w.Grafana.ResetLog()
		visitTwice(w, obj, "/api/datasources/uid/"+got.UID)
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("written at rest: %v", writes)
		}
	})
}

// Aliases of plugins and what Grafana makes of settings are no drift.
func TestAPIDataSourceAlias(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		w.Organization("team")
		for _, kind := range []string{"postgres", "testdata"} {
			obj := suite.Ready(w, dataSource(w, kind, "team", func(o *v1alpha1.DataSource) { o.Spec.Type = kind }))
			if got := source(w, obj); got.Type == kind {
				t.Errorf("its type is %s still", got.Type)
			}
			w.Grafana.ResetLog()
			visitTwice(w, obj, "/api/datasources/uid/"+obj.Status.UID)
			if writes := w.Writes(); len(writes) > 0 {
				t.Errorf("written at rest: %v", writes)
			}
		}
	})
}

// A Secret that changes is sent at once; a key that is taken out of the spec, or added in Grafana, is removed there;
// one that is not there yet is waited for, and what is in Grafana stays.
func TestAPIDataSourceSecrets(t *testing.T) {
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		w.Organization("team")
		obj := dataSource(w, "db", "team", func(o *v1alpha1.DataSource) {
			o.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{"password": fromSecret("login", "password")}
		})
		suite.Stalled(
			w,
			obj,
			v1alpha1.ReasonSecretNotFound,
			"spec.secureJsonData.password",
			"Secret "+w.NS+"/login does not exist",
		)
		login := secretOf(w, "login", map[string]string{"other": "x"})
		w.Eventually("the key is missed", func() error {
			if suite.Get(w, obj); !strings.Contains(suite.MessageOf(obj), `nothing under key "password"`) {
				return errors.New(suite.MessageOf(obj))
			}
			return nil
		})
		for _, password := range []string{"first", "second"} {
			suite.Change(w, login, func() { login.StringData = map[string]string{"password": password} })
			sent := login.ResourceVersion
			untilSource(w, obj, "the password "+sent, func(s *grafanatest.Source) bool {
				return s.SecureFields["password"] && (s.Secrets == nil || s.Secrets["password"] == password)
			})
			suite.Ready(w, obj)
		}
		hash := obj.Status.SecretsHash
		w.Delete(login)
		suite.Stalled(w, obj, v1alpha1.ReasonSecretNotFound)
		secretOf(w, "login", map[string]string{"password": "second"})
		suite.Until(w, obj, "the same again", func(c metav1.Condition) bool {
			return c.Status == metav1.ConditionTrue && obj.Status.SecretsHash != hash
		})
		org := orgOf(w, "team")
		editSource(w,
			org,
			obj.Status.UID,
			func(f map[string]any) { f["secureJsonData"] = map[string]string{"strange": "x"} },
		)
		suite.Visit(w, obj)
		untilSource(w, obj, "without the strange one", func(s *grafanatest.Source) bool {
			return s.SecureFields["password"] && !s.SecureFields["strange"]
		})
		suite.Change(w, obj, func() { obj.Spec.SecureJSONData = nil })
		untilSource(w, obj, "no secret", func(s *grafanatest.Source) bool { return len(s.SecureFields) == 0 })
		suite.Ready(w, obj)
	})
}

// What an edit has changed is put right, whatever the version says: one in Grafana's pages raises it, one through the
// API need not.
func TestAPIDataSourceEdited(t *testing.T) {
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		w.Organization("team", labelled)
		secretOf(w, "login", map[string]string{"password": "a", "token": "b"})
		w.ConfigMap("ca", map[string]string{"ca.crt": "c"})
		obj := suite.Ready(w, dataSource(w, "metrics", "team", full))
		org, want := orgOf(w, "team"), source(w, obj)
		for name, edit := range map[string]func(f map[string]any){
			"name":            func(f map[string]any) { f["name"] = "Mine now" },
			"url":             func(f map[string]any) { f["url"] = "http://127.0.0.1:2" },
			"access":          func(f map[string]any) { f["access"] = "direct" },
			"type":            func(f map[string]any) { f["type"] = "loki" },
			"user":            func(f map[string]any) { f["user"] = "root" },
			"database":        func(f map[string]any) { f["database"] = "" },
			"basicAuth":       func(f map[string]any) { f["basicAuth"] = false },
			"basicAuthUser":   func(f map[string]any) { f["basicAuthUser"] = "root" },
			"withCredentials": func(f map[string]any) { f["withCredentials"] = false },
			"a setting":       func(f map[string]any) { f["jsonData"].(map[string]any)["timeInterval"] = "1s" },
			"one more":        func(f map[string]any) { f["jsonData"].(map[string]any)["tlsSkipVerify"] = true },
			"the mark":        func(f map[string]any) { delete(f["jsonData"].(map[string]any), "grafana-tenancy.dev/owner") },
			"all settings":    func(f map[string]any) { delete(f, "jsonData") },
			"a secret":        func(f map[string]any) { f["secureJsonData"] = map[string]string{"token": "theirs"} },
			"a secret gone":   func(f map[string]any) { f["secureJsonData"] = map[string]string{"token": ""} },
			"nothing but its version": func(f map[string]any) {
				delete(f, "version")
				f["url"] = "http://127.0.0.1:3"
			},
		} {
			suite.Ready(w, suite.Visit(w, obj))
			editSource(w, org, "metrics", edit)
			suite.Visit(w, obj)
			untilSource(w, obj, name, func(s *grafanatest.Source) bool {
				now := withoutSeal(*s)
				now.Version = want.Version
				return reflect.DeepEqual(now, withoutSeal(*want))
			})
		}
		suite.Ready(w, obj)
	})
}

// A resync costs one list, however many data sources there are, and finds what was edited.
func TestAPIDataSourceList(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, func(o *v1alpha1.Instance) {
		o.Spec.ResyncInterval = &metav1.Duration{Duration: 30 * time.Second}
	})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	var all []*v1alpha1.DataSource
	for n := range 10 {
		all = append(all, dataSource(w, fmt.Sprint("d", n), "team"))
	}
	for _, obj := range all {
		suite.Until(w, suite.Ready(w, obj), "settled", func(metav1.Condition) bool {
			return obj.Status.CreateStarted == nil
		})
	}
	lists := func() int { return w.Asked("GET", "/api/datasources") }
	for range 2 { // in the first, each is read by itself, unless it was before
		w.Grafana.ResetLog()
		w.Eventually("a resync", func() error {
			if lists() == 0 {
				return errors.New("there was no list")
			}
			return nil
		})
	}
	w.Grafana.ResetLog()
	editSource(w, org, all[7].Status.UID, func(f map[string]any) { f["url"] = "http://127.0.0.1:2" })
	untilSource(w, all[7], "correction", func(s *grafanatest.Source) bool { return s.URL == "http://127.0.0.1:1" })
	if n := lists(); n > 4 {
		t.Errorf("%d lists in about two resyncs", n)
	}
	for n, obj := range all {
		if asked := w.Asked("GET", "/api/datasources/uid/"+obj.Status.UID); asked > 0 && n != 7 {
			t.Errorf("number %d was asked for %d times", n, asked)
		}
	}
}

// Condition Healthy has what Grafana finds when it tries the source, and makes nothing unready.
func TestAPIDataSourceHealth(t *testing.T) {
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		w.Organization("team")
		healthy := func(kind string, status metav1.ConditionStatus, reason, text string) *v1alpha1.DataSource {
			obj := dataSource(w, kind, "team", func(o *v1alpha1.DataSource) { o.Spec.Type, o.Spec.Health = kind, true })
			suite.Until(w, obj, "Healthy "+string(status), func(ready metav1.Condition) bool {
				c := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionHealthy)
				return ready.Status == metav1.ConditionTrue && c != nil && c.Status == status && c.Reason == reason &&
					strings.Contains(c.Message, text)
			})
			return obj
		}
		healthy("testdata", metav1.ConditionTrue, v1alpha1.ReasonWorking, "is working")
		healthy("no-such-plugin", metav1.ConditionUnknown, v1alpha1.ReasonNotTried, "not registered")
		obj := healthy("prometheus", metav1.ConditionFalse, v1alpha1.ReasonNotWorking, "connection refused")
		suite.Change(w, obj, func() { obj.Spec.Health = false })
		suite.Until(w, obj, "without Healthy", func(metav1.Condition) bool {
			return meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionHealthy) == nil
		})
	})
}

// The labels of the Organization can change, and with them what stands for them.
func TestAPIDataSourceFollowsTheOrganization(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization("team")
	obj := dataSource(w,
		"metrics",
		"team",
		func(o *v1alpha1.DataSource) { o.Spec.URL = "http://127.0.0.1/{{ .labels.a }}" },
	)
	suite.Stalled(w, obj, v1alpha1.ReasonInvalidSpec, "spec.url", `/team has no label "a"`, `{{ "{{" }}`)
	for _, value := range []string{"one", "two"} {
		suite.Change(w, org, func() { org.Labels = map[string]string{"a": value} })
		untilSource(w, obj, value, func(s *grafanatest.Source) bool { return s.URL == "http://127.0.0.1/"+value })
	}
	suite.Ready(w, obj)
}
