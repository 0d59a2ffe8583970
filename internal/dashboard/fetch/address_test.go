package fetch

import (
	"net/netip"
	"testing"
)

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "93.184.216.34": true, "140.82.121.4": true, "223.255.255.255": true,
		"9.255.255.255": true, "11.0.0.0": true, "100.63.255.255": true, "100.128.0.0": true, "172.15.255.255": true,
		"172.32.0.0": true, "192.167.255.255": true, "192.169.0.0": true, "198.17.255.255": true, "198.20.0.0": true,
		"128.0.0.1": true, "169.253.255.255": true, "169.255.0.0": true, "168.63.129.17": true, "1.0.0.0": true,
		"2606:4700::1111": true, "2a00:1450:4001:80b::200e": true, "2001:200::1": true, "2620:4f:8000::1": true,

		"0.0.0.0": false, "0.1.2.3": false, // unspecified, this network
		"127.0.0.1": false, "127.1.2.3": false, "127.255.255.255": false, "::1": false, // loopback
		"10.0.0.1": false, "10.255.255.255": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.0.1": false, "192.168.255.255": false,
		"169.254.0.1": false, "169.254.169.254": false, "169.254.170.2": false, "fe80::1": false, "febf::1": false, // link-local, metadata
		"fd00:ec2::254": false, "fd20:ce::254": false, "fe80::a9fe:a9fe": false, // metadata of AWS, Google, OpenStack
		"100.100.100.200": false, "192.0.0.192": false, "168.63.129.16": false, // metadata of Alibaba and Oracle, agent of Azure
		"100.64.0.0": false, "100.127.255.255": false, // CGNAT
		"198.18.0.1": false, "198.19.255.255": false, "2001:2::1": false, // benchmarks
		"192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "2001:db8::1": false, "3fff::1": false, // documentation
		"224.0.0.1": false, "239.255.255.255": false, "ff02::1": false, "ff0e::1": false, // multicast
		"240.0.0.1": false, "255.255.255.255": false, // reserved, broadcast
		"192.0.0.1": false, "192.88.99.1": false, "100::1": false, "5f00::1": false, // protocols, 6to4 relays, discard, segments
		"::": false, "fc00::1": false, "fd12:3456::1": false, "fec0::1": false, // unspecified, unique local, site-local
		"fe80::1%eth0": false, "2606:4700::1111%eth0": false, // of one interface

		"::ffff:8.8.8.8": true, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:8.8.8.8%eth0": false,
		"::8.8.8.8": false, "::127.0.0.1": false, "::ffff:0:127.0.0.1": false, // IPv4-compatible, translated
		"64:ff9b::8.8.8.8": true, "64:ff9b::10.0.0.1": false, "64:ff9b::127.0.0.1": false, "64:ff9b::169.254.169.254": false, // NAT64
		"64:ff9b:1::8.8.8.8": false, "64:ff9b:1::10.0.0.1": false, // local NAT64
		"2002:7f00:1::1": false, "2002:a00:1::1": false, "2002:808:808::1": false, // 6to4
		"2001::1": false, "2001:0:4136:e378:8000:63bf:80ff:fffe": false, "2001:10::1": false, "2001:20::1": false, // Teredo, ORCHID
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("public(%s) = %v", address, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}
