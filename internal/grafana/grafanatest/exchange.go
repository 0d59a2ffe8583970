package grafanatest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// exchange takes a request through the log, the faults and the model.
func (s *Server) exchange(in inbound) (*answer, error) {
	if s.real != nil {
		in.url = s.real.below(in.url)
	}
	if in.hidden {
		return s.handle(in), nil
	}
	if s.faults.isDown() {
		return nil, errRefused()
	}
	s.noteShape(in)
	r := s.log.add(s.describe(in))
	in.arrival = r.N
	fault := s.faults.of(r)
	if err := wait(in.ctx, fault.Delay); err != nil {
		return nil, err
	}
	done, err := s.toil(in.ctx, r, fault)
	if err != nil {
		return nil, err
	}
	defer done()
	a, err := s.meet(in, fault)
	if a != nil {
		if a.header.Get("Date") == "" { // a real Grafana has its own
			a.header.Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
		}
		s.log.finish(r, a.status)
	}
	return a, err
}

// meet lets a request meet its fate.
func (s *Server) meet(in inbound, f Fault) (*answer, error) {
	in.bare = f.Bare
	switch f.Outcome {
	case Unsent:
		return nil, errRefused()
	case Hang:
		<-in.ctx.Done()
		return nil, in.ctx.Err()
	case Late:
		s.faults.hold(in)
		return nil, errReset()
	case DropAfter:
		s.handle(in)
		return nil, errReset()
	case FailAfter:
		s.handle(in)
		return fail(http.StatusInternalServerError, "Internal Server Error"), nil
	case Refuse:
		return f.answer(http.StatusServiceUnavailable), nil
	case Answer:
		return f.answer(http.StatusInternalServerError), nil
	default:
		return s.handle(in), nil
	}
}

// answer is the answer that the fault itself gives.
func (f Fault) answer(status int) *answer {
	if f.Status != 0 {
		status = f.Status
	}
	a := fail(status, http.StatusText(status))
	if f.Body != "" {
		a.body = []byte(f.Body)
		if !strings.HasPrefix(f.Body, "{") && !strings.HasPrefix(f.Body, "[") {
			a.header.Set("Content-Type", "text/html; charset=utf-8")
		}
	}
	if f.RetryAfter > 0 {
		a.header.Set("Retry-After", fmt.Sprint(int64((f.RetryAfter+time.Second-1)/time.Second)))
	}
	return a
}

// RoundTripper returns a transport whose requests reach the server without a
// network. It honours faults and the request's context.
func (s *Server) RoundTripper() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a, err := t.server.exchange(inbound{ctx: r.Context(), method: r.Method, url: r.URL, header: r.Header, body: body})
	if err != nil {
		return nil, err
	}
	content := a.body
	if r.Method == http.MethodHead {
		content = nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)), Request: r,
	}, nil
}
