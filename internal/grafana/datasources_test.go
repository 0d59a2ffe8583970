package grafana_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// source is a data source with all that one can have.
func source(uid string) grafana.DataSource {
	return grafana.DataSource{
		UID: uid, Name: "Source " + uid, Type: "prometheus", Access: "proxy", URL: "http://127.0.0.1:1",
		User: "reader", Database: "metrics", BasicAuth: true, BasicAuthUser: "scraper", WithCredentials: true,
		JSONData: json.RawMessage(`{"big":9007199254740993,"grafana-tenancy.dev/owner":"a/b c","list":[],"n":1.0}`),
	}
}

// without leaves out what Grafana alone gives.
func without(d grafana.DataSource) grafana.DataSource {
	d.ID, d.Version, d.SecureFields = 0, 0, nil
	return d
}

func names(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }

func (k contract) testDataSources(t *testing.T) {
	o := k.org(t)
	want := source("a")
	want.IsDefault = true
	made := have(o.CreateDataSource(t.Context(), want, nil))(t)
	same(t, "what was made", want, without(made))
	same(t, "what is there", made, have(o.DataSource(t.Context(), "a"))(t))
	same(t, "its version", int64(1), made.Version)

	listed := want
	listed.BasicAuthUser, listed.WithCredentials = "", false
	list := have(o.DataSources(t.Context()))(t)
	same(t, "the list, which tells less", []grafana.DataSource{listed}, []grafana.DataSource{without(list[0])})

	change := grafana.DataSource{
		UID: "a", Name: "Renamed", Type: "testdata", Access: "direct", Version: 1, IsDefault: true,
		JSONData: json.RawMessage(`{"other":true}`),
	}
	got := have(o.UpdateDataSource(t.Context(), change, nil))(t)
	want = change
	want.Type, want.Version = "grafana-testdata-datasource", 2
	want.URL, want.BasicAuthUser = "http://127.0.0.1:1", "scraper" // these cannot be taken away
	want.SecureFields, got.ID = map[string]bool{}, 0
	same(t, "what it was made", want, got)

	must(t, o.DeleteDataSource(t.Context(), "a"))
	expect(t, "it is gone", errorOf(o.DataSource(t.Context(), "a")), grafana.IsNotFound)
	expect(t, "to change it", errorOf(o.UpdateDataSource(t.Context(), change, nil)), grafana.IsNotFound)
	expect(t, "to delete it again", o.DeleteDataSource(t.Context(), "a"), grafana.IsNotFound)
	expect(t, "elsewhere", errorOf(k.org(t).DataSource(t.Context(), "a")), grafana.IsNotFound)
}

func (k contract) testDataSourceSecrets(t *testing.T) {
	o := k.org(t)
	d := source("a")
	made := have(o.CreateDataSource(t.Context(), d, map[string]grafana.Key{"password": "a", "token": "b"}))(t)
	same(t, "secrets", "password token", names(made.SecureFields))
	d.Version = made.Version
	kept := have(o.UpdateDataSource(t.Context(), d, nil))(t)
	same(t, "secrets that were not named", "password token", names(kept.SecureFields))
	d.Version = kept.Version
	changed := have(o.UpdateDataSource(t.Context(), d, map[string]grafana.Key{"token": "", "other": "c"}))(t)
	same(t, "secrets: one emptied, one added", "other password", names(changed.SecureFields))
}

func (k contract) testDataSourceConflicts(t *testing.T) {
	o := k.org(t)
	have(o.CreateDataSource(t.Context(), source("a"), nil))(t)
	other := source("b")
	other.Name = "Source a"
	expect(t, "a name that is taken", errorOf(o.CreateDataSource(t.Context(), other, nil)), grafana.IsTaken)
	other = source("a")
	other.Name = "Another"
	expect(t, "a uid that is taken", errorOf(o.CreateDataSource(t.Context(), other, nil)), grafana.IsTaken)

	b := have(o.CreateDataSource(t.Context(), source("b"), nil))(t)
	b.Name = "Source a"
	err := errorOf(o.UpdateDataSource(t.Context(), b, nil))
	expect(t, "another's name", err, grafana.IsTaken)
	same(t, "it is no other version", false, grafana.IsVersionMismatch(err))
	b.Name = "Source b"
	have(o.UpdateDataSource(t.Context(), b, nil))(t)
	expect(t, "an old version", errorOf(o.UpdateDataSource(t.Context(), b, nil)), grafana.IsVersionMismatch)

	b.Version, b.Type, b.URL = 2, "prometheus", ""
	if err := errorOf(o.UpdateDataSource(t.Context(), b, nil)); grafana.VerdictOf(err) != grafana.Refused {
		t.Errorf("no url: %v", err)
	}
	b.URL = "http://127.0.0.1:1/" + strings.Repeat("x", 255)
	if err := errorOf(o.UpdateDataSource(t.Context(), b, nil)); grafana.VerdictOf(err) != grafana.Refused {
		t.Errorf("a long url: %v", err)
	}
}

func (k contract) testDataSourceDefault(t *testing.T) {
	o := k.org(t)
	first := have(o.CreateDataSource(t.Context(), source("a"), nil))(t)
	same(t, "the first one is the default though nobody asked", true, first.IsDefault)
	second := source("b")
	second.IsDefault = true
	have(o.CreateDataSource(t.Context(), second, nil))(t)
	same(t, "one that asks takes it", false, have(o.DataSource(t.Context(), "a"))(t).IsDefault)
	b := have(o.DataSource(t.Context(), "b"))(t)
	b.IsDefault = false
	same(t, "it can be nobody's", false, have(o.UpdateDataSource(t.Context(), b, nil))(t).IsDefault)
}

func (k contract) testDataSourceHealth(t *testing.T) {
	o := k.org(t)
	for kind, want := range map[string]string{"testdata": "works", "prometheus": "fails", "no-such-type": "cannot be asked"} {
		d := source(kind)
		d.Type = kind
		have(o.CreateDataSource(t.Context(), d, nil))(t)
		health, err := o.CheckDataSource(t.Context(), kind)
		got := map[bool]string{true: "works", false: "fails"}[health.OK]
		if err != nil {
			got = "cannot be asked"
		}
		if got != want || err == nil && health.Message == "" {
			t.Errorf("%s: %s (%+v, %v), want %s", kind, got, health, err, want)
		}
	}
}

// testEveryDataSource sends each form of the bodies, so that it is in a recording.
func (k contract) testEveryDataSource(t *testing.T) {
	o := k.org(t)
	d := grafana.DataSource{Access: "proxy", Type: "testdata", JSONData: json.RawMessage(`{"a":1}`)}
	for n, secrets := range []map[string]grafana.Key{nil, {"token": "x"}} {
		for m, url := range []string{"", "http://127.0.0.1:1"} {
			d.UID = string(rune('a' + 2*n + m))
			d.Name, d.URL = d.UID, url
			made := have(o.CreateDataSource(t.Context(), d, secrets))(t)
			change := d
			change.Version = made.Version
			have(o.UpdateDataSource(t.Context(), change, secrets))(t)
			have(o.UpdateDataSource(t.Context(), d, nil))(t)
			have(o.UpdateDataSource(t.Context(), d, map[string]grafana.Key{"token": ""}))(t)
		}
	}
}
