package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// The condition is told in the end, whatever failed on the way.
func TestDataSourcesAreToldInTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		only  string
		fault crash.Fault
		url   bool
	}{
		"permissions cannot be read":                 {"grafana GET /api/dashboards/uid", crash.Refused, false},
		"permissions cannot be read, of a url":       {"grafana GET /api/dashboards/uid", crash.Refused, true},
		"the last write of status fails":             {"kubernetes", crash.Refused, false},
		"the last write of status fails, of a url":   {"kubernetes", crash.Refused, true},
		"the last write of status is lost, of a url": {"kubernetes", crash.DropAfter, true},
	} {
		t.Run(name, func(t *testing.T) {
			for k := range 40 {
				w := crash.New(t, "12.4.0")
				w.Seed()
				crash.WithOrg(w)
				rested(w)
				w.Served = map[string]string{dashboardURL: namesTheirs}
				d := crash.Dashboard("requests", namesTheirs)
				if c.url {
					fromURL(d)
				}
				w.Arm(k, c.fault)
				w.Only = c.only
				w.Create(d)
				rested(w)
				hit := w.FailAt == -1
				points := len(w.Points)
				w.Arm(-1, crash.None)
				for range 2 {
					w.Clock = w.Clock.Add(lifecycle.DefaultResync)
					w.Everybody()
					rested(w)
				}
				if ready, resolved := said(w); !strings.HasPrefix(resolved, "False") {
					t.Errorf("fault at %d (%v of %d): %s\nresolved: %q", k, hit, points, ready, resolved)
					return
				}
				if k > points {
					return
				}
			}
		})
	}
}

// As above, where Grafana refuses permissions for the whole first pass and the retry within it.
func TestDataSourcesAreToldThoughPermissionsCameLate(t *testing.T) {
	for _, url := range []bool{false, true} {
		t.Run(fmt.Sprint("url ", url), func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			w.Seed()
			crash.WithOrg(w)
			rested(w)
			w.Served = map[string]string{dashboardURL: namesTheirs}
			d := crash.Dashboard("requests", namesTheirs)
			if url {
				fromURL(d)
			}
			n := 0
			w.Refuses = func(r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/permissions") && n < 2 {
					n++
					return true
				}
				return false
			}
			w.Create(d)
			rested(w)
			for range 2 {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				rested(w)
			}
			if ready, resolved := said(w); !strings.HasPrefix(resolved, "False") {
				t.Errorf("refused %d times: %s\nresolved: %q", n, ready, resolved)
			}
		})
	}
}

// The data source is gone and its DataSource too: the condition says that all are there.
func TestMappedDataSourceIsGone(t *testing.T) {
	w := settledWith(
		t,
		"12.4.0",
		crash.SourceSecret("first"),
		crash.NewDataSource(""),
		mappedDashboard(v1alpha1.DataSourceTarget{Ref: &v1alpha1.LocalObjectReference{Name: "source"}}),
	)
	ds := crash.NewDataSource("")
	w.Get(ds)
	w.Delete(ds)
	rested(w)
	if ready, resolved := said(w); strings.HasPrefix(resolved, "True") {
		t.Errorf("%s\n%s", ready, resolved)
	}
}

// The last word on a DataSource that is named as it is, and is deleted.
func TestNamedDataSourceIsGone(t *testing.T) {
	w := settledWith(
		t,
		"12.4.0",
		crash.SourceSecret("first"),
		crash.NewDataSource("theirs"),
		crash.Dashboard("requests", namesTheirs),
	)
	ds := crash.NewDataSource("")
	w.Get(ds)
	w.Delete(ds)
	rested(w)
	for range 3 {
		w.Clock = w.Clock.Add(lifecycle.DefaultResync)
		w.Everybody()
		rested(w)
	}
	if ready, resolved := said(w); strings.HasPrefix(resolved, "True") {
		t.Errorf("after three resyncs: %s\n%s", ready, resolved)
	}
}

