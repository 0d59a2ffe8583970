package grafana_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) testDashboards(t *testing.T) {
	o, other := k.org(t), k.org(t)
	folder := have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	saved := have(
		o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("dash", nil), FolderUID: folder.UID}),
	)(t)
	if saved.UID != "dash" || saved.Version != 1 || saved.FolderUID != folder.UID || saved.ID == 0 ||
		!strings.Contains(saved.URL, "/d/dash/") {
		t.Errorf("saved: %+v", saved)
	}
	got := have(o.Dashboard(t.Context(), "dash"))(t)
	if time.Since(got.Updated).Abs() > time.Hour || time.Since(got.Created).Abs() > time.Hour || got.UpdatedBy == "" ||
		got.Provisioned ||
		got.IsFolder {
		t.Errorf("got %+v", got)
	}
	var content map[string]any
	must(t, json.Unmarshal(got.Model, &content))
	if content["schemaVersion"] != 39.0 || content["uid"] != "dash" {
		t.Errorf("its content is %s", got.Model)
	}
	want := &grafana.Dashboard{
		UID: "dash", Version: 1, FolderUID: "fold", Title: "Title of dash", URL: saved.URL,
		UpdatedBy: got.UpdatedBy, Updated: got.Updated, Created: got.Created, Model: got.Model,
	}
	same(t, "got", want, got)

	moved := k.save(t, o, "dash", map[string]any{"tags": []string{"x"}})
	if moved.ID != saved.ID || moved.Version != 2 || moved.FolderUID != "" {
		t.Errorf("saved without a folder: %+v", moved)
	}
	again := have(o.Dashboard(t.Context(), "dash"))(t)
	same(t, "its folder", "", again.FolderUID)
	same(t, "its creation", got.Created.Unix(), again.Created.Unix())

	_, err := other.Dashboard(t.Context(), "dash")
	expect(t, "in another organization", err, grafana.IsNotFound)
	must(t, o.DeleteDashboard(t.Context(), "dash"))
	_, err = o.Dashboard(t.Context(), "dash")
	expect(t, "getting it when it is deleted", err, grafana.IsNotFound)
	expect(t, "deleting it again", o.DeleteDashboard(t.Context(), "dash"), grafana.IsNotFound)
}

func (k contract) testDashboardConflicts(t *testing.T) {
	o := k.org(t)
	create := grafana.SaveDashboard{Model: model("dash", nil)}
	_, err := o.SaveDashboard(t.Context(), create)
	must(t, err)
	_, err = o.SaveDashboard(t.Context(), create)
	expect(t, "creating it twice", err, grafana.IsVersionMismatch)
	expect(t, "creating it twice", err, grafana.IsTaken)

	again := k.save(t, o, "dash", nil)
	if want := int64(2); k.major < 12 != (again.Version == want) {
		t.Errorf("saved unchanged, it has version %d", again.Version)
	}
	_, err = o.SaveDashboard(
		t.Context(),
		grafana.SaveDashboard{Model: model("dash", map[string]any{"version": again.Version, "tags": []string{"y"}})},
	)
	must(t, err)
	_, err = o.SaveDashboard(
		t.Context(),
		grafana.SaveDashboard{Model: model("dash", map[string]any{"version": again.Version, "tags": []string{"z"}})},
	)
	expect(t, "saving an old version", err, grafana.IsVersionMismatch)

	sameTitle := grafana.SaveDashboard{Model: model("dash2", map[string]any{"title": "Title of dash"})}
	saved, err := o.SaveDashboard(t.Context(), sameTitle)
	if k.major >= 12 {
		same(t, "a second one of that title", "dash2", saved.UID)
		return
	}
	expect(t, "a second one of that title", err, grafana.IsTaken)
	expect(t, "a second one of that title", err, func(err error) bool { return !grafana.IsVersionMismatch(err) })
	sameTitle.Overwrite = true
	saved, err = o.SaveDashboard(t.Context(), sameTitle)
	must(t, err)
	same(t, "the one that is overwritten", "dash", saved.UID)
}

