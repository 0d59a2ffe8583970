package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// announced fails until there is an event about an object that has all of the texts.
func announced(w *suite.World, obj client.Object, reason string, texts ...string) {
	w.T.Helper()
	w.Eventually("event "+reason+" of "+obj.GetName(), func() error {
		var list eventsv1.EventList
		if err := w.Client.List(w.T.Context(), &list, client.InNamespace(w.NS)); err != nil {
			return err
		}
		var notes []string
		for _, e := range list.Items {
			if e.Regarding.Name == obj.GetName() && e.Reason == reason {
				notes = append(notes, e.Note)
			}
		}
		for _, text := range texts {
			if !strings.Contains(strings.Join(notes, "\n"), text) {
				return fmt.Errorf("none says %q: %q", text, notes)
			}
		}
		return nil
	})
}

// save saves a dashboard in Grafana as a person does.
func save(w *suite.World, org int64, uid, title, message string) {
	w.T.Helper()
	w.Ask("POST", "/api/dashboards/db", org, map[string]any{
		"overwrite": true, "message": message, "dashboard": map[string]any{"uid": uid, "title": title},
	})
}

// The mark can be taken off by others: by a save that changes nothing but the message, or by so many that Grafana keeps
// none of ours. What status recorded of our save proves the dashboard ours all the same.
func TestAPIDashboardWithoutItsMark(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for name, lose := range map[string]func(w *suite.World, org int64, uid string){
			"by a save that changes nothing": func(w *suite.World, org int64, uid string) { save(w, org, uid, "Overview", "tidied up") },
			"by 26 versions": func(w *suite.World, org int64, uid string) {
				for n := range 26 {
					save(w, org, uid, fmt.Sprint("Edited ", n), "")
				}
			},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version})
				org := suite.Ready(w, w.Organization("team")).Status.OrgID
				dash := suite.Ready(
					w,
					w.Dashboard(
						"overview",
						"team",
						`{"title": "Overview"}`,
						func(o *v1alpha1.Dashboard) { o.Spec.UID = "overview" },
					),
				)
				lose(w, org, "overview")
				suite.Visit(w, dash)
				w.Eventually("correction", func() error {
					if d := w.Dash(org, "overview"); d.Title != "Overview" {
						return fmt.Errorf("it is %+v, conditions %+v", d, suite.Get(w, dash).Status.Conditions)
					}
					return nil
				})
				suite.Ready(w, dash)
				lose(w, org, "overview")
				w.Grafana.ResetLog()
				w.Delete(dash)
				w.Gone(dash)
				if d := w.Dash(org, "overview"); d != nil || w.Asked("DELETE", "/api/dashboards/uid/overview") != 1 {
					t.Errorf("it was left: %+v", d)
				}
				announced(w, dash, v1alpha1.EventDeleted, "Deleted in Grafana")
			})
		}
	}
}

const throughAPIs = "/apis/dashboard.grafana.app/v0alpha1/namespaces/org-%d/dashboards/%s"

// editThroughAPIs reads a dashboard and writes it back with another title, and with the message that it had.
func editThroughAPIs(w *suite.World, org int64, uid, title string) {
	w.T.Helper()
	path := fmt.Sprintf(throughAPIs, org, uid)
	var resource map[string]any
	if err := json.Unmarshal(w.Ask("GET", path, org, nil), &resource); err != nil {
		w.T.Fatal(err)
	}
	annotations, _ := resource["metadata"].(map[string]any)["annotations"].(map[string]any)
	if message, _ := annotations["grafana.app/message"].(string); !strings.HasPrefix(message, "Applied by ") {
		w.T.Fatalf("the message is %q", message)
	}
	resource["spec"].(map[string]any)["title"] = title
	w.Ask("PUT", path, org, resource)
}

// An edit through /apis carries our message along. It is an edit all the same.
func TestAPIDashboardEditedThroughAPIs(t *testing.T) {
	t.Parallel()
	for _, policy := range []v1alpha1.DriftPolicy{v1alpha1.DriftReport, v1alpha1.DriftCorrect} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			dash := suite.Ready(
				w,
				w.Dashboard("overview", "team", `{"title": "Overview"}`, func(o *v1alpha1.Dashboard) {
					o.Spec.UID, o.Spec.DriftPolicy = "overview", policy
				}),
			)
			editThroughAPIs(w, org, "overview", "Edited")
			w.Grafana.ResetLog()
			suite.Visit(w, dash)
			if policy == v1alpha1.DriftReport {
				suite.Until(
					w,
					dash,
					"Drifted",
					func(metav1.Condition) bool { return suite.IsTrue(dash, v1alpha1.ConditionDrifted) },
				)
				if d := w.Dash(
					org,
					"overview",
				); d.Title != "Edited" || len(w.Writes()) > 0 ||
					dash.Status.Drift.Version != 2 {
					t.Errorf("it was not left to stand: %+v, %v, %+v", d, w.Writes(), dash.Status.Drift)
				}
			} else {
				announced(w, dash, v1alpha1.EventUpdated, `version 2, made in Grafana by "admin"`)
				if d := w.Dash(org, "overview"); d.Title != "Overview" {
					t.Errorf("it is %+v", d)
				}
				editThroughAPIs(w, org, "overview", "Edited again")
			}
			w.Delete(dash)
			w.Gone(dash)
			if d := w.Dash(org, "overview"); d != nil {
				t.Errorf("it was left: %+v", d)
			}
		})
	}
}

