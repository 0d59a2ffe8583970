package connection

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// writersWorld is a connection to a Grafana which may be replaced by another one.
type writersWorld struct {
	*Conn
	t       *testing.T
	grafana atomic.Pointer[grafanatest.Server]
	asked   atomic.Int32 // for the kind of its database
}

func (w *writersWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/api/admin/settings" {
		w.asked.Add(1)
	}
	return w.grafana.Load().RoundTripper().RoundTrip(r)
}

// newWritersWorld has a Grafana with a database, and a connection by which at most so many write at once; 0: nobody
// says. The Grafana was probed.
func newWritersWorld(t *testing.T, database grafanatest.Database, most int) *writersWorld {
	t.Helper()
	w := &writersWorld{t: t}
	w.moveTo(database)
	w.Conn = w.connect(Config{Login: "admin", MaxWrites: most})
	w.probe()
	return w
}

func (w *writersWorld) moveTo(database grafanatest.Database) {
	w.grafana.Store(grafanatest.New(grafanatest.Options{Database: database}))
}

func (w *writersWorld) connect(c Config) *Conn {
	w.t.Helper()
	to := grafana.Config{URL: "http://grafana.test", Transport: w}
	if c.Login == "" {
		to.Token = "glsa_key"
	} else {
		to.BasicAuth = &grafana.BasicAuth{Username: c.Login, Password: "admin", Session: true}
	}
	client, err := grafana.New(to)
	if err != nil {
		w.t.Fatal(err)
	}
	c.MaxReads, c.Clock = 1, time.Now
	return New(client, c)
}

// logIn asks for something, as every pass does.
func (w *writersWorld) logIn() {
	w.t.Helper()
	if _, err := w.ListOrgs(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writersWorld) probe() { w.logIn(); w.LearnWriters(w.t.Context()) }

// answers has the question for the kind of the database answered by something else.
func (w *writersWorld) answers(status int, body string) {
	w.grafana.Load().SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Path == "/api/admin/settings" {
			return grafanatest.Fault{Outcome: grafanatest.Answer, Status: status, Body: body}
		}
		return grafanatest.Fault{}
	})
}

// atOnce is how many of a great many writers came to send at once.
func (w *writersWorld) atOnce() int {
	w.t.Helper()
	var now, most atomic.Int32
	var all sync.WaitGroup
	var left atomic.Int32
	left.Store(1000)
	for n := range 40 {
		woken := make(chan struct{}, 1)
		waiter := Waiter{Kind: "Dashboard", Group: fmt.Sprint(n % 20), Wake: func() { woken <- struct{}{} }}
		waiter.Request.Name = fmt.Sprint(n)
		all.Go(func() {
			for left.Add(-1) >= 0 {
				leave, err := w.Limiter.Acquire(waiter, true)
				for ; errors.Is(err, ErrQueued); leave, err = w.Limiter.Acquire(waiter, true) {
					<-woken
				}
				if done, err := w.Limiter.BeginWrite(w.t.Context(), waiter); err == nil {
					n := now.Add(1)
					for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
					}
					time.Sleep(20 * time.Millisecond)
					now.Add(-1)
					done(nil)
				}
				leave()
			}
			w.Limiter.Drain() // so that those who wait see that there is no more to do
		})
	}
	all.Wait()
	return int(most.Load())
}

func (w *writersWorld) wants(want int, why string) {
	w.t.Helper()
	if got := w.atOnce(); got != want {
		w.t.Errorf("%s: %d wrote at once, want %d", why, got, want)
	}
}

// atMostNow is how many may write at once as far as was found out.
func (w *writersWorld) atMostNow() int {
	w.Limiter.mu.Lock()
	defer w.Limiter.mu.Unlock()
	return w.Limiter.mostLocked()
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestAsManyWriteAsTheDatabaseTakes(t *testing.T) {
	for _, c := range []struct {
		database   grafanatest.Database
		most, want int
	}{
		{grafanatest.Postgres, 0, defaultWriters},
		{grafanatest.MariaDB, 0, defaultWriters},
		{grafanatest.Postgres, 3, 3},
		{grafanatest.Postgres, 1, 1},
		{grafanatest.SQLite, 0, 1},
		{grafanatest.SQLite, 8, 1},
	} {
		bubble(t, func(t *testing.T) {
			newWritersWorld(t, c.database, c.most).wants(c.want, fmt.Sprintf("%s, at most %d", c.database, c.most))
		})
	}
}

// Where nobody tells the kind of the database, a person's word is taken. Grafana's own refusal is final in a session;
// what something before it answers is not.
func TestWritersOfADatabaseThatIsHidden(t *testing.T) {
	const refusal = `{"message":"You'll need additional permissions to perform this action."}`
	for status, body := range map[int]string{
		http.StatusForbidden: refusal, http.StatusNotFound: "<html>not here</html>", http.StatusOK: "<html>log in</html>",
		http.StatusServiceUnavailable: "<html>blocked</html>",
	} {
		for most, want := range map[int]int{0: 1, 8: 8} {
			bubble(t, func(t *testing.T) {
				w := newWritersWorld(t, grafanatest.Postgres, 1)
				w.answers(status, body)
				w.Conn = w.connect(Config{Login: "admin", MaxWrites: most})
				w.probe()
				w.probe()
				wantAsked := map[bool]int32{true: 1, false: 2}[body == refusal]
				if w.wants(want, fmt.Sprintf("%d, at most %d", status, most)); w.asked.Load() != wantAsked {
					t.Errorf("%d: it was asked %d times for the kind of its database", status, w.asked.Load())
				}
				w.grafana.Load().EndSessions()
				w.logIn()
				w.wants(1, "in another session")
			})
		}
	}
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.SQLite, 1)
		w.answers(http.StatusNotFound, "<html>starting</html>")
		w.Conn = w.connect(Config{Login: "admin", MaxWrites: 8})
		w.probe()
		w.grafana.Load().SetFault(nil)
		w.probe()
		w.wants(1, "SQLite, once it tells")
	})
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 1)
		w.answers(http.StatusOK, `{"database": {"type": "sqlite3", "url": "postgres://user:*****@host:5432/grafana"}}`)
		w.Conn = w.connect(Config{Login: "admin"})
		w.probe()
		w.wants(8, "given by a url")
	})
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 1)
		w.Conn = w.connect(Config{MaxWrites: 8})
		w.LearnWriters(t.Context())
		if w.wants(8, "with a token, which may not ask"); w.asked.Load() != 0 {
			t.Error("it was asked with a token")
		}
	})
}

