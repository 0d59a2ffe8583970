package grafanatest

import "net/http"

// mayWriteDashboards is the check before the body is read.
func (c *call) mayWriteDashboards() *answer {
	const needs = "any of dashboards:create, dashboards:write"
	if c.outsider() && c.quirks.unified {
		return reply(http.StatusForbidden, obj{})
	}
	if !c.mayAny(needs, c.who.orgID) && !c.madeAny() {
		return denied(c, needs)
	}
	return nil
}

// madeAny says whether the caller has made a dashboard of the org, where that
// gives rights.
func (c *call) madeAny() bool {
	o := c.org()
	if o == nil {
		return false
	}
	for _, d := range o.dashboards {
		if c.made(d) {
			return true
		}
	}
	return false
}

// made says whether the caller has made a dashboard and therefore keeps all
// rights on it.
func (c *call) made(d *dashboard) bool {
	return c.quirks.makersStayAdmins && d != nil && c.who.user != nil && d.maker == c.who.user.id
}

// mayWrite is the check when it is known which dashboard is meant; nil: a new
// one.
func (c *call) mayWrite(d *dashboard) *answer {
	if c.mayAny("any of dashboards:create, dashboards:write", c.who.orgID) || c.made(d) {
		return nil
	}
	return fail(http.StatusForbidden, "Access denied to save dashboard")
}
