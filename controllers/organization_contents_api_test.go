package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// theirWork puts one thing into an organization that the operator did not put there, under each way of calling it that
// a condition uses, and returns how to take it out.
var theirWork = map[string]func(w *suite.World, org int64) (takeOut func()){
	`"Their folder"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "theirs", "title": "Their folder"})
		return func() { w.Ask("DELETE", "/api/folders/theirs", org, nil) }
	},
	`data source "Their metrics"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/datasources", org, map[string]any{
			"uid":    "theirs",
			"name":   "Their metrics",
			"type":   "prometheus",
			"access": "proxy",
			"url":    "http://prometheus:9090",
		})
		return func() { w.Ask("DELETE", "/api/datasources/uid/theirs", org, nil) }
	},
	`alert rule "Their rule"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/folders", org, map[string]any{"uid": "rules", "title": "Rules"})
		w.Ask("POST", "/api/v1/provisioning/alert-rules", org, map[string]any{
			"uid":          "theirs",
			"title":        "Their rule",
			"ruleGroup":    "g",
			"folderUID":    "rules",
			"condition":    "A",
			"for":          "1m",
			"noDataState":  "OK",
			"execErrState": "OK",
			"data": []any{map[string]any{
				"refId": "A", "datasourceUid": "__expr__", "relativeTimeRange": map[string]int{"from": 60, "to": 0},
				"model": map[string]string{"refId": "A", "type": "math", "expression": "1 > 0"},
			}},
		})
		return func() {
			w.Ask("DELETE", "/api/v1/provisioning/alert-rules/theirs", org, nil)
			w.Ask("DELETE", "/api/folders/rules", org, nil)
		}
	},
	`library panel "Their panel"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/library-elements", org,
			map[string]any{"uid": "theirs", "name": "Their panel", "kind": 1, "model": map[string]any{"type": "text"}})
		return func() { w.Ask("DELETE", "/api/library-elements/theirs", org, nil) }
	},
	`team "Their team"`: func(w *suite.World, org int64) func() {
		w.Ask("POST", "/api/teams", org, map[string]any{"name": "Their team"})
		id := teamsIn(w, org)[0].ID
		return func() { w.Ask("DELETE", fmt.Sprintf("/api/teams/%d", id), org, nil) }
	},
	`service account "Their robot"`: func(w *suite.World, org int64) func() {
		id := foreign(w, org, "Their robot")
		return func() { w.Ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d", id), org, nil) }
	},
}

// An organization that holds what others put there is not deleted, until it is empty or let go.
func TestAPIDeletionOfOthersWork(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	id := org.Status.OrgID
	w.Ask("POST", "/api/dashboards/db", id,
		map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Their work"}})
	w.Delete(org)
	suite.Stalled(w, org, v1alpha1.ReasonDeletionBlocked, "Their work", "Orphan")
	if w.Dash(id, "theirs") == nil {
		t.Fatal("their dashboard is gone")
	}
	w.Ask("DELETE", "/api/dashboards/uid/theirs", id, nil)
	suite.Visit(w, org)
	w.Gone(org)
	if w.Org(id) != nil {
		t.Error("the organization is left")
	}
}

// Whatever others have put into an organization holds up its deletion, which names that and the members; members alone
// do not.
func TestAPIDeletionOfContents(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			w.Ask("POST", "/api/admin/users", 0, map[string]any{
				"login":    "jane",
				"name":     "jane",
				"password": "jane-password",
				"email":    "jane@example.com",
			})
			orgs, takeOut := map[string]*v1alpha1.Organization{}, map[string]func(){}
			for what, put := range theirWork {
				org := suite.Ready(w, w.Organization("", func(o *v1alpha1.Organization) { o.GenerateName = "team-" }))
				w.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", org.Status.OrgID), 0,
					map[string]any{"loginOrEmail": "jane", "role": "Viewer"})
				orgs[what], takeOut[what] = org, put(w, org.Status.OrgID)
			}
			for _, org := range orgs {
				w.Delete(org)
			}
			for what, org := range orgs {
				suite.Stalled(w, org, v1alpha1.ReasonDeletionBlocked, what, `members are "jane"`,
					"DeleteWithContents", "Orphan")
				if w.Org(org.Status.OrgID) == nil {
					t.Errorf("with %s in it the organization was deleted", what)
				}
			}
			for what, org := range orgs {
				takeOut[what]()
				suite.Visit(w, org)
			}
			for what, org := range orgs {
				if w.Gone(org); w.Org(org.Status.OrgID) != nil {
					t.Errorf("without %s the organization is left", what)
				}
			}
		})
	}
}

// DeleteWithContents deletes an organization with all that is in it. Service accounts go before it: Grafana would keep
// them, and their keys.
func TestAPIDeletionWithContents(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			n := newTenant(w)
			id := n.org.Status.OrgID
			for _, put := range theirWork {
				put(w, id)
			}
			theirs := foreign(w, id, "With a key")
			w.Ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", theirs), id, map[string]any{"name": "a"})
			accounts, keys := w.Grafana.ServiceAccounts(id), w.Grafana.Keys()
			w.Delete(n.org)
			suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, "1 Dashboard, 1 ServiceAccount")
			suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents })
			suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked,
				"1 Dashboard, 1 ServiceAccount") // objects in Kubernetes are not what is meant by contents
			w.Delete(n.dash, n.sa, n.token)
			w.Gone(n.token, n.dash, n.sa, n.org)

			deleted := map[string]bool{}
			for _, r := range w.Grafana.Requests() {
				if r.Method == "DELETE" && r.Path == fmt.Sprintf("/api/orgs/%d", id) {
					break
				}
				deleted[r.Method+" "+r.Path] = true
			}
			for _, a := range accounts {
				if !deleted[fmt.Sprintf("DELETE /api/serviceaccounts/%d", a.ID)] {
					t.Errorf("service account %s was there when the organization went", a.Login)
				}
			}
			for i, key := range keys {
				if _, _, _, alive := w.Grafana.KeyAlive(key); alive {
					t.Errorf("key %d of %d still works", i+1, len(keys))
				}
			}
			if w.Org(id) != nil {
				t.Error("the organization is left")
			}
		})
	}
}

// Some versions of Grafana cannot delete organizations. That is said, and not tried again and again; Orphan is a way
// out.
func TestAPIDeletionThatGrafanaCannot(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"12.0.0", "12.0.1", "13.1.0", "13.2.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			org, other := suite.Ready(w, w.Organization("team")), suite.Ready(w, w.Organization("other"))
			id := org.Status.OrgID
			w.Delete(org)
			suite.Stalled(w, org, v1alpha1.ReasonCannotDelete, "Grafana "+version+" cannot delete organizations",
				"Update Grafana", "deletionPolicy: Orphan")
			w.Delete(other) // what a retry would do happens meanwhile
			suite.Stalled(w, other, v1alpha1.ReasonCannotDelete)
			suite.Ready(w, w.Dashboard("overview", suite.Ready(w, w.Organization("third")).Name, overview))
			if tries := w.Asked("DELETE", fmt.Sprintf("/api/orgs/%d", id)); tries != 1 {
				t.Errorf("it was tried %d times", tries)
			}
			if w.Org(id) == nil || !strings.Contains(w.Org(id).Address.Address2, string(org.UID)) {
				t.Errorf("organization: %+v", w.Org(id))
			}
			suite.Change(w, org, func() { org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan })
			w.Gone(org)
			if o := w.Org(id); o == nil || !strings.Contains(o.Address.Address2, "released") {
				t.Errorf("let go, the organization is %+v", o)
			}
		})
	}
}
