package connection

import "time"

// tuner finds out how many writers at once get the most done. What helps one database is of no use to another, or makes
// it fail, and nothing that it says of itself tells which: so other numbers are tried while there is work for them.
// Whether one is better is seen in the writes that are answered in a time, which latency and failures both take from.
// The number that is known is measured before a trial and after it, so that what changes by itself, as when the work
// becomes another, is not taken for its merit. A failure that comes with the known number too proves nothing.
type tuner struct {
	known int // as many as have proven themselves
	trial int // as many as are compared with them
	stage stage
	// before is what the known number did before the trial, tried what the other did in it.
	before, tried window
	usual         window // what the known number did when it was last compared; zero: it never was
	fewer         bool   // the next trial is of fewer
	rest          time.Time
	pause         time.Duration // for which it rests after the next trial that has come to nothing
	refused       int           // as many have come to nothing, at most; 0: none since others were taken

	// The window that is being measured.
	begun          time.Time
	settling       int // so many answers are still of what was before it
	answers, fails int
	seen, seenFail int // since the number changed
}

// stage is what is being measured.
type stage int

const (
	settled stage = iota // the known number
	trying
	confirming // the known number once more
)

// window is what a number of writers did.
type window struct {
	rate  float64 // of writes that did not fail, in a second
	fails int
}

const (
	// windowSize is how many answers a window has.
	windowSize = 40
	// trialFactor is how many times as many, or as few, are tried: twice as many can be too little better to be told
	// from chance.
	trialFactor = 4
	// muchBetter is what more writers have to be, and asGood what fewer may be worse: fewer are always better to have.
	muchBetter, asGood = 1.08, 0.97
	// muchWorse is by how much less is done than usual before fewer are tried at once.
	muchWorse = 0.7
	// tolerated is how many answers of a window may fail beyond those that fail anyway.
	tolerated = 4
	// firstPause doubles with each trial that comes to nothing, up to longestPause.
	firstPause, longestPause = time.Minute, time.Hour
)

func newTuner() *tuner {
	return &tuner{known: 1, pause: firstPause, settling: 1}
}

// number is how many may write at once.
func (t *tuner) number() int {
	if t.stage == trying {
		return t.trial
	}
	return t.known
}

// answered is told of each write that was answered: at what time, how many writers there may be at most and have
// something to do, whether others were waiting for their turn, and whether it failed in a way that can speak of load.
func (t *tuner) answered(now time.Time, most int, demand, failed bool) {
	if !demand || t.number() > most { // what is done is not what can be done
		t.stage = settled
		t.measure(1)
		return
	}
	t.seen++
	if failed {
		t.seenFail++
	}
	if t.stage == trying && t.failsMore() {
		t.refuse(now, t.before)
		return
	}
	if t.settling > 0 {
		t.settling--
		t.begun = now
		return
	}
	t.answers++
	if failed {
		t.fails++
	}
	if t.answers < windowSize {
		return
	}
	took := now.Sub(t.begun).Seconds()
	w := window{float64(t.answers-t.fails) / took, t.fails}
	t.begun, t.answers, t.fails = now, 0, 0
	if took > 0 {
		t.measured(now, most, w)
	}
}

// failsMore reports whether more has failed since the trial began than would have without it.
func (t *tuner) failsMore() bool {
	return t.seenFail*windowSize > t.before.fails*t.seen+tolerated*windowSize
}

// measured goes on from a window that is full.
func (t *tuner) measured(now time.Time, most int, w window) {
	switch t.stage {
	case settled:
		t.begin(now, most, w)
	case trying:
		switch {
		case t.trial < t.known && t.before.fails > w.fails+tolerated: // nobody needs to see the others fail again
			t.tried = w
			t.take(now, most)
		case t.beats(w, t.before):
			t.stage, t.tried = confirming, w
			t.measure(2 * max(t.known, t.trial))
		default:
			t.refuse(now, t.before)
		}
	case confirming:
		if t.beats(t.tried, w) {
			t.take(now, most)
		} else {
			t.refuse(now, w)
		}
	}
}

// begin begins a trial, if it is time for one.
func (t *tuner) begin(now time.Time, most int, w window) {
	worse := t.usual.rate > 0 && (w.rate < muchWorse*t.usual.rate || w.fails > t.usual.fails+tolerated)
	switch fewer, more := max(1, t.known/trialFactor), min(most, t.known*trialFactor); {
	case fewer < t.known && (worse || !now.Before(t.rest) && (t.fewer || more <= t.known)):
		t.try(fewer, w)
	case more > t.known && (!now.Before(t.rest) || t.refused > 0 && more > t.refused):
		t.try(more, w)
	}
}

func (t *tuner) try(n int, before window) {
	t.stage, t.trial, t.before = trying, n, before
	t.measure(2 * max(t.known, n))
}

// beats reports whether what was tried is better than what is known.
func (t *tuner) beats(tried, known window) bool {
	if t.trial < t.known {
		return tried.rate >= asGood*known.rate
	}
	return tried.rate > muchBetter*known.rate
}

// take goes on with what was tried, and further in that direction.
func (t *tuner) take(now time.Time, most int) {
	t.fewer = t.trial < t.known
	t.known, t.stage, t.usual, t.pause, t.refused = t.trial, settled, t.tried, firstPause, 0
	if t.fewer || t.known >= most {
		t.rest = now.Add(t.pause)
	}
	t.measure(2 * t.known)
}

// refuse goes back to what is known, and rests.
func (t *tuner) refuse(now time.Time, known window) {
	if t.fewer = t.trial > t.known; t.fewer {
		t.refused = max(t.refused, t.trial)
	}
	t.stage, t.usual, t.rest = settled, known, now.Add(t.pause)
	t.pause = min(2*t.pause, longestPause)
	t.measure(2 * max(t.known, t.trial))
}

// measure begins a window after so many answers, which those still get who were let in before.
func (t *tuner) measure(after int) {
	t.settling, t.answers, t.fails, t.seen, t.seenFail = after, 0, 0, 0, 0
}
