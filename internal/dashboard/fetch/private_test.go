package fetch

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

const notPublic = "not on the public Internet"

func TestPrivateHostsAreRefused(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	n := &internet{names: map[string][]string{
		"localhost":                {"127.0.0.1"},
		"metadata.google.internal": {"169.254.169.254"},
		"grafana.monitoring.svc":   {"10.96.3.4"},
		"both.example":             {"93.184.216.34 10.0.0.1"},
		"mapped.example":           {"::ffff:10.0.0.1"},
		"ula.example":              {"2606:4700::1111 fd00::1"},
	}}
	var said []string
	for _, host := range []string{
		"127.0.0.1", "[::1]", "0.0.0.0", "[::]", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "[::ffff:127.0.0.1]", "[fe80::1%25eth0]",
		"[64:ff9b::7f00:1]", "localhost", "LOCALHOST", "metadata.google.internal", "grafana.monitoring.svc", "both.example", "mapped.example", "ula.example",
	} {
		at := "http://" + host + ":" + port + "/x"
		err := fails(t, n.fetcher(Options{}), Request{URL: at}, true, notPublic)
		said = append(said, strings.ReplaceAll(err.Error(), strings.Replace(host, "%25", "%", 1), "HOST"))
	}
	slices.Sort(said)
	if said = slices.Compact(said); len(said) != 1 {
		t.Errorf("the answers differ: %q", said)
	}
	if len(n.dialled) > 0 {
		t.Errorf("it dialled %q", n.dialled)
	}
}

func TestTheRealNetworkIsGuardedToo(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	fails(t, New(Options{Proxy: direct}), Request{URL: server.URL}, true, notPublic)
	fails(
		t,
		New(Options{Proxy: direct}),
		Request{URL: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)},
		true,
		notPublic,
	)
}

func TestPrivateHostsCanBeAllowed(t *testing.T) {
	server := serve(t, plain)
	n := &internet{
		names:   map[string][]string{"mirror.internal": {"10.0.0.1"}},
		servers: map[string]*httptest.Server{"mirror.internal": server, "10.0.0.1": server},
	}
	if got := fetched(
		t,
		n.fetcher(Options{AllowPrivate: true}),
		Request{URL: "http://mirror.internal/x"},
	); got != dashboard {
		t.Errorf("allowed: %q", got)
	}
	if got := fetched(
		t,
		n.fetcher(Options{}),
		Request{URL: "http://mirror.internal/x", Trusted: true},
	); got != dashboard {
		t.Errorf("trusted: %q", got)
	}
}

func TestWhatIsCheckedIsDialled(t *testing.T) {
	var hits int
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if hits++; r.URL.Path == "/again" {
			http.Redirect(w, r, "/x", http.StatusFound)
			return
		}
		plain(w, r)
	})
	n := &internet{
		names:   map[string][]string{"rebind.example": {"93.184.216.34", "127.0.0.1"}},
		servers: map[string]*httptest.Server{"93.184.216.34": server, "127.0.0.1": server},
	}
	f := n.fetcher(Options{})
	if got := fetched(t, f, Request{URL: "http://rebind.example:8080/x"}); got != dashboard {
		t.Errorf("the public address: %q", got)
	}
	if n.lookups["rebind.example"] != 1 || !slices.Equal(n.dialled, []string{"93.184.216.34:8080"}) {
		t.Errorf("looked up %d times, dialled %q", n.lookups["rebind.example"], n.dialled)
	}
	fails(t, f, Request{URL: "http://rebind.example:8080/x"}, true, notPublic)

	n.lookups = nil // from one hop to the next
	fails(t, f, Request{URL: "http://rebind.example:8080/again"}, true, notPublic)
	if hits != 2 || len(n.dialled) != 2 {
		t.Errorf("%d hits, dialled %q", hits, n.dialled)
	}
}

func TestAnotherAddressIsTriedIfOneFails(t *testing.T) {
	n := &internet{
		names: map[string][]string{
			"example.com":  {"2606:4700::1111 93.184.216.34"},
			"gone.example": {"1.1.1.1 8.8.8.8"},
		},
		servers: map[string]*httptest.Server{"93.184.216.34": serve(t, plain)},
	}
	if got := fetched(t, n.fetcher(Options{}), Request{URL: "http://example.com/"}); got != dashboard {
		t.Errorf("got %q", got)
	}
	err := fails(
		t,
		n.fetcher(Options{}),
		Request{URL: "http://gone.example/"},
		false,
		"refused",
		"http://gone.example/",
	)
	if strings.Contains(err.Error(), "8.8") || strings.Contains(err.Error(), "1.1.1") {
		t.Errorf("it tells the address: %v", err)
	}
	err = fails(t, n.fetcher(Options{}), Request{URL: "http://nowhere.example/"}, false, "resolved")
	if strings.Contains(err.Error(), "10.96") {
		t.Errorf("it tells the address of the resolver: %v", err)
	}
}

func TestRedirectsToPrivateHosts(t *testing.T) {
	secret := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	target := ""
	public := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })
	n := &internet{
		names: map[string][]string{
			"example.com":     {"93.184.216.34"},
			"mirror.internal": {"10.0.0.1"},
			"inside.example":  {"10.0.0.9"},
		},
		servers: map[string]*httptest.Server{
			"93.184.216.34":   public,
			"mirror.internal": public,
			"127.0.0.1":       secret,
			"169.254.169.254": secret,
			"10.0.0.9":        secret,
		},
	}
	for _, target = range []string{"http://127.0.0.1/", "http://169.254.169.254/latest/meta-data", "//inside.example/", "http://[::ffff:10.0.0.9]/"} {
		fails(
			t,
			n.fetcher(Options{}),
			Request{URL: "http://example.com/"},
			true,
			notPublic,
			"http://example.com/, which redirects to http://",
		)
		fails(t, n.fetcher(Options{}), Request{URL: "http://mirror.internal/", Trusted: true}, true, notPublic)
	}
	for _, target = range []string{"ftp://example.com/", "http://u:hush@example.com/", "http://0x7f.1/", "http://%zz/", ""} {
		err := fails(t, n.fetcher(Options{}), Request{URL: "http://example.com/"}, true, "redirects to")
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("it repeats the password: %v", err)
		}
	}
}

