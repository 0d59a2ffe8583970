// Package grafana is a client for the part of Grafana's HTTP API that manages organizations and what is
// in them. It sends each request once: whoever calls it decides what is tried again, by the predicates
// on its errors (IsUnavailable, IsUnsure, RetryAfter).
//
// Every request names its organization (X-Grafana-Org-Id), so that the login's current organization, a
// column that all its users share, plays no part; and it asks for forceLogin, without which a Grafana
// with anonymous access answers a dead credential as if it were a visitor. No redirect is followed.
package grafana

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"golang.org/x/time/rate"
)

const (
	defaultTimeout     = 30 * time.Second
	defaultLongTimeout = 5 * time.Minute
	defaultUserAgent   = "grafana-tenancy-operator"

	// Grafana takes dashboards of up to 16 MiB; a list of versions holds several of them.
	maxAnswer = 128 << 20
	maxError  = 64 << 10
)

// Config describes a connection to one Grafana with one credential.
type Config struct {
	// URL is the address of the Grafana, http or https, with the path that it is served under, if any.
	URL string
	// BasicAuth is a user's login. Exactly one of BasicAuth and Token must be set.
	BasicAuth *BasicAuth
	// Token is the key of a service account token. It reaches one organization only.
	Token Key
	// TLS is how to verify the server and to present ourselves. nil: the system's defaults.
	TLS *tls.Config
	// Timeout bounds one request. 0: 30 s.
	Timeout time.Duration
	// LongTimeout bounds the deletion of an organization, which takes Grafana long. 0: 5 minutes.
	LongTimeout time.Duration
	// Rate bounds how many requests are sent. See Client.Delay.
	Rate Rate
	// Transport replaces the network, and with it TLS. nil: a transport of the Client's own, with keep-alive.
	Transport http.RoundTripper
	// Observe, if set, is called after every request. It must be safe for concurrent use.
	Observe func(Call)
	// UserAgent is sent with every request. "": grafana-tenancy-operator.
	UserAgent string
	// Now is the clock that sessions and the rate go by. nil: time.Now.
	Now func() time.Time
}

// BasicAuth is the name and password of a Grafana user.
type BasicAuth struct {
	Username string
	Password Key
	// Session: log in once and go by the session's cookie, which costs Grafana far less than checking
	// a password with every request. Where Grafana has no login form, basic auth is used all the same.
	Session bool
}

// Format writes ***, whatever the verb.
func (BasicAuth) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// Rate is a budget of requests.
type Rate struct {
	// RequestsPerSecond is what the budget grows by. 0: there is no limit.
	RequestsPerSecond float64
	// Burst is the largest budget that can be saved up. 0: that of one second, but at least 1.
	Burst int
}

// Call is one request that was made, for metrics.
type Call struct {
	// Route is the request's path with its variable parts as names: "/api/orgs/:id".
	Route  string
	Method string
	// Status of the answer; 0: there was none.
	Status   int
	Duration time.Duration
}

// Client talks to one Grafana with one credential. It is safe for concurrent use.
type Client struct {
	base    string // without a trailing slash
	cfg     Config
	http    *http.Client
	own     *http.Transport // nil if Config replaced it
	limiter *rate.Limiter   // nil: no limit
	login   *login

	namespaceOfToken atomic.Pointer[string] // as /apis calls its organization; nil: not known yet
}

// New checks cfg and returns a Client for it. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := baseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	c := &Client{base: base, cfg: cfg}
	if cfg.Transport == nil {
		c.own = newTransport(cfg.TLS)
		cfg.Transport = c.own
	}
	c.http = &http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if cfg.Rate.RequestsPerSecond > 0 {
		c.limiter = rate.NewLimiter(rate.Limit(cfg.Rate.RequestsPerSecond), cfg.Rate.Burst)
	}
	c.login = newLogin(c)
	return c, nil
}

func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("the URL of Grafana cannot be parsed") // its text may hold a password
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("the URL of Grafana must begin with http:// or https://")
	case u.Hostname() == "":
		return "", errors.New("the URL of Grafana names no host")
	case u.User != nil:
		return "", errors.New("the URL of Grafana must not hold a user or password; give them as credentials")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the URL of Grafana must not have a query or a fragment")
	}
	return u.Scheme + "://" + u.Host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

