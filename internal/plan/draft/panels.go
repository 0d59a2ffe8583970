package draft

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// panel is a library panel as it would be; nil: there is none.
func (c *call) panel(uid string) (object, error) {
	return c.asWouldBe(c.place("panel", uid), func() (object, error) {
		is, err := c.item("/api/library-elements/" + url.PathEscape(uid))
		result, _ := is["result"].(object)
		if result == nil || c.isLost("panel", uid, result["folderUid"]) {
			return nil, err
		}
		return result, err
	})
}

func listPanels(c *call) (*answer, error) {
	items := []any{}
	whole := object{"totalCount": 0}
	if !IsDrafted(c.orgOf()) {
		a, err := c.ask()
		if err != nil || a.status != http.StatusOK {
			return a, err
		}
		var page object
		if err := decode(a.body, &page); err != nil {
			return nil, err
		}
		whole, _ = page["result"].(object)
		items, _ = whole["elements"].([]any)
	}
	there := kept(items, func(p object) bool { return c.isLost("panel", p["uid"], p["folderUid"]) })
	shown := c.laidOver(c.place("panel", ""), there, "uid", nil)
	total := number(whole["totalCount"]) + int64(len(shown)-len(items))
	return ok(object{"result": merged(whole, object{"elements": shown, "totalCount": total})}), nil
}

func getPanel(c *call) (*answer, error) {
	is, err := c.panel(c.params["uid"])
	if err != nil || is == nil {
		return fail(http.StatusNotFound, "library element could not be found"), err
	}
	return ok(object{"result": is}), nil
}

func createPanel(c *call) (*answer, error) {
	uid := text(c.body["uid"])
	is, err := c.panel(uid)
	taken := is != nil
	if err == nil && !taken {
		taken, err = c.panelNameTaken(text(c.body["name"]), text(c.body["folderUid"]))
	}
	if err != nil || taken {
		return fail(http.StatusBadRequest, "library element with that name or UID already exists"), err
	}
	fields := merged(c.body, object{"version": 1})
	c.make(c.place("panel", uid), fields)
	return ok(object{"result": fields}), nil
}

// panelNameTaken reports whether a library panel of a name is in a folder already, where there cannot be two.
func (c *call) panelNameTaken(name, folder string) (bool, error) {
	if c.unified || IsDrafted(c.orgOf()) {
		return false, nil
	}
	query := url.Values{"kind": {"1"}, "page": {"1"}, "perPage": {"5000"}, "forceLogin": {"true"}}
	a, err := c.get(c.Path + "/api/library-elements?" + query.Encode())
	if err != nil {
		return false, err
	}
	whole, err := a.read("/api/library-elements")
	if err != nil {
		return false, err
	}
	result, _ := whole["result"].(object)
	items, _ := result["elements"].([]any)
	return slices.ContainsFunc(items, func(i any) bool {
		p, _ := i.(object)
		t := c.known(c.place("panel", p["uid"]))
		return text(merged(p, t.fields)["name"]) == name && text(p["folderUid"]) == folder && !t.gone
	}), nil
}

func updatePanel(c *call) (*answer, error) {
	uid := c.params["uid"]
	is, err := c.panel(uid)
	switch {
	case err != nil || is == nil:
		return fail(http.StatusNotFound, "library element could not be found"), err
	case number(is["version"]) != number(c.body["version"]):
		return fail(http.StatusPreconditionFailed, "the library element has been changed by someone else"), nil
	}
	fields := merged(only(c.body, "name", "model"), object{"version": number(is["version"]) + 1})
	c.change(c.place("panel", uid), fields)
	return ok(object{"result": merged(is, fields)}), nil
}

// listPanelUsers answers who uses a library panel: those that are there, and what was drafted of dashboards.
func listPanelUsers(c *call) (*answer, error) {
	uid := c.params["uid"]
	var items []any
	if t := c.known(c.place("panel", uid)); !t.made && !IsDrafted(c.orgOf()) {
		a, err := c.ask()
		if err != nil || a.status != http.StatusOK {
			return a, err
		}
		var page object
		if err := decode(a.body, &page); err != nil {
			return nil, err
		}
		items, _ = page["result"].([]any)
	}
	users := kept(items, func(u object) bool { return c.isLost("dashboard", u["connectionUid"], nil) })
	for p, t := range c.things {
		if p.scope == text(c.orgOf()) && p.kind == "dashboard" && strings.Contains(string(ok(t.fields).body), uid) {
			users = append(users, object{"connectionUid": p.id})
		}
	}
	return ok(object{"result": users}), nil
}
