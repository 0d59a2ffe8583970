package grafanatest

import (
	"net/http"
	"net/url"
	"strings"
)

// handler answers one kind of request.
type handler func(*call) *answer

// route is a method and a pattern such as "/api/orgs/:id", and who answers.
type route struct {
	method  string
	pattern string
	parts   []string
	open    bool   // served to anybody; others only to who is signed in
	needs   string // the permission: "a", or "any of a, b"; "": none
	scope   scope  // where it has to be held
	handler handler
}

// router finds routes by method and number of path elements.
type router map[routeKey][]*route

type routeKey struct {
	method string
	parts  int
}

func newRouter(all []route) router {
	rt := router{}
	for i := range all {
		r := &all[i]
		r.parts = strings.Split(strings.TrimPrefix(r.pattern, "/"), "/")
		k := routeKey{r.method, len(r.parts)}
		rt[k] = append(rt[k], r)
	}
	return rt
}

// match finds the route of an escaped path, and its unescaped parameters. A
// literal element goes before a parameter if it stands earlier in the table.
func (rt router) match(method, path string) (*route, map[string]string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	for _, r := range rt[routeKey{method, len(parts)}] {
		if params, ok := r.fits(parts); ok {
			return r, params
		}
	}
	return nil, nil
}

func (r *route) fits(parts []string) (map[string]string, bool) {
	var params map[string]string
	for i, want := range r.parts {
		if !strings.HasPrefix(want, ":") {
			if want != parts[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(parts[i])
		if err != nil {
			return nil, false
		}
		if params == nil {
			params = map[string]string{}
		}
		params[want[1:]] = value
	}
	return params, true
}
