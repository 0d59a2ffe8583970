package grafana

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// forgetful passes TCP connections on, and can forget those that there are, as load balancers do: it takes what
// comes on them, and nothing goes on.
type forgetful struct {
	net.Listener
	target string
	dials  atomic.Int32

	mu     sync.Mutex
	forget []func()
}

func newForgetful(t *testing.T, target string) *forgetful {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetful{Listener: listener, target: target}
	t.Cleanup(func() { _ = listener.Close() })
	go f.serve()
	return f
}

func (f *forgetful) serve() {
	for {
		from, err := f.Accept()
		if err != nil {
			return
		}
		f.dials.Add(1)
		to, err := net.Dial("tcp", f.target)
		if err != nil {
			_ = from.Close()
			continue
		}
		var forgotten atomic.Bool
		f.mu.Lock()
		f.forget = append(f.forget, func() { forgotten.Store(true) })
		f.mu.Unlock()
		pipe := func(dst, src net.Conn) {
			buffer := make([]byte, 32<<10)
			for {
				n, err := src.Read(buffer)
				if err != nil {
					_ = dst.Close()
					return
				}
				if forgotten.Load() {
					continue
				}
				if _, err := dst.Write(buffer[:n]); err != nil {
					_ = src.Close()
					return
				}
			}
		}
		go pipe(to, from)
		go pipe(from, to)
	}
}

func (f *forgetful) forgetAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, forget := range f.forget {
		forget()
	}
	f.forget = nil
}

// overForgetful starts a server with TLS, and connects a client to it by way of a forgetful one.
func overForgetful(
	t *testing.T, server *httptest.Server, http2 bool, edits ...func(*Config),
) (*Client, *forgetful) {
	t.Helper()
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	way := newForgetful(t, server.Listener.Addr().String())
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := func(cfg *Config) { cfg.TLS = &tls.Config{RootCAs: roots, ServerName: "example.com"} }
	return connect(t, "https://"+way.Addr().String(), append(edits, trusting)...), way
}

// A connection that was forgotten on the way costs the requests that are on it, and none that come later.
func TestForgottenConnections(t *testing.T) {
	for protocol, http2 := range map[string]bool{"HTTP/2": true, "HTTP/1.1": false} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			var spoke atomic.Value
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				spoke.Store(r.Proto)
				answerJSON(w, 200, `{"orgId":7}`)
			}))
			c, way := overForgetful(t, server, http2, func(cfg *Config) { cfg.Timeout = 2 * time.Second })
			create := func() error { _, err := c.CreateOrg(t.Context(), "x"); return err }
			for range 3 {
				if err := create(); err != nil {
					t.Fatal(err)
				}
			}
			if got := spoke.Load(); http2 != (got == "HTTP/2.0") || way.dials.Load() != 1 {
				t.Fatalf("it spoke %v on %d connections", got, way.dials.Load())
			}
			for round := int32(1); round <= 2; round++ {
				way.forgetAll()
				if err := create(); !IsUnavailable(err) || !IsUnsure(err) {
					t.Fatalf("on the forgotten connection: %v", err)
				}
				for range 3 {
					if err := create(); err != nil {
						t.Fatalf("after it: %v", err)
					}
				}
				if dials := way.dials.Load(); dials != round+1 {
					t.Errorf("%d connections after %d were forgotten", dials, round)
				}
			}
		})
	}
}

// That somebody no longer waits says nothing of the connection.
func TestCancelledRequestsKeepTheConnection(t *testing.T) {
	begun := make(chan struct{})
	var patient atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if patient.Load() {
			begun <- struct{}{}
			<-r.Context().Done()
			return
		}
		answerJSON(w, 200, `{"orgId":7}`)
	}))
	c, way := overForgetful(t, server, true)
	if _, err := c.CreateOrg(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	patient.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := c.CreateOrg(ctx, "x"); err == nil {
		t.Error("it was answered")
	}
	patient.Store(false)
	if _, err := c.CreateOrg(t.Context(), "x"); err != nil || way.dials.Load() != 1 {
		t.Errorf("%d connections: %v", way.dials.Load(), err)
	}
}

// The time that idle connections are kept is below that of common load balancers, and connections that carry
// requests are pinged.
func TestTransportSettings(t *testing.T) {
	transport := newTransport(nil)
	if transport.IdleConnTimeout >= time.Minute {
		t.Errorf("idle connections are kept for %v", transport.IdleConnTimeout)
	}
	if pings := transport.HTTP2; pings == nil || pings.SendPingTimeout <= 0 ||
		pings.SendPingTimeout+pings.PingTimeout > 30*time.Second {
		t.Errorf("pings: %+v", pings)
	}
}
