package connection

import (
	"context"
	"sync"
	"time"
)

// folders remembers for a minute where paths lead in the organizations of one Grafana.
type folders struct {
	mu    sync.Mutex
	known map[FolderKey]folderEntry
}

// maxFolders is how many are remembered at most.
const maxFolders = 1000

// FolderKey names a path in an organization.
type FolderKey struct {
	Org  int64
	Path string // titles, joined
}

type folderEntry struct {
	uid     string
	at      time.Time
	session string
}

// Folder is the uid of the folder that a path was last seen to lead to; empty: it is not known any more.
func (c *Conn) Folder(key FolderKey) string {
	c.folders.mu.Lock()
	defer c.folders.mu.Unlock()
	e := c.folders.known[key]
	if e.session != c.SessionID() || c.Clock().Sub(e.at) >= ProofLife {
		return ""
	}
	return e.uid
}

// RememberFolder remembers where a path leads; the empty uid forgets it.
func (c *Conn) RememberFolder(ctx context.Context, key FolderKey, uid string) {
	c.folders.mu.Lock()
	defer c.folders.mu.Unlock()
	if c.folders.known == nil {
		c.folders.known = map[FolderKey]folderEntry{}
	}
	if uid == "" {
		delete(c.folders.known, key)
		return
	}
	if len(c.folders.known) >= maxFolders { // tenants can name as many paths as they like
		clear(c.folders.known)
	}
	c.folders.known[key] = folderEntry{uid: uid, at: c.Clock(), session: c.SessionSeen(ctx)}
}
