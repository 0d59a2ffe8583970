package grafana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	maxAnswer = 32 << 20
	// Grafana takes dashboards of up to 16 MiB, and writes some characters in six.
	maxLarge = 128 << 20
	// unbounded is what every answer may have in memory at once with others; of what is larger there is one at a time.
	unbounded = 1 << 20
	maxError  = 64 << 10
)

// scope is what a request acts in: the server as a whole, or one organization.
type scope interface {
	scope() (c *Client, org int64, err error)
}

// scope of the server as a whole: organization 1, which always exists unless someone deleted it (these
// requests do not mind); or, with a token, the only organization that it reaches.
func (c *Client) scope() (*Client, int64, error) {
	if c.cfg.Token != "" {
		return c, 0, nil
	}
	return c, 1, nil
}

func (o *OrgClient) scope() (*Client, int64, error) {
	if o.id <= 0 { // Grafana would ignore the header and act in some other organization
		return nil, 0, fmt.Errorf("%d is not the id of an organization", o.id)
	}
	return o.client, o.id, nil
}

// request describes one request. route has names for the variable parts of the path, args their values.
type request struct {
	method, route string
	args          []any
	query         url.Values
	body          any
	accept        string      // "": application/json
	long          bool        // goes by LongTimeout
	as            *credential // nil: the Client's own
	bare          bool        // of the login itself: neither organization nor forceLogin
	without       string      // a member of the answer's objects that is passed over, since it can be large; "": none
	large         bool        // the answer can be large all the same
	spare         bool        // can be done without: a 401 that does not say why is no word on the credential

	org int64 // set by do
}

// wholeList is a page size that holds all there is: what is deleted between two pages moves the others, so that one of
// them is on neither. Grafana bounds none of the lists that it is used for.
const wholeList = "1000000"

func get(route string, args ...any) request {
	return request{method: http.MethodGet, route: route, args: args}
}

func post(body any, route string, args ...any) request {
	return request{method: http.MethodPost, route: route, args: args, body: body}
}

func put(body any, route string, args ...any) request {
	return request{method: http.MethodPut, route: route, args: args, body: body}
}

func patch(body any, route string, args ...any) request {
	return request{method: http.MethodPatch, route: route, args: args, body: body}
}

func del(route string, args ...any) request {
	return request{method: http.MethodDelete, route: route, args: args}
}

// with adds a query parameter.
func (r request) with(name, value string) request {
	query := maps.Clone(r.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set(name, value)
	r.query = query
	return r
}

// path fills args into the route, each escaped so that it stays one element of the path.
func (r request) path() (string, error) {
	elements := strings.Split(r.route, "/")
	args := r.args
	for i, element := range elements {
		if !strings.HasPrefix(element, ":") {
			continue
		}
		value := fmt.Sprint(args[0])
		if id, ok := args[0].(int64); value == "" || ok && id <= 0 { // it would name another route, or nothing
			return "", fmt.Errorf("%s %s: %q is no %s", r.method, r.route, value, element[1:])
		}
		args = args[1:]
		elements[i] = url.PathEscape(value)
		if value == "." || value == ".." { // or it would be taken as a step in the path
			elements[i] = strings.ReplaceAll(value, ".", "%2E")
		}
	}
	return strings.Join(elements, "/"), nil
}

// build makes the HTTP request.
func (c *Client) build(ctx context.Context, r request, as credential) (*http.Request, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: the request cannot be written as JSON: %w", r.method, r.route, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.route, err)
	}
	if !r.bare {
		r = r.with("forceLogin", "true")
	}
	req.URL.RawQuery = r.query.Encode()
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if r.org > 0 && !r.bare {
		req.Header.Set("X-Grafana-Org-Id", strconv.FormatInt(r.org, 10))
	}
	as.authorize(req)
	return req, nil
}

// send makes one HTTP request. Its error says that there was no answer.
func (c *Client) send(ctx context.Context, r request, as credential) (a answer, err error) {
	timeout := c.cfg.Timeout
	if r.long {
		timeout = c.cfg.LongTimeout
	}
	ctx, cancel := context.WithTimeoutCause(
		ctx,
		timeout,
		fmt.Errorf("it took longer than %s: %w", timeout, context.DeadlineExceeded),
	)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := c.build(traced, r, as)
	if err != nil {
		return answer{}, err
	}
	a = answer{method: r.method, path: req.URL.EscapedPath(), route: r.route, spare: r.spare}
	if ctx.Err() != nil {
		return a, &noAnswer{method: a.method, path: a.path, err: context.Cause(ctx)}
	}
	start := c.cfg.Now()
	if c.limiter != nil {
		c.limiter.ReserveN(start, 1)
	}
	done := c.own.watch(ctx)
	err = c.exchange(req, r, &a)
	done()
	a.at = c.cfg.Now()
	c.cfg.Observe(Call{Route: r.route, Method: r.method, Status: a.status, Duration: a.at.Sub(start)})
	if err == nil {
		return a, nil
	}
	// Our own transport tells for certain whether it ever had a connection to send on.
	sent := !isDial(err) && (c.own == nil || connected.Load())
	return a, &noAnswer{method: a.method, path: a.path, sent: sent, err: err}
}

