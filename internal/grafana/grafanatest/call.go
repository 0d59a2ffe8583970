package grafanatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through a handler. The server is locked while
// there is one.
type call struct {
	server *Server
	db     *database
	quirks quirks
	now    time.Time

	in     inbound
	query  url.Values
	params map[string]string
	who    identity
	live   bool // asks what knows of every permission at once
}

// handle answers a request, from the model or the real Grafana: no faults, no log.
func (s *Server) handle(in inbound) *answer {
	if s.real != nil {
		return s.real.serve(in)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{server: s, db: s.db, quirks: s.quirks, now: s.opts.Now(), in: in, query: in.url.Query()}
	if s.options.starting && strings.HasPrefix(in.url.Path, "/apis") {
		return raw(http.StatusNotFound, "text/plain; charset=utf-8", []byte("404 page not found\n"))
	}
	r, params := s.router.match(in.method, in.url.EscapedPath())
	c.params = params
	if r != nil && r.open {
		return r.handler(c)
	}
	if a := c.authenticate(); a != nil {
		if r == nil && !c.isAPI() {
			return c.loginPage()
		}
		return a
	}
	if a := c.redirectOrg(); a != nil {
		return a
	}
	if r == nil {
		return c.unrouted()
	}
	if a := c.authorize(r); a != nil {
		return a
	}
	return r.handler(c)
}

func (c *call) isAPI() bool {
	path := c.in.url.Path
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/apis/")
}

// unrouted is what paths that nobody serves get from who is signed in.
func (c *call) unrouted() *answer {
	if c.isAPI() {
		return notFound()
	}
	status := http.StatusNotFound
	if c.in.url.Path == "/" {
		status = http.StatusOK
	}
	return raw(
		status,
		"text/html; charset=UTF-8",
		[]byte("<!DOCTYPE html><html><head><title>Grafana</title></head><body></body></html>"),
	)
}

// loginPage is where who is not signed in is sent from pages.
func (c *call) loginPage() *answer {
	target := "/login"
	if c.quirks.loginRemembers && c.in.url.Path != "/" {
		target += "?redirectTo=" + url.QueryEscape(c.in.url.RequestURI())
	}
	a := raw(http.StatusFound, "text/html; charset=utf-8", fmt.Appendf(nil, "<a href=%q>Found</a>.\n\n", target))
	a.header.Set("Location", target)
	return a
}

// id is a path parameter as an id; 0 if it is none.
func (c *call) id(name string) int64 {
	n, err := strconv.ParseInt(c.params[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// bind reads the body into v, as Grafana does: JSON, and said to be.
func (c *call) bind(v any) bool {
	if !isJSON(c.in.header.Get("Content-Type")) {
		return false
	}
	return json.Unmarshal(c.in.body, v) == nil
}

// number is a query parameter as a number; def if it is missing or none.
func (c *call) number(name string, def int64) int64 {
	n, err := strconv.ParseInt(c.query.Get(name), 10, 64)
	if err != nil {
		return def
	}
	return n
}

// org is the org that the request acts in; nil if there is none.
func (c *call) org() *org { return c.db.orgs[c.who.orgID] }

// page cuts a page out of rows; pages count from 0.
func page[T any](rows []T, size, number int64) []T {
	from := min(max(size*number, 0), int64(len(rows)))
	to := min(from+max(size, 0), int64(len(rows)))
	return rows[from:to]
}
