package grafana

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

const (
	testUser     = "operator-login"
	testPassword = "correct-horse-battery"
	testToken    = Key("glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f")
)

// serve starts a server and returns a client for it that sends basic auth, after cfg was changed by edits.
func serve(t *testing.T, handler http.HandlerFunc, edits ...func(*Config)) *Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return connect(t, server.URL, edits...)
}

func connect(t *testing.T, url string, edits ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: url, BasicAuth: &BasicAuth{Username: testUser, Password: testPassword}}
	for _, edit := range edits {
		edit(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func withToken(cfg *Config) { cfg.BasicAuth, cfg.Token = nil, testToken }

func withSession(cfg *Config) { cfg.BasicAuth.Session = true }

func withClock(clock *clock) func(*Config) {
	return func(cfg *Config) { cfg.Now = clock.Now }
}

// answerJSON writes a JSON answer.
func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
