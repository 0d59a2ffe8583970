package grafanatest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// tenant is an organization 2 with an editor "ed", and what they do with its
// dashboards.
type tenant struct {
	t      *testing.T
	server *Server
}

func newTenant(t *testing.T, opts Options) tenant {
	t.Helper()
	s := New(opts)
	d := doer{t, s}
	d.do(200, "POST", "/api/orgs", 1, obj{"name": "team"})
	d.do(200, "POST", "/api/admin/users", 1, obj{"login": "ed", "password": "editor", "OrgId": 2})
	d.do(200, "PATCH", "/api/orgs/2/users/2", 1, obj{"role": "Editor"})
	return tenant{t, s}
}

const edAuth = "Basic ZWQ6ZWRpdG9y"

// as sends a request of admin or ed, and returns the answer.
func (n tenant) as(auth string, want int, method, path, body string) obj {
	n.t.Helper()
	status, text := client{t: n.t, server: n.server, auth: auth}.do(method, path, 2, body)
	_, text, _ = strings.Cut(text, "\r\n\r\n")
	if status != want {
		n.t.Fatalf("%s %s: %d %s, want %d", method, path, status, text, want)
	}
	var answer any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		n.t.Fatal(err)
	}
	if list, isList := answer.([]any); isList {
		answer = obj{"list": list}
	}
	return answer.(obj)
}

func (n tenant) save(auth, title, message string) {
	n.t.Helper()
	n.as(auth, 200, "POST", "/api/dashboards/db",
		fmt.Sprintf(`{"dashboard":{"uid":"d","title":%q},"message":%q,"overwrite":true}`, title, message))
}

// versions are lines of the history: number, message and author.
func (n tenant) versions(query string) (lines, token string) {
	n.t.Helper()
	answer := n.as(adminAuth, 200, "GET", "/api/dashboards/uid/d/versions?"+query, "")
	var out []string
	list, plain := answer["list"].([]any)
	if !plain {
		list = answer["versions"].([]any)
	}
	for _, v := range list {
		v := v.(obj)
		out = append(out, fmt.Sprintf("%v %s %s", v["version"], v["message"], v["createdBy"]))
	}
	token, _ = answer["continueToken"].(string)
	return strings.Join(out, ", "), token
}

const dashboardsOf2 = "/apis/dashboard.grafana.app/v0alpha1/namespaces/org-2/dashboards"

func (n tenant) resource(auth string) obj {
	n.t.Helper()
	return n.as(auth, 200, "GET", dashboardsOf2+"/d", "")
}

func note(object obj, name string) any {
	notes, _ := object["metadata"].(obj)["annotations"].(obj)
	return notes["grafana.app/"+name]
}

func TestAnUnchangedSaveReplacesTheMessage(t *testing.T) {
	n := newTenant(t, Options{})
	n.save(adminAuth, "one", "ours")
	n.save(adminAuth, "two", "ours again")
	n.save(edAuth, "two", "theirs")
	if got, _ := n.versions(""); got != "2 theirs admin, 2 ours again admin, 1 Initial save admin" {
		t.Errorf("the history after a save that changes nothing: %s", got)
	}
	d := n.resource(adminAuth)
	if meta := d["metadata"].(obj); meta["generation"] != 2.0 || note(d, "message") != "theirs" ||
		note(d, "updatedBy") != n.server.db.subject(1) {
		t.Errorf("the dashboard after it: %v", meta)
	}
	n.save(edAuth, "two", "")
	if got := note(n.resource(adminAuth), "message"); got != nil {
		t.Errorf("a save that says nothing leaves the message %v", got)
	}
}

func TestAnUnchangedSaveOfAnOldGrafanaIsAVersion(t *testing.T) {
	n := newTenant(t, Options{Version: "10.4.3"})
	n.save(adminAuth, "one", "ours")
	n.save(edAuth, "one", "theirs")
	if got, _ := n.versions(""); got != "2 theirs ed, 1 Initial save admin" {
		t.Errorf("the history: %s", got)
	}
}

