package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What can be refused of a Team before anything is stored is refused with a sentence; words "" means that it is
// accepted.
func TestAPITeamAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	member := func(fields spec) spec { return spec{"members": []any{fields}} }
	refs := func(names ...string) (all []any) {
		for _, name := range names {
			all = append(all, spec{"userRef": spec{"name": name}})
		}
		return all
	}
	var many []any
	for i := range 200 {
		many = append(many, spec{"login": fmt.Sprint("person-", i), "role": "Admin"})
	}
	for _, test := range []struct {
		words  string
		fields spec
	}{
		{"", nil},
		{"spec.organizationRef", spec{"organizationRef": nil}},
		{"name", spec{"name": " Dev"}},
		{"name", spec{"name": "Dev\nX-Grafana-Org-Id: 1"}},
		{"name", spec{"name": strings.Repeat("x", 180)}},
		{"", spec{"name": strings.Repeat("ä", 179), "email": "", "mode": "Exclusive"}},
		{"such names mark teams that are being created", spec{"name": "Dev [0a1b2c3d]"}},
		{"email", spec{"email": "nobody"}},
		{"email", spec{"email": "a@b\nc"}},
		{"", spec{"members": many}},
		{"at most 200 items", spec{"members": append(slices.Clone(many), spec{"login": "one-more"})}},
		{"give exactly one of login, email and userRef", member(spec{"role": "Admin"})},
		{"give exactly one of login, email and userRef", member(spec{"login": "a", "email": "a@b"})},
		{"give exactly one of login, email and userRef", member(spec{"login": "a", "userRef": spec{"name": "a"}})},
		{"list each person once", spec{"members": []any{spec{"login": "a"}, spec{"login": "a", "role": "Admin"}}}},
		{"list each person once", spec{"members": []any{spec{"email": "a@b"}, spec{"email": "a@b"}}}},
		{"list each person once", spec{"members": refs("a", "b", "a")}},
		{"", spec{"members": refs("a", "b")}},
		{"unknown field", member(spec{"userRef": spec{"name": "a", "namespace": "elsewhere"}})},
		{`"Member", "Admin"`, member(spec{"login": "a", "role": "Owner"})},
		{"login", member(spec{"login": strings.Repeat("x", 191)})},
		{`"Additive", "Exclusive"`, spec{"mode": "Authoritative"}},
		{`"saturday", "sunday", "monday", "browser"`, spec{"preferences": spec{"weekStart": "friday"}}},
		{"homeDashboardUID", spec{"preferences": spec{"homeDashboardUID": "a/b"}}},
		{`"Delete", "Orphan"`, spec{"deletionPolicy": "DeleteWithContents"}},
	} {
		t.Run(fmt.Sprint(test.fields)[:min(60, len(fmt.Sprint(test.fields)))], func(t *testing.T) {
			err := a.create(a.object("Team", test.fields))
			if test.words != "" {
				refused(t, err, test.words)
			} else if err != nil {
				t.Errorf("it was refused: %v", err)
			}
		})
	}
	long := a.object("Team", nil)
	long.SetName(strings.Repeat("x", 180))
	refused(t, a.create(long), "spec.name is needed")
}
