package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is a line of a recording.
type exchange struct {
	Seq            int               `json:"seq"`
	By             string            `json:"by,omitempty"`
	Method         string            `json:"method"`
	Path           string            `json:"path"`
	Auth           string            `json:"auth,omitempty"`
	Session        string            `json:"session,omitempty"`
	Org            *int64            `json:"org,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Request        *string           `json:"request,omitempty"`
	Status         int               `json:"status"`
	ContentType    string            `json:"contentType,omitempty"`
	Response       string            `json:"response"`
	ResponseCut    bool              `json:"responseCut,omitempty"`
	SetCookie      []string          `json:"setCookie,omitempty"`
	DefinesToken   string            `json:"definesToken,omitempty"`
	DefinesSession string            `json:"definesSession,omitempty"`
	At             float64           `json:"at"`
}

// longest is how much of an answer is kept.
const longest = 6000

// operatorAgent begins the User-Agent of the operator's own requests.
const operatorAgent = "grafana-tenancy-operator"

// tape stands before a Grafana and writes down what passes, one exchange after the other: what changes there
// must be in the order in which it happened.
type tape struct {
	to     *url.URL
	client *http.Client
	began  time.Time

	mu        sync.Mutex
	veil      *veil
	exchanges []exchange
}

func newTape(to *url.URL, password string) *tape {
	began := time.Now().Truncate(time.Second) // of which Grafana counts some things
	return &tape{to: to, began: began, veil: newVeil(password), client: &http.Client{
		Timeout:       10 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ServeHTTP implements http.Handler.
func (t *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	at := time.Since(t.began)
	resp, got, err := t.pass(r, sent) //nolint:bodyclose // pass has read it and closed it
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	t.exchanges = append(t.exchanges, t.describe(r, sent, resp, got, at))
	resp.Header.Del("Content-Length")
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(got)
}

// pass sends a request on.
func (t *tape) pass(r *http.Request, body []byte) (*http.Response, []byte, error) {
	target := strings.TrimSuffix(t.to.String(), "/") + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // or the answer would be recorded as it is compressed
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp, got, err
}

// describe puts an exchange into a line, without secrets.
func (t *tape) describe(r *http.Request, sent []byte, resp *http.Response, got []byte, at time.Duration) exchange {
	x := exchange{
		Seq: len(t.exchanges) + 1, Method: r.Method, Path: r.URL.RequestURI(), Headers: map[string]string{},
		Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), At: float64(at.Milliseconds()) / 1000,
	}
	if strings.HasPrefix(r.UserAgent(), operatorAgent) {
		x.By = operatorAgent
	}
	for _, name := range []string{"Accept", "Content-Type"} {
		if value := r.Header.Get(name); value != "" {
			x.Headers[name] = value
		}
	}
	if org, err := strconv.ParseInt(r.Header.Get("X-Grafana-Org-Id"), 10, 64); err == nil {
		x.Org = &org
	}
	t.veil.credential(&x, r)
	if len(sent) > 0 {
		x.Request = new(t.veil.body(r, string(sent)))
	}
	t.veil.made(&x, r, resp, got)
	x.Response = t.veil.text(string(got))
	if len(x.Response) > longest {
		x.Response, x.ResponseCut = x.Response[:longest], true
	}
	return x
}

// write writes the recording. Of looks that are repeated, as while something is waited for, the first and the
// last are kept.
func (t *tape) write(file string) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	for i, x := range t.exchanges {
		if i > 0 && i+1 < len(t.exchanges) && t.exchanges[i-1].repeatedBy(x) && x.repeatedBy(t.exchanges[i+1]) {
			continue
		}
		if err := lines.Encode(x); err != nil {
			return 0, err
		}
		n++
	}
	return n, os.WriteFile(file, out.Bytes(), 0o600)
}

func (x *exchange) repeatedBy(next exchange) bool {
	return x.Method == http.MethodGet && next.Method == x.Method && next.Path == x.Path && next.Auth == x.Auth &&
		next.Session == x.Session &&
		next.By == x.By &&
		next.Headers["Authorization"] == x.Headers["Authorization"] &&
		orgOf(next) == orgOf(*x)
}

func orgOf(x exchange) int64 { return *cmp.Or(x.Org, new(int64)) }
