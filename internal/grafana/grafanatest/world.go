package grafanatest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"
)

// ResetDatabase makes it an empty Grafana again: ids count from 1, sessions,
// tokens and lockouts are forgotten. What was issued before is worth nothing.
// The first user is a new one: to start anew takes more than a second.
func (s *Server) ResetDatabase() {
	s.memoryOnly("the database is reset")
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := newDatabase(s.opts, s.quirks, s.log.arrived)
	fresh.random = s.db.random // no key or uid comes twice
	if first := s.db.users[1]; first != nil {
		fresh.users[1].notBefore(first.created.Add(time.Second))
	}
	s.db = fresh
}

// notBefore has the user made then, or later.
func (u *user) notBefore(t time.Time) {
	if u.created.Before(t) {
		u.created, u.updated = t, t
	}
}

// Snapshot is a copy of a server's database.
type Snapshot struct{ db *database }

// Snapshot copies the database.
func (s *Server) Snapshot() Snapshot {
	s.memoryOnly("a backup is restored")
	s.mu.Lock()
	defer s.mu.Unlock()
	return Snapshot{s.db.clone()}
}

// Restore puts the database back to what it was. A snapshot can be restored
// more than once.
func (s *Server) Restore(snap Snapshot) {
	s.memoryOnly("a backup is restored")
	s.mu.Lock()
	defer s.mu.Unlock()
	random := s.db.random
	s.db = snap.db.clone()
	s.db.random = random
}

// EndSessions ends all sessions.
func (s *Server) EndSessions() {
	if s.real != nil {
		s.real.endSessions()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.db.sessions)
}

// LockOut makes a login refuse even the right password for the next five
// minutes, as five wrong ones would have.
func (s *Server) LockOut(login string) {
	s.memoryOnly("a login is locked out")
	s.mu.Lock()
	defer s.mu.Unlock()
	for range maxAttempts {
		s.db.noteAttempt(login, s.opts.Now())
	}
}

// LetsAnybodyIn says whether there is anonymous access: then nobody is told why a credential is refused.
func (s *Server) LetsAnybodyIn() bool {
	if s.real != nil {
		return s.real.anybody
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options.anonymous
}

// WantFlatFolders skips the test if folders in folders are switched on in a real Grafana.
func (s *Server) WantFlatFolders() {
	if s.real != nil && s.real.nested {
		s.real.tb.Helper()
		NotOnReal(s.real.tb, "nested folders are on")
	}
}

// SetAnonymous enables or disables anonymous access.
func (s *Server) SetAnonymous(on bool) {
	s.memoryOnly("a setting changes")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.anonymous = on
}

// SetQuotas enables or disables quotas.
func (s *Server) SetQuotas(on bool) {
	s.memoryOnly("a setting changes")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.quotas = on
}

// SetStarting makes it a Grafana that has started a moment ago: /api/health says
// that all is well, and what is behind /apis is not served yet.
func (s *Server) SetStarting(starting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.starting = starting
}

// SetPassword changes a user's password. It panics if there is no such user.
func (s *Server) SetPassword(login, password string) {
	if s.real != nil {
		s.real.setPassword(login, password)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.db.person(login)
	if u == nil {
		panic("grafanatest: no user " + login)
	}
	u.password = password
}

// SignInExternally has a user come by an identity provider, which decides from then on in which organizations
// they are: in org 1, and in none beside it.
func (s *Server) SignInExternally(login string) {
	s.memoryOnly("somebody comes by an identity provider")
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.db.person(login)
	if u == nil {
		panic("grafanatest: no user " + login)
	}
	u.external = true
	for _, o := range s.db.orgs {
		if o.id != 1 {
			delete(o.members, u.id)
		}
	}
}

// RevokeToken revokes a token as secret scanning does: it stays listed, with
// isRevoked true, and its key is refused. It panics if there is no such token.
func (s *Server) RevokeToken(orgID, tokenID int64) {
	s.memoryOnly("Grafana itself revokes a token")
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.db.tokens[tokenID]
	if t == nil || t.orgID != orgID {
		panic(fmt.Sprintf("grafanatest: no token %d in org %d", tokenID, orgID))
	}
	t.revoked = true
}

// Do sends a request as a person would who is server admin and, where one is
// needed, admin of the org: through the real handlers, but past faults and the
// log. orgID 0 sends no X-Grafana-Org-Id; body nil sends none, a string or
// []byte is sent as it is, and anything else as JSON. It panics on a bad path
// or body.
func (s *Server) Do(method, path string, orgID int64, body any) (status int, answer []byte) {
	u, err := url.Parse(path)
	if err != nil {
		panic("grafanatest: " + err.Error())
	}
	h := http.Header{}
	if orgID != 0 {
		h.Set("X-Grafana-Org-Id", fmt.Sprint(orgID))
	}
	var content []byte
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	case []byte:
		content = b
	default:
		if content, err = json.Marshal(body); err != nil {
			panic("grafanatest: " + err.Error())
		}
	}
	if body != nil {
		h.Set("Content-Type", "application/json")
	}
	a := s.handle(
		inbound{
			ctx:     context.Background(),
			method:  method,
			url:     u,
			header:  h,
			body:    content,
			hidden:  true,
			arrival: math.MaxInt,
		},
	)
	return a.status, a.body
}