// exchange sends req and fills in the answer.
func (c *Client) exchange(req *http.Request, r request, a *answer) error {
	resp, err := c.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // method and URL are told anyway
		}
		return err
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	if a.status < 200 { // another protocol, whose talk does not end
		return nil
	}
	if a.status >= 300 {
		a.body, _ = io.ReadAll(io.LimitReader(resp.Body, maxError)) // the status tells enough if the rest is lost
		return nil
	}
	var body io.Reader = resp.Body
	if r.without != "" {
		body = newSkim(body, r.without)
	}
	if !r.large {
		a.body, err = readAll(body, maxAnswer)
		return err
	}
	return c.readLarge(req.Context(), body, a)
}

func readAll(body io.Reader, most int) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	if err == nil && len(read) > most {
		return nil, fmt.Errorf("the answer is larger than %d MiB", most>>20)
	}
	return read, err
}

// readLarge reads an answer that can be large. If it is, it waits until no other is in memory, and has it to itself
// until it is done.
func (c *Client) readLarge(ctx context.Context, body io.Reader, a *answer) error {
	begin, err := io.ReadAll(io.LimitReader(body, unbounded))
	if err != nil || len(begin) < unbounded {
		a.body = begin
		return err
	}
	select {
	case c.reading <- struct{}{}:
		a.release = func() { <-c.reading }
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	a.body, err = readAll(io.MultiReader(bytes.NewReader(begin), body), maxLarge)
	if err != nil {
		a.done()
	}
	return err
}

// call sends r with its credential. A session that has ended is renewed, and r sent again, once: Grafana had
// refused it without looking at it. A 401 that is not Grafana's own says nothing of the credential. Work that goes on
// WithinSession changes nothing in the next one.
func (c *Client) call(ctx context.Context, r request) (answer, error) {
	if r.as != nil {
		return c.send(ctx, r, *r.as)
	}
	as, err := c.login.credential(ctx)
	if err != nil {
		return answer{}, err
	}
	if err := c.checkSession(ctx, r, as); err != nil {
		return answer{}, err
	}
	a, err := c.send(ctx, r, as)
	c.noteSession(ctx, as)
	if err != nil || !a.refusesCredential() {
		return a, err
	}
	as, err = c.login.refused(ctx, as, a)
	if err != nil {
		return answer{}, err
	}
	if err := c.checkSession(ctx, r, as); err != nil {
		return answer{}, err
	}
	a, err = c.send(ctx, r, as)
	c.noteSession(ctx, as)
	if err == nil && as.cookies != nil && a.refusesCredential() {
		return answer{}, a.lostSession()
	}
	return a, err
}

// complete is implemented by answers that can tell whether they hold what Grafana always sends.
type complete interface{ complete() bool }

// list is a list of what can tell so.
type list[T complete] []T

func (l list[T]) complete() bool {
	return !slices.ContainsFunc(l, func(item T) bool { return !item.complete() })
}

// do sends r within s and decodes the answer, which must be a success in JSON.
func do[T any](ctx context.Context, s scope, r request) (T, error) {
	var result T
	err := use(ctx, s, r, func(answer T) error {
		result = answer
		return nil
	})
	return result, err
}

// use sends r within s and hands over the decoded answer, of which the large ones are in memory one at a time.
func use[T any](ctx context.Context, s scope, r request, see func(T) error) error {
	c, org, err := s.scope()
	if err != nil {
		return err
	}
	r.org = org
	a, err := c.call(ctx, r)
	if err != nil {
		return err
	}
	defer a.done()
	if a.status < 200 || a.status > 299 {
		return a.asError()
	}
	result, err := decode[T](a)
	if err != nil {
		return err
	}
	c.setClock(a)
	return see(result)
}

func decode[T any](a answer) (T, error) {
	var result, none T
	if err := json.Unmarshal(a.body, &result); err != nil || bytes.Equal(bytes.TrimSpace(a.body), []byte("null")) {
		return none, a.unreadable()
	}
	if v, ok := any(result).(complete); ok && !v.complete() {
		return none, a.unreadable()
	}
	return result, nil
}

// receipt is what Grafana sends when it has done what has no other answer.
type receipt struct {
	Message string `json:"message"`
}

func (r receipt) complete() bool { return r.Message != "" }

// exec sends r within s; of the answer only its success matters.
func exec(ctx context.Context, s scope, r request) error {
	_, err := do[receipt](ctx, s, r)
	return err
}
