package grafana

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func TestTokenLeft(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(d time.Duration) *time.Time {
		end := now.Add(d)
		return &end
	}
	for name, test := range map[string]struct {
		token Token
		want  time.Duration
	}{
		"never expires":                      {Token{}, 0},
		"far off":                            {Token{Expiration: at(720 * time.Hour)}, 720 * time.Hour},
		"near, as Grafana says":              {Token{Expiration: at(time.Hour), SecondsUntilExpiration: 3599.25}, 3599*time.Second + 250*time.Millisecond},
		"near, by another clock":             {Token{Expiration: at(-7 * time.Hour), SecondsUntilExpiration: 60}, time.Minute},
		"expired":                            {Token{Expiration: at(-time.Hour), HasExpired: true}, 0},
		"expired, by another clock":          {Token{Expiration: at(7 * time.Hour), HasExpired: true}, 0},
		"past its end, and not said expired": {Token{Expiration: at(-time.Second)}, -time.Second},
	} {
		if got := test.token.Left(now); got != test.want {
			t.Errorf("%s: %s, not %s", name, got, test.want)
		}
	}
}

// The Date of what is Grafana's own tells its time; small differences are none, and what is no date changes nothing.
func TestNowIsGrafanasTime(t *testing.T) {
	own := newClock()
	var date atomic.Value
	status := http.StatusOK
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = date.Load().([]string)
		answerJSON(w, status, `{"database":"ok"}`)
	}, withClock(own), withToken)
	if !c.Now().Equal(own.Now()) {
		t.Errorf("before any answer it is %s, not %s", c.Now(), own.Now())
	}
	say := func(what string, header []string, want time.Duration) {
		t.Helper()
		date.Store(header)
		_, _ = c.Health(t.Context())
		if got := c.Now().Sub(own.Now()); got != want {
			t.Errorf("%s: Grafana's clock is taken to be %s ahead, not %s", what, got, want)
		}
	}
	ahead := func(d time.Duration) []string { return []string{own.Now().Add(d).UTC().Format(http.TimeFormat)} }
	say("the same", ahead(0), 0)
	say("within the exactness of a Date", ahead(-time.Second), 0)
	say("hours ahead", ahead(7*time.Hour), 7*time.Hour)
	say("no date", nil, 7*time.Hour)
	say("not a date", []string{"yesterday"}, 7*time.Hour)
	say("hours behind", ahead(-7*time.Hour), -7*time.Hour)
	own.advance(time.Hour)
	if got := c.Now().Sub(own.Now()); got != -7*time.Hour {
		t.Errorf("an hour later: %s", got)
	}
	status = http.StatusServiceUnavailable
	say("a failing database", ahead(time.Minute), time.Minute)
	say("put right", ahead(0), 0)
}

// The four answers by which Grafana refuses a token's life time, in JSON for one setting and in plain text for the
// other, and what is none of them.
func TestLifetimeRefusals(t *testing.T) {
	const plain = "text/plain; charset=utf-8"
	for name, test := range map[string]struct {
		status            int
		contentType, body string
		setting           string // "": it is something else
	}{
		"must expire":           {400, "application/json", `{"message":"Number of seconds before expiration should be set"}`, MaxSecondsToLive},
		"too long":              {400, "application/json", `{"message":"Number of seconds before expiration is greater than the global limit"}`, MaxSecondsToLive},
		"must expire, in days":  {400, plain, "Cannot create token with no expiration date when service_accounts.token_expiration_day_limit is set", ExpirationDayLimit},
		"too long, in days":     {400, plain, "The expiration date input exceeds the limit for service account access tokens expiration date", ExpirationDayLimit},
		"name taken":            {400, "application/json", `{"message":"taken","messageId":"serviceaccounts.ErrTokenAlreadyExists"}`, ""},
		"invalid":               {400, "application/json", `{"message":"invalid","messageId":"serviceaccounts.ErrInvalidInput"}`, ""},
		"a proxy's page":        {400, "text/html", "<html><body>400 Bad Request</body></html>", ""},
		"no such account":       {404, "application/json", `{"message":"service account not found","messageId":"serviceaccounts.ErrNotFound"}`, ""},
		"forbidden in text":     {403, plain, "no", ""},
		"a failure in text":     {500, plain, "no", ""},
		"unavailable, in JSON":  {503, "application/json", `{"message":"no"}`, ""},
		"too many, in text":     {429, plain, "slow down", ""},
		"a dead credential":     {401, "application/json", `{"message":"Unauthorized"}`, ""},
		"too large, by a proxy": {413, "text/html", "<html></html>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}, withToken)
			_, err := c.Org(1).CreateToken(t.Context(), 2, "t", time.Hour)
			var answer *Error
			if !errors.As(err, &answer) {
				t.Fatalf("got %v", err)
			}
			if got := IsLifetimeRefused(err); got != (test.setting != "") || got && answer.MessageID != test.setting {
				t.Errorf("refused for its life time: %v, %q", got, answer.MessageID)
			}
			if test.setting != "" && (IsUnsure(err) || IsTaken(err) || IsNotGrafana(err) || IsUnavailable(err)) {
				t.Errorf("it is taken for something else as well: %v", err)
			}
		})
	}
}

