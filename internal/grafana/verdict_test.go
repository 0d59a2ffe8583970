package grafana

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The documentation has a row for each verdict that an answer, or none, can get.
func TestVerdictsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/conditions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## What an answer proves\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []Verdict
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Z]\w+) \|`).FindAllStringSubmatch(section, -1) {
		documented = append(documented, Verdict(row[1]))
	}
	all := []Verdict{NoAnswer, Untrusted}
	for _, r := range verdicts {
		all = append(all, r.is)
	}
	slices.Sort(all)
	slices.Sort(documented)
	if all = slices.Compact(all); !slices.Equal(all, documented) {
		t.Errorf("documented are %v, there are %v", documented, all)
	}
}

// foreign is what something between the operator and Grafana answers by itself.
type foreign struct {
	name, contentType, body string
	status                  int
	header                  map[string]string
	want                    string // the predicates that hold
}

const (
	asJSON = "application/json"
	asText = "text/plain"
	asHTML = "text/html"
)

// others are the answers of intermediaries of many makes.
var others = []foreign{
	{
		name:        "nginx, too large",
		status:      413,
		contentType: asHTML,
		body:        "<html><head><title>413 Request Entity Too Large</title></head></html>",
		want:        "tooLarge",
	},
	{
		name:        "nginx, no such page",
		status:      404,
		contentType: asHTML,
		body:        "<html><center><h1>404 Not Found</h1></center><hr><center>nginx</center></html>",
		want:        "notGrafana",
	},
	{
		name:        "nginx, not allowed",
		status:      405,
		contentType: asHTML,
		body:        "<html>405 Not Allowed</html>",
		want:        "notGrafana",
	},
	{
		name:        "nginx, password",
		status:      401,
		contentType: asHTML,
		body:        "<html>401</html>",
		header:      map[string]string{"WWW-Authenticate": `Basic realm="x"`},
		want:        "notGrafana",
	},
	{
		name:        "nginx, no gateway",
		status:      502,
		contentType: asHTML,
		body:        "<html>502 Bad Gateway</html>",
		want:        "unavailable unsure",
	},
	{
		name:        "ingress, default backend",
		status:      404,
		contentType: asText,
		body:        "default backend - 404",
		want:        "notGrafana",
	},
	{name: "Traefik, no route", status: 404, contentType: asText, body: "404 page not found\n", want: "notGrafana"},
	{
		name:        "Kong, no route",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"no Route matched with those values","request_id":"a1"}`,
		want:        "notGrafana",
	},
	{
		name:        "Kong, no key",
		status:      401,
		contentType: asJSON,
		body:        `{"message":"No API key found in request"}`,
		header:      map[string]string{"WWW-Authenticate": `Key realm="kong"`},
		want:        "notGrafana",
	},
	{
		name:        "Kong, no upstream",
		status:      503,
		contentType: asJSON,
		body:        `{"message":"failure to get a peer from the ring-balancer"}`,
		want:        "unavailable unsure",
	},
	{
		name:        "AWS API Gateway, no route",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"Not Found"}`,
		want:        "notGrafana",
	},
	{
		name:        "AWS API Gateway, no token",
		status:      401,
		contentType: asJSON,
		body:        `{"message":"Unauthorized"}`,
		header:      map[string]string{"WWW-Authenticate": "Bearer"},
		want:        "notGrafana",
	},
	{
		name:        "AWS API Gateway, REST",
		status:      403,
		contentType: asJSON,
		body:        `{"message":"Missing Authentication Token"}`,
		want:        "forbidden",
	},
	{name: "AWS ALB, fixed response", status: 404, contentType: asText, body: "Not Found", want: "notGrafana"},
	{
		name:        "AWS WAF",
		status:      403,
		contentType: asHTML,
		body:        "<html><head><title>403 Forbidden</title></head></html>",
		want:        "notGrafana",
	},
	{
		name:        "Cloudflare, blocked",
		status:      403,
		contentType: asHTML,
		body:        "<!DOCTYPE html><title>Attention Required! | Cloudflare</title>",
		want:        "notGrafana",
	},
	{
		name:        "Cloudflare, origin down",
		status:      522,
		contentType: asHTML,
		body:        "<html>522</html>",
		want:        "unavailable unsure",
	},
	{
		name:   "Cloudflare Access",
		status: 302,
		header: map[string]string{"Location": "https://team.cloudflareaccess.com/x"},
		want:   "notGrafana",
	},
	{
		name:        "Envoy, no healthy upstream",
		status:      503,
		contentType: asText,
		body:        "no healthy upstream",
		want:        "unavailable unsure",
	},
	{name: "Istio, access denied", status: 403, contentType: asText, body: "RBAC: access denied", want: "notGrafana"},
	{
		name:        "Envoy, JWT",
		status:      401,
		contentType: asText,
		body:        "Jwt is missing",
		header:      map[string]string{"WWW-Authenticate": `Bearer realm="x"`},
		want:        "notGrafana",
	},
	{name: "Envoy, no route", status: 404, want: "notGrafana"},
	{
		name:        "oauth2-proxy, sign in",
		status:      403,
		contentType: asHTML,
		body:        "<!DOCTYPE html><html>Sign in</html>",
		want:        "notGrafana",
	},
	{name: "oauth2-proxy, API", status: 401, contentType: asJSON, body: `{}`, want: "notGrafana"},
	{
		name:   "Authelia",
		status: 302,
		header: map[string]string{"Location": "https://auth.example.org/?rd=x"},
		want:   "notGrafana",
	},
	{
		name:        "Azure Application Gateway",
		status:      403,
		contentType: asHTML,
		body:        "<html>Microsoft-Azure-Application-Gateway/v2</html>",
		want:        "notGrafana",
	},
	{
		name:        "Azure API Management",
		status:      401,
		contentType: asJSON,
		body:        `{"statusCode":401,"message":"Access denied due to missing subscription key."}`,
		header:      map[string]string{"WWW-Authenticate": "AzureApiManagementKey"},
		want:        "notGrafana",
	},
	{
		name:        "Azure API Management, no route",
		status:      404,
		contentType: asJSON,
		body:        `{"statusCode":404,"message":"Resource not found"}`,
		want:        "notGrafana",
	},
	{
		name:        "Google Cloud",
		status:      404,
		contentType: asJSON,
		body:        `{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}`,
		want:        "notGrafana",
	},
	{
		name:        "HAProxy, no server",
		status:      503,
		contentType: asHTML,
		body:        "<html><body><h1>503 Service Unavailable</h1></body></html>",
		want:        "unavailable unsure",
	},
	{
		name:        "HAProxy, denied",
		status:      403,
		contentType: asHTML,
		body:        "<html><body><h1>403 Forbidden</h1></body></html>",
		want:        "notGrafana",
	},
	{
		name:        "Varnish",
		status:      503,
		contentType: asHTML,
		body:        "<?xml?><!DOCTYPE html><html>Backend fetch failed</html>",
		want:        "unavailable unsure",
	},
	{
		name:        "Squid",
		status:      403,
		contentType: asHTML,
		body:        "<!DOCTYPE html><title>ERROR: Access Denied</title>",
		want:        "notGrafana",
	},
	{
		name:        "APISIX, no route",
		status:      404,
		contentType: asJSON,
		body:        `{"error_msg":"404 Route Not Found"}`,
		want:        "notGrafana",
	},
	{
		name:        "Tyk",
		status:      403,
		contentType: asJSON,
		body:        `{"error":"Access to this API has been disallowed"}`,
		want:        "notGrafana",
	},
	{
		name:        "Fastify",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"Route GET:/api/org not found","error":"Not Found","statusCode":404}`,
		want:        "notGrafana",
	},
	{name: "Express", status: 404, contentType: asHTML, body: "<pre>Cannot GET /api/org</pre>", want: "notGrafana"},
	{
		name:        "Spring",
		status:      404,
		contentType: asJSON,
		body:        `{"timestamp":"x","status":404,"error":"Not Found","path":"/api/org"}`,
		want:        "notGrafana",
	},
	{
		name:        "a backend of that name",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"backend dashboard not found for /grafana/"}`,
		want:        "notGrafana",
	},
	{name: "FastAPI", status: 404, contentType: asJSON, body: `{"detail":"Not Found"}`, want: "notGrafana"},
	{
		name:        "Kubernetes, service gone",
		status:      404,
		contentType: asJSON,
		body:        `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"services \"organization\" not found","reason":"NotFound","code":404}`,
		want:        "notGrafana",
	},
	{
		name:        "Kubernetes, not ready",
		status:      503,
		contentType: asJSON,
		body:        `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no endpoints available for service \"grafana\"","reason":"ServiceUnavailable","code":503}`,
		want:        "unavailable unsure",
	},
	{
		name:        "Kubernetes, who",
		status:      401,
		contentType: asJSON,
		body:        `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`,
		want:        "notGrafana",
	},
	{
		name:        "Grafana, no such route",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"Not found"}`,
		want:        "notGrafana",
	},
	{
		name:        "another object's absence",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"plugin not found"}`,
		want:        "notGrafana",
	},
	{
		name:        "a gateway's conflict",
		status:      409,
		contentType: asJSON,
		body:        `{"message":"Conflict"}`,
		want:        "notGrafana",
	},
	{
		name:        "a gateway's conflict, in other JSON",
		status:      409,
		contentType: asJSON,
		body:        `{"error":"already exists"}`,
		want:        "notGrafana",
	},
	{
		name:        "a gateway's precondition",
		status:      412,
		contentType: asJSON,
		body:        `{"message":"Precondition Failed"}`,
		want:        "notGrafana",
	},
	{
		name:        "a gateway's precondition, as a page",
		status:      412,
		contentType: asHTML,
		body:        "<html>412</html>",
		want:        "notGrafana",
	},
	{name: "gone", status: 410, contentType: asHTML, body: "<html>410</html>", want: "notGrafana"},
	{
		name:        "not acceptable",
		status:      406,
		contentType: asHTML,
		body:        "<html>406 Not Acceptable: ModSecurity</html>",
		want:        "notGrafana",
	},
	{name: "not implemented", status: 501, contentType: asHTML, body: "<html>501</html>", want: "unavailable unsure"},
	{
		name:        "a limit, as a conflict",
		status:      409,
		contentType: asJSON,
		body:        `{"message":"The organization already has the most tokens, dashboards and users that it can have"}`,
		want:        "notGrafana",
	},
	{
		name:        "a managed service's limit",
		status:      400,
		contentType: asJSON,
		body:        `{"message":"at most 100 tokens"}`,
		want:        "",
	},
	{name: "cached", status: 304, want: "notGrafana"},
	{name: "no content", status: 204, want: "notGrafana unsure"},
	{name: "reset content", status: 205, want: "notGrafana unsure"},
	{
		name:        "accepted by a queue",
		status:      202,
		contentType: asJSON,
		body:        `{"status":"queued"}`,
		want:        "notGrafana unsure",
	},
	{name: "captive portal", status: 200, contentType: asHTML, body: html, want: "notGrafana unsure"},
	{name: "null", status: 200, contentType: asJSON, body: `null`, want: "notGrafana unsure"},
	{name: "an empty object", status: 200, contentType: asJSON, body: `{}`, want: "notGrafana unsure"},
	{
		name:        "an object of something else",
		status:      200,
		contentType: asJSON,
		body:        `{"ok":true}`,
		want:        "notGrafana unsure",
	},
	{
		name:        "a list of something else",
		status:      200,
		contentType: asJSON,
		body:        `[{"ok":true}]`,
		want:        "notGrafana unsure",
	},
	{name: "a text", status: 200, contentType: asJSON, body: `"ok"`, want: "notGrafana unsure"},
	{name: "text that says ok", status: 200, contentType: asText, body: "OK", want: "notGrafana unsure"},
	{
		name:        "half an answer",
		status:      200,
		contentType: asJSON,
		body:        `{"id":1`,
		header:      map[string]string{"Content-Length": "900"},
		want:        "unavailable unsure",
	},
	{
		name:        "half a refusal",
		status:      404,
		contentType: asJSON,
		body:        `{"message":"Organization not fo`,
		header:      map[string]string{"Content-Length": "900"},
		want:        "notGrafana",
	},
	{
		name:        "no gzip at all",
		status:      200,
		contentType: asJSON,
		body:        `{"id":1}`,
		header:      map[string]string{"Content-Encoding": "gzip"},
		want:        "unavailable unsure",
	},
	{
		name:        "a coding that nobody asked for",
		status:      200,
		contentType: asJSON,
		body:        "\x1b\x03",
		header:      map[string]string{"Content-Encoding": "br"},
		want:        "notGrafana unsure",
	},
}

