package grafana_test

import (
	"cmp"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

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
		{"Users", contract.testUsers},
		{"TakenUsers", contract.testTakenUsers},
		{"Teams", contract.testTeams},
		{"ManyTeams", contract.testManyTeams},
		{"TeamMembers", contract.testTeamMembers},
		{"TeamPreferences", contract.testTeamPreferences},
		{"TeamPermissions", contract.testTeamPermissions},
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
		{"DashboardResources", contract.testDashboardResources},
		{"DashboardResourceForms", contract.testDashboardResourceForms},
		{"DashboardResourceRefusals", contract.testDashboardResourceRefusals},
		{"DashboardResourcePermissions", contract.testDashboardResourcePermissions},
		{"Folders", contract.testFolders},
		{"NestedFolders", contract.testNestedFolders},
		{"FolderLists", contract.testFolderLists},
		{"FolderTitles", contract.testFolderTitles},
		{"EveryFolder", contract.testEveryFolder},
		{"MovedFolders", contract.testMovedFolders},
		{"AllFolders", contract.testAllFolders},
		{"DeletedFolders", contract.testDeletedFolders},
		{"Contents", contract.testContents},
		{"DataSources", contract.testDataSources},
		{"DataSourceSecrets", contract.testDataSourceSecrets},
		{"DataSourceConflicts", contract.testDataSourceConflicts},
		{"DataSourceDefault", contract.testDataSourceDefault},
		{"DataSourceHealth", contract.testDataSourceHealth},
		{"EveryDataSource", contract.testEveryDataSource},
		{"AlertRules", contract.testAlertRules},
		{"LibraryPanels", contract.testLibraryPanels},
		{"KeptLibraryPanels", contract.testKeptLibraryPanels},
		{"MovedLibraryPanels", contract.testMovedLibraryPanels},
		{"LibraryPanelsOfFoldersThatAreGone", contract.testLibraryPanelsOfFoldersThatAreGone},
		{"ManyLibraryPanels", contract.testManyLibraryPanels},
		{"UsedLibraryPanels", contract.testUsedLibraryPanels},
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

// hasLoginForm asks as the login page does.
func (k contract) hasLoginForm(t *testing.T) bool {
	t.Helper()
	disabled, _ := k.person(t, "GET", "/api/frontend/settings", 1, nil)["disableLoginForm"].(bool)
	return !disabled
}

// letsAnybodyIn reports whether Grafana answers who brings no credential.
func (k contract) letsAnybodyIn(t *testing.T) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url+"/api/org", http.NoBody)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	must(t, resp.Body.Close())
	return resp.StatusCode == http.StatusOK
}
