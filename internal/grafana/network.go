package grafana

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// network is the way to Grafana. Load balancers forget connections without closing them: what is sent on such a
// one is never answered, and with HTTP/2 nothing but a ping or a new connection shows that.
type network struct {
	config  *tls.Config
	current atomic.Pointer[http.Transport]
}

func newNetwork(config *tls.Config) *network {
	n := &network{config: config}
	n.current.Store(newTransport(config))
	return n
}

func newTransport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config.Clone(),
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       45 * time.Second, // common load balancers forget a connection after 60 s
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// RoundTrip sends a request by the present transport.
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	return n.current.Load().RoundTrip(req)
}

// CloseIdleConnections closes the connections that carry nothing.
func (n *network) CloseIdleConnections() { n.current.Load().CloseIdleConnections() }

// watch is called before a request is sent, and what it returns once the request is over. If its time was over
// before there was an answer, the connections are given up, so that the next request makes one of its own. Others
// that are under way go on.
func (n *network) watch(ctx context.Context) func() {
	if n == nil {
		return func() {}
	}
	used := n.current.Load()
	return func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			n.current.CompareAndSwap(used, newTransport(n.config))
			used.CloseIdleConnections()
		}
	}
}
