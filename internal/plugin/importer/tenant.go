package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// What the kinds allow.
const (
	maxOrgName     = 179
	maxTeamName    = 179
	maxTitle       = 178
	maxAccountName = 150
	maxLogin       = 190
	maxMembers     = 200
	maxPermissions = 100
)

// tenant is an organization as it was read, and what is written for it.
type tenant struct {
	*run
	name string // of its folder and its Organization
	info grafana.OrgName
	org  *grafana.OrgClient

	organization *v1alpha1.Organization
	members      []grafana.Member // without the login that reads
	lists        []list
	dashboards   []dashboardFile
	secrets      []corev1.Secret

	teams    map[int64]string // names of objects by Grafana's ids
	accounts map[int64]string
	folders  map[string]string // and by uids
	uids     map[string]bool   // of dashboards that are in Grafana
}

// list is the objects of one file.
type list struct {
	file    string
	objects []client.Object
}

func newTenant(r *run, name string, org grafana.OrgName) *tenant {
	return &tenant{
		run: r, name: name, info: org, org: r.Grafana.Org(org.ID),
		teams: map[int64]string{}, accounts: map[int64]string{}, folders: map[string]string{}, uids: map[string]bool{},
	}
}

// meta is the metadata of the object for what is called so in Grafana. What is behind the last dot has none in it, so
// that no two are the same.
func (t *tenant) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: t.Namespace, Name: t.name + "." + kubeName(name, maxChildName)}
}

func (t *tenant) ref() v1alpha1.ObjectReference { return v1alpha1.ObjectReference{Name: t.name} }

// add puts objects into a file, if there are any.
func (t *tenant) add(file string, objects []client.Object) {
	slices.SortFunc(objects, func(a, b client.Object) int { return strings.Compare(a.GetName(), b.GetName()) })
	if len(objects) > 0 {
		t.lists = append(t.lists, list{file, objects})
	}
}

// leaveOut tells a person what is not written, and why.
func (t *tenant) leaveOut(what, name, format string, args ...any) {
	t.Notef("  left out: %s %q: %s", what, name, fmt.Sprintf(format, args...))
}

// counted are the files of a tenant, by what a person counts in them.
var counted = map[string]struct{ one, many string }{
	"people.yaml": {"person", "people"}, "teams.yaml": {"team", "teams"},
	"serviceaccounts.yaml": {"service account", "service accounts"},
	"datasources.yaml":     {"data source", "data sources"},
	"folders.yaml":         {"folder", "folders"}, "dashboards.yaml": {"dashboard", "dashboards"},
}

func (t *tenant) summary() string {
	var parts []string
	for _, l := range t.lists {
		n := len(l.objects)
		if l.file == "people.yaml" { // many are in one object
			n = 0
			for _, obj := range l.objects {
				n += len(obj.(*v1alpha1.Membership).Spec.Members)
			}
		}
		name := counted[l.file].many
		if n == 1 {
			name = counted[l.file].one
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, name))
	}
	return t.name + ": " + cmp.Or(strings.Join(parts, ", "), "nothing is in it")
}

// readOrganization comes last, since preferences name a dashboard.
func (t *tenant) readOrganization(ctx context.Context) error {
	p, err := t.org.Preferences(ctx)
	if err != nil {
		return err
	}
	o := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: t.name}}
	o.Spec = v1alpha1.OrganizationSpec{
		InstanceRef: t.InstanceRef, Name: t.info.Name,
		AdoptionPolicy: v1alpha1.AdoptionAdopt, Adoption: v1alpha1.AdoptionAllow,
	}
	if !t.uids[p.HomeDashboardUID] {
		p.HomeDashboardUID = "" // it is gone, and would be waited for
	}
	if p != (grafana.Preferences{}) {
		o.Spec.Preferences = &v1alpha1.Preferences{
			Theme: p.Theme, Timezone: p.Timezone, WeekStart: p.WeekStart, Language: p.Language,
			HomeDashboardUID: p.HomeDashboardUID,
		}
	}
	if admitted, err := t.admit(ctx, "organization", t.info.Name, o); err != nil || !admitted {
		return cmp.Or(err, errors.New("there can be no Organization for it"))
	}
	t.organization = o
	return nil
}

// readPeople lists who is in the organization, but for the login that reads and those about whom an identity provider
// decides.
func (t *tenant) readPeople(ctx context.Context) error {
	all, err := t.Grafana.OrgMembers(ctx, t.info.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b grafana.Member) int { return strings.Compare(a.Login, b.Login) })
	var listed []v1alpha1.Member
	for _, m := range all {
		if m.UserID == t.me.ID {
			continue
		}
		t.members = append(t.members, m)
		switch {
		case m.IsExternallySynced:
			t.leaveOut("person", m.Login, "an identity provider decides about them")
		case !fits(m.Login, maxLogin):
			t.leaveOut("person", m.Login, "a Membership cannot have this login: %s", misfit(m.Login, maxLogin))
		default:
			listed = append(listed, v1alpha1.Member{Login: m.Login, Role: v1alpha1.Role(m.Role)})
		}
	}
	var objects []client.Object
	for members := range slices.Chunk(listed, maxMembers) {
		m := &v1alpha1.Membership{ObjectMeta: t.meta(fmt.Sprintf("people-%d", len(objects)+1))}
		m.Spec = v1alpha1.MembershipSpec{
			OrganizationRef: t.ref(), Members: members, AdoptionPolicy: v1alpha1.AdoptionAdopt,
		}
		if admitted, err := t.admit(ctx, "membership of organization", t.info.Name, m); err != nil {
			return err
		} else if admitted {
			objects = append(objects, m)
		}
	}
	t.add("people.yaml", objects)
	return nil
}

