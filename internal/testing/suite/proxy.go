package suite

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// Rule is what a proxy answers by itself to the requests that it is about.
type Rule struct {
	Method string // "": any
	Path   string // begins the paths that it is about
	Body   string // is in the bodies that it is about
	Status int
	Kind   string // of content; "": text/html
	Header map[string]string
	Answer string
}

// Proxy is what stands before a Grafana. By its rules it answers by itself; what no rule is about it passes on.
type Proxy struct {
	*httptest.Server
	mu    sync.Mutex
	rules []Rule
	also  http.Handler // answers every other request that no rule is about
	turns int
}

// NewProxied makes a world whose Instance reaches its Grafana through a proxy.
func NewProxied(t *testing.T, opts grafanatest.Options, rules ...Rule) (*World, *Proxy) {
	t.Helper()
	w := NewEmpty(t, opts)
	p := &Proxy{rules: rules}
	target, err := url.Parse(w.Grafana.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	p.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if rule := p.of(r, string(body)); rule != nil {
			rule.serve(rw)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		p.next(forward).ServeHTTP(rw, r)
	}))
	t.Cleanup(p.Close)
	w.Instance(func(o *v1alpha1.Instance) { o.Spec.URL = p.URL })
	return w, p
}

// Set replaces the rules.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = rules
}

// Balance has another server answer every other request, or nobody else.
func (p *Proxy) Balance(also http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.also = also
}

func (p *Proxy) next(forward http.Handler) http.Handler {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turns++; p.also != nil && p.turns%2 == 0 {
		return p.also
	}
	return forward
}

func (p *Proxy) of(r *http.Request, body string) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.rules {
		rule := &p.rules[i]
		if (rule.Method == "" || rule.Method == r.Method) && strings.HasPrefix(r.URL.Path, rule.Path) &&
			strings.Contains(body, rule.Body) {
			return rule
		}
	}
	return nil
}

func (r *Rule) serve(rw http.ResponseWriter) {
	rw.Header().Set("Content-Type", "text/html")
	if r.Kind != "" {
		rw.Header().Set("Content-Type", r.Kind)
	}
	for name, value := range r.Header {
		rw.Header().Set(name, value)
	}
	rw.WriteHeader(r.Status)
	_, _ = io.WriteString(rw, r.Answer)
}

// ProxyPage is a proxy's page, as it tells more than tenants shall know.
const ProxyPage = "<html><body>grafana.internal:3000 has nothing for you</body></html>"
