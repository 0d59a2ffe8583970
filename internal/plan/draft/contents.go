package draft

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
)

func createSource(c *call) (*answer, error) {
	fields := merged(c.body, object{"id": c.next(), "version": 1, "secureJsonFields": c.secrets(nil)})
	delete(fields, "secureJsonData")
	c.make(c.place("source", fields["uid"]), fields)
	return ok(object{"datasource": fields, "id": fields["id"], "name": fields["name"], "message": "drafted"}), nil
}

// secrets are the names of those that are set, after the request.
func (c *call) secrets(were object) object {
	set := merged(were, nil)
	sent, _ := c.body["secureJsonData"].(object)
	for name, value := range sent {
		if delete(set, name); text(value) != "" {
			set[name] = true
		}
	}
	return set
}

func updateSource(c *call) (*answer, error) {
	a, err := getItem("source", "uid")(c)
	if err != nil {
		return nil, err
	}
	is, err := a.read(c.path)
	if is == nil {
		return a, err
	}
	c.marksOnly = sameSettings(is["jsonData"], c.body["jsonData"])
	were, _ := is["secureJsonFields"].(object)
	fields := merged(is, c.body)
	fields["version"], fields["secureJsonFields"] = number(is["version"])+1, c.secrets(were)
	delete(fields, "secureJsonData")
	c.change(c.place("source", c.params["uid"]), fields)
	return ok(object{"datasource": fields, "message": "drafted"}), nil
}

// sameSettings reports whether two jsonData differ in nothing but what says whose the data source is.
func sameSettings(a, b any) bool {
	settings := func(data any) grafana.DataSource {
		fields, _ := data.(object)
		bare := merged(fields, nil)
		delete(bare, datasource.OwnerField)
		text, _ := json.Marshal(bare) // it was read from JSON
		return grafana.DataSource{JSONData: text}
	}
	return len(datasource.Differences(settings(a), settings(b))) == 0
}

// tryNothing says that a data source works. Nobody else's server is asked for a draft.
func tryNothing(*call) (*answer, error) { return ok(object{"status": "OK"}), nil }

// folder is a folder as it would be; nil: there is none.
func (c *call) folder(uid string) (object, error) {
	return c.asWouldBe(c.place("folder", uid), func() (object, error) {
		return c.item("/api/folders/" + url.PathEscape(uid))
	})
}

func createFolder(c *call) (*answer, error) {
	uid := text(c.body["uid"])
	is, err := c.folder(uid)
	if err != nil {
		return nil, err
	}
	if is != nil {
		return reply(http.StatusPreconditionFailed, object{
			"status": "version-mismatch", "message": "the folder has been changed by someone else",
		}), nil
	}
	taken, err := c.titleTaken(text(c.body["title"]), text(c.body["parentUid"]))
	if err != nil || taken {
		return fail(http.StatusConflict, "a folder with the same name already exists in the current location"), err
	}
	fields := merged(c.body, object{"id": c.next(), "created": c.stamp(), "version": 1})
	c.make(c.place("folder", uid), fields)
	return ok(fields), nil
}

// titleTaken reports whether a folder of a title is in a place already, where there cannot be two.
func (c *call) titleTaken(title, parent string) (bool, error) {
	if c.unified {
		return false, nil
	}
	var items []any
	if !IsDrafted(c.orgOf()) {
		query := url.Values{"limit": {"1000"}, "page": {"1"}, "forceLogin": {"true"}}
		if parent != "" {
			query.Set("parentUid", parent)
		}
		var err error
		if items, err = c.array("/api/folders?" + query.Encode()); err != nil {
			return false, err
		}
	}
	for _, i := range c.laidOver(c.place("folder", ""), items, "uid", nil) {
		if f, _ := i.(object); text(f["title"]) == title && text(f["parentUid"]) == parent {
			return true, nil
		}
	}
	return false, nil
}

