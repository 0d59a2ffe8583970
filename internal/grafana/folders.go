package grafana

import (
	"context"
	"strconv"
)

// Folder is a folder for dashboards.
type Folder struct {
	UID   string `json:"uid,omitempty"`
	Title string `json:"title"`
	// ParentUID is the folder it is in. "": none.
	ParentUID string `json:"parentUid,omitempty"`
}

func (f Folder) complete() bool { return f.UID != "" }

// Hit is a dashboard or folder that a search found.
type Hit struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	// Type is "dash-db" or "dash-folder".
	Type string `json:"type"`
}

// DataSource is a data source of the organization.
type DataSource struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// Folder returns the folder with this uid.
//
// GET /api/folders/:uid
func (o *OrgClient) Folder(ctx context.Context, uid string) (Folder, error) {
	return do[Folder](ctx, o, get("/api/folders/:uid", uid))
}

// CreateFolder makes a folder; without a UID Grafana chooses one. A uid in use is IsTaken, and before
// Grafana 12 so is a title in use. Grafana 12 does not mind a parent that does not exist: look first.
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
	return do[[]Hit](ctx, o, get("/api/search").with("limit", strconv.Itoa(limit)))
}

// DataSources lists the data sources of the organization.
//
// GET /api/datasources
func (o *OrgClient) DataSources(ctx context.Context) ([]DataSource, error) {
	return do[[]DataSource](ctx, o, get("/api/datasources"))
}
