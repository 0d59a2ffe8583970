package grafana

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	expiryCookie = "grafana_session_expiry"
	rotateID     = "session.token.rotate"
)

// credential authorizes one request. At most one of its parts is set.
type credential struct {
	bearer  Key
	basic   *BasicAuth
	cookies []*http.Cookie // a session's
	renewal int            // of the session, to tell whether it has been renewed since
	session string         // its id; empty: none
}

func (k credential) authorize(req *http.Request) {
	switch {
	case k.bearer != "":
		req.Header.Set("Authorization", "Bearer "+k.bearer.Reveal())
	case k.basic != nil:
		req.SetBasicAuth(k.basic.Username, k.basic.Password.Reveal())
	}
	for _, cookie := range k.cookies {
		req.AddCookie(cookie)
	}
}

// login keeps the Client's credential good.
type login struct {
	client *Client
	turn   chan struct{} // held while a login or a renewal is under way, so that there is one at a time

	mu      sync.Mutex // never held while something is sent
	basic   bool       // no sessions: not wanted, or Grafana has none
	cookies []*http.Cookie
	id      string    // changes with every login
	renewal int       // counts logins and renewals
	renewAt time.Time // zero: when Grafana asks for it
	denied  *LoginError
	closed  bool
}

func newLogin(c *Client) *login {
	return &login{
		client: c,
		turn:   make(chan struct{}, 1),
		basic:  c.cfg.BasicAuth != nil && !c.cfg.BasicAuth.Session,
	}
}

// credential returns what the next request is to be authorized with, logging in if need be.
func (l *login) credential(ctx context.Context) (credential, error) {
	if as, ok, err := l.ready(); ok || err != nil {
		return as, err
	}
	if err := l.takeTurn(ctx); err != nil {
		return credential{}, err
	}
	defer l.endTurn()
	return l.establish(ctx)
}

// ready returns a credential that is good as it is; false if something has to be sent first.
func (l *login) ready() (credential, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return credential{}, false, ErrClosed
	case l.client.cfg.Token != "":
		return credential{bearer: l.client.cfg.Token}, true, nil
	case l.denied != nil:
		return credential{}, false, l.denied
	case l.basic:
		return credential{basic: l.client.cfg.BasicAuth}, true, nil
	}
	as := credential{cookies: l.cookies, renewal: l.renewal, session: l.id}
	due := !l.renewAt.IsZero() && !l.client.cfg.Now().Before(l.renewAt)
	return as, l.cookies != nil && !due, nil
}

func (l *login) takeTurn(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return l.failed(&noAnswer{method: http.MethodPost, path: "/login", err: context.Cause(ctx)})
	}
}

func (l *login) endTurn() { <-l.turn }

// establish returns a good credential. The caller has the turn.
func (l *login) establish(ctx context.Context) (credential, error) {
	as, ok, err := l.ready()
	if ok || err != nil {
		return as, err
	}
	if as.cookies != nil { // due for renewal, and good until then
		if _, err := l.rotate(ctx, as); IsUnauthorized(err) {
			l.forget()
		}
	}
	if as, ok, err := l.ready(); ok || err != nil {
		return as, err
	}
	if err := l.logIn(ctx); err != nil {
		return credential{}, err
	}
	as, _, err = l.ready()
	return as, err
}

// refused makes up for a credential that was answered with 401, if that can be done.
func (l *login) refused(ctx context.Context, used credential, a answer) (credential, error) {
	if used.bearer != "" {
		return used, a.asError()
	}
	if err := l.takeTurn(ctx); err != nil {
		return used, err
	}
	defer l.endTurn()
	if used.basic != nil {
		return used, l.passwordRefused(ctx, used, a)
	}
	if l.isCurrent(used) {
		renewed := false
		if a.asError().MessageID == rotateID {
			var err error
			renewed, err = l.rotate(ctx, used)
			if err != nil && !IsUnauthorized(err) {
				return used, l.failed(err)
			}
		}
		if !renewed {
			l.forget()
		}
	}
	return l.establish(ctx)
}

