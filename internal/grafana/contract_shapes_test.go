package grafana_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// What a request has in its body, and what of it is empty, decides what Grafana makes of it. These parts of the
// contract send each request in every form that it can have, so that each is recorded (make record).

// subsets are all choices of n things.
func subsets(n int) (all [][]bool) {
	for bits := range 1 << n {
		chosen := make([]bool, n)
		for i := range chosen {
			chosen[i] = bits>>i&1 == 1
		}
		all = append(all, chosen)
	}
	return all
}

func (k contract) testEveryPreference(t *testing.T) {
	o := k.org(t)
	k.save(t, o, "home", nil)
	k.save(t, o, "other", nil)
	before := grafana.Preferences{
		Theme:            "dark",
		Timezone:         "utc",
		WeekStart:        "monday",
		Language:         "de-DE",
		HomeDashboardUID: "home",
	}
	after := grafana.Preferences{
		Theme:            "light",
		Timezone:         "browser",
		WeekStart:        "sunday",
		Language:         "en-US",
		HomeDashboardUID: "other",
	}
	fields := func(p *grafana.Preferences) []*string {
		return []*string{&p.Theme, &p.Timezone, &p.WeekStart, &p.Language, &p.HomeDashboardUID}
	}
	for _, chosen := range subsets(5)[1:] {
		must(t, o.SetPreferences(t.Context(), before))
		change, want := grafana.Preferences{}, before
		for i, value := range fields(&after) {
			if chosen[i] {
				*fields(&change)[i], *fields(&want)[i] = *value, *value
			}
		}
		if err := o.SetPreferences(t.Context(), change); err != nil {
			t.Errorf("%+v: %v", change, err)
			continue
		}
		same(t, "preferences", want, have(o.Preferences(t.Context()))(t))
	}
}

func (k contract) testEveryAddress(t *testing.T) {
	o := k.org(t)
	for i, chosen := range subsets(6)[1:] {
		value := func(field int) string {
			if !chosen[field] {
				return ""
			}
			return fmt.Sprint("set ", i)
		}
		address := grafana.Address{
			Address1: value(0),
			Address2: value(1),
			City:     value(2),
			ZipCode:  value(3),
			State:    value(4),
			Country:  value(5),
		}
		must(t, k.client.SetOrgAddress(t.Context(), o.ID(), address))
		must(t, o.SetOwnAddress(t.Context(), address))
	}
	all := fmt.Sprint("set ", 62)
	want := grafana.Address{Address1: all, Address2: all, City: all, ZipCode: all, State: all, Country: all}
	same(t, "address", want, have(k.client.OrgByID(t.Context(), o.ID()))(t).Address)
}

func (k contract) testEveryServiceAccountPatch(t *testing.T) {
	o := k.org(t)
	account := k.account(t, o, "sa", "Viewer")
	for _, disabled := range []bool{true, false} {
		for i, chosen := range subsets(3)[1:] {
			want := have(o.ServiceAccountByID(t.Context(), account.ID))(t)
			name, role := fmt.Sprintf("sa %v %d", disabled, i), []string{"None", "Viewer", "Editor", "Admin"}[i%4]
			patch := grafana.ServiceAccountPatch{}
			if chosen[0] {
				patch.Name, want.Name = &name, name
			}
			if chosen[1] {
				patch.Role, want.Role = &role, role
			}
			if chosen[2] {
				patch.IsDisabled, want.IsDisabled = &disabled, disabled
			}
			must(t, o.UpdateServiceAccount(t.Context(), account.ID, patch))
			same(t, "after the change", want, have(o.ServiceAccountByID(t.Context(), account.ID))(t))
		}
	}
}

func (k contract) testEverySave(t *testing.T) {
	o := k.org(t)
	folder := have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	for i, chosen := range subsets(4) {
		uid := fmt.Sprint("dash-", i)
		save := grafana.SaveDashboard{Model: model(uid, nil)}
		if chosen[0] {
			save.FolderUID = folder.UID
		}
		if chosen[1] {
			save.Message = "mark"
		}
		save.Overwrite = chosen[2]
		if chosen[3] { // of what is there
			k.save(t, o, uid, nil)
			save.Model = model(uid, map[string]any{"version": 1, "tags": []string{"x"}})
		}
		saved := have(o.SaveDashboard(t.Context(), save))(t)
		same(t, "its folder", save.FolderUID, saved.FolderUID)
		same(t, "where it is", save.FolderUID, have(o.Dashboard(t.Context(), uid))(t).FolderUID)
	}
}

// testPermissions replaces the permissions of a dashboard and of a folder by what the operator puts back: what
// everybody has by their role, beside what one person has.
func (k contract) testPermissions(t *testing.T) {
	o := k.org(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	k.save(t, o, "dash", nil)
	me := have(k.client.Me(t.Context()))(t)
	everybody := []grafana.Permission{
		{Role: "Editor", Permission: grafana.MayEdit},
		{Role: "Viewer", Permission: grafana.MayView},
	}
	mine := grafana.Permission{UserID: me.ID, UserLogin: me.Login, Permission: grafana.MayAdmin}
	for uid, of := range map[string]struct {
		list func(context.Context, string) ([]grafana.Permission, error)
		set  func(context.Context, string, []grafana.Permission) error
	}{
		"dash": {o.DashboardPermissions, o.SetDashboardPermissions},
		"fold": {o.FolderPermissions, o.SetFolderPermissions},
	} {
		found := func() []grafana.Permission {
			t.Helper()
			items := have(of.list(t.Context(), uid))(t)
			slices.SortFunc(items, func(a, b grafana.Permission) int { return strings.Compare(a.Role, b.Role) })
			return items
		}
		same(t, uid+": at first", append([]grafana.Permission{mine}, everybody...), found())
		for _, want := range [][]grafana.Permission{{mine}, everybody, append([]grafana.Permission{mine},
			everybody...), {}} {
			must(t, of.set(t.Context(), uid, want))
			same(t, uid+": permissions", want, found())
		}
		must(t, of.set(t.Context(), uid, nil))
		same(t, uid+": without any", []grafana.Permission{}, found())
	}
}

func (k contract) testEveryQuota(t *testing.T) {
	o := k.org(t)
	_, err := k.client.OrgQuotas(t.Context(), o.ID())
	for _, limit := range []int64{0, 7, -1} {
		if set := k.client.SetOrgQuota(t.Context(), o.ID(), "dashboard", limit); err != nil {
			expect(t, "setting a quota where they are off", set, isStatus(500))
			continue
		} else if set != nil {
			t.Fatal(set)
		}
		quotas := have(k.client.OrgQuotas(t.Context(), o.ID()))(t)
		if !slices.ContainsFunc(quotas,
			func(q grafana.Quota) bool { return q.Target == "dashboard" && q.Limit == limit }) {
			t.Errorf("set to %d: %+v", limit, quotas)
		}
	}
}
