package grafana_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// spec2 is a content in schema v2, as Grafana keeps it.
func spec2(title string, more ...string) json.RawMessage {
	return json.RawMessage(`{"title":"` + title + `","annotations":[],"cursorSync":"Off","editable":true,"elements":{` +
		`"panel-1":{"kind":"Panel","spec":{"id":1,"title":"Rate","description":"","links":[],"data":{"kind":"QueryGroup",` +
		`"spec":{"queries":[],"transformations":[],"queryOptions":{}}},"vizConfig":{"kind":"VizConfig","group":"stat",` +
		`"version":"","spec":{"options":{},"fieldConfig":{"defaults":{},"overrides":[]}}}}}},"layout":{"kind":` +
		`"GridLayout","spec":{"items":[{"kind":"GridLayoutItem","spec":{"x":0,"y":0,"width":12,"height":8,"element":{` +
		`"kind":"ElementReference","name":"panel-1"}}}]}},"links":[],"preload":false,"tags":[],"timeSettings":{` +
		`"timezone":"browser","from":"now-6h","to":"now","autoRefresh":"","autoRefreshIntervals":["5s"],` +
		`"hideTimepicker":false,"fiscalYearStartMonth":0},"variables":[]` + strings.Join(more, "") + `}`)
}

// schema2 is an organization of a Grafana that has schema v2.
type schema2 struct {
	*testing.T
	*grafana.OrgClient
	kept json.RawMessage // what the last answer had as content
}

// schema2 is nil where this Grafana does not have it.
func (k contract) schema2(t *testing.T) *schema2 {
	t.Helper()
	if !slices.Contains(have(k.client.DashboardAPIVersions(t.Context()))(t), "v2beta1") {
		return nil
	}
	return &schema2{T: t, OrgClient: k.org(t)}
}

func (s *schema2) keep(spec []byte) { s.kept = slices.Clone(spec) }

func (s *schema2) write(d grafana.SaveDashboardResource) (*grafana.Dashboard, error) {
	if d.Message == "" {
		d.Message = "saved"
	}
	return s.SaveDashboardResource(s.Context(), "v2beta1", d, s.keep)
}

func (s *schema2) read(uid string) *grafana.Dashboard {
	s.Helper()
	return have(s.DashboardResource(s.Context(), "v2beta1", uid, s.keep))(s.T)
}

// keeps fails unless the last answer had this content.
func (s *schema2) keeps(want json.RawMessage) {
	s.Helper()
	var a, b any
	must(s.T, json.Unmarshal(want, &a))
	must(s.T, json.Unmarshal(s.kept, &b))
	same(s.T, "the content", a, b)
}

