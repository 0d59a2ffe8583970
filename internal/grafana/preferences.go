package grafana

import "context"

// Preferences are an organization's defaults for its users. An empty field leaves the choice to
// Grafana's own default.
type Preferences struct {
	// Theme is "light", "dark" or "system".
	Theme string `json:"theme,omitempty"`
	// Timezone is "utc", "browser" or an IANA name.
	Timezone string `json:"timezone,omitempty"`
	// WeekStart is a weekday in lower case, or "browser".
	WeekStart string `json:"weekStart,omitempty"`
	// Language is a tag such as "en-US".
	Language string `json:"language,omitempty"`
	// HomeDashboardUID must exist in the organization when it is set.
	HomeDashboardUID string `json:"homeDashboardUID,omitempty"`
}

// Beside returns the fields of p that now has otherwise; the others are empty.
func (p Preferences) Beside(now Preferences) Preferences {
	for _, f := range []struct {
		field *string
		now   string
	}{
		{&p.Theme, now.Theme}, {&p.Timezone, now.Timezone}, {&p.WeekStart, now.WeekStart}, {&p.Language, now.Language},
		{&p.HomeDashboardUID, now.HomeDashboardUID},
	} {
		if *f.field == f.now {
			*f.field = ""
		}
	}
	return p
}

// Preferences returns the organization's preferences.
//
// GET /api/org/preferences
func (o *OrgClient) Preferences(ctx context.Context) (Preferences, error) {
	return do[Preferences](ctx, o, get("/api/org/preferences"))
}

// SetPreferences sets those preferences that are not empty and leaves all others alone, also those that
// Preferences does not name. If one is refused, none is set. A home dashboard that does not exist is
// IsNotFound.
//
// PATCH /api/org/preferences, where an empty field would blank what is there, and an empty theme is refused
func (o *OrgClient) SetPreferences(ctx context.Context, change Preferences) error {
	return exec(ctx, o, patch(change, "/api/org/preferences"))
}
