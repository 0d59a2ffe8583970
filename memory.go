package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// giveBack gives memory that is not in use back to the machine while the process is at rest, until ctx ends. By itself
// Go keeps as much again as is in use, since it waits for that much garbage, and little of it comes at rest.
func giveBack(ctx context.Context) {
	var g garbage
	wait.UntilWithContext(ctx, func(context.Context) {
		if g.due(readHeap()) {
			debug.FreeOSMemory()
		}
	}, restTick)
}

const restTick = 5 * time.Second

// heap is what Go tells of its memory, in bytes.
type heap struct {
	inUse     uint64 // when garbage was last collected
	allocated uint64 // since the process started
}

func readHeap() heap {
	is := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(is)
	return heap{inUse: is[0].Value.Uint64(), allocated: is[1].Value.Uint64()}
}

// garbage is what may be given back.
type garbage struct {
	seen  uint64 // allocated at the last tick
	given uint64 // allocated when memory was last given back
}

// due reports, once a tick, whether the process is at rest, and it has gathered: a quarter of what is in use. At work a
// process allocates more than is in use in a tick; looking at everything each few minutes counts as rest.
func (g *garbage) due(now heap) bool {
	lately := now.allocated - g.seen
	g.seen = now.allocated
	if lately > now.inUse || now.allocated-g.given < now.inUse/4 {
		return false
	}
	g.given = now.allocated
	return true
}