func updateFolder(c *call) (*answer, error) {
	is, err := c.folder(c.params["uid"])
	if err != nil || is == nil {
		return notFound(c.path), err
	}
	fields := merged(only(c.body, "title", "description"), object{"version": number(is["version"]) + 1})
	c.change(c.place("folder", c.params["uid"]), fields)
	return ok(merged(is, fields)), nil
}

func moveFolder(c *call) (*answer, error) {
	is, err := c.folder(c.params["uid"])
	if err != nil || is == nil {
		return notFound(c.path), err
	}
	parent := text(c.body["parentUid"])
	if parent != "" {
		if f, err := c.folder(parent); err != nil || f == nil {
			return notFound(c.path), err
		}
	}
	fields := object{"parentUid": parent}
	c.change(c.place("folder", c.params["uid"]), fields)
	return ok(merged(is, fields)), nil
}

// getPermissions answers those of a folder or dashboard; a new one has them for everybody, unless it is in a folder.
func getPermissions(kind string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		if set, drafted := c.known(c.place(kind+" permissions", c.params["uid"])).fields["items"]; drafted {
			return ok(set), nil
		}
		t := c.known(c.place(kind, c.params["uid"]))
		if !t.made {
			return c.ask()
		}
		items := []object{{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 2}}
		meta, _ := t.fields["meta"].(object)
		if text(t.fields["parentUid"])+text(meta["folderUid"]) != "" {
			items = []object{}
		}
		return ok(items), nil
	}
}

func setPermissions(kind string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		c.change(c.place(kind+" permissions", c.params["uid"]), only(c.body, "items"))
		return done(), nil
	}
}

// dashboard is one as it would be, in the form of Grafana's answer; nil: there is none.
func (c *call) dashboard(uid string) (object, error) {
	t := c.known(c.place("dashboard", uid))
	switch {
	case t.gone:
		return nil, nil
	case t.fields != nil:
		return t.fields, nil
	case IsDrafted(c.orgOf()):
		return nil, nil
	}
	return c.item("/api/dashboards/uid/" + url.PathEscape(uid))
}

func getDashboard(c *call) (*answer, error) {
	t := c.known(c.place("dashboard", c.params["uid"]))
	switch {
	case t.gone:
		return notFound(c.path), nil
	case t.fields != nil:
		return ok(t.fields), nil
	}
	return c.ask()
}

// saveDashboard makes or changes a dashboard, if it is still what the request is based on.
func saveDashboard(c *call) (*answer, error) {
	model, _ := c.body["dashboard"].(object)
	uid, folder := text(model["uid"]), text(c.body["folderUid"])
	if folder != "" {
		if f, err := c.folder(folder); err != nil || f == nil {
			return fail(http.StatusBadRequest, "folder not found"), err
		}
	}
	is, err := c.dashboard(uid)
	if err != nil {
		return nil, err
	}
	meta, _ := is["meta"].(object)
	if is != nil && number(meta["version"]) != number(model["version"]) {
		return reply(http.StatusPreconditionFailed, object{
			"status": "version-mismatch", "message": "The dashboard has been changed by someone else",
		}), nil
	}
	taken, err := c.dashboardTitled(uid, text(model["title"]), folder)
	if err != nil || taken {
		return reply(http.StatusPreconditionFailed, object{
			"status": "name-exists", "message": "A dashboard with the same name in the folder already exists",
		}), err
	}
	version := number(meta["version"]) + 1
	created := meta["created"]
	if is == nil {
		created = c.stamp()
	}
	link := "/d/" + uid + "/draft"
	p := c.place("dashboard", uid)
	fields := object{"dashboard": merged(model, object{"version": version}), "meta": object{
		"url": link, "version": version, "folderUid": folder, "updated": c.stamp(), "created": created,
	}}
	if is == nil {
		c.make(p, fields)
	} else {
		c.change(p, fields)
	}
	return ok(object{"id": c.next(), "uid": uid, "url": link, "version": version, "folderUid": folder,
		"status": "success"}), nil
}

