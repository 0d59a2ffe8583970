package fetch

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

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
	err := fails(t, local(Options{}), Request{URL: server.URL}, true, "5 redirects")
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("it tells the query: %v", err)
	}
	if hits != 6 {
		t.Errorf("it asked %d times", hits)
	}
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

func TestTLS(t *testing.T) {
	insecure := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached without TLS") })
	server, ca := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, insecure.URL, http.StatusFound)
			return
		}
		plain(w, r)
	})
	upgrade := serve(t,
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, server.URL, http.StatusFound) })
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
	fails(t, local(Options{}), Request{URL: strings.Replace(insecure.URL, "http:", "https:", 1), CA: ca}, true,
		"does not speak TLS")

	old := httptest.NewUnstartedServer(http.HandlerFunc(plain))
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	fails(t, local(Options{}), Request{URL: old.URL, CA: ca}, true, "TLS")
}
