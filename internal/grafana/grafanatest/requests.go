package grafanatest

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one request as the log keeps it. No credential is ever in it: the
// Authorization header and cookies are left out, passwords in bodies replaced.
type Request struct {
	N      int // running number since the server began, from 1
	Time   time.Time
	Method string
	Path   string // as sent, still escaped
	Route  string // the pattern it matches, "/api/orgs/:id"; "" if none
	Query  url.Values
	OrgID  int64  // of the X-Grafana-Org-Id header; 0: none, or none that is a number
	Auth   string // "basic", "session", "token", "none"
	Login  string // the login that the credential names; "" if unknown
	Agent  string // the User-Agent header
	Status int    // of the answer; 0 while there is none
	Body   []byte
}

// requestLog keeps what was asked.
type requestLog struct {
	mu        sync.Mutex
	n         int
	countOnly bool
	entries   []*Request
	counts    Counts
}

// add numbers r, counts and keeps it, and returns a copy that the caller may
// hand out.
func (l *requestLog) add(r Request) *Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	r.N = l.n
	l.counts.add(&r)
	if l.countOnly {
		return &r
	}
	l.entries = append(l.entries, &r)
	shown := r
	return &shown
}

// arrived is the number of the last request.
func (l *requestLog) arrived() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// finish records the status of the answer to r.
func (l *requestLog) finish(r *Request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range slices.Backward(l.entries) {
		if e.N == r.N {
			e.Status = status
			return
		}
	}
}

// Requests returns what was asked since the server began or ResetLog was
// called, in order of arrival.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	out := make([]Request, len(s.log.entries))
	for i, e := range s.log.entries {
		out[i] = *e
	}
	return out
}

// ResetLog forgets what was asked. Numbers go on, and so do Counts.
func (s *Server) ResetLog() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.entries = nil
}

// describe says what the log may know of a request.
func (s *Server) describe(in inbound) Request {
	route, _ := s.router.match(in.method, in.url.EscapedPath())
	r := Request{
		Time: s.opts.Now(), Method: in.method, Path: in.url.EscapedPath(), Query: in.url.Query(),
		OrgID: orgHeader(in.header), Agent: in.header.Get("User-Agent"), Body: withoutPasswords(in.body),
	}
	if route != nil {
		r.Route = route.pattern
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Auth, r.Login = s.nameCredential(in.header)
	return r
}

// withoutPasswords returns a copy of a body without the passwords in it.
func withoutPasswords(body []byte) []byte {
	if lower := strings.ToLower(string(body)); !strings.Contains(lower, "password") &&
		!strings.Contains(lower, "securejsondata") {
		return slices.Clone(body)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return []byte("***")
	}
	for k := range fields {
		if lower := strings.ToLower(k); strings.Contains(lower, "password") || lower == "securejsondata" {
			fields[k] = json.RawMessage(`"***"`)
		}
	}
	clean, err := json.Marshal(fields)
	if err != nil {
		return []byte("***")
	}
	return clean
}
