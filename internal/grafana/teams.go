package grafana

import (
	"context"
	"encoding/json"
	"strconv"
)

// What somebody is in a team.
const (
	TeamMember = 0
	TeamAdmin  = 4
)

// Team is a team of an organization.
type Team struct {
	ID int64 `json:"id"`
	// UID is what Grafana drew for the team.
	UID   string `json:"uid"`
	Name  string `json:"name"`
	Email string `json:"email"`
	// MemberCount is of all who are in the team: those whom TeamMembers does not show as well.
	MemberCount int64 `json:"memberCount"`
}

func (t Team) complete() bool { return t.ID > 0 }

// TeamProfile is what a team is called. All of it is sent: Grafana blanks an address that is left out.
type TeamProfile struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// CreatedTeam says which team CreateTeam has made.
type CreatedTeam struct {
	ID int64 `json:"teamId"`
	// UID that Grafana drew for the team; empty: an old version, which tells it only when asked.
	UID string `json:"uid"`
}

func (t CreatedTeam) complete() bool { return t.ID > 0 }

// CreateTeam makes a team, whose name must be free in the organization (IsTaken). A person who makes one is an Admin of
// it.
//
// POST /api/teams
func (o *OrgClient) CreateTeam(ctx context.Context, p TeamProfile) (CreatedTeam, error) {
	return do[CreatedTeam](ctx, o, post(p, "/api/teams"))
}

// Team reads a team of the organization.
//
// GET /api/teams/:id
func (o *OrgClient) Team(ctx context.Context, id int64) (Team, error) {
	return do[Team](ctx, o, get("/api/teams/:id", id))
}

type teamPage struct {
	TotalCount *int   `json:"totalCount"`
	Teams      []Team `json:"teams"`
}

func (p teamPage) complete() bool { return p.TotalCount != nil }

// Teams lists the teams of the organization.
//
// GET /api/teams/search
func (o *OrgClient) Teams(ctx context.Context) ([]Team, error) {
	var found []Team
	r := get("/api/teams/search").with("perpage", wholeList)
	for page := 1; ; page++ {
		answer, err := do[teamPage](ctx, o, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, err
		}
		found = append(found, answer.Teams...)
		if len(answer.Teams) == 0 || len(found) >= *answer.TotalCount {
			return found, nil
		}
	}
}

// UpdateTeam sets name and address. The name must be free (IsTaken). For a missing team, old versions answer 500.
//
// PUT /api/teams/:id
func (o *OrgClient) UpdateTeam(ctx context.Context, id int64, p TeamProfile) error {
	return exec(ctx, o, put(p, "/api/teams/:id", id))
}

// DeleteTeam deletes a team, and what it was permitted.
//
// DELETE /api/teams/:id
func (o *OrgClient) DeleteTeam(ctx context.Context, id int64) error {
	return exec(ctx, o, del("/api/teams/:id", id))
}

// TeamPerson is a person in a team.
type TeamPerson struct {
	UserID int64  `json:"userId"`
	Login  string `json:"login"`
	Email  string `json:"email"`
	// Permission is TeamMember or TeamAdmin.
	Permission int `json:"permission"`
	// Labels name the identity provider that has put them there, if one has.
	Labels []string `json:"labels"`
}

func (m TeamPerson) complete() bool { return m.UserID > 0 }

// TeamMembers lists the people in a team; service accounts, which can be in one, are not among them. The list is also
// empty if there is no such team.
//
// GET /api/teams/:id/members
func (o *OrgClient) TeamMembers(ctx context.Context, id int64) ([]TeamPerson, error) {
	return do[list[TeamPerson]](ctx, o, get("/api/teams/:id/members", id))
}

// AddTeamMember puts a user into a team, as an ordinary member. One who is in it already stays as they are
// (IsTaken). Grafana takes the id of a service account as well, and people who are not in the organization: give it
// none that OrgMembers does not show.
//
// POST /api/teams/:id/members
func (o *OrgClient) AddTeamMember(ctx context.Context, id, userID int64) error {
	return exec(ctx, o, post(map[string]int64{"userId": userID}, "/api/teams/:id/members", id))
}

// SetTeamPermission makes somebody who is in a team a TeamMember or a TeamAdmin of it.
//
// PUT /api/teams/:id/members/:user
func (o *OrgClient) SetTeamPermission(ctx context.Context, id, userID int64, permission int) error {
	body := map[string]int{"permission": permission}
	return exec(ctx, o, put(body, "/api/teams/:id/members/:user", id, userID))
}

// RemoveTeamMember takes a user out of a team. If they are not in it, it does nothing.
//
// DELETE /api/teams/:id/members/:user
func (o *OrgClient) RemoveTeamMember(ctx context.Context, id, userID int64) error {
	return IgnoreNotFound(exec(ctx, o, del("/api/teams/:id/members/:user", id, userID)))
}

// TeamPreferences are defaults for the people in a team, with what only Grafana's pages set.
type TeamPreferences struct {
	Preferences

	QueryHistory json.RawMessage `json:"queryHistory,omitempty"`
	Navbar       json.RawMessage `json:"navbar,omitempty"`
}

// TeamPreferences returns the preferences of a team; none, if there is no such team.
//
// GET /api/teams/:id/preferences
func (o *OrgClient) TeamPreferences(ctx context.Context, id int64) (TeamPreferences, error) {
	return do[TeamPreferences](ctx, o, get("/api/teams/:id/preferences", id))
}

// SetTeamPreferences sets all preferences of a team; what is empty is taken off, but for the home dashboard, which
// stays then on Grafana 12. If one is refused, none is set. A home dashboard that does not exist is IsNotFound. Of a
// team that does not exist, Grafana keeps some as well.
//
// PUT /api/teams/:id/preferences
func (o *OrgClient) SetTeamPreferences(ctx context.Context, id int64, p TeamPreferences) error {
	return exec(ctx, o, put(p, "/api/teams/:id/preferences", id))
}
