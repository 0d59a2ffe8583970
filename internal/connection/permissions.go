package connection

import "sync"

// seenPermissions remembers in which organizations an object of a kind was seen to have its permissions, and so that
// the roles are there that they need.
type seenPermissions struct {
	mu  sync.Mutex
	all map[permissionsKey]bool
}

// permissionsKey names a kind in an organization of one database.
type permissionsKey struct {
	org    int64
	kind   string
	origin origin
}

// maxSeenPermissions is how many are remembered; to forget costs a look.
const maxSeenPermissions = 10000

// PermissionsSeen reports whether an object of this kind in the organization was seen to have its permissions.
func (c *Conn) PermissionsSeen(org int64, kind string) bool {
	c.permissions.mu.Lock()
	defer c.permissions.mu.Unlock()
	return c.permissions.all[permissionsKey{org, kind, c.origin()}]
}

// SetPermissionsSeen remembers whether one was.
func (c *Conn) SetPermissionsSeen(org int64, kind string, seen bool) {
	c.permissions.mu.Lock()
	defer c.permissions.mu.Unlock()
	if c.permissions.all == nil || len(c.permissions.all) >= maxSeenPermissions {
		c.permissions.all = map[permissionsKey]bool{}
	}
	c.permissions.all[permissionsKey{org, kind, c.origin()}] = seen
}
