package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// theirSources makes a data source as a person does.
func theirSources(w *suite.World, org int64, uid string, fields map[string]any) {
	w.T.Helper()
	body := map[string]any{
		"uid": uid, "name": "Theirs " + uid, "type": "loki", "access": "proxy", "url": "http://127.0.0.1:9",
		"secureJsonData": map[string]string{"httpHeaderValue1": "theirs"}, "jsonData": map[string]any{"maxLines": 7},
	}
	for name, value := range fields {
		body[name] = value
	}
	w.Ask("POST", "/api/datasources", org, body)
}

func asDefault(o *v1alpha1.DataSource)  { o.Spec.IsDefault = new(true) }
func notDefault(o *v1alpha1.DataSource) { o.Spec.IsDefault = new(false) }

// defaultOf is the uid of the organization's default; empty: there is none.
func defaultOf(w *suite.World, org int64) string {
	for _, s := range w.Grafana.Sources(org) {
		if s.IsDefault {
			return s.UID
		}
	}
	return ""
}

// The default is whose object asks for it first, it is given back to that one after an edit, and nobody else's is
// touched.
func TestAPIDataSourceDefault(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		untilDefault := func(obj *v1alpha1.DataSource) {
			t.Helper()
			w.Eventually("the default is "+obj.Name, func() error {
				if uid := defaultOf(w, org); uid != suite.Get(w, obj).Status.UID {
					return fmt.Errorf("it is %q; conditions %+v", uid, obj.Status.Conditions)
				}
				return nil
			})
		}
		plain := suite.Ready(w, dataSource(w, "plain", "team"))
		if uid := defaultOf(w, org); uid != "" {
			t.Errorf("the first one has become the default: %s", uid)
		}
		first := suite.Ready(w, dataSource(w, "first", "team", asDefault))
		untilDefault(first)
		second := dataSource(w, "second", "team", asDefault)
		suite.Stalled(w, second, v1alpha1.ReasonNameConflict, "DataSource first", "isDefault: true in one of them only")
		if s := source(w, second); s == nil || s.URL != "http://127.0.0.1:1" {
			t.Errorf("all else of it is %+v", s)
		}
		suite.Ready(w, suite.Visit(w, plain)) // leaves it as it is
		untilDefault(first)

		editSource(w, org, plain.Status.UID, func(f map[string]any) { f["isDefault"] = true })
		suite.Visit(w, first)
		untilDefault(first)

		w.Delete(first)
		w.Gone(first)
		suite.Ready(w, suite.Visit(w, second))
		untilDefault(second)
		suite.Change(w, second, func() { second.Spec.IsDefault = nil })
		suite.Ready(w, second)
		untilDefault(second)
		suite.Change(w, second, func() { second.Spec.IsDefault = new(false) })
		suite.Ready(w, second)
		if uid := defaultOf(w, org); uid != "" {
			t.Errorf("the default is %s still", uid)
		}
	})
}

// What people have made the default stays it, unless both sides say otherwise.
func TestAPIDataSourceDefaultOfPeople(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		team := suite.Ready(w, w.Organization("team"))
		org := team.Status.OrgID
		theirSources(w, org, "theirs", nil) // the first one
		obj := dataSource(w, "ours", "team", asDefault)
		suite.Stalled(w, obj, v1alpha1.ReasonAlreadyExists, `"Theirs theirs"`, "switch that off")
		if uid := defaultOf(w, org); uid != "theirs" {
			t.Errorf("the default is %q", uid)
		}
		suite.Ready(w, dataSource(w, "never", "team", notDefault))
		suite.Ready(w, dataSource(w, "plain", "team"))
		if uid := defaultOf(w, org); uid != "theirs" {
			t.Errorf("the default is %q", uid)
		}
		suite.Change(w, team, func() { team.Spec.Adoption = v1alpha1.AdoptionAllow })
		suite.Change(w, obj, func() { obj.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt })
		suite.Ready(w, obj)
		if uid := defaultOf(w, org); uid != obj.Status.UID {
			t.Errorf("the default is %q", uid)
		}
	})
}

