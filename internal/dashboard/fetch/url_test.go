package fetch

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{ // "": it can be used
		"https://example.com/a.json?x=1#top": "", "http://example.com": "", "HTTPS://Example.COM:8443/": "", "http://93.184.216.34/": "",
		"http://[2606:4700::1111]:80/": "", "http://localhost/": "", "http://a_b.example./": "", "https://xn--bcher-kva.example/": "",
		"http://127.0.0.1/": "", "http://x/%2e%2e/a b": "", // judged where it is dialled
		"":                            "http://",
		"example.com/a.json":          "http://",
		"ftp://example.com/":          "http://",
		"file:///etc/passwd":          "http://",
		"gopher://example.com/":       "http://",
		"javascript:alert(1)":         "http://",
		"https:example.com":           "no host",
		"https:///a.json":             "no host",
		"http://:80/":                 "no host",
		"https://user@example.com/":   "user",
		"https://u:hush@example.com/": "user",
		"https://@example.com/":       "user",
		"http://a b/":                 "read",
		"http://example.com/\n":       "read",
		" http://example.com/":        "read",
		"http://[::1/":                "read",
		"http://example.com:port/":    "read",
		"http://example.com:70000/":   "port",
		"http://example.com:0/":       "port",
		"http://bücher.example/":      "xn--",
		"http://１２７.0.0.1/":           "xn--",
		"http://127。0。0。1/":           "xn--",
		"http://a,b/":                 "letters",
		"http://127.1/":               "usual form",
		"http://127.0.0.1./":          "usual form",
		"http://2130706433/":          "usual form",
		"http://0x7f000001/":          "usual form",
		"http://0X7F.0.0.0x1/":        "usual form",
		"http://0177.0.0.01/":         "usual form",
		"http://0x/":                  "usual form",
		"http://1.2.3.4.5/":           "usual form",
	} {
		_, err := parse(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("parse(%q) said %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

func TestOriginsAreCompared(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"https://example.com/a", "https://EXAMPLE.com:443/b?c", true},
		{"http://example.com", "http://example.com:80/", true},
		{"http://example.com/", "https://example.com/", false},
		{"https://example.com/", "https://example.com:8443/", false},
		{"https://example.com/", "https://www.example.com/", false},
	} {
		a, errA := parse(c.a)
		b, errB := parse(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if (origin(a) == origin(b)) != c.same {
			t.Errorf("%s and %s: %s, %s", c.a, c.b, origin(a), origin(b))
		}
	}
}

// FuzzURL: what passes is safe to request and to name, and the HTTP client sees the same host in it as the check did.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"https://example.com/a?b#c", "http://u:p@h/", "http://[::ffff:127.0.0.1%25eth0]:8/", "http://0x7f.1", "//x", "http://a%2eb/", "http://１.２.３.４"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parse(text)
		if err != nil {
			return
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q passed as %v", text, u)
		}
		if named := name(u); strings.ContainsAny(named, "?# \n") || len(named) > 310 {
			t.Fatalf("%q is called %q", text, named)
		}
		if _, err := netip.ParseAddr(
			u.Hostname(),
		); err != nil &&
			strings.ContainsFunc(u.Hostname(), func(r rune) bool { return r > 'z' || r < '-' }) {
			t.Fatalf("%q has the host %q", text, u.Hostname())
		}
		again, err := parse(u.String())
		if err != nil || origin(again) != origin(u) {
			t.Fatalf("%q becomes %q: %v", text, u, err)
		}
		req, err := http.NewRequest(http.MethodGet, u.String(), nil)
		if err != nil || req.URL.Hostname() != u.Hostname() {
			t.Fatalf("%q is requested from %q: %v", text, req.URL.Host, err)
		}
	})
}
