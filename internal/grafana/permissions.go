package grafana

import (
	"context"
	"strings"
)

// Permission is an entry of the permissions of a dashboard or folder. It has one of Role, UserID and TeamID.
type Permission struct {
	// Role is "Viewer" or "Editor": everybody who has it, or a greater one.
	Role   string `json:"role,omitempty"`
	UserID int64  `json:"userId,omitempty"`
	// UserLogin is told with a UserID, and never sent.
	UserLogin string `json:"userLogin,omitempty"`
	TeamID    int64  `json:"teamId,omitempty"`
	// Permission is MayView, MayEdit or MayAdmin.
	Permission int `json:"permission"`
	// Inherited: it is that of a folder above.
	Inherited bool `json:"inherited,omitempty"`
}

func (p Permission) complete() bool { return p.Permission > 0 }

// What a permission allows.
const (
	MayView  = 1
	MayEdit  = 2
	MayAdmin = 4
)

type permissions struct {
	Items []Permission `json:"items"`
}

// permissionsOf are items as they are sent.
func permissionsOf(items []Permission) permissions {
	sent := permissions{Items: append([]Permission{}, items...)}
	for i := range sent.Items {
		sent.Items[i].UserLogin = ""
	}
	return sent
}

// DashboardPermissions lists the permissions of a dashboard. In a folder it has none of its own, unless somebody has
// given it some.
//
// GET /api/dashboards/uid/:uid/permissions
func (o *OrgClient) DashboardPermissions(ctx context.Context, uid string) ([]Permission, error) {
	return do[list[Permission]](ctx, o, get("/api/dashboards/uid/:uid/permissions", uid))
}

// SetDashboardPermissions replaces all permissions of a dashboard.
//
// POST /api/dashboards/uid/:uid/permissions
func (o *OrgClient) SetDashboardPermissions(ctx context.Context, uid string, items []Permission) error {
	return exec(ctx, o, post(permissionsOf(items), "/api/dashboards/uid/:uid/permissions", uid))
}

// FolderPermissions lists the folder's own permissions.
//
// GET /api/folders/:uid/permissions
func (o *OrgClient) FolderPermissions(ctx context.Context, uid string) ([]Permission, error) {
	return do[list[Permission]](ctx, o, get("/api/folders/:uid/permissions", uid))
}

// SetFolderPermissions replaces all permissions of a folder. None: it has those of the folders above it only.
//
// POST /api/folders/:uid/permissions
func (o *OrgClient) SetFolderPermissions(ctx context.Context, uid string, items []Permission) error {
	return exec(ctx, o, post(permissionsOf(items), "/api/folders/:uid/permissions", uid))
}

// What DatabaseType says: SQLite is that of a Grafana that has no database server, MySQL that of MariaDB as well.
const (
	SQLite   = "sqlite3"
	MySQL    = "mysql"
	Postgres = "postgres"
)

type adminSettings struct {
	Database struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	} `json:"database"`
}

func (s adminSettings) complete() bool { return s.Database.Type != "" }

// DatabaseType is what Grafana keeps its data in: SQLite, MySQL or Postgres. Only a server admin
// may ask. Where the database was given by a url, the scheme of that is what counts, and the type is the default one
// (12.4.0).
//
// GET /api/admin/settings
func (c *Client) DatabaseType(ctx context.Context) (string, error) {
	r := get("/api/admin/settings")
	r.spare = true
	settings, err := do[adminSettings](ctx, c, r)
	if scheme, _, is := strings.Cut(settings.Database.URL, "://"); is && err == nil {
		return strings.ToLower(scheme), nil
	}
	return settings.Database.Type, err
}
