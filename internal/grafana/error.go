package grafana

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// MessageIDs that this package gives to answers for which Grafana has none of its own.
const (
	// NotGrafana marks an answer that no Grafana gives here: a redirect, a page, a success that is
	// not the expected JSON.
	NotGrafana = "notGrafana"
	// OrgNameTaken marks Grafana's 400 to a rename whose new name belongs to another organization.
	OrgNameTaken = "orgNameTaken"
	// LastAdmin marks Grafana's 400 to the removal of an organization's last Admin.
	LastAdmin = "lastAdmin"
	// BadKey marks an answer whose token key is damaged. The token exists, and its key is lost.
	BadKey = "badKey"
	// MaxSecondsToLive marks Grafana's 400 to a token that never expires or does so too late for its
	// setting [auth] api_key_max_seconds_to_live.
	MaxSecondsToLive = "maxSecondsToLive"
	// ExpirationDayLimit marks the same for [service_accounts] token_expiration_day_limit.
	ExpirationDayLimit = "expirationDayLimit"
	// FolderTooDeep marks the refusal of a folder below as many others as Grafana allows.
	FolderTooDeep = "folder.maximum-depth-reached"
	// ReservedTitle marks Grafana's 400 to a folder called General, which its root is to versions before 12.
	ReservedTitle = "reservedTitle"
	// WrongNamespace marks Grafana's 500 to what /apis is asked in an organization that does not exist.
	WrongNamespace = "namespaceMismatch"
)

// ErrClosed is returned by every call of a Client after Close. Nothing was sent.
var ErrClosed = errors.New("the connection to Grafana has been closed")

// Error says that there was an answer, and it was no success.
type Error struct {
	// Method and Path of the request, without its query.
	Method, Path string
	// Status of the answer. It is 2xx where the status was a success and the body was not.
	Status int
	// MessageID is Grafana's identifier of the reason ("serviceaccounts.ErrAlreadyExists"); for
	// dashboards and folders its status word ("version-mismatch"), for /apis the reason
	// ("NotFound"); one of the constants of this package; or empty.
	MessageID string
	// Message is Grafana's sentence for people, or an excerpt of a plain text answer, in one line.
	Message string
	// RetryAfter is how long the server asks to be left alone; 0: it does not say.
	RetryAfter time.Duration

	text bool // the body was text, not JSON
}

// Error tells what was tried and what was answered. It holds no secret.
func (e *Error) Error() string {
	text := fmt.Sprintf("Grafana answered %d to %s %s", e.Status, e.Method, e.Path)
	if e.Message != "" {
		return text + ": " + e.Message
	}
	if e.MessageID != "" {
		return text + ": " + e.MessageID
	}
	return text + ": " + http.StatusText(e.Status)
}

// LoginError says that the request was not sent, since Grafana could not be logged in to. Where Grafana
// refused the password (IsUnauthorized), the Client keeps refusing with the same error, without
// sending anything, until RetryLogin.
type LoginError struct {
	// URL of the Grafana, as configured.
	URL string
	// Err is what went wrong, an *Error or a failure of the network.
	Err error
}

func (e *LoginError) Error() string {
	text := "logging in to Grafana at " + e.URL + ": " + e.Err.Error()
	if IsUnauthorized(e.Err) {
		text += "; not trying again by itself, since five wrong passwords lock a login out"
	}
	return text
}

// Unwrap returns Err.
func (e *LoginError) Unwrap() error { return e.Err }

// noAnswer is a request that got no answer.
type noAnswer struct {
	method, path string
	sent         bool // whether any of it may have reached the server
	err          error
}

func (e *noAnswer) Error() string {
	return fmt.Sprintf("no answer from Grafana to %s %s: %v", e.method, e.path, e.err)
}

func (e *noAnswer) Unwrap() error { return e.err }

func answered(err error, statuses ...int) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, status := range statuses {
		if e.Status == status {
			return true
		}
	}
	return false
}