// calls are requests of every kind of route, read and write.
func calls(ctx context.Context, c *Client) map[string]func() error {
	o := c.Org(5)
	return map[string]func() error{
		"OrgByID":               func() error { return second(c.OrgByID(ctx, 5)) },
		"CurrentOrg":            func() error { return second(c.CurrentOrg(ctx)) },
		"ListOrgs":              func() error { return second(c.ListOrgs(ctx)) },
		"OrgByName":             func() error { return second(c.OrgByName(ctx, "x")) },
		"MyOrgs":                func() error { return second(c.MyOrgs(ctx)) },
		"CreateOrg":             func() error { return second(c.CreateOrg(ctx, "x")) },
		"RenameOrg":             func() error { return c.RenameOrg(ctx, 5, "x") },
		"SetOrgAddress":         func() error { return c.SetOrgAddress(ctx, 5, Address{City: "x"}) },
		"OrgQuotas":             func() error { return second(c.OrgQuotas(ctx, 5)) },
		"SetOrgQuota":           func() error { return c.SetOrgQuota(ctx, 5, "dashboard", 1) },
		"OrgMembers":            func() error { return second(c.OrgMembers(ctx, 5)) },
		"JoinOrg":               func() error { return c.JoinOrg(ctx, 5, "x", "Admin") },
		"AddMember":             func() error { return second(c.AddMember(ctx, 5, "x", "Admin")) },
		"SetMemberRole":         func() error { return c.SetMemberRole(ctx, 5, 6, "Viewer") },
		"LookupUser":            func() error { return second(o.LookupUser(ctx, "x")) },
		"UserByID":              func() error { return second(o.UserByID(ctx, 6)) },
		"RemoveMember":          func() error { return c.RemoveMember(ctx, 5, 6) },
		"Me":                    func() error { return second(c.Me(ctx)) },
		"Settings":              func() error { return second(c.Settings(ctx)) },
		"ServiceAccountByID":    func() error { return second(o.ServiceAccountByID(ctx, 7)) },
		"SearchServiceAccounts": func() error { return second(o.SearchServiceAccounts(ctx, "x")) },
		"CreateServiceAccount":  func() error { return second(o.CreateServiceAccount(ctx, ServiceAccount{Name: "x"})) },
		"UpdateServiceAccount":  func() error { return o.UpdateServiceAccount(ctx, 7, ServiceAccountPatch{}) },
		"Tokens":                func() error { return second(o.Tokens(ctx, 7)) },
		"CreateToken":           func() error { return second(o.CreateToken(ctx, 7, "x", 0)) },
		"DeleteToken":           func() error { return o.DeleteToken(ctx, 7, 8) },
		"Dashboard":             func() error { return second(o.Dashboard(ctx, "dashboard")) },
		"SaveDashboard":         func() error { return second(o.SaveDashboard(ctx, SaveDashboard{})) },
		"DeleteDashboard":       func() error { return o.DeleteDashboard(ctx, "dashboard") },
		"Folder":                func() error { return second(o.Folder(ctx, "folder")) },
		"Folders":               func() error { return second(o.Folders(ctx, "folder")) },
		"CreateFolder":          func() error { return second(o.CreateFolder(ctx, Folder{UID: "f", Title: "General"})) },
		"AlertRules":            func() error { return second(o.AlertRules(ctx)) },
		"LibraryPanels":         func() error { return second(o.LibraryPanels(ctx)) },
		"SearchContents":        func() error { return second(o.SearchContents(ctx, 9)) },
		"DataSources":           func() error { return second(o.DataSources(ctx)) },
		"DashboardPermissions":  func() error { return second(o.DashboardPermissions(ctx, "dashboard")) },
		"SetFolderPermissions":  func() error { return o.SetFolderPermissions(ctx, "folder", nil) },
		"SetPreferences":        func() error { return o.SetPreferences(ctx, Preferences{Theme: "dark"}) },
	}
}

