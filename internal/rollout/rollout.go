// Package rollout decides which of many objects may be made or changed now. It asks and does nothing.
package rollout

import (
	"time"
)

// State is how the object of a member stands.
type State int

const (
	// Waiting members cannot have an object yet. They hold nothing up.
	Waiting State = iota
	// Missing is the object of a member that has none yet.
	Missing
	// Outdated is one that is not as it is asked for.
	Outdated
	// Going is one that is being deleted. When it is gone, the member has none.
	Going
	// Pending is one that is as it is asked for, and not Ready yet.
	Pending
	// Barred is that of a member for which none can be asked for. Nothing was tried.
	Barred
	// Failed is one that was tried as it is asked for, and that somebody has to do something about.
	Failed
	// Resting is one that is as it is asked for, and not to become Ready.
	Resting
	// Ready is one that is as it is asked for, and Ready.
	Ready
)

// Member is one of those that have an object each.
type Member struct {
	// Wave that it is in: a wave begins when all members of those before it are through.
	Wave  int
	State State
	// New is one whose object is as it was made.
	New bool
}

// through reports whether there is nothing more to be done for a member.
func (m Member) through() bool { return m.State == Ready || m.State == Resting || m.State == Waiting }

// unavailable reports whether the object is as it is asked for, or should be, or goes, and is not Ready.
func (m Member) unavailable() bool {
	return m.State == Going || m.State == Pending || m.State == Barred || m.State == Failed
}

// hasIt reports whether there is an object as it is asked for, which nobody has to do anything about.
func (m Member) hasIt() bool { return m.State == Pending || m.State == Resting || m.State == Ready }

// Next are the members whose objects may be made or changed now, by their place in the list. Those that have none come
// first, in the wave whose turn it is and in those of which somebody has it. Each kind has a room of its own.
func Next(members []Member, maxUnavailable int) (next []int) {
	turn, began := turnOf(members)
	forNew, forChanges := rooms(members, maxUnavailable)
	for i, m := range members {
		if m.State == Missing && (m.Wave == turn || began[m.Wave]) && forNew > 0 {
			next = append(next, i)
			forNew--
			forChanges--
		}
	}
	for i, m := range members {
		if m.State == Outdated && m.Wave == turn && forChanges > 0 {
			next = append(next, i)
			forChanges--
		}
	}
	return next
}

// turnOf is the first wave in which there is something to be done, and those of which somebody has it.
func turnOf(members []Member) (turn int, began map[int]bool) {
	began = map[int]bool{}
	found := false
	for _, m := range members {
		if !m.through() && (!found || m.Wave < turn) {
			turn, found = m.Wave, true
		}
		began[m.Wave] = began[m.Wave] || m.hasIt()
	}
	return turn, began
}

// rooms are how many objects may be made and changed now. What is unavailable holds changes. New ones are held by new
// ones that are on their way and, until one is Ready, by those that failed: a template that works for nobody stops at
// the bound, and once it works for one, failures hold no newcomer.
func rooms(members []Member, maxUnavailable int) (forNew, forChanges int) {
	forNew, forChanges = maxUnavailable, maxUnavailable
	failed, proven := 0, false
	for _, m := range members {
		if m.unavailable() {
			forChanges--
		}
		switch {
		case m.State == Pending && m.New:
			forNew--
		case m.State == Failed:
			failed++
		case m.State == Ready:
			proven = true
		}
	}
	if !proven {
		forNew -= failed
	}
	return forNew, forChanges
}

// Counts are how many members there are of what kind.
type Counts struct {
	// Ready and Failed are in that state, and Waiting are to have an object that cannot be made yet.
	Ready, Failed, Waiting int
	// Left are those that are to become Ready and are not, the failed ones among them.
	Left int
	// Moving are those whose objects were made, changed or deleted, and are neither Ready nor failed.
	Moving int
}

// Count counts members.
func Count(members []Member) (c Counts) {
	for _, m := range members {
		switch m.State {
		case Ready:
			c.Ready++
		case Failed, Barred:
			c.Failed++
		case Pending, Going:
			c.Moving++
		case Waiting:
			c.Waiting++
		}
		if !m.through() {
			c.Left++
		}
	}
	return c
}

// Progress is how far a roll-out had come when that was noted.
type Progress struct {
	Revision      string
	Ready, Failed int
	// Since is when one last became Ready, or the roll-out began; zero: nothing was left to do.
	Since time.Time
}

// Next is what is to be noted now: one more is Ready, or one less failed, is progress, and so is another revision.
func (p Progress) Next(revision string, c Counts, now time.Time) Progress {
	next := Progress{Revision: revision, Ready: c.Ready, Failed: c.Failed, Since: p.Since}
	switch {
	case c.Left == 0:
		next.Since = time.Time{}
	case p.Since.IsZero(), p.Revision != revision, c.Ready > p.Ready, c.Failed < p.Failed:
		next.Since = now
	}
	return next
}

// TimeLeft is how long there may still be no progress; 0: it has taken too long.
func (p Progress) TimeLeft(deadline time.Duration, now time.Time) time.Duration {
	return max(p.Since.Add(deadline).Sub(now), 0)
}
