package controllers_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// strict is background as the Queue is: another request under the same key takes the place of the one before.
type strict struct {
	fetch func(context.Context, fetch.Request) (fetch.Fetched, error)
	asked map[string]fetch.Request
	times int
	log   []string
}

//nolint:revive // as Sources has it
func (b *strict) Take(key, _ string, r fetch.Request, wake func()) (fetch.Fetched, error, bool) {
	if was, has := b.asked[key]; !has || !reflect.DeepEqual(was, r) {
		b.asked[key] = r
		b.times++
		b.log = append(b.log, fmt.Sprintf("ask etag=%q (dropped another: %v)", r.ETag, has))
		wake()
		return fetch.Fetched{}, nil, false
	}
	delete(b.asked, key)
	got, err := b.fetch(context.Background(), r)
	b.log = append(b.log, fmt.Sprintf("took etag=%q notmodified=%v err=%v", r.ETag, got.NotModified, err))
	return got, err, true
}

func (b *strict) Forget(key string) { delete(b.asked, key) }

func answer(r *http.Request, status int, body string, grafanas bool) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	if !grafanas {
		h.Set("Content-Type", "text/html")
	}
	return &http.Response{
		StatusCode: status,
		Header:     h,
		Body:       io.NopCloser(strings.NewReader(body)),
		Request:    r,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}
}

func noTags(w *crash.World) func(context.Context, fetch.Request) (fetch.Fetched, error) {
	return func(ctx context.Context, r fetch.Request) (fetch.Fetched, error) {
		got, err := w.Serve(ctx, r)
		got.ETag, got.NotModified = "", false
		return got, err
	}
}

func TestFetchedDashboardFollowsADataSourceFoundByName(t *testing.T) {
	w := crash.New(t, "12.4.0")
	b := &strict{fetch: w.Serve, asked: map[string]fetch.Request{}}
	w.Sources = b
	w.Start()
	w.Seed()
	w.Served = map[string]string{dashboardURL: namesTheirs}
	crash.WithOrg(w)
	rested(w)
	theirSource(w, "by-hand", "Metrics")
	d := mappedDashboard(v1alpha1.DataSourceTarget{Name: "Metrics"})
	fromURL(d)
	w.Create(d)
	rested(w)
	w.Clock = w.Clock.Add(lifecycle.DefaultResync)
	w.Everybody()
	rested(w)
	t.Log(said(w))
	b.log = nil
	times := b.times
	w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/by-hand", 3, nil)
	theirSource(w, "by-another", "Metrics")
	w.Clock = w.Clock.Add(lifecycle.DefaultResync)
	w.Everybody()
	visits := 0
	w.Told = func(o lifecycle.Outcome) {
		if o.Kind == "Dashboard" {
			if visits++; visits > 200 {
				panic("livelock")
			}
		}
	}
	func() {
		defer func() { t.Log("recovered: ", recover()) }()
		w.Briefly(time.Minute)
	}()
	model, v := modelOf(w)
	n := len(b.log)
	if n > 14 {
		n = 14
	}
	t.Log(strings.Join(b.log[:n], "\n"))
	if !strings.Contains(model, "by-another") {
		t.Errorf("visits %d, fetches %d, version %d: %s", visits, b.times-times, v, model)
	}
}

// Variants of the livelock: what changes, and whether the server is there.
func TestNothingIsFetchedWithoutEnd(t *testing.T) {
	for _, what := range []string{"made anew", "gone", "default moved", "made anew, server away", "made anew, no etag", "made anew, not due"} {
		t.Run(what, func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			b := &strict{fetch: w.Serve, asked: map[string]fetch.Request{}}
			if strings.Contains(what, "no etag") {
				b.fetch = nil
			}
			w.Sources = b
			if b.fetch == nil {
				b.fetch = noTags(w)
			}
			w.Start()
			w.Seed()
			w.Served = map[string]string{dashboardURL: namesTheirs}
			crash.WithOrg(w)
			rested(w)
			theirSource(w, "by-hand", "Metrics")
			w.Grafana.Do(
				http.MethodPut,
				"/api/datasources/uid/by-hand",
				3,
				map[string]any{
					"name":      "Metrics",
					"type":      "loki",
					"access":    "proxy",
					"url":       "http://127.0.0.1:9",
					"isDefault": true,
				},
			)
			d := mappedDashboard(v1alpha1.DataSourceTarget{Name: "Metrics"})
			if what == "default moved" {
				d = mappedDashboard(v1alpha1.DataSourceTarget{Default: true})
			}
			fromURL(d)
			w.Create(d)
			rested(w)
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
			rested(w)
			m, v := modelOf(w)
			if !strings.Contains(m, "by-hand") {
				t.Fatal(m)
			}
			b.log = nil
			times := b.times
			w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/by-hand", 3, nil)
			if what != "gone" {
				theirSource(w, "by-another", "Metrics")
				w.Grafana.Do(
					http.MethodPut,
					"/api/datasources/uid/by-another",
					3,
					map[string]any{
						"name":      "Metrics",
						"type":      "loki",
						"access":    "proxy",
						"url":       "http://127.0.0.1:9",
						"isDefault": true,
					},
				)
			}
			if strings.Contains(what, "away") {
				w.Served = nil
			}
			if strings.Contains(what, "not due") {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync / 2)
			} else {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			}
			w.Everybody()
			visits := 0
			w.Told = func(o lifecycle.Outcome) {
				if o.Kind == "Dashboard" {
					if visits++; visits > 300 {
						panic("livelock")
					}
				}
			}
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Error(r)
					}
				}()
				w.Briefly(time.Minute)
			}()
			w.Told = nil
			m, v2 := modelOf(w)
			r, s := said(w)
			t.Log(visits, "visits", b.times-times, "fetches; version", v, "->", v2, m, "\n", r, "\n", s)
		})
	}
}

