package grafanatest

import (
	"net/http"
	"slices"
	"time"
)

var themes = []string{
	"", "light", "dark", "system", "debug", "aubergine", "desertbloom", "gildedgrove", "mars", "matrix", "sapphiredusk", "synthwave", "tron", "victorian", "zen", "gloom",
}

// getPreferences answers what is set.
func getPreferences(c *call) *answer {
	out := obj{}
	o := c.org()
	if o == nil {
		return ok(out)
	}
	p := o.prefs
	show := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	show("theme", p.theme)
	show("timezone", p.timezone)
	show("weekStart", p.weekStart)
	show("language", p.language)
	if c.quirks.keepsDeadHome || o.dashboards[p.homeUID] != nil {
		show("homeDashboardUID", p.homeUID)
	}
	return ok(out)
}

// change is the body of a write. A field that is missing is nil.
type change struct {
	Theme, Timezone, WeekStart, Language *string
	HomeDashboardUID                     *string
	HomeDashboardID                      *int64 `json:"homeDashboardId"`
}

func putPreferences(c *call) *answer   { return c.writePreferences(true) }
func patchPreferences(c *call) *answer { return c.writePreferences(false) }

// writePreferences changes the fields that are given, and, if replace is set,
// clears the others.
func (c *call) writePreferences(replace bool) *answer {
	var body change
	if !c.bind(&body) {
		return badData()
	}
	o := c.org()
	if o == nil {
		return fail(http.StatusInternalServerError, "Failed to save preferences")
	}
	if body.Theme != nil && !slices.Contains(themes, *body.Theme) {
		return fail(http.StatusBadRequest, "Invalid theme")
	}
	if body.Timezone != nil && c.quirks.checksTimezone && !validTimezone(*body.Timezone) {
		return fail(http.StatusBadRequest, "Invalid timezone. Must be a valid IANA timezone (e.g., America/New_York), 'utc', 'browser', or empty string")
	}
	home, a := c.newHome(o, body, replace)
	if a != nil {
		return a
	}
	if replace {
		o.prefs = preferences{}
	}
	p := &o.prefs
	p.homeUID = home
	for field, value := range map[*string]*string{&p.theme: body.Theme, &p.timezone: body.Timezone, &p.weekStart: body.WeekStart, &p.language: body.Language} {
		if value != nil {
			*field = *value
		}
	}
	return done("Preferences updated")
}

// newHome is the uid of the home dashboard after a change.
func (c *call) newHome(o *org, body change, replace bool) (string, *answer) {
	missing := fail(http.StatusNotFound, "Dashboard not found")
	switch {
	case body.HomeDashboardUID != nil:
		if uid := *body.HomeDashboardUID; uid == "" || o.dashboards[uid] != nil {
			return uid, nil
		}
		return "", missing
	case body.HomeDashboardID != nil && *body.HomeDashboardID != 0:
		for uid, d := range o.dashboards {
			if d.id == *body.HomeDashboardID {
				return uid, nil
			}
		}
		if c.quirks.checksHomeID {
			return "", missing
		}
		return "", nil
	case body.HomeDashboardID != nil:
		return "", nil
	case replace && !c.quirks.keepsHomeOnPut:
		return "", nil
	}
	return o.prefs.homeUID, nil
}

func validTimezone(name string) bool {
	if name == "" || name == "utc" || name == "browser" {
		return true
	}
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}
