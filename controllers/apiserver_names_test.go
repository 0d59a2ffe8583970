package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// A name that Grafana's database takes for that of somebody else's organization is refused before anything is made,
// also at a rename, and is never adopted. Theirs is not touched.
func TestAPINameThatTheDatabaseTakesForAnother(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for _, theirs := range []string{"Acme", "ácme", "acme "} {
			t.Run(version+" "+theirs, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB},
					func(o *v1alpha1.Instance) { o.Spec.Adoption = v1alpha1.AdoptionAllow })
				id := w.made(w.ask("POST", "/api/orgs", 0, map[string]any{"name": theirs}))
				org := w.organization(
					"acme",
					func(o *v1alpha1.Organization) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt },
				)
				other := ready(w, w.organization("other"))
				stalled(w, org, v1alpha1.ReasonAlreadyExists, fmt.Sprintf("%q", theirs), `"acme"`, "rename one of them")
				change(w, other, func() { other.Spec.Name = "acme" })
				stalled(w, other, v1alpha1.ReasonAlreadyExists, fmt.Sprintf("%q", theirs), `"acme"`)
				if all := w.grafana.Orgs(); len(all) != 3 || w.org(id).Name != theirs ||
					w.org(id).Address != (grafanatest.Address{}) ||
					w.org(other.Status.OrgID).Name != "other" {
					t.Errorf("organizations: %+v", all)
				}
				w.delete(org)
				w.gone(org)
				if w.org(id) == nil {
					t.Error("theirs is gone")
				}
			})
		}
	}
}

// Two Organizations whose names are the same to Grafana's database: the older has it, of the other nothing is left. To
// another database they are two.
func TestAPINamesThatSomeDatabasesTakeForOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		database grafanatest.Database
		a, b     string
	}{
		{grafanatest.SQLite, "Acme", "acme"}, {grafanatest.MariaDB, "Acme", "acme"}, {grafanatest.MariaDB, "Team 🚀", "team 🔥"},
		{grafanatest.MariaDB, "Straße", "STRASSE"}, {grafanatest.MariaDB, "さくら", "サクラ"},
	} {
		t.Run(string(test.database)+" "+test.a, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Database: test.database})
			named := func(name string) func(*v1alpha1.Organization) {
				return func(o *v1alpha1.Organization) { o.Spec.Name = name }
			}
			first, second := w.organization("a", named(test.a)), w.organization("b", named(test.b))
			ready(w, first)
			if test.database == grafanatest.SQLite {
				ready(w, second)
				return
			}
			stalled(
				w,
				second,
				v1alpha1.ReasonNameConflict,
				fmt.Sprintf("%q", test.a),
				fmt.Sprintf("%q", test.b),
				w.ns+"/a",
			)
			if all := w.grafana.Orgs(); len(all) != 2 || second.Status.OrgID != 0 {
				t.Errorf("organizations: %+v; status: %+v", all, second.Status)
			}
			change(w, first, func() { first.Spec.Name = test.b }) // one's own name may change by no more than that
			ready(w, first)
			if o := w.org(first.Status.OrgID); o.Name != test.b {
				t.Errorf("organization: %+v", o)
			}
		})
	}
}

// Names as long as they can be keep their marks where the database cuts what is too long; longer ones are refused with
// a word.
func TestAPILongNamesKeepTheirMarks(t *testing.T) {
	notOnReal(t, "names are longer there by what tells tests apart")
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB})
			long := strings.Repeat("o", 250)
			org := ready(
				w,
				w.organization(long, func(o *v1alpha1.Organization) { o.Spec.Name = strings.Repeat("ö", 179) }),
			)
			account := ready(w, w.account(strings.Repeat("s", 250), long))
			full := ready(
				w,
				w.account("full", long, func(o *v1alpha1.ServiceAccount) { o.Spec.Name = strings.Repeat("Ü", 150) }),
			)
			token := ready(w, w.token(strings.Repeat("t", 250), account.Name))
			for _, a := range []*v1alpha1.ServiceAccount{account, full} {
				if uid := string(a.UID)[:8]; !strings.HasSuffix(a.Status.Login, "-"+uid) ||
					len([]rune(a.Status.Login)) > 190 {
					t.Errorf("the login is %q", a.Status.Login)
				}
			}
			if mark := w.org(
				org.Status.OrgID,
			).Address.Address2; !contains(mark, string(org.UID)) || len(mark) > 255 ||
				len(token.Status.TokenName) > 190 {
				t.Errorf("mark %q, token %q", mark, token.Status.TokenName)
			}
			refused := stalled(w, w.organization(strings.Repeat("l", 180)), v1alpha1.ReasonInvalidSpec, "set spec.name")
			if refused.Status.OrgID != 0 || len(w.grafana.Orgs()) != 2 {
				t.Errorf("organizations: %+v", w.grafana.Orgs())
			}
		})
	}
}

// Where somebody else's could be taken over, the message says how; where it could not, it does not.
func TestAPIAlreadyExistsSaysHowToAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	w.ask("POST", "/api/orgs", 0, map[string]any{"name": "Team"})
	stalled(
		w,
		w.organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" }),
		v1alpha1.ReasonAlreadyExists,
		"adoptionPolicy: Adopt",
	)
	org := ready(w, w.organization("other"))
	change(w, org, func() { org.Spec.Name = "Team" })
	if stalled(w, org, v1alpha1.ReasonAlreadyExists); contains(messageOf(org), "adoptionPolicy") {
		t.Errorf("it has an organization, and could not adopt another: %s", messageOf(org))
	}
	change(w, org, func() { org.Spec.Name = "" })
	ready(w, org)
	w.ask("POST", "/api/serviceaccounts", org.Status.OrgID, map[string]any{"name": "robot"})
	stalled(w, w.account("robot", "other"), v1alpha1.ReasonAlreadyExists, "adoptionPolicy: Adopt")
	w.ask(
		"POST",
		"/api/dashboards/db",
		org.Status.OrgID,
		map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}},
	)
	dash := w.dashboard("dash", "other", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "theirs" })
	stalled(w, dash, v1alpha1.ReasonAlreadyExists, "adoptionPolicy: Adopt")
	change(w, org, func() { org.Spec.Adoption = v1alpha1.AdoptionAllow })
	change(w, dash, func() { dash.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
	if ready(w, dash); !dash.Status.Adopted {
		t.Errorf("status: %+v", dash.Status)
	}
}
