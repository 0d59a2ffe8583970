package grafana

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Verdict is what became of a request, as far as that is proven. A proxy, gateway, firewall or managed service
// before Grafana answers too, so that a status alone proves little: what is concluded from answers is concluded
// in one table, verdicts, and nowhere else.
type Verdict string

const (
	// Done means: Grafana did what it was asked.
	Done Verdict = "Done"
	// NoAnswer means: nothing came back, or only half of it.
	NoAnswer Verdict = "NoAnswer"
	// Untrusted means: no trusted connection came about.
	Untrusted Verdict = "Untrusted"
	// Failing means: the server, or the way to it, is out of order, and may be better soon.
	Failing Verdict = "Failing"
	// RateLimited means: the server asked to slow down.
	RateLimited Verdict = "RateLimited"
	// TooLarge means: the request is larger than Grafana, or something before it, takes.
	TooLarge Verdict = "TooLarge"
	// Foreign means: somebody else's answer, or one that does not say that it is about this object. It proves nothing.
	Foreign Verdict = "Foreign"
	// Unauthorized means: Grafana refuses the credential.
	Unauthorized Verdict = "Unauthorized"
	// Forbidden means: Grafana knows the credential, which may not do this.
	Forbidden Verdict = "Forbidden"
	// Absent means: Grafana says that the object does not exist.
	Absent Verdict = "Absent"
	// Taken means: Grafana says that the name, login or uid is in use.
	Taken Verdict = "Taken"
	// Changed means: Grafana says that the object exists in another version than the one that the request names.
	Changed Verdict = "Changed"
	// Refused means: Grafana refuses this request.
	Refused Verdict = "Refused"
	// Other means: an error that is not about a request.
	Other Verdict = "Other"
)

// rule gives a verdict to the answers that meet all that it names.
type rule struct {
	status []int
	from   int // a status: it and all above
	ids    []string
	says   func(*Error) bool
	is     Verdict
}

// verdicts is the table: the first rule that an answer meets gives the verdict.
var verdicts = []rule{
	{ids: []string{FolderTooDeep, WrongNamespace}, is: Refused}, // although Grafana 12 answers 500
	{ids: []string{ObjectGone}, is: Changed},                    // likewise
	{ids: []string{SessionLost}, is: Failing},
	{status: []int{http.StatusRequestEntityTooLarge}, is: TooLarge},
	{status: []int{http.StatusTooManyRequests}, is: RateLimited},
	{status: []int{http.StatusRequestTimeout}, is: Failing},
	{from: http.StatusInternalServerError, is: Failing},
	{says: (*Error).isForeign, is: Foreign},
	// From here on the answer has the shape of Grafana's own.
	{status: []int{http.StatusUnauthorized}, is: Unauthorized},
	{ids: []string{PanelsInUse, PanelInUse}, is: Refused}, // although Grafana 10 answers 403
	{status: []int{http.StatusForbidden}, says: (*Error).needsNothing, is: Failing},
	{status: []int{http.StatusForbidden}, is: Forbidden},
	{status: []int{http.StatusNotFound}, says: (*Error).saysAbsent, is: Absent},
	{ids: []string{"plugin-dashboard"}, is: Refused},
	{status: []int{http.StatusPreconditionFailed}, ids: []string{"version-mismatch"}, is: Changed},
	{status: []int{http.StatusPreconditionFailed}, says: (*Error).saysChanged, is: Changed},
	{status: []int{http.StatusConflict}, says: (*Error).saysUpdated, is: Changed},
	{status: []int{http.StatusConflict}, ids: []string{"Conflict"}, says: (*Error).saysModified, is: Changed},
	{ids: takenIDs, is: Taken},
	{status: []int{http.StatusConflict, http.StatusPreconditionFailed}, says: (*Error).saysTaken, is: Taken},
	// A status that says something of an object, and words that do not.
	{status: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed}, is: Foreign},
	{is: Refused},
}

var takenIDs = []string{
	OrgNameTaken,
	TeamNameTaken,
	TeamMemberTaken,
	PanelTaken,
	"name-exists",
	"serviceaccounts.ErrAlreadyExists",
	"serviceaccounts.ErrTokenAlreadyExists",
}

// takenWords are those of Grafana's sentences. Limits are told by others: "already has as many as it can have".
var takenWords = []string{"taken", "already exists", "already member", "already added", "must be unique"}

func (r rule) meets(e *Error) bool {
	return (r.status == nil || slices.Contains(r.status, e.Status)) && e.Status >= r.from &&
		(r.ids == nil || slices.Contains(r.ids, e.MessageID)) &&
		(r.says == nil || r.says(e))
}

// VerdictOf says what came of a request that ended with err.
func VerdictOf(err error) Verdict {
	var none *noAnswer
	var answer *Error
	var other *otherSession
	switch {
	case err == nil:
		return Done
	case IsTLS(err):
		return Untrusted
	case errors.As(err, &other): // whatever was refused besides is asked again
		return Failing
	case errors.As(err, &answer):
		return verdicts[slices.IndexFunc(verdicts, func(r rule) bool { return r.meets(answer) })].is
	case errors.As(err, &none), errors.Is(err, ErrClosed):
		return NoAnswer
	}
	return Other
}

func (e *Error) isForeign() bool { return e.shape != ownShape }

