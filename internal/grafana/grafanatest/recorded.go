package grafanatest

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// operatorAgent begins the User-Agent of the operator's own requests.
const operatorAgent = "grafana-tenancy-operator"

// The recordings of the operator's own traffic with real Grafanas, one a version.
//
//go:embed testdata/operator/*.jsonl
var operatorRecordings embed.FS

// recordedShapes are the shapes of the operator's requests that a real Grafana of a version has answered.
var recordedShapes = sync.OnceValue(func() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, version := range []string{"10.4.3", "12.4.0"} {
		shapes, err := shapesIn("testdata/operator/" + version + ".jsonl")
		if err != nil {
			panic("grafanatest: " + err.Error())
		}
		all[version] = shapes
	}
	return all
})

func shapesIn(name string) (map[string]bool, error) {
	file, err := operatorRecordings.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	shapes := map[string]bool{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var x struct {
			Method, Path string
			Request      *string
			By           string
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		u, err := url.Parse(x.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if x.By != operatorAgent {
			continue
		}
		body := []byte(nil)
		if x.Request != nil {
			body = []byte(*x.Request)
		}
		shapes[Shape(x.Method, u, body)] = true
	}
	return shapes, lines.Err()
}

// recordingOf is the version that was recorded for one like it.
func recordingOf(version string) string {
	if strings.HasPrefix(version, "10.") {
		return "10.4.3"
	}
	return "12.4.0"
}

// unrecorded are the shapes of the operator's requests that no real Grafana was ever seen to answer.
type unrecorded struct {
	mu     sync.Mutex
	shapes map[string]bool
}

// everUnrecorded are those of all servers.
var everUnrecorded unrecorded

// Unrecorded lists the operator's requests that came although they are in no recording from a real Grafana of
// this version, by version and shape. Nobody knows what a real one answers to them: make record finds out.
func (s *Server) Unrecorded() []string { return s.unrecorded.list() }

// Unrecorded lists what is unrecorded of all servers that there ever were.
func Unrecorded() []string { return everUnrecorded.list() }

func (u *unrecorded) list() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Sorted(maps.Keys(u.shapes))
}

func (u *unrecorded) add(shape string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.shapes == nil {
		u.shapes = map[string]bool{}
	}
	u.shapes[shape] = true
}

// noteShape remembers a request of the operator's that is in no recording.
func (s *Server) noteShape(in inbound) {
	if s.real != nil || s.opts.CountOnly || !strings.HasPrefix(in.header.Get("User-Agent"), operatorAgent) {
		return
	}
	if route, _ := routes.match(
		in.method,
		in.url.EscapedPath(),
	); route == nil &&
		!strings.HasPrefix(in.url.Path, "/api") {
		return // a path that somebody has put before Grafana's by mistake
	}
	version := recordingOf(s.opts.Version)
	shape := Shape(in.method, in.url, in.body)
	if recordedShapes()[version][shape] {
		return
	}
	s.unrecorded.add(version + " " + shape)
	everUnrecorded.add(version + " " + shape)
}
