package suite

import (
	"sync/atomic"
	"time"
)

// Clock is a clock that can be put forward.
type Clock struct{ ahead atomic.Int64 }

// NewClock is a clock that goes right until it is put forward.
func NewClock() *Clock { return &Clock{} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance puts the clock forward.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }
