package controllers_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A name that Grafana's database takes for that of somebody else's organization is refused before anything is made,
// also at a rename, and is never adopted. Theirs is not touched.
func TestAPINameThatTheDatabaseTakesForAnother(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for _, theirs := range []string{"Acme", "ácme", "acme "} {
			t.Run(version+" "+theirs, func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB},
					func(o *v1alpha1.Instance) { o.Spec.Adoption = v1alpha1.AdoptionAllow })
				id := w.Made(w.Ask("POST", "/api/orgs", 0, map[string]any{"name": theirs}))
				org := w.Organization(
					"acme",
					func(o *v1alpha1.Organization) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt },
				)
				other := suite.Ready(w, w.Organization("other"))
				suite.Stalled(
					w,
					org,
					v1alpha1.ReasonAlreadyExists,
					fmt.Sprintf("%q", theirs),
					`"acme"`,
					"rename one of them",
				)
				suite.Change(w, other, func() { other.Spec.Name = "acme" })
				suite.Stalled(w, other, v1alpha1.ReasonAlreadyExists, fmt.Sprintf("%q", theirs), `"acme"`)
				if all := w.Grafana.Orgs(); len(all) != 3 || w.Org(id).Name != theirs ||
					w.Org(id).Address != (grafanatest.Address{}) ||
					w.Org(other.Status.OrgID).Name != "other" {
					t.Errorf("organizations: %+v", all)
				}
				w.Delete(org)
				w.Gone(org)
				if w.Org(id) == nil {
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
			w := suite.New(t, grafanatest.Options{Database: test.database})
			named := func(name string) func(*v1alpha1.Organization) {
				return func(o *v1alpha1.Organization) { o.Spec.Name = name }
			}
			first, second := w.Organization("a", named(test.a)), w.Organization("b", named(test.b))
			suite.Ready(w, first)
			if test.database == grafanatest.SQLite {
				suite.Ready(w, second)
				return
			}
			suite.Stalled(
				w,
				second,
				v1alpha1.ReasonNameConflict,
				fmt.Sprintf("%q", test.a),
				fmt.Sprintf("%q", test.b),
				w.NS+"/a",
			)
			if all := w.Grafana.Orgs(); len(all) != 2 || second.Status.OrgID != 0 {
				t.Errorf("organizations: %+v; status: %+v", all, second.Status)
			}
			suite.Change(
				w,
				first,
				func() { first.Spec.Name = test.b },
			) // one's own name may change by no more than that
			suite.Ready(w, first)
			if o := w.Org(first.Status.OrgID); o.Name != test.b {
				t.Errorf("organization: %+v", o)
			}
		})
	}
}

// Names as long as they can be keep their marks where the database cuts what is too long; longer ones are refused with
// a word.
func TestAPILongNamesKeepTheirMarks(t *testing.T) {
	suite.NotOnReal(t, "names are longer there by what tells tests apart")
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version, Database: grafanatest.MariaDB})
			long := strings.Repeat("o", 250)
			org := suite.Ready(
				w,
				w.Organization(long, func(o *v1alpha1.Organization) { o.Spec.Name = strings.Repeat("ö", 179) }),
			)
			account := suite.Ready(w, w.Account(strings.Repeat("s", 250), long))
			full := suite.Ready(
				w,
				w.Account("full", long, func(o *v1alpha1.ServiceAccount) { o.Spec.Name = strings.Repeat("Ü", 150) }),
			)
			token := suite.Ready(w, w.Token(strings.Repeat("t", 250), account.Name))
			for _, a := range []*v1alpha1.ServiceAccount{account, full} {
				if uid := string(a.UID)[:8]; !strings.HasSuffix(a.Status.Login, "-"+uid) ||
					len([]rune(a.Status.Login)) > 190 {
					t.Errorf("the login is %q", a.Status.Login)
				}
			}
			if mark := w.Org(
				org.Status.OrgID,
			).Address.Address2; !suite.Contains(mark, string(org.UID)) || len(mark) > 255 ||
				len(token.Status.TokenName) > 190 {
				t.Errorf("mark %q, token %q", mark, token.Status.TokenName)
			}
			refused := suite.Stalled(
				w,
				w.Organization(strings.Repeat("l", 180)),
				v1alpha1.ReasonInvalidSpec,
				"set spec.name",
			)
			if refused.Status.OrgID != 0 || len(w.Grafana.Orgs()) != 2 {
				t.Errorf("organizations: %+v", w.Grafana.Orgs())
			}
		})
	}
}

