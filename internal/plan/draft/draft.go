// Package draft lets a client believe that Grafana does what it is asked to. Reads are passed on, and answered with
// what was drafted laid over them; what would change something is noted, answered here, and never sent.
package draft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Write is a request that would have changed something.
type Write struct {
	Method string
	// Route is the path with names for its variable parts; of an unknown one, the path.
	Route string
	// Org is the organization that it acts in; 0: none. Of one that is only drafted it is no id of Grafana's.
	Org int64
	// MarksOnly says that of a data source's settings it changes nothing but what says whose it is.
	MarksOnly bool
}

// Options of a Draft.
type Options struct {
	// Path that Grafana is served under, without a slash at its end; empty: none.
	Path string
	// Now is the clock.
	Now func() time.Time
	// Noted is called with each write, and Unseen when something had to be known that can only be seen once the login
	// has joined an organization, which is drafted, or that Grafana did not tell.
	Noted  func(context.Context, Write)
	Unseen func(context.Context)
}

// Draft is the way to a Grafana as it would be if all had been done that was asked of it. One request goes through it
// at a time.
type Draft struct {
	Options
	network http.RoundTripper

	mu     sync.Mutex
	things map[place]*thing
	order  []place // of those that were made
	last   int64   // id that was given
	joined map[int64]bool
	me     object // whose login it is; nil: not asked yet
	// unified says that dashboards are in /apis, so that their titles, and those of folders, need not differ.
	unified bool
}

// place is where something is: in an organization, or in something there.
type place struct{ scope, kind, id string }

// thing is something that was drafted: made, deleted or changed.
type thing struct {
	made, gone bool
	fields     object // of something made all of them, else those that were changed
}

// object is a JSON object.
type object = map[string]any

// firstID is more than Grafana gives to anything, and is kept by JSON's numbers.
const firstID = 1 << 50

// New puts a draft before a Grafana.
func New(network http.RoundTripper, o Options) *Draft {
	return &Draft{
		Options: o, network: network, things: map[place]*thing{}, last: firstID, joined: map[int64]bool{},
	}
}

// IsDrafted reports whether an id is that of something that is only drafted.
func IsDrafted(id int64) bool { return id > firstID }

