package connection

import (
	"testing"
	"time"
)

// model is a Grafana with so many writers as the tuner says, all of which have work without end.
type model struct {
	*tuner
	now   time.Time
	most  int
	took  func(n int) time.Duration // by a write with so many at once
	fails func(n, answer int) bool
	idle  bool // nobody waits
	under []time.Time

	answers, failed, peak int
}

func newModel(took func(n int) time.Duration) *model {
	return &model{
		tuner: newTuner(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), most: 8, took: took,
		fails: func(int, int) bool { return false },
	}
}

// run has so many writes answered.
func (m *model) run(answers int) *model {
	for range answers {
		for len(m.under) < m.number() {
			m.under = append(m.under, m.now.Add(m.took(len(m.under)+1)))
		}
		m.peak = max(m.peak, len(m.under))
		first := 0
		for i, at := range m.under {
			if at.Before(m.under[first]) {
				first = i
			}
		}
		n := len(m.under)
		m.now = m.under[first]
		m.under = append(m.under[:first], m.under[first+1:]...)
		m.answers++
		failed := m.fails(n, m.answers)
		if failed {
			m.failed++
		}
		m.answered(m.now, m.most, !m.idle, failed)
	}
	return m
}

// hour runs for an hour.
func (m *model) hour() *model {
	for end := m.now.Add(time.Hour); m.now.Before(end); {
		m.run(1)
	}
	return m
}

func (m *model) has(t *testing.T, want int, why string) {
	t.Helper()
	if got := m.known; got != want {
		t.Errorf("%s: %d write at once, want %d", why, got, want)
	}
}

const alone = 20 * time.Millisecond

// growing has each writer beside the first cost so much.
func growing(beside time.Duration) func(int) time.Duration {
	return func(n int) time.Duration { return alone + time.Duration(n-1)*beside }
}

// postgres gets 1.25 times as much done with four, and 1.3 times with eight.
var postgres = growing(14700 * time.Microsecond)

func TestMoreWriteWhereMoreIsDoneByThat(t *testing.T) {
	m := newModel(postgres)
	if m.has(t, 1, "before anything is known"); m.run(200).known < 4 {
		t.Errorf("after 200 writes %d write at once", m.known)
	}
	m.hour().has(t, 4, "with eight that are hardly better than four")
	newModel(func(int) time.Duration { return alone }).run(400).has(t, 8, "where all that come are served at once")
	limited := newModel(postgres)
	limited.most = 2
	if limited.hour().has(t, 2, "at the bound that a person has set"); limited.peak > 2 {
		t.Errorf("%d wrote at once, and no more than two may", limited.peak)
	}
}

func TestOneWritesWhereMoreIsOfNoUse(t *testing.T) {
	for name, beside := range map[string]time.Duration{"of no use": alone, "worse": 30 * time.Millisecond} {
		m := newModel(growing(beside)).hour()
		m.has(t, 1, name)
		if byOne := int(time.Hour / alone); m.answers < byOne*99/100 {
			t.Errorf("%s: %d writes were made in an hour, and one writer makes %d", name, m.answers, byOne)
		}
	}
}

// What changes by itself while more are tried is not taken for their merit.
func TestWhatChangesByItselfIsNoMerit(t *testing.T) {
	m := newModel(growing(alone)) // two at once take twice as long
	took := m.took
	m.took = func(n int) time.Duration {
		if m.answers > 45 {
			return took(n) / 2
		}
		return took(n)
	}
	if m.run(60); m.stage != trying {
		t.Fatalf("it is at stage %d", m.stage)
	}
	m.run(140).has(t, 1, "writes became quicker by themselves")
}

// Where few organizations have something to write, few can be tried. That these came to nothing says nothing of more.
func TestAFewDoNotSpeakForMany(t *testing.T) {
	m := newModel(postgres)
	m.most, m.took = 2, growing(alone)
	m.hour().has(t, 1, "two of no use")
	m.most, m.took = 8, postgres
	if m.run(600); m.known < 4 {
		t.Errorf("%d write at once", m.known)
	}
}

// A number that makes writes fail is left at the first few failures, and not tried again for long.
func TestATrialEndsWhenItFails(t *testing.T) {
	m := newModel(func(int) time.Duration { return alone })
	m.fails = func(n, answer int) bool { return n > 1 && answer%4 == 0 }
	m.hour().has(t, 1, "where more fail")
	if m.failed > 5*2*tolerated {
		t.Errorf("%d writes failed in an hour", m.failed)
	}
}

// What fails whatever the number is says nothing of it.
func TestWhatAlwaysFailsChangesNothing(t *testing.T) {
	m := newModel(postgres)
	m.fails = func(_, answer int) bool { return answer%5 == 0 }
	m.run(400).has(t, 4, "one of five writes fails from the start")
	m = newModel(postgres)
	m.run(400)
	m.fails = func(_, answer int) bool { return answer%7 == 0 }
	before, byOne := m.answers, int(time.Hour/alone)
	if m.hour().has(t, 4, "one of seven has begun to fail"); m.answers-before < byOne*124/100 {
		t.Errorf("%d writes were made in an hour, and one writer makes %d", m.answers-before, byOne)
	}
}

func TestFewerWriteWhenMoreHasBecomeWorse(t *testing.T) {
	m := newModel(postgres)
	m.run(400).has(t, 4, "at first")
	m.fails = func(n, answer int) bool { return n > 2 && answer%3 == 0 }
	if m.run(4*windowSize).has(t, 1, "four began to fail"); m.failed > 60 {
		t.Errorf("%d failed until fewer wrote", m.failed)
	}
	m = newModel(postgres)
	m.run(400)
	m.took = growing(3 * alone)
	m.run(6*windowSize).has(t, 1, "four began to hold each other up")
	m.took = postgres
	m.hour().has(t, 4, "they do so no more")
}

// What is done while nobody waits says nothing of what could be done, nor does it while fewer may write.
func TestOnlyWhatIsDoneUnderDemandCounts(t *testing.T) {
	m := newModel(postgres)
	m.idle = true
	m.hour().has(t, 1, "with nobody waiting")
	m.idle = false
	m.run(windowSize + 2)
	m.idle = true
	if m.run(1); m.number() != 1 {
		t.Error("a trial goes on without work for it")
	}
	m.idle = false
	m.run(400).has(t, 4, "with work again")
	m.most = 1
	if m.run(1); m.stage != settled {
		t.Error("a trial goes on with more than may write")
	}
	m.most = 8
	m.run(1).has(t, 4, "what was known")
}

// A clock that stands still, as in some tests, tells no rate.
func TestNothingIsMeasuredByAClockThatStands(t *testing.T) {
	newModel(func(int) time.Duration { return 0 }).run(1000).has(t, 1, "without time")
}
