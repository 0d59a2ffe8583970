package grafana_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) testOrgs(t *testing.T) {
	o := k.org(t)
	created := have(k.client.OrgByID(t.Context(), o.ID()))(t)
	same(t, "ID", o.ID(), created.ID)
	_, err := k.client.CreateOrg(t.Context(), created.Name)
	expect(t, "creating it twice", err, grafana.IsTaken)
	_, err = k.client.CreateOrg(t.Context(), "")
	expect(t, "creating one without a name", err, isStatus(400))

	same(t, "by name", &created, have(k.client.OrgByName(t.Context(), created.Name))(t))
	same(t, "by a longer name", nil, have(k.client.OrgByName(t.Context(), created.Name+"x"))(t))
	same(t, "by its beginning", nil, have(k.client.OrgByName(t.Context(), created.Name[:len(created.Name)-1]))(t))
	all := have(k.client.ListOrgs(t.Context()))(t)
	if !slices.Contains(all, grafana.OrgName{ID: created.ID, Name: created.Name}) {
		t.Errorf("the list lacks it: %v", all)
	}
	mine := grafana.OrgMembership{OrgID: created.ID, Name: created.Name, Role: "Admin"}
	if orgs := have(k.client.MyOrgs(t.Context()))(t); !slices.Contains(orgs, mine) {
		t.Errorf("its creator is not its Admin: %v", orgs)
	}

	other := have(k.client.OrgByID(t.Context(), k.org(t).ID()))(t)
	expect(t, "renaming to a name that is taken", k.client.RenameOrg(t.Context(), o.ID(), other.Name), grafana.IsTaken)
	must(t, k.client.RenameOrg(t.Context(), o.ID(), created.Name+" 2"))
	same(t, "new name", created.Name+" 2", have(k.client.OrgByID(t.Context(), o.ID()))(t).Name)
	same(t, "by the old name", nil, have(k.client.OrgByName(t.Context(), created.Name))(t))

	must(t, k.client.DeleteOrg(t.Context(), o.ID()))
	_, err = k.client.OrgByID(t.Context(), o.ID())
	expect(t, "getting it when it is deleted", err, grafana.IsNotFound)
	expect(t, "deleting it again", k.client.DeleteOrg(t.Context(), o.ID()), grafana.IsNotFound)
	expect(t, "renaming it when it is deleted", k.client.RenameOrg(t.Context(), o.ID(), unique("x")), grafana.IsUnsure)
	accounts, err := o.SearchServiceAccounts(t.Context(), "")
	if len(accounts) > 0 || err != nil && !grafana.IsForbidden(err) { // Grafana remembers for some seconds who may look
		t.Errorf("looking for service accounts in it: %v, %v", accounts, err)
	}
}

