package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Dashboard is a dashboard as it is in Grafana.
type Dashboard struct {
	UID       string
	Version   int64
	FolderUID string // "": no folder
	Title     string
	// URL is its path on this Grafana.
	URL string
	// UpdatedBy is the login that saved it last, for people: some versions say "Anonymous" for a service account.
	UpdatedBy string
	Updated   time.Time
	Created   time.Time
	// ResourceVersion is what a save through /apis is based on, and StoredAs the version of /apis that it was last
	// saved in. Both are told by /apis alone.
	ResourceVersion, StoredAs string
	// Provisioned: it comes from a file on the Grafana server and cannot be saved or deleted.
	Provisioned bool
	// IsFolder: the uid is that of a folder (before Grafana 12).
	IsFolder bool
	// Model is the content, its numbers as they were sent.
	Model json.RawMessage
}

// SaveDashboard is what to save.
type SaveDashboard struct {
	// Model is the content, with the uid and without an id.
	Model json.RawMessage `json:"dashboard"`
	// FolderUID is where it goes. "": no folder, also for a dashboard that was in one.
	FolderUID string `json:"folderUid"`
	// Message goes into the list of versions.
	Message string `json:"message"`
	// Overwrite: replace what has this uid, whatever its version. Otherwise it must not exist, or
	// have the version that the content names (IsVersionMismatch).
	Overwrite bool `json:"overwrite"`
}

// Saved is the outcome of a save.
type Saved struct {
	ID int64 `json:"id"`
	// UID differs from the one that was asked for where an older Grafana took a dashboard of the
	// same title for it.
	UID     string `json:"uid"`
	URL     string `json:"url"`
	Version int64  `json:"version"`
	// FolderUID is empty for no folder.
	FolderUID string `json:"folderUid"`
}

func (s Saved) complete() bool { return s.UID != "" }

// DashboardMeta is what the list of all dashboards tells about one.
type DashboardMeta struct {
	UID string
	// Generation is the version that Dashboard and SaveDashboard tell.
	Generation int64
	// ResourceVersion is what a save through /apis is based on.
	ResourceVersion string
	FolderUID       string
	// Created and Updated are zero where they are not told; Updated is told once it has been changed.
	Created, Updated time.Time
}

type dashboardAnswer struct {
	Meta struct {
		URL         string    `json:"url"`
		Version     int64     `json:"version"`
		FolderUID   string    `json:"folderUid"`
		UpdatedBy   string    `json:"updatedBy"`
		Updated     time.Time `json:"updated"`
		Created     time.Time `json:"created"`
		Provisioned bool      `json:"provisioned"`
		IsFolder    bool      `json:"isFolder"`
	} `json:"meta"`
	Model json.RawMessage `json:"dashboard"`
}

func (a dashboardAnswer) complete() bool { return len(a.Model) > 0 }

// Dashboard returns the dashboard with this uid.
//
// GET /api/dashboards/uid/:uid
func (o *OrgClient) Dashboard(ctx context.Context, uid string) (*Dashboard, error) {
	var model json.RawMessage
	d, err := o.ReadDashboard(ctx, uid, func(content []byte) { model = content })
	if err == nil {
		d.Model = model
	}
	return d, err
}

// ReadDashboard returns the dashboard with this uid without its content, which read is given to look at. Of large
// contents there is one at a time in memory, until read returns. With nil the content is passed over, and never in
// memory.
//
// GET /api/dashboards/uid/:uid
func (o *OrgClient) ReadDashboard(ctx context.Context, uid string, read func(content []byte)) (*Dashboard, error) {
	r := get("/api/dashboards/uid/:uid", uid)
	r.large = true
	if read == nil {
		r.without = "dashboard"
	}
	d := &Dashboard{}
	err := use(ctx, o, r, func(answer dashboardAnswer) error {
		meta := answer.Meta
		d.UID, d.Version, d.FolderUID, d.URL = uidIn(meta.URL), meta.Version, meta.FolderUID, meta.URL
		d.UpdatedBy, d.Updated, d.Created = meta.UpdatedBy, meta.Updated, meta.Created
		d.Provisioned, d.IsFolder = meta.Provisioned, meta.IsFolder
		if read == nil {
			return nil
		}
		var content struct {
			UID   string `json:"uid"`
			Title string `json:"title"`
		}
		if err := json.Unmarshal(answer.Model, &content); err != nil {
			return fmt.Errorf("dashboard %q in organization %d: its content cannot be read: %w", uid, o.id, err)
		}
		d.UID, d.Title = content.UID, content.Title
		read(answer.Model)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// uidIn is the uid in a dashboard's path, which is …/d/:uid/:slug.
func uidIn(path string) string {
	_, behind, _ := strings.Cut("/"+path, "/d/")
	uid, _, _ := strings.Cut(behind, "/")
	return uid
}

// SaveDashboard creates or updates the dashboard that the content's uid names.
//
// POST /api/dashboards/db
func (o *OrgClient) SaveDashboard(ctx context.Context, dashboard SaveDashboard) (Saved, error) {
	return do[Saved](ctx, o, post(dashboard, "/api/dashboards/db"))
}

// DeleteDashboard deletes the dashboard with this uid.
//
// DELETE /api/dashboards/uid/:uid
func (o *OrgClient) DeleteDashboard(ctx context.Context, uid string) error {
	return exec(ctx, o, del("/api/dashboards/uid/:uid", uid))
}

const metadataOnly = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

// metadata has of a dashboard in /apis only what is needed: the rest, such as managedFields, is passed over.
type metadata struct {
	Metadata resourceMetadata `json:"metadata"`
}

func (metadata) listKind() string { return "PartialObjectMetadataList" }

// ListDashboards lists all dashboards of the organization without their content, through the version of
// /apis that DashboardAPIVersions names first. If that does not work here (IsNoList), each can still be
// had by Dashboard.
//
// GET /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards
func (o *OrgClient) ListDashboards(ctx context.Context, apiVersion string) ([]DashboardMeta, error) {
	listed, err := listResources[metadata](ctx, o,
		"/apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards", apiVersion, metadataOnly)
	if err != nil {
		return nil, err
	}
	all := make([]DashboardMeta, len(listed))
	for i, item := range listed {
		m := item.Metadata
		all[i] = DashboardMeta{
			UID:             m.Name,
			Generation:      m.Generation,
			ResourceVersion: m.ResourceVersion,
			FolderUID:       m.Annotations.Folder,
			Created:         m.Created.Time,
			Updated:         m.Annotations.Updated.Time,
		}
	}
	return all, nil
}

// namespace is what /apis calls the organization. A token's is asked for once, since it may be a stack
// of Grafana Cloud.
func (o *OrgClient) namespace(ctx context.Context) (string, error) {
	c := o.client
	if c.cfg.Token == "" {
		if o.id == 1 {
			return "default", nil
		}
		return "org-" + strconv.FormatInt(o.id, 10), nil
	}
	if known := c.namespaceOfToken.Load(); known != nil {
		return *known, nil
	}
	settings, err := c.Settings(ctx)
	if err != nil {
		return "", err
	}
	c.namespaceOfToken.Store(&settings.Namespace)
	return settings.Namespace, nil
}
