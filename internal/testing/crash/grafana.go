package crash

import (
	"io"
	"net/http"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// transport is the network to Grafana.
type transport World

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := (*World)(t)
	// The end of an old session comes on the side, at any moment. Here it never comes, so that a late request of that
	// session can always land.
	if r.URL.Path == "/logout" {
		return &http.Response{
			StatusCode: http.StatusFound,
			Header:     http.Header{"Location": {"/login"}},
			Body:       http.NoBody,
			Request:    r,
		}, nil
	}
	pause(r.Context())
	f := w.pass("grafana", w.count(r))
	outcome := map[Fault]grafanatest.Outcome{
		Unsent: grafanatest.Unsent, Refused: grafanatest.Refuse, DropAfter: grafanatest.DropAfter,
		FailAfter: grafanatest.FailAfter, Late: grafanatest.Late,
	}[f]
	if w.Refuses != nil && w.Refuses(r) {
		outcome = grafanatest.Refuse
	}
	if f == DeadBefore {
		panic(died{})
	}
	if w.Answers != nil {
		if resp := w.Answers(r); resp != nil {
			return resp, nil
		}
	}
	if f == Denied {
		return &http.Response{
			StatusCode: http.StatusNotFound,
			Header:     http.Header{},
			Body:       io.NopCloser(strings.NewReader(`{"message":"Not Found"}`)),
			Request:    r,
		}, nil
	}
	if f == Late && w.lateAt.IsZero() {
		w.lateAt = w.Clock.Add(40 * time.Second) // after the operator is back at it, and before it may forget
	}
	w.Grafana.SetFault(func(*grafanatest.Request) grafanatest.Fault { return grafanatest.Fault{Outcome: outcome} })
	resp, err := w.Grafana.RoundTripper().RoundTrip(r)
	w.Grafana.SetFault(nil)
	if f == DeadAfter {
		if resp != nil {
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		panic(died{})
	}
	return resp, err
}

// count counts a request, lets happen what is to happen beside it, and says what it is called among the points at which
// something can fail.
func (w *World) count(r *http.Request) string {
	w.asked++
	if f := flightOf(r.Context()); f != nil {
		f.asked++
	}
	what := r.Method + " " + r.URL.Path
	if do := w.Meanwhile[what]; do != nil {
		delete(w.Meanwhile, what)
		do()
	}
	if r.URL.Path == "/login" {
		what = http.MethodGet + " " + r.URL.Path // sessions come and go: no effect that is told apart
	}
	if r.Method != http.MethodGet && r.URL.Path != "/login" &&
		!strings.HasPrefix(r.URL.Path, "/api/user/auth-tokens/") {
		w.mutation++
	}
	return what
}