// Sources that are again as status has them need no fetch.
func TestDataSourceIsMadeAgainWhileTheSourceIsAway(t *testing.T) {
	w := settledWith(t, "12.4.0", crash.SourceSecret("first"), crash.NewDataSource("given"))
	w.Served = map[string]string{dashboardURL: namesTheirs}
	d := nameMapped("Metrics")
	fromURL(d)
	w.Create(d)
	rested(w)
	w.Advance(w.Clock.Add(time.Minute))
	w.Served = nil
	ds := crash.NewDataSource("")
	w.Get(ds)
	w.Delete(ds)
	w.Briefly(time.Minute)
	t.Log(said(w))
	w.Create(crash.NewDataSource("given"))
	w.Briefly(2 * time.Minute)
	if ready, resolved := said(w); !strings.HasPrefix(ready, "True") {
		t.Errorf("it is in Grafana as it was: %s\n%s", ready, resolved)
	}
}

// a. A write of status that fails once leaves a lie for good: what the url holds by now names what is missing.
func TestConditionOfAnOlderContentDoesNotStand(t *testing.T) {
	for k := range 12 {
		w := settledWith(t, "10.4.3")
		theirSource(w, "by-hand", "Foreign metrics")
		w.Served = map[string]string{dashboardURL: strings.ReplaceAll(namesTheirs, "theirs", "by-hand")}
		d := crash.Dashboard("requests", "")
		fromURL(d)
		w.Create(d)
		rested(w)
		if _, resolved := said(w); !strings.HasPrefix(resolved, "True") {
			t.Fatal(resolved)
		}
		w.Served = map[string]string{dashboardURL: namesTheirs}
		w.Clock = w.Clock.Add(lifecycle.DefaultResync)
		w.Arm(k, crash.Refused)
		w.Only = "kubernetes"
		w.Everybody()
		rested(w)
		for i, p := range w.Points {
			if k < 0 {
				t.Log(i, p)
			}
		}
		w.Arm(-1, crash.None)
		for range 3 {
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Everybody()
			rested(w)
		}
		model, _ := modelOf(w)
		if ready, resolved := said(w); !strings.Contains(model, "theirs") || !strings.HasPrefix(resolved, "False") {
			t.Errorf("fault at %d; half an hour later: %s\n%s\n%s", k, model, ready, resolved)
			return
		}
	}
}

// b. A Dashboard whose status was lost, and a fault meanwhile.
func TestDataSourcesAreToldAfterALostStatusAndAFault(t *testing.T) {
	for _, f := range []crash.Fault{crash.Refused, crash.DeadAfter, crash.DeadBefore} {
		for k := range 30 {
			w := settledWith(t, "12.4.0", crash.Dashboard("requests", namesTheirs))
			wipe(w, crash.Dashboard("", ""))
			w.Clock = w.Clock.Add(lifecycle.DefaultResync)
			w.Arm(k, f)
			w.Everybody()
			rested(w)
			points := w.Points
			w.Arm(-1, crash.None)
			for range 2 {
				w.Clock = w.Clock.Add(lifecycle.DefaultResync)
				w.Everybody()
				rested(w)
			}
			if ready, resolved := said(w); !strings.HasPrefix(resolved, "False") {
				at := ""
				if k < len(points) {
					at = fmt.Sprint(points[k])
				}
				t.Errorf("fault %v at %d, %s: %s\nresolved: %q", f, k, at, ready, resolved)
				break
			}
		}
	}
}

