package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// dashboardFolder is the name of the Folder that a Dashboard is in, if it names one.
func dashboardFolder(obj *v1alpha1.Dashboard) []string {
	if obj.Spec.Folder == nil {
		return nil
	}
	return nameOf(obj.Spec.Folder.Ref)
}

func pathKey(titles []string) string { return strings.Join(titles, "\x00") }

// locate finds out in which folder the dashboard belongs. What is missing on a path is made before the dashboard is
// saved. fresh: what status says may be gone.
func (x *dash) locate(ctx context.Context, fresh bool) error {
	spec := x.obj.Spec.Folder
	switch {
	case x.located && !fresh:
		return nil
	case spec == nil:
		x.folder = ""
	case spec.UID != "":
		x.folder = spec.UID
	case spec.Ref != nil:
		x.folder = x.refUID
	case !fresh && x.obj.Status.FolderUID != "" && x.obj.Status.ContentGeneration == x.obj.Generation:
		x.folder = x.obj.Status.FolderUID
	default:
		return x.follow(ctx, spec.Path)
	}
	x.located = true
	return nil
}

// sameFolder fails if a dashboard is where spec.folder.uid says, but under a uid that only this Grafana's database
// takes for the same: saving it again would change nothing.
func (x *dash) sameFolder(ctx context.Context, is string) error {
	if is == x.folder || !strings.EqualFold(is, x.folder) {
		return nil
	}
	found, err := x.org.Folder(ctx, x.folder)
	if grafana.IgnoreNotFound(err) != nil || found.UID == x.folder || found.UID != is {
		return grafana.IgnoreNotFound(err)
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonFolderNotFound,
		"there is no folder %q in organization %d, though this Grafana's database takes %q for it: write that in "+
			"spec.folder.uid",
		x.folder,
		x.org.ID(),
		is,
	)
}

// follow goes along a path as far as it leads.
func (x *dash) follow(ctx context.Context, path []string) error {
	if len(path) > 1 && !x.conn.NestedFolders.Load() {
		return lifecycle.Stalled(
			v1alpha1.ReasonFolderRefused,
			"spec.folder.path has %d titles, and this Grafana has no folders in folders: name one title, or "+
				"update to Grafana 11 or newer",
			len(path),
		)
	}
	x.folder, x.missing, x.located = "", nil, true
	for n := 1; n <= len(path); n++ {
		uid, err := x.step(ctx, path[:n], x.folder)
		if err != nil {
			x.located = false
			return err
		}
		if uid == "" {
			x.missing = path[n-1:]
			x.parent, x.folder = x.folder, x.derivedFolder(path)
			return nil
		}
		x.folder = uid
	}
	return nil
}

// step finds the last folder of a path in its parent: the one of that title, else the one that was made for this path
// and has been renamed or moved since. Empty: there is none.
func (x *dash) step(ctx context.Context, path []string, parent string) (string, error) {
	key := connection.FolderKey{Org: x.org.ID(), Path: pathKey(path)}
	if uid := x.conn.Folder(key); uid != "" {
		return uid, nil
	}
	inParent, err := x.org.Folders(ctx, parent)
	if err != nil {
		return "", err
	}
	title, uid := path[len(path)-1], ""
	for _, f := range inParent {
		if f.Title != title {
			continue
		}
		if uid != "" {
			return "", lifecycle.Stalled(
				v1alpha1.ReasonFolderAmbiguous,
				"spec.folder.path: there are several folders %q in organization %d: rename all but one in "+
					"Grafana, or name the folder by its uid",
				strings.Join(path, "/"),
				x.org.ID(),
			)
		}
		uid = f.UID
	}
	if uid == "" {
		made, err := x.org.Folder(ctx, x.derivedFolder(path))
		if grafana.IgnoreNotFound(err) != nil {
			return "", err
		}
		uid = made.UID
	}
	if uid != "" {
		x.conn.RememberFolder(ctx, key, uid)
	}
	return uid, nil
}

