package grafanatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// resourceBody is an object as it is sent to /apis.
type resourceBody struct {
	Metadata struct {
		Name, GenerateName, ResourceVersion string
		Annotations                         map[string]string
	}
	Spec map[string]any
}

// createResource is a POST behind /apis.
func createResource(c *call) *answer {
	body, a := c.resourceBody("create")
	if a != nil {
		return a
	}
	if body.Metadata.Name == "" && body.Metadata.GenerateName != "" {
		body.Metadata.Name = body.Metadata.GenerateName + c.db.text(lowerAlphabet, 5)
	}
	name, resource := body.Metadata.Name, c.params["resource"]
	if name == "" {
		return c.nameless()
	}
	if c.params["group"] == folderGroup {
		return c.createFolderObject(body)
	}
	if c.org().dashboard(name) != nil {
		return kubeFailure(
			http.StatusConflict,
			"AlreadyExists",
			fmt.Sprintf("%s.%s %q already exists", resource, c.params["group"], name),
			c.named(name),
		)
	}
	return c.writeDashboard(nil, body)
}

// replaceResource is a PUT behind /apis: it makes what is missing, and replaces
// what is there, whatever it is, if no resourceVersion is sent along.
func replaceResource(c *call) *answer {
	body, a := c.resourceBody("write")
	if a != nil {
		return a
	}
	sent, name := body.Metadata.ResourceVersion, c.params["name"]
	if body.Metadata.Name != name {
		return kubeFailure(
			http.StatusBadRequest,
			"BadRequest",
			fmt.Sprintf(
				"the name of the object (%s) does not match the name on the URL (%s)",
				body.Metadata.Name,
				name,
			),
			nil,
		)
	}
	if c.params["group"] == folderGroup {
		return noGroup() // not modelled
	}
	d := c.org().dashboard(name)
	switch {
	case d != nil && c.dashboardLevel(d) < mayEdit:
		return c.forbidden()
	case d == nil && sent != "":
		return kubeFailure(
			http.StatusInternalServerError,
			"",
			"resourceVersion should not be set on objects to be created",
			nil,
		)
	case d != nil && sent != "" && sent != fmt.Sprint(d.last().revision):
		return kubeFailure(http.StatusConflict, "Conflict", fmt.Sprintf("Operation cannot be fulfilled on %s.%s %q: "+
			"the object has been modified; please apply your changes to the latest version and try again",
			c.params["resource"], c.params["group"], name), c.named(name))
	}
	return c.writeDashboard(d, body)
}

// deleteResource is a DELETE behind /apis.
func deleteResource(c *call) *answer {
	if a := c.resource("delete"); a != nil {
		return a
	}
	name := c.params["name"]
	d := c.org().dashboard(name)
	if d == nil || c.params["group"] != dashboardGroup {
		return c.noResource(name)
	}
	if c.dashboardLevel(d) < mayEdit {
		return c.forbidden()
	}
	delete(c.org().dashboards, d.uid)
	details := c.named(name)
	details["uid"] = c.dashboardObject(d, *d.last(), c.params["version"])["metadata"].(obj)["uid"]
	return ok(obj{"kind": "Status", "apiVersion": "v1", "metadata": obj{}, "status": "Success", "details": details})
}

func (c *call) resourceBody(verb string) (body resourceBody, a *answer) {
	if a := c.resource(verb); a != nil {
		return body, a
	}
	if err := json.Unmarshal(c.in.body, &body); err != nil {
		return body, kubeFailure(http.StatusBadRequest, "BadRequest", err.Error(), nil)
	}
	return body, nil
}

// named are the details of an error about an object.
func (c *call) named(name string) obj {
	return obj{"name": name, "group": c.params["group"], "kind": c.params["resource"]}
}

func (c *call) nameless() *answer {
	kind := map[string]string{dashboardGroup: "Dashboard", folderGroup: "Folder"}[c.params["group"]]
	const message = "Required value: name or generateName is required"
	return kubeFailure(http.StatusUnprocessableEntity, "Invalid",
		fmt.Sprintf("%s.%s \"\" is invalid: metadata.name: %s", kind, c.params["group"], message), obj{
			"group": c.params["group"], "kind": kind,
			"causes": []obj{{"reason": "FieldValueRequired", "message": message, "field": "metadata.name"}},
		})
}

