package grafanatest

import "net/http"

// mayWriteDashboards is the check before the body is read.
func (c *call) mayWriteDashboards() *answer {
	const needs = "any of dashboards:create, dashboards:write"
	if c.outsider() && c.quirks.unified {
		return reply(http.StatusForbidden, obj{})
	}
	if !c.mayAny(needs, c.who.orgID) && !c.mayEditAny() {
		return denied(c, needs)
	}
	return nil
}

// mayEditAny says whether there is a dashboard that the caller may change.
func (c *call) mayEditAny() bool {
	o := c.org()
	if o == nil {
		return false
	}
	for _, d := range o.dashboards {
		if c.dashboardLevel(d) >= mayEdit {
			return true
		}
	}
	return false
}

// levels is what actions on a dashboard take.
var levels = map[string]int{
	"dashboards:read": mayView, "dashboards:write": mayEdit, "dashboards:delete": mayEdit,
	"dashboards.permissions:read": mayAdmin, "dashboards.permissions:write": mayAdmin,
}

// mayDo checks that the caller may do something to a dashboard; nil: one that
// does not exist.
func (c *call) mayDo(action string, d *dashboard) *answer {
	general := c.may(action, c.who.orgID) || c.role(c.who.orgID) == roleAdmin
	switch {
	case d == nil && general, d != nil && c.dashboardLevel(d) >= levels[action]:
		return nil
	case general && !c.quirks.unified:
		return fail(http.StatusForbidden, "Access denied to this dashboard")
	}
	return denied(c, action)
}

// mayWrite is the check when it is known which dashboard is meant; nil: a new
// one.
func (c *call) mayWrite(d *dashboard, folder string) *answer {
	refusal := fail(http.StatusForbidden, "Access denied to save dashboard")
	if d != nil && c.dashboardLevel(d) < mayEdit {
		return refusal
	}
	if d == nil || d.folder != folder {
		return c.mayPut(folder, refusal)
	}
	return nil
}

// mayPut checks that the caller may put something into a folder.
func (c *call) mayPut(folder string, refusal *answer) *answer {
	f := c.org().folder(folder)
	if f != nil && c.folderLevel(f) >= mayEdit || f == nil && c.may("dashboards:create", c.who.orgID) {
		return nil
	}
	return refusal
}
