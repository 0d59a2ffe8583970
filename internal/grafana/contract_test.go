package grafana_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// TestContract drives the client against a Grafana and expects what the operator relies on. With
// GRAFANA_URL set (and GRAFANA_USER and GRAFANA_PASSWORD, "admin" by default) that is a real one, which
// may be in use by others; otherwise the stand-in in each of its guises.
func TestContract(t *testing.T) {
	if url := os.Getenv("GRAFANA_URL"); url != "" {
		user, password := cmp.Or(os.Getenv("GRAFANA_USER"), "admin"), cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin")
		runContract(t, url, user, password)
		return
	}
	for _, version := range grafanatest.Versions() {
		for name, opts := range map[string]grafanatest.Options{
			"": {}, " with quotas": {Quotas: true}, " with nested folders": {NestedFolders: true},
			" with anonymous access": {Anonymous: true}, " without a login form": {DisableLoginForm: true},
		} {
			opts.Version = version
			t.Run(version+name, func(t *testing.T) {
				t.Parallel()
				runContract(t, grafanatest.Start(t, opts).URL, "admin", "admin")
			})
		}
	}
}

// contract is one run against one Grafana.
type contract struct {
	url, user, password string
	major               int // of the version
	sessions            bool
	anonymous           bool // access: Grafana does not say why it refuses a key
	client              *grafana.Client
}

func runContract(t *testing.T, url, user, password string) {
	k := contract{url: url, user: user, password: password}
	k.client = k.connect(
		t,
		grafana.Config{BasicAuth: &grafana.BasicAuth{Username: user, Password: grafana.Key(password), Session: true}},
	)
	settings, err := k.client.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k.major, _ = strconv.Atoi(strings.Split(settings.Version, ".")[0])
	k.sessions, k.anonymous = k.hasLoginForm(t), k.letsAnybodyIn(t)
	for _, part := range []struct {
		name string
		run  func(contract, *testing.T)
	}{
		{"Server", contract.testServer},
		{"Credentials", contract.testCredentials},
		{"Orgs", contract.testOrgs},
		{"OrgNames", contract.testOrgNames},
		{"OrgMark", contract.testOrgMark},
		{"Members", contract.testMembers},
		{"RemovedMembers", contract.testRemovedMembers},
		{"MemberRoles", contract.testMemberRoles},
		{"LookedUpUsers", contract.testLookedUpUsers},
		{"Quotas", contract.testQuotas},
		{"Preferences", contract.testPreferences},
		{"ServiceAccounts", contract.testServiceAccounts},
		{"ServiceAccountMark", contract.testServiceAccountMark},
		{"Tokens", contract.testTokens},
		{"TokenNames", contract.testTokenNames},
		{"Keys", contract.testKeys},
		{"ExpiredKey", contract.testExpiredKey},
		{"TokenAsCredential", contract.testTokenAsCredential},
		{"Dashboards", contract.testDashboards},
		{"DashboardConflicts", contract.testDashboardConflicts},
		{"DashboardRefusals", contract.testDashboardRefusals},
		{"DashboardVersions", contract.testDashboardVersions},
		{"DashboardList", contract.testDashboardList},
		{"Folders", contract.testFolders},
		{"NestedFolders", contract.testNestedFolders},
		{"FolderLists", contract.testFolderLists},
		{"FolderTitles", contract.testFolderTitles},
		{"EveryFolder", contract.testEveryFolder},
		{"MovedFolders", contract.testMovedFolders},
		{"AllFolders", contract.testAllFolders},
		{"DeletedFolders", contract.testDeletedFolders},
		{"Contents", contract.testContents},
		{"AlertRules", contract.testAlertRules},
		{"LibraryPanels", contract.testLibraryPanels},
		{"EveryPreference", contract.testEveryPreference},
		{"EveryAddress", contract.testEveryAddress},
		{"EveryServiceAccountPatch", contract.testEveryServiceAccountPatch},
		{"EverySave", contract.testEverySave},
		{"EveryQuota", contract.testEveryQuota},
		{"Permissions", contract.testPermissions},
		{"SessionRenewal", contract.testSessionRenewal},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(k, t) })
	}
}

func (k contract) connect(t *testing.T, cfg grafana.Config) *grafana.Client {
	t.Helper()
	cfg.URL = k.url
	c, err := grafana.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return c
}

// unique returns a name that nothing bears yet.
func unique(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }

