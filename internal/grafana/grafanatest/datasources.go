package grafanatest

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// newSource is the body that makes a data source.
type newSource struct {
	UID            string `json:"uid"`
	Name           string
	Type           string
	Access         string
	URL            string `json:"url"`
	User, Database string
	BasicAuth      bool
	BasicAuthUser  string
	IsDefault      bool
	JSONData       map[string]any    `json:"jsonData"`
	SecureJSONData map[string]string `json:"secureJsonData"`
}

func noSource() *answer { return fail(http.StatusNotFound, "Data source not found") }

func createSource(c *call) *answer {
	var body newSource
	if !c.bind(&body) || body.Type == "" || body.Access == "" {
		return badData()
	}
	o := c.org()
	if o == nil {
		return fail(http.StatusInternalServerError, "Failed to add datasource")
	}
	if a := c.refuseSource(body); a != nil {
		return a
	}
	if body.Name == "" {
		body.Name = body.Type
	}
	for _, s := range o.sources {
		if c.db.kind.same(s.name, body.Name) {
			return c.taken(
				s.made,
				fail(http.StatusConflict, "data source with the same name already exists"),
				"Failed to add datasource",
			)
		}
	}
	if o.source(body.UID) != nil {
		return fail(http.StatusConflict, "data source with the same uid already exists")
	}
	if c.quotaReached("data_source") {
		return fail(http.StatusForbidden, "data_source Quota reached")
	}
	if body.UID == "" {
		body.UID = c.db.newUID()
	}
	c.db.lastSource++
	s := &dataSource{
		made:      c.db.arrived(),
		id:        c.db.lastSource,
		version:   1,
		uid:       body.UID,
		name:      body.Name,
		body:      body,
		isDefault: body.IsDefault || len(o.sources) == 0,
	}
	if s.isDefault {
		for _, other := range o.sources {
			other.isDefault = false
		}
	}
	o.sources[s.uid] = s
	return ok(obj{"datasource": c.showSource(s), "id": s.id, "message": "Datasource added", "name": s.name})
}

// refuseSource says what is wrong with a data source's fields; nil: nothing.
func (c *call) refuseSource(s newSource) *answer {
	_, err := url.Parse(s.URL)
	switch {
	case err != nil && strings.Contains(s.URL, "://") && s.Type == "prometheus": // of some types it is checked
		return fail(http.StatusBadRequest, "Validation error, invalid URL")
	case len(s.Name) > nameLength:
		return failID(http.StatusBadRequest, "datasource.nameInvalid", "Invalid datasource name.")
	case c.quirks.checksSourceUID && (!legalUID(s.UID) || len(s.UID) > longestUID):
		return failID(http.StatusBadRequest, "datasource.uidInvalid", "Invalid datasource UID.")
	}
	return nil
}

// sourceRow is a data source as lists show it.
func (c *call) sourceRow(s *dataSource) obj {
	data := s.body.JSONData
	if data == nil {
		data = map[string]any{}
	}
	return obj{
		"id":          s.id,
		"uid":         s.uid,
		"orgId":       c.who.orgID,
		"name":        s.name,
		"type":        s.body.Type,
		"typeLogoUrl": c.sourceLogo(s.body.Type),
		"access":      s.body.Access,
		"url":         s.body.URL,
		"user":        s.body.User,
		"database":    s.body.Database,
		"basicAuth":   s.body.BasicAuth,
		"isDefault":   s.isDefault,
		"jsonData":    data,
		"readOnly":    false,
	}
}

func (c *call) sourceLogo(kind string) string {
	logo, known := map[string]string{"prometheus": "prometheus_logo.svg", "loki": "loki_icon.svg"}[kind]
	if !known {
		return "public/img/icn-datasource.svg"
	}
	return c.quirks.pluginFolder + "/" + kind + "/img/" + logo
}

func (c *call) showSource(s *dataSource) obj {
	set := obj{}
	for key := range s.body.SecureJSONData {
		set[key] = true
	}
	shown := c.sourceRow(s)
	shown["basicAuthUser"], shown["withCredentials"], shown["secureJsonFields"], shown["version"] = s.body.BasicAuthUser, false, set, s.version
	if c.quirks.unified {
		shown["apiVersion"] = ""
	}
	return shown
}

func listSources(c *call) *answer {
	out := []obj{}
	if o := c.org(); o != nil {
		for _, s := range sorted(o.sources, func(a, b *dataSource) int {
			return cmp.Or(strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), strings.Compare(a.uid,
				b.uid))
		}) {
			row := c.sourceRow(s)
			row["typeName"] = cmp.Or(
				map[string]string{"prometheus": "Prometheus", "loki": "Loki"}[s.body.Type],
				s.body.Type,
			)
			out = append(out, row)
		}
	}
	return ok(out)
}

func getSource(c *call) *answer {
	if o := c.org(); o != nil && o.source(c.params["uid"]) != nil {
		return ok(c.showSource(o.source(c.params["uid"])))
	}
	return noSource()
}

func deleteSource(c *call) *answer {
	o := c.org()
	if o == nil || o.source(c.params["uid"]) == nil {
		return noSource()
	}
	gone := o.source(c.params["uid"])
	delete(o.sources, gone.uid)
	return ok(obj{"id": gone.id, "message": "Data source deleted"})
}
