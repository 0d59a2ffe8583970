package grafanatest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answered is what came back.
type answered struct {
	status           int
	body, retryAfter string
}

// ask sends a request as admin through a transport.
func ask(ctx context.Context, rt http.RoundTripper, method, url, body string) (answered, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answered{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Grafana-Org-Id", "1")
	r.SetBasicAuth("admin", "admin")
	resp, err := rt.RoundTrip(r)
	if err != nil {
		return answered{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return answered{resp.StatusCode, string(content), resp.Header.Get("Retry-After")}, err
}

// both runs a test over TCP and in process.
func both(t *testing.T, run func(t *testing.T, s *Server, rt http.RoundTripper, url string)) {
	t.Run("tcp", func(t *testing.T) {
		s := Start(t, Options{})
		rt := &http.Transport{}
		t.Cleanup(rt.CloseIdleConnections)
		run(t, s, rt, s.URL)
	})
	t.Run("in process", func(t *testing.T) {
		s := New(Options{})
		run(t, s, s.RoundTripper(), "http://grafana.test")
	})
}

func orgNames(s *Server) string {
	var names []string
	for _, o := range s.Orgs() {
		names = append(names, o.Name)
	}
	return strings.Join(names, ",")
}

func TestOutcomes(t *testing.T) {
	cases := []struct {
		name   string
		fault  Fault
		status int // 0: no answer
		effect bool
		text   string // in the body
		header string // Retry-After
	}{
		{"serve", Fault{}, 200, true, "Organization created", ""},
		{"serve late", Fault{Delay: time.Millisecond}, 200, true, "Organization created", ""},
		{"refuse", Fault{Outcome: Refuse}, 503, false, `"message":"Service Unavailable"`, ""},
		{"unsent", Fault{Outcome: Unsent}, 0, false, "", ""},
		{"drop after", Fault{Outcome: DropAfter}, 0, true, "", ""},
		{"fail after", Fault{Outcome: FailAfter}, 500, true, `"message":"Internal Server Error"`, ""},
		{
			"too many",
			Fault{Outcome: Answer, Status: 429, RetryAfter: 1500 * time.Millisecond},
			429,
			false,
			"Too Many",
			"2",
		},
		{"no Grafana", Fault{Outcome: Answer, Status: 200, Body: "<html>hello"}, 200, false, "<html>hello", ""},
		{"late", Fault{Outcome: Late}, 0, false, "", ""},
	}
	both(t, func(t *testing.T, s *Server, rt http.RoundTripper, url string) {
		for _, c := range cases {
			s.ResetDatabase()
			s.SetFault(func(*Request) Fault { return c.fault })
			got, err := ask(t.Context(), rt, "POST", url+"/api/orgs", `{"name":"new"}`)
			if got.status != c.status || (err == nil) != (c.status != 0) {
				t.Errorf("%s: answer %+v, error %v, want status %d", c.name, got, err, c.status)
			}
			if effect := strings.Contains(orgNames(s), "new"); effect != c.effect {
				t.Errorf("%s: took effect: %t, want %t", c.name, effect, c.effect)
			}
			if !strings.Contains(got.body, c.text) {
				t.Errorf("%s: body %q, want %q in it", c.name, got.body, c.text)
			}
			if got.retryAfter != c.header {
				t.Errorf("%s: Retry-After %q, want %q", c.name, got.retryAfter, c.header)
			}
		}
	})
}

func TestUnsentIsADialError(t *testing.T) {
	s := New(Options{})
	get := func() error {
		_, err := ask(t.Context(), s.RoundTripper(), "GET", "http://grafana.test/api/org", "")
		return err
	}
	s.SetFault(func(*Request) Fault { return Fault{Outcome: Unsent} })
	if err := get(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("unsent: %v, want connection refused", err)
	}
	s.SetFault(func(*Request) Fault { return Fault{Outcome: DropAfter} })
	if err := get(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("dropped: %v, want connection reset", err)
	}
}

func TestHangAndDelayEndWithTheContext(t *testing.T) {
	both(t, func(t *testing.T, s *Server, rt http.RoundTripper, url string) {
		for _, fault := range []Fault{{Outcome: Hang}, {Delay: time.Hour}} {
			arrived := make(chan struct{}, 1)
			s.SetFault(func(*Request) Fault { arrived <- struct{}{}; return fault })
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			if _, err := ask(ctx, rt, "POST", url+"/api/orgs", `{"name":"hung"}`); !errors.Is(err, context.Canceled) {
				t.Errorf("%+v: %v, want the context's error", fault, err)
			}
			if strings.Contains(orgNames(s), "hung") {
				t.Errorf("%+v: took effect", fault)
			}
		}
	})
}

func TestLateRequestsLand(t *testing.T) {
	s := New(Options{})
	s.SetFault(func(r *Request) Fault {
		if r.Method == "POST" {
			return Fault{Outcome: Late}
		}
		return Fault{}
	})
	for _, name := range []string{"a", "b"} {
		if _, err := ask(
			t.Context(),
			s.RoundTripper(),
			"POST",
			"http://grafana.test/api/orgs",
			`{"name":"`+name+`"}`,
		); err == nil {
			t.Error("a late request was answered")
		}
	}
	if got := orgNames(s); got != "Main Org." {
		t.Errorf("before landing: %s", got)
	}
	if n := s.Land(); n != 2 {
		t.Errorf("%d landed, want 2", n)
	}
	if got := orgNames(s); got != "Main Org.,a,b" {
		t.Errorf("after landing: %s", got)
	}
	if n := s.Land(); n != 0 {
		t.Errorf("%d landed again", n)
	}
}

func TestDown(t *testing.T) {
	both(t, func(t *testing.T, s *Server, rt http.RoundTripper, url string) {
		for range 2 {
			if _, err := ask(t.Context(), rt, "GET", url+"/api/org", ""); err != nil {
				t.Fatalf("up: %v", err)
			}
			s.SetDown(true)
			s.SetDown(true)
			if _, err := ask(t.Context(), rt, "GET", url+"/api/org", ""); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("down: %v, want connection refused", err)
			}
			s.SetDown(false)
			s.SetDown(false)
		}
		if _, err := ask(t.Context(), rt, "GET", url+"/api/org", ""); err != nil {
			t.Errorf("up again: %v", err)
		}
	})
}

func TestLogHoldsNoSecrets(t *testing.T) {
	s := New(Options{})
	send := func(method, path, body string, header ...string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://grafana.test"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := s.RoundTripper().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	send("POST", "/login", `{"user":"admin","password":"admin"}`)
	send("POST", "/login", `{"user":"admin","password":"sesame"`)
	send("GET", "/api/orgs/7?x=1", "", "Authorization", "Bearer glsa_sesame_00000000", "X-Grafana-Org-Id", "3")
	send("GET", "/api/orgs", "", "Authorization", "Basic YWRtaW46c2VzYW1l")

	log := s.Requests()
	if len(log) != 4 {
		t.Fatalf("%d requests in the log, want 4", len(log))
	}
	for _, r := range log {
		if text := string(
			r.Body,
		) + r.Path + r.Query.Encode() + r.Login; strings.Contains(text, "sesame") ||
			strings.Contains(text, `"password":"admin"`) {
			t.Errorf("%d: a secret is in the log: %s", r.N, text)
		}
	}
	third := log[2]
	if third.N != 3 || third.Route != "/api/orgs/:org" || third.Path != "/api/orgs/7" || third.Query.Get("x") != "1" ||
		third.OrgID != 3 || third.Auth != "token" || third.Status != 401 {
		t.Errorf("third request: %+v", third)
	}
	if fourth := log[3]; fourth.Auth != "basic" || fourth.Login != "admin" || fourth.Status != 401 {
		t.Errorf("fourth request: %+v", fourth)
	}
	s.ResetLog()
	send("GET", "/api/health", "")
	if log = s.Requests(); len(log) != 1 || log[0].N != 5 || log[0].Auth != "none" {
		t.Errorf("after a reset: %+v", log)
	}
}
