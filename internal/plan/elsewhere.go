package plan

import (
	"net/http"
	"net/url"
	"strings"
)

// elsewhere sends requests to another address than they name, such as the end of a port-forward.
type elsewhere struct {
	network http.RoundTripper
	to      *url.URL
	path    string // that the first address has
}

// RoundTrip answers a request.
func (e elsewhere) RoundTrip(req *http.Request) (*http.Response, error) {
	there := req.Clone(req.Context())
	u := *req.URL
	u.Scheme, u.Host = e.to.Scheme, e.to.Host
	rest := strings.TrimPrefix(req.URL.EscapedPath(), e.path)
	u.RawPath = strings.TrimRight(e.to.EscapedPath(), "/") + rest
	path, err := url.PathUnescape(u.RawPath)
	if err != nil {
		return nil, err
	}
	u.Path, there.URL, there.Host = path, &u, e.to.Host
	return e.network.RoundTrip(there)
}
