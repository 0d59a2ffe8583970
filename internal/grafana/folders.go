package grafana

import (
	"context"
	"strconv"
	"time"
)

// Folder is a folder for dashboards.
type Folder struct {
	UID   string `json:"uid,omitempty"`
	Title string `json:"title"`
	// ParentUID is the folder it is in. "": none.
	ParentUID string `json:"parentUid,omitempty"`
	// Created is when it was made; zero where that is not told.
	Created time.Time `json:"created,omitzero"`
}

func (f Folder) complete() bool { return f.UID != "" }

// Hit is a dashboard or folder that a search found.
type Hit struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	// Type is "dash-db" or "dash-folder".
	Type string `json:"type"`
}

func (h Hit) complete() bool { return h.UID != "" }

// DataSource is a data source of the organization.
type DataSource struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (d DataSource) complete() bool { return d.UID != "" }

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

// SearchContents lists dashboards and folders of the organization, at most limit (5000 is the largest
// that Grafana takes). It lags behind by seconds: it never decides whether something exists.
//
// GET /api/search
func (o *OrgClient) SearchContents(ctx context.Context, limit int) ([]Hit, error) {
	return do[list[Hit]](ctx, o, get("/api/search").with("limit", strconv.Itoa(limit)))
}

// DataSources lists the data sources of the organization.
//
// GET /api/datasources
func (o *OrgClient) DataSources(ctx context.Context) ([]DataSource, error) {
	return do[list[DataSource]](ctx, o, get("/api/datasources"))
}
