package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// found is what somebody else has made in Grafana: an organization of which the operator's login is no member, and
// things in it.
type found struct{ org, account, other int64 }

// boss makes an organization with a service account and a dashboard that will be adopted, Robot and requests, and with
// one of each that will not.
func boss(w *suite.World, name string) (f found) {
	w.T.Helper()
	w.Ask("POST", "/api/admin/users", 0,
		map[string]any{"login": "boss", "name": "boss", "password": "boss-password", "email": "boss@example.com"})
	f.org = w.Made(w.Ask("POST", "/api/orgs", 0, map[string]any{"name": name}))
	w.Ask("POST", fmt.Sprintf("/api/orgs/%d/users", f.org), 0, map[string]any{"loginOrEmail": "boss", "role": "Admin"})
	f.account = w.Made(w.Ask("POST", "/api/serviceaccounts", f.org, map[string]any{"name": "Robot", "role": "Editor"}))
	f.other = foreign(w, f.org, "Private robot")
	for uid, title := range map[string]string{"requests": "Old requests", "private": "Private"} {
		w.Ask("POST", "/api/dashboards/db", f.org,
			map[string]any{"dashboard": map[string]any{"uid": uid, "title": title}})
	}
	w.Ask("DELETE", fmt.Sprintf("/api/orgs/%d/users/%d", f.org, w.Grafana.Admin()), 0, nil)
	w.Grafana.ResetLog()
	return f
}

// members lists who is in an organization, as "login role".
func members(w *suite.World, org int64) string {
	w.T.Helper()
	o := w.Org(org)
	if o == nil {
		w.T.Fatalf("organization %d is gone", org)
	}
	var all []string
	for _, m := range o.Members {
		all = append(all, m.Login+" "+m.Role)
	}
	return strings.Join(all, ", ")
}

// untouched fails if what nobody adopts was changed.
func (f found) untouched(w *suite.World) {
	w.T.Helper()
	if d := w.Dash(f.org, "private"); d == nil || d.Version != 1 || d.Title != "Private" {
		w.T.Errorf("a dashboard that nobody adopted is %+v", d)
	}
	if a := w.SA(f.org, f.other); a == nil || a.Name != "Private robot" || a.Role != "Viewer" || a.Disabled {
		w.T.Errorf("a service account that nobody adopted is %+v", a)
	}
}

func allowAdoption(o *v1alpha1.Instance) { o.Spec.Adoption = v1alpha1.AdoptionAllow }

func adoptOrganization(o *v1alpha1.Organization) {
	o.Spec.Name, o.Spec.AdoptionPolicy = "Team", v1alpha1.AdoptionAdopt
}

func adoptAccount(o *v1alpha1.ServiceAccount) {
	o.Spec.Name, o.Spec.Role, o.Spec.AdoptionPolicy = "Robot", v1alpha1.RoleEditor, v1alpha1.AdoptionAdopt
}

func adoptDashboard(o *v1alpha1.Dashboard) {
	o.Spec.UID, o.Spec.AdoptionPolicy = "requests", v1alpha1.AdoptionAdopt
}

// adoptingTenant applies a tenant that wants what is there.
func adoptingTenant(w *suite.World, consent v1alpha1.AdoptionConsent) *tenant {
	w.T.Helper()
	return &tenant{
		org:   w.Organization("team", adoptOrganization, func(o *v1alpha1.Organization) { o.Spec.Adoption = consent }),
		sa:    w.Account("robot", "team", adoptAccount),
		token: w.Token("ci", "robot"),
		dash:  w.Dashboard("requests", "team", `{"title": "Requests"}`, adoptDashboard),
	}
}