// So does one that carries along a message of an older operator, which did not say which version it was for.
func TestAPIDashboardEditedThroughAPIsAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0"})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	dash := suite.Ready(w, w.Dashboard("overview", "team", `{"title": "Overview"}`, func(o *v1alpha1.Dashboard) {
		o.Spec.UID, o.Spec.DriftPolicy = "overview", v1alpha1.DriftReport
	}))
	old := fmt.Sprintf("Applied by %s from %s/overview (%s)", v1alpha1.ManagedBy, w.NS, dash.UID)
	save(w, org, "overview", "Overview", old) // nothing changes but the message
	editThroughAPIs(w, org, "overview", "Edited")
	suite.Visit(w, dash)
	suite.Until(
		w,
		dash,
		"Drifted",
		func(metav1.Condition) bool { return suite.IsTrue(dash, v1alpha1.ConditionDrifted) },
	)
	if d := w.Dash(org, "overview"); d.Title != "Edited" {
		t.Errorf("it was not left to stand: %+v", d)
	}
}

// A dashboard that somebody has put in the place of ours is not deleted, and the event does not say that it was.
func TestAPIDashboardReplacedAndDeleted(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	dash := suite.Ready(
		w,
		w.Dashboard(
			"overview",
			"team",
			`{"title": "Overview"}`,
			func(o *v1alpha1.Dashboard) { o.Spec.UID = "overview" },
		),
	)
	suite.Change(w, dash, func() { dash.Spec.Suspend = true })
	suite.Until(w, dash, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
	dash.Status.SavedAt = &metav1.Time{Time: time.Now().Add(-time.Hour).UTC().Truncate(time.Second)} // not just now
	if err := w.Client.Status().Update(t.Context(), dash); err != nil {
		t.Fatal(err)
	}
	w.Ask("DELETE", "/api/dashboards/uid/overview", org, nil)
	w.Ask(
		"POST",
		"/api/dashboards/db",
		org,
		map[string]any{"dashboard": map[string]any{"uid": "overview", "title": "Theirs"}},
	)
	w.Delete(dash)
	w.Gone(dash)
	if d := w.Dash(org, "overview"); d == nil || d.Title != "Theirs" {
		t.Errorf("theirs became %+v", d)
	}
	announced(w, dash, v1alpha1.EventLeft, `"overview"`, "nothing proves")
	for event := range w.Events() {
		if strings.Contains(event, " "+v1alpha1.EventDeleted+" ") {
			t.Errorf("there is an event: %s", event)
		}
	}
}

// Where the database takes two uids for one, the second Dashboard has none, and its deletion leaves the first alone.
func TestAPIDashboardsWhoseUIDsADatabaseTakesForOne(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB})
			org := suite.Ready(w, w.Organization("team")).Status.OrgID
			first := suite.Ready(
				w,
				w.Dashboard("first", "team", `{"title": "First"}`, func(o *v1alpha1.Dashboard) { o.Spec.UID = "Abc" }),
			)
			second := w.Dashboard(
				"second",
				"team",
				`{"title": "Second"}`,
				func(o *v1alpha1.Dashboard) { o.Spec.UID = "abc" },
			)
			suite.Stalled(w, second, v1alpha1.ReasonNameConflict, `"Abc"`, `"abc"`)
			suite.Visit(w, first)
			w.Delete(second)
			w.Gone(second)
			if d := w.Dash(
				org,
				"Abc",
			); d == nil || d.Title != "First" || d.Version != 1 ||
				len(w.Grafana.Dashboards(org)) != 1 {
				t.Errorf("the first became %+v", d)
			}
			third := w.Dashboard(
				"third",
				"team",
				`{"title": "Third"}`,
				func(o *v1alpha1.Dashboard) { o.Spec.UID = "abc" },
			)
			suite.Stalled(w, third, v1alpha1.ReasonNameConflict)
			w.Delete(first)
			w.Gone(first)
			suite.Visit(w, third)
			suite.Ready(w, third)
		})
	}
}

