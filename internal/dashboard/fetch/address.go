package fetch

import "net/netip"

// special4 is what of IPv4 is not the public Internet's, after IANA's registry of special-purpose addresses.
var special4 = prefixes(
	"0.0.0.0/8",        // this host; unspecified
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared by carriers (CGNAT); Alibaba's metadata
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's host agent, which any of its machines reaches under this public address
	"169.254.0.0/16",   // link-local; the metadata of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; Oracle's metadata
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // relays of 6to4
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved; broadcast
)

var (
	// unicast6 is the part of IPv6 that public addresses are given out of. Loopback, link-local, unique
	// local, site-local, multicast and IPv4-compatible addresses lie outside.
	unicast6 = netip.MustParsePrefix("2000::/3")
	// special6 is what of unicast6 is not public.
	special6 = prefixes(
		"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4
		"3fff::/20",     // documentation
	)
	// nat64 holds an IPv4 address in its last 32 bits: the way of a network without IPv4 to the public one.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public reports whether the address is one of the public Internet. Of those that carry an IPv4 address,
// IPv4-mapped and NAT64 ones are judged by that; other tunnels are refused as a whole.
func public(a netip.Addr) bool {
	if a.Zone() != "" { // it is meant for one of this machine's networks
		return false
	}
	a = a.Unmap()
	if a.Is4() {
		return !within(special4, a)
	}
	if nat64.Contains(a) {
		b := a.As16()
		return public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return unicast6.Contains(a) && !within(special6, a)
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, prefix := range list {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}
