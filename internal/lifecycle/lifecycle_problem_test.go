package lifecycle_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// unanswered is a request to which there was no answer; its text says where Grafana is.
func unanswered(w *world) error {
	_, err := w.newConn(1, 1).ListOrgs(w.t.Context())
	if err == nil || !strings.Contains(fmt.Sprint(errors.Unwrap(err)), "refused") {
		w.t.Fatalf("no such error: %v", err)
	}
	return err
}

// redirected is a request that was answered with another address.
func redirected(w *world) error {
	api, err := grafana.New(grafana.Config{URL: address, Token: "glsa_key", Transport: moved{}})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = api.ListOrgs(w.t.Context())
	return err
}

// moved is a network in which everything is elsewhere.
type moved struct{}

func (moved) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusFound,
		Header:     http.Header{"Location": {"https://login.example"}},
		Body:       http.NoBody,
		Request:    r,
	}, nil
}

func TestProblemOfAnObjectThatWasReady(t *testing.T) {
	server := key("server")
	soon := lifecycle.DefaultResync
	for name, test := range map[string]struct {
		err        error
		conditions string
		after      time.Duration
		event      string
	}{
		"stalled": {
			lifecycle.Stalled("InvalidSpec", "change it"),
			"Available=True InSync, Ready=False InvalidSpec, Stalled=True InvalidSpec",
			soon, "Warning InvalidSpec: change it",
		},
		"waiting for what is watched": {
			lifecycle.Waiting("SourceNotFound", "not there"),
			"Available=True InSync, Ready=False SourceNotFound, Reconciling=True SourceNotFound",
			soon, "",
		},
		"tried again": {
			&lifecycle.Problem{Reason: "Failed", Message: "broke", Retry: true},
			"Available=True InSync, Ready=Unknown Failed, Reconciling=True Failed",
			time.Second, "Warning Failed: broke",
		},
		"tried again when it is told to": {
			&lifecycle.Problem{Reason: "RateLimited", Message: "slowly", Retry: true, RetryAfter: time.Minute},
			"Available=True InSync, Ready=Unknown RateLimited, Reconciling=True RateLimited",
			time.Minute, "Warning RateLimited: slowly",
		},
		"looked at again before its resync": {
			&lifecycle.Problem{Reason: "Refused", Message: "no", Stalled: true, RetryAfter: time.Minute},
			"Available=True InSync, Ready=False Refused, Stalled=True Refused",
			time.Minute, "Warning Refused: no",
		},
		"waiting for the server": {
			&lifecycle.Problem{Reason: "ParentNotAvailable", Message: "not there", WaitsFor: &server},
			"Available=True InSync, Ready=Unknown ParentNotAvailable, Reconciling=True ParentNotAvailable",
			soon, "",
		},
		"nobody can act in it": {
			&lifecycle.Problem{Reason: "DatabaseReset", Message: "another one", Stalled: true, Unavailable: true},
			"Available=False DatabaseReset, Ready=False DatabaseReset, Stalled=True DatabaseReset",
			soon, "Warning DatabaseReset: another one",
		},
		"wrapped": {
			fmt.Errorf("looking: %w", lifecycle.Stalled("InvalidSpec", "change it")),
			"Available=True InSync, Ready=False InvalidSpec, Stalled=True InvalidSpec",
			soon, "Warning InvalidSpec: looking: change it",
		},
		"nobody knows what": {
			errors.New("oops"),
			"Available=True InSync, Ready=Unknown Failed, Reconciling=True Failed",
			time.Second, "Warning Failed: oops",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, checked)
			shelf := w.synced()
			w.fail("Check", test.err)
			w.near(w.visit(shelf), test.after)
			w.conditions(
				shelf,
				strings.ReplaceAll(test.conditions, "Available=True InSync", "Available=True "+reasonOf(test.err)),
			)
			if test.event == "" {
				w.told()
			} else {
				w.told(test.event)
			}
			if message(shelf) != test.err.Error() {
				t.Errorf("message %q, want %q", message(shelf), test.err.Error())
			}
		})
	}
}

func reasonOf(err error) string { return lifecycle.Classify(err, types.NamespacedName{}).Reason }

// checked has a Shelf be checked at the end of each visit.
func checked(w *world) {
	w.with = func(x *external) lifecycle.External[thing] {
		return struct {
			lifecycle.External[thing]
			checker
		}{x, checker{w}}
	}
}

