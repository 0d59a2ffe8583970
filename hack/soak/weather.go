package main

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// weather is how requests to Grafana fare.
type weather struct {
	say    func(format string, args ...any)
	mu     sync.Mutex
	random *rand.Rand
	share  float64 // of the requests that something happens to
	broken int
}

// set says what share of the requests meets with something.
func (w *weather) set(share float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.share = share
}

// count is how many requests something happened to.
func (w *weather) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}

// outcomes are what can become of a request.
var outcomes = []grafanatest.Fault{
	{Outcome: grafanatest.Refuse},
	{Outcome: grafanatest.Unsent},
	{Outcome: grafanatest.DropAfter},
	{Outcome: grafanatest.DropAfter, Delay: timeout / 2},
	{Outcome: grafanatest.FailAfter},
	{Outcome: grafanatest.Answer, Status: http.StatusInternalServerError},
	{Outcome: grafanatest.Answer, Status: http.StatusBadGateway, Body: "<html>Bad Gateway</html>"},
	{Outcome: grafanatest.Answer, Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	{Outcome: grafanatest.Hang},
	{Outcome: grafanatest.Late},
	{Delay: timeout / 4},
	{Delay: timeout + time.Second},
}

// meet decides on one request. Those that change something are met three times as often.
func (w *weather) meet(r *grafanatest.Request) grafanatest.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	share := w.share
	if r.Method != http.MethodGet {
		share *= 3
	}
	fault := grafanatest.Fault{}
	if w.random.Float64() < share {
		w.broken++
		fault = outcomes[w.random.IntN(len(outcomes))]
	}
	if r.Method != http.MethodGet {
		w.say("asked: %s %s (organization %d) %s, to which happens %+v", r.Method, r.Path, r.OrgID, r.Body, fault)
	}
	return fault
}
