package grafanatest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestShape(t *testing.T) {
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/api/orgs/7?forceLogin=true", "", "GET /api/orgs/:org?forceLogin"},
		{"GET", "/api/serviceaccounts/search?query=&perpage=9", "", "GET /api/serviceaccounts/search?perpage&query="},
		{"PATCH", "/api/org/preferences", `{"theme":"","timezone":"utc"}`, "PATCH /api/org/preferences {theme= timezone}"},
		{"PATCH", "/api/org/preferences", `{"timezone":"utc"}`, "PATCH /api/org/preferences {timezone}"},
		{"PATCH", "/api/serviceaccounts/3", `{"isDisabled":false}`, "PATCH /api/serviceaccounts/:account {isDisabled=}"},
		{"PATCH", "/api/serviceaccounts/3", `{"isDisabled":true}`, "PATCH /api/serviceaccounts/:account {isDisabled}"},
		{"POST", "/api/dashboards/db", `{"dashboard":{"uid":"a","panels":[{"id":1}],"id":null},"overwrite":true}`, "POST /api/dashboards/db {dashboard{id= uid} overwrite}"},
		{"GET", "/apis/dashboard.grafana.app/v1beta1/namespaces/org-2/dashboards", "", "GET /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards"},
		{"POST", "/api/nobody/5/x", `{"items":[{"a":1},{"a":2},{"b":""}]}`, "POST /api/nobody/:id/x {items[{a} {b=}]}"},
	} {
		u, err := url.Parse(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := Shape(c.method, u, []byte(c.body)); got != c.want {
			t.Errorf("%s %s %s:\n%s\nwant\n%s", c.method, c.path, c.body, got, c.want)
		}
	}
}

// What the operator sends and nobody has recorded is told, and whose request it is counts.
func TestUnrecorded(t *testing.T) {
	for _, version := range []string{"10.4.3", "12.4.0", "13.1.0"} {
		s := New(Options{Version: version})
		send := func(agent, method, path, body string) {
			t.Helper()
			r, err := http.NewRequestWithContext(
				t.Context(),
				method,
				"http://grafana.test"+path,
				strings.NewReader(body),
			)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("User-Agent", agent)
			resp, err := s.RoundTripper().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		send(operatorAgent, "POST", "/api/orgs?forceLogin=true", `{"name":"a"}`)
		send("curl", "POST", "/api/orgs", `{"name":"a","strange":true}`)
		if unknown := s.Unrecorded(); len(unknown) > 0 {
			t.Errorf("%s: %q", version, unknown)
		}
		send(operatorAgent+"/v1", "POST", "/api/orgs?forceLogin=true", `{"name":"a","strange":true}`)
		want := recordingOf(version) + " POST /api/orgs?forceLogin {name strange}"
		if unknown := s.Unrecorded(); len(unknown) != 1 || unknown[0] != want {
			t.Errorf("%s: %q, want %q", version, unknown, want)
		}
	}
}
