// Package grafanatest is a Grafana in memory, for tests, benchmarks and
// demonstrations. It models what Grafana's HTTP API does with organizations,
// users, service accounts, tokens, dashboards, folders, library panels, alert
// rules, preferences, quotas, data sources and sessions, in the guise of version
// 10.4 or 12.4, and can be told to fail in every way a real one fails.
package grafanatest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Options say which Grafana to be. The zero value is a 12.4.0 with Grafana's
// default configuration, whose admin is admin:admin.
type Options struct {
	// Version is one of Versions(), or of those that cannot delete
	// organizations, 12.0.0, 12.0.1, 13.1.0 and 13.2.0, which are like 12.4.0 in
	// all else. Default: "12.4.0".
	Version string
	// Admin and Password are the login of the first user, a server admin.
	// Default: "admin", "admin".
	Admin, Password string
	// Database is what it keeps its things in. Default: SQLite.
	Database Database
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Anonymous serves requests with bad credentials or none as a Viewer of
	// org 1, unless they say forceLogin=true.
	Anonymous bool
	// HideVersion hides version and commit from who is not signed in.
	HideVersion bool
	// NestedFolders enables the feature toggle nestedFolders, without which the
	// folders of a version before 11 have no parents that count.
	NestedFolders bool
	// AlertingDisabled is [unified_alerting] enabled=false.
	AlertingDisabled bool
	// Quotas enables quotas with Grafana's default limits.
	Quotas bool
	// DisableLoginForm makes POST /login answer 400, and nobody's password be changed.
	DisableLoginForm bool
	// LoginForm keeps a test from a real Grafana without a login form. The stand-in has one, unless told otherwise.
	LoginForm bool
	// BasicAuthDisabled makes basic auth credentials worth nothing.
	BasicAuthDisabled bool
	// SessionRotation is the age at which a session must be rotated.
	// Default: 10 minutes.
	SessionRotation time.Duration
	// TokenExpirationDayLimit is [service_accounts]
	// token_expiration_day_limit, in days; 0: no limit.
	TokenExpirationDayLimit int
	// MaxSecondsToLive is [auth] api_key_max_seconds_to_live; 0: no limit.
	MaxSecondsToLive int64
	// Latency is how long the work of a request takes; nil: no time. Reads take
	// theirs side by side, and so do writes but on SQLite, which has them wait for
	// each other. SQLiteLatency, WALLatency and PostgresLatency are those of real
	// ones.
	Latency func(Work) time.Duration
	// IndexLag is how long the search, and the lists of folders, of a Grafana 12
	// do not know of a new folder or dashboard, by its clock.
	IndexLag time.Duration
	// CountOnly has the log keep no requests, so that it does not grow: Requests
	// returns none, Counts is as ever.
	CountOnly bool
	// SchemaDefaults has reads of a dashboard add what a Grafana adds that stores
	// dashboards as v1: its newest schemaVersion, and the defaults of what is not
	// said. What is stored, and its version, stay as they are.
	SchemaDefaults bool
	// Sources is how data sources of type prometheus are asked whether they work;
	// nil: nothing is behind any of them.
	Sources http.RoundTripper
	// MaxDashboardBytes is the longest body of a dashboard save; a longer
	// one gets 413. Default: 16 MiB.
	MaxDashboardBytes int
}

// Server is one Grafana. It is an http.Handler, and safe for concurrent use.
type Server struct {
	// URL is the base URL, once Start or NewServer listens; "" before.
	URL string

	opts    Options
	quirks  quirks
	router  router
	mu      sync.Mutex // guards db and the switches below
	db      *database
	options switches
	keys    []string // every key ever issued, oldest first

	faults  faults
	log     requestLog
	queue   chan struct{} // on SQLite holds one as long as a write takes its Latency
	writing atomic.Int32  // how many take theirs
	front   *front
	real    *real // what answers instead of the model; nil: nothing

	unrecorded unrecorded
}

// switches are the settings that can change while the server runs.
type switches struct {
	anonymous bool
	quotas    bool
	starting  bool // nothing is behind /apis yet
}