// A name or uid that somebody has is left to them, with a sentence that helps.
func TestAPIDataSourceTaken(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		theirSources(w, org, "theirs", nil)
		named := func(o *v1alpha1.DataSource) { o.Spec.Name = "Theirs theirs" }
		suite.Stalled(
			w,
			dataSource(w, "name", "team", named),
			v1alpha1.ReasonAlreadyExists,
			`"Theirs theirs" (uid theirs)`,
			"adoptionPolicy: Adopt",
		)
		uid := dataSource(w, "uid", "team", func(o *v1alpha1.DataSource) { o.Spec.UID = "theirs" })
		suite.Stalled(w, uid, v1alpha1.ReasonAlreadyExists, "uid theirs")
		adopter := dataSource(w, "adopter", "team", named, func(o *v1alpha1.DataSource) {
			o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		})
		suite.Stalled(w, adopter, v1alpha1.ReasonAdoptionNotPermitted, "spec.adoption set to Allow")

		ours := suite.Ready(w, dataSource(w, "ours", "team", func(o *v1alpha1.DataSource) { o.Spec.UID = "ours" }))
		suite.Stalled(w, dataSource(w, "twin", "team", func(o *v1alpha1.DataSource) { o.Spec.Name = "ours" }),
			v1alpha1.ReasonNameConflict, "DataSource ours")
		suite.Stalled(w, dataSource(w, "clone", "team", func(o *v1alpha1.DataSource) { o.Spec.UID = "ours" }),
			v1alpha1.ReasonNameConflict, "DataSource ours")
		suite.Change(w, ours, func() { ours.Spec.Name = "Theirs theirs" })
		suite.Stalled(w, ours, v1alpha1.ReasonAlreadyExists, `"Theirs theirs"`)
		suite.Change(w, ours, func() { ours.Spec.Name = "Renamed" })
		suite.Ready(w, ours)
		for _, obj := range []*v1alpha1.DataSource{uid, adopter} {
			w.Delete(obj)
			w.Gone(obj)
		}
		if s := w.Grafana.Source(org, "theirs"); s == nil || s.Type != "loki" || s.Version != 1 {
			t.Errorf("theirs is %+v", s)
		}
	})
}

// With the consent of both sides a data source is taken over, by its uid or else by its name, and stays when the object
// goes. What it has lost, its mark, is put back.
func TestAPIDataSourceAdopted(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team", func(o *v1alpha1.Organization) {
			o.Spec.Adoption = v1alpha1.AdoptionAllow
		})).Status.OrgID
		theirSources(w, org, "one", nil)
		theirSources(w, org, "two", nil)
		for uid, by := range map[string]func(*v1alpha1.DataSource){
			"one": func(o *v1alpha1.DataSource) { o.Spec.UID = "one" },
			"two": func(o *v1alpha1.DataSource) { o.Spec.Name = "Theirs two" },
		} {
			obj := suite.Ready(w, dataSource(w, uid, "team", by, func(o *v1alpha1.DataSource) {
				o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
			}))
			// Where there are several servers, each remembers for some seconds which secrets there are.
			untilSource(w, obj, uid+" without its secrets", func(s *grafanatest.Source) bool {
				return s.UID == uid && s.Type == "prometheus" && len(s.SecureFields) == 0 &&
					s.IsDefault == (uid == "one")
			})
			if !obj.Status.Adopted {
				t.Errorf("%s: status %+v", uid, obj.Status)
			}
			editSource(w, org, uid, func(f map[string]any) { delete(f, "jsonData") })
			suite.Visit(w, obj)
			untilSource(w, obj, "the mark", func(s *grafanatest.Source) bool {
				return strings.HasSuffix(
					fmt.Sprint(s.JSONData["grafana-tenancy.dev/owner"]),
					string(obj.UID)+" adopted",
				)
			})
			w.Delete(obj)
			w.Gone(obj)
			if s := w.Grafana.Source(org, uid); s == nil {
				t.Errorf("%s went with the object that had adopted it", uid)
			}
		}
		again := suite.Ready(w, dataSource(w, "one", "team", func(o *v1alpha1.DataSource) {
			o.Spec.UID, o.Spec.DeletionPolicy = "one", v1alpha1.DeletionDelete
		}))
		if !again.Status.Adopted {
			t.Errorf("in its next life it forgets that it was there before: %+v", again.Status)
		}
		w.Delete(again)
		w.Gone(again)
		if s := w.Grafana.Source(org, "one"); s != nil {
			t.Errorf("it was to be deleted: %+v", s)
		}
	})
}

