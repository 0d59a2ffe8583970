package grafanatest

import "maps"

// Counts is how many requests there were.
type Counts struct {
	Reads, Writes int
	// ByRoute has them by method and pattern, "GET /api/orgs/:org"; "GET " are
	// those of no known path.
	ByRoute map[string]int
}

// Total is the number of all requests.
func (c Counts) Total() int { return c.Reads + c.Writes }

func (c *Counts) add(r *Request) {
	if r.isWrite() {
		c.Writes++
	} else {
		c.Reads++
	}
	if c.ByRoute == nil {
		c.ByRoute = map[string]int{}
	}
	c.ByRoute[r.Method+" "+r.Route]++
}

// Counts returns how many requests there were since the server began or
// ResetCounts was called.
func (s *Server) Counts() Counts {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	c := s.log.counts
	c.ByRoute = maps.Clone(c.ByRoute)
	return c
}

// ResetCounts lets Counts begin at 0 again.
func (s *Server) ResetCounts() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.counts = Counts{}
}
