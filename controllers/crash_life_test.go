package controllers

import (
	"net/http"
	"testing"
)

// TestPeaceWhereAPersonHasTheIDOfOurs: after a restore a person's account has the id that a ServiceAccount's status still names, and its name. It is the person's, who gives the name up.
func TestPeaceWhereAPersonHasTheIDOfOurs(t *testing.T) {
	for _, version := range crashVersions() {
		t.Run(version, func(t *testing.T) {
			l := unborn(t, version)
			l.enlist()
			l.bearAndRest(anchor, "org", "org-2", "dashboard", "dashboard-2")
			backup := l.grafana.Snapshot()
			l.bearAndRest("account", "account-2", "token", "token-2")
			l.grafana.Restore(backup)
			o := newOrganization("")
			l.get(o)
			l.do(http.MethodPost, o.Status.OrgID, map[string]any{"name": "CI", "role": "Viewer"}, "/api/serviceaccounts")
			l.look()
			if err := l.peace(); err != nil {
				t.Error(err)
			}
		})
	}
}

// bearAndRest creates objects and has the operator come to rest.
func (l *life) bearAndRest(names ...string) {
	for _, name := range names {
		l.bear(name)
	}
	if err := l.rest(); err != nil {
		l.tb.Fatal(err)
	}
}
