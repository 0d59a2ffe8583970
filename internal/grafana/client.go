// Package grafana is a client for the part of Grafana's HTTP API that manages organizations and what is
// in them. It sends each request once: whoever calls it decides what is tried again, by the predicates
// on its errors (IsUnavailable, IsUnsure, RetryAfter).
//
// Every request names its organization (X-Grafana-Org-Id), so that the login's current organization, a
// column that all its users share, plays no part; and it asks for forceLogin, without which a Grafana
// with anonymous access answers a dead credential as if it were a visitor. No redirect is followed.
package grafana

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
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
	// Through, if set, is put before the network, or before Transport.
	Through func(http.RoundTripper) http.RoundTripper
	// Observe, if set, is called after every request. It must be safe for concurrent use.
	Observe func(Call)
	// UserAgent is sent with every request. "": grafana-tenancy-operator.
	UserAgent string
	// Now is the clock that sessions and the rate go by. nil: time.Now.
	Now func() time.Time
}

// RoundTripper is the way of a request to its answer.
type RoundTripper = http.RoundTripper

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
	own     *network      // nil if Config replaced it
	limiter *rate.Limiter // nil: no limit
	login   *login

	reading          chan struct{}          // held by whoever has a large answer in memory
	namespaceOfToken atomic.Pointer[string] // as /apis calls its organization; nil: not known yet
	skew             atomic.Int64           // of Grafana's clock against our own, as the last answer showed it
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
	c := &Client{base: base, cfg: cfg, reading: make(chan struct{}, 1)}
	if cfg.Transport == nil {
		c.own = newNetwork(cfg.TLS)
		cfg.Transport = c.own
	}
	if cfg.Through != nil {
		cfg.Transport = cfg.Through(cfg.Transport)
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
		// Its text may hold a password.
		return "", errors.New("the URL of Grafana cannot be parsed: give it with http:// or https://")
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
	case strings.ContainsFunc(string(cfg.Token), isBlankOrControl):
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

// URL of the Grafana, without a slash at its end.
func (c *Client) URL() string { return c.base }

// Now is the time by Grafana's clock, to about a second, as the Date of its last answer told it; by
// our own clock until there is one.
func (c *Client) Now() time.Time { return c.cfg.Now().Add(time.Duration(c.skew.Load())) }

// setClock learns Grafana's time from an answer that is its own: others have clocks, too. A difference that the Date's
// whole seconds and the way of the answer explain is none.
func (c *Client) setClock(a answer) {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return
	}
	skew := date.Sub(a.at)
	if skew.Abs() < 2*time.Second {
		skew = 0
	}
	c.skew.Store(int64(skew))
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

func isBlankOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
