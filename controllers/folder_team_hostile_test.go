package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// forTeam has a Team be an Admin of a folder.
func forTeam(name string) func(*v1alpha1.Folder) {
	return lets(FolderPermission{
		TeamRef: &v1alpha1.LocalObjectReference{Name: name}, Permission: v1alpha1.PermissionAdmin,
	})
}

// openTo names a team that has a permission in a folder of the hostile tenant's.
func openTo(s *hostile.Scene, name string) string {
	f := suite.Get(s.World, &v1alpha1.Folder{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: name}})
	if f.Status.UID == "" {
		return ""
	}
	var items []struct {
		TeamID int64
		Team   string
	}
	answer := s.Ask("GET", "/api/folders/"+f.Status.UID+"/permissions", f.Status.OrgID, nil)
	if err := json.Unmarshal(answer, &items); err != nil {
		s.T.Fatal(err)
	}
	for _, i := range items {
		if i.TeamID != 0 {
			return fmt.Sprintf("folder %s is open to team %d %q", name, i.TeamID, i.Team)
		}
	}
	return ""
}

// held has a Team of the hostile tenant's stay as it is.
func held(s *hostile.Scene, o *v1alpha1.Team) {
	s.T.Helper()
	suite.Change(s.World, o, func() { o.Spec.Suspend = true })
	suite.Until(s.World, o, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
}

// sameIDAgain has a restore of Grafana's database take a Team of the hostile tenant's, after which people get its id
// for a team of theirs.
func sameIDAgain(s *hostile.Scene) {
	backup := s.Grafana.Snapshot()
	mine := suite.Ready(s.World, byOwner(s, team(s, "again", "commons")))
	held(s, mine)
	s.Grafana.Restore(backup)
	s.Ask("POST", "/api/teams", s.Commons, map[string]any{"name": "canary-late"})
	if n := teamCalled(s, "canary-late"); n != mine.Status.ID {
		s.T.Fatalf("the new team has id %d, not %d", n, mine.Status.ID)
	}
	s.Canaries = append(s.Canaries, "canary-late")
	theirsToo(s)
	hostile.Judged(s, myFolder(s, "again", "commons", forTeam("again")))
}

// teamCalled is the id of a team in the common organization.
func teamCalled(s *hostile.Scene, name string) int64 {
	for _, t := range s.Grafana.Teams(s.Commons) {
		if t.Name == name {
			return t.ID
		}
	}
	return 0
}

// hostileTeamFolders are attempts to have folders give something to teams of others, or to teams elsewhere, and to
// learn of these.
func hostileTeamFolders() []hostile.Attempt {
	attempt := func(name, fence, folder, team string, before func(*hostile.Scene)) hostile.Attempt {
		return hostile.Attempt{Name: name, Fence: fence, Try: func(s *hostile.Scene) {
			before(s)
			hostile.Judged(s, myFolder(s, folder, "commons", forTeam(team)))
		}, Succeeded: func(s *hostile.Scene) string { return openTo(s, folder) }}
	}
	refused := func(name, organization, wanted string) func(*hostile.Scene) {
		return func(s *hostile.Scene) {
			o := team(s, name, organization)
			o.Spec.Name, o.Spec.AdoptionPolicy = wanted, v1alpha1.AdoptionAdopt
			hostile.Judged(s, byOwner(s, o))
		}
	}
	return []hostile.Attempt{
		attempt("a folder for the victim's team by its name", hostile.ByNamespace, "by-name", "theirs", formTeams),
		attempt("a folder for a team of another organization", hostile.ByBounds, "elsewhere", "abroad",
			func(s *hostile.Scene) { suite.Ready(s.World, byOwner(s, team(s, "abroad", "mine"))) }),
		attempt("a folder for a Team that the victim's organization did not let in", hostile.ByConsent,
			"not-let-in", "uninvited", refused("uninvited", "victim", "uninvited")),
		attempt("a folder for a Team that took people's name", hostile.ByConsent,
			"of-peoples", "peoples", refused("peoples", "commons", "Peoples")),
		attempt("a folder for a Team that took the victim's name", hostile.ByMark,
			"of-theirs", "mine-now", refused("mine-now", "commons", "Theirs")),
		{
			Name: "status that claims people's team", Fence: hostile.ByRBAC, Answered: true,
			Try: func(s *hostile.Scene) {
				held(s, suite.Ready(s.World, byOwner(s, team(s, "claim", "commons"))))
			},
			Succeeded: func(s *hostile.Scene) string {
				o := suite.Get(s.World, team(s, "claim", "commons"))
				o.Status.ID = teamCalled(s, "Peoples")
				for _, c := range []client.Client{s.Real, s.Owner} {
					if err := c.Status().Update(s.T.Context(), o); err == nil {
						return "the status was taken"
					}
				}
				return ""
			},
		},
		{Name: "a folder for a Team whose id is another's after a restore", Fence: hostile.ByMark, Try: sameIDAgain,
			Succeeded: func(s *hostile.Scene) string { return openTo(s, "again") }},
		{Name: "whose a team is, asked by a folder", Fence: hostile.BySilence, Answered: true,
			Try: func(*hostile.Scene) {}, Succeeded: func(s *hostile.Scene) string {
				said := func(folder, team string) string {
					f := hostile.Judged(s, myFolder(s, folder, "commons", forTeam(team)))
					return strings.ReplaceAll(toldOf(f, team), f.Name, "FOLDER")
				}
				nobodys, theirs := said("asks-of-nobodys", "nobodys"), said("asks-of-theirs", "theirs")
				if theirs != nobodys {
					return fmt.Sprintf("of the victim's it says %s, and of nobody's %s", theirs, nobodys)
				}
				return ""
			}},
	}
}