// makeFolders makes the folders that are missing on the path.
func (x *dash) makeFolders(ctx context.Context) error {
	for len(x.missing) > 0 {
		path := x.obj.Spec.Folder.Path
		upTo := path[:len(path)-len(x.missing)+1]
		uid, err := x.makeFolder(ctx, upTo)
		if err != nil {
			return err
		}
		x.conn.RememberFolder(ctx, connection.FolderKey{Org: x.org.ID(), Path: pathKey(upTo)}, uid)
		x.parent, x.missing = uid, x.missing[1:]
	}
	return nil
}

// makeFolder makes the last folder of a path, or finds that another Dashboard has made it meanwhile. What Grafana
// answers here must not be taken for its word on the dashboard.
func (x *dash) makeFolder(ctx context.Context, path []string) (uid string, err error) {
	uid, name := x.derivedFolder(path), strings.Join(path, "/")
	x.obj.Status.PermissionsPending = true // of the folder's; they are looked at once the dashboard is in it
	_, err = x.createFolder(ctx, grafana.Folder{UID: uid, Title: path[len(path)-1], ParentUID: x.parent})
	if grafana.IsTaken(err) {
		_, err = x.org.Folder(ctx, uid)
	}
	switch {
	case grafana.IsNotFound(err): // its title is taken, or its parent gone
		return "", x.inTheWay(ctx, path)
	case grafana.IsTooDeep(err), grafana.IsReservedTitle(err):
		return "", lifecycle.Stalled(
			v1alpha1.ReasonFolderRefused,
			"spec.folder.path: Grafana does not allow folder %q (%v): name fewer titles, or others",
			name,
			err,
		)
	case err != nil:
		return "", fmt.Errorf("making folder %q: %w", name, err)
	}
	return uid, nil
}

// inTheWay says why a folder cannot be made, though there is none of its title.
func (x *dash) inTheWay(ctx context.Context, path []string) error {
	name, title := strings.Join(path, "/"), path[len(path)-1]
	inParent, err := x.org.Folders(ctx, x.parent)
	if grafana.IgnoreNotFound(err) != nil {
		return err
	}
	for _, f := range inParent {
		if f.Title != title && mark.MayCollide(f.Title, title) {
			return lifecycle.Stalled(v1alpha1.ReasonFolderRefused,
				"spec.folder.path: there is no folder %q, and this Grafana's database takes %q, which is there, "+
					"for the same title: write that, or rename that folder in Grafana",
				name, f.Title)
		}
	}
	return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true,
		Message: fmt.Sprintf("folder %q cannot be made as things are by now: looking again", name)}
}

// folderPrefix begins the uid of every folder that is made for an Organization, whatever life of it.
func folderPrefix(m mark.Mark) string { return "gto-" + digest(m.Cluster + " " + m.Owner)[:8] + "-" }

// derivedFolder is the uid of the folder that is made for a path.
func (x *dash) derivedFolder(path []string) string {
	return folderPrefix(x.mark) + digest(pathKey(path))[:16]
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// explain finds out whether a refused save is about the folder.
func (x *dash) explain(ctx context.Context, err error) error {
	var answer *grafana.Error
	if x.folder == "" || !errors.As(err, &answer) || answer.Status != 400 && answer.Status != 404 {
		return err
	}
	if _, ferr := x.org.Folder(ctx, x.folder); !grafana.IsNotFound(ferr) {
		return err
	}
	if ref := x.obj.Spec.Folder.Ref; ref != nil {
		return folderGone(x.obj, ref)
	}
	path := x.obj.Spec.Folder.Path
	if len(path) == 0 {
		return lifecycle.Stalled(
			v1alpha1.ReasonFolderNotFound,
			"folder %q does not exist in organization %d: create it, or change spec.folder",
			x.folder,
			x.org.ID(),
		)
	}
	for n := range path {
		x.conn.RememberFolder(ctx, connection.FolderKey{Org: x.org.ID(), Path: pathKey(path[:n+1])}, "")
	}
	x.obj.Status.FolderUID = ""
	return &lifecycle.Problem{
		Reason:  v1alpha1.ReasonFolderNotFound,
		Retry:   true,
		Err:     err,
		Message: fmt.Sprintf("folder %q has just been deleted: it is made again", strings.Join(path, "/")),
	}
}