func TestWhatAnAnswerMeansForTheObject(t *testing.T) {
	w := newWorld(t)
	answer := func(status int, id string) error {
		return &grafana.Error{Method: "GET", Path: "/api/dashboards", Status: status, MessageID: id}
	}
	for name, test := range map[string]struct {
		err     error
		reason  string
		retry   bool // else it is stalled
		suspect bool // the server should be looked at
	}{
		"no answer":           {unanswered(w), "GrafanaUnavailable", true, true},
		"breakdown":           {answer(503, ""), "GrafanaUnavailable", true, true},
		"too many requests":   {answer(429, ""), "RateLimited", true, false},
		"credential refused":  {answer(401, ""), "InvalidCredentials", true, true},
		"somebody else's 404": {answer(404, ""), "Refused", false, true},
		"unreadable success":  {answer(200, ""), "Refused", false, false},
		"another version":     {answer(412, "version-mismatch"), "Refused", true, false},
		"not allowed":         {answer(403, ""), "Forbidden", false, false},
		"redirect":            {redirected(w), "GrafanaUnavailable", true, true},
		"too large":           {answer(413, ""), "TooLarge", false, false},
		"taken":               {answer(409, "name-exists"), "Refused", false, false},
		"refused":             {answer(400, ""), "Refused", false, false},
		"of another kind":     {errors.New("oops"), "Failed", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := lifecycle.Classify(test.err, key("server"))
			if p.Reason != test.reason || p.Retry != test.retry || p.Stalled == test.retry ||
				(p.Suspect != nil) != test.suspect {
				t.Errorf("%+v", p)
			}
			if test.suspect && p.Suspect.Key != key("server") {
				t.Errorf("suspect %+v", p.Suspect)
			}
			if !errors.Is(p, test.err) || p.Error() != test.err.Error() {
				t.Errorf("%v does not say what %v says", p, test.err)
			}
		})
	}
}

func TestServerSaysHowLongToLeaveItAlone(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", &grafana.Error{Method: "GET", Path: "/api", Status: 429, RetryAfter: 42 * time.Second})
	w.exactly(w.visit(shelf), 42*time.Second)
	w.conditions(shelf, "Available=True RateLimited, Ready=Unknown RateLimited, Reconciling=True RateLimited")
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	w := newWorld(t, checked)
	w.engine.FirstRetry, w.engine.LastRetry = 2*time.Second, 15*time.Second
	shelf := w.synced()
	w.fail("Check", errors.New("oops"))
	for _, want := range []time.Duration{2, 4, 8, 15, 15} {
		result := w.visit(shelf)
		w.near(result, want*time.Second)
		w.clock = w.clock.Add(result.RequeueAfter)
	}
	w.fail("Check", nil)
	w.visit(shelf)
	w.fail("Check", errors.New("oops"))
	w.near(w.visit(shelf), 2*time.Second)
}

func TestBackoffIsBoundedByDefault(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", errors.New("oops"))
	for range 80 { // more often than a time in nanoseconds can be doubled
		w.clock = w.clock.Add(w.visit(shelf).RequeueAfter)
	}
	w.near(w.visit(shelf), 5*time.Minute)
}

func TestFailureOfAVisitInBetweenDoesNotCount(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", errors.New("oops"))
	for range 10 {
		w.near(w.visit(shelf), time.Second)
	}
}

func TestBackoffOfAnObjectThatIsGoneIsForgotten(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", errors.New("oops"))
	w.clock = w.clock.Add(w.visit(shelf).RequeueAfter)
	w.clock = w.clock.Add(w.visit(shelf).RequeueAfter)
	w.delete(shelf)
	w.visit(shelf)
	w.near(w.visit(w.shelf()), time.Second)
}

func TestConditionsStandAsLongAsNothingIsKnown(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	server := key("server")
	w.fail(
		"Connect",
		&lifecycle.Problem{Reason: "ParentNotAvailable", Message: "?", WaitsFor: &server, KeepConditions: true},
	)
	w.exactly(w.visit(shelf), 0)
	w.steps("Connect")
	w.conditions(shelf, "Available=True InSync, Ready=True InSync")
	w.engine.Connections.SetAvailable(server, false) // the first word on it
	w.asked("Shelf shelf")
}

