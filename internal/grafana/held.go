package grafana

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
)

// heldSession is the session that a piece of work has begun in.
type heldSession struct {
	mu     sync.Mutex
	client *Client // whose it is; nil: nothing was asked yet
	id     string
	seen   string // in which its last answer was given
}

type heldKey struct{}

// WithinSession has a piece of work change things in one session only. The ids that it has seen may be others' in the
// database that a later session is in: so once its Client has had to log in anew, what would change something is not
// sent, or not sent again, and fails. Nothing has come of it then, and it IsUnavailable. Whoever only reads goes on.
func WithinSession(ctx context.Context) context.Context {
	return context.WithValue(ctx, heldKey{}, &heldSession{})
}

// HoldSession has the work of ctx be within the present session. Without one, the first request decides.
func (c *Client) HoldSession(ctx context.Context) {
	if id := c.SessionID(); id != "" {
		c.isHeld(ctx, id)
	}
}

// isHeld reports whether a session is the one that the work of ctx is within, which it becomes if there is none yet.
func (c *Client) isHeld(ctx context.Context, id string) bool {
	held, ok := ctx.Value(heldKey{}).(*heldSession)
	if !ok {
		return true
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	if held.client == nil {
		held.client, held.id = c, id
	}
	return held.client != c || held.id == id
}

// SessionSeen is the session that the work of ctx was last answered in; of work that is within none, the present one.
// What is remembered of an answer goes with it: by the time it is looked at, somebody may have begun another session.
func (c *Client) SessionSeen(ctx context.Context) string {
	held, ok := ctx.Value(heldKey{}).(*heldSession)
	if !ok {
		return c.SessionID()
	}
	held.mu.Lock()
	defer held.mu.Unlock()
	if held.client != c {
		return c.SessionID()
	}
	return cmp.Or(held.seen, held.id) // it has asked nothing itself
}

// noteSession notes which session the work of ctx was answered in.
func (c *Client) noteSession(ctx context.Context, as credential) {
	if held, ok := ctx.Value(heldKey{}).(*heldSession); ok {
		held.mu.Lock()
		defer held.mu.Unlock()
		if held.client == c {
			held.seen = as.session
		}
	}
}

// checkSession fails if a request would change something in another session than the one that it was thought of in.
func (c *Client) checkSession(ctx context.Context, r request, as credential) error {
	if same := c.isHeld(ctx, as.session); same || r.method == http.MethodGet {
		return nil
	}
	return &otherSession{method: r.method, route: r.route}
}

// otherSession is a request that was not sent, since what it speaks of was seen in another session.
type otherSession struct{ method, route string }

func (e *otherSession) Error() string {
	return fmt.Sprintf("%s %s was not sent: the operator had to log in to Grafana anew, perhaps in another database, "+
		"and looks again first", e.method, e.route)
}
