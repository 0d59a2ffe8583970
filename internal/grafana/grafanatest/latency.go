package grafanatest

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Work is what a request gives Grafana to do, as far as it takes time.
type Work struct {
	// Method and Route of the request: "GET", "/api/orgs/:org".
	Method, Route string
	// Auth is the credential's kind: "basic", "session", "token" or "none".
	Auth string
	// Write: it changes something.
	Write bool
	// Dashboards is how many it lists, or deletes with their organization.
	Dashboards int
	// Beside is how many other writes are worked on when a write begins: none on SQLite, where they queue up.
	Beside int
}

// costs are how long things take.
type costs struct {
	read, write      time.Duration
	basic, token     time.Duration // to check a credential
	listed, orphaned time.Duration // for each dashboard that a request lists, or deletes with its organization
}

// SQLiteLatency is the time that a real Grafana with its default database took
// on two cores: 12.4.0 to write 21 dashboards a second, one after the other,
// 10.4.3 to write 74. Versions that are not known are like 12.4.0. Not measured,
// but guessed: 0.1 ms for each dashboard in a list of /apis.
func SQLiteLatency(version string) func(Work) time.Duration {
	const hash = 5500 * time.Microsecond // of a password or key
	c := costs{
		read: 2 * time.Millisecond, write: 47 * time.Millisecond, basic: hash, token: hash,
		listed: 100 * time.Microsecond, orphaned: 13800 * time.Microsecond,
	}
	if version == "10.4.3" { // hashes a key twice
		c = costs{
			read:     time.Millisecond,
			write:    13500 * time.Microsecond,
			basic:    hash,
			token:    2 * hash,
			orphaned: 70 * time.Microsecond,
		}
	}
	return c.of
}

// WALLatency is SQLiteLatency of a 12.4.0 whose SQLite keeps a write-ahead log ([database] wal), and which writes 130
// dashboards a second, one after the other.
func WALLatency() func(Work) time.Duration {
	c := costs{
		read: 2 * time.Millisecond, write: 7 * time.Millisecond, basic: 5500 * time.Microsecond,
		token: 5500 * time.Microsecond, listed: 100 * time.Microsecond, orphaned: 2 * time.Millisecond,
	}
	return c.of
}

// PostgresLatency is that of a 12.4.0 with a PostgreSQL beside it: a write takes 20 ms if it is alone. The more there
// are at a time, the longer each takes, so that two are 1.15 times as quick as one after the other, four 1.25 times,
// and eight 1.3 times.
func PostgresLatency() func(Work) time.Duration {
	const alone, beside = 20 * time.Millisecond, 14700 * time.Microsecond
	c := costs{
		read: 2 * time.Millisecond, write: alone, basic: 5500 * time.Microsecond,
		token: 5500 * time.Microsecond, listed: 100 * time.Microsecond, orphaned: 2 * time.Millisecond,
	}
	return func(w Work) time.Duration { return c.of(w) + time.Duration(w.Beside)*beside }
}

func (c costs) of(w Work) time.Duration {
	var took time.Duration
	switch {
	case w.Write:
		took = c.write + time.Duration(w.Dashboards)*c.orphaned
	default:
		took = c.read + time.Duration(w.Dashboards)*c.listed
	}
	switch w.Auth {
	case "basic":
		took += c.basic
	case "token":
		took += c.token
	}
	if w.Route == "/login" {
		took += c.basic
	}
	return took
}

func (r *Request) isWrite() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// toil takes the time that a request's work takes, and says what to call when it
// is done. On SQLite writes queue up.
func (s *Server) toil(ctx context.Context, r *Request, f Fault) (done func(), err error) {
	done = func() {}
	if s.opts.Latency == nil || !f.takesEffect() {
		return done, nil
	}
	beside := 0
	if r.isWrite() {
		if done, beside, err = s.beginWrite(ctx); err != nil {
			return nil, err
		}
	}
	work := s.workOf(r)
	work.Beside = beside
	if err := wait(ctx, s.opts.Latency(work)); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// beginWrite waits until a write may be worked on, and says beside how many others that is, and what to call when it is
// done.
func (s *Server) beginWrite(ctx context.Context) (done func(), beside int, err error) {
	leave := func() {}
	if s.opts.Database == SQLite {
		select {
		case s.queue <- struct{}{}:
			leave = func() { <-s.queue }
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	beside = int(s.writing.Add(1)) - 1
	return func() { s.writing.Add(-1); leave() }, beside, nil
}

// takesEffect says whether the request is worked on while its caller waits.
func (f Fault) takesEffect() bool {
	return f.Outcome == Serve || f.Outcome == DropAfter || f.Outcome == FailAfter
}

func (s *Server) workOf(r *Request) Work {
	w := Work{Method: r.Method, Route: r.Route, Auth: r.Auth, Write: r.isWrite()}
	_, params := s.router.match(r.Method, r.Path)
	c := call{params: params, query: r.Query}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodDelete && r.Route == "/api/orgs/:org":
		w.Dashboards = s.db.dashboardsIn(c.id("org"))
	case strings.HasSuffix(r.Route, "/namespaces/:namespace/:resource") && params["resource"] == "dashboards":
		limit, offset := c.window()
		w.Dashboards = max(0, min(int(limit), s.db.dashboardsIn(apiNamespace(r.Path))-int(offset)))
	}
	return w
}

func (db *database) dashboardsIn(orgID int64) int {
	o := db.orgs[orgID]
	if o == nil {
		return 0
	}
	return len(o.dashboards)
}
