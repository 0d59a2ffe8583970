package grafana

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
func (o *OrgClient) CreateToken(
	ctx context.Context,
	serviceAccountID int64,
	name string,
	ttl time.Duration,
) (NewToken, error) {
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

// ofLifetime tells the refusals of a lifetime, which have no messageId, from others, such as that of a
// managed service whose service accounts have all the tokens that they may have.
func ofLifetime(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.MessageID != "" {
		return err
	}
	named := *e
	switch {
	case !e.text && strings.Contains(e.Message, "seconds before expiration"):
		named.MessageID = MaxSecondsToLive
	case e.text && strings.Contains(e.Message, "expiration date"):
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

// ProveKey asks whether Grafana accepts a key of this organization. If it does not, the error is
// IsUnauthorized; any other error says nothing about the key.
//
// It is asked for another organization, which Grafana refuses once it has found the key to be alive, and
// before it looks up what the key may see. That would be kept for a minute (Grafana 10: ten seconds), in
// which whoever has the key or, since Grafana 12, its role would not see new dashboards.
//
// GET /api/access-control/user/permissions
func (o *OrgClient) ProveKey(ctx context.Context, key Key) error {
	err := o.knock(ctx, credential{bearer: key})
	switch {
	case err == nil:
		return &Error{Method: http.MethodGet, Path: knockRoute, Status: http.StatusUnauthorized, MessageID: WrongOrg,
			Message: fmt.Sprintf("the key is not one of organization %d", o.id)}
	case identified(err, WrongOrg):
		return nil
	case unexplained(err) && unexplained(o.knock(ctx, credential{})): // nor does it to somebody without any key
		return fmt.Errorf("%w (%s)", ErrUnexplained, err.Error()) // not wrapped: it is no refusal of this key
	}
	return err
}

// WrongOrg is Grafana's word for a key that is alive, in a request to another organization than its own.
const WrongOrg = "api-key.organization-mismatch"

// ErrUnexplained is what ProveKey returns where Grafana does not say why it refuses somebody, as with
// anonymous access.
var ErrUnexplained = errors.New("Grafana does not tell a good key from none")

const knockRoute = "/api/access-control/user/permissions"

// knock asks something for an organization in which the key is not.
func (o *OrgClient) knock(ctx context.Context, as credential) error {
	r := get(knockRoute)
	r.as = &as
	_, err := do[grants](ctx, o.client.Org(o.id+1), r)
	return err
}

// grants are what somebody may do, and on what.
type grants map[string][]string

// complete needs one, or any empty object would do.
func (g grants) complete() bool {
	for action := range g {
		if !strings.Contains(action, ":") {
			return false
		}
	}
	return len(g) > 0
}

// unexplained reports whether somebody was refused without a reason.
func unexplained(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && e.MessageID == ""
}
