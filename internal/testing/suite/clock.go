package suite

import (
	"sync/atomic"
	"time"
)

// clock is a clock that can be put forward.
type clock struct{ ahead atomic.Int64 }

func NewClock() *clock { return &clock{} }

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }
