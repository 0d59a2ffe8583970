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
	// Pending is one that is as it is asked for, and not Ready yet.
	Pending
	// Failed is one that cannot be made, or that somebody has to do something about.
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
}

// through reports whether there is nothing more to be done for a member.
func (m Member) through() bool { return m.State == Ready || m.State == Resting || m.State == Waiting }

// unavailable reports whether the object is as it is asked for, or should be, and not Ready.
func (m Member) unavailable() bool { return m.State == Pending || m.State == Failed }

// hasIt reports whether there is an object as it is asked for, which nobody has to do anything about.
func (m Member) hasIt() bool { return m.State == Pending || m.State == Resting || m.State == Ready }

// Next are the members whose objects may be made or changed now, by their place in the list. Those that have none come
// first, and failures of others do not hold them: nothing that works is put at risk. Only a wave of which nobody has it
// yet waits for its turn. The others are changed so that at most so many are unavailable.
func Next(members []Member, maxUnavailable int) (next []int) {
	room, began := maxUnavailable, map[int]bool{}
	turn, found := 0, false
	for _, m := range members {
		if m.unavailable() {
			room--
		}
		if !m.through() && (!found || m.Wave < turn) {
			turn, found = m.Wave, true
		}
		began[m.Wave] = began[m.Wave] || m.hasIt()
	}
	for i, m := range members {
		if m.State == Missing && (m.Wave == turn || began[m.Wave]) {
			next = append(next, i)
			room--
		}
	}
	for i, m := range members {
		if m.State == Outdated && m.Wave == turn && room > 0 {
			next = append(next, i)
			room--
		}
	}
	return next
}

// Counts are how many members there are of what kind.
type Counts struct {
	// Ready and Failed are in that state, and Waiting are to have an object that cannot be made yet.
	Ready, Failed, Waiting int
	// Left are those that are to become Ready and are not, the failed ones among them.
	Left int
	// Moving are those whose objects were made or changed, and are neither Ready nor failed.
	Moving int
}

// Count counts members.
func Count(members []Member) (c Counts) {
	for _, m := range members {
		switch m.State {
		case Ready:
			c.Ready++
		case Failed:
			c.Failed++
		case Pending:
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
