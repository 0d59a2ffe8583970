// Package fetch gets dashboards from where they are kept, on behalf of people who may not reach all that the operator
// reaches.
//
// Only public addresses are connected to, unless Options.AllowPrivate or Request.Trusted. Each host on the way, that of
// a redirect too, is looked up once, all its addresses are judged, and one of those is dialled.
//
// Where a proxy is configured for a URL (HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as the standard library reads them), the
// proxy is what is connected to, whatever its address. The URL's host is judged all the same if it is an address, or a
// name that can be resolved here within five seconds. A name that only the proxy can resolve, or that it resolves to
// something else, is the proxy's to refuse.
//
// What is not known here to be private counts as public: nodes, Pods or Services with public addresses, and networks
// that translate IPv4 into a prefix of their own.
//
// Errors are for the author of a dashboard. They tell URLs without their queries, never an address that a name stands
// for, a header's value or anything of a body.
package fetch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	maxRedirects     = 5
	maxHeader        = 64 << 10
	maxValidator     = 256 // nobody's ETag is longer; it is kept by the caller
	defaultTimeout   = 30 * time.Second
	defaultMaxSize   = 16 << 20
	defaultUserAgent = "grafana-tenancy-operator"
)

// Options of a Fetcher.
type Options struct {
	// AllowPrivate lets dashboards come from any address, the operator's own machine and network included.
	AllowPrivate bool
	// Timeout bounds one Fetch from the first lookup to the last byte. 0: 30 s.
	Timeout time.Duration
	// MaxSize bounds a body, in bytes. 0: 16 MiB.
	MaxSize int64
	// UserAgent is sent with every request. "": grafana-tenancy-operator.
	UserAgent string
	// Proxy returns the proxy for a request; nil for none. nil: http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// Lookup returns the addresses of a host name. nil: the system's resolver.
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Fetcher gets dashboards from where they are kept. It is safe for concurrent use.
type Fetcher struct {
	opts    Options
	connect dialFunc
}

// New returns a Fetcher.
func New(opts Options) *Fetcher {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.MaxSize == 0 {
		opts.MaxSize = defaultMaxSize
	}
	if opts.UserAgent == "" {
		opts.UserAgent = defaultUserAgent
	}
	if opts.Proxy == nil {
		opts.Proxy = http.ProxyFromEnvironment
	}
	if opts.Lookup == nil {
		opts.Lookup = net.DefaultResolver.LookupNetIP
	}
	return &Fetcher{opts: opts, connect: (&net.Dialer{Timeout: dialTimeout}).DialContext}
}

// trip is one Fetch on its way.
type trip struct {
	*Fetcher
	r         Request
	roots     *x509.CertPool
	start, at *url.URL
	home      bool // never left the origin of start
	trusted   bool // never left its host, which is trusted
}

// Fetch gets what r asks for. It tries once: whoever calls it decides by Permanent and RetryAfter what is tried again.
func (f *Fetcher) Fetch(ctx context.Context, r Request) (Fetched, error) {
	u, err := parse(r.URL)
	if err != nil {
		return Fetched{}, because(true, "the URL cannot be fetched: %v", err)
	}
	t := &trip{Fetcher: f, r: r, start: u, at: u, home: true, trusted: r.Trusted}
	if err = r.check(); err == nil {
		t.roots, err = r.roots()
	}
	if err != nil {
		return Fetched{}, t.failed(because(true, "%v", err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.opts.Timeout, fmt.Errorf("it took longer than %s", f.opts.Timeout))
	defer cancel()
	got, failure := t.run(ctx)
	if failure != nil {
		return Fetched{}, t.failed(failure)
	}
	return got, nil
}

// failed puts where the trip is before the reason why it ends there.
func (t *trip) failed(reason *failure) error {
	named := *reason
	text := "fetching " + name(t.start)
	if t.at != t.start {
		text += ", which redirects to " + name(t.at)
	}
	named.text = text + ": " + reason.text
	return &named
}

func (t *trip) run(ctx context.Context) (Fetched, *failure) {
	for range maxRedirects + 1 {
		resp, err := t.ask(ctx)
		if err != nil {
			return Fetched{}, broken(ctx, err)
		}
		next, err := redirect(t.at, resp)
		if next == nil && err == nil {
			got, failure := t.read(ctx, resp)
			resp.Body.Close()
			return got, failure
		}
		resp.Body.Close()
		if err != nil {
			return Fetched{}, because(true, "%v", err)
		}
		t.at = next
		t.home = t.home && origin(next) == origin(t.start)
		t.trusted = t.trusted && strings.EqualFold(next.Hostname(), t.start.Hostname())
	}
	return Fetched{}, because(true, "these are more than %d redirects", maxRedirects)
}

// ask sends one request, over a connection of its own, so that none is ever used under the rules of another.
func (t *trip) ask(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.at.String(), nil)
	if err != nil {
		return nil, because(true, "it cannot be requested")
	}
	req.Header = t.r.header(t.opts.UserAgent, t.home)
	proxy, err := t.opts.Proxy(req)
	if err != nil {
		return nil, because(false, "the operator's proxy settings cannot be used")
	}
	dial, err := t.dialer(ctx, t.at, proxy, t.trusted)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyURL(proxy),
		OnProxyConnectResponse: tunnel,
		DialContext:            closing(ctx, dial),
		TLSClientConfig:        &tls.Config{RootCAs: t.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableKeepAlives:      true,
	}
	return transport.RoundTrip(req)
}

// closing makes connections that end with ctx. The transport would go on dialing, and greeting a proxy, after that.
func closing(ctx context.Context, dial dialFunc) dialFunc {
	return func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
}

// tunnel tells the refusal of a proxy from the failure of a connection.
func tunnel(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return because(
		!mayPass(resp.StatusCode),
		"the operator's proxy answered %d %s",
		resp.StatusCode,
		http.StatusText(resp.StatusCode),
	)
}

// read takes the answer at the end of the trip.
func (t *trip) read(ctx context.Context, resp *http.Response) (Fetched, *failure) {
	got := Fetched{}
	if t.home {
		got.ETag, got.LastModified = validator(resp, "ETag"), validator(resp, "Last-Modified")
	}
	if resp.StatusCode == http.StatusNotModified && t.home && (t.r.ETag != "" || t.r.LastModified != "") {
		return Fetched{
			NotModified:  true,
			ETag:         cmp.Or(got.ETag, t.r.ETag),
			LastModified: cmp.Or(got.LastModified, t.r.LastModified),
		}, nil
	}
	if resp.StatusCode != http.StatusOK {
		return Fetched{}, refused(resp, t.home)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return Fetched{}, because(true, "it is sent in an encoding that was not asked for; serve it plain or with gzip")
	}
	tooLarge := because(true, "it is larger than %d bytes", t.opts.MaxSize)
	if resp.ContentLength > t.opts.MaxSize {
		return Fetched{}, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.opts.MaxSize+1))
	switch sum := sha256.Sum256(body); {
	case int64(len(body)) > t.opts.MaxSize:
		return Fetched{}, tooLarge
	case err != nil:
		return Fetched{}, broken(ctx, err)
	case t.r.SHA256 != "" && !strings.EqualFold(t.r.SHA256, hex.EncodeToString(sum[:])):
		return Fetched{}, because(
			true,
			"its SHA-256 is %x and not %.64s: if the change is meant, give the new one",
			sum,
			strings.ToLower(t.r.SHA256),
		)
	}
	got.Body = body
	return got, nil
}

func validator(resp *http.Response, name string) string {
	value := resp.Header.Get(name)
	if len(value) > maxValidator {
		return ""
	}
	return value
}
