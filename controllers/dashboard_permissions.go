package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// Writers that are the first in an organization at the same time race to make the roles that hold permissions, unless
// Grafana keeps its data in SQLite. The losers are answered as if all were well, and what they made can be seen by Admins
// only. Our own first one is made alone; others may have written beside it. So what is made is looked at until one was
// seen to have its permissions: from then on the roles are there, and nobody races.

// races reports whether writers can race in this Grafana. It is asked once; where nobody tells, they can.
func (c *Connection) races(ctx context.Context) bool {
	if known := c.databaseKind.Load(); known != nil {
		return *known != grafana.SQLite
	}
	if c.Login == "" { // a token may not ask
		return true
	}
	kind, err := c.DatabaseType(ctx)
	if err == nil || grafana.IsForbidden(err) || grafana.IsNotFound(err) {
		c.databaseKind.Store(&kind)
	}
	return kind != grafana.SQLite
}

// everybody is what a new dashboard or folder has that is in no folder.
func everybody() []grafana.Permission {
	return []grafana.Permission{{Role: "Viewer", Permission: grafana.MayView}, {Role: "Editor", Permission: grafana.MayEdit}}
}

// isBare reports whether permissions are not those of something new: nothing of its own is for everybody of a role.
func isBare(items []grafana.Permission) bool {
	return !slices.ContainsFunc(items, func(i grafana.Permission) bool { return i.Role != "" && !i.Inherited })
}

// withEverybody adds to its own permissions those for the roles.
func withEverybody(items []grafana.Permission) []grafana.Permission {
	own := slices.DeleteFunc(slices.Clone(items), func(i grafana.Permission) bool { return i.Inherited })
	return append(own, everybody()...)
}

// seePermissions finds out whether a dashboard that was just created, and the folders that were made for it, have their
// permissions. status says so until they were seen.
func (x *dash) seePermissions(ctx context.Context, have *dashboardState) error {
	if !x.obj.Status.PermissionsPending {
		return nil
	}
	switch err := x.mendFolders(ctx); {
	case grafana.IsNotGrafana(err): // a gateway hides them: each visit looks again
		return nil
	case err != nil:
		return err
	}
	if have.FolderUID == "" && !x.conn.permissionsSeen(x.org.ID(), kindOf(x.obj)) && x.conn.races(ctx) {
		items, err := x.org.DashboardPermissions(ctx, have.UID)
		switch {
		case grafana.IsNotGrafana(err):
			return nil
		case grafana.IsForbidden(err): // nor could it be put right
		case err != nil:
			return fmt.Errorf("looking at its permissions: %w", err)
		case isBare(items):
			have.bare, have.permissions = true, items
			return nil
		default:
			x.conn.sawPermissions(x.org.ID(), kindOf(x.obj))
		}
	}
	x.obj.Status.PermissionsPending = false
	return nil
}

// mendPermissions gives a dashboard the permissions that it was left without.
func (x *dash) mendPermissions(ctx context.Context, have *dashboardState) error {
	if !have.bare {
		return nil
	}
	if err := x.org.SetDashboardPermissions(ctx, have.UID, withEverybody(have.permissions)); err != nil {
		return err
	}
	x.conn.sawPermissions(x.org.ID(), kindOf(x.obj))
	have.bare, x.obj.Status.PermissionsPending = false, false
	return nil
}

// mendFolders puts right the permissions of the folders on the path that the operator has just made. Those of others, and
// of older ones, are as people want them.
func (x *dash) mendFolders(ctx context.Context) error {
	if x.obj.Spec.Folder == nil {
		return nil
	}
	path := x.obj.Spec.Folder.Path
	for n := range path {
		uid := x.derivedFolder(path[:n+1])
		if x.conn.folder(folderKey{org: x.org.ID(), path: pathKey(path[:n+1])}) != uid {
			continue
		}
		if err := x.mendFolder(ctx, uid, n > 0); absent(err) != nil {
			return fmt.Errorf("the permissions of folder %q: %w", strings.Join(path[:n+1], "/"), err)
		}
	}
	return nil
}

// mendFolder gives a folder the permissions that it was left without, or takes off those that an old Grafana gives to a
// folder in a folder, whatever the one above restricts.
func (x *dash) mendFolder(ctx context.Context, uid string, inFolder bool) error {
	org, kind := x.org.ID(), "Folder"
	old := x.conn.dashboards() == ""
	if inFolder {
		kind = "Folder " + uid
	}
	if x.conn.permissionsSeen(org, kind) || inFolder && !old || !inFolder && !x.conn.races(ctx) {
		return nil
	}
	items, err := x.org.FolderPermissions(ctx, uid)
	if grafana.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var want []grafana.Permission
	if !inFolder {
		want = withEverybody(items)
	}
	if isBare(items) != inFolder {
		folder, err := x.org.Folder(ctx, uid)
		if err != nil || x.conn.Now().Sub(folder.Created) > recent {
			return err
		}
		if err := x.org.SetFolderPermissions(ctx, uid, want); err != nil {
			return err
		}
	}
	x.conn.sawPermissions(org, kind)
	return nil
}

// recent is for how long a folder that the operator has made is a new one, whose permissions nobody has set.
const recent = 10 * time.Minute

// ticket for what the Dashboard makes beside itself.
func (x *dash) ticket() ticket {
	key := client.ObjectKeyFromObject(x.obj)
	env := x.env // a ticket that waits must not hold on to a content
	return ticket{
		kind: kindOf(x.obj), request: ctrl.Request{NamespacedName: key}, group: x.owner.String(),
		wake: func() { env.visit(suspect{kind: "Dashboard", key: key}) },
	}
}
