package fetch

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	hostName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,254}$`)
	// numeric is a host that some resolvers take for an address (127.1, 0x7f000001) and others for a name. No
	// real name ends like this.
	numeric = regexp.MustCompile(`(^|\.)(\d+|0[xX][0-9a-fA-F]*)\.?$`)
)

// parse reads a URL that a dashboard can be fetched from. Its errors do not repeat the text, which may hold a password.
func parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it cannot be read as a URL")
	}
	return check(u)
}

// check returns u as it is to be requested, or says what is wrong with it.
func check(u *url.URL) (*url.URL, error) {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it must begin with http:// or https://")
	case u.User != nil:
		return nil, errors.New("it must not hold a user or password: give them in an Authorization header")
	case u.Hostname() == "":
		return nil, errors.New("it names no host")
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil {
		switch {
		case !hostName.MatchString(u.Hostname()):
			return nil, errors.New(
				"its host is none: it may hold letters, digits, dots and dashes only; write an internationalized " +
					"name as xn--…",
			)
		case numeric.MatchString(u.Hostname()):
			return nil, errors.New("its host is neither a name nor an address in the usual form")
		}
	}
	if port, err := strconv.ParseUint(portOf(u), 10, 16); err != nil || port == 0 {
		return nil, errors.New("its port is none: it must be from 1 to 65535")
	}
	clean := *u
	clean.Fragment, clean.RawFragment = "", ""
	return &clean, nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// origin is the scheme, host and port of u, to compare.
func origin(u *url.URL) string {
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + portOf(u)
}

// name is what u is called in messages: without its query, which may hold a token.
func name(u *url.URL) string {
	const longest = 300
	text := u.Scheme + "://" + u.Host + u.EscapedPath()
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return text
}