func second[T any](_ T, err error) error { return err }

// Whatever answers in Grafana's place, to whatever request, it is never taken for Grafana's word on an object.
func TestAnswersOfOthers(t *testing.T) {
	for _, test := range others {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			for name, call := range calls(t.Context(), c) {
				err := call()
				if got := is(err); err == nil || got != test.want {
					t.Errorf("%s: it is %q, want %q: %v", name, got, test.want, err)
				}
			}
		})
	}
}

// Somebody else's answer to a login is no refused password: the next request tries it again.
func TestLoginsThatOthersAnswer(t *testing.T) {
	for _, test := range others {
		if test.status == 404 || test.status < 400 { // 404: there are no sessions here
			continue
		}
		asked := 0
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Content-Type", test.contentType)
			for name, value := range test.header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		}, withSession)
		for range 2 {
			if _, err := c.CreateOrg(t.Context(), "x"); err == nil || IsUnauthorized(err) || IsUnsure(err) {
				t.Errorf("%s: %v is %q", test.name, err, is(err))
			}
		}
		if test.status != 400 && asked != 2 {
			t.Errorf("%s: asked %d times", test.name, asked)
		}
	}
}

// A session lives on when something before Grafana answers 401, and is renewed once if Grafana does.
func TestForeign401EndsNoSession(t *testing.T) {
	s := newSessions(newClock())
	gated := false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if gated {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answerJSON(w, 401, `{"message":"Unauthorized"}`)
			return
		}
		s.ServeHTTP(w, r)
	}, withSession, withClock(s.clock))
	mustCreate(t, c)
	id := c.SessionID()
	gated = true
	if _, err := c.CreateOrg(t.Context(), "x"); !IsNotGrafana(err) || !IsChallenge(err) {
		t.Errorf("%v is %q", err, is(err))
	}
	gated = false
	mustCreate(t, c)
	if c.SessionID() != id {
		t.Error("the session was given up")
	}
}