func identified(err error, ids ...string) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, id := range ids {
		if e.MessageID == id {
			return true
		}
	}
	return false
}

// IsNotFound reports whether Grafana said that the object does not exist. A 404 that is not Grafana's
// own JSON (a wrong URL, a proxy) is none: it says nothing about the object.
func IsNotFound(err error) bool {
	return answered(err, http.StatusNotFound) && !IsNotGrafana(err)
}

// IsTaken reports whether a create or rename was refused because the name, login or uid is in use. It
// does not say by whom: look again.
func IsTaken(err error) bool {
	switch {
	case answered(err, http.StatusConflict):
		return true
	case answered(err, http.StatusPreconditionFailed):
		return !identified(err, "plugin-dashboard")
	}
	return identified(err, OrgNameTaken, "serviceaccounts.ErrAlreadyExists", "serviceaccounts.ErrTokenAlreadyExists")
}

// IsTitleTaken reports whether a save was refused because another dashboard of the folder has the title,
// which Grafana before 11.3 allows one to have.
func IsTitleTaken(err error) bool { return identified(err, "name-exists") }

// IsVersionMismatch reports whether a save was refused because the object exists in another version
// than the one that the request names.
func IsVersionMismatch(err error) bool {
	return answered(err, http.StatusPreconditionFailed) && !identified(err, "name-exists", "plugin-dashboard")
}

// IsTooDeep reports whether a folder was not made since it would be below too many others. It is no
// failure of the server, whatever the status (Grafana 12 answers 500).
func IsTooDeep(err error) bool { return identified(err, FolderTooDeep) }

// IsReservedTitle reports whether a folder was not made since its title is Grafana's own: General.
func IsReservedTitle(err error) bool { return identified(err, ReservedTitle) }

// IsLifetimeRefused reports whether a token was refused since it would live too long: its MessageID,
// MaxSecondsToLive or ExpirationDayLimit, says by which of Grafana's settings.
func IsLifetimeRefused(err error) bool { return identified(err, MaxSecondsToLive, ExpirationDayLimit) }

// IsLastAdmin reports whether a member was not removed since the organization would be left without an
// Admin.
func IsLastAdmin(err error) bool { return identified(err, LastAdmin) }

// IsUnauthorized reports whether the credential was refused.
func IsUnauthorized(err error) bool { return answered(err, http.StatusUnauthorized) }

// IsForbidden reports whether the credential is good but may not do this. Grafana caches permissions
// for up to a minute.
func IsForbidden(err error) bool { return answered(err, http.StatusForbidden) }

// IsRateLimited reports whether the server asked to slow down.
func IsRateLimited(err error) bool { return answered(err, http.StatusTooManyRequests) }

// IsNotGrafana reports whether what answered does not look like Grafana's API: a page, a redirect to a
// login, JSON of some other service. Most often the URL is wrong.
func IsNotGrafana(err error) bool { return identified(err, NotGrafana) }

// IsUnavailable reports whether the failure lies with the server or the way to it, and may pass by
// itself: no answer, 5xx, 429, 408.
func IsUnavailable(err error) bool {
	var none *noAnswer
	if errors.As(err, &none) || errors.Is(err, ErrClosed) {
		return true
	}
	return failed(err) || IsRateLimited(err)
}

// failed reports whether the server itself failed: 5xx or 408, unless it is known for a refusal.
func failed(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status >= 500 || e.Status == http.StatusRequestTimeout) && !identified(e, FolderTooDeep, WrongNamespace)
}

// IsUnsure reports whether the request may have taken effect all the same: it got no answer, 5xx, 408
// or a success that could not be read. Where it is certain that nothing was sent, it is false.
func IsUnsure(err error) bool {
	var login *LoginError
	if errors.As(err, &login) {
		return false
	}
	var none *noAnswer
	if errors.As(err, &none) {
		return none.sent
	}
	var e *Error
	return failed(err) || errors.As(err, &e) && e.Status < 300
}