// One that comes from a file is refused, also if it becomes one later.
func TestAPIDataSourceProvisioned(t *testing.T) {
	t.Parallel()
	suite.NotOnReal(t, "a file is put onto the server")
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Adoption = v1alpha1.AdoptionAllow
	})).Status.OrgID
	theirSources(w, org, "file", nil)
	w.Grafana.Provision(org, "file")
	suite.Stalled(w, dataSource(w, "adopter", "team", func(o *v1alpha1.DataSource) {
		o.Spec.UID, o.Spec.AdoptionPolicy = "file", v1alpha1.AdoptionAdopt
	}), v1alpha1.ReasonAlreadyExists, "comes from a file on Grafana's server")
	obj := suite.Ready(w, dataSource(w, "ours", "team"))
	w.Grafana.Provision(org, obj.Status.UID)
	suite.Visit(w, obj)
	suite.Stalled(w, obj, v1alpha1.ReasonAlreadyExists, "comes from a file on Grafana's server")
	w.Delete(obj)
	w.Gone(obj)
	if len(w.Grafana.Sources(org)) != 2 {
		t.Errorf("there are %+v", w.Grafana.Sources(org))
	}
}

// deletionPolicy Orphan leaves it, an object of the same name has it back, and an organization is not deleted with it.
func TestAPIDataSourceOrphan(t *testing.T) {
	everyVersion(t, func(t *testing.T, w *suite.World) {
		team := suite.Ready(w, w.Organization("team"))
		orphan := func(o *v1alpha1.DataSource) { o.Spec.DeletionPolicy = v1alpha1.DeletionOrphan }
		obj := suite.Ready(w, dataSource(w, "metrics", "team", orphan, asDefault))
		uid := obj.Status.UID
		w.Delete(obj)
		w.Gone(obj)
		again := suite.Ready(w, dataSource(w, "metrics", "team", orphan))
		if s := source(w, again); s == nil || s.UID != uid || !s.IsDefault || again.UID == obj.UID {
			t.Errorf("in its next life it has %+v, status %+v", s, again.Status)
		}
		w.Delete(again)
		w.Gone(again)
		w.Delete(team)
		suite.Stalled(w, team, v1alpha1.ReasonDeletionBlocked, `data source "metrics"`)
		w.Ask("DELETE", "/api/datasources/uid/"+uid, team.Status.OrgID, nil)
		suite.Visit(w, team)
		w.Gone(team)
	})
}

// An organization waits for its DataSources, and goes when they are gone; what is not theirs keeps it.
func TestAPIDataSourceHoldsOrganization(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	team := suite.Ready(w, w.Organization("team"))
	obj := suite.Ready(w, dataSource(w, "metrics", "team"))
	w.Delete(team)
	suite.Stalled(w, team, v1alpha1.ReasonDeletionBlocked, "1 DataSource")
	w.Delete(obj)
	w.Gone(obj, team)
	if w.Org(team.Status.OrgID) != nil {
		t.Error("the organization is still there")
	}
}

// Deleted in Grafana it is made again, under the same uid.
func TestAPIDataSourceDeletedInGrafana(t *testing.T) {
	everyVersion(t, func(_ *testing.T, w *suite.World) {
		org := suite.Ready(w, w.Organization("team")).Status.OrgID
		obj := suite.Ready(w, dataSource(w, "metrics", "team", asDefault))
		uid := obj.Status.UID
		w.Ask("DELETE", "/api/datasources/uid/"+uid, org, nil)
		suite.Visit(w, obj)
		untilSource(w, obj, "made again", func(s *grafanatest.Source) bool { return s.UID == uid && s.IsDefault })
		suite.Ready(w, obj)
	})
}

