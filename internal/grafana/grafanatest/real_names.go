package grafanatest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// names tell one test's organizations and users from another's in a real Grafana: there they begin with a
// prefix that nobody sees on this side. Passwords are others there as well, so that no guess of a test's opens
// a real Grafana.
type names struct {
	prefix, salt    string
	admin, password string // as seen on this side
}

func newNames(admin, password string) names {
	letters := make([]byte, 6)
	_, _ = rand.Read(letters)
	for i, b := range letters {
		letters[i] = 'g' + b%20 // no hexadecimal digit: it must be in no uid
	}
	return names{prefix: "zq" + string(letters) + "-", salt: rand.Text(), admin: admin, password: password}
}

// mainOrg is the organization that all share.
const mainOrg = "Main Org."

// namedIn are the fields of bodies that hold the name of an organization or user.
var namedIn = map[string][]string{
	"POST /api/orgs":            {"name"},
	"PUT /api/orgs/:org":        {"name"},
	"PUT /api/org":              {"name"},
	"POST /api/orgs/:org/users": {"loginOrEmail"},
	"POST /api/admin/users":     {"login", "email", "name"},
	"PUT /api/users/:user":      {"login", "email", "name"},
	"POST /login":               {"user"},

	"PUT /api/admin/users/:user/password": {},
}

// outward is a request with the names and passwords that it has in the real Grafana.
func (n names) outward(in inbound) inbound {
	in.header = in.header.Clone()
	if login, password, ok := (&http.Request{Header: in.header}).BasicAuth(); ok {
		in.header.Set("Authorization", basicAuth(n.out(login), n.secret(password)))
	}
	route, _ := routes.match(in.method, in.url.EscapedPath())
	if route == nil {
		return in
	}
	if fields, some := namedIn[route.method+" "+route.pattern]; some {
		in.body = n.rename(in.body, fields)
	}
	named := map[string]string{"/api/orgs": "name", "/api/users/lookup": "loginOrEmail"}[route.pattern]
	if query := in.url.Query(); named != "" && query.Get(named) != "" {
		query.Set(named, n.out(query.Get(named)))
		u := *in.url
		u.RawQuery = query.Encode()
		in.url = &u
	}
	if name, is := strings.CutPrefix(in.url.EscapedPath(), "/api/orgs/name/"); is {
		if plain, err := url.PathUnescape(name); err == nil {
			in.url = &url.URL{
				Path:     "/api/orgs/name/" + n.out(plain),
				RawPath:  "/api/orgs/name/" + url.PathEscape(n.out(plain)),
				RawQuery: in.url.RawQuery,
			}
		}
	}
	return in
}

// rename changes the fields that hold names, and passwords, and nothing else.
func (n names) rename(body []byte, fields []string) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body
	}
	change := func(field string, to func(string) string) {
		var value string
		if raw, there := object[field]; there && json.Unmarshal(raw, &value) == nil {
			object[field] = mustJSON(to(value))
		}
	}
	for _, field := range fields {
		change(field, n.out)
	}
	change("password", n.secret)
	return mustJSON(object)
}

// out is a name as it is in the real Grafana.
func (n names) out(name string) string {
	if name == "" || name == mainOrg {
		return name
	}
	return n.prefix + name
}

// secret is a password as it is in the real Grafana.
func (n names) secret(password string) string {
	if password == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(n.salt + password))
	return hex.EncodeToString(sum[:16])
}

// inward takes the prefix out of an answer.
func (n names) inward(body []byte) []byte { return bytes.ReplaceAll(body, []byte(n.prefix), nil) }

// visible authorizes the world's admin as on this side.
func (n names) visible() string { return basicAuth(n.admin, n.password) }

func basicAuth(login, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+password))
}
