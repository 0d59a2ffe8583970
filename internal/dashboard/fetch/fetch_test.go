package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFetch(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("User-Agent") != "grafana-tenancy-operator" ||
			r.Header.Get("Authorization") != "Bearer t" ||
			r.URL.RawQuery != "a=b" {
			t.Errorf("asked with %s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 10:00:00 GMT")
		plain(w, r)
	})
	got, err := local(Options{}).Fetch(t.Context(), Request{
		URL:     server.URL + "/x?a=b#c",
		Headers: map[string]Secret{"authorization": "Bearer t"},
		SHA256:  strings.ToUpper(sum(dashboard)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Body) != dashboard || got.NotModified || got.ETag != `"1"` ||
		got.LastModified != "Mon, 02 Nov 2026 10:00:00 GMT" {
		t.Errorf("got %+v", got)
	}
}

func TestRequestsThatCannotBeMade(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	for want, r := range map[string]Request{
		"cannot be fetched": {URL: "ftp://example.com/"},
		"SHA-256 is none":   {SHA256: "abc"},
		"64":                {SHA256: "abcd"},
		"no name of a":      {Headers: map[string]Secret{"a b": "x"}},
		"header Host":       {Headers: map[string]Secret{"Host": "x"}},
		"header range":      {Headers: map[string]Secret{"range": "bytes=0-1"}},
		"header Accept-Enc": {Headers: map[string]Secret{"Accept-Encoding": "br"}},
		"header If-None":    {Headers: map[string]Secret{"If-None-Match": "x"}},
		"header Proxy-Auth": {Headers: map[string]Secret{"Proxy-Authorization": "x"}},
		"line ends":         {Headers: map[string]Secret{"Authorization": "hush\n"}},
		"ETag":              {ETag: "a\r\nb: c"},
		"LastModified":      {LastModified: "\x7f"},
		"no certificate":    {CA: []byte("hush")},
	} {
		if r.URL == "" {
			r.URL = server.URL
		}
		if err := fails(t, local(Options{}), r, true, want); strings.Contains(err.Error(), "hush") {
			t.Errorf("it tells the value: %v", err)
		}
	}
}

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

func TestNotModified(t *testing.T) {
	const day = "Mon, 02 Nov 2026 10:00:00 GMT"
	var answered http.Header
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name := range answered {
			w.Header().Set(name, answered.Get(name))
		}
		if r.Header.Get("If-None-Match") == `"1"` || r.Header.Get("If-Modified-Since") == day {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if r.URL.Path == "/always" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		plain(w, r)
	})
	for _, c := range []struct {
		r        Request
		answered http.Header
		want     Fetched
	}{
		{Request{ETag: `"1"`, LastModified: "x"}, nil, Fetched{NotModified: true, ETag: `"1"`, LastModified: "x"}},
		{Request{LastModified: day}, nil, Fetched{NotModified: true, LastModified: day}},
		{Request{ETag: `"1"`}, http.Header{"Etag": {`W/"1"`}}, Fetched{NotModified: true, ETag: `W/"1"`}},
		{Request{ETag: `"0"`}, http.Header{"Etag": {`"1"`}}, Fetched{Body: []byte(dashboard), ETag: `"1"`}},
		{Request{}, http.Header{"Etag": {strings.Repeat("x", 257)}}, Fetched{Body: []byte(dashboard)}},
	} {
		answered, c.r.URL = c.answered, server.URL
		got, err := local(Options{}).Fetch(t.Context(), c.r)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%q, %q: %+v, %v", c.r.ETag, c.r.LastModified, got, err)
		}
	}
	answered = nil
	fails(t, local(Options{}), Request{URL: server.URL + "/always"}, true, "304")
	away := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, server.URL+"/always", http.StatusFound)
	})
	fails(t, local(Options{}), Request{URL: away.URL, ETag: `"9"`}, true, "304")
}

func TestHeadersStayWithTheirOrigin(t *testing.T) {
	const secret = "hush"
	carried := func(r *http.Request) bool {
		return strings.Contains(fmt.Sprint(r.Header), secret) || r.Header.Get("If-None-Match") != "" ||
			r.Header.Get("If-Modified-Since") != "" ||
			r.Header.Get("Referer") != ""
	}
	var home string
	var visits []string
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if visits = append(visits, "other"); carried(r) {
			t.Errorf("the other origin was sent %v", r.Header)
		}
		if r.URL.Path == "/back" {
			http.Redirect(w, r, home+"/end", http.StatusSeeOther)
			return
		}
		w.Header().Set("ETag", `"of another"`)
		plain(w, r)
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		visits = append(visits, "home")
		if carried(r) == (r.URL.Path == "/end") {
			t.Errorf("%s was sent %v", r.URL, r.Header)
		}
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "away", http.StatusTemporaryRedirect)
		case "/away":
			http.Redirect(w, r, other.URL+"/x?token=hush", http.StatusPermanentRedirect)
		case "/back":
			http.Redirect(w, r, other.URL+"/back", http.StatusMovedPermanently)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	home = server.URL
	r := Request{
		URL: home + "/same",
		Headers: map[string]Secret{
			"Authorization": secret,
			"Cookie":        secret,
			"X-Token":       secret,
			"Referer":       secret,
		},
		ETag:         `"1"`,
		LastModified: "x",
	}
	got, err := local(Options{}).Fetch(t.Context(), r)
	if err != nil || string(got.Body) != dashboard || got.ETag != "" {
		t.Errorf("%+v, %v", got, err)
	}
	r.URL = home + "/back"
	fails(t, local(Options{}), r, true, "not sent after a redirect")
	if got, want := fmt.Sprint(visits), "[home home other home other home]"; got != want {
		t.Errorf("it went %s, want %s", got, want)
	}
}