// A 400 to another request is no word on a life time.
func TestOnlyTokensHaveALifetime(t *testing.T) {
	c := serve(
		t,
		func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 400, `{"message":"bad request data"}`) },
		withToken,
	)
	_, err := c.Org(1).CreateServiceAccount(t.Context(), ServiceAccount{Name: "x"})
	if IsLifetimeRefused(err) || err == nil {
		t.Errorf("got %v", err)
	}
}

func TestClientTellsItsURL(t *testing.T) {
	for url, want := range map[string]string{"http://grafana:3000": "http://grafana:3000", "https://example.com/sub/": "https://example.com/sub"} {
		if got := connect(t, url).URL(); got != want {
			t.Errorf("%s became %s", url, got)
		}
	}
}

// What an answer says of a key: only Grafana's own refusal, with its reason, is one; what is answered in the same way
// to somebody without a key says nothing.
func TestWhatAnswersSayOfAKey(t *testing.T) {
	const (
		elsewhere = `{"statusCode":401,"messageId":"api-key.organization-mismatch","message":"API key does not belong to the requested organization"}`
		expired   = `{"statusCode":401,"messageId":"api-key.expired","message":"Expired API key"}`
		nobody    = `{"statusCode":401,"messageId":"auth.unauthorized","message":"Unauthorized"}`
		plain     = `{"message":"Unauthorized","traceID":""}`
		page      = "<html>no</html>"
	)
	alive := func(err error) bool { return err == nil }
	nothing := func(err error) bool { return err != nil && (!IsUnauthorized(err) || IsNotGrafana(err)) }
	for name, test := range map[string]struct {
		status           int
		withKey, without string // bodies
		is               func(error) bool
	}{
		"alive":                            {401, elsewhere, nobody, alive},
		"expired":                          {401, expired, nobody, IsUnauthorized},
		"unknown":                          {401, plain, nobody, IsUnauthorized},
		"held back on the way":             {401, nobody, nobody, IsUnauthorized},
		"of the organization asked for":    {200, `{"orgs:read":["orgs:*"]}`, `{}`, IsUnauthorized},
		"an empty object":                  {200, `{}`, `{}`, nothing},
		"something else":                   {200, `{"ok":[]}`, `{}`, nothing},
		"a page that is fine":              {200, page, page, nothing},
		"anonymous access":                 {401, `{"message":"Unauthorized"}`, `{"message":"Unauthorized"}`, nothing},
		"a gateway's own":                  {401, `{"error":"no"}`, `{"error":"no"}`, nothing},
		"a page":                           {401, page, page, nothing},
		"forbidden":                        {403, `{}`, `{}`, nothing},
		"hidden":                           {404, `{}`, `{}`, nothing},
		"hidden behind a page":             {404, page, page, nothing},
		"a method that is not let through": {405, page, page, nothing},
		"away":                             {503, page, page, IsUnavailable},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if org := r.Header.Get("X-Grafana-Org-Id"); org == "2" {
				t.Errorf("%s: asked in the key's own organization, where Grafana keeps what the key sees", name)
			}
			body := test.without
			if r.Header.Get("Authorization") != "" {
				body = test.withKey
			}
			if body == page {
				w.Header().Set("Content-Type", "text/html")
			}
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(body))
		})
		if err := c.Org(2).ProveKey(t.Context(), testToken); !test.is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of the refusals of a token, which Grafana gives no names, those of its lifetime are told from others.
func TestRefusedTokens(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"Number of seconds before expiration should be set"}`:                                     MaxSecondsToLive,
		`{"message":"Number of seconds before expiration is greater than the global limit"}`:                  MaxSecondsToLive,
		`The expiration date input exceeds the limit for service account access tokens expiration date`:       ExpirationDayLimit,
		`Cannot create token with no expiration date when service_accounts.token_expiration_day_limit is set`: ExpirationDayLimit,
		`{"message":"The maximum number of service account tokens is reached"}`:                               "",
		`too many tokens`: "",
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(body))
		})
		_, err := c.Org(2).CreateToken(t.Context(), 1, "n", 0)
		if IsLifetimeRefused(err) != (want != "") || want != "" && !identified(err, want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
