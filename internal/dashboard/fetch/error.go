package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// longestWait bounds what a server can ask for in Retry-After.
const longestWait = time.Hour

// failure says why there is no dashboard. It neither holds nor wraps what the network said of addresses.
type failure struct {
	text       string
	permanent  bool
	retryAfter time.Duration
	ended      error // of the context, if that is the reason
}

func (e *failure) Error() string { return e.text }

func (e *failure) Unwrap() error { return e.ended }

// Permanent reports whether the same request will fail again until somebody changes something: the URL, the
// headers, the checksum, or what is served there.
func Permanent(err error) bool {
	var e *failure
	return errors.As(err, &e) && e.permanent
}

// RetryAfter returns how long the server asked to be left alone, at most an hour; 0 if it did not.
func RetryAfter(err error) time.Duration {
	var e *failure
	if !errors.As(err, &e) {
		return 0
	}
	return e.retryAfter
}

// because is a reason for a failure: what happened and what to do.
func because(permanent bool, format string, args ...any) *failure {
	return &failure{permanent: permanent, text: fmt.Sprintf(format, args...)}
}

// refused is the answer of a server that gives no dashboard.
func refused(resp *http.Response, sentHeaders bool) *failure {
	text := fmt.Sprintf("it answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		text += ": check the headers with its credentials"
		if !sentHeaders {
			text += "; they are not sent after a redirect to another scheme, host or port, " +
				"so give the URL that it ends at"
		}
	case status == http.StatusNotFound || status == http.StatusGone:
		text += ": check the URL"
	case status == http.StatusNotModified:
		text += ", which it was not asked for"
	case status >= 200 && status < 300:
		text += ", which is no dashboard"
	}
	e := &failure{text: text, permanent: !mayPass(resp.StatusCode)}
	if !e.permanent {
		e.retryAfter = retryAfter(resp.Header)
	}
	return e
}

// mayPass reports whether another try may be answered with another status.
func mayPass(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500 || status >= 200 && status < 300
}

func retryAfter(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(longestWait, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(longestWait, max(0, at.Sub(now)))
}

// broken is a request that got no whole answer.
func broken(ctx context.Context, err error) *failure {
	if ctx.Err() != nil {
		e := because(false, "%v", context.Cause(ctx))
		e.ended = ctx.Err()
		return e
	}
	var (
		own  *failure
		op   *net.OpError
		dns  *net.DNSError
		wait net.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, errNotPublic):
		return because(true, "its host is not on the public Internet, and other addresses are refused: "+
			"use a public host, or ask the operator's administrator to allow private addresses")
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return because(false, "the operator's proxy cannot be reached")
	case errors.As(err, &dns):
		return because(false, "its host name cannot be resolved: check it")
	}
	if why := untrusted(err); why != "" {
		return because(true, "no trusted TLS connection came about: %s", why)
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return because(false, "the connection was refused: check host and port")
	case errors.As(err, &wait) && wait.Timeout():
		return because(false, "the connection was not answered: check host and port")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return because(false, "its answer broke off")
	}
	return because(false, "the connection failed, or what was answered is not HTTP")
}

// untrusted says what is wrong with a TLS connection; "" if err is about something else.
func untrusted(err error) string {
	var (
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return "its certificate is from an authority that is not known here; give the authority's certificate as CA"
	case errors.As(err, &hostname):
		return "its certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &verify), errors.As(err, &invalid):
		return "its certificate is not valid"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS on this port"
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"): // how crypto/tls reports alerts
		return "the server and the operator did not agree on how"
	}
	return ""
}