// The words by which versions of Grafana say that something does not exist, or is there already.
func TestGrafanasOwnWords(t *testing.T) {
	for _, test := range []struct {
		call   string
		status int
		body   string
		want   string
	}{
		{"OrgByID", 404, `{"message":"Organization not found","traceID":""}`, "notFound"},
		{"OrgByID", 404, `{"statusCode":404,"messageId":"org.notFound","message":"organization not found"}`, "notFound"},
		{"CurrentOrg", 404, `{"message":"Organization not found"}`, "notFound"},
		{"RenameOrg", 404, `{"message":"Organization not found"}`, "notFound"},
		{"CreateOrg", 409, `{"message":"Organization name taken","traceID":""}`, "taken"},
		{"RenameOrg", 400, `{"message":"Organization name taken"}`, "taken"},
		{"JoinOrg", 404, `{"message":"User not found"}`, "notFound"},
		{"AddMember", 409, `{"message":"User is already member of this organization","userId":2}`, "taken"},
		{"UserByID", 404, `{"message":"user not found"}`, "notFound"},
		{"LookupUser", 404, `{"message":"user not found"}`, "notFound"},
		{"RemoveMember", 404, `{"message":"user not found"}`, "notFound"},
		{"ServiceAccountByID", 404, `{"statusCode":404,"messageId":"serviceaccounts.ErrNotFound","message":"service account not found"}`, "notFound"},
		{"DeleteToken", 404, `{"statusCode":404,"messageId":"serviceaccounts.ErrTokenNotFound","message":"service account token not found"}`, "notFound"},
		{"CreateToken", 404, `{"statusCode":404,"messageId":"serviceaccounts.ErrNotFound","message":"service account not found"}`, "notFound"},
		{"CreateServiceAccount", 400, `{"statusCode":400,"messageId":"serviceaccounts.ErrAlreadyExists","message":"service account already exists"}`, "taken"},
		{"CreateServiceAccount", 409, `{"statusCode":409,"messageId":"serviceaccounts.ErrAlreadyExists","message":"service account already exists"}`, "taken"},
		{"CreateToken", 409, `{"message":"service account token with given name already exists in the organization"}`, "taken"},
		{"Dashboard", 404, `{"message":"Dashboard not found","traceID":""}`, "notFound"},
		{"DeleteDashboard", 404, `{"message":"dashboards.dashboard.grafana.app \"a/b\" not found"}`, "notFound"},
		{"Dashboard", 404, `{"statusCode":404,"messageId":"dashboards.not-found","message":"Not found"}`, "notFound"},
		{"SaveDashboard", 412, `{"message":"The dashboard has been changed by someone else","status":"version-mismatch"}`, "taken versionMismatch"},
		{"SaveDashboard", 412, `{"message":"A dashboard with the same name in the folder already exists","status":"name-exists"}`, "taken"},
		{"SaveDashboard", 412, `{"message":"belongs to a plugin","status":"plugin-dashboard"}`, ""},
		{"SaveDashboard", 403, `{}`, "forbidden"},
		{"SaveDashboard", 403, `{"message":"Access denied to save dashboard"}`, "forbidden"},
		{"SetPreferences", 404, `{"message":"Dashboard not found"}`, "notFound"},
		{"Folder", 404, `{"message":"folder not found","status":"not-found"}`, "notFound"},
		{"Folder", 404, `{"message":"folders.folder.grafana.app \"f1\" not found"}`, "notFound"},
		{"CreateFolder", 404, `{"message":"Not found","messageId":"folder.notFound","statusCode":404}`, "notFound"},
		{"CreateFolder", 409, `{"message":"a folder with the same name already exists in the current location"}`, "taken"},
		{"CreateFolder", 412, `{"message":"the folder has been changed by someone else"}`, "taken versionMismatch"},
		{"Me", 404, `{"message":"user not found"}`, "notFound"},
		{"OrgByID", 401, `{"extra":null,"message":"Unauthorized","messageId":"auth.unauthorized","statusCode":401,"traceID":""}`, "unauthorized"},
		{"OrgByID", 401, `{"message":"Unauthorized","traceID":""}`, "unauthorized"},
		// A word on something else than what was asked about is none on that.
		{"Dashboard", 404, `{"message":"folder not found","status":"not-found"}`, "notGrafana"},
		{"ServiceAccountByID", 404, `{"message":"Organization not found"}`, "notGrafana"},
		{"Dashboard", 404, `{"statusCode":404,"messageId":"folder.not-found","message":"Not found"}`, "notGrafana"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, test.status, test.body) })
		if err := calls(t.Context(), c)[test.call](); is(err) != test.want {
			t.Errorf("%s, %d %s: it is %q, want %q", test.call, test.status, test.body, is(err), test.want)
		}
	}
}