// dashboardTitled reports whether another dashboard of this title is in the folder, where there cannot be two.
func (c *call) dashboardTitled(uid, title, folder string) (bool, error) {
	if c.unified || IsDrafted(c.orgOf()) {
		return false, nil
	}
	query := url.Values{"limit": {"5000"}, "page": {"1"}, "type": {"dash-db"}, "forceLogin": {"true"}}
	items, err := c.array("/api/search?" + query.Encode())
	if err != nil {
		return false, err
	}
	for _, i := range items {
		hit, _ := i.(object)
		other := text(hit["uid"]) != uid && text(hit["title"]) == title && text(hit["folderUid"]) == folder
		if other && !c.known(c.place("dashboard", hit["uid"])).gone {
			return true, nil
		}
	}
	return false, nil
}

// discover notes whether dashboards are in /apis.
func discover(c *call) (*answer, error) {
	a, err := c.ask()
	if err == nil && (a.status == http.StatusOK || a.status == http.StatusNotFound) {
		c.unified = a.status == http.StatusOK
	}
	return a, err
}

// isLost reports whether something went, or the folder that it is in.
func (c *call) isLost(kind string, uid, folder any) bool {
	return c.known(c.place(kind, uid)).gone || text(folder) != "" && c.known(c.place("folder", folder)).gone
}

// kept are the items of a list that are still there.
func kept(items []any, lost func(object) bool) []any {
	left := []any{}
	for _, i := range items {
		if item, _ := i.(object); !lost(item) {
			left = append(left, item)
		}
	}
	return left
}

// search answers what is there still. What was made is in no search yet, as in Grafana, where it lags behind.
func search(c *call) (*answer, error) {
	return c.remaining(func(hit object) bool {
		kind := "dashboard"
		if text(hit["type"]) == "dash-folder" {
			kind = "folder"
		}
		return c.isLost(kind, hit["uid"], hit["folderUid"])
	})
}

func listRules(c *call) (*answer, error) {
	return c.remaining(func(rule object) bool { return c.isLost("rule", "", rule["folderUID"]) })
}

// remaining answers a list that has nothing new.
func (c *call) remaining(lost func(object) bool) (*answer, error) {
	if IsDrafted(c.orgOf()) {
		return ok([]any{}), nil
	}
	a, err := c.ask()
	if err != nil || a.status != http.StatusOK {
		return a, err
	}
	var items []any
	if err := decode(a.body, &items); err != nil {
		return nil, err
	}
	return ok(kept(items, lost)), nil
}

// listResources answers a list in /apis; a history is one, too.
func listResources(kind string) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		if IsDrafted(c.orgOf()) {
			list := map[string]string{"dashboard": "DashboardList", "folder": "FolderList"}[kind]
			if strings.Contains(c.req.Header.Get("Accept"), "PartialObjectMetadataList") {
				list = "PartialObjectMetadataList"
			}
			return ok(object{"kind": list, "metadata": object{}, "items": []any{}}), nil
		}
		a, err := c.ask()
		if err != nil || a.status != http.StatusOK || c.req.URL.Query().Has("labelSelector") {
			return a, err
		}
		var page object
		if err := decode(a.body, &page); err != nil {
			return nil, err
		}
		items, _ := page["items"].([]any)
		page["items"] = kept(items, func(item object) bool {
			meta, _ := item["metadata"].(object)
			annotations, _ := meta["annotations"].(object)
			return c.isLost(kind, meta["name"], annotations["grafana.app/folder"])
		})
		return ok(page), nil
	}
}

// getFolderObject answers a folder in /apis, which tells its description.
func getFolderObject(c *call) (*answer, error) {
	t := c.known(c.place("folder", c.params["uid"]))
	switch {
	case t.gone:
		return notFound(c.path), nil
	case !t.made:
		return c.ask()
	}
	return ok(object{
		"metadata": object{"name": c.params["uid"]}, "spec": only(t.fields, "title", "description"),
	}), nil
}
