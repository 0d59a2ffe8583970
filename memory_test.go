package main

import "testing"

func TestMemoryIsGivenBackAtRest(t *testing.T) {
	const mib = 1 << 20
	var g garbage
	for i, tick := range []struct {
		allocated uint64 // since the last tick, in MiB, with 80 in use
		given     bool
	}{
		{400, false}, {90, false}, // the process starts, and works
		{70, true},                                    // at rest: all that has gathered
		{2, false}, {9, false}, {8, false}, {1, true}, // more has gathered meanwhile
		{0, false}, {0, false},
		{300, false}, {81, false}, {10, true},
	} {
		now := heap{inUse: 80 * mib, allocated: g.seen + tick.allocated*mib}
		if given := g.due(now); given != tick.given {
			t.Errorf("tick %d: given back: %v", i, given)
		}
	}
}

func TestHeapIsKnown(t *testing.T) {
	if now := readHeap(); now.allocated == 0 {
		t.Error("what is allocated is not told")
	}
}