// writeDashboard makes or replaces a dashboard: content, folder and annotations
// are what is sent, the message with them.
func (c *call) writeDashboard(d *dashboard, body resourceBody) *answer {
	notes := maps.Clone(body.Metadata.Annotations)
	req := &saveRequest{
		resource:  true,
		uid:       body.Metadata.Name,
		FolderUID: notes[noteFolder],
		Message:   notes[noteMessage],
		model:     body.Spec,
	}
	for _, own := range []string{noteFolder, noteMessage, noteCreatedBy, noteUpdatedBy, noteUpdatedTime, noteGrant} {
		delete(notes, own)
	}
	req.notes = notes
	req.granted = body.Metadata.Annotations[noteGrant] == "default"
	if a := c.checkSpec(req); a != nil {
		return a
	}
	switch version := c.params["version"]; {
	case isSchema2(version):
		req.stored, req.model = version, keptOf(req.model)
	case version != "v0alpha1":
		req.stored, req.model = version, completed(req.model)
	}
	if c.query.Get("dryRun") != "" {
		return c.tried(d, req, body)
	}
	status, before := http.StatusOK, int64(0)
	if d == nil {
		status = http.StatusCreated
	} else {
		before = d.last().revision
	}
	d = c.store(c.org(), d, req)
	shown := c.dashboardObject(d, *d.last(), c.params["version"])
	if d.last().revision == before { // nothing was written
		delete(shown["metadata"].(obj), "resourceVersion")
	}
	return reply(status, shown)
}

// tried is the answer to a write that is not made: what is there, with the
// content and the annotations that were sent.
func (c *call) tried(d *dashboard, req *saveRequest, body resourceBody) *answer {
	status, now, line := http.StatusOK, dashboard{uid: req.uid, created: c.now}, dashboardVersion{number: 1}
	if d != nil {
		now, line = *d, *d.last()
		if line.claimed = line.storedAs(); line.claimed == c.params["version"] {
			line.claimed = d.last().claimed
		}
	}
	line.model, line.stored = req.model, req.stored
	shown := c.dashboardObject(&now, line, c.params["version"])
	metadata := shown["metadata"].(obj)
	metadata["annotations"] = body.Metadata.Annotations
	delete(metadata, "labels")
	if d == nil {
		status = http.StatusCreated
		c.db.lastRevision++ // each try is of another object
		metadata["uid"] = uuidOf(fmt.Sprint("tried ", c.db.lastRevision))
		delete(metadata, "resourceVersion")
	}
	return reply(status, shown)
}

// checkSpec checks the content of a dashboard.
func (c *call) checkSpec(req *saveRequest) *answer {
	req.title, _ = req.model["title"].(string)
	for _, own := range []string{"id", "uid", "version"} {
		delete(req.model, own)
	}
	if !legalUID(req.uid) {
		return kubeFailure(http.StatusBadRequest, "BadRequest", "uid contains illegal characters", nil)
	}
	if req.title == "" {
		return kubeFailure(http.StatusBadRequest, "BadRequest", "Dashboard title cannot be empty", nil)
	}
	if req.FolderUID != "" && c.org().folder(req.FolderUID) == nil {
		return kubeFailure(
			http.StatusNotFound,
			"NotFound",
			fmt.Sprintf("folders.%s %q not found", folderGroup, req.FolderUID),
			obj{"name": req.FolderUID, "group": folderGroup, "kind": "folders"},
		)
	}
	return nil
}

func (c *call) createFolderObject(body resourceBody) *answer {
	name := body.Metadata.Name
	title, _ := body.Spec["title"].(string)
	parent := body.Metadata.Annotations[noteFolder]
	if c.org().folder(name) != nil {
		return kubeFailure(
			http.StatusConflict,
			"AlreadyExists",
			fmt.Sprintf("folders.%s %q already exists", folderGroup, name),
			c.named(name),
		)
	}
	f := c.storeFolder(c.org(), name, title, parent)
	return reply(http.StatusCreated, c.folderObject(f, c.params["version"]))
}
