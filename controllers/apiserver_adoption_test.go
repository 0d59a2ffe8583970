package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// found is what somebody else has made in Grafana: an organization of which the operator's login is no member, and
// things in it.
type found struct{ org, account, other int64 }

// boss makes an organization with a service account and a dashboard that will be adopted, Robot and requests, and with
// one of each that will not.
func (w *world) boss(name string) (f found) {
	w.t.Helper()
	w.ask(
		"POST",
		"/api/admin/users",
		0,
		map[string]any{"login": "boss", "name": "boss", "password": "boss-password", "email": "boss@example.com"},
	)
	f.org = w.made(w.ask("POST", "/api/orgs", 0, map[string]any{"name": name}))
	w.ask("POST", fmt.Sprintf("/api/orgs/%d/users", f.org), 0, map[string]any{"loginOrEmail": "boss", "role": "Admin"})
	f.account = w.made(w.ask("POST", "/api/serviceaccounts", f.org, map[string]any{"name": "Robot", "role": "Editor"}))
	f.other = w.foreign(f.org, "Private robot")
	for uid, title := range map[string]string{"requests": "Old requests", "private": "Private"} {
		w.ask(
			"POST",
			"/api/dashboards/db",
			f.org,
			map[string]any{"dashboard": map[string]any{"uid": uid, "title": title}},
		)
	}
	w.ask("DELETE", fmt.Sprintf("/api/orgs/%d/users/%d", f.org, w.grafana.Admin()), 0, nil)
	w.grafana.ResetLog()
	return f
}

// members lists who is in an organization, as "login role".
func (w *world) members(org int64) string {
	w.t.Helper()
	o := w.org(org)
	if o == nil {
		w.t.Fatalf("organization %d is gone", org)
	}
	var all []string
	for _, m := range o.Members {
		all = append(all, m.Login+" "+m.Role)
	}
	return strings.Join(all, ", ")
}

// untouched fails if what nobody adopts was changed.
func (f found) untouched(w *world) {
	w.t.Helper()
	if d := w.dash(f.org, "private"); d == nil || d.Version != 1 || d.Title != "Private" {
		w.t.Errorf("a dashboard that nobody adopted is %+v", d)
	}
	if a := w.sa(f.org, f.other); a == nil || a.Name != "Private robot" || a.Role != "Viewer" || a.Disabled {
		w.t.Errorf("a service account that nobody adopted is %+v", a)
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

// adopting applies a tenant that wants what is there.
func (w *world) adopting(consent v1alpha1.AdoptionConsent) *tenant {
	w.t.Helper()
	return &tenant{
		org:   w.organization("team", adoptOrganization, func(o *v1alpha1.Organization) { o.Spec.Adoption = consent }),
		sa:    w.account("robot", "team", adoptAccount),
		token: w.token("ci", "robot"),
		dash:  w.dashboard("requests", "team", `{"title": "Requests"}`, adoptDashboard),
	}
}

// What is in Grafana already is taken over once both sides consent, at each level by itself; nothing else changes, and
// when the objects go it stays as it is.
func TestAPIAdoption(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version})
			f := w.boss("Team")
			login := w.sa(f.org, f.account).Login
			n := w.adopting(v1alpha1.AdoptionForbid)
			stalled(w, n.org, v1alpha1.ReasonAdoptionNotPermitted, `"Team"`, "spec.adoption")
			if writes := w.writes(); len(writes) > 0 || w.members(f.org) != "boss Admin" {
				t.Errorf("written without the Instance's consent: %v; members: %s", writes, w.members(f.org))
			}

			instance := get(w, &v1alpha1.Instance{ObjectMeta: w.named("grafana")})
			change(w, instance, func() { allowAdoption(instance) })
			ready(w, n.org)
			if n.org.Status.OrgID != f.org || !n.org.Status.Adopted || !n.org.Status.Joined ||
				w.members(f.org) != "admin Admin, boss Admin" {
				t.Errorf("status: %+v; members: %s", n.org.Status, w.members(f.org))
			}
			stalled(
				w,
				n.sa,
				v1alpha1.ReasonAdoptionNotPermitted,
				`"Robot"`,
				"Organization "+w.ns+"/team",
				"spec.adoption",
			)
			stalled(
				w,
				n.dash,
				v1alpha1.ReasonAdoptionNotPermitted,
				`"requests"`,
				"Organization "+w.ns+"/team",
				"spec.adoption",
			)
			if d, tokens := w.dash(f.org, "requests"), w.grafana.Tokens(f.org); d.Version != 1 || len(tokens) > 0 {
				t.Errorf("without the Organization's consent: dashboard %+v, tokens %+v", d, tokens)
			}

			change(w, n.org, func() { n.org.Spec.Adoption = v1alpha1.AdoptionAllow })
			n.ready(w)
			if n.sa.Status.ID != f.account || !n.sa.Status.Adopted || w.sa(f.org, f.account).Login != login ||
				len(w.grafana.ServiceAccounts(f.org)) != 2 {
				t.Errorf("service account: %+v; in Grafana: %+v", n.sa.Status, w.grafana.ServiceAccounts(f.org))
			}
			if d := w.dash(f.org, "requests"); d.Title != "Requests" || len(d.Messages) != 2 || !n.dash.Status.Adopted {
				t.Errorf("dashboard %+v: %+v", d, n.dash.Status)
			}
			if orgID, saID, _, alive := w.grafana.KeyAlive(w.key("ci")); !alive || orgID != f.org || saID != f.account {
				t.Errorf("the key is of account %d in organization %d (alive: %v)", saID, orgID, alive)
			}
			f.untouched(w)

			w.delete(n.org, n.sa, n.token, n.dash)
			w.gone(n.token, n.dash, n.sa, n.org)
			if o := w.org(
				f.org,
			); o == nil || o.Name != "Team" || !strings.Contains(o.Address.Address2, "released") ||
				w.members(f.org) != "boss Admin" {
				t.Errorf("let go, the organization is %+v", o)
			}
			if w.sa(f.org, f.account) == nil || w.dash(f.org, "requests") == nil || len(w.grafana.Tokens(f.org)) != 0 {
				t.Errorf(
					"let go: accounts %+v, dashboards %+v, tokens %+v",
					w.grafana.ServiceAccounts(f.org),
					w.grafana.Dashboards(f.org),
					w.grafana.Tokens(f.org),
				)
			}
			f.untouched(w)
		})
	}
}

