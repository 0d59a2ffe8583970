package grafana_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// team makes a team and reads it.
func (k contract) team(t *testing.T, o *grafana.OrgClient, p grafana.TeamProfile) grafana.Team {
	t.Helper()
	made := have(o.CreateTeam(t.Context(), p))(t)
	if (made.UID != "") != (k.major >= 12) {
		t.Errorf("created as %+v", made)
	}
	team := have(o.Team(t.Context(), made.ID))(t)
	if made.UID != "" {
		same(t, "the uid", made.UID, team.UID)
	}
	return team
}

// A team is born with its creator in it, is found by its name, renamed and deleted; it keeps id and uid.
func (k contract) testTeams(t *testing.T) {
	o, born := k.org(t), "Dev [0a1b2c3d]"
	team := k.team(t, o, grafana.TeamProfile{Name: born})
	want := grafana.Team{ID: team.ID, UID: team.UID, Name: born, MemberCount: 1}
	same(t, "born", want, team)
	if team.UID == "" {
		t.Error("it has no uid")
	}
	same(t, "listed", []grafana.Team{want}, have(o.Teams(t.Context()))(t))
	other := k.team(t, o, grafana.TeamProfile{Name: "Ops", Email: "dev@example.org"})
	same(t, "its address", "dev@example.org", other.Email)

	must(t, o.UpdateTeam(t.Context(), team.ID, grafana.TeamProfile{Name: "Dev", Email: "d@example.org"}))
	want.Name, want.Email = "Dev", "d@example.org"
	same(t, "renamed", want, have(o.Team(t.Context(), team.ID))(t))
	must(t, o.UpdateTeam(t.Context(), team.ID, grafana.TeamProfile{Name: "Dev"}))
	want.Email = ""
	same(t, "an empty address", want, have(o.Team(t.Context(), team.ID))(t))
	_, err := o.CreateTeam(t.Context(), grafana.TeamProfile{Name: "Dev"})
	expect(t, "the same name", err, grafana.IsTaken)
	rename := grafana.TeamProfile{Name: "Dev", Email: "x@example.org"}
	expect(t, "another's name", o.UpdateTeam(t.Context(), other.ID, rename), grafana.IsTaken)

	elsewhere := k.org(t)
	k.team(t, elsewhere, grafana.TeamProfile{Name: "Dev"})
	_, err = elsewhere.Team(t.Context(), team.ID)
	expect(t, "in another organization", err, grafana.IsNotFound)
	expect(t, "deleted there", elsewhere.DeleteTeam(t.Context(), team.ID), grafana.IsNotFound)
	must(t, o.DeleteTeam(t.Context(), team.ID))
	expect(t, "deleted twice", o.DeleteTeam(t.Context(), team.ID), grafana.IsNotFound)
	_, err = o.Team(t.Context(), team.ID)
	expect(t, "read when gone", err, grafana.IsNotFound)
	gone := map[bool]func(error) bool{true: grafana.IsNotFound, false: isStatus(500)}[k.major >= 12]
	expect(t, "renamed when gone", o.UpdateTeam(t.Context(), team.ID, rename), gone)
	expect(t, "joined when gone", o.AddTeamMember(t.Context(), team.ID, 1), gone)
	same(t, "its people", []grafana.TeamPerson{}, have(o.TeamMembers(t.Context(), team.ID))(t))
}

// A list of teams is read to its end.
func (k contract) testManyTeams(t *testing.T) {
	o := k.org(t)
	if all := have(o.Teams(t.Context()))(t); len(all) != 0 {
		t.Errorf("in a new organization: %+v", all)
	}
	for i := range 3 {
		k.team(t, o, grafana.TeamProfile{Name: fmt.Sprint("team ", i)})
	}
	if all := have(o.Teams(t.Context()))(t); len(all) != 3 || all[0].Name != "team 0" || all[2].Name != "team 2" {
		t.Errorf("teams %+v", all)
	}
}

