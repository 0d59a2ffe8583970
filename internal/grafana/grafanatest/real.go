package grafanatest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Real is a Grafana that is really there, and the login of a server admin on it.
type Real struct{ URL, User, Password string }

// real is what a Server stands before that has no database of its own.
type real struct { //nolint:revive,gocritic // the builtin of this name is about complex numbers
	Real
	tb      testing.TB
	names   names
	version string
	quotas  bool  // are on; an old Grafana fails, and is asked again, where they are off
	anybody bool  // is let in
	nested  bool  // folders in folders are switched on in an old Grafana
	admin   int64 // the id of the world's own admin
	client  *http.Client

	mu   sync.Mutex
	keys []realKey // made through us, in order
}

// realKey is a token's key.
type realKey struct {
	key                  string
	orgID, saID, tokenID int64
}

// Attach returns a Server that stands before a real Grafana instead of being one itself: it keeps a log and
// meets faults as ever, and hands on to the real one what is to be served. Tests that run at the same time
// have organizations and users of one name, so it gives each names of its own, and takes the difference out of
// the answers. Each has an admin of its own as well, who is opts.Admin with opts.Password to those who ask.
// What bears its names is deleted when the test ends.
//
// The test is skipped, with a word on why, if that Grafana is not the one of opts, and as soon as it asks for
// what nobody can do to a real Grafana.
func Attach(tb testing.TB, to Real, opts Options) *Server {
	tb.Helper()
	facts, err := factsOf(to)
	if err != nil {
		tb.Fatalf("the Grafana at GRAFANA_URL: %v", err)
	}
	if why := facts.differ(opts); why != "" {
		NotOnReal(tb, why)
	}
	opts.Version, opts.Now = facts.version, nil
	opts = opts.withDefaults()
	r := &real{Real: to, tb: tb, names: newNames(opts.Admin, opts.Password), client: newRealClient()}
	r.version, r.quotas, r.anybody, r.nested = facts.version, facts.quotas, facts.anonymous, facts.nested
	s := New(opts)
	s.real = r
	if s.front, err = newFront("127.0.0.1:0", s); err != nil {
		tb.Fatal(err)
	}
	s.URL = "http://" + s.front.addr + r.path()
	tb.Cleanup(func() {
		s.Close()
		if err := r.clean(); err != nil {
			tb.Errorf("cleaning up in the real Grafana: %v", err)
		}
		r.client.CloseIdleConnections()
	})
	if err := r.makeAdmin(); err != nil {
		tb.Fatalf("making an admin for the test: %v", err)
	}
	return s
}