// What Grafana would refuse at the next change, or would show to everybody, is refused before anything is made.
func TestAPIDataSourceRefused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team")).Status.OrgID
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		change func(*v1alpha1.DataSourceSpec)
		words  string
	}{
		"no-url":    {func(s *v1alpha1.DataSourceSpec) { s.URL = "" }, "type prometheus needs a url"},
		"bad-url":   {func(s *v1alpha1.DataSourceSpec) { s.URL = "http://[::1" }, "is no url that Grafana takes"},
		"long-url":  {func(s *v1alpha1.DataSourceSpec) { s.URL = "http://" + long }, "spec.url has 307 bytes"},
		"odbc":      {func(s *v1alpha1.DataSourceSpec) { s.Type, s.URL = "mssql", "http://a:b:c" }, "takes for mssql"},
		"rendered":  {func(s *v1alpha1.DataSourceSpec) { s.URL = "http://a{{ trimPrefix `/` `/@b` }}" }, "a user in the url"},
		"long-name": {func(s *v1alpha1.DataSourceSpec) { s.Name = strings.Repeat("ü", 100) }, "the name has 200 bytes"},
		"password":  {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"password": "x"}`) }, "spec.jsonData.password"},
		"nested":    {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"a": [{"api_Key": "x"}]}`) }, "spec.jsonData.a[0].api_Key"},
		"value":     {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"httpHeaderValue1": "x"}`) }, "secureJsonData, from a Secret"},
		"owner":     {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"grafana-tenancy.dev/owner": "x"}`) }, "take it out"},
		"teams":     {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"teamHttpHeaders": {}}`) }, "take it out"},
		"large":     {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"a": "` + strings.Repeat("x", 60000) + `"}`) }, "bytes"},
		"expanding": {func(s *v1alpha1.DataSourceSpec) {
			s.JSONData = settings("{\"a\": [\"{{ indent 50000 `x` }}\", \"{{ indent 50000 `x` }}\"]}")
		}, "bytes"},
		"template": {func(s *v1alpha1.DataSourceSpec) { s.JSONData = settings(`{"a": "{{ .token }}"}`) }, "there is no .token to fill in"},
		"loop":     {func(s *v1alpha1.DataSourceSpec) { s.User = "{{ range .labels }}{{ . }}{{ end }}" }, "cannot be used here"},
		"two-ways": {func(s *v1alpha1.DataSourceSpec) {
			s.JSONData, s.Headers = settings(`{"httpHeaderName1": "X-A"}`), []v1alpha1.DataSourceHeader{{Name: "X-B", Value: "b"}}
		}, "put all of them there"},
		"empty-head": {func(s *v1alpha1.DataSourceSpec) {
			s.Headers = []v1alpha1.DataSourceHeader{{Name: "X-B", Value: "{{ default `` `` }}"}}
		}, "which no header can have"},
	} {
		obj := dataSource(w, name, "team", func(o *v1alpha1.DataSource) { test.change(&o.Spec) })
		suite.Stalled(w, obj, v1alpha1.ReasonInvalidSpec, test.words)
	}
	if made := w.Grafana.Sources(org); len(made) > 0 {
		t.Errorf("made: %+v", made)
	}
	obj := suite.Ready(w, dataSource(w, "url", "team", func(o *v1alpha1.DataSource) { o.Spec.Type = "testdata" }))
	suite.Change(w, obj, func() { obj.Spec.URL = "" })
	suite.Stalled(w, obj, v1alpha1.ReasonInvalidSpec, "cannot take a url away")
	suite.Until(w, suite.Change(w, obj, func() { obj.Spec.URL = "http://127.0.0.1:2" }), "Ready",
		func(c metav1.Condition) bool { return c.Status == metav1.ConditionTrue })
}

// Where the database takes two names or uids for one, what stands under the other is not touched.
func TestAPIDataSourceOnMariaDB(t *testing.T) {
	t.Parallel()
	suite.NotOnReal(t, "it is about MariaDB")
	w := suite.New(t, grafanatest.Options{Database: grafanatest.MariaDB})
	org := suite.Ready(w, w.Organization("team", func(o *v1alpha1.Organization) {
		o.Spec.Adoption = v1alpha1.AdoptionAllow
	})).Status.OrgID
	theirSources(w, org, "METRICS", map[string]any{"name": "The METRICS"})
	for name, like := range map[string]func(*v1alpha1.DataSource){
		"by-uid":  func(o *v1alpha1.DataSource) { o.Spec.UID = "metrics" },
		"by-name": func(o *v1alpha1.DataSource) { o.Spec.Name = "The metrics" },
	} {
		obj := suite.Stalled(w, dataSource(w, name, "team", like, func(o *v1alpha1.DataSource) {
			o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.DeletionDelete
		}), v1alpha1.ReasonAlreadyExists, `"The METRICS" (uid METRICS)`)
		w.Delete(obj)
		w.Gone(obj)
	}
	if s := w.Grafana.Source(org, "METRICS"); s == nil || s.Version != 1 || s.Type != "loki" {
		t.Errorf("theirs is %+v", s)
	}
}

// MariaDB takes a name that differs in case alone for the same, and Grafana then refuses the rename as if another data
// source had it. On all databases the name is there in the end.
func TestAPIDataSourceRenamedInCaseAlone(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for _, database := range []grafanatest.Database{grafanatest.MariaDB, grafanatest.Postgres} {
			t.Run(version+" "+string(database), func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version, Database: database})
				suite.Ready(w, w.Organization("team"))
				obj := suite.Ready(w, dataSource(w, "metrics", "team"))
				suite.Ready(w, suite.Change(w, obj, func() { obj.Spec.Name = "METRICS" }))
				if is := source(w, obj); is == nil || is.Name != "METRICS" {
					t.Errorf("it is %+v", is)
				}
			})
		}
	}
}