// What is in Grafana already is taken over once both sides consent, at each level by itself; nothing else changes, and
// when the objects go it stays as it is.
func TestAPIAdoption(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			f := boss(w, "Team")
			login := w.SA(f.org, f.account).Login
			n := adoptingTenant(w, v1alpha1.AdoptionForbid)
			suite.Stalled(w, n.org, v1alpha1.ReasonAdoptionNotPermitted, `"Team"`, "spec.adoption")
			if writes := w.Writes(); len(writes) > 0 || members(w, f.org) != "boss Admin" {
				t.Errorf("written without the Instance's consent: %v; members: %s", writes, members(w, f.org))
			}

			instance := instanceOf(w)
			suite.Change(w, instance, func() { allowAdoption(instance) })
			suite.Ready(w, n.org)
			if n.org.Status.OrgID != f.org || !n.org.Status.Adopted || !n.org.Status.Joined ||
				members(w, f.org) != "admin Admin, boss Admin" {
				t.Errorf("status: %+v; members: %s", n.org.Status, members(w, f.org))
			}
			suite.Stalled(w, n.sa, v1alpha1.ReasonAdoptionNotPermitted, `"Robot"`, "Organization "+w.NS+"/team",
				"spec.adoption")
			suite.Stalled(w, n.dash, v1alpha1.ReasonAdoptionNotPermitted, `"requests"`,
				"Organization "+w.NS+"/team", "spec.adoption")
			if d, tokens := w.Dash(f.org, "requests"), w.Grafana.Tokens(f.org); d.Version != 1 || len(tokens) > 0 {
				t.Errorf("without the Organization's consent: dashboard %+v, tokens %+v", d, tokens)
			}

			suite.Change(w, n.org, func() { n.org.Spec.Adoption = v1alpha1.AdoptionAllow })
			n.ready(w)
			if n.sa.Status.ID != f.account || !n.sa.Status.Adopted || w.SA(f.org, f.account).Login != login ||
				len(w.Grafana.ServiceAccounts(f.org)) != 2 {
				t.Errorf("service account: %+v; in Grafana: %+v", n.sa.Status, w.Grafana.ServiceAccounts(f.org))
			}
			if d := w.Dash(f.org, "requests"); d.Title != "Requests" || len(d.Messages) != 2 || !n.dash.Status.Adopted {
				t.Errorf("dashboard %+v: %+v", d, n.dash.Status)
			}
			if orgID, saID, _, alive := w.Grafana.KeyAlive(w.Key("ci")); !alive || orgID != f.org || saID != f.account {
				t.Errorf("the key is of account %d in organization %d (alive: %v)", saID, orgID, alive)
			}
			f.untouched(w)

			w.Delete(n.org, n.sa, n.token, n.dash)
			w.Gone(n.token, n.dash, n.sa, n.org)
			if o := w.Org(f.org); o == nil || o.Name != "Team" || !strings.Contains(o.Address.Address2, "returned") ||
				members(w, f.org) != "boss Admin" {
				t.Errorf("let go, the organization is %+v", o)
			}
			if w.SA(f.org, f.account) == nil || w.Dash(f.org, "requests") == nil || len(w.Grafana.Tokens(f.org)) != 0 {
				t.Errorf("let go: accounts %+v, dashboards %+v, tokens %+v", w.Grafana.ServiceAccounts(f.org),
					w.Grafana.Dashboards(f.org), w.Grafana.Tokens(f.org))
			}
			f.untouched(w)
		})
	}
}

// Consent alone adopts nothing: the object has to ask for it.
func TestAPIAdoptionUnasked(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, allowAdoption)
	f := boss(w, "Team")
	unasked := w.Organization("unasked", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	suite.Stalled(w, unasked, v1alpha1.ReasonAlreadyExists, `"Team"`)
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("written to what nobody asked for: %v", writes)
	}
	suite.Ready(w, w.Organization("team", adoptOrganization,
		func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow }))
	suite.Stalled(w, suite.Visit(w, unasked), v1alpha1.ReasonNameConflict, w.NS+"/team")
	account := w.Account("robot", "team", named("Robot"))
	dash := w.Dashboard("requests", "team", `{"title": "Requests", "uid": "requests"}`)
	suite.Stalled(w, account, v1alpha1.ReasonAlreadyExists, `"Robot"`)
	suite.Stalled(w, dash, v1alpha1.ReasonAlreadyExists, `"requests"`)
	w.Delete(account, dash)
	w.Gone(account, dash)
	if d := w.Dash(f.org, "requests"); d == nil || d.Version != 1 || w.SA(f.org, f.account) == nil {
		t.Errorf("dashboard %+v, service accounts %+v", d, w.Grafana.ServiceAccounts(f.org))
	}
	f.untouched(w)
}

// What was adopted is deleted only where the object says so, and an organization only when nobody's work is in it.
func TestAPIAdoptedAndDeleted(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, allowAdoption)
	f := boss(w, "Team")
	n := adoptingTenant(w, v1alpha1.AdoptionAllow)
	n.ready(w)
	suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDelete })
	suite.Change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionDelete })
	suite.Change(w, n.dash, func() { n.dash.Spec.DeletionPolicy = v1alpha1.DeletionDelete })
	n.ready(w)
	w.Delete(n.org, n.sa, n.token, n.dash)
	w.Gone(n.token, n.dash, n.sa)
	suite.Stalled(w, n.org, v1alpha1.ReasonDeletionBlocked, `"Private"`, `service account "Private robot"`,
		`members are "boss"`)
	if w.SA(f.org, f.account) != nil || w.Dash(f.org, "requests") != nil {
		t.Errorf("left: %+v, %+v", w.Grafana.ServiceAccounts(f.org), w.Grafana.Dashboards(f.org))
	}
	f.untouched(w)
	suite.Change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents })
	w.Gone(n.org)
	if w.Org(f.org) != nil {
		t.Error("the organization is left")
	}
}

