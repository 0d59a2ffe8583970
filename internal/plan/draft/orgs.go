package draft

import (
	"net/http"
	"strconv"
	"strings"
)

// orgPlace is where an organization is kept.
func orgPlace(id any) place { return place{"", "org", text(id)} }

func createOrg(c *call) (*answer, error) {
	me, err := c.whose()
	if err != nil {
		return nil, err
	}
	id := c.next()
	c.make(orgPlace(id), object{"id": id, "name": c.body["name"], "address": object{}})
	member := object{"orgId": id, "userId": me["id"], "login": me["login"], "email": me["email"], "role": "Admin"}
	c.make(place{text(id), "member", text(me["id"])}, member)
	return ok(object{"orgId": id, "message": "Organization created"}), nil
}

// listOrgs lists them, or those of a name.
func listOrgs(c *call) (*answer, error) {
	name := c.req.URL.Query().Get("name")
	named := func(item object) bool { return name == "" || strings.EqualFold(text(item["name"]), name) }
	a, err := c.ask()
	if err != nil || a.status != http.StatusOK {
		return a, err
	}
	var items []any
	if err := decode(a.body, &items); err != nil {
		return nil, err
	}
	shown, seen := []any{}, map[string]bool{}
	for _, i := range items {
		item, _ := i.(object)
		t := c.known(orgPlace(item["id"]))
		seen[text(item["id"])] = true
		if _, renamed := t.fields["name"]; t.gone || renamed && !named(t.fields) {
			continue
		}
		shown = append(shown, merged(item, only(t.fields, "name")))
	}
	for p, t := range c.things { // what was made, and what has come by this name
		if _, has := t.fields["name"]; p.kind == "org" && has && !t.gone && !seen[p.id] && named(t.fields) {
			shown = append(shown, object{"id": number(p.id), "name": t.fields["name"]})
		}
	}
	return ok(shown), nil
}

func getOrg(c *call) (*answer, error) { return c.shownOrg(c.params["org"]) }

// shownOrg is an organization as it would be.
func (c *call) shownOrg(id string) (*answer, error) {
	return c.shown(orgPlace(id))
}

// getOwnOrg is the only organization of a token.
func getOwnOrg(c *call) (*answer, error) {
	a, err := c.ask()
	if err != nil || a.status != http.StatusOK {
		return a, err
	}
	var is object
	if err := decode(a.body, &is); err != nil {
		return nil, err
	}
	return ok(merged(is, c.known(orgPlace(is["id"])).fields)), nil
}

func changeOrg(fields ...string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		c.change(orgPlace(c.params["org"]), only(c.body, fields...))
		return done(), nil
	}
}

// setAddress sets that of an organization. A field that is empty leaves what is there, as in Grafana.
func setAddress(c *call) (*answer, error) {
	id := strconv.FormatInt(c.orgOf(), 10)
	a, err := c.shownAddress(id)
	if err != nil {
		return nil, err
	}
	for name, value := range c.body {
		if text(value) != "" {
			a[name] = value
		}
	}
	c.change(orgPlace(id), object{"address": a})
	return done(), nil
}

func (c *call) shownAddress(id string) (object, error) {
	t := c.known(orgPlace(id))
	address, drafted := t.fields["address"].(object)
	if drafted {
		return merged(address, nil), nil
	}
	path := "/api/orgs/" + id
	if strings.HasPrefix(c.path, "/api/org/") {
		path = "/api/org"
	}
	is, err := c.item(path)
	address, _ = is["address"].(object)
	return merged(address, nil), err
}

func deleteOrg(c *call) (*answer, error) {
	c.remove(orgPlace(c.params["org"]))
	return done(), nil
}

// listOwnOrgs lists those that the login is a member of.
func listOwnOrgs(c *call) (*answer, error) {
	a, err := c.ask()
	if err != nil || a.status != http.StatusOK {
		return a, err
	}
	var items []any
	if err := decode(a.body, &items); err != nil {
		return nil, err
	}
	shown := []any{}
	for _, i := range items {
		if item, _ := i.(object); !c.known(orgPlace(item["orgId"])).gone {
			shown = append(shown, item)
		}
	}
	add := func(id int64) { shown = append(shown, object{"orgId": id, "name": "", "role": "Admin"}) }
	for p, t := range c.things {
		if p.kind == "org" && t.made {
			add(number(p.id))
		}
	}
	for id := range c.joined {
		add(id)
	}
	return ok(shown), nil
}

// listQuotas lists those of an organization; a new one has the same kinds as any.
func listQuotas(c *call) (*answer, error) {
	if id := c.orgOf(); IsDrafted(id) {
		a, err := c.get(c.Path + "/api/orgs/1/quotas?forceLogin=true")
		if err != nil {
			return nil, err
		}
		return c.withQuotas(a)
	}
	a, err := c.ask()
	if err != nil {
		return nil, err
	}
	return c.withQuotas(a)
}

func (c *call) withQuotas(a *answer) (*answer, error) {
	var items []any
	if a.status != http.StatusOK {
		return a, nil
	}
	if err := decode(a.body, &items); err != nil {
		return nil, err
	}
	return ok(c.laidOver(c.place("quota", ""), items, "target", nil)), nil
}

func setQuota(c *call) (*answer, error) {
	c.change(c.place("quota", c.params["target"]), only(c.body, "limit"))
	return done(), nil
}

func listMembers(c *call) (*answer, error) { return c.list(c.place("member", ""), "", "userId", nil) }

// addMember makes somebody whom Grafana knows, or is to know, a member.
func addMember(c *call) (*answer, error) {
	user, err := c.user(text(c.body["loginOrEmail"]))
	if err != nil || user == nil {
		return fail(http.StatusNotFound, "user not found"), err
	}
	me, err := c.whose()
	if err != nil {
		return nil, err
	}
	id := c.orgOf()
	if text(me["id"]) == text(user["id"]) && !IsDrafted(id) {
		c.joined[id] = true
		return ok(object{"userId": user["id"], "message": "User added to organization"}), nil
	}
	c.make(c.place("member", user["id"]), object{
		"orgId": id, "userId": user["id"], "login": user["login"], "email": user["email"], "role": c.body["role"],
	})
	return ok(object{"userId": user["id"], "message": "User added to organization"}), nil
}

func getPreferences(c *call) (*answer, error) { return c.preferences(c.place("preferences", "")) }

// preferences are those that are there, with what was set.
func (c *call) preferences(at place) (*answer, error) {
	t := c.known(at)
	a, err := c.ask()
	if err != nil {
		return nil, err
	}
	is := object{}
	switch {
	case a.isAbsent(c.path), a.status == http.StatusNotFound && IsDrafted(c.orgOf()):
	case a.status != http.StatusOK:
		return a, nil
	default:
		if err := decode(a.body, &is); err != nil {
			return nil, err
		}
	}
	return ok(merged(is, t.fields)), nil
}

func setPreferences(c *call) (*answer, error) {
	there, err := c.hasHome()
	if err != nil || !there {
		return fail(http.StatusNotFound, "Dashboard not found"), err
	}
	c.change(c.place("preferences", ""), c.body)
	return done(), nil
}

// hasHome reports whether the home dashboard that preferences name, if they name one, is there.
func (c *call) hasHome() (bool, error) {
	uid := text(c.body["homeDashboardUID"])
	if uid == "" {
		return true, nil
	}
	t := c.known(c.place("dashboard", uid))
	if t.gone || t.made || IsDrafted(c.orgOf()) {
		return t.made, nil
	}
	d, err := c.item("/api/dashboards/uid/" + uid)
	return d != nil, err
}
