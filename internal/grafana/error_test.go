package grafana

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// is lists the predicates that hold for err.
func is(err error) string {
	var names []string
	for _, p := range []struct {
		name string
		is   func(error) bool
	}{
		{"notFound", IsNotFound}, {"taken", IsTaken}, {"versionMismatch", IsVersionMismatch},
		{"unauthorized", IsUnauthorized}, {"forbidden", IsForbidden}, {"rateLimited", IsRateLimited},
		{"notGrafana", IsNotGrafana}, {"unavailable", IsUnavailable}, {"unsure", IsUnsure}, {"tls", IsTLS}, {"tooLarge", isTooLarge},
	} {
		if p.is(err) {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, " ")
}

func isTooLarge(err error) bool { return VerdictOf(err) == TooLarge }

const html = "<!DOCTYPE html><html><body>login</body></html>"

// shapes are answers that are no success, with what they are taken for.
var shapes = []struct {
	name, contentType, body string
	status                  int
	want, id, message       string
}{
	{
		name:    "message",
		status:  404,
		body:    `{"message":"Service account not found"}`,
		want:    "notFound",
		message: "Service account not found",
	},
	{
		name:    "errutil",
		status:  400,
		body:    `{"statusCode":400,"messageId":"serviceaccounts.ErrAlreadyExists","message":"service account already exists"}`,
		want:    "taken",
		id:      "serviceaccounts.ErrAlreadyExists",
		message: "service account already exists",
	},
	{
		name:    "token name",
		status:  400,
		body:    `{"statusCode":400,"messageId":"serviceaccounts.ErrTokenAlreadyExists","message":"x","traceID":""}`,
		want:    "taken",
		id:      "serviceaccounts.ErrTokenAlreadyExists",
		message: "x",
	},
	{name: "bad request", status: 400, body: `{"message":"bad request data"}`, message: "bad request data"},
	{
		name:    "permissions",
		status:  403,
		body:    `{"accessErrorId":"ACE1","message":"You'll need additional permissions","title":"Access denied"}`,
		want:    "forbidden",
		message: "You'll need additional permissions",
	},
	{name: "empty object", status: 403, body: `{}`, want: "forbidden", message: "Forbidden"},
	{
		name:    "name",
		status:  409,
		body:    `{"message":"service account already exists"}`,
		want:    "taken",
		message: "service account already exists",
	},
	{name: "version", status: 412, body: `{"status":"version-mismatch","message":"changed by someone else"}`,
		want: "taken versionMismatch", id: "version-mismatch", message: "changed by someone else"},
	{
		name:    "title",
		status:  412,
		body:    `{"status":"name-exists","message":"same name"}`,
		want:    "taken",
		id:      "name-exists",
		message: "same name",
	},
	{
		name:    "plugin",
		status:  412,
		body:    `{"status":"plugin-dashboard","message":"belongs to plugin"}`,
		id:      "plugin-dashboard",
		message: "belongs to plugin",
	},
	{name: "folder of 12.4", status: 412, body: `{"message":"the folder has been changed by someone else"}`,
		want: "taken versionMismatch", message: "the folder has been changed"},
	{
		name:    "Kubernetes",
		status:  404,
		body:    `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"services \"token\" not found","reason":"NotFound","code":404}`,
		want:    "notGrafana",
		id:      NotGrafana,
		message: "not Grafana's",
	},
	{
		name:    "revoked session",
		status:  401,
		body:    `{"message":"Token revoked","error":{"id":"ERR_TOKEN_REVOKED"}}`,
		want:    "unauthorized",
		message: "Token revoked",
	},
	{
		name:    "numbers for words",
		status:  500,
		body:    `{"status":500,"message":7,"messageId":[]}`,
		want:    "unavailable unsure",
		message: "JSON that is not Grafana's",
	},
	{
		name:    "locked database",
		status:  500,
		body:    `{"message":"database is locked"}`,
		want:    "unavailable unsure",
		message: "database is locked",
	},
	{
		name:        "plain text",
		status:      400,
		contentType: "text/plain",
		body:        "What was sent exceeds\nthe limit",
		want:        "notGrafana",
		id:          NotGrafana,
		message:     "plain text: What was sent exceeds the limit",
	},
	{name: "no body", status: 400, want: "notGrafana", id: NotGrafana, message: "no body"},
	{
		name:    "too many",
		status:  429,
		body:    `{"message":"slow down"}`,
		want:    "rateLimited unavailable",
		message: "slow down",
	},
	{
		name:        "too many, as a page",
		status:      429,
		contentType: "text/html",
		body:        html,
		want:        "rateLimited unavailable",
		message:     "HTML page",
	},
	{
		name:        "timeout of a proxy",
		status:      408,
		contentType: "text/plain",
		body:        "timeout",
		want:        "unavailable unsure",
		message:     "timeout",
	},
	{
		name:        "proxy's 502",
		status:      502,
		contentType: "text/html",
		body:        html,
		want:        "unavailable unsure",
		message:     "HTML page",
	},
	{
		name:        "proxy's 503",
		status:      503,
		contentType: "text/plain",
		body:        "no healthy upstream",
		want:        "unavailable unsure",
		message:     "no healthy upstream",
	},
	{
		name:        "wrong path",
		status:      404,
		contentType: "text/html; charset=UTF-8",
		body:        html,
		want:        "notGrafana",
		id:          NotGrafana,
		message:     "HTML page",
	},
	{
		name:        "404 of some server",
		status:      404,
		contentType: "text/plain",
		body:        "404 page not found",
		want:        "notGrafana",
		id:          NotGrafana,
		message:     "404 page not found",
	},
	{name: "404 without a body", status: 404, want: "notGrafana", id: NotGrafana, message: "no body"},
	{
		name:        "a page for 403",
		status:      403,
		contentType: "text/html",
		body:        html,
		want:        "notGrafana",
		id:          NotGrafana,
		message:     "HTML page",
	},
	{
		name:        "a page for success",
		status:      200,
		contentType: "text/html",
		body:        html,
		want:        "notGrafana unsure",
		id:          NotGrafana,
		message:     "HTML page",
	},
	{name: "success without a body", status: 200, want: "notGrafana unsure", id: NotGrafana, message: "no body"},
	{
		name:    "other JSON",
		status:  200,
		body:    `{"status":"ok"}`,
		want:    "notGrafana unsure",
		id:      NotGrafana,
		message: "JSON that is not",
	},
	{
		name:    "JSON of another type",
		status:  200,
		body:    `{"id":"one"}`,
		want:    "notGrafana unsure",
		id:      NotGrafana,
		message: "JSON that is not",
	},
	{
		name:        "a key that is echoed",
		status:      400,
		contentType: "text/plain",
		body:        "bad glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f\x00\x1b[31m!",
		want:        "notGrafana",
		id:          NotGrafana,
		message:     "bad *** [31m!",
	},
}

func TestErrorsOfEveryShape(t *testing.T) {
	for _, test := range shapes {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.contentType == "" {
					test.contentType = "application/json"
				}
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}, withToken)
			_, err := c.Org(5).ServiceAccountByID(t.Context(), 42)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Status != test.status || e.MessageID != test.id || e.Method != "GET" ||
				e.Path != "/api/serviceaccounts/42" {
				t.Errorf("got %+v", e)
			}
			if got := is(err); got != test.want {
				t.Errorf("it is %q, want %q", got, test.want)
			}
			if text := err.Error(); !strings.Contains(text, test.message) ||
				!strings.Contains(text, fmt.Sprint(test.status)) ||
				strings.ContainsAny(text, "\n\x00\x1b") {
				t.Errorf("it says %q", text)
			}
			if wrapped := fmt.Errorf("more: %w", err); is(wrapped) != test.want {
				t.Errorf("wrapped it is %q", is(wrapped))
			}
		})
	}
}