// Consent alone adopts nothing: the object has to ask for it.
func TestAPIAdoptionUnasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, allowAdoption)
	f := w.boss("Team")
	unasked := w.organization("unasked", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	stalled(w, unasked, v1alpha1.ReasonAlreadyExists, `"Team"`)
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written to what nobody asked for: %v", writes)
	}
	ready(
		w,
		w.organization(
			"team",
			adoptOrganization,
			func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow },
		),
	)
	stalled(w, visit(w, unasked), v1alpha1.ReasonNameConflict, w.ns+"/team")
	account := w.account("robot", "team", named("Robot"))
	dash := w.dashboard("requests", "team", `{"title": "Requests", "uid": "requests"}`)
	stalled(w, account, v1alpha1.ReasonAlreadyExists, `"Robot"`)
	stalled(w, dash, v1alpha1.ReasonAlreadyExists, `"requests"`)
	w.delete(account, dash)
	w.gone(account, dash)
	if d := w.dash(f.org, "requests"); d == nil || d.Version != 1 || w.sa(f.org, f.account) == nil {
		t.Errorf("dashboard %+v, service accounts %+v", d, w.grafana.ServiceAccounts(f.org))
	}
	f.untouched(w)
}

// What was adopted is deleted only where the object says so, and an organization only when nobody's work is in it.
func TestAPIAdoptedAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, allowAdoption)
	f := w.boss("Team")
	n := w.adopting(v1alpha1.AdoptionAllow)
	n.ready(w)
	change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDelete })
	change(w, n.sa, func() { n.sa.Spec.DeletionPolicy = v1alpha1.DeletionDelete })
	change(w, n.dash, func() { n.dash.Spec.DeletionPolicy = v1alpha1.DeletionDelete })
	n.ready(w)
	w.delete(n.org, n.sa, n.token, n.dash)
	w.gone(n.token, n.dash, n.sa)
	stalled(
		w,
		n.org,
		v1alpha1.ReasonDeletionBlocked,
		`"Private"`,
		`service account "Private robot"`,
		`members are "boss"`,
	)
	if w.sa(f.org, f.account) != nil || w.dash(f.org, "requests") != nil {
		t.Errorf("left: %+v, %+v", w.grafana.ServiceAccounts(f.org), w.grafana.Dashboards(f.org))
	}
	f.untouched(w)
	change(w, n.org, func() { n.org.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents })
	w.gone(n.org)
	if w.org(f.org) != nil {
		t.Error("the organization is left")
	}
}

