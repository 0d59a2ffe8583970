package grafana

import "context"

// User is a person who can log in to Grafana.
type User struct {
	// ID is 0 for a service account.
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Email string `json:"email"`
	// Name that Grafana shows.
	Name           string `json:"name"`
	IsGrafanaAdmin bool   `json:"isGrafanaAdmin"`
	// IsDisabled says that the user cannot log in. Old versions do not tell it in LookupUser.
	IsDisabled bool `json:"isDisabled"`
	// UID that Grafana drew for the user. Old versions give none to the first one.
	UID string `json:"uid"`
	// CreatedAt is when the user was made, in whole seconds. A restored database has what it had.
	CreatedAt string `json:"createdAt"`
	// IsExternallySynced says that an identity provider decides in which organizations the user is, as what.
	// LookupUser does not tell.
	IsExternallySynced bool `json:"isExternallySynced"`
	// AuthLabels name the identity providers that the user has come by; nil: not told, as by LookupUser in old
	// versions.
	AuthLabels []string `json:"authLabels"`
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

// UserByID returns the user of this Grafana with this id. Service accounts are no users (IsNotFound).
//
// GET /api/users/:id
func (o *OrgClient) UserByID(ctx context.Context, id int64) (User, error) {
	return do[User](ctx, o, get("/api/users/:id", id))
}

// LookupUser returns the user of this Grafana whose login or e-mail address this is, whether a member of the
// organization or not. Grafana does not mind the case, nor, in some databases, accents: compare what comes back.
// Service accounts are no users (IsNotFound).
//
// GET /api/users/lookup
func (o *OrgClient) LookupUser(ctx context.Context, loginOrEmail string) (User, error) {
	return do[User](ctx, o, get("/api/users/lookup").with("loginOrEmail", loginOrEmail))
}
