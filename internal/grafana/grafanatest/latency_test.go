package grafanatest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWorkThatTakesTime(t *testing.T) {
	var asked []Work
	s := New(Options{Latency: func(w Work) time.Duration {
		asked = append(asked, w)
		return time.Nanosecond
	}})
	d := doer{t, s}
	d.do(200, "POST", "/api/orgs", 1, obj{"name": "two"})
	for i := range 3 {
		d.do(
			200,
			"POST",
			"/api/dashboards/db",
			2,
			obj{"dashboard": obj{"uid": fmt.Sprint("d", i), "title": fmt.Sprint(i)}},
		)
	}
	if len(asked) > 0 {
		t.Fatalf("what tests do themselves took time: %v", asked)
	}
	c := client{t: t, server: s, auth: adminAuth}
	const list = "/apis/dashboard.grafana.app/v1beta1/namespaces"
	const route = "/apis/:group/:version/namespaces/:namespace/:resource"
	next := list + "/org-2/dashboards?limit=2&continue=" + continueToken(2)
	for _, test := range []struct {
		method, path string
		want         Work
	}{
		{"GET", "/api/orgs/1", Work{Method: "GET", Route: "/api/orgs/:org", Auth: "basic"}},
		{"GET", "/api/nosuch", Work{Method: "GET", Auth: "basic"}},
		{"GET", list + "/org-2/dashboards", Work{Method: "GET", Route: route, Auth: "basic", Dashboards: 3}},
		{"GET", list + "/org-2/dashboards?limit=2", Work{Method: "GET", Route: route, Auth: "basic", Dashboards: 2}},
		{"GET", next, Work{Method: "GET", Route: route, Auth: "basic", Dashboards: 1}},
		{"GET", list + "/org-9/dashboards", Work{Method: "GET", Route: route, Auth: "basic"}},
		{"DELETE", "/api/orgs/2", Work{Method: "DELETE", Route: "/api/orgs/:org", Auth: "basic", Write: true, Dashboards: 3}},
		{"DELETE", "/api/orgs/2", Work{Method: "DELETE", Route: "/api/orgs/:org", Auth: "basic", Write: true}},
	} {
		asked = nil
		c.status(test.method, test.path, 1, "")
		if len(asked) != 1 || asked[0] != test.want {
			t.Errorf("%s %s: %+v, want %+v", test.method, test.path, asked, test.want)
		}
	}
}

// Reads take their time side by side, writes one after the other.
func TestWritesQueueUp(t *testing.T) {
	const writes = 20
	var s *Server
	var reading, writing, together atomic.Int32
	bothRead := make(chan struct{})
	s = New(Options{Latency: func(w Work) time.Duration {
		if !w.Write {
			if reading.Add(1) == 2 {
				close(bothRead)
			}
			<-bothRead
			return 0
		}
		if writing.Add(1) > 1 {
			together.Add(1)
		}
		for s.Counts().Writes < writes { // until all have arrived
			runtime.Gosched()
		}
		writing.Add(-1)
		return time.Microsecond
	}})
	send := func(wg *sync.WaitGroup, method, path, body string) {
		wg.Go(func() {
			if _, err := ask(t.Context(), s.RoundTripper(), method, "http://grafana.test"+path, body); err != nil {
				t.Error(err)
			}
		})
	}
	var wg sync.WaitGroup
	send(&wg, "GET", "/api/org", "")
	send(&wg, "GET", "/api/org", "")
	for i := range writes {
		send(&wg, "POST", "/api/orgs", fmt.Sprintf(`{"name":"org %d"}`, i))
	}
	wg.Wait()
	if n := together.Load(); n > 0 || len(s.Orgs()) != writes+1 {
		t.Errorf("%d writes were worked on beside others; %d organizations", n, len(s.Orgs()))
	}
}

