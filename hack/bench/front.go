package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/hack/internal/local"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// front is what the operator takes for Grafana: it counts what is asked, passes it on to the Grafana behind it, and can
// be down.
type front struct {
	URL      string
	lasting  bool // the Grafana behind it outlives the bench
	login    grafana.BasicAuth
	server   *http.Server
	listener net.Listener

	mu       sync.Mutex
	tally    tally
	open     map[net.Conn]bool
	down     bool
	attempts []time.Time // to connect while it was down
}

// tally is what was asked.
type tally struct {
	requests   int
	writes     int            // except logins and their renewals
	dashboards int            // requests about dashboards
	kinds      map[string]int // requests about other kinds, by their names
	saved      int            // dashboards that were saved
	errors     int            // requests that failed or were refused; to find nothing is no failure
	firstSave  time.Time
	last       time.Time
}

// open opens a front to the Grafana at GRAFANA_URL, or to one in memory that is as the profile says.
func (p profile) open() (*front, error) {
	at := os.Getenv("GRAFANA_URL")
	if at == "" {
		return standIn(p.memory)
	}
	target, err := url.Parse(at)
	if err != nil {
		return nil, fmt.Errorf("GRAFANA_URL: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: log.New(io.Discard, "", 0),
	} // the operator tells what it does not get
	f, err := listen(proxy)
	if err == nil {
		f.lasting = true
		f.login.Username = cmp.Or(os.Getenv("GRAFANA_USER"), "admin")
		f.login.Password = grafana.Key(cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin"))
	}
	return f, err
}

// standIn opens a front to a Grafana in memory.
func standIn(o grafanatest.Options) (*front, error) {
	o.Version, o.CountOnly = version, true
	return listen(grafanatest.New(o))
}

func listen(h http.Handler) (*front, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{
		URL:      "http://" + l.Addr().String(),
		listener: l,
		tally:    tally{kinds: map[string]int{}},
		open:     map[net.Conn]bool{},
		login:    grafana.BasicAuth{Username: "admin", Password: "admin", Session: true},
	}
	f.server = &http.Server{Handler: f.count(h), ReadHeaderTimeout: time.Minute, ConnState: f.follow}
	go func() { _ = f.server.Serve(door{l, f}) }() // ends when it is closed
	return f, nil
}

func (f *front) close() { _ = f.server.Close() } // nothing of it is needed any more

// count notes every request.
func (f *front) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.note(r, time.Now())
		answer := &answer{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status >= 400 && answer.status != http.StatusNotFound {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.tally.errors++
		}
	})
}

// answer keeps the status of an answer.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader sends the status.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController what it flushes.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (f *front) note(r *http.Request, now time.Time) {
	session := r.URL.Path == "/login" || strings.HasSuffix(r.URL.Path, "/auth-tokens/rotate")
	write := r.Method != http.MethodGet && !session
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.requests++
	f.tally.last = now
	if write {
		f.tally.writes++
	}
	if strings.Contains(r.URL.Path, "/dashboards") {
		f.tally.dashboards++
	} else if kind := kindOf(r.URL.Path); kind != "" {
		f.tally.kinds[kind]++
	}
	if write && strings.HasSuffix(r.URL.Path, "/api/dashboards/db") {
		if f.tally.saved++; f.tally.saved == 1 {
			f.tally.firstSave = now
		}
	}
}

// reset begins to count anew.
func (f *front) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally = tally{last: time.Now(), kinds: map[string]int{}}
}

func (f *front) counted() tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tally
	t.kinds = maps.Clone(t.kinds)
	return t
}

// quiet waits until nothing was asked for as long as calm is, but no longer than atMost.
func (f *front) quiet(ctx context.Context, atMost time.Duration) error {
	start := time.Now()
	err := local.Poll(ctx, atMost, func(context.Context) (bool, error) {
		last := f.counted().last
		return time.Since(last) > calm && time.Since(start) > calm, nil
	})
	if errors.Is(err, local.ErrTimeout) {
		return nil
	}
	return err
}

// goDown drops all connections, and from now on every new one at once.
func (f *front) goDown() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.attempts = true, nil
	for c := range f.open {
		_ = c.Close() // it may have ended by itself
	}
}

// comeBack ends that, and tells when it was tried to connect.
func (f *front) comeBack() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = false
	return f.attempts
}

// door lets connections in while the front is not down.
type door struct {
	net.Listener
	front *front
}

// Accept waits for the next connection that is let in.
func (d door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil || d.front.admit(c) {
			return c, err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // so that it is reset
		}
		_ = c.Close()
	}
}

func (f *front) admit(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		f.attempts = append(f.attempts, time.Now())
		return false
	}
	f.open[c] = true
	return true
}

func (f *front) follow(c net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.open, c)
	}
}
