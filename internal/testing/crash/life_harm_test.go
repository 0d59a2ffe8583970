package crash

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/mark"
)

// look takes down what people have in Grafana, which the operator must leave as it is.
func (l *life) look() {
	l.foreign, l.guests = l.foreignByOrg(), l.rolesOf(guest)
	l.kept = nil
	for _, org := range l.Grafana.Orgs() {
		for _, t := range l.Grafana.Tokens(org.ID) {
			if strings.HasPrefix(t.Name, "kept") {
				l.kept = append(l.kept, t)
			}
		}
	}
}

// foreignByOrg is what people have in each organization, as text, but for those that are deleted with their contents.
func (l *life) foreignByOrg() map[int64]string {
	doomed := l.doomed()
	all := map[int64]string{}
	for _, org := range l.Grafana.Orgs() {
		if doomed[org.ID] {
			continue
		}
		var things []any
		if IsForeign(org.Name) || l.isPersons(org) && !l.allowed {
			things = append(things, org)
		}
		for _, a := range l.Grafana.ServiceAccounts(org.ID) {
			if IsForeign(a.Name) || IsForeign(org.Name) || !bornAccount.MatchString(a.Login) && !l.allowed {
				things = append(things, a)
			}
		}
		for _, d := range l.Grafana.Dashboards(org.ID) {
			if !l.isDoomed(org.ID, d.FolderUID) &&
				(IsForeign(d.Title) || IsForeign(org.Name) || !bornDashboard(d) && !l.allowed) {
				things = append(things, d)
			}
		}
		for _, s := range l.Grafana.Sources(org.ID) {
			if IsForeign(s.Name) || IsForeign(org.Name) || isPersonsSource(s) && !l.allowed {
				s.IsDefault = false // it goes back to ours when somebody has given it to another
				things = append(things, s)
			}
		}
		things = append(things, l.peoplesTeams(org)...)
		if len(things) > 0 {
			text, err := json.Marshal(things)
			if err != nil {
				l.TB.Fatal(err)
			}
			all[org.ID] = string(text)
		}
	}
	return all
}

// bornAccount is the login of an account that the operator has made.
var bornAccount = regexp.MustCompile(`-[0-9a-f]{8}-[0-9a-f]{8}(-[2-9])?$`)

// bornDashboard reports whether the operator has made a dashboard.
func bornDashboard(d grafanatest.Dash) bool {
	return len(d.Messages) > 0 && strings.HasPrefix(d.Messages[0], mark.AppliedBy)
}

// isPersons reports whether a person has made an organization.
func (l *life) isPersons(org grafanatest.Org) bool { return org.Address.Address1 == house }

const house = "Main street"

// doomed are the organizations that are deleted with their contents.
func (l *life) doomed() map[int64]bool {
	ids := map[int64]bool{}
	for _, obj := range l.objects() {
		o, ok := obj.(*v1alpha1.Organization)
		if !ok || alive(o) || o.Spec.DeletionPolicy != v1alpha1.OrganizationDeleteWithContents {
			continue
		}
		ids[o.Status.OrgID] = true
		for _, org := range l.Grafana.Orgs() {
			ids[org.ID] = ids[org.ID] || markIn(org).UID == string(o.UID)
		}
	}
	return ids
}

func markIn(org grafanatest.Org) mark.Mark {
	return mark.Read(grafana.Address{Address2: org.Address.Address2, State: org.Address.State})
}

// unharmed fails if the operator has changed what is not its own.
func (l *life) unharmed(rt *rapid.T) {
	if err := l.harm(); err != nil {
		rt.Fatal(err)
	}
}

func (l *life) harm() error {
	doomed := l.doomed()
	now := l.foreignByOrg()
	for id, was := range l.foreign {
		if is := now[id]; is != was && !doomed[id] {
			return fmt.Errorf("something foreign changed in organization %d:\n  was %s\n  is  %s", id, was, is)
		}
	}
	accounts, tokens := map[int64]bool{}, map[int64]bool{}
	for _, org := range l.Grafana.Orgs() {
		for _, a := range l.Grafana.ServiceAccounts(org.ID) {
			accounts[a.ID] = true
		}
		for _, t := range l.Grafana.Tokens(org.ID) {
			tokens[t.ID] = !t.Revoked
		}
	}
	for _, t := range l.kept {
		if accounts[t.SAID] && !t.Revoked && !tokens[t.ID] {
			return fmt.Errorf("a person's token %q is gone, and its account is not", t.Name)
		}
	}
	return l.guestHarmed()
}
