package grafanatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const (
	roleNone   = "None"
	roleViewer = "Viewer"
	roleEditor = "Editor"
	roleAdmin  = "Admin"
)

var rank = map[string]int{roleNone: 0, roleViewer: 1, roleEditor: 2, roleAdmin: 3}

// allowed are the actions that each role adds to those of the role below it.
var allowed = map[string][]string{
	roleViewer: {
		"orgs:read",
		"dashboards:read",
		"folders:read",
		"datasources:read",
		"datasources:query",
		"library.panels:read",
	},
	roleEditor: {
		"dashboards:create",
		"dashboards:write",
		"dashboards:delete",
		"folders:create",
		"folders:write",
		"folders:delete",
		"library.panels:create",
		"library.panels:write",
		"library.panels:delete",
	},
	roleAdmin: {
		"orgs:write",
		"orgs.preferences:read",
		"orgs.preferences:write",
		"org.users:read",
		"org.users:add",
		"org.users:write",
		"org.users:remove",
		"orgs.quotas:read",
		"datasources:create",
		"datasources:write",
		"datasources:delete",
		"serviceaccounts:read",
		"serviceaccounts:create",
		"serviceaccounts:write",
		"serviceaccounts:delete",
		"serviceaccounts.permissions:read",
		"alert.provisioning:read",
		"alert.provisioning:write",
		"teams:create",
		"teams:read",
		"teams:write",
		"teams:delete",
		"teams.permissions:read",
		"teams.permissions:write",
	},
}

// serverWide are the actions that a server admin has in every org.
var serverWide = []string{
	"orgs:read",
	"orgs:create",
	"orgs:write",
	"orgs:delete",
	"orgs.preferences:read",
	"orgs.preferences:write",
	"orgs.quotas:read",
	"orgs.quotas:write",
	"org.users:read",
	"org.users:add",
	"org.users:write",
	"org.users:remove",
	"settings:read",
	"server.stats:read",
	"users:read",
	"users:create",
	"users:write",
	"users:delete",
	"users:enable",
	"users:disable",
	"users.password:write",
	"users.permissions:write",
}

// scope is where a permission has to be held.
type scope int

const (
	inCurrentOrg scope = iota
	inPathOrg          // the org that :org names
	everywhere
)

// authorize checks that the caller may use a route.
func (c *call) authorize(r *route) *answer {
	if r.needs == "" {
		return nil
	}
	if r.scope == inPathOrg {
		if c.id("org") == 0 {
			return denied(c, "")
		}
		c.rememberIn(c.id("org"))
	}
	if r.scope != inCurrentOrg && c.hasServerWide(r.needs) {
		return nil
	}
	orgID := c.who.orgID
	if r.scope == inPathOrg {
		orgID = c.id("org")
	}
	if r.scope == everywhere || !c.mayAny(r.needs, orgID) {
		return denied(c, r.needs)
	}
	return nil
}

// mayAny says whether one of the needed actions, "a" or "any of a, b", is
// allowed in an org.
func (c *call) mayAny(needs string, orgID int64) bool {
	for action := range strings.SplitSeq(strings.TrimPrefix(needs, "any of "), ", ") {
		if c.may(action, orgID) {
			return true
		}
	}
	return false
}

func (c *call) may(action string, orgID int64) bool {
	role := c.role(orgID)
	return slices.Contains(actionsOf(role), action) || role != "" && c.hasServerWide(action)
}

// hasServerWide says whether the caller may do something in every org.
func (c *call) hasServerWide(action string) bool {
	return c.who.user != nil && c.who.user.serverAdmin && slices.Contains(serverWide, action)
}

// role is the caller's in an org; "" if there is no such org. A server admin
// who is no member counts as Admin.
func (c *call) role(orgID int64) string {
	if c.who.anonymous {
		if orgID == 1 {
			return roleViewer
		}
		return ""
	}
	o := c.db.orgs[orgID]
	if o == nil && orgID == c.who.orgID {
		return c.who.ghost
	}
	if o == nil {
		return ""
	}
	if role, member := o.members[c.who.user.id]; member && !c.in.hidden {
		return role
	}
	if c.who.user.serverAdmin {
		return roleAdmin
	}
	return ""
}

// outsider says whether the caller acts in an org without being a member.
func (c *call) outsider() bool {
	o := c.org()
	if o == nil || c.who.user == nil || c.in.hidden {
		return false
	}
	_, member := o.members[c.who.user.id]
	return !member
}

func actionsOf(role string) []string {
	var out []string
	for _, r := range []string{roleViewer, roleEditor, roleAdmin} {
		if rank[role] >= rank[r] {
			out = append(out, allowed[r]...)
		}
	}
	return out
}

// validRole is a role in Grafana's spelling; "" if it is none. All of it may be
// in lower case, but not in upper case.
func validRole(name string) string {
	for role := range rank {
		if slices.Contains([]string{role, strings.ToLower(role)}, name) {
			return role
		}
	}
	return ""
}

// redirectOrg is what ?orgId= does to a request of a person: it changes the
// stored org and redirects.
func (c *call) redirectOrg() *answer {
	wanted := c.number("orgId", 0)
	u := c.who.user
	if wanted <= 0 || wanted == c.who.orgID || u == nil || u.serviceAccount || c.in.hidden {
		return nil
	}
	o := c.db.orgs[wanted]
	if o == nil || o.members[u.id] == "" {
		return notFound()
	}
	u.orgID = wanted
	target := c.in.url.RequestURI()
	a := raw(http.StatusFound, "text/html; charset=utf-8", fmt.Appendf(nil, "<a href=%q>Found</a>.\n\n", target))
	a.header.Set("Location", target)
	return a
}