// RoundTrip answers a request.
func (d *Draft) RoundTrip(req *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(req.URL.EscapedPath(), d.Path)
	if isSession(path) {
		return d.network.RoundTrip(req)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.callOf(req, path)
	if err != nil {
		return nil, err
	}
	route, found := find(req.Method, path)
	name := path
	a := done()
	switch {
	case found:
		name, c.params = route.pattern, route.params(path)
		a, err = route.answer(c)
	case c.reads:
		a, err = c.ask()
	}
	if refused := new(refusal); errors.As(err, &refused) {
		a, err = refused.answer, nil
		if !c.reads { // what would become of it is not known, even where Grafana says so for good
			d.Unseen(req.Context())
		}
	}
	if err != nil {
		return nil, err
	}
	if !c.reads && a.status < http.StatusBadRequest {
		d.Noted(req.Context(), Write{Method: req.Method, Route: name, Org: c.orgOf(), MarksOnly: c.marksOnly})
	}
	return a.response(req), nil
}

// isSession reports whether a request is about the login's own session, which is what it takes to read.
func isSession(path string) bool {
	return path == "/login" || path == "/logout" || path == "/api/user/auth-tokens/rotate"
}

// call is one request on its way.
type call struct {
	*Draft
	req    *http.Request
	path   string
	reads  bool  // it changes nothing
	org    int64 // that it names
	params map[string]string
	body   object

	marksOnly bool
}

func (d *Draft) callOf(req *http.Request, path string) (*call, error) {
	c := &call{Draft: d, req: req, path: path, org: number(req.Header.Get("X-Grafana-Org-Id")), body: object{}}
	c.reads = req.Method == http.MethodGet || req.Method == http.MethodHead || req.URL.Query().Has("dryRun")
	if req.Body == nil {
		return c, nil
	}
	defer req.Body.Close()
	text, err := io.ReadAll(req.Body)
	if err == nil && len(text) > 0 {
		err = decode(text, &c.body)
	}
	return c, err
}

// orgOf is the organization that a request is about.
func (c *call) orgOf() int64 {
	if id := number(c.params["org"]); id != 0 {
		return id
	}
	if strings.HasPrefix(c.path, "/api/orgs") || strings.HasPrefix(c.path, "/api/admin") {
		return 0
	}
	return c.org
}

const notSeen = "what is in it can be seen once the operator has joined the organization"

// ask passes the request on, or says what is in an organization that does not exist yet: nothing.
func (c *call) ask() (*answer, error) {
	bound := isBound(c.path)
	switch {
	case bound && c.joined[c.orgOf()] && !c.showsOutsiders():
		c.Unseen(c.req.Context())
		return fail(http.StatusForbidden, notSeen), nil
	case bound && IsDrafted(c.orgOf()):
		return notFound(c.path), nil
	}
	return c.get(c.req.URL.RequestURI())
}

// showsOutsiders reports whether Grafana shows a server admin what is asked for, who is no member of the organization.
func (c *call) showsOutsiders() bool {
	always := []string{"/api/serviceaccounts", "/api/datasources", "/api/org/preferences"}
	before := []string{"/api/dashboards", "/api/folders", "/api/search", "/apis"}
	shown := func(prefix string) bool { return strings.HasPrefix(c.path, prefix) }
	return slices.ContainsFunc(always, shown) || !c.unified && slices.ContainsFunc(before, shown)
}

// get asks Grafana something, as whoever the request is of.
func (c *call) get(uri string) (*answer, error) {
	to, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, err
	}
	req := c.req.Clone(c.req.Context())
	to.Scheme, to.Host = c.req.URL.Scheme, c.req.URL.Host
	req.Method, req.URL, req.Body, req.ContentLength = http.MethodGet, to, nil, 0
	if IsDrafted(c.org) {
		req.Header.Set("X-Grafana-Org-Id", "1")
	}
	resp, err := c.network.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err == nil && len(body) > mostAnswer {
		err = fmt.Errorf("the answer is larger than %d MiB", mostAnswer>>20)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, err
}

// mostAnswer is how long an answer can be, in bytes: as long as the largest that the operator reads.
const mostAnswer = 128 << 20

// item asks Grafana for something else than the request does. nil: it is not there.
func (c *call) item(path string) (object, error) {
	a, err := c.get(c.Path + path + "?forceLogin=true")
	if err != nil {
		return nil, err
	}
	return a.read(path)
}

// isBound reports whether what is asked for is in an organization.
func isBound(path string) bool {
	for _, prefix := range []string{
		"/api/orgs", "/api/users", "/api/user", "/api/admin", "/api/health", "/healthz", "/api/frontend",
		"/api/access-control",
	} {
		if strings.HasPrefix(path, prefix) {
			return strings.HasPrefix(path, "/api/orgs/") && strings.HasSuffix(path, "/users")
		}
	}
	return !strings.HasPrefix(path, "/apis") || strings.Contains(path, "/namespaces/")
}

// whose is the user whose login it is.
func (c *call) whose() (object, error) {
	if c.me != nil {
		return c.me, nil
	}
	me, err := c.item("/api/user")
	if err != nil {
		return nil, err
	}
	c.me = merged(me, nil)
	return c.me, nil
}

// place of something of a kind in the organization that the request is about.
func (c *call) place(kind string, id any) place { return place{text(c.orgOf()), kind, text(id)} }

// make drafts something new.
func (d *Draft) make(p place, fields object) {
	if d.things[p] = (&thing{made: true, fields: fields}); !slices.Contains(d.order, p) {
		d.order = append(d.order, p)
	}
}

// change drafts other fields of something.
func (d *Draft) change(p place, fields object) {
	t := d.things[p]
	if t == nil {
		t = &thing{fields: object{}}
		d.things[p] = t
	}
	for name, value := range fields {
		t.fields[name] = value
	}
}

// remove drafts that something is gone.
func (d *Draft) remove(p place) { d.things[p] = &thing{gone: true} }

// known is what was drafted of something; never nil.
func (d *Draft) known(p place) *thing {
	if t := d.things[p]; t != nil {
		return t
	}
	return &thing{}
}

// next gives an id.
func (d *Draft) next() int64 {
	d.last++
	return d.last
}

// stamp is the time, as Grafana writes it.
func (d *Draft) stamp() string { return d.Now().UTC().Format(time.RFC3339) }

func decode(body []byte, v any) error {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber() // an id keeps all of its digits
	return dec.Decode(v)
}
