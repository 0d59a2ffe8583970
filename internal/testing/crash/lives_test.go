package crash

import (
	"net/http"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// TestPeaceWhereAPersonHasTheIDOfOurs: after a restore a person's account has the id that a ServiceAccount's status
// still names, and its name. It is the person's, who gives the name up.
func TestPeaceWhereAPersonHasTheIDOfOurs(t *testing.T) {
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			l := unborn(t, version)
			l.enlist()
			l.bearAndRest(anchor, "org", "org-2", "dashboard", "dashboard-2")
			backup := l.Grafana.Snapshot()
			l.bearAndRest("account", "account-2", "token", "token-2")
			l.Grafana.Restore(backup)
			o := Organization("")
			l.Get(o)
			l.do(
				http.MethodPost,
				o.Status.OrgID,
				map[string]any{"name": "CI", "role": "Viewer"},
				"/api/serviceaccounts",
			)
			l.look()
			if err := l.peace(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPeaceWhereAnotherRecordsTheRestoredID: after a reset ids are given out anew, and a restore brings back an
// organization, renamed, under the id that another Organization records, whose own is gone. People see the mark and let
// the other go; the operator finds the organization again, with all that is in it.
func TestPeaceWhereAnotherRecordsTheRestoredID(t *testing.T) {
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			l := unborn(t, version)
			l.enlist()
			l.bearAndRest(anchor)
			l.bearAndRest("org", "source", "dashboard")
			l.bearAndRest("org-2", "dashboard-2")
			org, other := Organization(""), Organization("")
			other.Name = "org-2"
			l.Get(org)
			l.Get(other)
			id, others, snapshot := org.Status.OrgID, other.Status.OrgID, l.Grafana.Snapshot()
			l.backup = &snapshot
			l.Grafana.ResetDatabase()
			l.mustWork(time.Hour)
			if l.Get(other); other.Status.OrgID != id {
				t.Fatalf("Organization org-2 has %d, not the id %d that was org's", other.Status.OrgID, id)
			}
			l.restore(nil)
			l.do(http.MethodDelete, 1, nil, "/api/orgs/%d", others)
			l.do(http.MethodPut, 1, map[string]any{"name": "Somebody's idea"}, "/api/orgs/%d", id) // else found by name
			if err := l.peace(); err != nil {
				t.Error(err)
			}
			if l.Get(org); org.Status.OrgID != id {
				t.Errorf("Organization org has %d, and its own is %d", org.Status.OrgID, id)
			}
		})
	}
}

// TestVanishedOrganizationThatIsSuspended: nobody makes it again, so that nothing can be made in it. What belongs in it
// says so and waits; it does not try to create again and again, nor write its intent to do so.
func TestVanishedOrganizationThatIsSuspended(t *testing.T) {
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			l := unborn(t, version)
			l.enlist()
			l.bearAndRest(anchor, "org", "account", "account-2", "token", "dashboard")
			Edit(l.World, Organization(""), func(o *v1alpha1.Organization) { o.Spec.Suspend = true })
			Edit(
				l.World,
				Account(""),
				func(a *v1alpha1.ServiceAccount) { a.Spec.Role = v1alpha1.RoleViewer },
			) // so that the organization has just been seen
			l.mustWork(time.Second)
			o := Organization("")
			l.Get(o)
			l.do(http.MethodDelete, 1, nil, "/api/orgs/%d", o.Status.OrgID)
			l.Everybody()
			mutations := l.mutation
			l.mustWork(44 * time.Minute)
			if sent := l.mutation - mutations; sent > 4 {
				t.Errorf("%d requests to change something were sent in an organization that is not there", sent)
			}
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
	if err := l.Rest(); err != nil {
		l.TB.Fatal(err)
	}
}

// mustWork lets the operator do what is due in that time.
func (l *life) mustWork(d time.Duration) {
	if err := l.workFor(d); err != nil {
		l.TB.Fatal(err)
	}
}
