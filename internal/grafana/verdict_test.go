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
		"LibraryPanel":          func() error { return second(o.LibraryPanel(ctx, "panel")) },
		"CreateLibraryPanel":    func() error { return second(o.CreateLibraryPanel(ctx, LibraryPanel{UID: "p"})) },
		"UpdateLibraryPanel":    func() error { return second(o.UpdateLibraryPanel(ctx, LibraryPanel{UID: "p"})) },
		"LibraryPanelUsers":     func() error { return second(o.LibraryPanelUsers(ctx, "panel")) },
		"DeleteLibraryPanel":    func() error { return o.DeleteLibraryPanel(ctx, "panel") },
		"SearchContents":        func() error { return second(o.SearchContents(ctx, 9)) },
		"DataSources":           func() error { return second(o.DataSources(ctx)) },
		"DataSource":            func() error { return second(o.DataSource(ctx, "source")) },
		"CreateDataSource":      func() error { return second(o.CreateDataSource(ctx, DataSource{UID: "s"}, nil)) },
		"UpdateDataSource":      func() error { return second(o.UpdateDataSource(ctx, DataSource{UID: "s"}, nil)) },
		"DeleteDataSource":      func() error { return o.DeleteDataSource(ctx, "source") },
		"CheckDataSource":       func() error { return second(o.CheckDataSource(ctx, "source")) },
		"DashboardPermissions":  func() error { return second(o.DashboardPermissions(ctx, "dashboard")) },
		"SetFolderPermissions":  func() error { return o.SetFolderPermissions(ctx, "folder", nil) },
		"SetPreferences":        func() error { return o.SetPreferences(ctx, Preferences{Theme: "dark"}) },
	}
}

func second[T any](_ T, err error) error { return err }

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
		{"LibraryPanel", 404, `{"message":"library element could not be found","traceID":""}`, "notFound"},
		{"CreateLibraryPanel", 400, `{"message":"library element with that name or UID already exists"}`, "taken"},
		{"UpdateLibraryPanel", 412, `{"message":"the library element has been changed by someone else"}`, "taken versionMismatch"},
		{"DeleteLibraryPanel", 404, `{"message":"library element could not be found"}`, "notFound"},
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
		{"OrgByID", 403, `{"message":"You'll need additional permissions to perform this action. ` +
			`Permissions needed: orgs:read","title":"Access denied"}`, "forbidden"},
		{"OrgByID", 403, `{"message":"You'll need additional permissions to perform this action. ` +
			`Permissions needed: ","title":"Access denied"}`, "unavailable unsure"}, // nor does it know who may
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
		"a redirect":  {status: 302, header: headers{"Location": "https://secret.example.org/login"}},
		"its own":     {status: 500, contentType: asJSON, body: `{"message":"dial tcp 10.1.2.3:5432: lookup secret.example.org on [::1]:53: see https://secret.example.org/x"}`},
		"no answer":   {status: 0},
		"half of one": {status: 200, contentType: asJSON, body: `{`, header: headers{"Content-Length": "9"}},
	} {
		for login, edit := range map[string]func(*Config){"with a session": withSession, "without": func(*Config) {}} {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if answer.status == 0 {
					panic(http.ErrAbortHandler)
				}
				answer.ServeHTTP(w, r)
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
