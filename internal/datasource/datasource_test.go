package datasource

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

func TestCheckURL(t *testing.T) {
	for _, good := range [][2]string{
		{"prometheus", "http://127.0.0.1:9090/a?b=c@d"}, {"prometheus", "prometheus:9090"}, {"loki", "https://[::1]:3100"},
		{"testdata", ""}, {"mssql", `host\instance:1433`}, {"mssql", "host:1433"}, {"no-such-type", "whatever"},
	} {
		if err := checkURL(good[0], good[1]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range [][2]string{
		{"prometheus", ""}, {"loki", " "}, {"grafana-postgresql-datasource", ""}, {"testdata", "  "},
		{"prometheus", "http://[::1"}, {"prometheus", "http://a b"}, {"loki", "://x"}, {"mssql", "http://host:1433"},
		{"prometheus", "http://me:secret@host"}, {"testdata", "me@host"},
	} {
		if err := checkURL(bad[0], bad[1]); err == nil {
			t.Errorf("%v: it is taken", bad)
		}
	}
}

func TestNamesSecret(t *testing.T) {
	for _, name := range []string{"password", "Password", "api_key", "apiKey", "private-key", "secretAccessKey", "httpHeaderValue3", "client.secret"} {
		if !namesSecret(name) {
			t.Errorf("%s is let through", name)
		}
	}
	for _, name := range []string{"authType", "tlsAuth", "tokenUri", "timeField", "passwordless", "httpHeaderName1", "keepCookies"} {
		if namesSecret(name) {
			t.Errorf("%s is refused", name)
		}
	}
}

// What says the same in another form is the same, and what says something else is named.
func TestDifferences(t *testing.T) {
	a := grafana.DataSource{
		Name:     "a",
		Type:     "loki",
		Access:   "proxy",
		URL:      "u",
		JSONData: json.RawMessage(`{"n": 1.0, "b": {"x": 1, "y": 2}}`),
	}
	b := a
	b.ID, b.Version, b.IsDefault, b.BasicAuthUser = 7, 3, true, "x"
	b.JSONData = json.RawMessage(`{"teamHttpHeaders":{},"b":{"y":2,"x":1},"n":1}`)
	if diff := Differences(a, b); len(diff) > 0 || Hash(a) != Hash(b) {
		t.Errorf("they differ in %v", diff)
	}
	for want, change := range map[string]func(d *grafana.DataSource){
		"name": func(d *grafana.DataSource) { d.Name = "b" }, "type": func(d *grafana.DataSource) { d.Type = "b" },
		"access": func(d *grafana.DataSource) { d.Access = "b" }, "url": func(d *grafana.DataSource) { d.URL = "b" },
		"user": func(d *grafana.DataSource) { d.User = "b" }, "database": func(d *grafana.DataSource) { d.Database = "b" },
		"basicAuth": func(d *grafana.DataSource) { d.BasicAuth = true },
		"jsonData":  func(d *grafana.DataSource) { d.JSONData = json.RawMessage(`{"n": 2}`) },
	} {
		c := a
		change(&c)
		if diff := Differences(a, c); !slices.Equal(diff, []string{want}) || Hash(a) == Hash(c) {
			t.Errorf("%s: %v", want, diff)
		}
	}
}

func TestOwner(t *testing.T) {
	obj := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", UID: "c"}}
	for _, adopted := range []bool{false, true} {
		want := OwnerOf(obj, adopted)
		d := WithOwner(grafana.DataSource{JSONData: json.RawMessage(`{"x":1}`)}, want)
		if got := ReadOwner(d); got != want || !strings.Contains(string(d.JSONData), `"x":1`) {
			t.Errorf("%+v is read as %+v from %s", want, got, d.JSONData)
		}
	}
	for _, text := range []string{``, `{}`, `[]`, `{"grafana-tenancy.dev/owner": 1}`, `{"grafana-tenancy.dev/owner": "a"}`,
		`{"grafana-tenancy.dev/owner": "a b c"}`, `{"grafana-tenancy.dev/owner": "a b adopted d"}`} {
		if got := ReadOwner(grafana.DataSource{JSONData: json.RawMessage(text)}); got != (Owner{}) {
			t.Errorf("%s is read as %+v", text, got)
		}
	}
}

// Headers are numbered from one, and the values have the numbers of the names.
func TestHeaders(t *testing.T) {
	secret := v1alpha1.ValueSource{SecretKeyRef: &v1alpha1.KeyReference{Name: "a", Key: "b"}}
	obj := &v1alpha1.DataSource{
		Spec: v1alpha1.DataSourceSpec{
			DataSourceSettings: v1alpha1.DataSourceSettings{
				Type: "loki",
				URL:  "http://a",
				Headers: []v1alpha1.DataSourceHeader{
					{
						Name:  "X-Scope-OrgID",
						Value: "{{ .labels.tenant }}-{{ .orgID }}",
					},
					{Name: "Authorization", ValueFrom: &secret},
				},
			},
		},
	}
	facts := Facts{OrgID: 7, Name: "Team", Labels: map[string]string{"tenant": "red"}}
	d, err := Wanted(obj, facts)
	if err != nil || string(d.JSONData) != `{"httpHeaderName1":"X-Scope-OrgID","httpHeaderName2":"Authorization"}` {
		t.Errorf("%s, %v", d.JSONData, err)
	}
	secrets, err := Secrets(obj, facts)
	if err != nil || len(secrets) != 2 || secrets[0].Name != "httpHeaderValue1" || secrets[0].Text != "red-7" ||
		secrets[1].Name != "httpHeaderValue2" || fmt.Sprint(secrets[1].From) != fmt.Sprint(secret) {
		t.Errorf("%+v, %v", secrets, err)
	}
	const want = `spec.headers[0].value: Organization grafana/webshop has no label "tenant": give it one`
	for _, value := range []string{"{{ .labels.tenant }}", "{{ $.labels.tenant }}", "{{ index .labels `tenant` }}"} {
		obj.Spec.Headers[0].Value = value
		_, err := Secrets(obj, Facts{Object: "grafana/webshop"})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s without the label: %v", value, err)
		}
	}
}

// Numbers go to Grafana as they are written.
func TestNumbersAreNotRounded(t *testing.T) {
	obj := &v1alpha1.DataSource{ObjectMeta: metav1.ObjectMeta{Name: "d"}}
	obj.Spec.Type, obj.Spec.URL = "prometheus", "http://127.0.0.1"
	obj.Spec.JSONData = &runtime.RawExtension{
		Raw: []byte(`{"id":12345678901234567,"rate":1.50,"in":{"n":[9007199254740993]}}`),
	}
	got, err := Wanted(obj, Facts{})
	if want := `{"id":12345678901234567,"in":{"n":[9007199254740993]},"rate":1.50}`; err != nil ||
		string(got.JSONData) != want {
		t.Errorf("it is %s, %v", got.JSONData, err)
	}
}
