package draft

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// route is a request that is answered here.
type route struct {
	method, pattern string
	answer          func(*call) (*answer, error)
}

const (
	get   = http.MethodGet
	post  = http.MethodPost
	put   = http.MethodPut
	patch = http.MethodPatch
	del   = http.MethodDelete
)

// routes are all requests that change something, and those that could show it.
func routes() []route {
	return slices.Concat(orgRoutes(), peopleRoutes(), contentRoutes(), dashboardResources())
}

func orgRoutes() []route {
	return []route{
		{post, "/api/orgs", createOrg},
		{get, "/api/orgs", listOrgs},
		{get, "/api/orgs/:org", getOrg},
		{put, "/api/orgs/:org", changeOrg("name")},
		{put, "/api/orgs/:org/address", setAddress},
		{del, "/api/orgs/:org", deleteOrg},
		{get, "/api/org", getOwnOrg},
		{put, "/api/org/address", setAddress},
		{get, "/api/user/orgs", listOwnOrgs},
		{get, "/api/orgs/:org/quotas", listQuotas},
		{put, "/api/orgs/:org/quotas/:target", setQuota},
		{get, "/api/orgs/:org/users", listMembers},
		{post, "/api/orgs/:org/users", addMember},
		{patch, "/api/orgs/:org/users/:user", changed("member", "user", "role")},
		{del, "/api/orgs/:org/users/:user", deleted("member", "user")},
		{get, "/api/org/preferences", getPreferences},
		{patch, "/api/org/preferences", setPreferences},
	}
}

func peopleRoutes() []route {
	return []route{
		{post, "/api/admin/users", createUser},
		{get, "/api/users/search", listed("user", "users", "id", nil)},
		{get, "/api/users/lookup", lookupUser},
		{get, "/api/users/:user", getItem("user", "user")},
		{put, "/api/users/:user", changed("user", "user", "login", "email", "name")},
		{put, "/api/admin/users/:user/permissions", setServerAdmin},
		{post, "/api/admin/users/:user/disable", setDisabled(true)},
		{post, "/api/admin/users/:user/enable", setDisabled(false)},
		{del, "/api/admin/users/:user", deleted("user", "user")},

		{post, "/api/serviceaccounts", createAccount},
		{get, "/api/serviceaccounts/search", listed("account", "serviceAccounts", "id", matchesQuery)},
		{get, "/api/serviceaccounts/:account", getItem("account", "account")},
		{patch, "/api/serviceaccounts/:account", changed("account", "account", "name", "role", "isDisabled")},
		{del, "/api/serviceaccounts/:account", deleted("account", "account")},
		{get, "/api/serviceaccounts/:account/tokens", listTokens},
		{post, "/api/serviceaccounts/:account/tokens", createToken},
		{del, "/api/serviceaccounts/:account/tokens/:token", deleteToken},
		{get, "/api/access-control/user/permissions", knock},

		{post, "/api/teams", createTeam},
		{get, "/api/teams/search", listed("team", "teams", "id", nil)},
		{get, "/api/teams/:team", getItem("team", "team")},
		{put, "/api/teams/:team", changed("team", "team", "name", "email")},
		{del, "/api/teams/:team", deleted("team", "team")},
		{get, "/api/teams/:team/members", listTeamMembers},
		{post, "/api/teams/:team/members", addTeamMember},
		{put, "/api/teams/:team/members/:user", changeTeamMember},
		{del, "/api/teams/:team/members/:user", removeTeamMember},
		{get, "/api/teams/:team/preferences", getTeamPreferences},
		{put, "/api/teams/:team/preferences", setTeamPreferences},
	}
}

func contentRoutes() []route {
	return []route{
		{post, "/api/datasources", createSource},
		{get, "/api/datasources", listed("source", "", "uid", nil)},
		{get, "/api/datasources/uid/:uid", getItem("source", "uid")},
		{put, "/api/datasources/uid/:uid", updateSource},
		{del, "/api/datasources/uid/:uid", deleted("source", "uid")},
		{get, "/api/datasources/uid/:uid/health", tryNothing},

		{post, "/api/folders", createFolder},
		{get, "/api/folders", listed("folder", "", "uid", inParent)},
		{get, "/api/folders/:uid", getItem("folder", "uid")},
		{put, "/api/folders/:uid", updateFolder},
		{post, "/api/folders/:uid/move", moveFolder},
		{del, "/api/folders/:uid", deleted("folder", "uid")},
		{get, "/api/folders/:uid/permissions", getPermissions("folder")},
		{post, "/api/folders/:uid/permissions", setPermissions("folder")},

		{post, "/api/dashboards/db", saveDashboard},
		{get, "/api/dashboards/uid/:uid", getDashboard},
		{del, "/api/dashboards/uid/:uid", deleted("dashboard", "uid")},
		{get, "/api/dashboards/uid/:uid/permissions", getPermissions("dashboard")},
		{post, "/api/dashboards/uid/:uid/permissions", setPermissions("dashboard")},

		{get, "/api/search", search},
		{get, "/api/library-elements", listPanels},
		{post, "/api/library-elements", createPanel},
		{get, "/api/library-elements/:uid", getPanel},
		{patch, "/api/library-elements/:uid", updatePanel},
		{del, "/api/library-elements/:uid", deleted("panel", "uid")},
		{get, "/api/library-elements/:uid/connections/", listPanelUsers},
		{get, "/api/v1/provisioning/alert-rules", listRules},
		{get, "/apis/dashboard.grafana.app", discover},
		{get, "/apis/folder.grafana.app/:version/namespaces/:namespace/folders", listResources("folder")},
		{get, "/apis/folder.grafana.app/:version/namespaces/:namespace/folders/:uid", getFolderObject},
	}
}

// find is the first route that a request matches.
func find(method, path string) (route, bool) {
	for _, r := range routes() {
		if r.method == method && r.params(path) != nil {
			return r, true
		}
	}
	return route{}, false
}

// params are the variable parts of a path by their names; nil: it is another route's.
func (r route) params(path string) map[string]string {
	names, parts := strings.Split(r.pattern, "/"), strings.Split(path, "/")
	if len(names) != len(parts) {
		return nil
	}
	params := map[string]string{}
	for i, name := range names {
		if !strings.HasPrefix(name, ":") {
			if name != parts[i] {
				return nil
			}
			continue
		}
		value, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil
		}
		params[name[1:]] = value
	}
	return params
}
