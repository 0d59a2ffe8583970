package controllers_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Every combination of preferences is applied, over whatever was there; what the spec leaves out stays as it was.
func TestAPIPreferencesInEveryCombination(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for _, before := range []map[string]any{{}, {"theme": "light", "timezone": "utc", "weekStart": "sunday", "language": "fr-FR", "homeDashboardUID": "theirs"}} {
			t.Run(fmt.Sprintf("%s over %d", version, len(before)), func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version})
				org := suite.Ready(w, w.Organization("team"))
				suite.Ready(w, w.Dashboard("home", "team", `{"title":"Home","uid":"home"}`))
				w.Ask(
					"POST",
					"/api/dashboards/db",
					org.Status.OrgID,
					map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}},
				)
				for fields := range 1 << 5 {
					w.Ask("PUT", "/api/org/preferences", org.Status.OrgID, before)
					prefers(w, org, fields, before)
				}
			})
		}
	}
}

// prefers asks for those preferences whose bits are set and checks what Grafana has afterwards.
func prefers(w *suite.World, org *v1alpha1.Organization, fields int, before map[string]any) {
	w.T.Helper()
	text := func(name string) string { s, _ := before[name].(string); return s }
	want := grafanatest.Preferences{
		Theme: text(
			"theme",
		),
		Timezone:         text("timezone"),
		WeekStart:        text("weekStart"),
		Language:         text("language"),
		HomeDashboardUID: text("homeDashboardUID"),
	}
	spec := &v1alpha1.Preferences{}
	for bit, f := range []struct {
		spec, want *string
		value      string
	}{
		{&spec.Theme, &want.Theme, "dark"}, {&spec.Timezone, &want.Timezone, "Europe/Berlin"}, {&spec.WeekStart, &want.WeekStart, "monday"},
		{&spec.Language, &want.Language, "de-DE"}, {&spec.HomeDashboardUID, &want.HomeDashboardUID, "home"},
	} {
		if fields&(1<<bit) != 0 {
			*f.spec, *f.want = f.value, f.value
		}
	}
	suite.Change(w, org, func() { org.Spec.Preferences = spec })
	suite.Ready(w, org)
	if diff := cmp.Diff(want, w.Org(org.Status.OrgID).Preferences); diff != "" {
		w.T.Errorf("asked for %+v over %v (-want +got):\n%s", *spec, before, diff)
	}
}

// A home dashboard that is not there yet holds up no other preference, has one reason however it is named, and comes by
// itself.
func TestAPIHomeDashboardByUIDComesLater(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Preferences = &v1alpha1.Preferences{Timezone: "utc", HomeDashboardUID: "overview"}
	})
	suite.Waiting(w, org, v1alpha1.ReasonDashboardNotFound, `"overview"`)
	if p := w.Org(
		org.Status.OrgID,
	).Preferences; p.Timezone != "utc" ||
		!suite.IsTrue(org, v1alpha1.ConditionAvailable) {
		t.Errorf("preferences: %+v", p)
	}
	suite.Ready(w, w.Dashboard("overview", "team", `{"title":"Overview","uid":"overview"}`))
	suite.Ready(w, org)
	if p := w.Org(org.Status.OrgID).Preferences; p.HomeDashboardUID != "overview" {
		t.Errorf("preferences: %+v", p)
	}
}

// What is refused is told by the step that failed, and no other.
func TestAPIRefusedPreferencesSayWhichStepFailed(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := w.Organization(
		"team",
		func(o *v1alpha1.Organization) { o.Spec.Preferences = &v1alpha1.Preferences{Theme: "pink"} },
	)
	suite.Stalled(w, org, v1alpha1.ReasonRefused, "setting the preferences: Grafana answered 400", "Invalid theme")
	for _, step := range []string{"mark", "name", "quota"} {
		if suite.Contains(suite.MessageOf(org), step) {
			t.Errorf("%s did not fail, but is named: %s", step, suite.MessageOf(org))
		}
	}
}
