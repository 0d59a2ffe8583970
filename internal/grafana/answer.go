package grafana

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// answer is what came back, whatever its status.
type answer struct {
	method, path string
	route        string // the path with names for its variable parts
	status       int
	header       http.Header
	body         []byte
	at           time.Time // when it came, by the Client's clock
	release      func()    // lets the next large answer be read; nil: this one is small
	spare        bool      // see request
}

// done lets go of the answer.
func (a *answer) done() {
	if a.release != nil {
		a.release()
		a.release, a.body = nil, nil
	}
}

// shape is what an answer looks like.
type shape string

const (
	ownShape    shape = "" // as Grafana's
	pageShape   shape = "an HTML page"
	textShape   shape = "plain text"
	emptyShape  shape = "no body"
	jsonShape   shape = "JSON that is not Grafana's"
	moveShape   shape = "a redirect, which is not followed"
	gatedShape  shape = "a challenge to log in, which is not Grafana's"
	switchShape shape = "another protocol"
)

// asError turns an answer that is no success into an *Error.
func (a answer) asError() *Error {
	e := &Error{Method: a.method, Path: a.path, Status: a.status, RetryAfter: a.retryAfter(), route: a.route}
	if !e.fromJSON(a) {
		e.Message, e.text = oneLine(string(a.body)), true
		e.shape = a.looks()
		if e.shape == pageShape {
			e.Message = ""
		}
		if e.shape == textShape {
			e.MessageID = e.worded()
		}
		if e.MessageID != "" {
			e.shape = ownShape
		}
	}
	if a.isGated() && !strings.Contains(e.MessageID, ".") {
		e.shape = gatedShape
	}
	switch {
	case a.status < 200:
		e.shape, e.Message = switchShape, ""
	case a.status < 400:
		e.shape, e.Message = moveShape, safeLocation(a.header.Get("Location"))
	}
	if e.MessageID == "" && e.shape != ownShape && VerdictOf(e) == Foreign {
		e.MessageID = NotGrafana
	}
	return e
}

// refusesCredential reports whether Grafana says that it does not know who asks.
func (a answer) refusesCredential() bool {
	return a.status == http.StatusUnauthorized && VerdictOf(a.asError()) == Unauthorized
}

// lostSession is the *Error for a session that is refused though it has just begun.
func (a answer) lostSession() *Error {
	e := a.asError()
	e.MessageID = SessionLost
	e.Message += " (Grafana took the password, and then did not know the session that it had begun with it: " +
		"are there several servers behind this address that do not share a database?)"
	return e
}

// isGated reports whether a 401 asks for a login in a way in which Grafana does not: a gateway before it does. It
// does, too, where the credential has just served for something else.
func (a answer) isGated() bool {
	return a.status == http.StatusUnauthorized && (a.spare || a.header.Get("WWW-Authenticate") != "")
}

// looks is the shape of a body that is not Grafana's JSON.
func (a answer) looks() shape {
	body := strings.TrimSpace(string(a.body[:min(len(a.body), 64)]))
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case body == "":
		return emptyShape
	case media == "text/html", strings.HasPrefix(body, "<"):
		return pageShape
	case json.Valid(a.body):
		return jsonShape
	}
	return textShape
}

// fromJSON fills in e from an error body of any of Grafana's shapes; false if it has none of them.
func (e *Error) fromJSON(a answer) bool {
	var fields map[string]any
	if json.Unmarshal(a.body, &fields) != nil {
		return false
	}
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	isStatus, isResource := text("kind") == "Status", strings.HasPrefix(e.route, "/apis/")
	switch {
	case isStatus && !isResource: // another API server's
		return false
	case len(fields) == 0 && e.Status == http.StatusForbidden && a.body != nil: // so Grafana 12 refuses saves
	case text("message") == "" && text("messageId") == "":
		return false
	}
	e.Message = oneLine(text("message"))
	switch {
	case text("messageId") != "":
		e.MessageID = text("messageId")
	case isStatus:
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
	switch e.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusInternalServerError:
	default:
		return ""
	}
	for _, known := range []struct{ route, text, id string }{
		{"/api/folders", "folder max depth exceeded", FolderTooDeep},
		{"/api/folders", "[" + FolderTooDeep + "]", FolderTooDeep},
		{"/api/folders", "A folder with that name already exists", ReservedTitle},
		{"/api/folders/:uid", "contains library elements in use", PanelsInUse},
		{"/api/library-elements", "with that name or UID already exists", PanelTaken},
		{"/api/library-elements/:uid", "library element has connections", PanelInUse},
		{"/api/orgs/:id", "Organization name taken", OrgNameTaken},
		{"/api/serviceaccounts/:id/tokens", "seconds before expiration", MaxSecondsToLive},
		{"/api/serviceaccounts/:id/tokens", "expiration date", ExpirationDayLimit},
		{"/api/orgs/:id/users/:user", "last organization admin", LastAdmin},
		{"/api/orgs/:id/users/:user", "no organization admin left", LastAdmin},
		{"/api/admin/users/:id/permissions", "last grafana admin", LastAdmin},
		{"/api/teams/:id", "Team name taken", TeamNameTaken},
		{"/api/teams/:id/members", "already added to this team", TeamMemberTaken},
		{"/apis/", "namespace mismatch", WrongNamespace},
		{"/apis/", "resourceVersion should not be set on objects to be created", ObjectGone},
	} {
		if strings.HasPrefix(e.route, known.route) && strings.Contains(e.Message, known.text) {
			return known.id
		}
	}
	return ""
}

// unreadable is the *Error for a success whose body is not what Grafana sends.
func (a answer) unreadable() *Error {
	e := &Error{Method: a.method, Path: a.path, Status: a.status, MessageID: NotGrafana, route: a.route}
	if e.shape = a.looks(); e.shape == textShape {
		e.Message = oneLine(string(a.body))
	}
	return e
}

// longestPause bounds what a server may ask for: nobody's mistake shall keep the operator away for a day.
const longestPause = 5 * time.Minute

// retryAfter is the pause that the server asks for, in seconds or as a time by its own clock.
func (a answer) retryAfter() time.Duration {
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	if at, err := http.ParseTime(value); err == nil {
		now := a.at
		if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
			now = date
		}
		return min(max(0, at.Sub(now)), longestPause)
	}
	seconds, err := strconv.ParseInt(value, 10, 64) // what is too large for it becomes the largest there is
	if err != nil && !errors.Is(err, strconv.ErrRange) || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, int64(longestPause/time.Second))) * time.Second
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