// People are put into a team, made admins of it and taken out; who leaves the organization leaves its teams.
func (k contract) testTeamMembers(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	me, who := have(k.client.Me(t.Context()))(t), have(o.LookupUser(t.Context(), login))(t)
	team := k.team(t, o, grafana.TeamProfile{Name: "Dev"})
	members := func() []grafana.TeamPerson {
		t.Helper()
		all := have(o.TeamMembers(t.Context(), team.ID))(t)
		slices.SortFunc(all, func(a, b grafana.TeamPerson) int { return strings.Compare(a.Login, b.Login) })
		return all
	}
	mine := grafana.TeamPerson{
		UserID:     me.ID,
		Login:      me.Login,
		Email:      me.Email,
		Permission: grafana.TeamAdmin,
		Labels:     []string{},
	}
	same(t, "who made it", []grafana.TeamPerson{mine}, members())
	must(t, o.RemoveTeamMember(t.Context(), team.ID, me.ID))
	same(t, "nobody", []grafana.TeamPerson{}, members())
	must(t, o.RemoveTeamMember(t.Context(), team.ID, me.ID))

	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Viewer"))
	theirs := grafana.TeamPerson{UserID: who.ID, Login: login, Email: who.Email, Labels: []string{}}
	must(t, o.AddTeamMember(t.Context(), team.ID, who.ID))
	same(t, "somebody", []grafana.TeamPerson{theirs}, members())
	expect(t, "added twice", o.AddTeamMember(t.Context(), team.ID, who.ID), grafana.IsTaken)
	must(t, o.SetTeamPermission(t.Context(), team.ID, who.ID, grafana.TeamAdmin))
	theirs.Permission = grafana.TeamAdmin
	same(t, "an admin", []grafana.TeamPerson{theirs}, members())
	must(t, o.SetTeamPermission(t.Context(), team.ID, who.ID, grafana.TeamMember))
	theirs.Permission = grafana.TeamMember
	same(t, "a member again", []grafana.TeamPerson{theirs}, members())
	expect(t, "a stranger", o.SetTeamPermission(t.Context(), team.ID, me.ID, grafana.TeamAdmin), grafana.IsNotFound)
	expect(t, "nobody added", o.AddTeamMember(t.Context(), team.ID, 1<<40), isStatus(500))

	account := k.account(t, o, "robot", "Viewer")
	must(t, o.AddTeamMember(t.Context(), team.ID, account.ID))
	same(t, "and a service account", []grafana.TeamPerson{theirs}, members())
	same(t, "which counts", int64(2), have(o.Team(t.Context(), team.ID))(t).MemberCount)
	must(t, k.client.RemoveMember(t.Context(), o.ID(), who.ID))
	same(t, "who left", []grafana.TeamPerson{}, members())
}

// What is set of a team's preferences replaces what was; nothing that a person has set in the pages need be lost.
func (k contract) testTeamPreferences(t *testing.T) {
	o := k.org(t)
	team := k.team(t, o, grafana.TeamProfile{Name: "Dev"})
	same(t, "of a new one", grafana.TeamPreferences{}, have(o.TeamPreferences(t.Context(), team.ID))(t))
	home := have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("home", nil)}))(t)
	all := grafana.TeamPreferences{Preferences: grafana.Preferences{
		Theme: "dark", Timezone: "utc", WeekStart: "monday", Language: "de-DE", HomeDashboardUID: home.UID,
	}}
	history, bookmarks := json.RawMessage(`{"homeTab":"starred"}`), json.RawMessage(`{"bookmarkUrls":["/x"]}`)
	kept := "" // Grafana 12 leaves a home dashboard that is left out
	set := func(p grafana.TeamPreferences) {
		t.Helper()
		must(t, o.SetTeamPreferences(t.Context(), team.ID, p))
		if k.major >= 12 && p.HomeDashboardUID == "" {
			p.HomeDashboardUID = kept
		}
		kept = p.HomeDashboardUID
		same(t, "as set", p, have(o.TeamPreferences(t.Context(), team.ID))(t))
	}
	for _, chosen := range subsets(7) {
		if chosen[6] && k.major < 12 {
			continue
		}
		p := all
		p.QueryHistory, p.Navbar = history, bookmarks
		for i, field := range []*string{&p.Theme, &p.Timezone, &p.WeekStart, &p.Language, &p.HomeDashboardUID} {
			if !chosen[i] {
				*field = ""
			}
		}
		if !chosen[5] {
			p.QueryHistory = nil
		}
		if !chosen[6] {
			p.Navbar = nil
		}
		set(p)
	}
	all.QueryHistory = history
	set(all)
	bad := all
	bad.HomeDashboardUID = unique("nowhere")
	expect(t, "a home that is not there", o.SetTeamPreferences(t.Context(), team.ID, bad), grafana.IsNotFound)
	bad.HomeDashboardUID, bad.Theme = home.UID, "pink"
	expect(t, "no theme", o.SetTeamPreferences(t.Context(), team.ID, bad), isStatus(400))
	same(t, "as before", all, have(o.TeamPreferences(t.Context(), team.ID))(t))
}

// A folder can be opened to a team, until that is deleted.
func (k contract) testTeamPermissions(t *testing.T) {
	o := k.org(t)
	f := have(o.CreateFolder(t.Context(), grafana.Folder{UID: unique("folder"), Title: "Theirs"}))(t)
	team := k.team(t, o, grafana.TeamProfile{Name: "Dev"})
	items := []grafana.Permission{{TeamID: team.ID, Permission: grafana.MayEdit}}
	must(t, o.SetFolderPermissions(t.Context(), f.UID, items))
	same(t, "a team's", items, have(o.FolderPermissions(t.Context(), f.UID))(t))
	items = append(items, grafana.Permission{Role: "Viewer", Permission: grafana.MayView})
	must(t, o.SetFolderPermissions(t.Context(), f.UID, items))
	same(t, "and a role's", items, have(o.FolderPermissions(t.Context(), f.UID))(t))
	must(t, o.DeleteTeam(t.Context(), team.ID))
	same(t, "the role's", items[1:], have(o.FolderPermissions(t.Context(), f.UID))(t))
	expect(t, "a team that is gone", o.SetFolderPermissions(t.Context(), f.UID, items), isStatus(500))
}
