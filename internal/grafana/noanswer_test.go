package grafana

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestNoAnswer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	_, err = connect(t, "http://"+address).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable" || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused connection: %v is %q", err, got)
	}

	_, err = connect(t, "http://grafana.invalid").CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable" {
		t.Errorf("unknown host: %v is %q", err, got)
	}

	dropped := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err = dropped.CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable unsure" || !errors.Is(err, io.EOF) {
		t.Errorf("dropped connection: %v is %q", err, got)
	}

	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"orgId":`)
	})
	_, err = cut.CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable unsure" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut answer: %v is %q", err, got)
	}
}

func TestTransportErrorsInProcess(t *testing.T) {
	for want, cause := range map[string]error{
		"unavailable":        &net.OpError{Op: "dial", Err: errors.New("no route")},
		"unavailable unsure": io.ErrUnexpectedEOF,
	} {
		c := connect(t, "http://grafana", func(cfg *Config) {
			cfg.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause })
		})
		_, err := c.CreateOrg(t.Context(), "x")
		if is(err) != want || !errors.Is(err, cause) {
			t.Errorf("%v is %q, want %q", err, is(err), want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTimeoutsAndCancelledContexts(t *testing.T) {
	arrived := make(chan struct{}, 10)
	done := make(chan struct{})
	handler := func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-done:
		}
	}
	slow := serve(t, handler, func(cfg *Config) { cfg.Timeout = 20 * time.Millisecond })
	defer close(done)
	_, err := slow.CreateOrg(t.Context(), "x")
	if is(err) != "unavailable unsure" || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "20ms") {
		t.Errorf("timeout: %v is %q", err, is(err))
	}
	<-arrived

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	patient := serve(t, handler)
	_, err = patient.CreateOrg(ctx, "x")
	if is(err) != "unavailable unsure" || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled under way: %v is %q", err, is(err))
	}
	_, err = patient.CreateOrg(ctx, "x")
	if is(err) != "unavailable" || !errors.Is(err, context.Canceled) || len(arrived) > 0 {
		t.Errorf("cancelled before: %v is %q, %d sent", err, is(err), len(arrived))
	}
	inProcess := connect(t, "http://grafana", func(cfg *Config) {
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
	})
	_, err = inProcess.CreateOrg(ctx, "x")
	if is(err) != "unavailable" || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before, in process: %v is %q", err, is(err))
	}
}

func TestDeletingAnOrgHasItsOwnTimeout(t *testing.T) {
	var deadlines sync.Map
	c := connect(t, "http://grafana", func(cfg *Config) {
		cfg.Timeout, cfg.LongTimeout = time.Hour, 10*time.Hour
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			deadline, _ := r.Context().Deadline()
			deadlines.Store(r.Method, time.Until(deadline) > 5*time.Hour)
			rec := httptest.NewRecorder()
			answerJSON(
				rec,
				200,
				map[string]string{"GET": `[{"orgId":4},{"orgId":3},{"orgId":2}]`, "DELETE": `{"message":"Organization deleted"}`}[r.Method],
			)
			if r.Method == "DELETE" && r.Header.Get("X-Grafana-Org-Id") != "3" {
				t.Errorf("deletes from within org %s", r.Header.Get("X-Grafana-Org-Id"))
			}
			return rec.Result(), nil
		})
	})
	if err := c.DeleteOrg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]bool{"GET": false, "DELETE": true} {
		if long, _ := deadlines.Load(method); long != want {
			t.Errorf("%s has the long timeout: %v", method, long)
		}
	}
}

func TestTLS(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"orgId":3}`) })
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())

	_, err := connect(t, server.URL).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable tls" || !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("unknown authority: %v is %q", err, got)
	}
	_, err = connect(t, server.URL, func(cfg *Config) {
		cfg.TLS = &tls.Config{RootCAs: trusted, ServerName: "grafana.test"}
	}).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable tls" {
		t.Errorf("wrong name: %v is %q", err, got)
	}
	if _, err = connect(t, server.URL,
		func(cfg *Config) { cfg.TLS = &tls.Config{RootCAs: trusted} }).CreateOrg(t.Context(), "x"); err != nil {
		t.Errorf("trusted: %v", err)
	}

	plain := httptest.NewServer(handler)
	defer plain.Close()
	_, err = connect(t, strings.Replace(plain.URL, "http:", "https:", 1)).CreateOrg(t.Context(), "x")
	if got := is(err); got != "unavailable tls" {
		t.Errorf("no TLS at all: %v is %q", err, got)
	}

	choosy := httptest.NewUnstartedServer(handler)
	choosy.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	choosy.Config.ErrorLog = log.New(io.Discard, "", 0)
	choosy.StartTLS()
	defer choosy.Close()
	_, err = connect(t, choosy.URL,
		func(cfg *Config) { cfg.TLS = &tls.Config{RootCAs: trusted} }).CreateOrg(t.Context(), "x")
	if !IsTLS(err) || !IsUnavailable(err) {
		t.Errorf("client certificate wanted: %v is %q", err, is(err))
	}
}