func TestRedirects(t *testing.T) {
	var hits, hops int
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if hits++; hits <= hops {
			http.Redirect(w, r, "/x?token=hush", http.StatusFound)
			return
		}
		plain(w, r)
	})
	hops = 5
	if got := fetched(t, local(Options{}), Request{URL: server.URL}); got != dashboard {
		t.Errorf("after five: %q", got)
	}
	hits, hops = 0, 1000
	if err := fails(
		t,
		local(Options{}),
		Request{URL: server.URL},
		true,
		"5 redirects",
	); strings.Contains(
		err.Error(),
		"hush",
	) {
		t.Errorf("it tells the query: %v", err)
	}
	if hits != 6 {
		t.Errorf("it asked %d times", hits)
	}
}

func TestTLS(t *testing.T) {
	insecure := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached without TLS") })
	server, ca := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, insecure.URL, http.StatusFound)
			return
		}
		plain(w, r)
	})
	upgrade := serve(
		t,
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, server.URL, http.StatusFound) },
	)
	for _, at := range []string{server.URL, upgrade.URL} {
		if got := fetched(t, local(Options{}), Request{URL: at, CA: ca}); got != dashboard {
			t.Errorf("%s: %q", at, got)
		}
	}
	fails(t, local(Options{}), Request{URL: server.URL}, true, "authority", "CA")
	fails(t, local(Options{}), Request{URL: server.URL + "/down", CA: ca}, true, "give up TLS")
	n := &internet{names: map[string][]string{"other.test": {"93.184.216.34"}}}
	n.servers = map[string]*httptest.Server{"93.184.216.34": server}
	fails(t, n.fetcher(Options{}), Request{URL: "https://other.test/", CA: ca}, true, "another host")
	fails(
		t,
		local(Options{}),
		Request{URL: strings.Replace(insecure.URL, "http:", "https:", 1), CA: ca},
		true,
		"does not speak TLS",
	)

	old := httptest.NewUnstartedServer(http.HandlerFunc(plain))
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	fails(t, local(Options{}), Request{URL: old.URL, CA: ca}, true, "TLS")
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
		fails(
			t,
			local(Options{Timeout: 50 * time.Millisecond}),
			Request{URL: hangs(func() {}).URL + path},
			false,
			"longer than 50ms",
		)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := local(
			Options{},
		).Fetch(
			ctx,
			Request{URL: hangs(cancel).URL + path},
		); !errors.Is(err, context.Canceled) ||
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

func TestEncodings(t *testing.T) {
	var encoding string
	var sent []byte
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		_, _ = w.Write(sent)
	})
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(zip, dashboard)
	_ = zip.Close()
	f := local(Options{})

	encoding, sent = "gzip", zipped.Bytes()
	if got := fetched(t, f, Request{URL: server.URL, SHA256: sum(dashboard)}); got != dashboard {
		t.Errorf("compressed on the way: %q", got)
	}
	sent = zipped.Bytes()[:zipped.Len()-9]
	fails(t, f, Request{URL: server.URL}, false, "broke off")
	sent = []byte("no gzip at all")
	fails(t, f, Request{URL: server.URL}, false)
	encoding, sent = "br", nil
	fails(t, f, Request{URL: server.URL}, true, "encoding")
	encoding, sent = "", zipped.Bytes()
	if got := fetched(t, f, Request{URL: server.URL, SHA256: sum(zipped.String())}); got != zipped.String() {
		t.Errorf("a compressed file is not as it was: %q", got)
	}
	fails(
		t,
		f,
		Request{URL: server.URL, SHA256: sum(dashboard)},
		true,
		"SHA-256 is "+sum(zipped.String()),
		sum(dashboard),
	)
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

func TestSecretsAreNeverPrinted(t *testing.T) {
	const secret = "ruq60iCcfTdlt6"
	r := Request{URL: "https://example.com/x?token=" + secret, Headers: map[string]Secret{"Authorization": secret}}
	q := NewQueue(New(Options{}).Fetch, 1, 1)
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%t"} {
		printed[verb] = fmt.Sprintf(verb, Secret(secret))
		printed[verb+" in a map"] = fmt.Sprintf(verb, r.Headers)
		printed[verb+" in a request"] = fmt.Sprintf(verb, r)
		printed[verb+" by pointer"] = fmt.Sprintf(verb, &r)
	}
	for name, value := range map[string]any{"secret": Secret(secret), "map": r.Headers, "request": r, "pointer": &r} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed["json of "+name] = string(data)
	}
	var text, structured bytes.Buffer
	slog.New(
		slog.NewTextHandler(&text, nil),
	).Info(
		"x",
		"secret",
		Secret(secret),
		"headers",
		r.Headers,
		"request",
		r,
		"queue",
		q,
	)
	slog.New(
		slog.NewJSONHandler(&structured, nil),
	).Info(
		"x",
		"secret",
		Secret(secret),
		"headers",
		r.Headers,
		"request",
		r,
	)
	printed["slog text"], printed["slog json"] = text.String(), structured.String()
	for how, out := range printed {
		if strings.Contains(out, "ruq60") || strings.Contains(strings.ToLower(out), fmt.Sprintf("%x", secret)[4:14]) {
			t.Errorf("%s gives the secret away: %s", how, out)
		}
		if !strings.Contains(out, "***") && !strings.Contains(out, "https://example.com/x") {
			t.Errorf("%s shows nothing: %s", how, out)
		}
	}
	if Secret(secret).Reveal() != secret {
		t.Error("Reveal does not")
	}
	if got := fmt.Sprint(Request{URL: "http://u:" + secret + "@x/"}); got != "no URL" {
		t.Errorf("a bad URL prints as %q", got)
	}
}
