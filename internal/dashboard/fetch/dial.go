package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// A network behind a proxy may have no DNS for names outside, and be slow to say so.
	lookupTimeout = 5 * time.Second
)

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// errNotPublic says that a host has an address that is not public.
var errNotPublic = errors.New("not public")

// addresses of a host, which is an address itself or a name. If one of them is not public, the error is
// errNotPublic: a name that leads to several places could lead to either.
func (f *Fetcher) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var list []netip.Addr
	if literal, err := netip.ParseAddr(host); err == nil {
		list = []netip.Addr{literal}
	} else if list, err = f.opts.Lookup(ctx, "ip", host); err != nil {
		return nil, err
	}
	for _, a := range list {
		if !public(a) {
			return nil, errNotPublic
		}
	}
	return list, nil
}

// dialPublic connects to the very addresses that it has found to be public, so that nobody can answer a second
// lookup with something else.
func (f *Fetcher) dialPublic(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	list, err := f.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	for _, a := range list {
		var conn net.Conn
		if conn, err = f.connect(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// dialer for a request to u by way of proxy, which is nil if there is none.
func (f *Fetcher) dialer(ctx context.Context, u, proxy *url.URL, trusted bool) (dialFunc, error) {
	if trusted || f.opts.AllowPrivate {
		return f.connect, nil
	}
	if proxy == nil {
		return f.dialPublic, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if _, err := f.addresses(ctx, u.Hostname()); errors.Is(err, errNotPublic) {
		return nil, err
	}
	return f.connect, nil
}
