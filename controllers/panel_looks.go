package controllers

import (
	"hash/maphash"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// panelLooks know when the library panels in each Organization are to be looked at: some time after the last change,
// when all that was sent before has landed, and many changes bring few looks.
type panelLooks struct {
	mu   sync.Mutex
	seed maphash.Seed
	all  map[types.NamespacedName]*panelLook
}

type panelLook struct {
	state uint64    // a hash of that of the Dashboards at last
	last  time.Time // change
	next  time.Time // look; zero: at the next visit
	told  string    // to people, of why some stay
}

func (s *panelLooks) ofLocked(key types.NamespacedName) *panelLook {
	if s.all == nil {
		s.seed, s.all = maphash.MakeSeed(), map[types.NamespacedName]*panelLook{}
	}
	if s.all[key] == nil {
		s.all[key] = &panelLook{}
	}
	return s.all[key]
}

// changed notes that a Dashboard may not need a library panel any more.
func (s *panelLooks) changed(key types.NamespacedName, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ofLocked(key).last = now
}

// begin reports whether it is time to look, and counts that as a look. What it was at the first visit of a process
// counts as a change: nobody knows what others have sent.
func (s *panelLooks) begin(key types.NamespacedName, kept keptPanels, now time.Time, settling time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ofLocked(key)
	state := uint64(1)
	for _, d := range kept.state {
		state += maphash.String(s.seed, d) // in whatever order
	}
	if state != l.state {
		l.state, l.last = state, now
	}
	settled := l.last.Add(settling)
	if l.next.IsZero() && now.Before(settled) {
		l.next = settled
	}
	if now.Before(l.next) {
		return false
	}
	l.next = time.Time{}
	if now.Before(settled) {
		l.next = settled
	}
	return true
}

// again has it looked at then at the latest.
func (s *panelLooks) again(key types.NamespacedName, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.ofLocked(key); l.next.IsZero() || at.Before(l.next) {
		l.next = at
	}
}

// after is how long until the next look; 0: it is at the next visit.
func (s *panelLooks) after(key types.NamespacedName, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ofLocked(key)
	if l.next.IsZero() {
		return 0
	}
	return max(l.next.Sub(now), time.Second)
}

// tell notes what people are told of why library panels stay, and reports whether that is something else by now.
func (s *panelLooks) tell(key types.NamespacedName, message string) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ofLocked(key)
	news = l.told != message
	l.told = message
	return news
}

// drop forgets an Organization that is gone.
func (s *panelLooks) drop(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
}
