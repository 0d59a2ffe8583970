package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestStatuses(t *testing.T) {
	header, status := http.Header{}, 0
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name := range header {
			w.Header().Set(name, header.Get(name))
		}
		w.WriteHeader(status)
		if status >= 400 {
			_, _ = io.WriteString(w, "body")
		}
	})
	r := Request{URL: server.URL + "/a%20b/c?token=hush"}
	for _, c := range []struct {
		status    int
		permanent bool
		text      string
	}{
		{204, false, "no dashboard"}, {202, false, "no dashboard"}, {206, false, "no dashboard"}, {300, true, "300"}, {302, true, "nowhere"}, {304, true, "not asked for"},
		{400, true, "400 Bad Request"}, {401, true, "headers"}, {403, true, "headers"}, {404, true, "check the URL"}, {410, true, "check the URL"},
		{418, true, "418"}, {408, false, "408"}, {425, false, "425"}, {429, false, "429"}, {500, false, "500"}, {503, false, "503"}, {599, false, "599"},
	} {
		status = c.status
		err := fails(t, local(Options{}), r, c.permanent, "fetching "+server.URL+"/a%20b/c", c.text)
		if strings.Contains(err.Error(), "body") || strings.Contains(err.Error(), "hush") || RetryAfter(err) != 0 {
			t.Errorf("%d: %v, %v", c.status, err, RetryAfter(err))
		}
	}
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "0": 0, "-1": 0, "soon": 0, "999999999": time.Hour, "99999999999999999999": 0,
		"Mon, 02 Nov 2026 10:00:30 GMT": 30 * time.Second, "Mon, 02 Nov 2026 09:00:00 GMT": 0, "Mon, 02 Nov 2099 10:00:00 GMT": time.Hour,
	} {
		status, header = 429, http.Header{"Retry-After": {value}, "Date": {"Mon, 02 Nov 2026 10:00:00 GMT"}}
		if got := RetryAfter(fails(t, local(Options{}), r, false)); got != want {
			t.Errorf("Retry-After: %s is %s", value, got)
		}
	}
	if Permanent(errors.New("x")) || Permanent(nil) || RetryAfter(nil) != 0 {
		t.Error("an error of somebody else counts")
	}
}

func TestSlowServers(t *testing.T) {
	hangs := func(reached func()) *httptest.Server {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/body" {
				_, _ = io.WriteString(w, "{")
				_ = http.NewResponseController(w).Flush()
			}
			reached()
			<-r.Context().Done()
		})
	}
	for _, path := range []string{"/headers", "/body"} {
		fails(t, local(Options{Timeout: 50 * time.Millisecond}), Request{URL: hangs(func() {}).URL + path}, false,
			"longer than 50ms")
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := local(
			Options{},
		).Fetch(ctx, Request{URL: hangs(cancel).URL + path}); !errors.Is(err, context.Canceled) ||
			Permanent(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
	f := New(Options{Timeout: 50 * time.Millisecond, Proxy: direct})
	ended := make(chan struct{})
	f.connect = func(ctx context.Context, _, _ string) (net.Conn, error) { // ends with the Fetch, not later
		defer close(ended)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	fails(t, f, Request{URL: "http://93.184.216.34/"}, false, "longer than 50ms")
	<-ended
}

func TestTooLarge(t *testing.T) {
	bomb := func() []byte {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = w.Write(make([]byte, 1<<20))
		_ = w.Close()
		return zipped.Bytes()
	}()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/announced":
			w.Header().Set("Content-Length", "1001")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done() // nothing of it ever comes
		case "/endless":
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1000))
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		case "/one-more":
			_, _ = w.Write(make([]byte, 1001))
		default:
			_, _ = w.Write(make([]byte, 1000))
		}
	})
	f := local(Options{MaxSize: 1000})
	for _, path := range []string{"/announced", "/endless", "/bomb", "/one-more"} {
		fails(t, f, Request{URL: server.URL + path}, true, "larger than 1000 bytes")
	}
	if len(bomb) > 1500 {
		t.Errorf("the bomb has %d bytes already", len(bomb))
	}
	if got := fetched(t, f, Request{URL: server.URL + "/fits"}); len(got) != 1000 {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	var answer string
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer)
		conn.Close()
	})
	for _, answer = range []string{
		"", "hush\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhush", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhush",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("hush", 40<<10) + "\r\n\r\n",
	} {
		if err := fails(t, local(Options{}), Request{URL: server.URL}, false); strings.Contains(err.Error(), "hush") {
			t.Errorf("it repeats the answer: %v", err)
		}
	}
	answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
	fails(t, local(Options{}), Request{URL: server.URL}, true, "101")
	answer = "HTTP/1.1 404 hush\r\n\r\n"
	if err := fails(t, local(Options{}), Request{URL: server.URL}, true); strings.Contains(err.Error(), "hush") {
		t.Errorf("it repeats the answer: %v", err)
	}
	closed := serve(t, plain)
	closed.Close()
	fails(t, local(Options{}), Request{URL: closed.URL}, false, "connection was refused")
}
