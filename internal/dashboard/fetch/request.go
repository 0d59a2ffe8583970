package fetch

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Request is what to fetch. It prints, also as JSON, as its URL without the query, which may hold a token.
type Request struct {
	// URL of the dashboard, http or https.
	URL string
	// Headers to send, such as Authorization. They go to the URL's own scheme, host and port only, and no more once a
	// redirect has led away from there.
	Headers map[string]Secret
	// CA is the certificates in PEM that a server's must be signed by, that of a redirect's target and of an https
	// proxy too. Empty: the system's.
	CA []byte
	// SHA256 that the body must have, in hex. What a server compresses on the way counts uncompressed; a
	// file that is compressed counts as it is. "": any.
	SHA256 string
	// ETag and LastModified of the body that the caller has already, under this URL and with this SHA256. Both
	// empty: the body is wanted whatever it is. Like Headers, they go to the URL's own origin only.
	ETag, LastModified string
	// Trusted: the operator's own configuration names the URL's host, so that its addresses are not refused. Those of
	// another host that it redirects to are.
	Trusted bool
}

// Format writes the URL without its query, whatever the verb.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.name()) }

// MarshalText returns the URL without its query; JSON and other encoders use it.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.name()), nil }

func (r Request) name() string {
	u, err := parse(r.URL)
	if err != nil {
		return "no URL"
	}
	return name(u)
}

// Fetched is what came of a Request.
type Fetched struct {
	// Body of the answer; nil if NotModified.
	Body []byte
	// NotModified: the server says that the body is still the one that ETag and LastModified of the Request stand for.
	NotModified bool
	// ETag and LastModified to ask with the next time; empty if there are none, or if the answer came from another
	// origin than the URL's.
	ETag, LastModified string
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// ours are headers that are about the connection, or that would get something else than the whole body.
var ours = regexp.MustCompile(
	`(?i)^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|range|accept-encoding|content-.*|if-.*|proxy-.*)$`,
)

// check says what is wrong with the request, but for its URL.
func (r Request) check() error {
	if sum, err := hex.DecodeString(r.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
		return errors.New("the SHA-256 is none: it must be 64 hexadecimal digits")
	}
	for name, value := range r.Headers {
		switch {
		case !headerName.MatchString(name):
			return fmt.Errorf("%.60q is no name of a header", name)
		case ours.MatchString(name):
			return fmt.Errorf("the header %.60s cannot be set", name)
		case !fitsHeader(value.Reveal()):
			return fmt.Errorf("the value of the header %.60s must not hold line ends or control characters", name)
		}
	}
	if !fitsHeader(r.ETag) || !fitsHeader(r.LastModified) {
		return errors.New("ETag and LastModified must not hold line ends or control characters")
	}
	return nil
}

func fitsHeader(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// roots is nil for the system's.
func (r Request) roots() (*x509.CertPool, error) {
	if len(r.CA) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(r.CA) {
		return nil, errors.New("the CA holds no certificate in PEM")
	}
	return pool, nil
}

// header to send, with what is for the request's own origin only if home.
func (r Request) header(userAgent string, home bool) http.Header {
	h := http.Header{"User-Agent": {userAgent}}
	if !home {
		return h
	}
	for name, value := range r.Headers {
		h.Set(name, value.Reveal())
	}
	for name, value := range map[string]string{"If-None-Match": r.ETag, "If-Modified-Since": r.LastModified} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

// redirect returns where an answer from u sends us; nil if nowhere.
func redirect(u *url.URL, resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently,
		http.StatusFound,
		http.StatusSeeOther,
		http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, errors.New("it redirects to nowhere")
	}
	next, err := u.Parse(location)
	if err != nil {
		return nil, errors.New("it redirects to something that cannot be read as a URL")
	}
	if next, err = check(next); err != nil {
		return nil, fmt.Errorf("it redirects to a URL that cannot be used: %w", err)
	}
	if u.Scheme == "https" && next.Scheme == "http" {
		return nil, fmt.Errorf("it redirects to %s, which would give up TLS", name(next))
	}
	return next, nil
}
