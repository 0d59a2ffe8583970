package grafana

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// A gateway that refuses a route to everybody, as Grafana would refuse a credential, ends no session, and has no
// password taken for a wrong one: the credential goes on serving for what it served for before.
func TestRouteThatAGatewayRefusesSaysNothingOfTheCredential(t *testing.T) {
	for name, edit := range map[string]func(*Config){"session": withSession, "basic": func(*Config) {}, "token": withToken} {
		logins := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/login":
				logins++
				http.SetCookie(w, &http.Cookie{Name: "grafana_session", Value: "s"})
				answerJSON(w, 200, `{"message":"Logged in"}`)
			case "/api/orgs/7":
				answerJSON(w, 200, `{"id":7,"name":"seven"}`)
			case "/api/frontend/settings":
				answerJSON(w, 200, `{"buildInfo":{"version":"12.4.0"},"namespace":"org-7"}`)
			default:
				if name == "basic" &&
					r.URL.Path == "/api/user" { // by it a refused password is told from a refused route
					answerJSON(w, 200, `{"id":1,"login":"admin"}`)
					return
				}
				answerJSON(w, 401, `{"message":"Unauthorized"}`)
			}
		}, edit)
		ctx := t.Context()
		if _, err := c.OrgByID(ctx, 7); err != nil {
			t.Fatal(err)
		}
		session := c.SessionID()
		if versions, err := c.DashboardAPIVersions(ctx); len(versions) > 0 || err != nil {
			t.Errorf("%s: %q, %v", name, versions, err)
		}
		if _, err := c.Org(7).ListDashboards(ctx, "v1"); !IsNoList(err) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Me(ctx); name != "basic" && is(err) != "notGrafana" {
			t.Errorf("%s: %v is %q", name, err, is(err))
		}
		if c.SessionID() != session || logins > 1 {
			t.Errorf("%s: another session, %d logins", name, logins)
		}
		if _, err := c.Org(7).SaveDashboard(ctx, SaveDashboard{}); err == nil {
			t.Errorf("%s: what is refused was saved", name)
		}
		if _, err := c.OrgByID(ctx, 7); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The clock of a gateway that answers by itself is not Grafana's: keys would be rotated by it.
func TestClockOfAGatewayIsNotGrafanas(t *testing.T) {
	clock := newClock()
	ahead := func(d time.Duration) string { return clock.Now().Add(d).UTC().Format(http.TimeFormat) }
	date, status, kind, body := "", 0, "", ""
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}, withClock(clock))
	date, status, kind, body = ahead(time.Hour), 200, "application/json", `{"id":7,"name":"seven"}`
	if _, err := c.OrgByID(t.Context(), 7); err != nil || c.Now().Sub(clock.Now()).Round(time.Minute) != time.Hour {
		t.Errorf("%v, %s ahead", err, c.Now().Sub(clock.Now()))
	}
	date = ahead(10 * 365 * 24 * time.Hour)
	for _, status = range []int{200, 302, 401, 403, 404, 502} {
		kind, body = "text/html", html
		if _, err := c.OrgByID(t.Context(), 7); err == nil || c.Now().Sub(clock.Now()).Round(time.Minute) != time.Hour {
			t.Errorf("%d: %v, %s ahead", status, err, c.Now().Sub(clock.Now()))
		}
	}
}

// Whatever answers in Grafana's place, to whatever request, it is never taken for Grafana's word on an object.
func TestAnswersOfOthers(t *testing.T) {
	for _, test := range others {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, test.ServeHTTP)
			for name, call := range calls(t.Context(), c) {
				err := call()
				if got := is(err); err == nil || got != test.want {
					t.Errorf("%s: it is %q, want %q: %v", name, got, test.want, err)
				}
			}
		})
	}
}

// Somebody else's answer to a login is no refused password: the next request tries it again.
func TestLoginsThatOthersAnswer(t *testing.T) {
	for _, test := range others {
		if test.status == 404 || test.status < 400 { // 404: there are no sessions here
			continue
		}
		asked := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			test.ServeHTTP(w, r)
		}, withSession)
		for range 2 {
			if _, err := c.CreateOrg(t.Context(), "x"); err == nil || IsUnauthorized(err) || IsUnsure(err) {
				t.Errorf("%s: %v is %q", test.name, err, is(err))
			}
		}
		if test.status != 400 && asked != 2 {
			t.Errorf("%s: asked %d times", test.name, asked)
		}
	}
}

// A session lives on when something before Grafana answers 401, and is renewed once if Grafana does.
func TestForeign401EndsNoSession(t *testing.T) {
	s := newSessions(newClock())
	gated := false
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if gated {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answerJSON(w, 401, `{"message":"Unauthorized"}`)
			return
		}
		s.ServeHTTP(w, r)
	}, withSession, withClock(s.clock))
	mustCreate(t, c)
	id := c.SessionID()
	gated = true
	if _, err := c.CreateOrg(t.Context(), "x"); !IsNotGrafana(err) || !IsChallenge(err) {
		t.Errorf("%v is %q", err, is(err))
	}
	gated = false
	mustCreate(t, c)
	if c.SessionID() != id {
		t.Error("the session was given up")
	}
}