// needsNothing reports whether Grafana refuses and names no permission that is needed: so it answers where it has
// failed itself to find out who may do what, as with a locked database (10.4.3, 12.4.0). A key of the old kind, which
// is no service account's token, gets the same for good (10.4.3).
func (e *Error) needsNothing() bool {
	return strings.HasSuffix(strings.TrimSpace(e.Message), "Permissions needed:")
}

// about names what a route is about, in the words of Grafana's sentences. The first prefix counts.
var about = []struct {
	route string
	kinds []string
}{
	{"/api/orgs/:id/users", []string{"user", "organization"}},
	{"/api/org/users", []string{"user", "organization"}},
	{"/api/org/preferences", []string{"dashboard"}},
	{"/api/org", []string{"organization"}},
	{"/api/serviceaccounts", []string{"service account", "token"}},
	{"/api/dashboards", []string{"dashboard"}},
	{"/api/folders", []string{"folder"}},
	{"/api/library-elements", []string{"library element"}},
	{"/api/teams/:id/preferences", []string{"dashboard"}},
	{"/api/teams", []string{"team", "team member"}},
	{"/api/datasources", []string{"data source"}},
	{"/api/user", []string{"user"}},
	{"/api/admin/users", []string{"user"}},
	{"/apis/dashboard.grafana.app", []string{"dashboard"}},
	{"/apis/folder.grafana.app", []string{"folder"}},
}

func kindsOf(route string) []string {
	for _, a := range about {
		if strings.HasPrefix(route, a.route) {
			return a.kinds
		}
	}
	return nil
}

// saysAbsent reports whether a 404 says that an object of the route's kind does not exist. That a route does not
// exist, as a proxy says, or Grafana itself ("Not found"), says nothing of the object.
func (e *Error) saysAbsent() bool {
	words := strings.ToLower(e.Message)
	if strings.HasPrefix(e.route, "/api/folders") && strings.HasPrefix(words, "[guardian.dashboardnotfound]") {
		return true // Grafana 10 says "dashboard" of a folder, too
	}
	for _, kind := range kindsOf(e.route) {
		if e.hasID(kind, "notfound") ||
			names(words, kind) &&
				(strings.Contains(words, "not found") || strings.Contains(words, "could not be found")) {
			return true
		}
	}
	return false
}

// SaysAbsent reports whether a 404, got for a path of the API, is Grafana's own word that what it names does not exist.
func SaysAbsent(path string, header http.Header, body []byte) bool {
	a := answer{
		method: http.MethodGet, path: path, route: path, status: http.StatusNotFound, header: header, body: body,
	}
	return VerdictOf(a.asError()) == Absent
}

// saysChanged reports whether a 412 says that an object of the route's kind has another version.
func (e *Error) saysChanged() bool {
	words := strings.ToLower(e.Message)
	// Grafana 12 says "dashboard" of a folder, too.
	return strings.Contains(words, "changed by someone else") && kindsOf(e.route) != nil
}

// saysUpdated reports whether a 409 says that a data source has another version.
func (e *Error) saysUpdated() bool {
	return strings.HasPrefix(e.route, "/api/datasources") &&
		strings.Contains(e.Message, "has already been updated by someone else")
}

// saysModified reports whether a 409 of /apis says that an object has another version.
func (e *Error) saysModified() bool {
	return strings.HasPrefix(e.route, "/apis/") && strings.Contains(e.Message, "the object has been modified")
}

// saysTaken reports whether a 409 or 412 says that something of the route's kind is there already.
func (e *Error) saysTaken() bool {
	if strings.HasPrefix(e.route, "/api/admin/users") && strings.HasPrefix(e.Message, "User with email '") {
		return true // "already exists", which what is quoted can push out of a message that is cut short
	}
	words := strings.ToLower(e.Message)
	for _, kind := range kindsOf(e.route) {
		taken := slices.ContainsFunc(takenWords, func(w string) bool { return strings.Contains(words, w) })
		if names(words, kind) && taken || e.hasID(kind, "exists") || e.hasID(kind, "taken") {
			return true
		}
	}
	return false
}

// hasID reports whether the messageId is one of Grafana's, such as serviceaccounts.ErrTokenNotFound, about this kind.
func (e *Error) hasID(kind, what string) bool {
	prefix, rest, dotted := strings.Cut(strings.ToLower(e.MessageID), ".")
	return dotted && strings.HasPrefix(prefix, stem(kind)) && strings.Contains(strings.ReplaceAll(rest, "-", ""), what)
}

// stem is how Grafana's identifiers write a kind.
func stem(kind string) string {
	switch kind {
	case "organization":
		return "org"
	case "token":
		return "serviceaccount"
	}
	return strings.ReplaceAll(kind, " ", "")
}

// names reports whether words, in lower case, are about a kind: "dashboard not found", or as the resources of
// /apis say it, `dashboards.dashboard.grafana.app "x" not found`. What quotes the path of a request, as servers
// of other makes do, is about the path.
func names(words, kind string) bool {
	if resource, _, quoted := strings.Cut(words, ` "`); quoted {
		return strings.HasSuffix(resource, ".grafana.app") && strings.HasPrefix(resource, stem(kind)+"s.")
	}
	if strings.ContainsAny(words, `/"`) {
		return false
	}
	plain := " " + strings.NewReplacer(".", " ", ",", " ", ":", " ").Replace(words) + " "
	return strings.Contains(plain, " "+kind+" ")
}

// IgnoreNotFound is nil for an error that says that there is no such thing.
func IgnoreNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}