// A DataSource that loses the default, or is renamed, seen by dashboards from a url.
func TestMappedDashboardsRest(t *testing.T) {
	for _, src := range []string{"json", "url", "com"} {
		for name, to := range map[string]v1alpha1.DataSourceTarget{
			"ref": {Ref: &v1alpha1.LocalObjectReference{Name: "source"}}, "name": {Name: "Metrics"}, "foreign name": {Name: "Foreign metrics"},
			"default": {Default: true}, "uid": {UID: "by-hand"}, "no uid": {UID: "none"}, "no name": {Name: "None"},
		} {
			t.Run(src+" "+name, func(t *testing.T) {
				w := crash.New(t, "12.4.0")
				b := &strict{fetch: w.Serve, asked: map[string]fetch.Request{}}
				w.Sources = b
				w.Start()
				w.Seed()
				w.Served = map[string]string{
					dashboardURL: namesTheirs,
					"https://grafana.com/api/dashboards/7/revisions/1/download": namesTheirs,
				}
				crash.WithOrg(w)
				w.Create(crash.SourceSecret("first"), crash.NewDataSource(""))
				rested(w)
				theirSource(w, "by-hand", "Foreign metrics")
				d := mappedDashboard(to)
				switch src {
				case "url":
					fromURL(d)
				case "com":
					d.Spec.Source = v1alpha1.DashboardSource{
						GrafanaCom: &v1alpha1.GrafanaComDashboard{ID: 7, Revision: 1},
					}
				}
				w.Create(d)
				rested(w)
				first := b.times
				_, v := modelOf(w)
				n := len(w.History[dashKey])
				var took []string
				for i := range 4 {
					before := b.times
					if i == 2 {
						w.Start()
					}
					w.Clock = w.Clock.Add(lifecycle.DefaultResync)
					w.Everybody()
					w.Briefly(2 * time.Minute)
					took = append(took, fmt.Sprint(b.times-before))
				}
				_, v2 := modelOf(w)
				r, s := said(w)
				t.Log(
					"first",
					first,
					"then",
					took,
					"versions",
					v,
					v2,
					"status writes at rest",
					len(w.History[dashKey])-n,
					"held",
					w.Env.FetchedBytes(),
					r[:4],
					s,
				)
				if v != v2 || len(w.History[dashKey]) != n || w.Env.FetchedBytes() != 0 {
					t.Error("not at rest")
				}
			})
		}
	}
}

// The list is refused, not empty: what stands in Grafana is taken back.
func TestARefusedListTakesBackNoMapping(t *testing.T) {
	for name, a := range map[string]func(*http.Request) *http.Response{
		"403 of Grafana": func(r *http.Request) *http.Response {
			return answer(r, 403, `{"accessErrorId":"ACE1","message":"You'll need additional permissions to perform this action. Permissions needed: datasources:read","title":"Access denied"}`, true)
		},
		"403 page": func(r *http.Request) *http.Response { return answer(r, 403, "<html>blocked</html>", false) },
		"404 page": func(r *http.Request) *http.Response { return answer(r, 404, "<html>none</html>", false) },
		"200 page": func(r *http.Request) *http.Response { return answer(r, 200, "<html>none</html>", false) },
		"413 page": func(r *http.Request) *http.Response { return answer(r, 413, "<html>none</html>", false) },
	} {
		for _, what := range []string{"panel", "variable"} {
			t.Run(name+" "+what, func(t *testing.T) {
				w := settledWith(t, "12.4.0")
				theirSource(w, "by-hand", "Metrics")
				d := mappedDashboard(v1alpha1.DataSourceTarget{Name: "Metrics"})
				if what == "variable" {
					d.Spec.Source.JSON = new(
						`{"title":"x","templating":{"list":[{"type":"datasource","name":"ds","current":{"value":"old","text":"old"}}]},"panels":[{"datasource":{"uid":"${ds}"}}]}`,
					)
					d.Spec.DataSources[0].From = "${ds}"
				}
				w.Create(d)
				rested(w)
				model, v := modelOf(w)
				if !strings.Contains(model, "by-hand") {
					t.Fatal(model)
				}
				w.Clock = w.Clock.Add(time.Minute)
				w.Answers = func(r *http.Request) *http.Response {
					if r.URL.Path == "/api/datasources" {
						return a(r)
					}
					return nil
				}
				crash.Edit(
					w,
					crash.Dashboard("", ""),
					func(d *v1alpha1.Dashboard) { d.Spec.DriftPolicy = v1alpha1.DriftReport },
				)
				w.Briefly(time.Minute)
				now, v2 := modelOf(w)
				ready, resolved := said(w)
				t.Logf("version %d -> %d: %s\n%s\n%s", v, v2, now, ready, resolved)
				if !strings.Contains(now, "by-hand") {
					t.Error("mapping taken back")
				}
			})
		}
	}
}
