package grafanatest

import (
	"net/http"
	"slices"
	"time"
)

var themes = []string{
	"light",
	"dark",
	"system",
	"debug",
	"aubergine",
	"desertbloom",
	"gildedgrove",
	"mars",
	"matrix",
	"sapphiredusk",
	"synthwave",
	"tron",
	"victorian",
	"zen",
	"gloom",
}

// getPreferences answers what is set.
func getPreferences(c *call) *answer {
	o := c.org()
	if o == nil {
		return ok(obj{})
	}
	return ok(c.showPreferences(o, o.prefs))
}

// showPreferences is what is set of those of an organization, or of a team in it.
func (c *call) showPreferences(o *org, p preferences) obj {
	out := obj{}
	show := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	show("theme", p.theme)
	show("timezone", p.timezone)
	show("weekStart", p.weekStart)
	show("language", p.language)
	if c.quirks.keepsDeadHome || o.dashboard(p.homeUID) != nil {
		show("homeDashboardUID", p.homeUID)
	}
	if p.history != nil {
		out["queryHistory"] = p.history
	}
	if p.navbar != nil {
		out["navbar"] = p.navbar
	}
	return out
}

// change is the body of a write. A field that is missing is nil.
type change struct {
	Theme, Timezone, WeekStart, Language *string
	HomeDashboardUID                     *string
	HomeDashboardID                      *int64 `json:"homeDashboardId"`
	QueryHistory, Navbar                 obj
}

func putPreferences(c *call) *answer   { return c.writeOrgPreferences(true) }
func patchPreferences(c *call) *answer { return c.writeOrgPreferences(false) }

func (c *call) writeOrgPreferences(replace bool) *answer {
	o := c.org()
	if o == nil {
		return c.writePreferences(nil, replace)
	}
	return c.writePreferences(&o.prefs, replace)
}

// writePreferences changes the fields that are given, and, if replace is set,
// clears the others. What is refused changes nothing.
func (c *call) writePreferences(p *preferences, replace bool) *answer {
	var body change
	if !c.bind(&body) {
		return badData()
	}
	if p == nil {
		return fail(http.StatusInternalServerError, "Failed to save preferences")
	}
	if body.Theme != nil && !validTheme(*body.Theme, replace) {
		return fail(http.StatusBadRequest, "Invalid theme")
	}
	if body.Timezone != nil && c.quirks.checksTimezone && !validTimezone(*body.Timezone) {
		return fail(
			http.StatusBadRequest,
			"Invalid timezone. Must be a valid IANA timezone (e.g., America/New_York), 'utc', 'browser', or empty "+
				"string",
		)
	}
	home, a := c.newHome(*p, body, replace)
	if a != nil {
		return a
	}
	if replace {
		*p = preferences{}
	}
	p.homeUID = home
	p.apply(body, c.quirks.keepsNavbar)
	return done("Preferences updated")
}

// apply sets what is given.
func (p *preferences) apply(body change, keepsNavbar bool) {
	for field, value := range map[*string]*string{
		&p.theme: body.Theme, &p.timezone: body.Timezone, &p.weekStart: body.WeekStart, &p.language: body.Language,
	} {
		if value != nil {
			*field = *value
		}
	}
	if body.QueryHistory != nil {
		p.history = body.QueryHistory
	}
	if body.Navbar != nil && keepsNavbar {
		p.navbar = body.Navbar
	}
}

// validTheme says whether a theme is taken. Only what replaces all can say that
// there is none.
func validTheme(theme string, replace bool) bool {
	return slices.Contains(themes, theme) || theme == "" && replace
}

// newHome is the uid of the home dashboard after a change.
func (c *call) newHome(p preferences, body change, replace bool) (string, *answer) {
	o := c.org()
	if body.HomeDashboardUID != nil {
		if uid := *body.HomeDashboardUID; uid != "" && o.dashboard(uid) == nil {
			return "", noDashboard()
		}
		return *body.HomeDashboardUID, nil
	}
	if id := body.HomeDashboardID; id != nil && (*id != 0 || !replace) {
		if d := o.dashboardByID(*id); d != nil {
			return d.uid, nil
		}
		if c.quirks.checksHomeID { // 0, too
			return "", noDashboard()
		}
		return "", nil
	}
	if replace && !c.quirks.keepsHomeOnPut {
		return "", nil
	}
	return p.homeUID, nil
}

func validTimezone(name string) bool {
	if name == "" || name == "utc" || name == "browser" {
		return true
	}
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}