func TestWhatIsPutBackCarriesTheMessage(t *testing.T) {
	n := newTenant(t, Options{})
	n.save(adminAuth, "one", "ours")
	d := n.resource(edAuth)
	d["spec"].(obj)["title"] = "edited"
	edited := n.as(edAuth, 200, "PUT", dashboardsOf2+"/d", string(mustJSON(d)))
	if note(edited, "message") != "ours" || note(edited, "updatedBy") != n.server.db.subject(2) ||
		edited["metadata"].(obj)["generation"] != 2.0 {
		t.Errorf("what was edited through /apis: %v", edited["metadata"])
	}
	if got, _ := n.versions(""); got != "2 ours ed, 1 Initial save admin" {
		t.Errorf("the history: %s", got)
	}
	n.as(edAuth, 409, "PUT", dashboardsOf2+"/d", string(mustJSON(d))) // not the latest any more
	blind := `{"metadata":{"name":"d","annotations":{"x/y":"z"}},"spec":{"title":"blind"}}`
	if d := n.as(edAuth, 200, "PUT", dashboardsOf2+"/d", blind); note(d, "message") != nil {
		t.Errorf("without a message: %v", d["metadata"])
	}
	if d := n.as(edAuth, 200, "PUT", dashboardsOf2+"/d", blind); d["metadata"].(obj)["resourceVersion"] != nil {
		t.Errorf("what changes nothing was written: %v", d["metadata"])
	}
	n.save(adminAuth, "blind", "")
	if notes := n.resource(edAuth)["metadata"].(obj)["annotations"].(obj); notes["x/y"] != nil {
		t.Errorf("a save through /api keeps annotations: %v", notes)
	}
}

func TestResourcesAreMadeAndDeleted(t *testing.T) {
	n := newTenant(t, Options{})
	const body = `{"metadata":{"name":"d"},"spec":{"title":"one"}}`
	n.as(adminAuth, 201, "PUT", dashboardsOf2+"/d", body)
	n.as(adminAuth, 409, "POST", dashboardsOf2, body)
	n.as(adminAuth, 400, "PUT", dashboardsOf2+"/other", body)
	n.as(
		adminAuth,
		500,
		"PUT",
		dashboardsOf2+"/new",
		`{"metadata":{"name":"new","resourceVersion":"1"},"spec":{"title":"x"}}`,
	)
	n.as(adminAuth, 422, "POST", dashboardsOf2, `{"metadata":{},"spec":{"title":"x"}}`)
	n.as(adminAuth, 400, "POST", dashboardsOf2, `{"metadata":{"name":"x"},"spec":{}}`)
	n.as(
		adminAuth,
		404,
		"POST",
		dashboardsOf2,
		`{"metadata":{"name":"x","annotations":{"grafana.app/folder":"no"}},"spec":{"title":"x"}}`,
	)
	n.as(adminAuth, 200, "DELETE", dashboardsOf2+"/d", "")
	n.as(adminAuth, 404, "DELETE", dashboardsOf2+"/d", "")
	if left := n.server.Dashboards(2); len(left) != 0 {
		t.Errorf("dashboards left: %+v", left)
	}
}

func TestTwentyVersionsAreKept(t *testing.T) {
	for _, version := range Versions() {
		n := newTenant(t, Options{Version: version})
		for i := range 26 {
			n.save(adminAuth, fmt.Sprint("title ", i), fmt.Sprint("m", i+1))
		}
		got, _ := n.versions("")
		if lines := strings.Split(
			got,
			", ",
		); len(lines) != 20 || lines[0] != "26 m26 admin" ||
			lines[19] != "7 m7 admin" {
			t.Errorf("%s: %d versions: %s", version, len(lines), got)
		}
	}
}

func TestPagesOfTheHistory(t *testing.T) {
	n := newTenant(t, Options{Version: "10.4.3"})
	for i := range 3 {
		n.save(adminAuth, fmt.Sprint("title ", i), "m")
	}
	if got, _ := n.versions("limit=1&start=1"); got != "2 m admin" {
		t.Errorf("10.4.3: the second: %s", got)
	}
	n.as(adminAuth, 404, "GET", "/api/dashboards/uid/d/versions?start=3", "")

	n = newTenant(t, Options{})
	for i := range 3 {
		n.save(adminAuth, fmt.Sprint("title ", i), "m")
	}
	got, token := n.versions("limit=2&start=1")
	if got != "3 m admin, 2 m admin" || token == "" {
		t.Errorf("12.4.0: the first two: %s, token %q", got, token)
	}
	if got, token = n.versions(
		"limit=2&continueToken=" + url.QueryEscape(token),
	); got != "1 Initial save admin" ||
		token != "" {
		t.Errorf("12.4.0: the rest: %s, token %q", got, token)
	}
	history := n.as(
		adminAuth,
		200,
		"GET",
		dashboardsOf2+"?labelSelector=grafana.app%2Fget-history%3Dtrue&fieldSelector=metadata.name%3Dd&limit=2",
		"",
	)
	items, more := history["items"].([]any), history["metadata"].(obj)["continue"]
	if len(items) != 2 || items[0].(obj)["metadata"].(obj)["generation"] != 3.0 || more == nil {
		t.Errorf("12.4.0: the history through /apis: %v", history)
	}
}
