package grafanatest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// shownTokens is the most that a list of tokens shows.
const shownTokens = 300

// tokensOf are a service account's tokens, by name.
func (db *database) tokensOf(accountID int64) []*token {
	var out []*token
	for _, t := range db.tokens {
		if t.accountID == accountID {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *token) int { return strings.Compare(a.name, b.name) })
	return out
}

func listTokens(c *call) *answer {
	u, a := c.account()
	if a != nil && a.status != http.StatusNotFound {
		return a
	}
	out := []obj{}
	if u == nil {
		return ok(out)
	}
	for _, t := range page(c.db.tokensOf(u.id), shownTokens, 0) {
		out = append(out, t.show(c.now))
	}
	return ok(out)
}

func (t *token) show(now time.Time) obj {
	shown := obj{
		"id":                     t.id,
		"name":                   t.name,
		"created":                stamp(t.created),
		"lastUsedAt":             nil,
		"expiration":             nil,
		"secondsUntilExpiration": 0,
		"hasExpired":             t.expired(now),
		"isRevoked":              t.revoked,
	}
	if t.used != nil {
		shown["lastUsedAt"] = stamp(*t.used)
	}
	if t.expires != nil {
		shown["expiration"] = stamp(*t.expires)
		if left := t.expires.Sub(now); left > 0 && left < 7*24*time.Hour {
			shown["secondsUntilExpiration"] = left.Seconds()
		}
	}
	return shown
}

func createToken(c *call) *answer {
	var body struct {
		Name          string
		SecondsToLive int64
	}
	if c.id("account") == 0 && !c.quirks.accountsByUID {
		return fail(http.StatusBadRequest, "Service Account ID is invalid")
	}
	u, a := c.account()
	if a != nil {
		return a
	}
	if !c.bind(&body) || body.Name == "" {
		return badAccount()
	}
	if a := c.checkTTL(body.SecondsToLive); a != nil {
		return a
	}
	for _, t := range c.db.tokens {
		if t.orgID == u.orgID && c.db.kind.same(t.name, body.Name) {
			return failID(http.StatusBadRequest, "serviceaccounts.ErrTokenAlreadyExists",
				"service account token with given name already exists in the organization")
		}
	}
	if body.SecondsToLive < 0 {
		return failID(http.StatusBadRequest, "serviceaccounts.ErrInvalidInput", "invalid SecondsToLive value")
	}
	kept := body.Name
	if !c.fits(&kept, nameLength) {
		return fail(http.StatusInternalServerError, "failed to add service account token")
	}
	t := c.issue(u, kept, time.Duration(body.SecondsToLive)*time.Second)
	return ok(obj{"id": t.id, "name": body.Name, "key": t.key})
}

// checkTTL holds a time to live against the server's limits.
func (c *call) checkTTL(seconds int64) *answer {
	opts := c.server.opts
	if most := opts.MaxSecondsToLive; most > 0 {
		if seconds == 0 {
			return fail(http.StatusBadRequest, "Number of seconds before expiration should be set")
		}
		if seconds > most {
			return fail(http.StatusBadRequest, "Number of seconds before expiration is greater than the global limit")
		}
	}
	if days := opts.TokenExpirationDayLimit; days > 0 {
		if seconds == 0 && c.quirks.limitNeedsExpiry {
			return raw(
				http.StatusBadRequest,
				"text/plain; charset=utf-8",
				[]byte(
					"Cannot create token with no expiration date when service_accounts.token_expiration_day_limit "+
						"is set",
				),
			)
		}
		if seconds > int64(days)*24*3600 {
			return raw(
				http.StatusBadRequest,
				"text/plain; charset=utf-8",
				[]byte("The expiration date input exceeds the limit for service account access tokens expiration date"),
			)
		}
	}
	return nil
}

// issue makes a token. Grafana keeps only whole seconds of its times.
func (c *call) issue(u *user, name string, ttl time.Duration) *token {
	c.db.lastKey++
	created := c.now.Truncate(time.Second)
	t := &token{id: c.db.lastKey, orgID: u.orgID, accountID: u.id, name: name, created: created}
	t.key = "glsa_" + c.db.text(alphabet, 32)
	t.key += "_" + checksum(t.key)
	if ttl > 0 {
		at := created.Add(ttl)
		t.expires = &at
	}
	c.db.tokens[t.id] = t
	c.server.keys = append(c.server.keys, t.key)
	return t
}

func deleteToken(c *call) *answer {
	u, a := c.account()
	if a != nil {
		return a
	}
	t := c.db.tokens[c.id("token")]
	if t == nil || t.accountID != u.id {
		return failID(http.StatusNotFound, "serviceaccounts.ErrTokenNotFound", "service account token not found")
	}
	delete(c.db.tokens, t.id)
	return done("Service account token deleted")
}
