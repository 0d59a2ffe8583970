package lifecycle

import (
	"context"
	"errors"
	"time"

	"grafana-tenancy.dev/operator/internal/connection"
)

// External is what one kind can ask and do in Grafana, bound to one object and one connection. A method that fails has
// changed nothing that the next pass does not find. What only some kinds need is in the interfaces below.
type External[R any] interface {
	// Find finds what status records, else what carries the mark. It returns nil when there is neither, or none that is
	// provably ours.
	Find(ctx context.Context) (*R, error)
	// Create makes it under the mark. Nothing in it can fail after the request that creates.
	Create(ctx context.Context) (*R, error)
	// Record copies what was seen into status; nil clears the identity. It reports whether the identity is new and must
	// be kept before anything else is done.
	Record(have *R) bool
	// Diff names what differs from the spec. It asks nobody.
	Diff(have *R) []string
	// Update puts it right and brings have up to date, step by step.
	Update(ctx context.Context, have *R) error
	// Delete deletes it, having proven that it is ours and may be deleted as it is. Absent is success.
	Delete(ctx context.Context, have *R) error
}

// Connected goes through a connection to Grafana, whose limits hold for it. Default: it waits for nobody's turn.
type Connected interface {
	// Connection that the calls go through, and the group they are fair among. nil: none.
	Connection() (conn *connection.Conn, group string)
}

// Contained is in an organization. Default: it is in none.
type Contained interface {
	// OrgID is Grafana's id of the organization.
	OrgID() int64
	// Prove fails unless the organization is seen to be ours: at this moment if live, else within the last minute.
	Prove(ctx context.Context, live bool) error
	// WriteFailed is called when a write failed: perhaps the organization is not what it was.
	WriteFailed()
	// Forbidden is called when Grafana refused something, and says what should be looked at.
	Forbidden() *Suspect
}

// Closable may be in something that is being deleted, where nothing new is made; Entrance is one. Default: it is not.
type Closable interface {
	// Closed is the problem with making anything there; nil: there is none.
	Closed() *Problem
}

// Loader brings, once it is the object's turn, what takes some effort to know: an object that waits for its turn comes
// back to Connect. Default: Connect finds out all there is.
type Loader interface {
	Load(ctx context.Context) error
}

// ConflictChecker looks, before anything is made, for what is not ours and has the place that the object asks for; it
// fails with a Stalled problem if there is any. Default: creating it is the look.
type ConflictChecker interface {
	CheckConflict(ctx context.Context) error
}

// Preparer puts into status what must be known before the create request is sent, and says what people are told once
// it was answered. Default: there is nothing to know, and they are told EventCreated.
type Preparer interface {
	Prepare() Event
}

// ChangePreparer puts into status what must be known before the requests of Update are sent, and reports whether there
// is any. Default: there is nothing to know.
type ChangePreparer[R any] interface {
	PrepareChange(have *R) bool
}

// PartialUpdater names what Update has left as it was without failing. It has told people why. Default: nothing.
type PartialUpdater interface {
	Undone() []string
}

// Checker has the last word on an object that has no difference left; nil means that it is Ready. It may ask, and
// changes nothing in Grafana. Default: it is Ready.
type Checker[R any] interface {
	Check(ctx context.Context, have *R) error
}

// Settler reports, as far as Kubernetes alone can tell, whether the object is as it was when it was last seen to be in
// sync, so that a process that starts leaves it be until its resync. It asks nobody. Default: it is looked at.
type Settler interface {
	Settled() bool
}

// Rechecker says how long until the object must be looked at again for a reason of its own; 0 means no such reason,
// which is the default.
type Rechecker[R any] interface {
	RecheckAfter(have *R) time.Duration
}

// SlotSharer is resynced at the same moment as others, with less effort for each. Default: each has its own moment.
type SlotSharer interface {
	// ResyncSlot is the same for all that share a slot.
	ResyncSlot() string
	// ResyncDue says that this is such a visit.
	ResyncDue()
}

// Derived is found again by what its object is: a mark that is made of the object's uid, and nothing that its status or
// its spec has to tell. Default: what Prepare puts into status is written before the request that creates.
type Derived interface {
	// FoundByObject reports whether that is so of what Create would make now, and whether it may be so of what was made
	// before, when the spec was another. The finalizer is intent enough then: of an object that has one, and no status,
	// Find looks for all that an earlier pass may have made.
	FoundByObject() (now, before bool)
	// KnownByObject reports whether all that the object may have in Grafana is found so. It is not where only status
	// tells of what was taken over: without it nobody knows whether what is not found is there.
	KnownByObject() bool
}

// Recaller is told that the object has lost its status. Default: Find looks for all that may be there anyway, and
// leaves nothing to Create.
type Recaller interface {
	StatusLost()
}

// Releaser lets it go, undeleted. Default: there is nothing to take off.
type Releaser[R any] interface {
	Release(ctx context.Context, have *R) error
}

// Describer says in its own words that the object is as it is asked for, and, where nothing was found to be deleted,
// what was left in Grafana; empty: nothing is there.
type Describer interface {
	InSync() string
	Left() string
}

// ReadOnly is embedded by what is only looked at in Grafana: it is never made, changed or deleted there.
type ReadOnly[R any] struct{}

// Create fails: there is nothing that the operator could make.
func (ReadOnly[R]) Create(context.Context) (*R, error) {
	return nil, errors.New("it is not in Grafana, and the operator does not create it")
}

// Diff is empty.
func (ReadOnly[R]) Diff(*R) []string { return nil }

// Update does nothing.
func (ReadOnly[R]) Update(context.Context, *R) error { return nil }

// Delete does nothing.
func (ReadOnly[R]) Delete(context.Context, *R) error { return nil }
