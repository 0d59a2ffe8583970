package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsPassedOverIsReplacedByNull(t *testing.T) {
	for in, want := range map[string]string{
		`{"data":{"a":[1,"}",{"data":2}]},"b":1}`:       `{"data":null,"b":1}`,
		`[{"b":"data","data":"x\"}\\"},{"data":[]}]`:    `[{"b":"data","data":null},{"data":null}]`,
		`{"data" : 12.5e3 , "dat":"data","datas":true}`: `{"data" :null, "dat":"data","datas":true}`,
		`{"a":{"b":{"data":null}},"c":"\\"}`:            `{"a":{"b":{"data":null}},"c":"\\"}`,
		`{"\"data":1,"data\"":2,"xdata":3}`:             `{"\"data":1,"data\"":2,"xdata":3}`,
	} {
		for name, from := range map[string]io.Reader{"at once": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
			got, err := io.ReadAll(newSkim(from, "data"))
			if err != nil || string(got) != want {
				t.Errorf("%s, %s: %s, %v", in, name, got, err)
			}
		}
	}
}

func TestWhatEndsTooEarlyIsNotTakenForWhole(t *testing.T) {
	whole := `{"data":{"a":"b"},"b":"c"}`
	for n := 1; n < len(whole); n++ {
		got, err := io.ReadAll(newSkim(strings.NewReader(whole[:n]), "data"))
		if err == nil && json.Valid(got) {
			t.Errorf("%s became %s", whole[:n], got)
		}
	}
}

func TestALongTextIsCut(t *testing.T) {
	for _, unit := range []string{"x", `\"`, `\\`, "\\u003c", "ü", `\n\u0041y`} {
		text := strings.Repeat(unit, 2*longestText)
		got, err := io.ReadAll(newSkim(strings.NewReader(`{"m":"`+text+`","n":"end"}`), "data"))
		var answer struct{ M, N string }
		if err != nil || len(got) > longestText+100 || json.Unmarshal(got, &answer) != nil || answer.N != "end" {
			t.Errorf("%s: %d bytes, %v", unit, len(got), err)
		}
	}
}

// history serves a dashboard's history of some versions whose contents have some MiB each.
func history(t *testing.T, versions, mib int) *Client {
	chunk := []byte(strings.Repeat("x", 1<<20))
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		limit, start := 1000, 0
		_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		_, _ = fmt.Sscan(r.URL.Query().Get("continueToken"), &start)
		fmt.Fprint(w, `{"versions":[`)
		for n := start; n < min(start+limit, versions); n++ {
			if n > start {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, `{"version":%d,"parentVersion":%d,"data":{"text":"`, versions-n, versions-n-1)
			for range mib {
				_, _ = w.Write(chunk)
			}
			fmt.Fprintf(w, `"},"message":"number %d"}`, versions-n)
		}
		token := ""
		if start+limit < versions {
			token = fmt.Sprint(start + limit)
		}
		fmt.Fprintf(w, `],"continueToken":%q}`, token)
	})
}

// allocated is how many bytes something allocates in all.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestAHistoryOfLargeDashboardsTakesNoMemory(t *testing.T) {
	c := history(t, 21, 7)
	var got []string
	bytes := allocated(func() {
		for v, err := range c.Org(2).DashboardVersions(t.Context(), "d", "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v.Message)
		}
	})
	if len(got) < 20 || got[0] != "number 21" || got[19] != "number 2" {
		t.Errorf("read %q", got)
	}
	if bytes > 8<<20 {
		t.Errorf("20 versions of 7 MiB took %d KiB", bytes>>10)
	}
}

func TestAHistoryIsReadOnlyAsFarAsNeeded(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("limit")+" from "+q.Get("start"))
		answerJSON(w, 200, `[{"version":2,"parentVersion":1,"message":"m"}]`)
	})
	for range c.Org(2).DashboardVersions(t.Context(), "d", "") {
		break
	}
	if diff := cmp.Diff([]string{"1 from "}, asked); diff != "" {
		t.Error(diff)
	}
}

// A Grafana or proxy that does not heed the page asked for sends the same one again.
func TestAHistoryThatDoesNotEndIsLeft(t *testing.T) {
	for name, body := range map[string]string{
		"a list":  `[` + strings.Repeat(`{"version":9,"parentVersion":8},`, 9) + `{"version":9,"parentVersion":8}]`,
		"a token": `{"continueToken":"same","versions":[{"version":9,"parentVersion":8}]}`,
	} {
		asked := 0
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked > 10 {
				t.Fatal(name + " is asked for again and again")
			}
			answerJSON(w, 200, body)
		})
		for _, err := range c.Org(2).DashboardVersions(t.Context(), "d", "") {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// An older Grafana answers 404 beyond the last version, in words of its own. Another 404 is no end.
func TestTheEndOfAHistory(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		ends bool
	}{
		"of the versions": {`{"message":"No versions found for dashboardId 1","traceID":""}`, true},
		"of the gateway":  {html, false},
		"of the route":    {`{"message":"Not found"}`, false},
	} {
		asked, seen := 0, 0
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked > 1 {
				answerJSON(w, 404, test.body)
				return
			}
			answerJSON(w, 200, `[{"version":30,"parentVersion":29,"message":"m"}]`)
		})
		var failed error
		for _, err := range c.Org(2).DashboardVersions(t.Context(), "d", "") {
			if failed = err; err == nil {
				seen++
			}
		}
		if seen != 1 || asked != 2 || (failed == nil) != test.ends {
			t.Errorf("%s: %d versions after %d questions, %v", name, seen, asked, failed)
		}
	}
}

// The first version has none before it: nobody asks for more.
func TestNothingIsAskedBeyondTheFirstVersion(t *testing.T) {
	lists := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/versions") {
			lists++
			answerJSON(w, 200, `[{"version":1,"parentVersion":0,"message":"Initial save"}]`)
			return
		}
		answerJSON(w, 200, `{"version":1,"message":"m"}`)
	})
	for v, err := range c.Org(2).DashboardVersions(t.Context(), "d", "") {
		if v.Message != "m" || err != nil {
			t.Errorf("got %+v, %v", v, err)
		}
	}
	if lists != 1 {
		t.Errorf("the list was asked for %d times", lists)
	}
}

// Where /apis is not let through, the history comes the other way.
func TestHistoryThroughAPIsOrElse(t *testing.T) {
	page := func(next, items string) string {
		return fmt.Sprintf(listBegin, next) + items + "]}"
	}
	item := func(name string, version int, message string) string {
		return fmt.Sprintf(
			`{"metadata":{"name":%q,"generation":%d,"creationTimestamp":"2026-11-22T05:12:28Z","annotations":{"grafana.app/message":%q}}}`,
			name,
			version,
			message,
		)
	}
	for name, test := range map[string]struct {
		status int
		want   []string
	}{
		"it has it":        {200, []string{"2 apis", "1 first"}},
		"may not":          {403, []string{"2 api"}},
		"no such group":    {404, []string{"2 api"}},
		"no such selector": {400, []string{"2 api"}},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch q := r.URL.Query(); {
			case strings.HasPrefix(r.URL.Path, "/api/"):
				answerJSON(w, 200, `{"continueToken":"","versions":[{"version":2,"parentVersion":1,"message":"api"}]}`)
			case test.status != 200:
				answerJSON(w, test.status, `{"kind":"Status","status":"Failure","message":"no"}`)
			case q.Get("fieldSelector") != "metadata.name=d" || q.Get("labelSelector") != "grafana.app/get-history=true":
				answerJSON(w, 500, `{}`)
			case q.Get("continue") == "":
				answerJSON(w, 200, page("more", item("d", 2, "apis")))
			default:
				answerJSON(w, 200, page("", item("D", 7, "another's")+","+item("d", 1, "first")))
			}
		})
		var got []string
		for v, err := range c.Org(2).DashboardVersions(t.Context(), "d", "v1beta1") {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if line := fmt.Sprint(v.Version, " ", v.Message); len(got) == 0 || got[len(got)-1] != line {
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Of large contents there is one at a time in memory, however many are asked for; without content none is.
func TestLargeDashboardsOneAtATime(t *testing.T) {
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"meta":{"version":3,"url":"/grafana/d/one/title"},"dashboard":{"uid":"one","text":"`)
		for range 4 {
			_, _ = w.Write(chunk)
		}
		fmt.Fprint(w, `"}}`)
	})
	inside := make(chan struct{}, 1)
	done := make(chan error)
	for range 4 {
		go func() {
			d, err := c.Org(2).ReadDashboard(t.Context(), "one", func(content []byte) {
				select {
				case inside <- struct{}{}:
					runtime.Gosched()
					<-inside
				default:
					t.Error("two are in memory at once")
				}
				if len(content) < 4<<20 {
					t.Errorf("the content has %d bytes", len(content))
				}
			})
			if err == nil && (d.UID != "one" || d.Version != 3 || d.Model != nil) {
				err = fmt.Errorf("got %q, version %d", d.UID, d.Version)
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	took := allocated(func() {
		d, err := c.Org(2).ReadDashboard(t.Context(), "one", nil)
		if err != nil || d.UID != "one" || d.Version != 3 {
			t.Errorf("without content: %+v, %v", d, err)
		}
	})
	if took > 2<<20 {
		t.Errorf("without its content it took %d KiB", took>>10)
	}
}
