package draft

import (
	"net/http"
	"strings"
)

// getItem answers what is asked for by its id.
func getItem(kind, id string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		return c.shown(c.placeOf(kind, c.params[id]))
	}
}

// asWouldBe is a thing of an organization as it would be, by what Grafana says of it; nil: there is none.
func (c *call) asWouldBe(p place, asked func() (object, error)) (object, error) {
	t := c.known(p)
	switch {
	case t.gone:
		return nil, nil
	case t.made:
		return t.fields, nil
	case IsDrafted(c.orgOf()):
		return nil, nil
	}
	is, err := asked()
	if is == nil || err != nil {
		return nil, err
	}
	return merged(is, t.fields), nil
}

// shown is what is at a place, as it would be: the answer to a request that asks for it.
func (c *call) shown(p place) (*answer, error) {
	t := c.known(p)
	switch {
	case t.gone:
		return notFound(c.path), nil
	case t.made:
		return ok(t.fields), nil
	}
	a, err := c.ask()
	if err != nil || a.status != http.StatusOK || t.fields == nil {
		return a, err
	}
	var is object
	if err := decode(a.body, &is); err != nil {
		return nil, err
	}
	return ok(merged(is, t.fields)), nil
}

// placeOf is where something of a kind is: users are in no organization.
func (c *call) placeOf(kind string, id any) place {
	if kind == "user" {
		return place{"", kind, text(id)}
	}
	return c.place(kind, id)
}

// changed takes fields of something over.
func changed(kind, id string, fields ...string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		c.change(c.placeOf(kind, c.params[id]), only(c.body, fields...))
		return done(), nil
	}
}

// deleted has something be gone.
func deleted(kind, id string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		c.remove(c.placeOf(kind, c.params[id]))
		return done(), nil
	}
}

// listed answers a list: what is there, but for what is gone, with what was changed and made. in: the field that the
// list is in; empty: it is the whole answer.
func listed(kind, in, id string, matches func(*call, object) bool) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) { return c.list(c.placeOf(kind, ""), in, id, matches) }
}

// list answers a list of things that are in the same place.
func (c *call) list(at place, in, id string, matches func(*call, object) bool) (*answer, error) {
	a, err := c.ask()
	if err != nil {
		return nil, err
	}
	whole, items := object{}, []any{}
	switch {
	case a.status == http.StatusNotFound && IsDrafted(c.orgOf()):
		whole["totalCount"] = 0
	case a.status != http.StatusOK:
		return a, nil
	case in == "":
		err = decode(a.body, &items)
	default:
		if err = decode(a.body, &whole); err == nil {
			items, _ = whole[in].([]any)
		}
	}
	if err != nil {
		return nil, err
	}
	shown := c.laidOver(at, items, id, matches)
	if in == "" {
		return ok(shown), nil
	}
	whole[in] = shown
	if total, told := whole["totalCount"]; told {
		whole["totalCount"] = number(total) + int64(len(shown)-len(items))
	}
	return ok(whole), nil
}

// laidOver is a list with what was drafted.
func (c *call) laidOver(at place, items []any, id string, matches func(*call, object) bool) []any {
	shown := []any{}
	for _, i := range items {
		item, _ := i.(object)
		t := c.known(place{at.scope, at.kind, text(item[id])})
		if !t.gone {
			shown = append(shown, merged(item, t.fields))
		}
	}
	if page := c.req.URL.Query().Get("page"); page != "" && page != "1" {
		return shown
	}
	for _, p := range c.order {
		t := c.things[p]
		if t.made && p.scope == at.scope && p.kind == at.kind && (matches == nil || matches(c, t.fields)) {
			shown = append(shown, t.fields)
		}
	}
	return shown
}

// matchesQuery reports whether a service account has the searched text in its name or login.
func matchesQuery(c *call, item object) bool {
	query := strings.ToLower(c.req.URL.Query().Get("query"))
	return strings.Contains(strings.ToLower(text(item["name"])), query) ||
		strings.Contains(strings.ToLower(text(item["login"])), query)
}

// inParent reports whether a folder is in the one whose contents are listed.
func inParent(c *call, item object) bool {
	return text(item["parentUid"]) == c.req.URL.Query().Get("parentUid")
}
