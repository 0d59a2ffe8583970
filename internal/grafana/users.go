package grafana

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// NewUser is a person's login that is to be made.
type NewUser struct {
	Login    string `json:"login"`
	Email    string `json:"email,omitempty"`
	Name     string `json:"name,omitempty"`
	Password Key    `json:"-"`
}

// Profile is what UpdateUser sets. All of it is sent, since Grafana would have a login that is left out be the
// address. What is empty stays as it is.
type Profile struct {
	Login string `json:"login"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// CreatedUser says whom CreateUser has made.
type CreatedUser struct {
	ID int64 `json:"id"`
	// UID that Grafana drew for the user; empty: an old version, which tells it only when asked.
	UID string `json:"uid"`
}

func (c CreatedUser) complete() bool { return c.ID > 0 }

// CreateUser makes a login. It is in the main organization then, or wherever Grafana's settings put new users. Login
// and address must be free, in any case (IsTaken).
//
// POST /api/admin/users
func (c *Client) CreateUser(ctx context.Context, user NewUser) (CreatedUser, error) {
	body := map[string]string{
		"login": user.Login, "email": user.Email, "name": user.Name, "password": user.Password.Reveal(),
	}
	return do[CreatedUser](ctx, c, post(body, "/api/admin/users"))
}

// UpdateUser sets login, address and display name. A login or address that is taken is a 500, as is, on Grafana 12, a
// user who does not exist; before, that is a success: look for them first.
//
// PUT /api/users/:id
func (c *Client) UpdateUser(ctx context.Context, id int64, p Profile) error {
	return exec(ctx, c, put(p, "/api/users/:id", id))
}

// SetUserPassword sets the password and ends the user's sessions. One of less than four characters, or against
// Grafana's policy, is a 500 (IsPasswordUnset).
//
// PUT /api/admin/users/:id/password
func (c *Client) SetUserPassword(ctx context.Context, id int64, password Key) error {
	body := map[string]string{"password": password.Reveal()}
	return exec(ctx, c, put(body, "/api/admin/users/:id/password", id))
}

// IsPasswordUnset reports whether Grafana did not set a password and keeps to itself why: to one that is too short, or
// does not meet its policy, it says no more than to a failure of its own.
func IsPasswordUnset(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.route == "/api/admin/users/:id/password" && !e.isForeign() &&
		e.Status == http.StatusInternalServerError
}

// IsPasswordFixed reports whether a password was refused by a Grafana that changes nobody's (Settings.PasswordsFixed).
func IsPasswordFixed(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.route == "/api/admin/users/:id/password" && !e.isForeign() &&
		e.Status == http.StatusForbidden && strings.Contains(e.Message, "login form is disabled")
}

// SetServerAdmin makes the user a server admin, or one no more. The last one stays (IsLastAdmin). Of a user who does
// not exist, old versions say that it was done.
//
// PUT /api/admin/users/:id/permissions
func (c *Client) SetServerAdmin(ctx context.Context, id int64, admin bool) error {
	return exec(ctx, c, put(map[string]bool{"isGrafanaAdmin": admin}, "/api/admin/users/:id/permissions", id))
}

// SetUserDisabled locks the user out, whose sessions end at once, or lets them in again.
//
// POST /api/admin/users/:id/disable, /enable
func (c *Client) SetUserDisabled(ctx context.Context, id int64, disabled bool) error {
	if disabled {
		return exec(ctx, c, post(struct{}{}, "/api/admin/users/:id/disable", id))
	}
	return exec(ctx, c, post(struct{}{}, "/api/admin/users/:id/enable", id))
}

// DeleteUser deletes the login for good, the last server admin's as well.
//
// DELETE /api/admin/users/:id
func (c *Client) DeleteUser(ctx context.Context, id int64) error {
	return exec(ctx, c, del("/api/admin/users/:id", id))
}

// ListedUser is a user as lists show them.
type ListedUser struct {
	ID         int64    `json:"id"`
	Login      string   `json:"login"`
	Email      string   `json:"email"`
	Name       string   `json:"name"`
	IsAdmin    bool     `json:"isAdmin"`
	IsDisabled bool     `json:"isDisabled"`
	AuthLabels []string `json:"authLabels"`
}

type userPage struct {
	TotalCount *int         `json:"totalCount"`
	Users      []ListedUser `json:"users"`
}

func (p userPage) complete() bool { return p.TotalCount != nil }

// SearchUsers lists the users of this Grafana whose login, address or name contains query; "": all. Grafana takes % and
// _ in it as wildcards and does not mind the case: compare what comes back.
//
// GET /api/users/search
func (c *Client) SearchUsers(ctx context.Context, query string) ([]ListedUser, error) {
	var found []ListedUser
	r := get("/api/users/search").with("query", query).with("perpage", wholeList)
	for page := 1; ; page++ {
		answer, err := do[userPage](ctx, c, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, err
		}
		found = append(found, answer.Users...)
		if len(answer.Users) == 0 || len(found) >= *answer.TotalCount {
			return found, nil
		}
	}
}