func TestObjectIsWokenWhenTheServerIsAvailable(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	server := key("server")
	w.engine.Connections.Replace(server, w.newConn(1, 1))
	w.engine.Connections.SetAvailable(server, false)
	w.fail("Connect", &lifecycle.Problem{Reason: "ParentNotAvailable", Message: "not there", WaitsFor: &server})
	w.near(w.visit(shelf), lifecycle.DefaultResync)
	w.engine.Connections.SetAvailable(server, false)
	w.asked()
	w.engine.Connections.SetAvailable(server, true)
	w.asked("Shelf shelf")
}

func TestSuspectIsVisited(t *testing.T) {
	ofBook := lifecycle.Suspect{Kind: "Book", Key: key("book")}
	for name, test := range map[string]struct {
		suspect lifecycle.Suspect
		mayHelp bool
		want    []string
	}{
		"a kind by its name":               {ofBook, true, []string{"Book book"}},
		"the server has no kind":           {lifecycle.Suspect{Key: key("server")}, true, []string{"Server server"}},
		"no object":                        {lifecycle.Suspect{Kind: "Book"}, true, nil},
		"no such kind":                     {lifecycle.Suspect{Kind: "Pen", Key: key("pen")}, true, nil},
		"a visit would find out nothing":   {lifecycle.Suspect{Key: key("server")}, false, nil},
		"another kind, which has no limit": {ofBook, false, []string{"Book book"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, checked, func(w *world) {
				w.servers.MayHelp = func(of types.NamespacedName) bool { return test.mayHelp || of != key("server") }
			})
			shelf := w.synced()
			w.fail("Check", &lifecycle.Problem{Reason: "Failed", Message: "?", Retry: true, Suspect: &test.suspect})
			w.visit(shelf)
			w.asked(test.want...)
		})
	}
}

func TestRefusalInAnOrganizationHasItLookedAt(t *testing.T) {
	w := newWorld(t, inOrganization)
	shelf := w.synced()
	w.fail("Find", &grafana.Error{Method: "GET", Path: "/api", Status: 403, Message: "no"})
	w.exactly(w.visit(shelf), 5*time.Second) // the login may just have to join again
	w.asked("Server server")
	w.steps("Connect, Find, Forbidden, write status")
	w.exactly(w.visit(shelf), time.Minute)
}

func TestAnswerOfAProxyIsAskedAboutAgain(t *testing.T) {
	w := newWorld(t)
	shelf := w.synced()
	w.fail("Find", &grafana.Error{Method: "GET", Path: "/api/shelves", Status: 404, Message: "no route"})
	w.exactly(w.visit(shelf), 5*time.Second)
	w.conditions(shelf, "Available=False Refused, Ready=False Refused, Stalled=True Refused")
	w.exactly(w.visit(shelf), time.Minute)
}

func TestTenantsAreNotToldWhereGrafanaIs(t *testing.T) {
	for _, tenant := range []bool{true, false} {
		w := newWorld(t, checked, func(w *world) { w.shelves.Tenant = tenant })
		shelf := w.synced()
		w.fail("Check", fmt.Errorf("checking: %w", unanswered(w)))
		w.visit(shelf)
		host := strings.TrimPrefix(address, "http://")
		if strings.Contains(message(shelf)+fmt.Sprint(w.events), host) == tenant {
			t.Errorf("tenant: %v, message %q, events %v", tenant, message(shelf), w.events)
		}
		if !strings.HasPrefix(message(shelf), "checking: no answer from Grafana to GET /api/orgs") {
			t.Errorf("message %q", message(shelf))
		}
	}
}

func TestLongMessageIsCutAtARune(t *testing.T) {
	w := newWorld(t, checked)
	shelf := w.synced()
	w.fail("Check", lifecycle.Stalled("Refused", "x%s", strings.Repeat("ä", 1000)))
	w.visit(shelf)
	if got, want := message(shelf), "x"+strings.Repeat("ä", 499)+"…"; got != want {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	w.told("Warning Refused: x" + strings.Repeat("ä", 499) + "…")
}

func TestWarningKeepsNobodyFromBeingReady(t *testing.T) {
	w := newWorld(t)
	w.engine.Warn(w.shelf(), v1alpha1.EventUnusedInput, "nobody uses it")
	w.told("Warning UnusedInput: nobody uses it")
}
