package grafanatest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// stamp is a time as most answers show it.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00Z"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func health(c *call) *answer {
	state := obj{"database": "ok"}
	if !c.server.opts.HideVersion || c.authenticate() == nil && !c.who.anonymous {
		state["version"], state["commit"] = c.quirks.version, c.quirks.commit
	}
	body, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		panic("grafanatest: " + err.Error())
	}
	return raw(http.StatusOK, "application/json; charset=UTF-8", body)
}

func healthz(*call) *answer { return raw(http.StatusOK, "text/plain; charset=utf-8", []byte("Ok")) }

func loginPing(*call) *answer { return done("Logged in") }

// frontendSettings is the part of the settings that says what this Grafana is.
func frontendSettings(c *call) *answer {
	build := obj{"edition": "Open Source", "env": "production", "hideVersion": c.server.opts.HideVersion}
	if !c.server.opts.HideVersion || !c.who.anonymous {
		build["version"], build["commit"] = c.quirks.version, c.quirks.commit
	}
	toggles := obj{}
	if c.server.opts.NestedFolders {
		toggles["nestedFolders"] = true
	}
	return ok(obj{
		"buildInfo":              build,
		"featureToggles":         toggles,
		"namespace":              namespaceOf(c.who.orgID),
		"defaultDatasource":      "-- Grafana --",
		"anonymousEnabled":       c.server.options.anonymous,
		"disableLoginForm":       c.server.opts.DisableLoginForm,
		"unifiedAlertingEnabled": !c.server.opts.AlertingDisabled,
	})
}

// permissions lists the caller's permissions: only those that are modelled.
func permissions(c *call) *answer {
	if c.query.Get("reloadcache") == "true" {
		c.reloadPermissions()
	}
	out := map[string][]string{}
	role := c.role(c.who.orgID)
	for _, action := range actionsOf(role) {
		out[action] = []string{""}
	}
	if role == roleViewer && c.org() != nil {
		c.narrow(out)
	}
	if u := c.who.user; u != nil && u.serverAdmin {
		for _, action := range serverWide {
			out[action] = []string{""}
		}
	}
	return ok(out)
}

// narrow gives a viewer's permission on dashboards as Grafana does: for each
// one, and not at all if there is none.
func (c *call) narrow(out map[string][]string) {
	delete(out, "dashboards:read")
	for uid, d := range c.org().dashboards {
		if c.dashboardLevel(d) >= mayView {
			out["dashboards:read"] = append(out["dashboards:read"], "dashboards:uid:"+uid)
		}
	}
	slices.Sort(out["dashboards:read"])
}

func adminStats(c *call) *answer {
	dashboards, sources := 0, 0
	for _, o := range c.db.orgs {
		dashboards += len(o.dashboards)
		sources += len(o.sources)
	}
	people := 0
	for _, u := range c.db.users {
		if !u.serviceAccount {
			people++
		}
	}
	return ok(obj{"orgs": len(c.db.orgs), "dashboards": dashboards, "datasources": sources, "users": people})
}

// people are the human users that are wanted, by login.
func (db *database) people(wanted func(*user) bool) []*user {
	var out []*user
	for _, u := range db.users {
		if !u.serviceAccount && wanted(u) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b *user) int { return strings.Compare(a.login, b.login) })
	return out
}