// Where somebody else's could be taken over, the message says how; where it could not, it does not.
func TestAPIAlreadyExistsSaysHowToAdopt(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Ask("POST", "/api/orgs", 0, map[string]any{"name": "Team"})
	suite.Stalled(
		w,
		w.Organization("team", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" }),
		v1alpha1.ReasonAlreadyExists,
		"adoptionPolicy: Adopt",
	)
	org := suite.Ready(w, w.Organization("other"))
	suite.Change(w, org, func() { org.Spec.Name = "Team" })
	if suite.Stalled(w, org, v1alpha1.ReasonAlreadyExists); suite.Contains(suite.MessageOf(org), "adoptionPolicy") {
		t.Errorf("it has an organization, and could not adopt another: %s", suite.MessageOf(org))
	}
	suite.Change(w, org, func() { org.Spec.Name = "" })
	suite.Ready(w, org)
	w.Ask("POST", "/api/serviceaccounts", org.Status.OrgID, map[string]any{"name": "robot"})
	suite.Stalled(w, w.Account("robot", "other"), v1alpha1.ReasonAlreadyExists, "adoptionPolicy: Adopt")
	w.Ask(
		"POST",
		"/api/dashboards/db",
		org.Status.OrgID,
		map[string]any{"dashboard": map[string]any{"uid": "theirs", "title": "Theirs"}},
	)
	dash := w.Dashboard("dash", "other", overview, func(o *v1alpha1.Dashboard) { o.Spec.UID = "theirs" })
	suite.Stalled(w, dash, v1alpha1.ReasonAlreadyExists, "adoptionPolicy: Adopt")
	suite.Change(w, org, func() { org.Spec.Adoption = v1alpha1.AdoptionAllow })
	suite.Change(w, dash, func() { dash.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
	if suite.Ready(w, dash); !dash.Status.Adopted {
		t.Errorf("status: %+v", dash.Status)
	}
}

// isRename reports whether a request changes the name of an organization.
func isRename(r *grafanatest.Request) bool {
	return r.Method == "PUT" && strings.HasPrefix(r.Path, "/api/orgs/") && strings.Count(r.Path, "/") == 3
}

// An older Organization that has not got its name yet, though it has an organization, comes first all the same.
func TestAPIOldestClaimBeforeItsRename(t *testing.T) {
	t.Parallel()
	suite.NotOnReal(t, "its renames are held up")
	w := suite.New(t, grafanatest.Options{})
	var renamed atomic.Bool
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if isRename(r) && !renamed.Load() {
			return grafanatest.Fault{Outcome: grafanatest.Refuse, Status: 503}
		}
		return grafanatest.Fault{}
	})
	team := func(o *v1alpha1.Organization) { o.Spec.Name = "Team" }
	older := w.Organization("older", team)
	w.Eventually("an organization without its name", func() error {
		if suite.Get(w, older); older.Status.OrgID == 0 {
			return errors.New("there is none")
		}
		return nil
	})
	later(w, older)
	younger := suite.Stalled(w, w.Organization("younger", team), v1alpha1.ReasonNameConflict, w.NS+"/older")
	if younger.Status.OrgID != 0 {
		t.Errorf("organization %d was made for it", younger.Status.OrgID)
	}
	renamed.Store(true)
	suite.Ready(w, older)
}

// Who takes a name in the last moment is looked at before it is said whose it is.
func TestAPINameTakenMeanwhile(t *testing.T) {
	t.Parallel()
	suite.NotOnReal(t, "somebody takes the name between two requests of the operator")
	w := suite.New(t, grafanatest.Options{})
	first := suite.Ready(w, w.Organization("first"))
	var done atomic.Bool
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if isRename(r) && done.CompareAndSwap(false, true) {
			w.Grafana.Do("PUT", fmt.Sprint("/api/orgs/", first.Status.OrgID), 0, map[string]any{"name": "Team"})
		}
		return grafanatest.Fault{}
	})
	second := w.Organization("second", func(o *v1alpha1.Organization) { o.Spec.Name = "Team" })
	suite.Stalled(w, second, v1alpha1.ReasonNameConflict, w.NS+"/first")
}
