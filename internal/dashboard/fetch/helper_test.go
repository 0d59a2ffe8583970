package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const dashboard = `{"title":"Requests"}`

func direct(*http.Request) (*url.URL, error) { return nil, nil }

// local is a Fetcher that may go to loopback, where the tests' servers are.
func local(opts Options) *Fetcher {
	opts.AllowPrivate = true
	if opts.Proxy == nil {
		opts.Proxy = direct
	}
	return New(opts)
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func serveTLS(t *testing.T, handler http.HandlerFunc) (*httptest.Server, []byte) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func plain(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, dashboard) }

func sum(body string) string {
	s := sha256.Sum256([]byte(body))
	return hex.EncodeToString(s[:])
}

// internet stands in for the network: names have addresses, and behind an address is a server on loopback, whatever the
// port.
type internet struct {
	mu      sync.Mutex
	names   map[string][]string // addresses by name; "a b" is both, and each entry one lookup's answer, the last for good
	servers map[string]*httptest.Server
	lookups map[string]int
	dialled []string
}

func (n *internet) lookup(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.names[strings.ToLower(host)]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "10.96.0.10:53", IsNotFound: true}
	}
	if n.lookups == nil {
		n.lookups = map[string]int{}
	}
	answer := answers[min(n.lookups[host], len(answers)-1)]
	n.lookups[host]++
	var list []netip.Addr
	for text := range strings.FieldsSeq(answer) {
		list = append(list, netip.MustParseAddr(text))
	}
	return list, nil
}

func (n *internet) connect(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialled = append(n.dialled, address)
	host, _, _ := net.SplitHostPort(address)
	server := n.servers[host]
	if server == nil {
		return nil, &net.OpError{
			Op:   "dial",
			Net:  network,
			Addr: &net.TCPAddr{IP: net.ParseIP(host)},
			Err:  syscall.ECONNREFUSED,
		}
	}
	return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
}

func (n *internet) fetcher(opts Options) *Fetcher {
	opts.Lookup = n.lookup
	if opts.Proxy == nil {
		opts.Proxy = direct
	}
	f := New(opts)
	f.connect = n.connect
	return f
}

// fails checks that the fetch has no outcome but an error with all of these texts.
func fails(t *testing.T, f *Fetcher, r Request, permanent bool, texts ...string) error {
	t.Helper()
	got, err := f.Fetch(t.Context(), r)
	if err == nil {
		t.Fatalf("%v was fetched: %.100q", r, got.Body)
	}
	if got.Body != nil || got.NotModified {
		t.Errorf("there is an outcome with the error: %+v", got)
	}
	if Permanent(err) != permanent {
		t.Errorf("Permanent(%v) = %v", err, !permanent)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error lacks %q: %v", text, err)
		}
	}
	return err
}

// fetched is the body, which must come.
func fetched(t *testing.T, f *Fetcher, r Request) string {
	t.Helper()
	got, err := f.Fetch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return string(got.Body)
}

var quiet = log.New(io.Discard, "", 0)

// splice connects the client of a CONNECT with address.
func splice(t *testing.T, w http.ResponseWriter, address string) {
	up, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer up.Close()
	down, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer down.Close()
	_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(up, buffered); up.Close() }()
	_, _ = io.Copy(down, up)
}

// again runs the present test in a process with this environment.
func again(t *testing.T, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