func (cfg *Config) check() error {
	switch basic := cfg.BasicAuth; {
	case (basic == nil) == (cfg.Token == ""):
		return errors.New("exactly one credential is needed: a user name with a password, or a token")
	case basic != nil && (basic.Username == "" || basic.Password == ""):
		return errors.New("the user name and the password must not be empty")
	case basic != nil && strings.Contains(basic.Username, ":"):
		return errors.New("the user name must not contain a colon")
	case strings.ContainsFunc(string(cfg.Token), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("the token must not contain blanks, line ends or control characters")
	case cfg.Timeout < 0 || cfg.LongTimeout < 0:
		return errors.New("the timeout must not be negative")
	case cfg.Rate.RequestsPerSecond < 0 || cfg.Rate.Burst < 0:
		return errors.New("the limit of requests must not be negative")
	}
	return nil
}

func (cfg *Config) setDefaults() {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.LongTimeout == 0 {
		cfg.LongTimeout = defaultLongTimeout
	}
	if cfg.Rate.Burst == 0 {
		cfg.Rate.Burst = max(1, int(math.Ceil(cfg.Rate.RequestsPerSecond)))
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Call) {}
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = defaultUserAgent
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
}

func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config.Clone(),
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// Format writes the address of the Grafana, whatever the verb, so that no credential is printed.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "Grafana at "+c.base) }

// Close ends the session, if there is one, and closes idle connections. Calls after it fail with
// ErrClosed. A second Close does nothing.
func (c *Client) Close(ctx context.Context) error {
	err := c.login.close(ctx)
	c.http.CloseIdleConnections()
	return err
}

// SessionID identifies the present login to Grafana. It changes with every login, not when the session
// is renewed, and tells nothing about the session itself. "": no session is in use.
func (c *Client) SessionID() string { return c.login.sessionID() }

// RetryLogin lets a Client whose password was refused try it once more, with the next request.
func (c *Client) RetryLogin() { c.login.retry() }

// Delay is how long it takes until the budget of requests holds at least one again. Requests never
// wait for it: each takes its share at once and may leave the budget in debt. Whoever is about to
// begin some work asks first, and comes back later if it is not 0.
func (c *Client) Delay() time.Duration {
	if c.limiter == nil {
		return 0
	}
	missing := 1 - c.limiter.TokensAt(c.cfg.Now())
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(c.limiter.Limit()) * float64(time.Second)))
}

// OrgClient acts in one organization.
type OrgClient struct {
	client *Client
	id     int64
}

// Org returns a client that acts in the organization with this id. It sends nothing.
func (c *Client) Org(id int64) *OrgClient { return &OrgClient{client: c, id: id} }

// ID returns the id of the organization.
func (o *OrgClient) ID() int64 { return o.id }

// scope is what a request acts in: the server as a whole, or one organization.
type scope interface {
	scope() (c *Client, org int64, err error)
}

// scope of the server as a whole: organization 1, which always exists unless someone deleted it (these
// requests do not mind); or, with a token, the only organization that it reaches.
func (c *Client) scope() (*Client, int64, error) {
	if c.cfg.Token != "" {
		return c, 0, nil
	}
	return c, 1, nil
}

func (o *OrgClient) scope() (*Client, int64, error) {
	if o.id <= 0 { // Grafana would ignore the header and act in some other organization
		return nil, 0, fmt.Errorf("%d is not the id of an organization", o.id)
	}
	return o.client, o.id, nil
}

// request describes one request. route has names for the variable parts of the path, args their values.
type request struct {
	method, route string
	args          []any
	query         url.Values
	body          any
	accept        string      // "": application/json
	long          bool        // goes by LongTimeout
	as            *credential // nil: the Client's own
	bare          bool        // of the login itself: neither organization nor forceLogin

	org int64 // set by do
}

func get(route string, args ...any) request {
	return request{method: http.MethodGet, route: route, args: args}
}

func post(body any, route string, args ...any) request {
	return request{method: http.MethodPost, route: route, args: args, body: body}
}

func put(body any, route string, args ...any) request {
	return request{method: http.MethodPut, route: route, args: args, body: body}
}

func patch(body any, route string, args ...any) request {
	return request{method: http.MethodPatch, route: route, args: args, body: body}
}

func del(route string, args ...any) request {
	return request{method: http.MethodDelete, route: route, args: args}
}