// On other databases than SQLite they are worked on side by side, and each is told of the others.
func TestWritesSideBySide(t *testing.T) {
	const writes = 8
	var mu sync.Mutex
	beside := map[int]bool{}
	all := make(chan struct{})
	s := New(Options{Database: Postgres, Latency: func(w Work) time.Duration {
		mu.Lock()
		if beside[w.Beside] = true; len(beside) == writes {
			close(all)
		}
		mu.Unlock()
		<-all
		return 0
	}})
	var wg sync.WaitGroup
	for i := range writes {
		wg.Go(func() {
			body := fmt.Sprintf(`{"name":"org %d"}`, i)
			if _, err := ask(t.Context(), s.RoundTripper(), "POST", "http://grafana.test/api/orgs", body); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range writes {
		if !beside[i] {
			t.Errorf("no write was worked on beside %d others: %v", i, beside)
		}
	}
}

// Eight writers get 1.3 times as much done as one.
func TestLatencyOfFastDatabases(t *testing.T) {
	save := Work{Method: "POST", Auth: "session", Write: true}
	if got := WALLatency()(save); got != 7*time.Millisecond {
		t.Errorf("WAL: %v", got)
	}
	alone := PostgresLatency()(save)
	save.Beside = 7
	gain := 8 * alone.Seconds() / PostgresLatency()(save).Seconds()
	if alone != 20*time.Millisecond || gain < 1.295 || gain > 1.305 {
		t.Errorf("PostgreSQL: %v alone, eight are %.3f times as quick", alone, gain)
	}
}

// Who gives up, whether in the queue or at work, leaves no effect and lets the next one in.
func TestGivingUpOnWork(t *testing.T) {
	atWork := make(chan struct{})
	s := New(Options{Latency: func(w Work) time.Duration {
		if w.Write && w.Route == "/api/orgs" {
			atWork <- struct{}{}
			return time.Hour
		}
		return 0
	}})
	begin := func(name string) (giveUp func(), answer chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		answer = make(chan error)
		go func() {
			_, err := ask(
				ctx,
				s.RoundTripper(),
				"POST",
				"http://grafana.test/api/orgs",
				fmt.Sprintf(`{"name":%q}`, name),
			)
			answer <- err
		}()
		return cancel, answer
	}
	giveUp, first := begin("first")
	<-atWork
	leave, second := begin("second")
	leave()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("in the queue: %v", err)
	}
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("at work: %v", err)
	}
	if got := orgNames(s); got != "Main Org." {
		t.Errorf("organizations: %s", got)
	}
	bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := ask(
		bounded,
		s.RoundTripper(),
		"PUT",
		"http://grafana.test/api/orgs/1",
		`{"name":"next"}`,
	); err != nil ||
		orgNames(s) != "next" {
		t.Errorf("the next write: %v, %s", err, orgNames(s))
	}
}

// What has no effect while its caller waits holds up nobody.
func TestFaultsDoNoWork(t *testing.T) {
	worked := 0
	s := New(Options{Latency: func(Work) time.Duration { worked++; return 0 }})
	for outcome, want := range map[Outcome]int{Serve: 1, DropAfter: 1, FailAfter: 1, Refuse: 0, Unsent: 0, Answer: 0,
		Late: 0} {
		worked = 0
		s.SetFault(func(*Request) Fault { return Fault{Outcome: outcome} })
		_, _ = ask(t.Context(), s.RoundTripper(), "POST", "http://grafana.test/api/orgs", `{"name":"x"}`)
		if worked != want {
			t.Errorf("outcome %d: worked %d times", outcome, worked)
		}
	}
}

func TestSQLiteLatency(t *testing.T) {
	for _, test := range []struct {
		version string
		work    Work
		want    time.Duration
	}{
		{"12.4.0", Work{Method: "GET", Auth: "session"}, 2 * time.Millisecond},
		{"12.4.0", Work{Method: "GET", Auth: "basic"}, 7500 * time.Microsecond},
		{"12.4.0", Work{Method: "GET", Auth: "token"}, 7500 * time.Microsecond},
		{"12.4.0", Work{Method: "GET", Auth: "session", Dashboards: 500}, 52 * time.Millisecond},
		{"12.4.0", Work{Method: "POST", Auth: "session", Write: true}, 47 * time.Millisecond},
		{"12.4.0", Work{Method: "DELETE", Auth: "session", Write: true, Dashboards: 1000}, 13847 * time.Millisecond},
		{"12.4.0", Work{Method: "POST", Route: "/login", Auth: "none", Write: true}, 52500 * time.Microsecond},
		{"", Work{Method: "POST", Auth: "session", Write: true}, 47 * time.Millisecond},
		{"10.4.3", Work{Method: "GET", Auth: "session"}, time.Millisecond},
		{"10.4.3", Work{Method: "GET", Auth: "token"}, 12 * time.Millisecond},
		{"10.4.3", Work{Method: "POST", Auth: "session", Write: true}, 13500 * time.Microsecond},
	} {
		if got := SQLiteLatency(test.version)(test.work); got != test.want {
			t.Errorf("%s %+v: %v, want %v", test.version, test.work, got, test.want)
		}
	}
}

func TestCounts(t *testing.T) {
	for _, countOnly := range []bool{false, true} {
		s := New(Options{CountOnly: countOnly})
		c := client{t: t, server: s, auth: adminAuth}
		c.status("POST", "/api/orgs", 1, `{"name":"a"}`)
		c.status("POST", "/api/orgs", 1, `{"name":"a"}`)
		c.status("GET", "/api/orgs/1", 1, "")
		c.status("GET", "/api/orgs/2", 1, "")
		c.status("GET", "/nosuch", 1, "")
		s.Do("GET", "/api/org", 1, nil)
		got := s.Counts()
		want := map[string]int{"POST /api/orgs": 2, "GET /api/orgs/:org": 2, "GET ": 1}
		if got.Reads != 3 || got.Writes != 2 || got.Total() != 5 || fmt.Sprint(got.ByRoute) != fmt.Sprint(want) {
			t.Errorf("%+v", got)
		}
		if kept := len(s.Requests()); countOnly != (kept == 0) {
			t.Errorf("counting only %v: %d requests kept", countOnly, kept)
		}
		got.ByRoute["POST /api/orgs"] = 99
		s.ResetLog()
		if again := s.Counts(); again.Total() != 5 || again.ByRoute["POST /api/orgs"] != 2 {
			t.Errorf("after another's change and a reset of the log: %+v", again)
		}
		s.ResetCounts()
		if got := s.Counts(); got.Total() != 0 || len(got.ByRoute) != 0 {
			t.Errorf("reset: %+v", got)
		}
		if got := c.status("HEAD", "/api/org", 1, ""); got != http.StatusOK || s.Counts().Reads != 1 {
			t.Errorf("HEAD: %d, %+v", got, s.Counts())
		}
	}
}