// What tenants are told has method, path, status and Grafana's words, and no address.
func TestPublicTextHasNoAddress(t *testing.T) {
	for name, answer := range map[string]foreign{
		"a page":      {status: 403, contentType: asHTML, body: "<html>secret.example.org:3000</html>"},
		"text":        {status: 502, contentType: asText, body: "dial tcp 10.1.2.3:3000: connect: connection refused"},
		"other JSON":  {status: 404, contentType: asJSON, body: `{"error":"no route to secret.example.org"}`},
		"a redirect":  {status: 302, header: map[string]string{"Location": "https://secret.example.org/login"}},
		"its own":     {status: 500, contentType: asJSON, body: `{"message":"dial tcp 10.1.2.3:5432: lookup secret.example.org on [::1]:53: see https://secret.example.org/x"}`},
		"no answer":   {status: 0},
		"half of one": {status: 200, contentType: asJSON, body: `{`, header: map[string]string{"Content-Length": "9"}},
	} {
		for login, edit := range map[string]func(*Config){"with a session": withSession, "without": func(*Config) {}} {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if answer.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Content-Type", answer.contentType)
				for name, value := range answer.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(answer.status)
				_, _ = io.WriteString(w, answer.body)
			}, edit)
			_, err := c.CreateOrg(t.Context(), "x")
			text := Public(fmt.Errorf("making it: %w", errors.Join(err, io.EOF)))
			if regexp.MustCompile(`secret|10\.1|127\.0|://|::1`).MatchString(text) {
				t.Errorf("%s, %s: %s", name, login, text)
			}
			for _, part := range []string{"making it: ", "POST /", "EOF"} {
				if !strings.Contains(text, part) {
					t.Errorf("%s, %s: there is no %q in %s", name, login, part, text)
				}
			}
			if answer.status >= 300 && answer.status != 404 && !strings.Contains(text, fmt.Sprint(answer.status)) {
				t.Errorf("%s, %s: there is no %d in %s", name, login, answer.status, text)
			}
		}
	}
}