// org makes an organization for the test.
func (k contract) org(t *testing.T) *grafana.OrgClient {
	t.Helper()
	id, err := k.client.CreateOrg(t.Context(), unique("contract"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.empty(t, k.client.Org(id))
		if err := k.client.DeleteOrg(context.WithoutCancel(t.Context()), id); err != nil && !grafana.IsNotFound(err) {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return k.client.Org(id)
}

// person does by hand what the client has no call for.
func (k contract) person(t *testing.T, method, path string, org int64, body any) (answer map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	must(t, err)
	req, err := http.NewRequestWithContext(
		context.WithoutCancel(t.Context()),
		method,
		k.url+path,
		bytes.NewReader(data),
	)
	must(t, err)
	req.SetBasicAuth(k.user, k.password)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Grafana-Org-Id", strconv.FormatInt(org, 10))
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	data, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 || json.Unmarshal(data, &answer) != nil {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, data, err)
	}
	return answer
}

// someone makes a user and returns their login; the password is the same.
func (k contract) someone(t *testing.T) string {
	t.Helper()
	login := unique("user")
	made := k.person(
		t,
		"POST",
		"/api/admin/users",
		1,
		map[string]string{"login": login, "email": login + "@example.org", "name": login, "password": login},
	)
	t.Cleanup(func() { k.person(t, "DELETE", fmt.Sprintf("/api/admin/users/%.0f", made["id"]), 1, nil) })
	return login
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// have returns value if there was no error.
func have[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func expect(t *testing.T, what string, err error, is func(error) bool) {
	t.Helper()
	if !is(err) {
		t.Errorf("%s: got %v", what, err)
	}
}

func isStatus(statuses ...int) func(error) bool {
	return func(err error) bool {
		var e *grafana.Error
		return errors.As(err, &e) && slices.Contains(statuses, e.Status)
	}
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(grafana.Folder{}, "Created", "Version"),
		cmpopts.IgnoreFields(grafana.Member{}, "Email")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// eventually waits for what Grafana does with a delay: expiry, and caches.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (k contract) testServer(t *testing.T) {
	health := have(k.client.Health(t.Context()))(t)
	settings := have(k.client.Settings(t.Context()))(t)
	if health.Database != "ok" || health.Version != "" && health.Version != settings.Version {
		t.Errorf("health %+v, settings %+v", health, settings)
	}
	if settings.Edition == "" || settings.Namespace != "default" {
		t.Errorf("settings: %+v", settings)
	}
	version := have(k.client.DashboardAPIVersion(t.Context()))(t)
	if (version != "") != (k.major >= 12) {
		t.Errorf("Grafana %d has the dashboard API %q", k.major, version)
	}
	same(t, "there is a session", k.sessions, k.client.SessionID() != "")
	same(t, "organization of a server-wide call", int64(1), have(k.client.CurrentOrg(t.Context()))(t).ID)
}

func (k contract) testCredentials(t *testing.T) {
	login := k.someone(t)
	for _, session := range []bool{true, false} {
		right := k.connect(
			t,
			grafana.Config{
				BasicAuth: &grafana.BasicAuth{Username: login, Password: grafana.Key(login), Session: session},
			},
		)
		_, err := right.MyOrgs(t.Context())
		must(t, err)
		if (right.SessionID() != "") != (session && k.sessions) {
			t.Errorf("session %v: its id is %q", session, right.SessionID())
		}
		wrong := k.connect(
			t,
			grafana.Config{BasicAuth: &grafana.BasicAuth{Username: login, Password: "wrong", Session: session}},
		)
		for range 9 { // only the first is sent, or the login would be locked
			_, err := wrong.MyOrgs(t.Context())
			expect(t, "wrong password", err, grafana.IsUnauthorized)
			expect(t, "wrong password", err, func(err error) bool { return errors.As(err, new(*grafana.LoginError)) })
		}
	}
	again := k.connect(
		t,
		grafana.Config{BasicAuth: &grafana.BasicAuth{Username: login, Password: grafana.Key(login), Session: true}},
	)
	_, err := again.MyOrgs(t.Context())
	expect(t, "right password after two wrong ones", err, func(err error) bool { return err == nil })

	dead := k.connect(t, grafana.Config{Token: "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"})
	_, err = dead.CurrentOrg(t.Context())
	expect(t, "unknown token", err, grafana.IsUnauthorized)
}

func (k contract) testOrgs(t *testing.T) {
	o := k.org(t)
	created := have(k.client.OrgByID(t.Context(), o.ID()))(t)
	same(t, "ID", o.ID(), created.ID)
	_, err := k.client.CreateOrg(t.Context(), created.Name)
	expect(t, "creating it twice", err, grafana.IsTaken)
	_, err = k.client.CreateOrg(t.Context(), "")
	expect(t, "creating one without a name", err, isStatus(400))

	same(t, "by name", &created, have(k.client.OrgByName(t.Context(), created.Name))(t))
	same(t, "by a longer name", nil, have(k.client.OrgByName(t.Context(), created.Name+"x"))(t))
	same(t, "by its beginning", nil, have(k.client.OrgByName(t.Context(), created.Name[:len(created.Name)-1]))(t))
	if all := have(
		k.client.ListOrgs(t.Context()),
	)(
		t,
	); !slices.Contains(
		all,
		grafana.OrgName{ID: created.ID, Name: created.Name},
	) {
		t.Errorf("the list lacks it: %v", all)
	}
	mine := grafana.OrgMembership{OrgID: created.ID, Name: created.Name, Role: "Admin"}
	if orgs := have(k.client.MyOrgs(t.Context()))(t); !slices.Contains(orgs, mine) {
		t.Errorf("its creator is not its Admin: %v", orgs)
	}

	other := have(k.client.OrgByID(t.Context(), k.org(t).ID()))(t)
	expect(t, "renaming to a name that is taken", k.client.RenameOrg(t.Context(), o.ID(), other.Name), grafana.IsTaken)
	must(t, k.client.RenameOrg(t.Context(), o.ID(), created.Name+" 2"))
	same(t, "new name", created.Name+" 2", have(k.client.OrgByID(t.Context(), o.ID()))(t).Name)
	same(t, "by the old name", nil, have(k.client.OrgByName(t.Context(), created.Name))(t))

	must(t, k.client.DeleteOrg(t.Context(), o.ID()))
	_, err = k.client.OrgByID(t.Context(), o.ID())
	expect(t, "getting it when it is deleted", err, grafana.IsNotFound)
	expect(t, "deleting it again", k.client.DeleteOrg(t.Context(), o.ID()), grafana.IsNotFound)
	expect(t, "renaming it when it is deleted", k.client.RenameOrg(t.Context(), o.ID(), unique("x")), grafana.IsUnsure)
	accounts, err := o.SearchServiceAccounts(t.Context(), "")
	if len(accounts) > 0 || err != nil && !grafana.IsForbidden(err) { // Grafana remembers for some seconds who may look
		t.Errorf("looking for service accounts in it: %v, %v", accounts, err)
	}
}

func (k contract) testOrgNames(t *testing.T) {
	mark := unique("")
	for _, name := range []string{"a/b", "..", "100%", "a+b & c=d", "Ünï 团队 🚀", `"'<b>\`, " padded "} {
		id, err := k.client.CreateOrg(t.Context(), name+mark)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		found, err := k.client.OrgByName(t.Context(), name+mark)
		if err != nil || found == nil || found.ID != id || found.Name != name+mark {
			t.Errorf("%q: found %+v, %v", name, found, err)
		}
		must(t, k.client.DeleteOrg(t.Context(), id))
	}
}

func (k contract) testOrgMark(t *testing.T) {
	o := k.org(t)
	mark := grafana.Address{Address2: "owner=" + strings.Repeat("x", 249)}
	must(t, k.client.SetOrgAddress(t.Context(), o.ID(), mark))
	must(t, k.client.RenameOrg(t.Context(), o.ID(), unique("renamed")))
	same(t, "address after a rename", mark, have(k.client.OrgByID(t.Context(), o.ID()))(t).Address)
	must(t, k.client.SetOrgAddress(t.Context(), o.ID(), grafana.Address{City: "Bonn"}))
	mark.City = "Bonn"
	org := have(k.client.OrgByID(t.Context(), o.ID()))(t)
	same(t, "address after setting another field", mark, org.Address)
	must(t, o.SetOwnAddress(t.Context(), grafana.Address{Country: "DE"}))
	mark.Country = "DE"
	same(
		t,
		"address after setting a field from within",
		&grafana.Org{ID: org.ID, Name: org.Name, Address: mark},
		have(k.client.OrgByName(t.Context(), org.Name))(t),
	)
	_, err := k.client.CreateOrg(t.Context(), org.Name)
	expect(t, "the name is taken", err, grafana.IsTaken)
}

func (k contract) testMembers(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	user := k.connect(
		t,
		grafana.Config{BasicAuth: &grafana.BasicAuth{Username: login, Password: grafana.Key(login), Session: true}},
	)
	isMember := func() bool {
		return slices.ContainsFunc(
			have(user.MyOrgs(t.Context()))(t),
			func(m grafana.OrgMembership) bool { return m.OrgID == o.ID() && m.Role == "Editor" },
		)
	}
	if isMember() {
		t.Error("a member before joining")
	}
	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Editor"))
	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Viewer"))
	if !isMember() {
		t.Error("no Editor after joining as one, and again as Viewer")
	}
	expect(
		t,
		"someone unknown joins",
		k.client.JoinOrg(t.Context(), o.ID(), unique("nobody"), "Admin"),
		grafana.IsNotFound,
	)
	expect(t, "a user deletes an organization", user.RenameOrg(t.Context(), o.ID(), unique("x")), grafana.IsForbidden)
}

func (k contract) testRemovedMembers(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	me := have(k.client.Me(t.Context()))(t)
	same(t, "my login", k.user, me.Login)
	if _, err := time.Parse(time.RFC3339, me.CreatedAt); err != nil {
		t.Errorf("when my login was made: %v", err)
	}
	same(t, "asked again", me, have(k.client.Me(t.Context()))(t))
	mine := grafana.Member{UserID: me.ID, Login: k.user, Email: me.Email, Role: "Admin"}
	members := func() []grafana.Member {
		t.Helper()
		list := have(k.client.OrgMembers(t.Context(), o.ID()))(t)
		slices.SortFunc(list, func(a, b grafana.Member) int { return cmp.Compare(a.UserID, b.UserID) })
		return list
	}
	k.account(t, o, "sa", "Viewer")
	same(t, "its creator", []grafana.Member{mine}, members())
	expect(t, "removing the last Admin", k.client.RemoveMember(t.Context(), o.ID(), me.ID), grafana.IsLastAdmin)

	user := k.connect(
		t,
		grafana.Config{BasicAuth: &grafana.BasicAuth{Username: login, Password: grafana.Key(login), Session: true}},
	)
	they := have(user.Me(t.Context()))(t)
	theirs := grafana.Member{UserID: they.ID, Login: login, Email: they.Email, Role: "Editor"}
	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Editor"))
	same(t, "both", []grafana.Member{mine, theirs}, members())
	_, err := user.OrgMembers(t.Context(), o.ID())
	expect(t, "an Editor looks", err, grafana.IsForbidden)
	must(t, k.client.RemoveMember(t.Context(), o.ID(), theirs.UserID))
	must(t, k.client.RemoveMember(t.Context(), o.ID(), theirs.UserID))
	same(t, "without them", []grafana.Member{mine}, members())
	same(t, "they can still log in", theirs.UserID, have(user.Me(t.Context()))(t).ID)
	expect(t, "removing someone unknown", k.client.RemoveMember(t.Context(), o.ID(), 1<<40), isStatus(500))

	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Admin"))
	must(t, k.client.RemoveMember(t.Context(), o.ID(), me.ID))
	if slices.ContainsFunc(
		have(k.client.MyOrgs(t.Context()))(t),
		func(m grafana.OrgMembership) bool { return m.OrgID == o.ID() },
	) {
		t.Error("still a member after leaving")
	}
	must(t, k.client.DeleteOrg(t.Context(), o.ID()))
	same(t, "of one that is deleted", []grafana.Member{}, members())
}

func (k contract) testQuotas(t *testing.T) {
	o := k.org(t)
	quotas, err := k.client.OrgQuotas(t.Context(), o.ID())
	if err != nil { // they are switched off
		expect(t, "reading quotas", err, isStatus(500))
		expect(t, "setting a quota", k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", 5), isStatus(500))
		return
	}
	limit := func(target string) int64 {
		i := slices.IndexFunc(quotas, func(q grafana.Quota) bool { return q.Target == target })
		if i < 0 {
			t.Fatalf("no quota for %s in %v", target, quotas)
		}
		return quotas[i].Limit
	}
	before := limit("data_source")
	must(t, k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", 1))
	quotas = have(k.client.OrgQuotas(t.Context(), o.ID()))(t)
	same(t, "limit", int64(1), limit("dashboard"))
	same(t, "limit of something else", before, limit("data_source"))
	expect(
		t,
		"setting an unknown quota",
		k.client.SetOrgQuota(t.Context(), o.ID(), "wishes", 3),
		isStatus(400, 404, 500),
	)

	k.save(t, o, "one", nil)
	_, err = o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("two", nil)})
	expect(t, "a dashboard over quota", err, grafana.IsForbidden)
	must(t, k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", -1))
	k.save(t, o, "two", nil)
}

func (k contract) testPreferences(t *testing.T) {
	o := k.org(t)
	same(t, "at first", grafana.Preferences{}, have(o.Preferences(t.Context()))(t))
	k.save(t, o, "home", nil)
	full := grafana.Preferences{
		Theme:            "dark",
		Timezone:         "utc",
		WeekStart:        "monday",
		Language:         "de-DE",
		HomeDashboardUID: "home",
	}
	must(t, o.SetPreferences(t.Context(), full))
	same(t, "after setting all", full, have(o.Preferences(t.Context()))(t))
	expect(
		t,
		"unknown home dashboard",
		o.SetPreferences(t.Context(), grafana.Preferences{HomeDashboardUID: "nosuch"}),
		grafana.IsNotFound,
	)
	expect(t, "unknown theme", o.SetPreferences(t.Context(), grafana.Preferences{Theme: "pink"}), isStatus(400))
	same(t, "after two refusals", full, have(o.Preferences(t.Context()))(t))
	for name, change := range map[string]grafana.Preferences{
		"theme": {Theme: "light"}, "timezone": {Timezone: "Europe/Berlin"}, "week start": {WeekStart: "sunday"}, "language": {Language: "fr-FR"},
		"week start and home dashboard": {WeekStart: "browser", HomeDashboardUID: "second"}, "nothing": {},
	} {
		k.save(t, o, "second", nil)
		must(t, o.SetPreferences(t.Context(), full))
		must(t, o.SetPreferences(t.Context(), change))
		want := grafana.Preferences{
			Theme: cmp.Or(
				change.Theme,
				full.Theme,
			),
			Timezone:  cmp.Or(change.Timezone, full.Timezone),
			WeekStart: cmp.Or(change.WeekStart, full.WeekStart),
			Language: cmp.Or(
				change.Language,
				full.Language,
			),
			HomeDashboardUID: cmp.Or(change.HomeDashboardUID, full.HomeDashboardUID),
		}
		same(t, "after setting "+name, want, have(o.Preferences(t.Context()))(t))
	}
}

func (k contract) account(t *testing.T, o *grafana.OrgClient, name, role string) grafana.ServiceAccount {
	t.Helper()
	return have(o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: name, Role: role}))(t)
}

func (k contract) testServiceAccounts(t *testing.T) {
	o, other := k.org(t), k.org(t)
	for _, role := range []string{"None", "Viewer", "Editor", "Admin"} {
		made := have(
			o.CreateServiceAccount(
				t.Context(),
				grafana.ServiceAccount{Name: "SA " + role, Role: role, IsDisabled: role == "Editor"},
			),
		)(
			t,
		)
		got := have(o.ServiceAccountByID(t.Context(), made.ID))(t)
		if time.Since(got.CreatedAt).Abs() > time.Hour {
			t.Errorf("created at %v", got.CreatedAt)
		}
		want := grafana.ServiceAccount{
			ID:         made.ID,
			UID:        got.UID,
			Name:       "SA " + role,
			Login:      fmt.Sprintf("sa-%d-sa-%s", o.ID(), strings.ToLower(role)),
			Role:       role,
			OrgID:      o.ID(),
			IsDisabled: role == "Editor",
			CreatedAt:  got.CreatedAt,
		}
		same(t, "got", want, got)
		want.CreatedAt = time.Time{}
		same(t, "made", want, made)
	}
	_, err := o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "sa-NONE", Role: "Viewer"})
	expect(t, "a name with the same login", err, grafana.IsTaken)
	_, err = o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "king", Role: "King"})
	expect(t, "unknown role", err, isStatus(400))
	k.account(t, other, "SA None", "None") // the same name in another organization

	first := have(o.SearchServiceAccounts(t.Context(), "SA None"))(t)[0]
	disabled, editor := true, "Editor"
	must(
		t,
		o.UpdateServiceAccount(
			t.Context(),
			first.ID,
			grafana.ServiceAccountPatch{Role: &editor, IsDisabled: &disabled},
		),
	)
	got := have(o.ServiceAccountByID(t.Context(), first.ID))(t)
	if got.Role != editor || !got.IsDisabled || got.Name != "SA None" {
		t.Errorf("after the change: %+v", got)
	}
	_, err = other.ServiceAccountByID(t.Context(), first.ID)
	expect(t, "getting it in another organization", err, grafana.IsNotFound)
	expect(
		t,
		"changing it in another organization",
		other.UpdateServiceAccount(t.Context(), first.ID, grafana.ServiceAccountPatch{Role: &editor}),
		grafana.IsNotFound,
	)

	must(t, o.DeleteServiceAccount(t.Context(), first.ID))
	_, err = o.ServiceAccountByID(t.Context(), first.ID)
	expect(t, "getting it when it is deleted", err, grafana.IsNotFound)
	expect(
		t,
		"deleting it again",
		o.DeleteServiceAccount(t.Context(), first.ID),
		func(err error) bool { return err == nil || grafana.IsNotFound(err) },
	)
	k.account(t, o, "SA None", "Viewer")
}

func (k contract) testServiceAccountMark(t *testing.T) {
	o := k.org(t)
	mark := unique("")[1:9]
	made := k.account(t, o, "ci-"+mark, "Viewer")
	k.account(t, o, "unrelated", "Viewer")
	name := "CI"
	must(t, o.UpdateServiceAccount(t.Context(), made.ID, grafana.ServiceAccountPatch{Name: &name}))
	found := have(o.SearchServiceAccounts(t.Context(), mark))(t)
	if len(found) != 1 || found[0].ID != made.ID || found[0].Name != "CI" || found[0].Login != made.Login {
		t.Errorf("by the mark: %+v", found)
	}
	same(
		t,
		"how many it finds by something else",
		0,
		len(have(o.SearchServiceAccounts(t.Context(), unique("nosuch")))(t)),
	)
	same(t, "how many there are", 2, len(have(o.SearchServiceAccounts(t.Context(), ""))(t)))
	if loose := have(o.SearchServiceAccounts(t.Context(), "c_-"+mark[:4]+"%"))(t); len(loose) != 1 {
		t.Errorf("by a pattern: %+v", loose)
	}
	_, err := o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "ci-" + mark, Role: "Viewer"})
	expect(t, "the birth name stays taken", err, grafana.IsTaken)
	second := k.account(t, o, "CI", "Viewer") // the name it bears now does not
	if second.Login == made.Login {
		t.Errorf("two have the login %s", made.Login)
	}
	same(t, "how many bear the name", 2, len(have(o.SearchServiceAccounts(t.Context(), "CI"))(t)))
}

func (k contract) token(
	t *testing.T,
	o *grafana.OrgClient,
	account int64,
	name string,
	ttl time.Duration,
) grafana.NewToken {
	t.Helper()
	return have(o.CreateToken(t.Context(), account, name, ttl))(t)
}

func (k contract) testTokens(t *testing.T) {
	o, other := k.org(t), k.org(t)
	account := k.account(t, o, "sa", "Viewer")
	same(t, "at first", 0, len(have(o.Tokens(t.Context(), account.ID))(t)))
	forever := k.token(t, o, account.ID, "forever", 0)
	hour := k.token(t, o, account.ID, "hour", time.Hour)
	tokens := have(o.Tokens(t.Context(), account.ID))(t)
	if len(tokens) != 2 || tokens[0].ID != forever.ID || tokens[1].ID != hour.ID || tokens[0].Name != "forever" ||
		tokens[1].Name != "hour" {
		t.Fatalf("got %+v", tokens)
	}
	for _, token := range tokens {
		if token.HasExpired || token.IsRevoked || time.Since(token.Created).Abs() > time.Hour {
			t.Errorf("got %+v", token)
		}
	}
	if tokens[0].Expiration != nil || tokens[1].Expiration == nil ||
		tokens[1].Expiration.Sub(tokens[1].Created).Round(time.Minute) != time.Hour {
		t.Errorf("they expire at %v and %v", tokens[0].Expiration, tokens[1].Expiration)
	}

	same(t, "of no service account", 0, len(have(o.Tokens(t.Context(), 999_999_999))(t)))
	same(t, "in another organization", 0, len(have(other.Tokens(t.Context(), account.ID))(t)))
	_, err := o.CreateToken(t.Context(), 999_999_999, "x", 0)
	expect(t, "for no service account", err, grafana.IsNotFound)
	_, err = other.CreateToken(t.Context(), account.ID, "x", 0)
	expect(t, "from another organization", err, grafana.IsNotFound)

	expect(
		t,
		"deleting from another organization",
		other.DeleteToken(t.Context(), account.ID, hour.ID),
		grafana.IsNotFound,
	)
	must(t, o.DeleteToken(t.Context(), account.ID, hour.ID))
	expect(t, "deleting twice", o.DeleteToken(t.Context(), account.ID, hour.ID), grafana.IsNotFound)
	left := have(o.Tokens(t.Context(), account.ID))(t)
	if len(left) != 1 || left[0].ID != forever.ID {
		t.Errorf("left: %+v", left)
	}
}

func (k contract) testTokenNames(t *testing.T) {
	o, other := k.org(t), k.org(t)
	one, two := k.account(t, o, "one", "Viewer"), k.account(t, o, "two", "Viewer")
	token := k.token(t, o, one.ID, "name", 0)
	_, err := o.CreateToken(t.Context(), one.ID, "name", 0)
	expect(t, "the same name", err, grafana.IsTaken)
	_, err = o.CreateToken(t.Context(), two.ID, "name", 0)
	expect(t, "the same name for another service account", err, grafana.IsTaken)
	k.token(t, other, k.account(t, other, "one", "Viewer").ID, "name", 0)
	must(t, o.DeleteToken(t.Context(), one.ID, token.ID))
	k.token(t, o, two.ID, "name", 0)
}

// proves has Grafana say that a key of an organization is good, if it tells.
func (k contract) proves(t *testing.T, o *grafana.OrgClient, key grafana.Key) {
	t.Helper()
	if err := o.ProveKey(t.Context(), key); !k.anonymous {
		must(t, err)
	} else {
		expect(t, "a good key", err, k.refuses)
	}
}

// refuses is what Grafana says of a key that is not good.
func (k contract) refuses(err error) bool {
	return k.anonymous && errors.Is(err, grafana.ErrUnexplained) || !k.anonymous && grafana.IsUnauthorized(err)
}

func (k contract) testKeys(t *testing.T) {
	o, other := k.org(t), k.org(t)
	account := k.account(t, o, "sa", "None")
	kept, deleted := k.token(t, o, account.ID, "kept", 0), k.token(t, o, account.ID, "deleted", 0)
	k.proves(t, o, kept.Key)
	k.proves(t, o, deleted.Key)
	neighbor := k.client.Org(o.ID() - 1)
	viewer := k.token(
		t,
		o,
		k.account(t, o, "viewer", "Viewer").ID,
		"viewer",
		0,
	) // who may nothing is answered {}, as anybody could
	expect(
		t,
		"of the organization that it is asked for",
		neighbor.ProveKey(t.Context(), viewer.Key),
		grafana.IsUnauthorized,
	)
	expect(t, "unknown key", o.ProveKey(t.Context(), "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"), k.refuses)
	expect(t, "no key at all", o.ProveKey(t.Context(), "glsa_x"), k.refuses)
	expect(t, "empty key", o.ProveKey(t.Context(), ""), k.refuses)

	must(t, o.DeleteToken(t.Context(), account.ID, deleted.ID))
	expect(t, "deleted token", o.ProveKey(t.Context(), deleted.Key), k.refuses)
	k.proves(t, o, kept.Key)

	yes := true
	must(t, o.UpdateServiceAccount(t.Context(), account.ID, grafana.ServiceAccountPatch{IsDisabled: &yes}))
	byKey := k.connect(t, grafana.Config{Token: kept.Key})
	eventually(t, "the key of a disabled service account is refused", func() bool {
		_, err := byKey.Org(o.ID()).Preferences(t.Context())
		return grafana.IsUnauthorized(err)
	})

	second := k.account(t, o, "second", "Viewer")
	key := k.token(t, o, second.ID, "second", 0).Key
	must(t, o.DeleteServiceAccount(t.Context(), second.ID))
	expect(t, "deleted service account", o.ProveKey(t.Context(), key), k.refuses)

	third := k.token(t, other, k.account(t, other, "third", "Viewer").ID, "third", 0)
	k.proves(t, other, third.Key)
	must(t, k.client.DeleteOrg(t.Context(), other.ID()))
	expect(t, "deleted organization", other.ProveKey(t.Context(), third.Key), k.refuses)
}

func (k contract) testExpiredKey(t *testing.T) {
	o := k.org(t)
	account := k.account(t, o, "sa", "Viewer")
	token := k.token(t, o, account.ID, "short", time.Second)
	eventually(t, "the key has expired", func() bool {
		tokens := have(o.Tokens(t.Context(), account.ID))(t)
		return len(tokens) == 1 && tokens[0].HasExpired && tokens[0].Expiration != nil
	})
	expect(t, "the expired key", o.ProveKey(t.Context(), token.Key), k.refuses)
	_, err := o.CreateToken(t.Context(), account.ID, "short", 0)
	expect(t, "its name stays taken", err, grafana.IsTaken)
}

func (k contract) testTokenAsCredential(t *testing.T) {
	o := k.org(t)
	key := k.token(t, o, k.account(t, o, "operator", "Admin").ID, "operator", 0).Key
	c := k.connect(t, grafana.Config{Token: key})
	same(t, "its organization", o.ID(), have(c.CurrentOrg(t.Context()))(t).ID)
	same(t, "its memberships", 0, len(have(c.MyOrgs(t.Context()))(t)))
	same(t, "its session", "", c.SessionID())
	same(t, "its namespace", fmt.Sprintf("org-%d", o.ID()), have(c.Settings(t.Context()))(t).Namespace)
	_, err := c.CreateOrg(t.Context(), unique("x"))
	expect(t, "creating an organization", err, grafana.IsForbidden)

	own := c.Org(o.ID())
	must(t, own.SetOwnAddress(t.Context(), grafana.Address{Address2: "mark"}))
	same(t, "its address", "mark", have(c.CurrentOrg(t.Context()))(t).Address.Address2)
	must(t, own.SetPreferences(t.Context(), grafana.Preferences{Theme: "dark"}))
	account := k.account(t, own, "child", "Viewer")
	k.proves(t, own, k.token(t, own, account.ID, "child", 0).Key)
	k.save(t, own, "dash", nil)
	if version := have(c.DashboardAPIVersion(t.Context()))(t); version != "" {
		same(t, "dashboards", 1, len(have(own.ListDashboards(t.Context(), version))(t)))
	}
	_, err = c.Org(1).SearchServiceAccounts(t.Context(), "")
	expect(t, "in another organization", err, grafana.IsUnauthorized)
}

// model is the content of a dashboard.
func model(uid string, more map[string]any) json.RawMessage {
	content := map[string]any{
		"uid":           uid,
		"title":         "Title of " + uid,
		"panels":        []any{},
		"schemaVersion": 39,
		"tags":          []any{},
	}
	for name, value := range more {
		content[name] = value
	}
	data, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return data
}

func (k contract) save(t *testing.T, o *grafana.OrgClient, uid string, more map[string]any) grafana.Saved {
	t.Helper()
	return have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model(uid, more), Overwrite: true}))(t)
}

func (k contract) testDashboards(t *testing.T) {
	o, other := k.org(t), k.org(t)
	folder := have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	saved := have(
		o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("dash", nil), FolderUID: folder.UID}),
	)(
		t,
	)
	if saved.UID != "dash" || saved.Version != 1 || saved.FolderUID != folder.UID || saved.ID == 0 ||
		!strings.Contains(saved.URL, "/d/dash/") {
		t.Errorf("saved: %+v", saved)
	}
	got := have(o.Dashboard(t.Context(), "dash"))(t)
	if time.Since(got.Updated).Abs() > time.Hour || time.Since(got.Created).Abs() > time.Hour || got.UpdatedBy == "" ||
		got.Provisioned ||
		got.IsFolder {
		t.Errorf("got %+v", got)
	}
	var content map[string]any
	must(t, json.Unmarshal(got.Model, &content))
	if content["schemaVersion"] != 39.0 || content["uid"] != "dash" {
		t.Errorf("its content is %s", got.Model)
	}
	want := &grafana.Dashboard{
		UID: "dash", Version: 1, FolderUID: "fold", Title: "Title of dash", URL: saved.URL,
		UpdatedBy: got.UpdatedBy, Updated: got.Updated, Created: got.Created, Model: got.Model,
	}
	same(t, "got", want, got)

	moved := k.save(t, o, "dash", map[string]any{"tags": []string{"x"}})
	if moved.ID != saved.ID || moved.Version != 2 || moved.FolderUID != "" {
		t.Errorf("saved without a folder: %+v", moved)
	}
	again := have(o.Dashboard(t.Context(), "dash"))(t)
	same(t, "its folder", "", again.FolderUID)
	same(t, "its creation", got.Created.Unix(), again.Created.Unix())

	_, err := other.Dashboard(t.Context(), "dash")
	expect(t, "in another organization", err, grafana.IsNotFound)
	must(t, o.DeleteDashboard(t.Context(), "dash"))
	_, err = o.Dashboard(t.Context(), "dash")
	expect(t, "getting it when it is deleted", err, grafana.IsNotFound)
	expect(t, "deleting it again", o.DeleteDashboard(t.Context(), "dash"), grafana.IsNotFound)
}

func (k contract) testDashboardConflicts(t *testing.T) {
	o := k.org(t)
	create := grafana.SaveDashboard{Model: model("dash", nil)}
	_, err := o.SaveDashboard(t.Context(), create)
	must(t, err)
	_, err = o.SaveDashboard(t.Context(), create)
	expect(t, "creating it twice", err, grafana.IsVersionMismatch)
	expect(t, "creating it twice", err, grafana.IsTaken)

	again := k.save(t, o, "dash", nil)
	if want := int64(2); k.major < 12 != (again.Version == want) {
		t.Errorf("saved unchanged, it has version %d", again.Version)
	}
	_, err = o.SaveDashboard(
		t.Context(),
		grafana.SaveDashboard{Model: model("dash", map[string]any{"version": again.Version, "tags": []string{"y"}})},
	)
	must(t, err)
	_, err = o.SaveDashboard(
		t.Context(),
		grafana.SaveDashboard{Model: model("dash", map[string]any{"version": again.Version, "tags": []string{"z"}})},
	)
	expect(t, "saving an old version", err, grafana.IsVersionMismatch)

	sameTitle := grafana.SaveDashboard{Model: model("dash2", map[string]any{"title": "Title of dash"})}
	saved, err := o.SaveDashboard(t.Context(), sameTitle)
	if k.major >= 12 {
		same(t, "a second one of that title", "dash2", saved.UID)
		return
	}
	expect(t, "a second one of that title", err, grafana.IsTaken)
	expect(t, "a second one of that title", err, func(err error) bool { return !grafana.IsVersionMismatch(err) })
	sameTitle.Overwrite = true
	saved, err = o.SaveDashboard(t.Context(), sameTitle)
	must(t, err)
	same(t, "the one that is overwritten", "dash", saved.UID)
}

func (k contract) testDashboardRefusals(t *testing.T) {
	o := k.org(t)
	refused := func(what string, save grafana.SaveDashboard, statuses ...int) {
		t.Helper()
		_, err := o.SaveDashboard(t.Context(), save)
		expect(t, what, err, isStatus(statuses...))
		if grafana.IsUnsure(err) || grafana.IsUnavailable(err) ||
			err != nil && len(err.Error()) < len("Grafana answered 400 to POST /api/dashboards/db: x") {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("no title", grafana.SaveDashboard{Model: model("dash", map[string]any{"title": ""})}, 400)
	refused("bad uid", grafana.SaveDashboard{Model: model("a b", nil)}, 400)
	refused("long uid", grafana.SaveDashboard{Model: model(strings.Repeat("u", 41), nil)}, 400)
	refused("unknown folder", grafana.SaveDashboard{Model: model("dash", nil), FolderUID: "nosuch"}, 400, 404)
	refused(
		"unknown id",
		grafana.SaveDashboard{Model: model("dash", map[string]any{"id": 987654321}), Overwrite: true},
		404,
	)
	_, err := o.Dashboard(t.Context(), "dash")
	expect(t, "none of them is there", err, grafana.IsNotFound)
}

func (k contract) testDashboardVersions(t *testing.T) {
	o := k.org(t)
	for i, message := range []string{"mark 1", "mark 2", ""} {
		_, err := o.SaveDashboard(t.Context(), grafana.SaveDashboard{
			Model: model("dash", map[string]any{"tags": []string{strconv.Itoa(i)}}), Message: message, Overwrite: i > 0,
		})
		must(t, err)
	}
	for _, apiVersion := range slices.Compact([]string{"", have(k.client.DashboardAPIVersion(t.Context()))(t)}) {
		var got []string
		for v, err := range o.DashboardVersions(t.Context(), "dash", apiVersion) {
			must(t, err)
			if time.Since(v.Created).Abs() > time.Hour || v.CreatedBy == "" && apiVersion == "" {
				t.Errorf("got %+v", v)
			}
			if line := fmt.Sprintf("%d: %s", v.Version, v.Message); !slices.Contains(got, line) {
				got = append(got, line)
			}
		}
		same(t, "versions through "+apiVersion, []string{"3: ", "2: mark 2", "1: mark 1"}, got)
		for v, err := range o.DashboardVersions(t.Context(), "dash", apiVersion) {
			must(t, err)
			same(t, "the last version through "+apiVersion, 3, v.Version)
			break
		}
		for v, err := range o.DashboardVersions(t.Context(), "nosuch", apiVersion) {
			if !grafana.IsNotFound(err) {
				t.Errorf("versions of nothing: %+v, %v", v, err)
			}
		}
	}
}

func (k contract) testDashboardList(t *testing.T) {
	o := k.org(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("a", nil), FolderUID: "fold"}))(t)
	k.save(t, o, "b", nil)
	saved := k.save(t, o, "b", map[string]any{"tags": []string{"x"}})
	version := have(k.client.DashboardAPIVersion(t.Context()))(t)
	if version == "" {
		_, err := o.ListDashboards(t.Context(), "v1beta1")
		expect(t, "a list that this Grafana does not have", err, grafana.IsNoList)
		expect(t, "a list that this Grafana does not have", err, grafana.IsNoList)
		return
	}
	list := have(o.ListDashboards(t.Context(), version))(t)
	slices.SortFunc(list, func(a, b grafana.DashboardMeta) int { return cmp.Compare(a.UID, b.UID) })
	for i, d := range list {
		if time.Since(d.Created).Abs() > time.Hour || d.Updated.IsZero() != (d.Generation == 1) ||
			!d.Updated.IsZero() && d.Updated.Before(d.Created) {
			t.Errorf("times of %s: created %v, updated %v", d.UID, d.Created, d.Updated)
		}
		list[i].Created, list[i].Updated = time.Time{}, time.Time{}
	}
	same(
		t,
		"list",
		[]grafana.DashboardMeta{{UID: "a", Generation: 1, FolderUID: "fold"}, {UID: "b", Generation: saved.Version}},
		list,
	)
	same(t, "version", saved.Version, have(o.Dashboard(t.Context(), "b"))(t).Version)
	same(t, "list of nothing", 0, len(have(k.org(t).ListDashboards(t.Context(), version))(t)))
	have(k.client.Org(1).ListDashboards(t.Context(), version))(t)
	_, err := k.client.Org(99_999_999).ListDashboards(t.Context(), version)
	expect(t, "list of an organization that does not exist", err, grafana.IsNoList)
	if grafana.IsUnavailable(err) || grafana.IsUnsure(err) {
		t.Errorf("an organization that does not exist is taken for an outage: %v", err)
	}
}

func (k contract) testFolders(t *testing.T) {
	o := k.org(t)
	top := have(o.CreateFolder(t.Context(), grafana.Folder{UID: "top", Title: "Top"}))(t)
	same(t, "made", grafana.Folder{UID: "top", Title: "Top"}, top)
	same(t, "got", top, have(o.Folder(t.Context(), "top"))(t))
	unnamed := have(o.CreateFolder(t.Context(), grafana.Folder{Title: "Other"}))(t)
	same(t, "got by the uid that Grafana chose", unnamed, have(o.Folder(t.Context(), unnamed.UID))(t))
	_, err := o.Folder(t.Context(), "nosuch")
	expect(t, "unknown folder", err, grafana.IsNotFound)
	_, err = k.org(t).Folder(t.Context(), "top")
	expect(t, "in another organization", err, grafana.IsNotFound)
	_, err = o.CreateFolder(t.Context(), grafana.Folder{UID: "top", Title: "Another"})
	expect(t, "a uid that is taken", err, grafana.IsTaken)
	_, err = o.CreateFolder(t.Context(), grafana.Folder{UID: "untitled"})
	expect(t, "no title", err, isStatus(400))

	_, err = o.CreateFolder(t.Context(), grafana.Folder{UID: "general2", Title: "general"})
	if k.major < 12 {
		expect(t, "the title of the root", err, grafana.IsReservedTitle)
	} else {
		must(t, err)
	}
}

// testNestedFolders has folders below folders, as far down as Grafana lets them.
func (k contract) testNestedFolders(t *testing.T) {
	o := k.org(t)
	nested := have(k.client.Settings(t.Context()))(t).NestedFolders()
	parent := ""
	for _, uid := range []string{"a", "b", "c", "d", "e", "f"} {
		folder := grafana.Folder{UID: uid, Title: "Folder " + uid, ParentUID: parent}
		made, err := o.CreateFolder(t.Context(), folder)
		if uid == "f" {
			expect(t, "a sixth level", err, grafana.IsTooDeep)
			if grafana.IsUnavailable(err) || grafana.IsUnsure(err) || grafana.IsTaken(err) {
				t.Errorf("a sixth level is taken for more than that: %v", err)
			}
			break
		}
		must(t, err)
		same(t, "made", folder, made)
		if !nested {
			folder.ParentUID = ""
		}
		same(t, "got", folder, have(o.Folder(t.Context(), uid))(t))
		parent = uid
	}
	_, err := o.CreateFolder(t.Context(), grafana.Folder{UID: "lost", Title: "Lost", ParentUID: "nosuch"})
	if k.major < 12 {
		expect(t, "unknown parent", err, grafana.IsNotFound)
	} else {
		must(t, err)
	}
	_, err = o.Folders(t.Context(), "nosuch")
	if nested {
		expect(t, "folders below nothing", err, grafana.IsNotFound)
	} else {
		must(t, err)
	}
}

func (k contract) testFolderLists(t *testing.T) {
	o := k.org(t)
	same(t, "at first", []grafana.Folder{}, have(o.Folders(t.Context(), ""))(t))
	for _, folder := range []grafana.Folder{{UID: "b", Title: "Bee"}, {UID: "a", Title: "Ant"}, {UID: "ba", Title: "Below", ParentUID: "b"}} {
		have(o.CreateFolder(t.Context(), folder))(t)
	}
	ant, bee, below := grafana.Folder{
		UID:   "a",
		Title: "Ant",
	}, grafana.Folder{
		UID:   "b",
		Title: "Bee",
	}, grafana.Folder{
		UID:       "ba",
		Title:     "Below",
		ParentUID: "b",
	}
	top, under := []grafana.Folder{ant, bee}, []grafana.Folder{below}
	if !have(k.client.Settings(t.Context()))(t).NestedFolders() {
		top, under = []grafana.Folder{ant, bee, {UID: "ba", Title: "Below"}}, []grafana.Folder{}
	}
	eventually(t, "the list has them all", func() bool {
		return len(have(o.Folders(t.Context(), ""))(t)) == len(top) &&
			len(have(o.Folders(t.Context(), "b"))(t)) == len(under)
	})
	same(t, "in no other", top, have(o.Folders(t.Context(), ""))(t))
	same(t, "below one", under, have(o.Folders(t.Context(), "b"))(t))
	same(t, "below one without any", []grafana.Folder{}, have(o.Folders(t.Context(), "a"))(t))
	same(t, "of another organization", []grafana.Folder{}, have(k.org(t).Folders(t.Context(), ""))(t))
}

// testFolderTitles makes folders of one title: side by side before Grafana 12 never, under different parents always.
func (k contract) testFolderTitles(t *testing.T) {
	o := k.org(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "a", Title: "Same"}))(t)
	_, err := o.CreateFolder(t.Context(), grafana.Folder{UID: "b", Title: "Same"})
	if k.major < 12 {
		expect(t, "a title that is taken", err, grafana.IsTaken)
		expect(t, "it was not made", errorOf(o.Folder(t.Context(), "b")), grafana.IsNotFound)
	} else {
		must(t, err)
	}
	if have(k.client.Settings(t.Context()))(t).NestedFolders() {
		have(o.CreateFolder(t.Context(), grafana.Folder{UID: "c", Title: "Same", ParentUID: "a"}))(t)
	}
}

func errorOf[T any](_ T, err error) error { return err }

func (k contract) testContents(t *testing.T) {
	o := k.org(t)
	same(t, "at first", 0, len(have(o.SearchContents(t.Context(), 100))(t)))
	same(t, "data sources at first", 0, len(have(o.DataSources(t.Context()))(t)))
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	k.save(t, o, "dash", nil)
	eventually(t, "the search finds both", func() bool { return len(have(o.SearchContents(t.Context(), 100))(t)) == 2 })
	hits := have(o.SearchContents(t.Context(), 100))(t)
	slices.SortFunc(hits, func(a, b grafana.Hit) int { return cmp.Compare(a.UID, b.UID) })
	same(
		t,
		"hits",
		[]grafana.Hit{
			{UID: "dash", Title: "Title of dash", Type: "dash-db"},
			{UID: "fold", Title: "Folder", Type: "dash-folder"},
		},
		hits,
	)
	same(t, "one hit", 1, len(have(o.SearchContents(t.Context(), 1))(t)))

	k.person(
		t,
		"POST",
		"/api/datasources",
		o.ID(),
		map[string]any{
			"uid":    "ds",
			"name":   "prom",
			"type":   "prometheus",
			"access": "proxy",
			"url":    "http://127.0.0.1:1",
		},
	)
	same(
		t,
		"data sources",
		[]grafana.DataSource{{UID: "ds", Name: "prom", Type: "prometheus"}},
		have(o.DataSources(t.Context()))(t),
	)
}

func (k contract) testAlertRules(t *testing.T) {
	o := k.org(t)
	same(t, "at first", 0, len(have(o.AlertRules(t.Context()))(t)))
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	k.person(t, "POST", "/api/v1/provisioning/alert-rules", o.ID(), alertRule(o.ID(), "rule", "fold"))
	same(
		t,
		"rules",
		[]grafana.AlertRule{{UID: "rule", Title: "Rule", FolderUID: "fold"}},
		have(o.AlertRules(t.Context()))(t),
	)
	same(t, "of another organization", 0, len(have(k.org(t).AlertRules(t.Context()))(t)))
}

func (k contract) testLibraryPanels(t *testing.T) {
	o := k.org(t)
	same(t, "at first", []grafana.LibraryPanel{}, have(o.LibraryPanels(t.Context()))(t))
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	for uid, folder := range map[string]string{"a": "", "b": "fold"} {
		body := map[string]any{
			"uid":       uid,
			"name":      "Panel " + uid,
			"kind":      1,
			"folderUid": folder,
			"model":     map[string]string{"type": "text", "title": "Text"},
		}
		k.person(t, "POST", "/api/library-elements", o.ID(), body)
	}
	a, b := grafana.LibraryPanel{UID: "a", Name: "Panel a"}, grafana.LibraryPanel{
		UID: "b", Name: "Panel b", FolderUID: "fold",
	}
	same(t, "panels", []grafana.LibraryPanel{a, b}, have(o.LibraryPanels(t.Context()))(t))
	same(t, "of another organization", 0, len(have(k.org(t).LibraryPanels(t.Context()))(t)))
}
