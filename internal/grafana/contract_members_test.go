package grafana_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// member is how the list of an organization shows a person; nil: not at all.
func (k contract) member(t *testing.T, org, id int64) *grafana.Member {
	t.Helper()
	all := have(k.client.OrgMembers(t.Context(), org))(t)
	if i := slices.IndexFunc(all, func(m grafana.Member) bool { return m.UserID == id }); i >= 0 {
		return &all[i]
	}
	return nil
}

// People are added by login or e-mail address in any case, and get another role without being removed.
func (k contract) testMemberRoles(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	who := have(o.LookupUser(t.Context(), login))(t)
	for i, role := range []string{"None", "Viewer", "Editor", "Admin"} {
		name := []string{login, who.Email, strings.ToUpper(login), strings.ToUpper(who.Email)}[i]
		same(t, "the id that is added", who.ID, have(k.client.AddMember(t.Context(), o.ID(), name, role))(t))
		want := grafana.Member{UserID: who.ID, Login: login, Email: who.Email, Role: role}
		same(t, "added as "+role, want, *k.member(t, o.ID(), who.ID))
		_, err := k.client.AddMember(t.Context(), o.ID(), login, "Viewer")
		expect(t, "added twice", err, grafana.IsTaken)
		same(t, "and still", want, *k.member(t, o.ID(), who.ID))
		for _, other := range []string{"Viewer", "None", "Admin", "Editor"} {
			must(t, k.client.SetMemberRole(t.Context(), o.ID(), who.ID, other))
			same(t, "made "+other, other, k.member(t, o.ID(), who.ID).Role)
		}
		must(t, k.client.RemoveMember(t.Context(), o.ID(), who.ID))
		if k.member(t, o.ID(), who.ID) != nil {
			t.Error("still there")
		}
	}
	same(t, "there all the same", who, have(o.LookupUser(t.Context(), login))(t))
	account := k.account(t, o, "robot", "Viewer")
	_, err := k.client.AddMember(t.Context(), o.ID(), account.Login, "Admin")
	expect(t, "a service account added", err, grafana.IsNotFound)
	if k.member(t, o.ID(), account.ID) != nil {
		t.Error("a service account is among the people")
	}
	_, err = k.client.AddMember(t.Context(), o.ID(), unique("nobody"), "Viewer")
	expect(t, "nobody added", err, grafana.IsNotFound)
	expect(t, "a stranger's role", k.client.SetMemberRole(t.Context(), o.ID(), who.ID, "Viewer"), isStatus(500))
	me := have(k.client.Me(t.Context()))(t)
	expect(t, "the last Admin's", k.client.SetMemberRole(t.Context(), o.ID(), me.ID, "Viewer"), grafana.IsLastAdmin)
}

// Who is looked up is found in any case, in whatever organization they are, and no service account is.
func (k contract) testLookedUpUsers(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	by := have(o.LookupUser(t.Context(), login))(t)
	if by.ID == 0 || by.Login != login || by.Email != login+"@example.org" || len(by.AuthLabels) > 0 {
		t.Errorf("looked up: %+v", by)
	}
	whole := have(o.UserByID(t.Context(), by.ID))(t)
	if whole.Login != by.Login || whole.Email != by.Email || whole.IsExternallySynced || len(whole.AuthLabels) > 0 {
		t.Errorf("by id: %+v", whole)
	}
	for _, name := range []string{by.Email, strings.ToUpper(login), strings.ToUpper(by.Email)} {
		same(t, name, by, have(o.LookupUser(t.Context(), name))(t))
	}
	_, err := o.LookupUser(t.Context(), unique("nobody"))
	expect(t, "nobody", err, grafana.IsNotFound)
	_, err = o.LookupUser(t.Context(), unique("nobody")+"@example.org")
	expect(t, "nobody's address", err, grafana.IsNotFound)
	robot := k.account(t, o, "robot", "Viewer")
	_, err = o.LookupUser(t.Context(), robot.Login)
	expect(t, "a service account", err, grafana.IsNotFound)
	_, err = o.UserByID(t.Context(), robot.ID)
	expect(t, "a service account by id", err, grafana.IsNotFound)
	user := k.as(t, login)
	_, err = user.Org(1).LookupUser(t.Context(), login)
	expect(t, "a user looks", err, grafana.IsForbidden)
}

func (k contract) testMembers(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	user := k.as(t, login)
	isMember := func() bool {
		return slices.ContainsFunc(have(user.MyOrgs(t.Context()))(t),
			func(m grafana.OrgMembership) bool { return m.OrgID == o.ID() && m.Role == "Editor" })
	}
	if isMember() {
		t.Error("a member before joining")
	}
	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Editor"))
	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Viewer"))
	if !isMember() {
		t.Error("no Editor after joining as one, and again as Viewer")
	}
	expect(t, "someone unknown joins", k.client.JoinOrg(t.Context(), o.ID(), unique("nobody"), "Admin"),
		grafana.IsNotFound)
	expect(t, "a user deletes an organization", user.RenameOrg(t.Context(), o.ID(), unique("x")), grafana.IsForbidden)
}

func (k contract) testRemovedMembers(t *testing.T) {
	o, login := k.org(t), k.someone(t)
	me := have(k.client.Me(t.Context()))(t)
	same(t, "my login", k.user, me.Login)
	if _, err := time.Parse(time.RFC3339, me.CreatedAt); err != nil {
		t.Errorf("when my login was made: %v", err)
	}
	same(t, "asked again", me, have(k.client.Me(t.Context()))(t))
	mine := grafana.Member{UserID: me.ID, Login: k.user, Email: me.Email, Role: "Admin"}
	members := func() []grafana.Member {
		t.Helper()
		list := have(k.client.OrgMembers(t.Context(), o.ID()))(t)
		slices.SortFunc(list, func(a, b grafana.Member) int { return cmp.Compare(a.UserID, b.UserID) })
		return list
	}
	k.account(t, o, "sa", "Viewer")
	same(t, "its creator", []grafana.Member{mine}, members())
	expect(t, "removing the last Admin", k.client.RemoveMember(t.Context(), o.ID(), me.ID), grafana.IsLastAdmin)

	user := k.as(t, login)
	they := have(user.Me(t.Context()))(t)
	theirs := grafana.Member{UserID: they.ID, Login: login, Email: they.Email, Role: "Editor"}
	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Editor"))
	same(t, "both", []grafana.Member{mine, theirs}, members())
	_, err := user.OrgMembers(t.Context(), o.ID())
	expect(t, "an Editor looks", err, grafana.IsForbidden)
	must(t, k.client.RemoveMember(t.Context(), o.ID(), theirs.UserID))
	must(t, k.client.RemoveMember(t.Context(), o.ID(), theirs.UserID))
	same(t, "without them", []grafana.Member{mine}, members())
	same(t, "they can still log in", theirs.UserID, have(user.Me(t.Context()))(t).ID)
	expect(t, "removing someone unknown", k.client.RemoveMember(t.Context(), o.ID(), 1<<40), isStatus(500))

	must(t, k.client.JoinOrg(t.Context(), o.ID(), login, "Admin"))
	must(t, k.client.RemoveMember(t.Context(), o.ID(), me.ID))
	if slices.ContainsFunc(have(k.client.MyOrgs(t.Context()))(t),
		func(m grafana.OrgMembership) bool { return m.OrgID == o.ID() }) {
		t.Error("still a member after leaving")
	}
	must(t, k.client.DeleteOrg(t.Context(), o.ID()))
	same(t, "of one that is deleted", []grafana.Member{}, members())
}
