package grafana

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// MessageIDs that this package gives to answers for which Grafana has none of its own.
const (
	// NotGrafana marks an answer that no Grafana gives here: a redirect, a page, other JSON than Grafana's.
	NotGrafana = "notGrafana"
	// SessionLost marks Grafana's 401 to a session that it had begun the moment before. Its password is right.
	SessionLost = "sessionLost"
	// OrgNameTaken marks Grafana's 400 to a rename whose new name belongs to another organization.
	OrgNameTaken = "orgNameTaken"
	// TeamNameTaken marks Grafana's 400 to a rename whose new name belongs to another team.
	TeamNameTaken = "teamNameTaken"
	// TeamMemberTaken marks Grafana's 400 to the addition of somebody who is in the team already.
	TeamMemberTaken = "teamMemberTaken"
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
	// ReservedTitle marks Grafana's 400 to a folder called General, as its root is: to a new one before version 12,
	// and to a change of any.
	ReservedTitle = "reservedTitle"
	// PanelsInUse marks the 403 by which versions before 12 keep a folder with library panels that dashboards use.
	PanelsInUse = "panelsInUse"
	// PanelTaken marks Grafana's 400 to a library panel whose uid is in use, or before 12.3 its name in the folder.
	PanelTaken = "panelTaken"
	// PanelInUse marks the 403 by which versions before 12 keep a library panel that dashboards use.
	PanelInUse = "panelInUse"
	// WrongNamespace marks Grafana's 500 to what /apis is asked in an organization that does not exist.
	WrongNamespace = "namespaceMismatch"
	// ObjectGone marks Grafana's 500 to a save through /apis that is based on something that is not there any more.
	ObjectGone = "objectGone"
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
	// RetryAfter is how long the server asks to be left alone, at most five minutes; 0: it does not say.
	RetryAfter time.Duration

	route string // of the request: its path with names for the variable parts
	shape shape
	text  bool // the body was text, not JSON
}

// Error tells what was tried and what was answered. It holds no secret.
func (e *Error) Error() string { return e.tell(e.Message) }

// tell is Error with another message.
func (e *Error) tell(message string) string {
	who := "Grafana"
	if e.shape != ownShape || VerdictOf(e) == Foreign {
		who = "Grafana, or something before it,"
	}
	text := fmt.Sprintf("%s answered %d to %s %s", who, e.Status, e.Method, e.Path)
	if e.shape != ownShape {
		text += ", with " + string(e.shape)
	}
	switch {
	case message != "":
		return text + ": " + message
	case e.shape != ownShape:
		return text
	case e.MessageID != "":
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
		text += "; it is not tried with every request, since five wrong passwords lock a login out"
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

// IsNotFound reports whether Grafana said that the object does not exist. A 404 that is not Grafana's own word
// about this kind of object (a wrong URL, a proxy, a route that is hidden) is none.
func IsNotFound(err error) bool { return VerdictOf(err) == Absent }

// IsTaken reports whether a create or rename was refused because the name, login or uid is in use. It
// does not say by whom: look again.
func IsTaken(err error) bool {
	verdict := VerdictOf(err)
	return verdict == Taken || verdict == Changed
}

// IsTitleTaken reports whether a save was refused because another dashboard of the folder has the title,
// which Grafana before 11.3 allows one to have.
func IsTitleTaken(err error) bool { return identified(err, "name-exists") }

// IsVersionMismatch reports whether a save was refused because the object exists in another version
// than the one that the request names.
func IsVersionMismatch(err error) bool { return VerdictOf(err) == Changed }

// IsTooDeep reports whether a folder was not made or changed since it would be below too many others. It is no
// failure of the server, whatever the status (Grafana 12 answers 500).
func IsTooDeep(err error) bool { return identified(err, FolderTooDeep) }

// IsFolderInUse reports whether a folder was not deleted since there are alert rules in it, or library panels that
// dashboards use.
func IsFolderInUse(err error) bool { return identified(err, PanelsInUse, "folder.not-empty") }

// IsPanelInUse reports whether a library panel was not deleted since dashboards use it.
func IsPanelInUse(err error) bool { return identified(err, PanelInUse) }

// IsPanelFolderGone reports whether a library panel was not shown since the folder that it is in does not exist.
func IsPanelFolderGone(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.route == "/api/library-elements/:uid" && !e.isForeign() &&
		e.Status == http.StatusNotFound && strings.EqualFold(e.Message, "folder not found")
}

// IsReservedTitle reports whether a folder was not made since its title is Grafana's own: General.
func IsReservedTitle(err error) bool { return identified(err, ReservedTitle) }

// IsLifetimeRefused reports whether a token was refused since it would live too long: its MessageID,
// MaxSecondsToLive or ExpirationDayLimit, says by which of Grafana's settings.
func IsLifetimeRefused(err error) bool { return identified(err, MaxSecondsToLive, ExpirationDayLimit) }

// IsLastAdmin reports whether a member was not removed, or given another role, since the organization would be
// left without an Admin.
func IsLastAdmin(err error) bool { return identified(err, LastAdmin) }

// IsUnauthorized reports whether Grafana refused the credential.
func IsUnauthorized(err error) bool { return VerdictOf(err) == Unauthorized }

// IsForbidden reports whether the credential is good but may not do this. Grafana caches permissions
// for up to a minute.
func IsForbidden(err error) bool { return VerdictOf(err) == Forbidden }

// IsRateLimited reports whether the server asked to slow down.
func IsRateLimited(err error) bool { return VerdictOf(err) == RateLimited }

// IsNotGrafana reports whether the answer is not Grafana's own about this object: a page, a redirect to a
// login, JSON of some other service. It proves nothing.
func IsNotGrafana(err error) bool { return VerdictOf(err) == Foreign }

// IsRedirect reports whether it was answered that something is elsewhere.
func IsRedirect(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.shape == moveShape
}

// IsChallenge reports whether somebody before Grafana asks for a login, or seems to.
func IsChallenge(err error) bool { return IsNotGrafana(err) && answered(err, http.StatusUnauthorized) }

// IsUnavailable reports whether the failure lies with the server or the way to it, and may pass by
// itself: no answer, 5xx, 429, 408.
func IsUnavailable(err error) bool {
	switch VerdictOf(err) {
	case NoAnswer, Untrusted, Failing, RateLimited:
		return true
	}
	return false
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
	return errors.As(err, &e) && (e.Status < 300 || VerdictOf(e) == Failing && e.MessageID != SessionLost)
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
