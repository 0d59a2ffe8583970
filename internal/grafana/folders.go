package grafana

import (
	"context"
	"strconv"
	"time"
)

// Folder is a folder for dashboards.
type Folder struct {
	// ID is never that of another one before Grafana 12, which may give it another one itself. 0: it is not told.
	ID    int64  `json:"id,omitempty"`
	UID   string `json:"uid,omitempty"`
	Title string `json:"title"`
	// ParentUID is the folder it is in. "": none.
	ParentUID string `json:"parentUid,omitempty"`
	// Created is when it was made; zero where that is not told.
	Created time.Time `json:"created,omitzero"`
	// Version counts its changes; 0 where that is not told.
	Version int64 `json:"version,omitempty"`
	// Description is nil where it is not told: only FolderDescription and AllFolders do. Grafana before 12 drops it.
	Description *string `json:"description,omitempty"`
}

func (f Folder) complete() bool { return f.UID != "" }

// Hit is a dashboard or folder that a search found.
type Hit struct {
	ID    int64  `json:"id"`
	UID   string `json:"uid"`
	Title string `json:"title"`
	// Type is "dash-db" or "dash-folder".
	Type string `json:"type"`
	// FolderUID is the folder it is in. "": none.
	FolderUID string `json:"folderUid"`
}

func (h Hit) complete() bool { return h.UID != "" }

// Folder returns the folder with this uid.
//
// GET /api/folders/:uid
func (o *OrgClient) Folder(ctx context.Context, uid string) (Folder, error) {
	return do[Folder](ctx, o, get("/api/folders/:uid", uid))
}

const folderPage = 1000 // the largest that Grafana takes

// Folders lists the folders directly below a parent; "": those in no other. If the parent does not exist,
// the error is IsNotFound. Where folders cannot be in folders (Settings.NestedFolders), nothing is below
// any. Grafana 12 lists from an index, which a folder just made may not have reached: that one is missing
// here does not prove that there is none.
//
// GET /api/folders
func (o *OrgClient) Folders(ctx context.Context, parentUID string) ([]Folder, error) {
	r := get("/api/folders").with("limit", strconv.Itoa(folderPage))
	if parentUID != "" {
		r = r.with("parentUid", parentUID)
	}
	all, seen := []Folder{}, map[string]bool{}
	for page := 1; ; page++ {
		listed, err := do[list[Folder]](ctx, o, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, err
		}
		known := len(seen)
		for _, folder := range listed {
			if folder.ParentUID == parentUID &&
				!seen[folder.UID] { // where folders are flat, all are listed whatever the parent
				all = append(all, folder)
			}
			seen[folder.UID] = true
		}
		if len(listed) < folderPage || len(seen) == known { // the last page, or one again
			return all, nil
		}
	}
}

// CreateFolder makes a folder; without a UID Grafana chooses one. A uid in use is IsTaken, and before
// Grafana 12 so is a title in use below the same parent. Too many folders above it are IsTooDeep, and
// before Grafana 12 the title General is IsReservedTitle. Grafana 12 does not mind a parent that does not
// exist: look first. Where folders cannot be in folders (Settings.NestedFolders), the folder is made
// without its parent.
//
// POST /api/folders
func (o *OrgClient) CreateFolder(ctx context.Context, folder Folder) (Folder, error) {
	return do[Folder](ctx, o, post(folder, "/api/folders"))
}

// FolderChange is a change to a folder.
type FolderChange struct {
	Title string `json:"title"`
	// Description is nil where it stays as it is.
	Description *string `json:"description,omitempty"`
	// Version that the change is based on: if the folder has another, it is IsVersionMismatch.
	Version int64 `json:"version"`
}

// UpdateFolder changes a folder. The title General is IsReservedTitle, also where a folder was made with it. Before
// Grafana 12 a title in use beside it is IsTaken.
//
// PUT /api/folders/:uid
func (o *OrgClient) UpdateFolder(ctx context.Context, uid string, change FolderChange) (Folder, error) {
	return do[Folder](ctx, o, put(change, "/api/folders/:uid", uid))
}

// MoveFolder puts a folder, with all that is in it, into another; "": into none. If that does not exist, the error is
// IsNotFound. Before Grafana 12 a title in use there is no hindrance.
//
// POST /api/folders/:uid/move
func (o *OrgClient) MoveFolder(ctx context.Context, uid, parentUID string) error {
	_, err := do[Folder](ctx, o, post(map[string]string{"parentUid": parentUID}, "/api/folders/:uid/move", uid))
	return err
}

