package controllers_test

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

// rule is what a proxy answers by itself to the requests that it is about.
type rule struct {
	method string // "": any
	path   string // begins the paths that it is about
	body   string // is in the bodies that it is about
	status int
	kind   string // of content; "": text/html
	header map[string]string
	answer string
}

// proxy is what stands before a Grafana. By its rules it answers by itself; what no rule is about it passes on.
type proxy struct {
	*httptest.Server
	mu    sync.Mutex
	rules []rule
	also  http.Handler // answers every other request that no rule is about
	turns int
}

// newProxiedWorld makes a world whose Instance reaches its Grafana through a proxy.
func newProxiedWorld(t *testing.T, opts grafanatest.Options, rules ...rule) (*world, *proxy) {
	t.Helper()
	w := newEmptyWorld(t, opts)
	p := &proxy{rules: rules}
	target, err := url.Parse(w.grafana.URL)
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
	w.instance(func(o *v1alpha1.Instance) { o.Spec.URL = p.URL })
	return w, p
}

// set replaces the rules.
func (p *proxy) set(rules ...rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = rules
}

// balance has another server answer every other request, or nobody else.
func (p *proxy) balance(also http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.also = also
}

func (p *proxy) next(forward http.Handler) http.Handler {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turns++; p.also != nil && p.turns%2 == 0 {
		return p.also
	}
	return forward
}

func (p *proxy) of(r *http.Request, body string) *rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.rules {
		rule := &p.rules[i]
		if (rule.method == "" || rule.method == r.Method) && strings.HasPrefix(r.URL.Path, rule.path) &&
			strings.Contains(body, rule.body) {
			return rule
		}
	}
	return nil
}

func (r *rule) serve(rw http.ResponseWriter) {
	rw.Header().Set("Content-Type", "text/html")
	if r.kind != "" {
		rw.Header().Set("Content-Type", r.kind)
	}
	for name, value := range r.header {
		rw.Header().Set(name, value)
	}
	rw.WriteHeader(r.status)
	_, _ = io.WriteString(rw, r.answer)
}

// page is a proxy's page, as it tells more than tenants shall know.
const page = "<html><body>grafana.internal:3000 has nothing for you</body></html>"