// passwordRefused is what a 401 to basic auth means. Of a password that it refuses Grafana says so by a messageId, but
// not where anonymous access is on: then the password is asked about once, where nobody gets in without one, since each
// that is refused brings the login nearer to being locked. The caller has the turn.
func (l *login) passwordRefused(ctx context.Context, used credential, a answer) error {
	if _, _, err := l.ready(); err != nil {
		return err
	}
	e := a.asError()
	if e.MessageID != "" {
		return l.deny(a)
	}
	own, err := l.client.send(ctx, get("/api/user"), used)
	if err == nil && own.status == http.StatusUnauthorized && own.refusesCredential() {
		return l.deny(a)
	}
	return e
}

// logIn begins a session, or finds out that there are none. Only Grafana's own 400 and a 404 of anybody's, who
// does not let the route through, mean that: to try a refused password once more as basic auth would only lock
// the login out sooner.
func (l *login) logIn(ctx context.Context) error {
	basic := l.client.cfg.BasicAuth
	body := map[string]string{"user": basic.Username, "password": basic.Password.Reveal()}
	r := post(body, "/login")
	r.bare = true
	a, err := l.client.send(ctx, r, credential{})
	switch {
	case err != nil:
		return l.failed(err)
	case a.refusesCredential():
		return l.deny(a)
	case a.status == http.StatusBadRequest && !IsNotGrafana(a.asError()), a.status == http.StatusNotFound:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.basic = true
		return nil
	case a.status != http.StatusOK:
		return l.failed(a.asError())
	}
	if _, err := decode[map[string]json.RawMessage](a); err != nil {
		return l.failed(err)
	}
	if !l.keep(a, nil, rand.Text()) {
		return l.failed(a.unreadable())
	}
	return nil
}

// rotate renews the session; false if Grafana saw no need to.
func (l *login) rotate(ctx context.Context, as credential) (bool, error) {
	l.mu.Lock()
	l.renewAt = time.Time{} // if it fails, Grafana will ask
	id := l.id
	l.mu.Unlock()
	r := post(nil, "/api/user/auth-tokens/rotate")
	r.bare = true
	a, err := l.client.send(ctx, r, as)
	if err != nil {
		return false, err
	}
	if a.status != http.StatusOK {
		return false, a.asError()
	}
	return l.keep(a, as.cookies, id), nil
}

// keep takes over the cookies that a sets, on top of those there were; false if it sets none. The name
// of the session's own cookie is a setting of Grafana, and a proxy may add some of its own.
func (l *login) keep(a answer, old []*http.Cookie, id string) bool {
	var lifetime time.Duration
	var cookies []*http.Cookie
	set := map[string]bool{}
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		switch {
		case cookie.Name == expiryCookie:
			at, _ := strconv.ParseInt(cookie.Value, 10, 64)
			lifetime = time.Unix(at, 0).Sub(a.at)
		case cookie.Value != "" && cookie.MaxAge >= 0:
			cookies = append(cookies, &http.Cookie{Name: cookie.Name, Value: cookie.Value})
		}
		set[cookie.Name] = true
	}
	if len(cookies) == 0 {
		return false
	}
	for _, cookie := range old {
		if !set[cookie.Name] {
			cookies = append(cookies, cookie)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cookies, l.id, l.renewAt = cookies, id, time.Time{}
	l.renewal++
	if lifetime > 0 { // otherwise our clock is ahead of Grafana's, which will ask
		l.renewAt = a.at.Add(lifetime - lifetime/10)
	}
	return true
}

func (l *login) isCurrent(as credential) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewal == as.renewal
}

func (l *login) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cookies, l.id, l.renewAt = nil, "", time.Time{}
}

func (l *login) failed(err error) error {
	return &LoginError{URL: l.client.base, Err: err}
}

// deny remembers that the password was refused.
func (l *login) deny(a answer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denied = &LoginError{URL: l.client.base, Err: a.asError()}
	return l.denied
}

func (l *login) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.denied = nil
}

func (l *login) sessionID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// close ends the session.
func (l *login) close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	if err := l.takeTurn(ctx); err != nil { // a login that is under way leaves a session, too
		return err
	}
	defer l.endTurn()
	l.mu.Lock()
	as := credential{cookies: l.cookies}
	l.mu.Unlock()
	l.forget()
	if as.cookies == nil {
		return nil
	}
	r := get("/logout")
	r.bare = true
	a, err := l.client.send(ctx, r, as)
	if err != nil {
		return err
	}
	if a.status >= 400 {
		return a.asError()
	}
	return nil
}
