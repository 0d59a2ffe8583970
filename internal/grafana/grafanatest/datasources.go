package grafanatest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
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
	JSONData       asSent            `json:"jsonData"`
	SecureJSONData map[string]string `json:"secureJsonData"`

	WithCredentials bool
	Version         int64
}

// asSent is a JSON object whose numbers stay as they were written.
type asSent map[string]any

func (a *asSent) UnmarshalJSON(text []byte) error { return decodeAsSent(text, (*map[string]any)(a)) }

func decodeAsSent(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(to)
}

// sourcePlugin is a kind of data source that the model knows.
type sourcePlugin struct{ id, name, logo string }

// sourcePlugins are those by id, or by an alias that they had once.
var sourcePlugins = map[string]sourcePlugin{
	"prometheus":                    {"prometheus", "Prometheus", "prometheus_logo.svg"},
	"loki":                          {"loki", "Loki", "loki_icon.svg"},
	"testdata":                      {"grafana-testdata-datasource", "TestData", "testdata.svg"},
	"grafana-testdata-datasource":   {"grafana-testdata-datasource", "TestData", "testdata.svg"},
	"postgres":                      {"grafana-postgresql-datasource", "PostgreSQL", "postgresql_logo.svg"},
	"grafana-postgresql-datasource": {"grafana-postgresql-datasource", "PostgreSQL", "postgresql_logo.svg"},
}

// plugin is that of a data source; of one that is not installed only the type is known.
func (s *dataSource) plugin() sourcePlugin {
	if p, known := sourcePlugins[s.body.Type]; known {
		return p
	}
	return sourcePlugin{id: s.body.Type, name: s.body.Type}
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
		updated:   c.now.Unix(),
	}
	o.sources[s.uid] = s
	o.onlyDefault(s)
	return ok(obj{"datasource": c.showSource(s), "id": s.id, "message": "Datasource added", "name": s.name})
}

// onlyDefault takes from the others what there is once in an organization.
func (o *org) onlyDefault(s *dataSource) {
	for _, other := range o.sources {
		other.isDefault = other.isDefault && (!s.isDefault || other == s)
	}
}

// refuseSource says what is wrong with a data source's fields; nil: nothing.
func (c *call) refuseSource(s newSource) *answer {
	switch {
	case s.URL != "" && !validSourceURL(s):
		return fail(http.StatusBadRequest, "Validation error, invalid URL")
	case len(s.Name) > nameLength:
		return failID(http.StatusBadRequest, "datasource.nameInvalid", "Invalid datasource name.")
	case c.quirks.checksSourceUID && (!legalUID(s.UID) || len(s.UID) > longestUID):
		return failID(http.StatusBadRequest, "datasource.uidInvalid", "Invalid datasource UID.")
	case len(s.URL) > textLength:
		return failID(http.StatusBadRequest, "datasource.urlInvalid", "Invalid datasource url.")
	case s.JSONData["teamHttpHeaders"] != nil && c.quirks.checksSourceUID:
		return fail(http.StatusForbidden,
			"Cannot create datasource with team HTTP headers, need to use updateDatasourceLBACRules API")
	}
	return nil
}

// needURL are types that do not go without a URL.
var needURL = []string{"prometheus", "loki", "grafana-postgresql-datasource"}

// validSourceURL is what a change is held to; at its birth a data source may have no URL at all.
func validSourceURL(s newSource) bool {
	if slices.Contains(needURL, s.Type) && strings.TrimSpace(s.URL) == "" {
		return false
	}
	_, err := url.Parse(s.URL)
	return err == nil || !strings.Contains(s.URL, "://")
}

// sourceRow is a data source as lists show it.
func (c *call) sourceRow(s *dataSource) obj {
	data := s.body.JSONData
	if data == nil {
		data = asSent{}
	}
	return obj{
		"id":          s.id,
		"uid":         s.uid,
		"orgId":       c.who.orgID,
		"name":        s.name,
		"type":        s.plugin().id,
		"typeLogoUrl": c.sourceLogo(s.plugin()),
		"access":      s.body.Access,
		"url":         s.body.URL,
		"user":        s.body.User,
		"database":    s.body.Database,
		"basicAuth":   s.body.BasicAuth,
		"isDefault":   s.isDefault,
		"jsonData":    data,
		"readOnly":    s.provisioned,
	}
}

func (c *call) sourceLogo(p sourcePlugin) string {
	if p.logo == "" {
		return "public/img/icn-datasource.svg"
	}
	return c.quirks.pluginFolder + "/" + p.id + "/img/" + p.logo
}

func (c *call) showSource(s *dataSource) obj {
	set := obj{}
	for key, value := range s.body.SecureJSONData {
		if value != "" {
			set[key] = true
		}
	}
	shown := c.sourceRow(s)
	shown["basicAuthUser"], shown["withCredentials"] = s.body.BasicAuthUser, s.body.WithCredentials
	shown["secureJsonFields"], shown["version"] = set, s.version
	if c.quirks.unified {
		shown["apiVersion"] = ""
	}
	return shown
}