func TestLongErrorTextIsCut(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("ü", 1<<20))
	})
	_, err := c.OrgByID(t.Context(), 1)
	if text := err.Error(); len(text) > 500 || strings.ContainsRune(text, '\uFFFD') {
		t.Errorf("%d bytes of text: %q", len(text), text)
	}
}

func TestRetryAfter(t *testing.T) {
	clock := newClock()
	date := func(d time.Duration) string { return clock.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		header, now string
		want        time.Duration
	}{
		{"", date(0), 0},
		{"17", date(0), 17 * time.Second},
		{" 17 ", date(0), 17 * time.Second},
		{"-5", date(0), 0},
		{"0", date(0), 0},
		{"1.5", date(0), 0},
		{"now", date(0), 0},
		{"86400", date(0), 5 * time.Minute},
		{"9223372036854775807", date(0), 5 * time.Minute},
		{"99999999999999999999999", date(0), 5 * time.Minute},
		{"-99999999999999999999999", date(0), 0},
		{date(90 * time.Second), date(0), 90 * time.Second},
		{date(90 * time.Second), date(time.Minute), 30 * time.Second}, // by the server's own clock
		{date(90 * time.Second), "no date", 90 * time.Second},
		{date(-time.Hour), date(0), 0},
		{date(100 * 365 * 24 * time.Hour), date(0), 5 * time.Minute},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", test.header)
			w.Header().Set("Date", test.now)
			answerJSON(w, http.StatusServiceUnavailable, `{"message":"busy"}`)
		}, withClock(clock))
		_, err := c.OrgByID(t.Context(), 1)
		if got := RetryAfter(err); got != test.want || !IsUnavailable(err) {
			t.Errorf("Retry-After %q at %s: %v of %v", test.header, test.now, got, err)
		}
	}
	if got := RetryAfter(context.Canceled); got != 0 {
		t.Errorf("of another error: %v", got)
	}
}

func TestRenameToATakenName(t *testing.T) {
	body := `{"message":"Organization name taken"}`
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusBadRequest, body)
	})
	if err := c.RenameOrg(
		t.Context(),
		3,
		"taken",
	); !IsTaken(err) ||
		!strings.Contains(err.Error(), "Organization name taken") {
		t.Errorf("got %v", err)
	}
	body = `{"message":"bad request data"}`
	if err := c.RenameOrg(t.Context(), 3, ""); err == nil || IsTaken(err) {
		t.Errorf("the empty name: %v", err)
	}
	body = `{"message":"taken by surprise"}`
	if err := c.RenameOrg(t.Context(), 3, "x"); err == nil || IsTaken(err) {
		t.Errorf("a gateway's 400: %v", err)
	}
}

func TestPredicatesOfOtherErrors(t *testing.T) {
	for _, err := range []error{nil, io.EOF, context.Canceled} {
		if got := is(err); got != "" {
			t.Errorf("%v is %s", err, got)
		}
	}
	if got := is(ErrClosed); got != "unavailable" {
		t.Errorf("ErrClosed is %q", got)
	}
}
