package fetch

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
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
	fails(t, f, Request{URL: server.URL, SHA256: sum(dashboard)}, true, "SHA-256 is "+sum(zipped.String()),
		sum(dashboard))
}