// Grafana's first organization can be adopted by its name, and is never deleted, whatever the policy.
func TestAPIAdoptionOfTheMainOrganization(t *testing.T) {
	notOnReal(t, "the main organization is everybody's")
	t.Parallel()
	for _, policy := range []v1alpha1.OrganizationDeletionPolicy{"", v1alpha1.OrganizationDelete, v1alpha1.OrganizationDeleteWithContents} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{}, allowAdoption)
			theirs := w.foreign(1, "theirs")
			org := w.organization("main", func(o *v1alpha1.Organization) {
				o.Spec.Name, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = "Main Org.", v1alpha1.AdoptionAdopt, policy
			})
			if ready(w, org); org.Status.OrgID != 1 || org.Status.Joined {
				t.Errorf("status: %+v", org.Status)
			}
			dash := ready(w, w.dashboard("overview", "main", overview))
			w.delete(org, dash)
			w.gone(dash, org)
			if o := w.org(
				1,
			); o == nil || o.Name != "Main Org." || !strings.Contains(o.Address.Address2, "released") || w.members(1) != "admin Admin" || w.sa(1, theirs) == nil ||
				len(w.grafana.Dashboards(1)) != 0 {
				t.Errorf(
					"organization: %+v, with %+v and %+v",
					o,
					w.grafana.ServiceAccounts(1),
					w.grafana.Dashboards(1),
				)
			}
		})
	}
}

// Of two objects that want to adopt one thing, one gets it; the other says so, and takes over when the first goes.
func TestAPIAdoptionByTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, allowAdoption)
	f := w.boss("Team")
	n := w.adopting(v1alpha1.AdoptionAllow)
	n.ready(w)
	second := w.organization("second", adoptOrganization)
	account, dash := w.account(
		"second",
		"team",
		adoptAccount,
	), w.dashboard(
		"second",
		"team",
		`{"title": "Second"}`,
		adoptDashboard,
	)
	stalled(w, second, v1alpha1.ReasonNameConflict, w.ns+"/team")
	stalled(w, account, v1alpha1.ReasonNameConflict, `"Robot"`, "robot")
	stalled(w, dash, v1alpha1.ReasonNameConflict, `"requests"`)
	n.ready(w)
	if all := w.grafana.Orgs(); len(all) != 2 || len(w.grafana.ServiceAccounts(f.org)) != 2 ||
		w.dash(f.org, "requests").Title != "Requests" {
		t.Errorf("organizations %+v, accounts %+v", all, w.grafana.ServiceAccounts(f.org))
	}

	w.delete(n.sa, n.token, n.dash)
	w.gone(n.token, n.sa, n.dash)
	ready(w, visit(w, account))
	if account.Status.ID != f.account {
		t.Errorf("service account %d was not taken over: %+v", f.account, account.Status)
	}
	w.delete(account, dash)
	w.gone(account, dash)
	w.delete(n.org)
	w.gone(n.org)
	ready(w, visit(w, second))
	if second.Status.OrgID != f.org || !strings.Contains(w.org(f.org).Address.Address2, string(second.UID)) {
		t.Errorf("organization %d was not taken over: %+v", f.org, second.Status)
	}
	f.untouched(w)
}

// What an Admin or Editor has taken the marks off is still that of the object that records it, and nobody else's to
// adopt.
func TestAPIAdoptionOfWhatIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, allowAdoption)
	org := ready(
		w,
		w.organization("first", func(o *v1alpha1.Organization) { o.Spec.Adoption = v1alpha1.AdoptionAllow }),
	)
	id := org.Status.OrgID
	dash := ready(w, w.dashboard("first", "first", `{"title": "Requests"}`, func(o *v1alpha1.Dashboard) {
		o.Spec.UID, o.Spec.DriftPolicy = "requests", v1alpha1.DriftReport
	}))
	for n := range 25 { // of which Grafana keeps 20
		w.ask("POST", "/api/dashboards/db", id, map[string]any{"overwrite": true,
			"dashboard": map[string]any{"uid": "requests", "title": fmt.Sprint("Requests ", n)}})
	}
	other := w.dashboard("second", "first", `{"title": "Second"}`, adoptDashboard)
	stalled(w, other, v1alpha1.ReasonNameConflict, `"requests"`)
	if d := w.dash(id, "requests"); d.Version != 26 {
		t.Errorf("the dashboard of %s is %+v", dash.Name, d)
	}

	address := map[string]any{"address2": "a person's", "state": "a person's"}
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d/address", id), 0, address)
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "Team"})
	second := w.organization("second", adoptOrganization)
	stalled(w, second, v1alpha1.ReasonNameConflict, `"Team"`, "Organization "+w.ns+"/first")
	w.ask("PUT", fmt.Sprintf("/api/orgs/%d", id), 0, map[string]any{"name": "first"})
	ready(w, visit(w, org))
	if ready(w, visit(w, second)); second.Status.OrgID == id || org.Status.OrgID != id {
		t.Errorf("organization %d, after its name is given back: %+v, %+v", id, org.Status, second.Status)
	}
}