// c. Another namespace takes the queries of a victim's dashboard, by a name that it is refused.
func TestAnotherNamespacesDataSourceOnlyWantsTheName(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	org := crash.Organization("Tenant")
	org.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	w.Create(org)
	rested(w)
	w.Create(crash.SourceSecret("first"), objectNamed(crash.NewDataSource(""), "victim"), nameMapped("Metrics"))
	rested(w)
	var victim string
	for _, s := range w.Grafana.Sources(3) {
		victim = s.UID
	}
	secret, evil := crash.SourceSecret("first"), objectNamed(crash.NewDataSource(""), "evil")
	secret.Namespace, evil.Namespace = "evil", "evil"
	evil.Spec.OrganizationRef.Namespace, evil.Spec.Name, evil.Spec.IsDefault = crash.Namespace, "Evil", nil
	w.Create(secret, evil)
	rested(w)
	crash.Edit(w, evil, func(d *v1alpha1.DataSource) { d.Spec.Name, d.Spec.Suspend = "Metrics", true })
	rested(w)
	for i := range 3 {
		w.Clock = w.Clock.Add(lifecycle.DefaultResync)
		w.Everybody()
		rested(w)
		model, version := modelOf(w)
		if !strings.Contains(model, victim) {
			t.Errorf("%d: version %d: %s", i, version, model)
		}
	}
	w.Get(evil)
	t.Logf("sources %d; evil: %+v", len(w.Grafana.Sources(3)), conditionOf(evil, "Available"))
}

// A deleted data source of a person, mapped by uid: Ready, and saved as it was.
func TestMappedByUIDWithoutAList(t *testing.T) {
	w := settledWith(t, "12.4.0")
	theirSource(w, "by-hand", "Foreign metrics")
	d := mappedDashboard(v1alpha1.DataSourceTarget{UID: "by-hand"})
	d.Spec.Source.JSON = new(
		`{"title":"x","panels":[{"datasource":"theirs"},{"datasource":{"uid":"theirs","type":"t"}}]}`,
	)
	w.Create(d)
	rested(w)
	model, v := modelOf(w)
	t.Log(v, model)
	w.Grafana.Do(http.MethodDelete, "/api/datasources/uid/by-hand", 3, nil)
	for range 3 {
		w.Clock = w.Clock.Add(lifecycle.DefaultResync)
		w.Everybody()
		rested(w)
		model, v = modelOf(w)
		t.Log(v, model)
		t.Log(said(w))
	}
	// and where the list is refused, though the uid is given
	w.Refuses = func(r *http.Request) bool { return r.URL.Path == "/api/datasources" }
	w.Clock = w.Clock.Add(lifecycle.DefaultResync)
	w.Everybody()
	w.Briefly(time.Minute)
	t.Log(said(w))
}

// A dashboard is made again, of a content that names others, and its permissions cannot be looked at: what was said of
// the content before is not said of this one.
func TestConditionOfAnOlderContentIsNotSaidOfOneMadeAgain(t *testing.T) {
	w := settledWith(t, "12.4.0")
	theirSource(w, "by-hand", "Foreign metrics")
	w.Create(crash.Dashboard("requests", strings.ReplaceAll(namesTheirs, "theirs", "by-hand")))
	rested(w)
	if _, resolved := said(w); !strings.HasPrefix(resolved, "True") {
		t.Fatal(resolved)
	}
	w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
	asked := false
	w.Answers = func(r *http.Request) *http.Response {
		if !strings.HasSuffix(r.URL.Path, "/permissions") {
			return nil
		}
		asked = true
		header := http.Header{"Content-Type": {"application/json"}}
		return &http.Response{StatusCode: http.StatusInternalServerError, Header: header, Body: http.NoBody, Request: r}
	}
	d := crash.Dashboard("", "")
	crash.Edit(w, d, func(d *v1alpha1.Dashboard) { d.Spec.Source.JSON = new(namesTheirs) })
	w.Visit("Dashboard tenant/" + d.Name)
	model, _ := modelOf(w)
	if _, resolved := said(w); !asked || !strings.Contains(model, "theirs") || strings.HasPrefix(resolved, "True") {
		t.Errorf("permissions asked for: %v; %s\n%s", asked, model, resolved)
	}
}