func (k contract) testOrgNames(t *testing.T) {
	mark := unique("")
	for _, name := range []string{"a/b", "..", "100%", "a+b & c=d", "Ünï 团队 🚀", `"'<b>\`, " padded "} {
		id, err := k.client.CreateOrg(t.Context(), name+mark)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		found, err := k.client.OrgByName(t.Context(), name+mark)
		if err != nil || found == nil || found.ID != id || found.Name != name+mark {
			t.Errorf("%q: found %+v, %v", name, found, err)
		}
		must(t, k.client.DeleteOrg(t.Context(), id))
	}
}

func (k contract) testOrgMark(t *testing.T) {
	o := k.org(t)
	mark := grafana.Address{Address2: "owner=" + strings.Repeat("x", 249)}
	must(t, k.client.SetOrgAddress(t.Context(), o.ID(), mark))
	must(t, k.client.RenameOrg(t.Context(), o.ID(), unique("renamed")))
	same(t, "address after a rename", mark, have(k.client.OrgByID(t.Context(), o.ID()))(t).Address)
	must(t, k.client.SetOrgAddress(t.Context(), o.ID(), grafana.Address{City: "Bonn"}))
	mark.City = "Bonn"
	org := have(k.client.OrgByID(t.Context(), o.ID()))(t)
	same(t, "address after setting another field", mark, org.Address)
	must(t, o.SetOwnAddress(t.Context(), grafana.Address{Country: "DE"}))
	mark.Country = "DE"
	same(t, "address after setting a field from within", &grafana.Org{ID: org.ID, Name: org.Name, Address: mark},
		have(k.client.OrgByName(t.Context(), org.Name))(t))
	_, err := k.client.CreateOrg(t.Context(), org.Name)
	expect(t, "the name is taken", err, grafana.IsTaken)
}

func (k contract) testQuotas(t *testing.T) {
	o := k.org(t)
	quotas, err := k.client.OrgQuotas(t.Context(), o.ID())
	if err != nil { // they are switched off
		expect(t, "reading quotas", err, isStatus(500))
		expect(t, "setting a quota", k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", 5), isStatus(500))
		return
	}
	limit := func(target string) int64 {
		i := slices.IndexFunc(quotas, func(q grafana.Quota) bool { return q.Target == target })
		if i < 0 {
			t.Fatalf("no quota for %s in %v", target, quotas)
		}
		return quotas[i].Limit
	}
	before := limit("data_source")
	must(t, k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", 1))
	quotas = have(k.client.OrgQuotas(t.Context(), o.ID()))(t)
	same(t, "limit", int64(1), limit("dashboard"))
	same(t, "limit of something else", before, limit("data_source"))
	expect(t, "setting an unknown quota", k.client.SetOrgQuota(t.Context(), o.ID(), "wishes", 3),
		isStatus(400, 404, 500))

	k.save(t, o, "one", nil)
	_, err = o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("two", nil)})
	expect(t, "a dashboard over quota", err, grafana.IsForbidden)
	must(t, k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", -1))
	k.save(t, o, "two", nil)
}

func (k contract) testPreferences(t *testing.T) {
	o := k.org(t)
	same(t, "at first", grafana.Preferences{}, have(o.Preferences(t.Context()))(t))
	k.save(t, o, "home", nil)
	full := grafana.Preferences{
		Theme:            "dark",
		Timezone:         "utc",
		WeekStart:        "monday",
		Language:         "de-DE",
		HomeDashboardUID: "home",
	}
	must(t, o.SetPreferences(t.Context(), full))
	same(t, "after setting all", full, have(o.Preferences(t.Context()))(t))
	expect(t, "unknown home dashboard",
		o.SetPreferences(t.Context(), grafana.Preferences{HomeDashboardUID: "nosuch"}), grafana.IsNotFound)
	expect(t, "unknown theme", o.SetPreferences(t.Context(), grafana.Preferences{Theme: "pink"}), isStatus(400))
	same(t, "after two refusals", full, have(o.Preferences(t.Context()))(t))
	for name, change := range map[string]grafana.Preferences{
		"theme": {Theme: "light"}, "timezone": {Timezone: "Europe/Berlin"}, "week start": {WeekStart: "sunday"}, "language": {Language: "fr-FR"},
		"week start and home dashboard": {WeekStart: "browser", HomeDashboardUID: "second"}, "nothing": {},
	} {
		k.save(t, o, "second", nil)
		must(t, o.SetPreferences(t.Context(), full))
		must(t, o.SetPreferences(t.Context(), change))
		want := grafana.Preferences{
			Theme:            cmp.Or(change.Theme, full.Theme),
			Timezone:         cmp.Or(change.Timezone, full.Timezone),
			WeekStart:        cmp.Or(change.WeekStart, full.WeekStart),
			Language:         cmp.Or(change.Language, full.Language),
			HomeDashboardUID: cmp.Or(change.HomeDashboardUID, full.HomeDashboardUID),
		}
		same(t, "after setting "+name, want, have(o.Preferences(t.Context()))(t))
	}
}