// with adds a query parameter.
func (r request) with(name, value string) request {
	query := maps.Clone(r.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set(name, value)
	r.query = query
	return r
}

// path fills args into the route, each escaped so that it stays one element of the path.
func (r request) path() (string, error) {
	elements := strings.Split(r.route, "/")
	args := r.args
	for i, element := range elements {
		if !strings.HasPrefix(element, ":") {
			continue
		}
		value := fmt.Sprint(args[0])
		if id, ok := args[0].(int64); value == "" || ok && id <= 0 { // it would name another route, or nothing
			return "", fmt.Errorf("%s %s: %q is no %s", r.method, r.route, value, element[1:])
		}
		args = args[1:]
		elements[i] = url.PathEscape(value)
		if value == "." || value == ".." { // or it would be taken as a step in the path
			elements[i] = strings.ReplaceAll(value, ".", "%2E")
		}
	}
	return strings.Join(elements, "/"), nil
}

// build makes the HTTP request.
func (c *Client) build(ctx context.Context, r request, as credential) (*http.Request, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: the request cannot be written as JSON: %w", r.method, r.route, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.route, err)
	}
	if !r.bare {
		r = r.with("forceLogin", "true")
	}
	req.URL.RawQuery = r.query.Encode()
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if r.org > 0 && !r.bare {
		req.Header.Set("X-Grafana-Org-Id", strconv.FormatInt(r.org, 10))
	}
	as.authorize(req)
	return req, nil
}

// answer is what came back, whatever its status.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         []byte
	at           time.Time // when it came, by the Client's clock
}

// send makes one HTTP request. Its error says that there was no answer.
func (c *Client) send(ctx context.Context, r request, as credential) (a answer, err error) {
	timeout := c.cfg.Timeout
	if r.long {
		timeout = c.cfg.LongTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := c.build(traced, r, as)
	if err != nil {
		return answer{}, err
	}
	a = answer{method: r.method, path: req.URL.EscapedPath()}
	if ctx.Err() != nil {
		return a, &noAnswer{method: a.method, path: a.path, err: context.Cause(ctx)}
	}
	start := c.cfg.Now()
	if c.limiter != nil {
		c.limiter.ReserveN(start, 1)
	}
	err = c.exchange(req, &a)
	a.at = c.cfg.Now()
	c.cfg.Observe(Call{Route: r.route, Method: r.method, Status: a.status, Duration: a.at.Sub(start)})
	if err == nil {
		return a, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// Our own transport tells for certain whether it ever had a connection to send on.
	sent := !isDial(err) && (c.own == nil || connected.Load())
	return a, &noAnswer{method: a.method, path: a.path, sent: sent, err: err}
}

// exchange sends req and fills in the answer.
func (c *Client) exchange(req *http.Request, a *answer) error {
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // method and URL are told anyway
		}
		return err
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	if a.status >= 300 {
		a.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxError)) // the status tells enough if the rest is lost
		return nil
	}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(a.body) > maxAnswer {
		return fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	}
	return err
}

// call sends r with its credential. A session that has ended is renewed, and r sent again: Grafana had
// refused it without looking at it.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	if r.as != nil {
		return c.send(ctx, r, *r.as)
	}
	as, err := c.login.credential(ctx)
	if err != nil {
		return answer{}, err
	}
	a, err := c.send(ctx, r, as)
	if err != nil || a.status != http.StatusUnauthorized {
		return a, err
	}
	as, err = c.login.refused(ctx, as, a)
	if err != nil {
		return answer{}, err
	}
	return c.send(ctx, r, as)
}

// complete is implemented by answers that can tell whether they hold what Grafana always sends.
type complete interface{ complete() bool }

// do sends r within s and decodes the answer, which must be a success in JSON.
func do[T any](ctx context.Context, s scope, r request) (T, error) {
	var result T
	c, org, err := s.scope()
	if err != nil {
		return result, err
	}
	r.org = org
	a, err := c.call(ctx, r)
	if err != nil {
		return result, err
	}
	if a.status < 200 || a.status > 299 {
		return result, a.asError()
	}
	return decode[T](a)
}

func decode[T any](a answer) (T, error) {
	var result, none T
	if err := json.Unmarshal(a.body, &result); err != nil {
		return none, a.unreadable("the answer is not the JSON that Grafana sends")
	}
	if v, ok := any(result).(complete); ok && !v.complete() {
		return none, a.unreadable("the answer is JSON, but lacks what Grafana sends")
	}
	return result, nil
}

// exec sends r within s; of the answer only its success matters.
func exec(ctx context.Context, s scope, r request) error {
	_, err := do[json.RawMessage](ctx, s, r)
	return err
}
