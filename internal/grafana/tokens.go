package grafana

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Token is a token of a service account, without its key.
type Token struct {
	ID int64 `json:"id"`
	// Name is unique in the organization, and never changes.
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Expiration is nil for a token that never expires.
	Expiration *time.Time `json:"expiration"`
	HasExpired bool       `json:"hasExpired"`
	// SecondsUntilExpiration is told by Grafana's own clock, for tokens with less than seven days left;
	// else it is 0.
	SecondsUntilExpiration float64 `json:"secondsUntilExpiration"`
	// IsRevoked: Grafana found the key in public and refuses it.
	IsRevoked bool `json:"isRevoked"`
}

func (t Token) complete() bool { return t.ID > 0 }

// Left is how long the token has until it expires, by Grafana's clock; now is what that showed when
// the token was listed. Of a token that never expires it is meaningless.
func (t Token) Left(now time.Time) time.Duration {
	switch {
	case t.Expiration == nil || t.HasExpired:
		return 0
	case t.SecondsUntilExpiration > 0:
		return time.Duration(t.SecondsUntilExpiration * float64(time.Second))
	}
	return t.Expiration.Sub(now)
}

// NewToken is a token that has just been made. Its key is told this once.
type NewToken struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Key  Key    `json:"key"`
}

func (t NewToken) complete() bool { return t.ID > 0 }

// Tokens lists the service account's tokens, expired and revoked ones too, at most 300. The list is
// also empty if there is no such service account.
//
// GET /api/serviceaccounts/:id/tokens
func (o *OrgClient) Tokens(ctx context.Context, serviceAccountID int64) ([]Token, error) {
	return do[list[Token]](ctx, o, get("/api/serviceaccounts/:id/tokens", serviceAccountID))
}

type tokenRequest struct {
	Name          string `json:"name"`
	SecondsToLive int64  `json:"secondsToLive"`
}

// CreateToken makes a token that lives for ttl, rounded up to whole seconds; 0: for ever. The name must
// be free in the organization (IsTaken), and ttl within what Grafana allows (IsLifetimeRefused). If the
// key in the answer is damaged, the error's MessageID is BadKey, and the NewToken says which token has
// lost its key.
//
// POST /api/serviceaccounts/:id/tokens
func (o *OrgClient) CreateToken(ctx context.Context, serviceAccountID int64, name string, ttl time.Duration) (NewToken, error) {
	if ttl < 0 {
		return NewToken{}, fmt.Errorf("a token cannot live for %s", ttl)
	}
	body := tokenRequest{Name: name, SecondsToLive: int64((ttl + time.Second - 1) / time.Second)}
	r := post(body, "/api/serviceaccounts/:id/tokens", serviceAccountID)
	token, err := do[NewToken](ctx, o, r)
	if err != nil {
		return token, ofLifetime(err)
	}
	if token.Key.intact() {
		return token, nil
	}
	path, _ := r.path()
	return NewToken{ID: token.ID, Name: token.Name}, &Error{
		Method: r.method, Path: path, Status: 200, MessageID: BadKey,
		Message: fmt.Sprintf("the key of token %d (%q) did not arrive whole and is of no use", token.ID, token.Name),
	}
}

// ofLifetime tells the refusals of a lifetime, which have no messageId, from others: the one limit
// answers in JSON, the other in plain text.
func ofLifetime(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.MessageID != "" {
		return err
	}
	named := *e
	named.MessageID = MaxSecondsToLive
	if e.text {
		named.MessageID = ExpirationDayLimit
	}
	return &named
}

// DeleteToken revokes the token at once.
//
// DELETE /api/serviceaccounts/:id/tokens/:token
func (o *OrgClient) DeleteToken(ctx context.Context, serviceAccountID, tokenID int64) error {
	return exec(ctx, o, del("/api/serviceaccounts/:id/tokens/:token", serviceAccountID, tokenID))
}

// ProveKey checks that a key is alive and of this organization. If not, the error is IsUnauthorized. A
// key of any role passes.
//
// GET /api/access-control/user/permissions
func (o *OrgClient) ProveKey(ctx context.Context, key Key) error {
	r := get("/api/access-control/user/permissions")
	r.as = &credential{bearer: key}
	return exec(ctx, o, r)
}
