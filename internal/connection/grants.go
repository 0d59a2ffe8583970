package connection

import (
	"context"
	"errors"
	"sync"
	"time"
)

// grants has permissions set one at a time in an organization. On PostgreSQL and MariaDB, those who grant somebody the
// first permission there at the same time race to create that one's managed role, and the losers are refused.
type grants struct {
	turns sync.Map // by organization: a channel that is full while somebody is at it
}

// ErrBusy says that others were setting permissions in the organization for too long.
var ErrBusy = errors.New("others are setting permissions in this organization")

// Grant sets permissions in an organization by send, with no other beside it where more than one can write at once. It
// waits as long as a writer waits for the one before it.
func (c *Conn) Grant(ctx context.Context, org int64, send func() error) error {
	if !c.severalWriters() {
		return send()
	}
	is, _ := c.grants.turns.LoadOrStore(org, make(chan struct{}, 1))
	turn := is.(chan struct{})
	wait := time.NewTimer(beginTimeout)
	defer wait.Stop()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
		return send()
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return ErrBusy
	}
}
