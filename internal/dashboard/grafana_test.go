package dashboard

import (
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// referred are the uids of the library panels that a dashboard refers to.
func referred(value any) (uids []string) {
	switch v := value.(type) {
	case []any:
		for _, inner := range v {
			uids = append(uids, referred(inner)...)
		}
	case map[string]any:
		if panel, ok := v["libraryPanel"].(map[string]any); ok {
			if uid, ok := panel["uid"].(string); ok {
				uids = append(uids, uid)
			}
		}
		uids = append(uids, referred(v["panels"])...)
	}
	return uids
}

// What was saved and is read back has the same hash, and saving it again changes nothing.
func TestRoundTrip(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			s := grafanatest.Start(t, grafanatest.Options{Version: version})
			client, err := grafana.New(
				grafana.Config{
					URL:       "http://grafana.test",
					Transport: s.RoundTripper(),
					BasicAuth: &grafana.BasicAuth{Username: "admin", Password: "admin"},
				},
			)
			must(t, err)
			org := client.Org(1)
			for name, c := range samples() {
				uid := strings.TrimSuffix(name, ".json")
				for based := range int64(2) { // Grafana counts from 1
					model, err := c.Model(uid, based)
					must(t, err)
					for _, panel := range referred(c.fields) { // Grafana 10 fails if one is missing
						_, err := org.CreateLibraryPanel(t.Context(), grafana.LibraryPanel{
							UID: panel, Name: panel, Model: []byte(`{"type":"text"}`),
						})
						if err != nil && !grafana.IsTaken(err) {
							t.Fatal(err)
						}
					}
					_, err = org.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model, Message: name})
					must(t, err)
					have, err := org.Dashboard(t.Context(), uid)
					must(t, err)
					if HashOf(have.Model) != hashOf(t, c) {
						t.Errorf("%s is another one in Grafana", name)
					}
					again, err := parse(t, have.Model, nil).Model(uid, based)
					must(t, err)
					if HashOf(again) != hashOf(t, c) {
						t.Errorf("%s: what Grafana has is not what was sent", name)
					}
				}
			}
		})
	}
}
