package main

import (
	"fmt"
	"strings"
	"time"
)

// pause is how often at most something is said, so that a log stays short.
const pause = 15 * time.Second

// meter tells how far a build is and how long it still takes.
type meter struct {
	weights      map[string]int
	program      string
	done, total  int
	compiled     int
	start, shown time.Time
}

// newMeter takes lines of a package's path and the number of those that it is
// made of, in the order of go list -deps: the program itself is last.
func newMeter(packages string) (*meter, error) {
	m := &meter{weights: map[string]int{}, start: time.Now(), shown: time.Now()}
	for line := range strings.Lines(packages) {
		var needs int
		if _, err := fmt.Sscan(line, &m.program, &needs); err != nil {
			return nil, fmt.Errorf("reading %q of go list: %w", line, err)
		}
		// What takes the compiler its time is mostly to read what a package needs.
		m.weights[m.program] = needs + 300
		m.total += needs + 300
	}
	return m, nil
}

// begin is told of each package that the compiler begins with, and says of other
// lines that they are none.
func (m *meter) begin(path string) bool {
	weight, is := m.weights[path]
	if !is {
		return false
	}
	switch {
	case path == m.program:
		progress("linking")
	case time.Since(m.shown) >= pause:
		progress("compiled %d of %d packages%s", m.compiled, len(m.weights), m.left())
		m.shown = time.Now()
	}
	m.compiled++
	m.done += weight
	return true
}

// left says how long it still takes, once that can be told.
func (m *meter) left() string {
	if m.done < m.total/20 {
		return ""
	}
	left := time.Since(m.start).Seconds() * float64(m.total-m.done) / float64(m.done)
	return fmt.Sprintf(", about %s to go", (time.Duration(left) * time.Second).Round(10*time.Second))
}
