package grafanatest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// search finds dashboards and folders. Grafana's takes a while to know what has
// changed; this one only does so where there is an IndexLag, and only for what
// is new.
func search(c *call) *answer {
	o := c.org()
	c.live = c.quirks.unified
	if o == nil && c.quirks.unified {
		return fail(http.StatusInternalServerError, "Search failed")
	}
	limit := c.number("limit", 1000)
	if limit > 5000 {
		return fail(
			http.StatusUnprocessableEntity,
			"Limit is above maximum allowed (5000), use page parameter to access hits beyond limit",
		)
	}
	if o == nil || c.quirks.unified && c.outsider() || !c.may("dashboards:read", c.who.orgID) {
		return ok([]obj{})
	}
	hits := c.hits(o)
	slices.SortStableFunc(hits, func(a, b obj) int {
		return strings.Compare(c.collated(a["title"].(string)), c.collated(b["title"].(string)))
	})
	hits = page(hits, limit, max(c.number("page", 1), 1)-1)
	slices.SortStableFunc(hits, func(a, b obj) int { // what was found shows folders first
		return cmp.Or(
			strings.Compare(b["type"].(string), a["type"].(string)),
			strings.Compare(strings.ToLower(a["title"].(string)), strings.ToLower(b["title"].(string))),
		)
	})
	return ok(hits)
}

// hits is all that the query asks for.
func (c *call) hits(o *org) []obj {
	hits := []obj{}
	for _, f := range c.byTitle(o) {
		parent := f.parent
		if !c.quirks.nestedFolders {
			parent = ""
		}
		if c.indexed(f.created) && c.folderLevel(f) >= mayView && c.asks("dash-folder", f.uid, f.title, parent) {
			hits = append(hits, c.hit(o, "dash-folder", f.id, f.uid, f.title, c.folderURL(f), parent))
		}
	}
	for _, d := range sorted(o.dashboards, func(a, b *dashboard) int { return cmp.Compare(a.id, b.id) }) {
		if !c.indexed(d.created) || c.dashboardLevel(d) < mayView || !c.asks("dash-db", d.uid, d.title, d.folder) {
			continue
		}
		hit := c.hit(o, "dash-db", d.id, d.uid, d.title, c.dashboardURL(d), d.folder)
		if tags, some := d.model["tags"].([]any); some {
			hit["tags"] = tags
		}
		if text, some := d.model["description"].(string); some && text != "" && c.quirks.unified {
			hit["description"] = text
		}
		hits = append(hits, hit)
	}
	return hits
}

// indexed says whether searches know of what was created then.
func (c *call) indexed(created time.Time) bool {
	return !c.quirks.unified || c.now.Sub(created) >= c.server.opts.IndexLag
}

// asks says whether the query asks for something.
func (c *call) asks(kind, uid, title, parent string) bool {
	given := func(name string) []string {
		var out []string
		for _, v := range c.query[name] {
			out = append(out, strings.Split(v, ",")...)
		}
		return out
	}
	accepts := func(name, value string) bool {
		wanted := given(name)
		return len(wanted) == 0 || slices.Contains(wanted, value)
	}
	if parent == "" {
		parent = "general"
	}
	return accepts("type", kind) && accepts("dashboardUIDs", uid) && accepts("folderUIDs", parent) &&
		strings.Contains(strings.ToLower(title), strings.ToLower(c.query.Get("query")))
}

func (c *call) hit(o *org, kind string, id int64, uid, title, url, parent string) obj {
	h := obj{
		"id": id, "uid": uid, "title": title, "uri": "db/" + c.quirks.slug(title), "url": url, "slug": "", "type": kind,
		"tags": []string{}, "isStarred": false, "sortMeta": 0,
	}
	if c.quirks.unified {
		h["orgId"], h["isDeleted"] = o.id, false
	}
	if f := o.folder(parent); f != nil {
		h["folderId"], h["folderUid"], h["folderTitle"], h["folderUrl"] = f.id, f.uid, f.title, c.folderURL(f)
	}
	return h
}
