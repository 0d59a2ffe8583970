package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// editGrafana does in a tenant's organization what its Admins, or the server's, may do there.
func (s *soak) editGrafana(ctx context.Context) (string, error) {
	t := s.someone()
	o, err := s.organization(ctx, t)
	if err != nil || o.Status.OrgID == 0 {
		return "", err
	}
	for _, org := range s.grafana.Orgs() {
		if org.ID == o.Status.OrgID && carries(org, o) &&
			org.Name == o.WantedName() { // at most one of both is taken off
			return t.name + " " + s.edit(org), nil
		}
	}
	return "", nil
}

// carries reports whether an organization has the mark of an object.
func carries(org grafanatest.Org, o *v1alpha1.Organization) bool {
	mark := "uid=" + string(o.UID)
	return strings.Contains(org.Address.Address2, mark) || strings.Contains(org.Address.State, mark)
}

func (s *soak) edit(org grafanatest.Org) string {
	path := fmt.Sprintf("/api/orgs/%d", org.ID)
	accounts, dashboards := s.grafana.ServiceAccounts(org.ID), s.grafana.Dashboards(org.ID)
	switch n := s.random.IntN(20); {
	case n == 0:
		s.grafana.Do(http.MethodPut, path, 1, map[string]any{"name": fmt.Sprint("Renamed ", s.random.Uint32())})
		return "renamed"
	case n == 1:
		s.grafana.Do(
			http.MethodPut,
			path+"/address",
			1,
			map[string]any{"address2": "1 Main Street", "state": "Anywhere"},
		)
		return "mark overwritten"
	case n == 2:
		s.grafana.Do(http.MethodDelete, path, 1, nil)
		return "organization deleted"
	case n == 3:
		s.grafana.Do(http.MethodPatch, "/api/org/preferences", org.ID, map[string]any{"timezone": "browser"})
		return "preferences"
	case n <= 5 && len(accounts) > 0:
		account := fmt.Sprintf("/api/serviceaccounts/%d", accounts[0].ID)
		if n == 4 {
			s.grafana.Do(http.MethodDelete, account, org.ID, nil)
			return "service account deleted"
		}
		s.grafana.Do(
			http.MethodPatch,
			account,
			org.ID,
			map[string]any{"name": "renamed", "role": "Viewer", "isDisabled": true},
		)
		return "service account changed"
	case n <= 8 && len(dashboards) > 0:
		uid := dashboards[s.random.IntN(len(dashboards))].UID
		if n == 6 {
			s.grafana.Do(http.MethodDelete, "/api/dashboards/uid/"+uid, org.ID, nil)
			return "dashboard deleted"
		}
		s.saveDashboard(org.ID, uid, "Edited")
		return "dashboard edited"
	case n == 9 || n == 10:
		return s.editSource(org.ID, n == 9)
	case n <= 14:
		return s.editTeam(org)
	case n <= 16:
		return s.editFolder(org.ID)
	}
	return s.editPerson()
}

// editFolder deletes a folder with all that is in it, renames it, or takes all permissions off it.
func (s *soak) editFolder(org int64) string {
	folders := s.grafana.Folders(org)
	if len(folders) == 0 {
		return "nothing to edit"
	}
	path := "/api/folders/" + folders[0].UID
	switch s.random.IntN(3) {
	case 0:
		s.grafana.Do(http.MethodDelete, path+"?forceDeleteRules=true", org, nil)
		return "folder deleted"
	case 1:
		s.grafana.Do(http.MethodPut, path, org, map[string]any{"title": "Edited", "overwrite": true})
		return "folder renamed"
	}
	s.grafana.Do(http.MethodPost, path+"/permissions", org, map[string]any{"items": []any{}})
	return "folder's permissions taken away"
}

// editPerson deletes a person, disables them, or renames them. Another password is theirs to keep: nobody can see it.
func (s *soak) editPerson() string {
	people := slices.DeleteFunc(s.grafana.People(), func(p grafanatest.Person) bool {
		return p.Login == "admin" || p.Login == somebody
	})
	if len(people) == 0 {
		return "nothing to edit"
	}
	p := people[s.random.IntN(len(people))]
	path := fmt.Sprintf("/api/admin/users/%d", p.ID)
	switch s.random.IntN(3) {
	case 0:
		s.grafana.Do(http.MethodDelete, path, 1, nil)
		return p.Login + " deleted"
	case 1:
		s.grafana.Do(http.MethodPost, path+"/disable", 1, nil)
		return p.Login + " disabled"
	}
	s.grafana.Do(http.MethodPut, fmt.Sprintf("/api/users/%d", p.ID), 1, map[string]any{
		"login": p.Login, "email": p.Email, "name": "Edited",
	})
	return p.Login + " renamed"
}

// editSource deletes a data source, or overwrites it, its mark included.
func (s *soak) editSource(org int64, remove bool) string {
	sources := s.grafana.Sources(org)
	if len(sources) == 0 {
		return "nothing to edit"
	}
	path := "/api/datasources/uid/" + sources[0].UID
	if remove {
		s.grafana.Do(http.MethodDelete, path, org, nil)
		return "data source deleted"
	}
	s.grafana.Do(http.MethodPut, path, org, map[string]any{
		"name": "Edited", "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9",
	})
	return "data source overwritten"
}

// editTeam deletes a team, renames it, or changes who is in it.
func (s *soak) editTeam(org grafanatest.Org) string {
	teams := s.grafana.Teams(org.ID)
	if len(teams) == 0 {
		return "nothing to edit"
	}
	path := fmt.Sprintf("/api/teams/%d", teams[0].ID)
	switch s.random.IntN(4) {
	case 0:
		s.grafana.Do(http.MethodDelete, path, org.ID, nil)
		return "team deleted"
	case 1:
		s.grafana.Do(http.MethodPut, path, org.ID, map[string]any{"name": "Edited", "email": "edited@example.org"})
		return "team renamed"
	case 2:
		for _, m := range org.Members {
			s.grafana.Do(http.MethodPost, path+"/members", org.ID, map[string]any{"userId": m.UserID})
		}
		return "team filled"
	}
	for _, m := range org.Members {
		s.grafana.Do(http.MethodDelete, fmt.Sprintf("%s/members/%d", path, m.UserID), org.ID, nil)
	}
	return "team emptied"
}
