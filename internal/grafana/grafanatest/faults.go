package grafanatest

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Outcome is what becomes of a request.
type Outcome int

const (
	// Serve serves as usual (after Delay).
	Serve Outcome = iota
	// Refuse answers 503, without effect.
	Refuse
	// Unsent refuses the connection: nothing arrives. (Over TCP, where the
	// connection stands already, it is reset instead; without effect.)
	Unsent
	// DropAfter takes effect, then drops the connection without an answer.
	DropAfter
	// FailAfter takes effect, then answers 500 in Grafana's shape.
	FailAfter
	// Answer answers with Status, Body and RetryAfter, without effect.
	Answer
	// Hang does not answer until the caller gives up, without effect.
	Hang
	// Late drops the connection at once, and takes effect later: when Land is
	// called.
	Late
)

// Fault is what to do with one request. The zero value serves it.
type Fault struct {
	Outcome Outcome
	// Status is the answer's, of Answer (default 500) and of Refuse
	// (default 503).
	Status int
	// RetryAfter, of Answer and Refuse, becomes a Retry-After header in whole
	// seconds.
	RetryAfter time.Duration
	// Delay is how long to wait first. A caller that gives up meanwhile
	// leaves no effect.
	Delay time.Duration
	// Body is the answer's, of Answer and Refuse; default: an error in
	// Grafana's shape. One that does not begin with { or [ is sent as HTML.
	Body string
	// Bare leaves what the request makes without permissions, as where Grafana
	// finds its SQLite database locked when it comes to them.
	Bare bool
}

// faults is the part of the server that breaks things.
type faults struct {
	mu   sync.Mutex
	next func(*Request) Fault
	down bool
	held []inbound // of Late, not landed yet
}

// SetFault has f asked about every request before it is handled; nil clears
// it. f is called without locks, and possibly from several goroutines.
func (s *Server) SetFault(f func(*Request) Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.next = f
}

// SetDown refuses every connection, or accepts them again.
func (s *Server) SetDown(down bool) {
	s.faults.mu.Lock()
	s.faults.down = down
	s.faults.mu.Unlock()
	if s.front != nil {
		s.front.setDown(down)
	}
}

// Land lets every request that was held by Late take effect now, in the order
// of arrival, and returns how many there were. Nobody gets their answers.
func (s *Server) Land() int {
	s.faults.mu.Lock()
	held := s.faults.held
	s.faults.held = nil
	s.faults.mu.Unlock()
	for _, in := range held {
		s.handle(in)
	}
	return len(held)
}

func (f *faults) isDown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down
}

func (f *faults) of(r *Request) Fault {
	f.mu.Lock()
	next := f.next
	f.mu.Unlock()
	if next == nil {
		return Fault{}
	}
	return next(r)
}

func (f *faults) hold(in inbound) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in.ctx = context.WithoutCancel(in.ctx)
	f.held = append(f.held, in)
}

// errRefused is what a client sees when nobody listens.
func errRefused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// errReset is what a client sees when the connection drops.
func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// wait waits for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