func newRealClient() *http.Client {
	return &http.Client{
		Timeout:       5 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// NotOnReal skips a test that makes no sense on a real Grafana, with a word on why: make real lists the words,
// so that nothing is left out in silence.
func NotOnReal(tb testing.TB, why string) {
	tb.Helper()
	tb.Skip("not on a real Grafana: " + why)
}

// memoryOnly skips the test if nobody can do such a thing to the Grafana at hand.
func (s *Server) memoryOnly(why string) {
	if s.real != nil {
		s.real.tb.Helper()
		NotOnReal(s.real.tb, why)
	}
}

// path is the path that the real Grafana is served under, without a slash at its end.
func (r *real) path() string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

// below takes the path that Grafana is served under off a URL.
func (r *real) below(u *url.URL) *url.URL {
	rest, under := strings.CutPrefix(u.EscapedPath(), r.path())
	if !under || !strings.HasPrefix(rest, "/") {
		return u
	}
	cut, err := url.Parse(rest)
	if err != nil {
		return u
	}
	cut.RawQuery = u.RawQuery
	return cut
}

// serve has the real Grafana answer a request.
func (r *real) serve(in inbound) *answer {
	if in.hidden {
		return r.serveInCharge(in)
	}
	a, err := r.send(r.names.outward(in))
	return r.answered(in, a, err)
}

// answered is what came back, as seen on this side.
func (r *real) answered(in inbound, a *answer, err error) *answer {
	if err != nil {
		return raw(http.StatusBadGateway, "text/plain", []byte("no answer from the real Grafana: "+err.Error()))
	}
	r.learn(in, a)
	a.body = r.names.inward(a.body)
	return a
}

// passed are the headers that reach the real Grafana as they came.
var passed = []string{"Accept", "Authorization", "Content-Type", "Cookie", "User-Agent", "X-Grafana-Org-Id"}

// send sends a request as it is.
func (r *real) send(in inbound) (*answer, error) {
	target := strings.TrimSuffix(r.URL, "/") + in.url.EscapedPath()
	if in.url.RawQuery != "" {
		target += "?" + in.url.RawQuery
	}
	req, err := http.NewRequestWithContext(in.ctx, in.method, target, bytes.NewReader(in.body))
	if err != nil {
		return nil, err
	}
	for _, name := range passed {
		if values := in.header.Values(name); len(values) > 0 {
			req.Header[name] = values
		}
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Header.Del("Content-Length")
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// learn keeps the keys that are made.
func (r *real) learn(in inbound, a *answer) {
	route, params := routes.match(in.method, in.url.EscapedPath())
	if route == nil || route.method+" "+route.pattern != "POST /api/serviceaccounts/:account/tokens" || a.status > 299 {
		return
	}
	var made struct {
		ID  int64
		Key string
	}
	if json.Unmarshal(a.body, &made) != nil || made.Key == "" {
		return
	}
	k := realKey{key: made.Key, orgID: orgHeader(in.header), tokenID: made.ID}
	_, _ = fmt.Sscan(params["account"], &k.saID)
	r.mu.Lock()
	defer r.mu.Unlock()
	if bearer, is := strings.CutPrefix(in.header.Get("Authorization"), "Bearer "); is && k.orgID == 0 {
		for _, known := range r.keys {
			if known.key == bearer {
				k.orgID = known.orgID
			}
		}
	}
	r.keys = append(r.keys, k)
}

// serveInCharge answers somebody who is server admin and, where one is needed, admin of the organization:
// where the world's admin is no member, it is made one for as long as this takes. (To try and see is no way: who is
// no member is told that nothing is there.)
func (r *real) serveInCharge(in inbound) *answer {
	org := orgHeader(in.header)
	in.hidden, in.header = false, in.header.Clone()
	in.header.Set("Authorization", r.names.visible())
	if org == 0 {
		org = 1
		in.header.Set("X-Grafana-Org-Id", "1")
	}
	if org == 1 || r.isMember(org) {
		return r.serveUntilServed(in)
	}
	r.do(
		http.MethodPost,
		fmt.Sprintf("/api/orgs/%d/users", org),
		1,
		obj{"loginOrEmail": r.names.admin, "role": "Admin"},
	)
	defer r.do(http.MethodDelete, fmt.Sprintf("/api/orgs/%d/users/%d", org, r.admin), 1, nil)
	for range 3 { // what Grafana remembers of permissions may be from before, for all that it was told to look again
		r.do(http.MethodGet, "/api/access-control/user/permissions?reloadcache=true", org, nil)
		if a := r.serveUntilServed(
			in,
		); a.status != http.StatusForbidden ||
			!bytes.Contains(a.body, []byte("accessErrorId")) {
			return a
		}
	}
	return r.serveUntilServed(in)
}

// serveUntilServed serves what does not come from the operator, which alone has to live with failures.
func (r *real) serveUntilServed(in inbound) *answer {
	a, err := r.sendUntilServed(r.names.outward(in))
	return r.answered(in, a, err)
}

// do sends a request as the world's admin.
func (r *real) do(method, path string, org int64, body any) *answer {
	u, err := url.Parse(path)
	if err != nil {
		panic("grafanatest: " + err.Error())
	}
	in := inbound{ctx: context.Background(), method: method, url: u, header: http.Header{}}
	in.header.Set("X-Grafana-Org-Id", fmt.Sprint(org))
	in.header.Set("Authorization", r.names.visible())
	if body != nil {
		in.header.Set("Content-Type", "application/json")
		in.body = mustJSON(body)
	}
	return r.serveUntilServed(in)
}