// RetryAfter returns how long the server asked to be left alone; 0 if it did not.
func RetryAfter(err error) time.Duration {
	var e *Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.RetryAfter
}

// IsTLS reports whether no trusted connection came about: the server's certificate does not verify, it
// refuses ours, or it does not speak TLS.
func IsTLS(err error) bool {
	var (
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		roots    x509.SystemRootsError
		record   tls.RecordHeaderError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid),
		errors.As(err, &roots), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return true
	}
	// crypto/tls reports alerts this way, such as the one by which a server asks for a client certificate.
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// isDial reports whether err proves that no connection was made.
func isDial(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns) || errors.Is(err, syscall.ECONNREFUSED)
}

// asError turns an answer that is no success into an *Error.
func (a answer) asError() *Error {
	e := &Error{Method: a.method, Path: a.path, Status: a.status, RetryAfter: a.retryAfter()}
	if a.status >= 300 && a.status < 400 {
		e.MessageID = NotGrafana
		e.Message = "it redirects to " + safeLocation(a.header.Get("Location")) + ", which is not followed; check the URL and its path"
		return e
	}
	if e.fromJSON(a.body) {
		return e
	}
	e.Message, e.text = oneLine(string(a.body)), true
	if isHTML(a) {
		e.Message = "it sent an HTML page"
	}
	// Where Grafana itself sends something other than JSON, it is neither a 404 nor a page; what a proxy
	// sends while Grafana is out of action proves nothing.
	if a.status == http.StatusNotFound || isHTML(a) && !failed(e) && !IsRateLimited(e) {
		e.MessageID = NotGrafana
		e.Message = strings.TrimPrefix(e.Message+"; is this the URL of a Grafana, with the right path?", "; ")
	}
	return e
}

// fromJSON fills in e from an error body of any of Grafana's shapes; false if body is no JSON object.
func (e *Error) fromJSON(body []byte) bool {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return false
	}
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	e.Message = oneLine(text("message"))
	switch {
	case text("messageId") != "":
		e.MessageID = text("messageId")
	case text("kind") == "Status":
		e.MessageID = text("reason")
	default:
		e.MessageID = text("status")
	}
	if e.MessageID == "" {
		e.MessageID = e.worded()
	}
	return true
}

// worded is the MessageID of a refusal that Grafana tells by nothing but its text; "": it is none.
func (e *Error) worded() string {
	if e.Status != http.StatusBadRequest && e.Status != http.StatusInternalServerError {
		return ""
	}
	for _, known := range []struct{ path, text, id string }{
		{"/api/folders", "folder max depth exceeded", FolderTooDeep},
		{"/api/folders", "[" + FolderTooDeep + "]", FolderTooDeep},
		{"/apis/", "namespace mismatch", WrongNamespace},
	} {
		if strings.Contains(e.Path, known.path) && strings.Contains(e.Message, known.text) {
			return known.id
		}
	}
	return ""
}

// unreadable is the *Error for a success whose body is not what Grafana sends.
func (a answer) unreadable(why string) *Error {
	return &Error{
		Method: a.method, Path: a.path, Status: a.status, MessageID: NotGrafana,
		Message: why + "; is this the URL of a Grafana, with the right path?",
	}
}

func (a answer) retryAfter() time.Duration {
	value := a.header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(a.at))
	}
	return 0
}

func isHTML(a answer) bool {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return media == "text/html" || strings.HasPrefix(strings.TrimSpace(string(a.body[:min(len(a.body), 64)])), "<")
}

// safeLocation is the target of a redirect without what may be private in it.
func safeLocation(location string) string {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return "nowhere"
	}
	return oneLine((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

// tokenKey is what a token's key looks like, in case that something on the way echoes it.
var tokenKey = regexp.MustCompile(`glsa_[A-Za-z0-9]+_[0-9a-f]{8}`)

// oneLine makes text from the server fit to print: one short line without control characters or keys.
func oneLine(text string) string {
	const longest = 300
	text = tokenKey.ReplaceAllString(text, hidden)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
