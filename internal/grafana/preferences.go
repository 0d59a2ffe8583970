package grafana

import "context"

// Preferences are an organization's defaults for its users. An empty field leaves the choice to
// Grafana's own default.
type Preferences struct {
	// Theme is "light", "dark" or "system".
	Theme string `json:"theme"`
	// Timezone is "utc", "browser" or an IANA name.
	Timezone string `json:"timezone"`
	// WeekStart is a weekday in lower case, or "browser".
	WeekStart string `json:"weekStart"`
	// Language is a tag such as "en-US".
	Language string `json:"language"`
	// HomeDashboardUID must exist in the organization when it is set.
	HomeDashboardUID string `json:"homeDashboardUID"`
}

// Preferences returns the organization's preferences.
//
// GET /api/org/preferences
func (o *OrgClient) Preferences(ctx context.Context) (Preferences, error) {
	return do[Preferences](ctx, o, get("/api/org/preferences"))
}

// SetPreferences replaces the organization's preferences; an empty field clears. A home dashboard that
// does not exist is IsNotFound.
//
// PATCH /api/org/preferences, which leaves alone what is not named here
func (o *OrgClient) SetPreferences(ctx context.Context, preferences Preferences) error {
	return exec(ctx, o, patch(preferences, "/api/org/preferences"))
}
