package grafanatest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// exchange is a line of a recording; testdata/README.md explains the fields.
type exchange struct {
	Seq            int
	Title          string
	Method, Path   string
	Auth           string
	Org            any
	Headers        map[string]string
	Request        *string
	RequestOmitted string
	Status         int
	ContentType    string
	Response       string
	ResponseCut    bool
	Repeat         bool
	Concurrent     bool
	At             float64
	DefinesToken   string
	Session        string
	DefinesSession string
	SetCookie      []string
}

func readExchanges(t *testing.T, file string) []exchange {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []exchange
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var x exchange
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, x)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	inOrderOfWinning(out)
	return out
}

// inOrderOfWinning sorts what was sent at the same time, and may therefore have
// been served in any order, by what came of it.
func inOrderOfWinning(all []exchange) {
	for from := 0; from < len(all); from++ {
		to := from
		for to < len(all) && all[to].Concurrent {
			to++
		}
		slices.SortStableFunc(all[from:to], func(a, b exchange) int {
			var was, is struct{ ID, OrgID, Version int64 }
			_ = json.Unmarshal([]byte(a.Response), &was)
			_ = json.Unmarshal([]byte(b.Response), &is)
			return cmp.Or(
				cmp.Compare(a.Status, b.Status),
				cmp.Compare(was.ID+was.OrgID, is.ID+is.OrgID),
				cmp.Compare(was.Version, is.Version),
			)
		})
		from = max(from, to-1)
	}
}

// replay sends a recording to a server and compares.
type replay struct {
	server   *Server
	now      time.Time
	keys     map[string]string // name of a token or session → our secret
	recorded map[string]string // generated text as recorded → ours
	ours     map[string]string // the other way round
}

func newReplay(file string) *replay {
	version := strings.TrimSuffix(file[strings.LastIndex(file, "-")+1:], ".jsonl")
	r := &replay{keys: map[string]string{}, recorded: map[string]string{}, ours: map[string]string{}}
	opts := Options{Version: version, Now: func() time.Time { return r.now }, Sources: demoSources{}}
	if strings.HasPrefix(file, "sessions") {
		opts.SessionRotation = 2 * time.Minute
	}
	r.now = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	r.server = New(opts)
	return r
}

// demoSources is what was behind data sources when a recording was made: what the demo has, at a path of its own.
type demoSources struct{}

func (demoSources) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, "/prometheus/") {
		return nil, fmt.Errorf("dial tcp %s: connect: connection refused", r.URL.Host)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// at sets the clock to the time of an exchange.
func (r *replay) at(x exchange) {
	r.now = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC).Add(time.Duration(x.At * float64(time.Second)))
}

// translate replaces what was generated in a recording by what we generated.
func (r *replay) translate(text string) string {
	for was, is := range r.recorded {
		text = strings.ReplaceAll(text, was, is)
	}
	return text
}

// body is what was sent. The one that was too long to record is made up.
func (x exchange) body() string {
	if x.RequestOmitted != "" {
		return `{"dashboard":{"title":"Big","panels":[],"uid":"big","description":"` + strings.Repeat(
			"x",
			2_000_000,
		) + `"}}`
	}
	if x.Request == nil {
		return ""
	}
	return *x.Request
}

// inbound makes the request of an exchange.
func (r *replay) inbound(x exchange) (inbound, error) {
	u, err := url.Parse(r.translate(x.Path))
	if err != nil {
		return inbound{}, err
	}
	if strings.HasPrefix(x.Path, "//") { // is no host
		u = &url.URL{Path: strings.SplitN(x.Path, "?", 2)[0]}
	}
	h := http.Header{}
	for k, v := range x.Headers {
		h.Set(k, r.credentials(v))
	}
	switch x.Auth {
	case "", "header":
	case "admin":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("admin:admin")))
	default:
		h.Set("Authorization", "Bearer "+r.keys[x.Auth])
	}
	if x.Session != "" {
		secret := r.keys[x.Session]
		if secret == "" {
			secret = "0123456789abcdef0123456789abcdef"
		}
		h.Set("Cookie", sessionCookie+"="+secret)
	}
	if x.Org != nil {
		h.Set("X-Grafana-Org-Id", fmt.Sprint(x.Org))
	}
	return inbound{
		ctx:    context.Background(),
		method: x.Method,
		url:    u,
		header: h,
		body:   []byte(r.translate(x.body())),
	}, nil
}

// credentials translates the key in a basic auth header.
func (r *replay) credentials(value string) string {
	encoded, basic := strings.CutPrefix(value, "Basic ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if !basic || err != nil {
		return value
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(r.translate(string(plain))))
}

// send sends an exchange and returns how the answer differs.
func (r *replay) send(x exchange) (a *answer, differences []string) {
	r.at(x)
	in, err := r.inbound(x)
	if err != nil {
		return nil, []string{err.Error()}
	}
	a, err = r.server.exchange(in)
	if err != nil {
		return nil, []string{err.Error()}
	}
	r.learn(x, a)
	return a, r.compare(x, a)
}

// learn keeps the secrets that an answer brings.
func (r *replay) learn(x exchange, a *answer) {
	if x.DefinesToken != "" {
		var made struct{ Key string }
		_ = json.Unmarshal(a.body, &made)
		r.keys[x.DefinesToken] = made.Key
	}
	if x.DefinesSession != "" {
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			if c.Name == sessionCookie {
				r.keys[x.DefinesSession] = c.Value
			}
		}
	}
}