// DeleteFolder deletes a folder with the folders and dashboards in it, and their alert rules if it is said so: else
// these keep it. Grafana 12 deletes library panels in it that dashboards use elsewhere, older ones refuse that.
//
// DELETE /api/folders/:uid
func (o *OrgClient) DeleteFolder(ctx context.Context, uid string, withRules bool) error {
	r := del("/api/folders/:uid", uid)
	if withRules {
		r = r.with("forceDeleteRules", "true")
	}
	return exec(ctx, o, r)
}

// folderAPI is the version of folders in /apis that is asked for. Grafana 12 and 13 serve it.
const folderAPI = "v1beta1"

// folderObject is a folder in /apis.
type folderObject struct {
	Metadata struct {
		Name        string `json:"name"`
		Generation  int64  `json:"generation"`
		Created     stamp  `json:"creationTimestamp"`
		Annotations struct {
			Folder string `json:"grafana.app/folder"`
		} `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Title       string `json:"title"`
		Description string `json:"description"`
	} `json:"spec"`
}

func (f folderObject) complete() bool { return f.Metadata.Name != "" }
func (folderObject) listKind() string { return "FolderList" }

func (f folderObject) folder() Folder {
	m := f.Metadata
	return Folder{UID: m.Name, Title: f.Spec.Title, ParentUID: m.Annotations.Folder, Created: m.Created.Time,
		Version: m.Generation, Description: &f.Spec.Description}
}

// FolderDescription returns the description of a folder; nil where it cannot be had, as before Grafana 12.
//
// GET /apis/folder.grafana.app/:version/namespaces/:namespace/folders/:name
func (o *OrgClient) FolderDescription(ctx context.Context, uid string) (*string, error) {
	namespace, err := o.namespace(ctx)
	if err != nil {
		return nil, err
	}
	r := get("/apis/folder.grafana.app/:version/namespaces/:namespace/folders/:name", folderAPI, namespace, uid)
	r.spare = true
	object, err := do[folderObject](ctx, o, r)
	switch {
	case IsNoList(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &object.Spec.Description, nil
}

// AllFolders lists the folders of the organization, wherever they are: through /apis if that is served here, else by a
// search, which does not tell when they were made. That one is missing does not prove that there is none.
//
// GET /apis/folder.grafana.app/:version/namespaces/:namespace/folders, GET /api/search
func (o *OrgClient) AllFolders(ctx context.Context, apis bool) ([]Folder, error) {
	if apis {
		objects, err := listResources[folderObject](ctx, o,
			"/apis/folder.grafana.app/:version/namespaces/:namespace/folders", folderAPI, "")
		if !IsNoList(err) {
			all := make([]Folder, len(objects))
			for i, object := range objects {
				all[i] = object.folder()
			}
			return all, err
		}
	}
	hits, err := o.Search(ctx, "dash-folder")
	all := make([]Folder, len(hits))
	for i, hit := range hits {
		all[i] = Folder{ID: hit.ID, UID: hit.UID, Title: hit.Title, ParentUID: hit.FolderUID}
	}
	return all, err
}

const searchPage = 5000 // the largest that Grafana takes

// Search lists all dashboards ("dash-db") or folders ("dash-folder") of the organization. On Grafana 12 it may lag
// behind by seconds.
//
// GET /api/search
func (o *OrgClient) Search(ctx context.Context, kind string) ([]Hit, error) {
	r := get("/api/search").with("limit", strconv.Itoa(searchPage)).with("type", kind)
	all := []Hit{}
	for page := 1; ; page++ {
		hits, err := do[list[Hit]](ctx, o, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, err
		}
		if all = append(all, hits...); len(hits) < searchPage {
			return all, nil
		}
	}
}

// SearchContents lists dashboards and folders of the organization, at most limit (5000 is the largest
// that Grafana takes). It lags behind by seconds: it never decides whether something exists.
//
// GET /api/search
func (o *OrgClient) SearchContents(ctx context.Context, limit int) ([]Hit, error) {
	return do[list[Hit]](ctx, o, get("/api/search").with("limit", strconv.Itoa(limit)))
}