// New returns an empty Grafana that listens nowhere: use it as a handler or
// through RoundTripper. It panics if it does not know the version.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		opts:    opts,
		quirks:  opts.quirks(),
		router:  routes,
		options: switches{anonymous: opts.Anonymous, quotas: opts.Quotas},
		log:     requestLog{countOnly: opts.CountOnly},
		queue:   make(chan struct{}, 1),
	}
	s.db = newDatabase(opts, s.quirks, s.log.arrived)
	return s
}

func (o Options) quirks() quirks {
	q := quirksOf(o.Version)
	q.nestedFolders = q.nestedFolders || o.NestedFolders
	return q
}

func (o Options) withDefaults() Options {
	if o.Version == "" {
		o.Version = "12.4.0"
	}
	if o.Admin == "" {
		o.Admin = "admin"
	}
	if o.Password == "" {
		o.Password = "admin"
	}
	if o.Database == "" {
		o.Database = SQLite
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SessionRotation == 0 {
		o.SessionRotation = 10 * time.Minute
	}
	if o.MaxDashboardBytes == 0 {
		o.MaxDashboardBytes = 16 << 20
	}
	return o
}

// Start returns an empty Grafana that listens on a free port of 127.0.0.1
// until the test ends. The test fails if the operator's client sends what is in
// no recording from a real Grafana of that version.
func Start(tb testing.TB, opts Options) *Server {
	tb.Helper()
	s, err := Listen("127.0.0.1:0", opts)
	if err != nil {
		tb.Fatalf("start a Grafana: %v", err)
	}
	tb.Cleanup(func() {
		s.Close()
		if unknown := s.Unrecorded(); len(unknown) > 0 {
			tb.Errorf(
				"the operator sent what is in no recording from a real Grafana (see make record):\n%s",
				strings.Join(unknown, "\n"),
			)
		}
	})
	return s
}

// NewServer is Start for code that is no test: the caller closes it. It panics
// if it cannot listen.
func NewServer(opts Options) *Server {
	s, err := Listen("127.0.0.1:0", opts)
	if err != nil {
		panic("grafanatest: " + err.Error())
	}
	return s
}

// Listen returns an empty Grafana that listens on addr until it is closed.
func Listen(addr string, opts Options) (*Server, error) {
	s := New(opts)
	f, err := newFront(addr, s)
	if err != nil {
		return nil, err
	}
	s.front = f
	s.URL = "http://" + f.addr
	return s, nil
}

// Close stops listening and drops all connections. It is idempotent.
func (s *Server) Close() {
	if s.front != nil {
		s.front.close()
	}
}

// inbound is a request as it arrived.
type inbound struct {
	ctx    context.Context
	method string
	url    *url.URL
	header http.Header
	body   []byte
	hidden bool // past faults and the log
	bare   bool // what it makes gets no permissions

	arrival int // its number in the log; the greatest there is if it is not in it
}

// ServeHTTP implements http.Handler. What a fault does to a connection is done
// by aborting the handler: the client sees a reset connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a, err := s.exchange(inbound{ctx: r.Context(), method: r.Method, url: r.URL, header: r.Header, body: body})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body)
	}
}

// front is the listening side of a server, which can be taken down and put up
// again at the same address.
type front struct {
	addr    string
	handler http.Handler

	mu       sync.Mutex
	listener net.Listener
	server   *http.Server
	closed   bool
	done     sync.WaitGroup
}

func newFront(addr string, h http.Handler) (*front, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	f := &front{addr: l.Addr().String(), handler: h}
	f.serve(l)
	return f, nil
}

func (f *front) serve(l net.Listener) {
	srv := &http.Server{Handler: f.handler, ReadHeaderTimeout: time.Minute}
	f.listener, f.server = l, srv
	f.done.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			panic("grafanatest: " + err.Error())
		}
	})
}

// setDown stops or starts listening. Starting panics if the port has been
// taken by somebody else in the meantime.
func (f *front) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
	case down && f.server != nil:
		_ = f.server.Close()
		_ = f.listener.Close() // Close does not know it if Serve has not begun yet
		f.server = nil
	case !down && f.server == nil:
		l, err := net.Listen("tcp", f.addr)
		if err != nil {
			panic("grafanatest: listen again: " + err.Error())
		}
		f.serve(l)
	}
}

func (f *front) close() {
	f.setDown(true)
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.done.Wait()
}
