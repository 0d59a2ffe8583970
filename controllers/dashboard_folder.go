package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// folders remembers for a minute where paths lead in the organizations of one Grafana.
type folders struct {
	mu    sync.Mutex
	known map[folderKey]folderEntry
}

// maxFolders is how many are remembered at most.
const maxFolders = 1000

type folderKey struct {
	org  int64
	path string
}

type folderEntry struct {
	uid     string
	at      time.Time
	session string
}

func (c *Connection) folder(key folderKey) string {
	c.folders.mu.Lock()
	defer c.folders.mu.Unlock()
	e := c.folders.known[key]
	if e.session != c.SessionID() || c.now().Sub(e.at) >= proofLife {
		return ""
	}
	return e.uid
}

// keepFolder remembers a folder; the empty uid forgets it.
func (c *Connection) keepFolder(key folderKey, uid string) {
	c.folders.mu.Lock()
	defer c.folders.mu.Unlock()
	if c.folders.known == nil {
		c.folders.known = map[folderKey]folderEntry{}
	}
	if uid == "" {
		delete(c.folders.known, key)
		return
	}
	if len(c.folders.known) >= maxFolders { // tenants can name as many paths as they like
		clear(c.folders.known)
	}
	c.folders.known[key] = folderEntry{uid: uid, at: c.now(), session: c.SessionID()}
}

func pathKey(titles []string) string { return strings.Join(titles, "\x00") }

// locate finds out in which folder the dashboard belongs. What is missing on a path is made before the dashboard is saved. fresh: what status says may be gone.
func (x *dash) locate(ctx context.Context, fresh bool) error {
	spec := x.obj.Spec.Folder
	switch {
	case x.located && !fresh:
		return nil
	case spec == nil:
		x.folder = ""
	case spec.UID != "":
		x.folder = spec.UID
	case !fresh && x.obj.Status.FolderUID != "" && x.obj.Status.ContentGeneration == x.obj.Generation:
		x.folder = x.obj.Status.FolderUID
	default:
		return x.follow(ctx, spec.Path)
	}
	x.located = true
	return nil
}

// sameFolder fails if a dashboard is where spec.folder.uid says, but under a uid that only this Grafana's database takes
// for the same: saving it again would change nothing.
func (x *dash) sameFolder(ctx context.Context, is string) error {
	if is == x.folder || !strings.EqualFold(is, x.folder) {
		return nil
	}
	found, err := x.org.Folder(ctx, x.folder)
	if absent(err) != nil || found.UID == x.folder || found.UID != is {
		return absent(err)
	}
	return stalled(v1alpha1.ReasonFolderNotFound, "there is no folder %q in organization %d, though this Grafana's database takes %q for it: write that in spec.folder.uid", x.folder, x.org.ID(), is)
}

// follow goes along a path as far as it leads.
func (x *dash) follow(ctx context.Context, path []string) error {
	if len(path) > 1 && !x.conn.nestedFolders.Load() {
		return stalled(v1alpha1.ReasonFolderRefused, "spec.folder.path has %d titles, and this Grafana has no folders in folders: name one title, or update to Grafana 11 or newer", len(path))
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

// step finds the last folder of a path in its parent: the one of that title, else the one that was made for this path and has been renamed or moved since. Empty: there is none.
func (x *dash) step(ctx context.Context, path []string, parent string) (string, error) {
	key := folderKey{org: x.org.ID(), path: pathKey(path)}
	if uid := x.conn.folder(key); uid != "" {
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
			return "", stalled(v1alpha1.ReasonFolderAmbiguous, "spec.folder.path: there are several folders %q in organization %d: rename all but one in Grafana, or name the folder by its uid", strings.Join(path, "/"), x.org.ID())
		}
		uid = f.UID
	}
	if uid == "" {
		made, err := x.org.Folder(ctx, x.derivedFolder(path))
		if absent(err) != nil {
			return "", err
		}
		uid = made.UID
	}
	if uid != "" {
		x.conn.keepFolder(key, uid)
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
		x.conn.keepFolder(folderKey{org: x.org.ID(), path: pathKey(upTo)}, uid)
		x.parent, x.missing = uid, x.missing[1:]
	}
	return nil
}

// makeFolder makes the last folder of a path, or finds that another Dashboard has made it meanwhile. What Grafana answers here must not be taken for its word on the dashboard.
func (x *dash) makeFolder(ctx context.Context, path []string) (uid string, err error) {
	uid, name := x.derivedFolder(path), strings.Join(path, "/")
	done, err := x.conn.alone(x.org.ID(), "Folder", x.ticket())
	if err != nil {
		return "", err
	}
	defer func() { done(err == nil) }()
	x.obj.Status.PermissionsPending = true // of the folder's; they are looked at once the dashboard is in it
	_, err = x.org.CreateFolder(ctx, grafana.Folder{UID: uid, Title: path[len(path)-1], ParentUID: x.parent})
	if grafana.IsTaken(err) {
		_, err = x.org.Folder(ctx, uid)
	}
	switch {
	case grafana.IsNotFound(err): // its title is taken, or its parent gone
		return "", x.inTheWay(ctx, path)
	case grafana.IsTooDeep(err), grafana.IsReservedTitle(err):
		return "", stalled(v1alpha1.ReasonFolderRefused, "spec.folder.path: Grafana does not allow folder %q (%v): name fewer titles, or others", name, err)
	case err != nil:
		return "", fmt.Errorf("making folder %q: %w", name, err)
	}
	return uid, nil
}

// inTheWay says why a folder cannot be made, though there is none of its title.
func (x *dash) inTheWay(ctx context.Context, path []string) error {
	name, title := strings.Join(path, "/"), path[len(path)-1]
	inParent, err := x.org.Folders(ctx, x.parent)
	if absent(err) != nil {
		return err
	}
	for _, f := range inParent {
		if f.Title != title && mayCollide(f.Title, title) {
			return stalled(v1alpha1.ReasonFolderRefused,
				"spec.folder.path: there is no folder %q, and this Grafana's database takes %q, which is there, for the same title: write that, or rename that folder in Grafana",
				name, f.Title)
		}
	}
	return &problem{Reason: v1alpha1.ReasonCreating, Retry: true, Message: fmt.Sprintf("folder %q cannot be made as things are by now: looking again", name)}
}

// folderPrefix begins the uid of every folder that is made for an Organization, whatever life of it.
func folderPrefix(m mark) string { return "gto-" + digest(m.cluster + " " + m.owner)[:8] + "-" }

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
	path := x.obj.Spec.Folder.Path
	if len(path) == 0 {
		return stalled(v1alpha1.ReasonFolderNotFound, "folder %q does not exist in organization %d: create it, or change spec.folder", x.folder, x.org.ID())
	}
	for n := range path {
		x.conn.keepFolder(folderKey{org: x.org.ID(), path: pathKey(path[:n+1])}, "")
	}
	x.obj.Status.FolderUID = ""
	return &problem{Reason: v1alpha1.ReasonFolderNotFound, Retry: true, err: err, Message: fmt.Sprintf("folder %q has just been deleted: it is made again", strings.Join(path, "/"))}
}
