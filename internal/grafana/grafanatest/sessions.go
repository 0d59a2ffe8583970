package grafanatest

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

const sessionLifetime = 30 * 24 * time.Hour

func (db *database) sessionOf(secret string) *session {
	for _, s := range db.sessions {
		if secret != "" && (s.secret == secret || s.previous == secret) {
			return s
		}
	}
	return nil
}

// previousLives is how long the secret before the last rotation can be used, if
// the new one has not been.
const previousLives = time.Minute

// valid says whether a session can be used with this secret of it, which must
// be fresh; the one before is good for a while, until its successor is first
// used.
func (s *session) valid(secret string, now time.Time, rotation time.Duration) bool {
	if secret != s.secret {
		return !s.seen && now.Sub(s.rotated) < previousLives
	}
	if now.Sub(s.rotated) >= rotation {
		return false
	}
	s.seen = true
	return true
}

// login is POST /login.
func login(c *call) *answer {
	if c.server.opts.DisableLoginForm {
		return failID(http.StatusBadRequest, "auth.client.notConfigured", "Bad Request")
	}
	var form struct{ User, Password string }
	if !c.bind(&form) || form.User == "" || form.Password == "" {
		return failID(http.StatusBadRequest, "form-auth.invalid", "bad login data")
	}
	u := c.db.checkPassword(form.User, form.Password, c.now, c.quirks)
	if u == nil {
		return failID(http.StatusUnauthorized, "password-auth.failed", "Invalid username or password")
	}
	if u.disabled {
		return failID(http.StatusUnauthorized, "identity.disabled", "Unauthorized")
	}
	c.db.lastSession++
	s := &session{
		id:      c.db.lastSession,
		userID:  u.id,
		secret:  c.db.text("0123456789abcdef", 32),
		created: c.now,
		rotated: c.now,
	}
	c.db.sessions[s.id] = s
	a := ok(obj{"message": "Logged in", "redirectUrl": "/"})
	c.setCookies(a, s)
	return a
}

// setCookies hands out a session.
func (c *call) setCookies(a *answer, s *session) {
	age := int(sessionLifetime / time.Second)
	expiry := s.rotated.Add(c.server.opts.SessionRotation).Add(-5 * time.Second).Unix()
	a.header.Add(
		"Set-Cookie",
		fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", sessionCookie, s.secret, age),
	)
	a.header.Add(
		"Set-Cookie",
		fmt.Sprintf("%s_expiry=%d; Path=/; Max-Age=%d; SameSite=Lax", sessionCookie, expiry, age),
	)
}

func clearCookies(a *answer) {
	a.header.Add("Set-Cookie", sessionCookie+"=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
	a.header.Add("Set-Cookie", sessionCookie+"_expiry=; Path=/; Max-Age=0; SameSite=Lax")
}

// logout is GET /logout.
func logout(c *call) *answer {
	if s := c.db.sessionOf(cookieOf(c.in.header)); s != nil {
		delete(c.db.sessions, s.id)
	}
	a := raw(http.StatusFound, "text/html; charset=utf-8", []byte("<a href=\"/login\">Found</a>.\n\n"))
	a.header.Set("Location", "/login")
	clearCookies(a)
	return a
}

// rotateSession is POST /api/user/auth-tokens/rotate.
func rotateSession(c *call) *answer {
	secret := cookieOf(c.in.header)
	s := c.db.sessionOf(secret)
	if s == nil {
		a := fail(http.StatusUnauthorized, "Unauthorized")
		if secret == "" {
			clearCookies(a)
		}
		return a
	}
	a := ok(obj{})
	if !c.quirks.rotatesFresh && c.now.Sub(s.rotated) < rotationGrace {
		return a
	}
	s.previous, s.secret, s.seen, s.rotated = s.secret, c.db.text("0123456789abcdef", 32), false, c.now
	c.setCookies(a, s)
	return a
}

// rotationGrace is the age below which a session is not rotated.
const rotationGrace = 5 * time.Second

func listSessions(c *call) *answer {
	out := []obj{}
	for _, s := range sorted(c.db.sessions, func(a, b *session) int { return cmp.Compare(a.id, b.id) }) {
		if c.who.user == nil || s.userID != c.who.user.id {
			continue
		}
		shown := obj{
			"id":             s.id,
			"isActive":       s == c.who.session,
			"clientIp":       "127.0.0.1",
			"device":         "Other",
			"os":             "Other",
			"osVersion":      "",
			"browser":        "Other",
			"browserVersion": "",
			"createdAt":      stamp(s.created),
			"seenAt":         stamp(s.rotated),
		}
		if c.quirks.newUserFields {
			shown["authModule"] = ""
		}
		out = append(out, shown)
	}
	return ok(out)
}
