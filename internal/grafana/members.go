package grafana

import "context"

// Member is a person's membership of an organization.
type Member struct {
	UserID int64  `json:"userId"`
	Login  string `json:"login"`
	Email  string `json:"email"`
	// Role is None, Viewer, Editor or Admin.
	Role string `json:"role"`
	// IsExternallySynced says that an identity provider decides about the role.
	IsExternallySynced bool `json:"isExternallySynced"`
}

func (m Member) complete() bool { return m.UserID > 0 }

// OrgMembers lists the members of the organization who are people; service accounts are not among them.
// The list is also empty if there is no such organization.
//
// GET /api/orgs/:id/users
func (c *Client) OrgMembers(ctx context.Context, id int64) ([]Member, error) {
	// Grafana 10 shows only what the login may see in the organization that the request acts in.
	return do[list[Member]](ctx, c.Org(id), get("/api/orgs/:id/users", id))
}

// AddMember makes the user whose login or e-mail address this is, in any case, a member of the organization,
// and returns their id. Of one who is a member already the role stays (IsTaken); a service account is no user
// (IsNotFound).
//
// POST /api/orgs/:id/users
func (c *Client) AddMember(ctx context.Context, id int64, loginOrEmail, role string) (int64, error) {
	body := map[string]string{"loginOrEmail": loginOrEmail, "role": role}
	added, err := do[addedMember](ctx, c, post(body, "/api/orgs/:id/users", id))
	return added.UserID, err
}

type addedMember struct {
	UserID int64 `json:"userId"`
}

func (a addedMember) complete() bool { return a.UserID > 0 }

// JoinOrg makes the user a member of the organization. If they are one already, it does nothing, and
// their role stays.
//
// POST /api/orgs/:id/users
func (c *Client) JoinOrg(ctx context.Context, id int64, loginOrEmail, role string) error {
	_, err := c.AddMember(ctx, id, loginOrEmail, role)
	if IsTaken(err) {
		return nil
	}
	return err
}

// SetMemberRole gives a member of the organization another role. Grafana takes the id of a service account,
// too: give it none that OrgMembers does not show. The role of the last Admin cannot be changed (IsLastAdmin).
// For somebody who is no member Grafana answers 500.
//
// PATCH /api/orgs/:id/users/:user
func (c *Client) SetMemberRole(ctx context.Context, id, userID int64, role string) error {
	return exec(ctx, c, patch(map[string]string{"role": role}, "/api/orgs/:id/users/:user", id, userID))
}

// RemoveMember ends the user's membership of the organization; the user stays, even without any other. If
// they are no member, it does nothing. The last Admin cannot be removed (IsLastAdmin); one that is a
// service account counts. For a user or organization that does not exist Grafana answers 500.
//
// DELETE /api/orgs/:id/users/:user
func (c *Client) RemoveMember(ctx context.Context, id, userID int64) error {
	return exec(ctx, c, del("/api/orgs/:id/users/:user", id, userID))
}