// Grafana's first organization can be adopted by its name, and is never deleted, whatever the policy.
func TestAPIAdoptionOfTheMainOrganization(t *testing.T) {
	suite.NotOnReal(t, "the main organization is everybody's")
	t.Parallel()
	for _, policy := range []v1alpha1.OrganizationDeletionPolicy{"", v1alpha1.OrganizationDelete, v1alpha1.OrganizationDeleteWithContents} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{}, allowAdoption)
			theirs := foreign(w, 1, "theirs")
			org := w.Organization("main", func(o *v1alpha1.Organization) {
				o.Spec.Name, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = "Main Org.", v1alpha1.AdoptionAdopt, policy
			})
			if suite.Ready(w, org); org.Status.OrgID != 1 || org.Status.Joined {
				t.Errorf("status: %+v", org.Status)
			}
			dash := suite.Ready(w, w.Dashboard("overview", "main", overview))
			w.Delete(org, dash)
			w.Gone(dash, org)
			if o := w.Org(1); o == nil || o.Name != "Main Org." || !strings.Contains(o.Address.Address2, "returned") ||
				members(w, 1) != "admin Admin" || w.SA(1, theirs) == nil || len(w.Grafana.Dashboards(1)) != 0 {
				t.Errorf("organization: %+v, with %+v and %+v", o, w.Grafana.ServiceAccounts(1),
					w.Grafana.Dashboards(1))
			}
		})
	}
}

// Of two objects that want to adopt one thing, one gets it; the other says so, and takes over when the first goes.
func TestAPIAdoptionByTwo(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, allowAdoption)
	f := boss(w, "Team")
	n := adoptingTenant(w, v1alpha1.AdoptionAllow)
	n.ready(w)
	second := w.Organization("second", adoptOrganization)
	account, dash := w.Account("second", "team", adoptAccount), w.Dashboard("second", "team", `{"title": "Second"}`,
		adoptDashboard)
	suite.Stalled(w, second, v1alpha1.ReasonNameConflict, w.NS+"/team")
	suite.Stalled(w, account, v1alpha1.ReasonNameConflict, `"Robot"`, "robot")
	suite.Stalled(w, dash, v1alpha1.ReasonNameConflict, `"requests"`)
	n.ready(w)
	if all := w.Grafana.Orgs(); len(all) != 2 || len(w.Grafana.ServiceAccounts(f.org)) != 2 ||
		w.Dash(f.org, "requests").Title != "Requests" {
		t.Errorf("organizations %+v, accounts %+v", all, w.Grafana.ServiceAccounts(f.org))
	}

	w.Delete(n.sa, n.token, n.dash)
	w.Gone(n.token, n.sa, n.dash)
	suite.Ready(w, suite.Visit(w, account))
	if account.Status.ID != f.account {
		t.Errorf("service account %d was not taken over: %+v", f.account, account.Status)
	}
	w.Delete(account, dash)
	w.Gone(account, dash)
	w.Delete(n.org)
	w.Gone(n.org)
	suite.Ready(w, suite.Visit(w, second))
	if second.Status.OrgID != f.org || !strings.Contains(w.Org(f.org).Address.Address2, string(second.UID)) {
		t.Errorf("organization %d was not taken over: %+v", f.org, second.Status)
	}
	f.untouched(w)
}

// What an Admin or Editor has taken the marks off is still that of the object that records it, and nobody else's to
// adopt.
func TestAPIAdoptionOfWhatIsRecorded(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{}, allowAdoption)
	org := suite.Ready(w,
		w.Organization("first", func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow }))
	id := org.Status.OrgID
	dash := suite.Ready(w, w.Dashboard("first", "first", `{"title": "Requests"}`, func(o *v1alpha1.Dashboard) {
		o.Spec.UID, o.Spec.DriftPolicy = "requests", v1alpha1.DriftReport
	}))
	for n := range 25 { // of which Grafana keeps 20
		w.Ask("POST", "/api/dashboards/db", id, map[string]any{"overwrite": true,
			"dashboard": map[string]any{"uid": "requests", "title": fmt.Sprint("Requests ", n)}})
	}
	other := w.Dashboard("second", "first", `{"title": "Second"}`, adoptDashboard)
	suite.Stalled(w, other, v1alpha1.ReasonNameConflict, `"requests"`)
	if d := w.Dash(id, "requests"); d.Version != 26 {
		t.Errorf("the dashboard of %s is %+v", dash.Name, d)
	}

	address := map[string]any{"address2": "a person's", "state": "a person's"}
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d/address", id), 0, address)
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Team"})
	second := w.Organization("second", adoptOrganization)
	suite.Stalled(w, second, v1alpha1.ReasonNameConflict, `"Team"`, "Organization "+w.NS+"/first")
	w.Ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "first"})
	suite.Ready(w, suite.Visit(w, org))
	if suite.Ready(w, suite.Visit(w, second)); second.Status.OrgID == id || org.Status.OrgID != id {
		t.Errorf("organization %d, after its name is given back: %+v, %+v", id, org.Status, second.Status)
	}
}