// A service account that is above what the Organization allows is not adopted; once a person has lowered it, it is.
func TestAPIAdoptionAboveTheCeiling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{}, allowAdoption)
	f := w.boss("Team")
	ready(w, w.organization("team", adoptOrganization, func(o *v1alpha1.Organization) {
		o.Spec.Adoption, o.Spec.MaxServiceAccountRole = v1alpha1.AdoptionAllow, v1alpha1.RoleViewer
	}))
	account := w.account(
		"robot",
		"team",
		adoptAccount,
		func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleViewer },
	)
	stalled(w, account, v1alpha1.ReasonRoleNotPermitted, `"Robot"`, "Editor", "Viewer")
	if a := w.sa(f.org, f.account); a.Role != "Editor" {
		t.Errorf("its role became %s", a.Role)
	}
	w.ask("PATCH", fmt.Sprintf("/api/serviceaccounts/%d", f.account), f.org, map[string]any{"role": "Viewer"})
	if ready(w, visit(w, account)); account.Status.ID != f.account {
		t.Errorf("status: %+v", account.Status)
	}
}

// The highest role that an Organization lets service accounts have is Admin in its own namespace and Editor in others,
// unless it says so. Where it is lowered later they are told, and nothing is changed.
func TestAPIRoleCeiling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	tenant := w.namespace(nil)
	org := ready(
		w,
		w.organization("team", func(o *v1alpha1.Organization) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll }),
	)
	id, ref := org.Status.OrgID, v1alpha1.ObjectReference{Name: "team", Namespace: w.ns}
	of := func(role v1alpha1.Role) func(*v1alpha1.ServiceAccount) {
		return func(o *v1alpha1.ServiceAccount) { o.Spec.Role = role }
	}
	elsewhere := func(o *v1alpha1.ServiceAccount) { o.Namespace, o.Spec.OrganizationRef = tenant, ref }
	own := ready(w, w.account("own", "team", of(v1alpha1.RoleAdmin)))
	editor := ready(w, w.account("editor", "team", of(v1alpha1.RoleEditor), elsewhere))
	admin := w.account("admin", "team", of(v1alpha1.RoleAdmin), elsewhere)
	stalled(w, admin, v1alpha1.ReasonRoleNotPermitted, "Editor", "Admin", "maxServiceAccountRole")
	if len(w.grafana.ServiceAccounts(id)) != 2 {
		t.Errorf("service accounts: %+v", w.grafana.ServiceAccounts(id))
	}
	change(w, editor, func() { editor.Spec.Role = v1alpha1.RoleAdmin })
	stalled(w, editor, v1alpha1.ReasonRoleNotPermitted)

	change(w, org, func() { org.Spec.MaxServiceAccountRole = v1alpha1.RoleAdmin })
	ready(w, admin)
	ready(w, editor)
	change(w, org, func() { org.Spec.MaxServiceAccountRole = v1alpha1.RoleViewer })
	w.grafana.ResetLog()
	for _, sa := range []*v1alpha1.ServiceAccount{own, editor, admin} {
		stalled(w, sa, v1alpha1.ReasonRoleNotPermitted, "Viewer")
		if a := w.sa(id, sa.Status.ID); a == nil || a.Role != "Admin" || a.Disabled {
			t.Errorf("service account %s became %+v", sa.Name, a)
		}
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("written for accounts above the ceiling: %v", writes)
	}
	change(w, own, func() { own.Spec.Role = v1alpha1.RoleViewer })
	if ready(w, own); w.sa(id, own.Status.ID).Role != "Viewer" {
		t.Errorf("service account: %+v", w.sa(id, own.Status.ID))
	}
	w.delete(own, editor, admin) // which needs no permission
	w.gone(own, editor, admin)
	if len(w.grafana.ServiceAccounts(id)) != 0 {
		t.Errorf("left: %+v", w.grafana.ServiceAccounts(id))
	}
}
