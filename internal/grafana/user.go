package grafana

import "context"

// User is a person who can log in to Grafana.
type User struct {
	// ID is 0 for a service account.
	ID    int64  `json:"id"`
	Login string `json:"login"`
	// UID that Grafana drew for the user. Old versions give none to the first one.
	UID string `json:"uid"`
	// CreatedAt is when the user was made, in whole seconds. A restored database has what it had.
	CreatedAt string `json:"createdAt"`
}

func (u User) complete() bool { return u.Login != "" }

// Me returns the user whose login the Client has. With a token, some versions refuse it (IsForbidden).
//
// GET /api/user
func (c *Client) Me(ctx context.Context) (User, error) {
	r := get("/api/user")
	r.spare = true
	return do[User](ctx, c, r)
}