func (t *tenant) readTeams(ctx context.Context) error {
	all, err := t.org.Teams(ctx)
	if err != nil {
		return err
	}
	var objects []client.Object
	for _, team := range all {
		if why := misnamed(team.Name, maxTeamName); why != "" {
			t.leaveOut("team", team.Name, "a Team cannot have this name: %s", why)
			continue
		}
		obj, err := t.team(ctx, team)
		if err != nil {
			return fmt.Errorf("%q: %w", team.Name, err)
		}
		if admitted, err := t.admit(ctx, "team", team.Name, obj); err != nil {
			return fmt.Errorf("%q: %w", team.Name, err)
		} else if !admitted {
			continue
		}
		t.teams[team.ID] = obj.Name
		objects = append(objects, obj)
	}
	t.add("teams.yaml", objects)
	return nil
}

func (t *tenant) team(ctx context.Context, team grafana.Team) (*v1alpha1.Team, error) {
	people, err := t.org.TeamMembers(ctx, team.ID)
	if err != nil {
		return nil, err
	}
	p, err := t.org.TeamPreferences(ctx, team.ID)
	if err != nil {
		return nil, err
	}
	obj := &v1alpha1.Team{ObjectMeta: t.meta(team.Name)}
	obj.Spec = v1alpha1.TeamSpec{
		OrganizationRef: t.ref(), Name: team.Name, AdoptionPolicy: v1alpha1.AdoptionAdopt,
	}
	if team.Email != "" {
		obj.Spec.Email = &team.Email
	}
	slices.SortFunc(people, func(a, b grafana.TeamPerson) int { return strings.Compare(a.Login, b.Login) })
	for _, person := range people {
		switch {
		case person.UserID == t.me.ID:
			continue
		case len(person.Labels) > 0:
			t.leaveOut("member of team "+team.Name, person.Login, "an identity provider decides about them")
			continue
		case !fits(person.Login, maxLogin):
			t.leaveOut("member of team "+team.Name, person.Login, "a Team cannot have this login: %s",
				misfit(person.Login, maxLogin))
			continue
		case len(obj.Spec.Members) == maxMembers:
			t.leaveOut("member of team "+team.Name, person.Login, "a Team lists at most %d people", maxMembers)
			continue
		}
		role := v1alpha1.TeamRoleMember
		if person.Permission == grafana.TeamAdmin {
			role = v1alpha1.TeamRoleAdmin
		}
		obj.Spec.Members = append(obj.Spec.Members, v1alpha1.TeamMember{Login: person.Login, Role: role})
	}
	q := p.Preferences
	q.HomeDashboardUID = "" // whether it is there is not known yet, and one that is left out stays as it is
	if q != (grafana.Preferences{}) {
		obj.Spec.Preferences = &v1alpha1.TeamPreferences{
			Theme: q.Theme, Timezone: q.Timezone, WeekStart: q.WeekStart, Language: q.Language,
		}
	}
	return obj, nil
}

func (t *tenant) readAccounts(ctx context.Context) error {
	all, err := t.org.SearchServiceAccounts(ctx, "")
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, a := range all {
		count[a.Name]++
	}
	var objects []client.Object
	for _, a := range all {
		switch {
		case strings.HasPrefix(a.Name, "extsvc-"):
			continue // Grafana's own
		case !fits(a.Name, maxAccountName):
			t.leaveOut("service account", a.Name, "a ServiceAccount cannot have this name: %s",
				misfit(a.Name, maxAccountName))
			continue
		case count[a.Name] > 1:
			t.leaveOut("service account", a.Name, "several of the organization have this name: rename them")
			continue
		}
		obj := &v1alpha1.ServiceAccount{ObjectMeta: t.meta(a.Name)}
		obj.Spec = v1alpha1.ServiceAccountSpec{
			OrganizationRef: t.ref(), Name: a.Name, Role: v1alpha1.Role(a.Role), Disabled: a.IsDisabled,
			AdoptionPolicy: v1alpha1.AdoptionAdopt,
		}
		if admitted, err := t.admit(ctx, "service account", a.Name, obj); err != nil {
			return fmt.Errorf("%q: %w", a.Name, err)
		} else if !admitted {
			continue
		}
		if a.Tokens > 0 {
			t.leaveOut(
				"tokens of service account",
				a.Name,
				"%d; their keys cannot be read, and go on working",
				a.Tokens,
			)
		}
		t.accounts[a.ID] = obj.Name
		objects = append(objects, obj)
	}
	t.add("serviceaccounts.yaml", objects)
	return nil
}
