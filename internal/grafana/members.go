package grafana

import "context"

// Member is a person's membership of an organization.
type Member struct {
	UserID int64  `json:"userId"`
	Login  string `json:"login"`
	// Role is None, Viewer, Editor or Admin.
	Role string `json:"role"`
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

// JoinOrg makes the user a member of the organization. If they are one already, it does nothing, and
// their role stays.
//
// POST /api/orgs/:id/users
func (c *Client) JoinOrg(ctx context.Context, id int64, loginOrEmail, role string) error {
	body := map[string]string{"loginOrEmail": loginOrEmail, "role": role}
	err := exec(ctx, c, post(body, "/api/orgs/:id/users", id))
	if IsTaken(err) {
		return nil
	}
	return err
}

// RemoveMember ends the user's membership of the organization; the user stays, even without any other. If
// they are no member, it does nothing. The last Admin cannot be removed (IsLastAdmin); one that is a
// service account counts. For a user or organization that does not exist Grafana answers 500.
//
// DELETE /api/orgs/:id/users/:user
func (c *Client) RemoveMember(ctx context.Context, id, userID int64) error {
	return exec(ctx, c, del("/api/orgs/:id/users/:user", id, userID))
}