// A question that is not answered holds nobody up for long.
func TestTheKindOfADatabaseIsNotWaitedForForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 8)
		w.Conn = w.connect(Config{Login: "admin", MaxWrites: 8})
		w.logIn()
		w.grafana.Load().SetFault(func(*grafanatest.Request) grafanatest.Fault {
			return grafanatest.Fault{Delay: time.Hour}
		})
		begun := time.Now()
		w.LearnWriters(t.Context())
		if took := time.Since(begun); took > questionTimeout {
			t.Errorf("it took %s", took)
		}
		w.wants(1, "it did not answer")
	})
}

// What is known of a database ends with it: one at a time until the other one is known.
func TestOneWritesUntilTheDatabaseIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 0)
		w.Conn = w.connect(Config{Login: "admin"})
		w.wants(1, "never asked")
		w.answers(http.StatusInternalServerError, "")
		w.probe()
		w.wants(1, "it did not answer")
		w.answers(http.StatusOK, `{"database": {"type": "postgres"}}`)
		w.probe()
		w.wants(8, "known")
		w.Resets.Add(1)
		w.wants(1, "another database under the same session")
		w.probe()
		if n := w.atMostNow(); n != 1 {
			t.Errorf("%d may write to a database of which nothing was found out", n)
		}
		w.wants(8, "known again")
		w.moveTo(grafanatest.SQLite)
		w.logIn()
		w.wants(1, "moved, and logged in anew")
		w.probe()
		w.wants(1, "moved to SQLite")
	})
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 0)
		w.RememberProbe(nil, errors.New("no answer"))
		w.wants(1, "it was away")
		w.answers(http.StatusOK, `{"database": {"type": "sqlite3"}}`) // sessions were moved as well
		w.probe()
		w.wants(1, "moved with its sessions")
	})
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 0)
		w.grafana.Store(grafanatest.New(grafanatest.Options{Database: grafanatest.Postgres, DisableLoginForm: true}))
		w.Conn = w.connect(Config{Login: "admin"})
		w.probe()
		w.wants(8, "without sessions")
		w.moveTo(grafanatest.SQLite)
		w.probe()
		w.wants(1, "moved, without sessions")
	})
}

// Who writes through an earlier connection counts beside those who come by the next, and keeps its place.
func TestAnotherConnectionHasTheSameTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWritersWorld(t, grafanatest.Postgres, 0)
		pool, key := NewPool(), types.NamespacedName{Name: "grafana"}
		pool.Replace(key, w.Conn)
		w.wants(8, "by the first")
		gate := newGateWorld(1, 1)
		var sent []func(error)
		for n := range 3 {
			done, err := w.Limiter.BeginWrite(t.Context(), gate.ticket(fmt.Sprint(n), "1"))
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, done)
		}
		leave, err := w.Limiter.Acquire(gate.ticket("a", "0"), true)
		if err != nil {
			t.Fatal(err)
		}
		if old := pool.Replace(key, w.connect(Config{Login: "admin", MaxWrites: 2})); old != w.Conn {
			t.Fatal("the old connection is not given back")
		}
		w.Conn = pool.Current(key)
		w.probe()
		for _, done := range sent {
			_, err := w.Limiter.BeginWrite(t.Context(), gate.ticket("b", "1"))
			if !errors.Is(err, ErrQueued) {
				t.Fatalf("it writes beside those of before: %v", err)
			}
			done(nil)
		}
		if len(w.Limiter.write.holders) != 1 {
			t.Error("who was inside is forgotten")
		}
		leave()
		w.Limiter.Drain()
		w.wants(2, "by the next")
		pool.Replace(key, nil)
		pool.Replace(key, w.connect(Config{Login: "admin", MaxWrites: 1}))
		w.Conn = pool.Current(key)
		w.wants(1, "after it was gone")
	})
}