func TestTrustEndsWhereARedirectLeaves(t *testing.T) {
	mirror := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(w, r, "http://MIRROR.internal:81/there", http.StatusFound)
		case "/there":
			plain(w, r)
		case "/away":
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		default:
			t.Error("it was reached by way of somebody else")
		}
	})
	public := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://mirror.internal/admin", http.StatusFound)
	})
	n := &internet{
		names: map[string][]string{"example.com": {"93.184.216.34"}, "mirror.internal": {"10.0.0.1"}},
		servers: map[string]*httptest.Server{
			"93.184.216.34":   public,
			"mirror.internal": mirror,
			"MIRROR.internal": mirror,
		},
	}
	if got := fetched(
		t,
		n.fetcher(Options{}),
		Request{URL: "http://mirror.internal/", Trusted: true},
	); got != dashboard {
		t.Errorf("got %q", got)
	}
	fails(t, n.fetcher(Options{}), Request{URL: "http://mirror.internal/away", Trusted: true}, true, notPublic)
}

// through returns a Proxy function that goes by the environment's rules.
func through(proxy *httptest.Server, except string) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == except {
			return nil, nil
		}
		u, err := url.Parse(proxy.URL)
		u.User = url.UserPassword("us", "hush")
		return u, err
	}
}

func TestProxy(t *testing.T) {
	var asked []string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		if r.Header.Get("Proxy-Authorization") == "" {
			t.Error("the proxy was not given its credentials")
		}
		plain(w, r)
	})
	n := &internet{
		names: map[string][]string{
			"example.com":    {"93.184.216.34"},
			"inside.example": {"10.0.0.9"},
			"direct.example": {"10.0.0.9"},
		},
		servers: map[string]*httptest.Server{"127.0.0.1": proxy},
	}
	f := n.fetcher(Options{Proxy: through(proxy, "direct.example")})
	for _, at := range []string{"http://example.com/a", "http://only.the.proxy.knows/b", "http://93.184.216.34/c"} {
		if got := fetched(t, f, Request{URL: at}); got != dashboard {
			t.Errorf("%s: %q", at, got)
		}
	}
	for _, at := range []string{"http://10.0.0.9/", "http://169.254.169.254/", "http://[::1]/", "http://inside.example/", "https://inside.example/", "http://direct.example/"} {
		fails(t, f, Request{URL: at}, true, notPublic)
	}
	if want := []string{
		"http://example.com/a",
		"http://only.the.proxy.knows/b",
		"http://93.184.216.34/c",
	}; !slices.Equal(
		asked,
		want,
	) {
		t.Errorf("the proxy was asked for %q", asked)
	}

	proxy.Close()
	n.servers = nil
	err := fails(t, f, Request{URL: "http://example.com/a"}, false, "proxy")
	if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("it tells about the proxy: %v", err)
	}
	broken := func(*http.Request) (*url.URL, error) { return nil, errors.New("http://us:hush@ is none") }
	if err = fails(
		t,
		n.fetcher(Options{Proxy: broken}),
		Request{URL: "http://example.com/a"},
		false,
		"proxy",
	); strings.Contains(
		err.Error(),
		"hush",
	) {
		t.Errorf("it tells about the proxy: %v", err)
	}
}

func TestProxyWithTLS(t *testing.T) {
	server, ca := serveTLS(t, plain)
	status := http.StatusOK
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		splice(t, w, server.Listener.Addr().String())
	})
	n := &internet{servers: map[string]*httptest.Server{"127.0.0.1": proxy}}
	f := n.fetcher(Options{Proxy: through(proxy, "")})
	if got := fetched(t, f, Request{URL: "https://example.com/a", CA: ca}); got != dashboard {
		t.Errorf("got %q", got)
	}
	fails(t, f, Request{URL: "https://example.com/a"}, true, "authority")
	status = http.StatusForbidden
	fails(t, f, Request{URL: "https://example.com/a", CA: ca}, true, "proxy answered 403")
	status = http.StatusBadGateway
	fails(t, f, Request{URL: "https://example.com/a", CA: ca}, false, "proxy answered 502")
}

// TestEnvironment runs in a process of its own, since the standard library reads the environment once.
func TestEnvironment(t *testing.T) {
	if os.Getenv("FETCH_TEST_PROXY") == "" {
		proxy := serve(t, plain)
		again(t, "FETCH_TEST_PROXY=1", "HTTP_PROXY="+proxy.URL, "http_proxy=", "NO_PROXY=direct.example", "no_proxy=")
		return
	}
	n := &internet{names: map[string][]string{"direct.example": {"10.0.0.9"}}}
	f := New(Options{Lookup: n.lookup})
	if got := fetched(t, f, Request{URL: "http://example.com/"}); got != dashboard {
		t.Errorf("got %q", got)
	}
	for _, host := range []string{"direct.example", "127.0.0.1", "localhost.", "10.0.0.1"} {
		n.names["localhost."] = []string{netip.IPv6Loopback().String()}
		fails(t, f, Request{URL: "http://" + host + "/"}, true, notPublic)
	}
}