// Nor is a dashboard taken over whose uid is only the same to the database: not one of an earlier life, and not one of
// a person.
func TestAPIDashboardIsNotTakenOverByAnotherUID(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "12.4.0", Database: grafanatest.MariaDB})
	team := w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow })
	org := suite.Ready(w, team).Status.OrgID
	first := suite.Ready(w, w.Dashboard("dash", "team", `{"title": "First life"}`, func(o *v1alpha1.Dashboard) {
		o.Spec.UID, o.Spec.DeletionPolicy = "Abc", v1alpha1.DeletionOrphan
	}))
	w.Delete(first)
	w.Gone(first)
	second := w.Dashboard(
		"dash",
		"team",
		`{"title": "Second life"}`,
		func(o *v1alpha1.Dashboard) { o.Spec.UID = "abc" },
	)
	suite.Stalled(w, second, v1alpha1.ReasonNameConflict, `"Abc"`)
	w.Ask(
		"POST",
		"/api/dashboards/db",
		org,
		map[string]any{"dashboard": map[string]any{"uid": "Theirs", "title": "Theirs"}},
	)
	adopter := w.Dashboard("adopter", "team", `{"title": "Ours"}`, func(o *v1alpha1.Dashboard) {
		o.Spec.UID, o.Spec.AdoptionPolicy = "theirs", v1alpha1.AdoptionAdopt
	})
	suite.Stalled(w, adopter, v1alpha1.ReasonNameConflict, `"Theirs"`)
	for uid, title := range map[string]string{"Abc": "First life", "Theirs": "Theirs"} {
		if d := w.Dash(org, uid); d == nil || d.Title != title || d.Version != 1 {
			t.Errorf("%s became %+v", uid, d)
		}
	}
}

// A folder that only the database takes for the one that is named is told, and not saved into again and again.
func TestAPIDashboardFolderThatADatabaseTakesForAnother(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{Version: "10.4.3", Database: grafanatest.MariaDB})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	w.Ask("POST", "/api/folders", org, map[string]any{"uid": "Team", "title": "Team"})
	dash := w.Dashboard(
		"dash",
		"team",
		`{"title": "Dash"}`,
		func(o *v1alpha1.Dashboard) { o.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"} },
	)
	suite.Until(w, dash, "saved", func(metav1.Condition) bool { return dash.Status.Version > 0 })
	suite.Visit(w, dash)
	suite.Stalled(w, dash, v1alpha1.ReasonFolderNotFound, `"team"`, `"Team"`, "spec.folder.uid")
	suite.Change(w, dash, func() { dash.Spec.Folder.UID = "Team" })
	suite.Ready(w, dash)
}

// A uid that Grafana would not take can stand in the content of a Dashboard that has another.
func TestAPIDashboardUIDThatIsNone(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	for name, uid := range map[string]string{"long": `"` + strings.Repeat("u", 41) + `"`, "dotted": `"a.b"`, "number": `7`} {
		source := fmt.Sprintf(`{"title": %q, "uid": %s}`, name, uid)
		if set := suite.Ready(
			w,
			w.Dashboard("set-"+name, "team", source, func(o *v1alpha1.Dashboard) { o.Spec.UID = name }),
		); w.Dash(
			org,
			name,
		) == nil {
			t.Errorf("%s: status %+v", name, set.Status)
		}
		suite.Stalled(
			w,
			w.Dashboard("unset-"+name, "team", source),
			v1alpha1.ReasonInvalidSource,
			"at most 40",
			"spec.uid",
		)
	}
	fixed := suite.Ready(w, w.Dashboard("fixed", "team", `{"title": "a", "uid": "good"}`))
	suite.Change(w, fixed, func() { fixed.Spec.Source.JSON = new(`{"title": "b", "uid": "not.good"}`) })
	if suite.Ready(w, fixed); w.Dash(org, "good").Title != "b" {
		t.Errorf("it is %+v", w.Dash(org, "good"))
	}
}

// What Flux has made of an exported dashboard: the place for the input is gone.
func TestAPIDashboardUnusedInput(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	source := `{"__inputs": [{"name": "DS_P", "type": "datasource"}], "title": "a", "panels": [{"datasource": {"uid": ""}}]}`
	dash := suite.Ready(w, w.Dashboard("dash", "team", source, func(o *v1alpha1.Dashboard) {
		o.Spec.Inputs = []v1alpha1.DashboardInput{{Name: "DS_P", Value: "prom"}}
	}))
	announced(w, dash, v1alpha1.EventUnusedInput, "DS_P")
}
