package grafanatest

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Shape is what makes one request of a client's another than the next: its method, its route, the parameters
// of its query, and which fields its body has, with = behind those that are empty. Values make no difference.
func Shape(method string, u *url.URL, body []byte) string {
	shape := method + " " + template(method, u.EscapedPath())
	query := u.Query()
	for i, name := range slices.Sorted(maps.Keys(query)) {
		shape += string("?&"[min(i, 1)]) + name
		if query.Get(name) == "" {
			shape += "="
		}
	}
	if len(body) > 0 {
		shape += " " + fieldsOf(body, "")
	}
	return shape
}

// template is the route that a path is on. Where the model has one for many resources, they are told apart.
func template(method, path string) string {
	route, _ := routes.match(method, path)
	parts := strings.Split(path, "/")
	if route == nil {
		for i, part := range parts {
			if strings.Trim(part, "0123456789") == "" && part != "" {
				parts[i] = ":id"
			}
		}
		return strings.Join(parts, "/")
	}
	pattern := slices.Clone(route.parts)
	for i, part := range pattern {
		if part == ":group" || part == ":resource" {
			pattern[i] = parts[i+1]
		}
	}
	return "/" + strings.Join(pattern, "/")
}

// opaque are fields whose content is not the client's own; of it only these count.
var opaque = map[string][]string{
	"dashboard": {"id", "uid", "version", "title"}, "spec": {"title"},
	"model": {}, "jsonData": {}, "secureJsonData": {},
}

// plain are columns of a data source that Grafana keeps as they come, empty or not.
var plain = []string{"user", "database", "basicAuth", "basicAuthUser", "withCredentials", "isDefault"}

// fieldsOf describes a JSON value by the fields of its objects.
func fieldsOf(body []byte, field string) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) == nil && object != nil {
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if counts, is := opaque[field]; is && !slices.Contains(counts, name) {
				continue
			}
			if slices.Contains(plain, name) {
				fields = append(fields, name)
				continue
			}
			fields = append(fields, name+fieldsOf(object[name], name))
		}
		return "{" + strings.Join(fields, " ") + "}"
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		var shapes []string
		for _, one := range list {
			shapes = append(shapes, fieldsOf(one, ""))
		}
		slices.Sort(shapes)
		return "[" + strings.Join(slices.Compact(shapes), " ") + "]"
	}
	switch text := strings.TrimSpace(string(body)); text {
	case `""`, "null", "[]", "{}", "0", "false":
		return "="
	default:
		return ""
	}
}