// lastOfRun is the last of a run of repeats, which waited for one of Grafana's
// caches; an exchange that is not repeated is its own.
func lastOfRun(all []exchange, i int) exchange {
	for all[i].Repeat && i+1 < len(all) && all[i+1].Repeat && all[i+1].Auth == all[i].Auth &&
		all[i+1].Path == all[i].Path {
		i++
	}
	return all[i]
}

func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) != 12 {
		t.Fatalf("want 12 recordings, found %d, %v", len(files), err)
	}
	for _, path := range files {
		file := filepath.Base(path)
		t.Run(file, func(t *testing.T) { replayFile(t, file) })
	}
}

func replayFile(t *testing.T, file string) {
	all := readExchanges(t, file)
	r := newReplay(file)
	same, waits, excluded := 0, 0, 0
	for i, x := range all {
		r.leftOut(file, x)
		last := lastOfRun(all, i)
		if x.Method != "GET" && x.Status >= 300 && last.Status < 300 {
			waits++ // a write that is not allowed yet, and would be at once here
			continue
		}
		a, differences := r.send(x)
		if len(differences) > 0 && a != nil && len(r.compare(last, a)) == 0 {
			differences = nil
		}
		why, done := exclusionOf(file, x.Seq)
		switch {
		case why == "" && len(differences) == 0:
			same++
		case why == "":
			t.Errorf("%s %d %s: %s %s: %s", file, x.Seq, x.Title, x.Method, x.Path, strings.Join(differences, "\n\t"))
		case len(differences) == 0:
			t.Errorf(
				"%s %d %s: is excluded (%s), but comes out right: the exclusion is stale",
				file,
				x.Seq,
				x.Title,
				why,
			)
		default:
			excluded++
		}
		if done || a != nil && x.Status < 300 && a.status >= 300 && last.Status >= 300 {
			r.catchUp(x)
		}
	}
	if want := excludedIn(file); excluded != want {
		t.Errorf("%s: %d exchanges are excluded, the table names %d", file, excluded, want)
	}
	t.Logf(
		"%s: %d exchanges: %d come out the same, %d are repeats that wait for a cache, %d are excluded",
		file,
		len(all),
		same,
		waits,
		excluded,
	)
}

// catchUp brings about what a request did to the real Grafana and not to ours.
func (r *replay) catchUp(x exchange) {
	org := int64(0)
	if t := r.server.db.tokenOf(r.keys[x.Auth]); t != nil {
		org = t.orgID
	}
	r.server.Do(x.Method, r.translate(x.Path), org, r.translate(x.body()))
}

// leftOut does what was left out of a recording: a user deleted, dashboards
// made, something with an id of its own made and deleted.
func (r *replay) leftOut(file string, x exchange) {
	if !strings.HasPrefix(file, "grafana-") {
		return
	}
	switch x.Title {
	case "New org for these":
		r.server.Do("DELETE", "/api/admin/users/5", 1, nil)
	case "Delete":
		if x.Path != "/api/dashboards/uid/s-5" {
			return
		}
		for i := range 7 {
			body := `{"dashboard":{"uid":"s-%d","title":"S %d","panels":[],"schemaVersion":39,"tags":["srch","t%d"],"timezone":"browser"}}`
			in, err := r.inbound(
				exchange{
					Method:  "POST",
					Path:    "/api/dashboards/db",
					Auth:    "adminTok",
					Headers: map[string]string{"Content-Type": "application/json"},
				},
			)
			if err != nil {
				panic(err)
			}
			in.body = fmt.Appendf(nil, body, i, i, i)
			r.server.handle(in)
		}
		r.server.Do("DELETE", "/api/dashboards/uid/s-6", 37, nil)
	}
}

// compare holds an answer against an exchange.
func (r *replay) compare(x exchange, a *answer) []string {
	if a.status != x.Status {
		return []string{
			fmt.Sprintf("status %d, want %d: ours %.300s, recorded %.300s", a.status, x.Status, a.body, x.Response),
		}
	}
	var out []string
	if got, want := cookieForms(a.header.Values("Set-Cookie")), cookieForms(x.SetCookie); got != want {
		out = append(out, fmt.Sprintf("cookies %s, want %s", got, want))
	}
	if x.ResponseCut || x.Method == "HEAD" {
		return out
	}
	if !isJSON(x.ContentType) {
		if got, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); !strings.HasPrefix(x.ContentType, got) {
			out = append(out, fmt.Sprintf("content type %s, want %s", got, x.ContentType))
		}
		return out
	}
	var got, want any
	if err := decode(a.body, &got); err != nil {
		return append(out, fmt.Sprintf("ours is no JSON: %v: %.200s", err, a.body))
	}
	if err := decode([]byte(x.Response), &want); err != nil {
		return append(out, fmt.Sprintf("recording is no JSON: %v", err))
	}
	c := comparison{replay: r, route: routeOf(x)}
	c.values("", got, want)
	return append(out, c.differences...)
}

func decode(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	return dec.Decode(v)
}

func routeOf(x exchange) string {
	path, _, _ := strings.Cut(x.Path, "?")
	if r, _ := routes.match(x.Method, path); r != nil {
		return r.method + " " + r.pattern
	}
	return ""
}

// cookieForms is what matters of Set-Cookie headers: names, attributes, and
// whether there is a value.
func cookieForms(headers []string) string {
	var out []string
	for _, h := range headers {
		name, rest, _ := strings.Cut(h, "=")
		value, attributes, _ := strings.Cut(rest, ";")
		out = append(out, fmt.Sprintf("%s (empty: %t)%s", name, value == "", attributes))
	}
	return strings.Join(out, ", ")
}
