package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Grafana can answer as if all were well, and leave what it made without permissions, so that only Admins can see it.
// On SQLite that happens to whoever finds the database locked, at any time: all that is made is looked at. On other
// databases it happens to writers that are the first in an organization at the same time, who race to make the roles
// that hold permissions. We write alone there; others may have written beside us. So what is made is looked at, unless
// one had been seen to have its permissions before: from then on the roles are there, and nobody races. What was found,
// since the answer to its creation was lost, is looked at as well.

// needsRoles stands for Dashboards and Folders, which share those roles. Nothing is in a folder before one was made,
// and so the roles.
const needsRoles = "what everybody has permissions for"

// everybody is what a new dashboard or folder has that is in no folder.
func everybody() []grafana.Permission {
	return []grafana.Permission{
		{Role: "Viewer", Permission: grafana.MayView},
		{Role: "Editor", Permission: grafana.MayEdit},
	}
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
	if have.FolderUID == "" && (x.conn.OnSQLite(ctx) || !x.rolesSeen) {
		items, err := x.org.DashboardPermissions(ctx, have.UID)
		switch {
		case grafana.IsNotGrafana(err):
			return nil
		case grafana.IsForbidden(err): // nor could it be put right
		case err != nil:
			return fmt.Errorf("looking at its permissions: %w", err)
		case !isBare(items):
			x.conn.SetPermissionsSeen(x.org.ID(), needsRoles, true)
		default:
			have.bare, have.permissions = true, items
			return nil
		}
	}
	x.obj.Status.PermissionsPending = false
	return nil
}

// isRecent reports whether what was created then is so new that it is the operator's to set its permissions.
func (p *orgScope) isRecent(created time.Time) bool { return p.conn.Now().Sub(created) <= recent }

// mendPermissions gives a dashboard the permissions that it was left without.
func (x *dash) mendPermissions(ctx context.Context, have *dashboardState) error {
	if !have.bare {
		return nil
	}
	if err := x.org.SetDashboardPermissions(ctx, have.UID, withEverybody(have.permissions)); err != nil {
		return err
	}
	x.conn.SetPermissionsSeen(x.org.ID(), needsRoles, true)
	have.bare, x.obj.Status.PermissionsPending = false, false
	return nil
}

// mendFolders puts right the permissions of the folders on the path that the operator has just made. Those of others,
// and of older ones, are as people want them.
func (x *dash) mendFolders(ctx context.Context) error {
	if x.obj.Spec.Folder == nil {
		return nil
	}
	path := x.obj.Spec.Folder.Path
	for n := range path {
		uid := x.derivedFolder(path[:n+1])
		if x.conn.Folder(connection.FolderKey{Org: x.org.ID(), Path: pathKey(path[:n+1])}) != uid {
			continue
		}
		if err := x.mendFolder(ctx, uid, n > 0); grafana.IgnoreNotFound(err) != nil {
			return fmt.Errorf("the permissions of folder %q: %w", strings.Join(path[:n+1], "/"), err)
		}
	}
	return nil
}

// mendFolder gives a folder the permissions that it was born without, or takes off those that it was born with.
func (p *orgScope) mendFolder(ctx context.Context, uid string, inFolder bool) error {
	want, wrong, err := p.bornWrong(ctx, uid, inFolder)
	if err != nil || !wrong {
		return err
	}
	return p.setBorn(ctx, uid, inFolder, want)
}

// createFolder makes a folder. Where permissions were seen before it was made, its own need not be.
func (p *orgScope) createFolder(ctx context.Context, f grafana.Folder) (grafana.Folder, error) {
	org := p.org.ID()
	rolesSeen := f.ParentUID == "" && !p.conn.OnSQLite(ctx) && p.conn.PermissionsSeen(org, needsRoles)
	made, err := p.org.CreateFolder(ctx, f)
	if err == nil {
		p.conn.SetPermissionsSeen(org, "Folder "+f.UID, rolesSeen)
	}
	return made, err
}

// bornRight remembers that a new folder has the permissions that it should have.
func (p *orgScope) bornRight(uid string, inFolder bool) {
	p.conn.SetPermissionsSeen(p.org.ID(), "Folder "+uid, true)
	if !inFolder {
		p.conn.SetPermissionsSeen(p.org.ID(), needsRoles, true)
	}
}

func (p *orgScope) setBorn(ctx context.Context, uid string, inFolder bool, want []grafana.Permission) error {
	err := p.org.SetFolderPermissions(ctx, uid, want)
	if err == nil {
		p.bornRight(uid, inFolder)
	}
	return err
}

// bornWrong reports whether a new folder was left without its permissions or, in another folder, has those that an old
// Grafana gives it whatever the one above restricts, and says what it should have.
func (p *orgScope) bornWrong(
	ctx context.Context, uid string, inFolder bool,
) (want []grafana.Permission, wrong bool, err error) {
	old := p.conn.DashboardAPIServed() == ""
	if p.conn.PermissionsSeen(p.org.ID(), "Folder "+uid) || inFolder && !old {
		return nil, false, nil
	}
	items, err := p.org.FolderPermissions(ctx, uid)
	switch {
	case grafana.IsForbidden(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case isBare(items) == inFolder:
		p.bornRight(uid, inFolder)
		return nil, false, nil
	}
	folder, err := p.org.Folder(ctx, uid)
	if err != nil || !p.isRecent(folder.Created) {
		return nil, false, err
	}
	if !inFolder {
		want = withEverybody(items)
	}
	return want, true, nil
}

// recent is for how long a folder that the operator has made is a new one, whose permissions nobody has set.
const recent = 10 * time.Minute