func (k contract) testDashboardRefusals(t *testing.T) {
	o := k.org(t)
	refused := func(what string, save grafana.SaveDashboard, statuses ...int) {
		t.Helper()
		_, err := o.SaveDashboard(t.Context(), save)
		expect(t, what, err, isStatus(statuses...))
		if grafana.IsUnsure(err) || grafana.IsUnavailable(err) ||
			err != nil && len(err.Error()) < len("Grafana answered 400 to POST /api/dashboards/db: x") {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("no title", grafana.SaveDashboard{Model: model("dash", map[string]any{"title": ""})}, 400)
	refused("bad uid", grafana.SaveDashboard{Model: model("a b", nil)}, 400)
	refused("long uid", grafana.SaveDashboard{Model: model(strings.Repeat("u", 41), nil)}, 400)
	refused("unknown folder", grafana.SaveDashboard{Model: model("dash", nil), FolderUID: "nosuch"}, 400, 404)
	refused("unknown id",
		grafana.SaveDashboard{Model: model("dash", map[string]any{"id": 987654321}), Overwrite: true}, 404)
	_, err := o.Dashboard(t.Context(), "dash")
	expect(t, "none of them is there", err, grafana.IsNotFound)
}

func (k contract) testDashboardVersions(t *testing.T) {
	o := k.org(t)
	for i, message := range []string{"mark 1", "mark 2", ""} {
		_, err := o.SaveDashboard(t.Context(), grafana.SaveDashboard{
			Model: model("dash", map[string]any{"tags": []string{strconv.Itoa(i)}}), Message: message, Overwrite: i > 0,
		})
		must(t, err)
	}
	for _, apiVersion := range slices.Compact([]string{"", apiVersion(t, k.client)}) {
		var got []string
		for v, err := range o.DashboardVersions(t.Context(), "dash", apiVersion) {
			must(t, err)
			if time.Since(v.Created).Abs() > time.Hour || v.CreatedBy == "" && apiVersion == "" {
				t.Errorf("got %+v", v)
			}
			if line := fmt.Sprintf("%d: %s", v.Version, v.Message); !slices.Contains(got, line) {
				got = append(got, line)
			}
		}
		same(t, "versions through "+apiVersion, []string{"3: ", "2: mark 2", "1: mark 1"}, got)
		for v, err := range o.DashboardVersions(t.Context(), "dash", apiVersion) {
			must(t, err)
			same(t, "the last version through "+apiVersion, 3, v.Version)
			break
		}
		for v, err := range o.DashboardVersions(t.Context(), "nosuch", apiVersion) {
			if !grafana.IsNotFound(err) {
				t.Errorf("versions of nothing: %+v, %v", v, err)
			}
		}
	}
}

func (k contract) testDashboardList(t *testing.T) {
	o := k.org(t)
	have(o.CreateFolder(t.Context(), grafana.Folder{UID: "fold", Title: "Folder"}))(t)
	have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model("a", nil), FolderUID: "fold"}))(t)
	k.save(t, o, "b", nil)
	saved := k.save(t, o, "b", map[string]any{"tags": []string{"x"}})
	version := apiVersion(t, k.client)
	if version == "" {
		_, err := o.ListDashboards(t.Context(), "v1beta1")
		expect(t, "a list that this Grafana does not have", err, grafana.IsNoList)
		expect(t, "a list that this Grafana does not have", err, grafana.IsNoList)
		return
	}
	list := have(o.ListDashboards(t.Context(), version))(t)
	slices.SortFunc(list, func(a, b grafana.DashboardMeta) int { return cmp.Compare(a.UID, b.UID) })
	for i, d := range list {
		if time.Since(d.Created).Abs() > time.Hour || d.Updated.IsZero() != (d.Generation == 1) ||
			!d.Updated.IsZero() && d.Updated.Before(d.Created) {
			t.Errorf("times of %s: created %v, updated %v", d.UID, d.Created, d.Updated)
		}
		list[i].Created, list[i].Updated, list[i].ResourceVersion = time.Time{}, time.Time{}, ""
	}
	same(
		t,
		"list",
		[]grafana.DashboardMeta{{UID: "a", Generation: 1, FolderUID: "fold"}, {UID: "b", Generation: saved.Version}},
		list,
	)
	same(t, "version", saved.Version, have(o.Dashboard(t.Context(), "b"))(t).Version)
	same(t, "list of nothing", 0, len(have(k.org(t).ListDashboards(t.Context(), version))(t)))
	have(k.client.Org(1).ListDashboards(t.Context(), version))(t)
	_, err := k.client.Org(99_999_999).ListDashboards(t.Context(), version)
	expect(t, "list of an organization that does not exist", err, grafana.IsNoList)
	if grafana.IsUnavailable(err) || grafana.IsUnsure(err) {
		t.Errorf("an organization that does not exist is taken for an outage: %v", err)
	}
}

func (k contract) save(t *testing.T, o *grafana.OrgClient, uid string, more map[string]any) grafana.Saved {
	t.Helper()
	return have(o.SaveDashboard(t.Context(), grafana.SaveDashboard{Model: model(uid, more), Overwrite: true}))(t)
}

// model is the content of a dashboard.
func model(uid string, more map[string]any) json.RawMessage {
	content := map[string]any{
		"uid":           uid,
		"title":         "Title of " + uid,
		"panels":        []any{},
		"schemaVersion": 39,
		"tags":          []any{},
	}
	for name, value := range more {
		content[name] = value
	}
	data, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return data
}