func listSources(c *call) *answer {
	out := []obj{}
	if o := c.org(); o != nil {
		for _, s := range sorted(o.sources, func(a, b *dataSource) int {
			return cmp.Or(
				strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)),
				strings.Compare(a.name, b.name),
			)
		}) {
			row := c.sourceRow(s)
			row["typeName"] = s.plugin().name
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

func updateSource(c *call) *answer {
	var body newSource
	if !c.bind(&body) || body.Name == "" || body.Type == "" || body.Access == "" {
		return badData()
	}
	if !validSourceURL(body) {
		return fail(http.StatusBadRequest, "Validation error, invalid URL")
	}
	o := c.org()
	if o == nil || o.source(c.params["uid"]) == nil {
		return noSource()
	}
	s := o.source(c.params["uid"])
	if s.provisioned {
		return fail(http.StatusForbidden, "Cannot update read-only data source")
	}
	if a := c.refuseChange(o, s, body); a != nil {
		return a
	}
	s.change(body)
	s.updated = c.now.Unix()
	if uid := body.UID; uid != "" && uid != s.uid {
		delete(o.sources, s.uid)
		s.uid, o.sources[uid] = uid, s
	}
	o.onlyDefault(s)
	return ok(obj{"datasource": c.showSource(s), "id": s.id, "message": "Datasource updated", "name": body.Name})
}

// refuseChange says what keeps a data source from being changed so; nil: nothing.
func (c *call) refuseChange(o *org, s *dataSource, body newSource) *answer {
	if body.UID != "" && !c.db.kind.same(body.UID, s.uid) && c.quirks.checksSourceUID {
		return fail(http.StatusInternalServerError, "Failed to update datasource")
	}
	if len(body.URL) > textLength {
		return failID(http.StatusBadRequest, "datasource.urlInvalid", "Invalid datasource url.")
	}
	for _, other := range o.sources { // itself among them, as seen on 10.4.3 and 12.4.0
		if body.Name != s.name && c.db.kind.same(other.name, body.Name) {
			return fail(
				http.StatusConflict,
				"Failed to update datasource: data source with the same name already exists",
			)
		}
	}
	if body.Version != 0 && body.Version < s.version {
		return fail(
			http.StatusConflict,
			"Datasource has already been updated by someone else. Please reload and try again",
		)
	}
	return nil
}

// change replaces all but what stays if it is left out: secrets, and some columns that are not made empty.
func (s *dataSource) change(body newSource) {
	secrets := maps.Clone(s.body.SecureJSONData)
	if secrets == nil {
		secrets = map[string]string{}
	}
	maps.Copy(secrets, body.SecureJSONData)
	body.SecureJSONData = secrets
	body.URL = cmp.Or(body.URL, s.body.URL)
	body.BasicAuthUser = cmp.Or(body.BasicAuthUser, s.body.BasicAuthUser)
	s.body, s.name, s.isDefault, s.version = body, body.Name, body.IsDefault, body.Version+1
}

// checkSource has a plugin try the data source. What has no plugin, or one without a server's part, cannot be asked.
func checkSource(c *call) *answer {
	o := c.org()
	if o == nil || o.source(c.params["uid"]) == nil {
		return fail(http.StatusInternalServerError, "Unable to load datasource metadata")
	}
	s := o.source(c.params["uid"])
	switch s.plugin().id {
	case "grafana-testdata-datasource":
		return ok(obj{"message": "Data source is working", "status": "OK"})
	case "prometheus":
		if err := s.forPlugin(c.now).query(c.server.opts.Sources); err != nil {
			message := err.Error() + " - There was an error returned querying the Prometheus API."
			return reply(http.StatusBadRequest, obj{"message": message, "status": "ERROR"})
		}
		return ok(obj{
			"details": obj{"application": "Prometheus", "features": obj{"rulerApiEnabled": false}},
			"message": "Successfully queried the Prometheus API.",
			"status":  "OK",
		})
	case "loki":
		return reply(http.StatusBadRequest, obj{
			"message": "Unable to connect with Loki. Please check the server logs for more details.",
			"status":  "ERROR",
		})
	case "alertmanager":
		return failID(http.StatusInternalServerError, "plugin.unavailable", "Plugin unavailable")
	}
	return failID(http.StatusNotFound, "plugin.notRegistered", "Plugin not registered")
}

// settingsTTL is how long what was read of a data source for its plugin is good, as seen on 10.4.3 and 12.4.0.
const settingsTTL = 5 * time.Second

// forPlugin is what the plugin goes by. It takes settings for new if they were written in another second.
func (s *dataSource) forPlugin(now time.Time) newSource {
	if s.read == nil || now.Sub(s.read.readAt) >= settingsTTL {
		s.read = &settings{s.body, s.updated, now}
	}
	if s.plugged == nil || s.plugged.updated != s.read.updated {
		s.plugged = s.read
	}
	return s.plugged.body
}

// query asks a Prometheus something, with the headers that its data source has.
func (body newSource) query(sources http.RoundTripper) error {
	at := body.URL + "/api/v1/query"
	if sources == nil {
		host := strings.TrimPrefix(body.URL, "http://")
		return fmt.Errorf("Post %q: dial tcp %s: connect: connection refused", at, host)
	}
	request, err := http.NewRequest(http.MethodPost, at, strings.NewReader("query=1%2B1&time=4"))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for field, name := range body.JSONData {
		if n, is := strings.CutPrefix(field, "httpHeaderName"); is {
			request.Header.Set(fmt.Sprint(name), body.SecureJSONData["httpHeaderValue"+n])
		}
	}
	answer, err := sources.RoundTrip(request)
	if err != nil {
		return &url.Error{Op: "Post", URL: at, Err: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("client_error: %s", answer.Status)
	}
	return nil
}

func deleteSource(c *call) *answer {
	o := c.org()
	if o == nil || o.source(c.params["uid"]) == nil {
		return noSource()
	}
	gone := o.source(c.params["uid"])
	if gone.provisioned {
		return fail(http.StatusForbidden, "Cannot delete read-only data source")
	}
	delete(o.sources, gone.uid)
	return ok(obj{"id": gone.id, "message": "Data source deleted"})
}
