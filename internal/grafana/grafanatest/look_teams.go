package grafanatest

import (
	"cmp"
	"maps"
	"slices"
)

// Team is a team of an organization.
type Team struct {
	ID               int64
	UID, Name, Email string
	Members          map[string]bool // by login: whether they are admins of it; service accounts, too
	Preferences      Preferences
}

// Teams returns the teams of an organization, by id.
func (s *Server) Teams(orgID int64) (out []Team) {
	s.memoryOnly("all teams are looked at")
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.db.orgs[orgID]
	if o == nil {
		return nil
	}
	for _, t := range slices.SortedFunc(maps.Values(o.teams), func(a, b *team) int { return cmp.Compare(a.id, b.id) }) {
		seen := Team{ID: t.id, UID: t.uid, Name: t.name, Email: t.email, Members: map[string]bool{}}
		seen.Preferences = Preferences{
			t.prefs.theme, t.prefs.timezone, t.prefs.weekStart, t.prefs.language, t.prefs.homeUID,
		}
		for id, m := range t.members {
			if u := s.db.users[id]; u != nil {
				seen.Members[u.login] = m.permission == teamAdmin
			}
		}
		out = append(out, seen)
	}
	return out
}