func (k contract) testDashboardResources(t *testing.T) {
	s := k.schema2(t)
	if s == nil {
		return
	}
	have(s.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	create := grafana.SaveDashboardResource{UID: "two", Spec: spec2("Two"), Message: "first", FolderUID: "fold"}
	made := have(s.write(create))(t)
	s.keeps(create.Spec)
	got := s.read("two")
	s.keeps(create.Spec)
	same(t, "what was made", made, got)
	if got.ResourceVersion == "" || time.Since(got.Created).Abs() > time.Hour || got.Updated.IsZero() {
		t.Errorf("it is %+v", got)
	}
	same(t, "it", &grafana.Dashboard{
		UID: "two", Title: "Two", Version: 1, FolderUID: "fold", StoredAs: "v2beta1",
		ResourceVersion: got.ResourceVersion, Created: got.Created, Updated: got.Updated,
	}, got)

	update := create
	update.ResourceVersion, update.Spec, update.Message = got.ResourceVersion, spec2(
		"Two",
		`,"description":"x"`,
	), "second"
	changed := have(s.write(update))(t)
	s.keeps(update.Spec)
	same(t, "its version", 2, changed.Version)
	_, err := s.write(update)
	expect(t, "a save that is based on what was", err, grafana.IsVersionMismatch)
	_, err = s.write(create)
	expect(t, "creating what is there", err, grafana.IsTaken)
	same(t, "its version", 2, s.read("two").Version)

	update.ResourceVersion, update.FolderUID, update.Message = changed.ResourceVersion, "", "third"
	moved := have(s.write(update))(t)
	same(t, "its folder", "", moved.FolderUID)
	same(t, "its creation", made.Created, moved.Created)
	known := have(s.Dashboard(t.Context(), "two"))(t)
	same(t, "its version", moved.Version, known.Version)
	if !strings.Contains(known.URL, "/d/two/") {
		t.Errorf("to others it is %+v", known)
	}
	k.checkResourceList(t, s, moved)
	k.checkResourceHistory(t, s)
	must(t, s.DeleteDashboard(t.Context(), "two"))
	_, err = s.DashboardResource(t.Context(), "v2beta1", "two", s.keep)
	expect(t, "reading it when it is deleted", err, grafana.IsNotFound)
	update.ResourceVersion = moved.ResourceVersion
	_, err = s.write(update)
	expect(t, "a save that is based on something that is gone", err, grafana.IsVersionMismatch)
	_, err = s.DashboardResource(t.Context(), "v2beta1", "two", s.keep)
	expect(t, "reading it after that", err, grafana.IsNotFound)
}

// checkResourceList fails unless the list of all tells what a save is based on.
func (k contract) checkResourceList(t *testing.T, s *schema2, is *grafana.Dashboard) {
	t.Helper()
	list := have(s.ListDashboards(t.Context(), apiVersion(t, k.client)))(t)
	if len(list) != 1 || list[0].ResourceVersion != is.ResourceVersion || list[0].Generation != is.Version {
		t.Errorf("the list is %+v, want %+v", list, is)
	}
}

// checkResourceHistory fails unless the messages of the saves are in the history.
func (k contract) checkResourceHistory(t *testing.T, s *schema2) {
	t.Helper()
	var messages []string
	for v, err := range s.DashboardVersions(t.Context(), "two", apiVersion(t, k.client)) {
		must(t, err)
		messages = append(messages, v.Message)
	}
	same(t, "the messages", []string{"third", "second", "first"}, messages)
}

// testDashboardResourceForms has a dashboard saved by both routes in turn.
func (k contract) testDashboardResourceForms(t *testing.T) {
	s := k.schema2(t)
	if s == nil {
		return
	}
	k.save(t, s.OrgClient, "two", map[string]any{"tags": []string{"x"}})
	classic := s.read("two")
	same(t, "the version that it is stored in", "v0alpha1", classic.StoredAs)
	s.isStored("")
	two := grafana.SaveDashboardResource{UID: "two", Spec: spec2("Two"), ResourceVersion: classic.ResourceVersion}
	saved := have(s.write(two))(t)
	s.isStored("v2beta1")
	same(t, "its creation", classic.Created, saved.Created)
	k.save(t, s.OrgClient, "two", map[string]any{"tags": []string{"y"}})
	again := s.read("two")
	same(t, "the version that it is stored in", "v0alpha1", again.StoredAs)
	same(t, "its version", 3, again.Version)
	s.isStored("")
	two.ResourceVersion = again.ResourceVersion
	have(s.write(two))(t)
	s.isStored("v2beta1")
	s.read("two")
	s.keeps(two.Spec)
}

// isStored fails unless the dashboard is stored in a version of /apis; "": in the classic model.
func (s *schema2) isStored(want string) {
	s.Helper()
	versions := []string{"v1beta1", "v2beta1", "v0alpha1"}
	same(s.T, "the version that it is stored in", want, have(s.DashboardStoredAs(s.Context(), "two", versions))(s.T))
}

func (k contract) testDashboardResourceRefusals(t *testing.T) {
	s := k.schema2(t)
	if s == nil {
		return
	}
	refused := func(what string, d grafana.SaveDashboardResource) {
		t.Helper()
		_, err := s.write(d)
		if err == nil || grafana.IsUnsure(err) || grafana.IsTaken(err) || grafana.IsNotFound(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("an unknown folder", grafana.SaveDashboardResource{UID: "two", Spec: spec2("Two"), FolderUID: "nosuch"})
	refused("a uid that is none", grafana.SaveDashboardResource{UID: "a b", Spec: spec2("Two")})
	refused("no title", grafana.SaveDashboardResource{UID: "two", Spec: spec2("")})
	same(t, "dashboards", 0, len(have(s.ListDashboards(t.Context(), apiVersion(t, k.client)))(t)))

	tried := grafana.SaveDashboardResource{UID: "two", Spec: spec2("Two", `,"later":{"a":1}`), DryRun: true}
	have(s.write(tried))(t)
	s.keeps(spec2("Two")) // what it does not know it leaves out
	have(s.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	tried.FolderUID = "fold"
	have(s.write(tried))(t)
	tried.FolderUID = ""
	same(t, "dashboards", 0, len(have(s.ListDashboards(t.Context(), apiVersion(t, k.client)))(t)))
	tried.DryRun, tried.Spec = false, spec2("Two")
	made := have(s.write(tried))(t)
	tried.DryRun, tried.Spec, tried.ResourceVersion = true, spec2("Tried"), made.ResourceVersion
	have(s.write(tried))(t)
	tried.FolderUID = "fold"
	have(s.write(tried))(t)
	same(t, "its folder", "", s.read("two").FolderUID)
	s.keeps(spec2("Two"))
}

// testDashboardResourcePermissions fails unless a new dashboard is there for everybody.
func (k contract) testDashboardResourcePermissions(t *testing.T) {
	s := k.schema2(t)
	if s == nil {
		return
	}
	have(s.write(grafana.SaveDashboardResource{UID: "two", Spec: spec2("Two")}))(t)
	var roles []string
	for _, p := range have(s.DashboardPermissions(context.WithoutCancel(t.Context()), "two"))(t) {
		if p.Role != "" {
			roles = append(roles, p.Role)
		}
	}
	slices.Sort(roles)
	same(t, "the roles that see it", []string{"Editor", "Viewer"}, roles)
}
