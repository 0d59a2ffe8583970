package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A digit changes that a float64 has not room for.
func TestADigitBeyondAFloatIsChanged(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	ds := crash.NewDataSource("")
	ds.Spec.JSONData = &runtime.RawExtension{Raw: []byte(`{"tenant":12345678901234567}`)}
	w.Create(crash.SourceSecret("first"), ds)
	rested(w)
	t.Log(w.Grafana.Sources(3)[0].JSONData)
	crash.Edit(w, crash.NewDataSource(""), func(d *v1alpha1.DataSource) {
		d.Spec.JSONData = &runtime.RawExtension{Raw: []byte(`{"tenant":12345678901234568}`)}
	})
	rested(w)
	for range 3 {
		w.Clock = w.Clock.Add(lifecycle.DefaultResync)
		w.Everybody()
		rested(w)
	}
	w.Get(ds)
	t.Logf("%+v", conditionOf(ds, "Ready"))
	t.Log(w.Grafana.Sources(3)[0].JSONData, w.Grafana.Sources(3)[0].Version)
	if !strings.Contains(fmt.Sprint(w.Grafana.Sources(3)[0].JSONData), "568") {
		t.Error("Grafana holds the old one")
	}
}

// An organization that an operator of before has adopted and let go.
func TestMarkOfAnOlderVersionThatDoesNotSayAdopted(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Start()
	w.Seed()
	crash.Edit(w, crash.Instance(), func(i *v1alpha1.Instance) { i.Spec.Adoption = v1alpha1.AdoptionAllow })
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Theirs"})
	for n := range 2 {
		o := adoptingOrg()
		o.SetUID(types.UID(fmt.Sprintf("%08d-0000-4000-8000-%012d", 7, n)))
		w.Create(o)
		rested(w)
		w.Get(o)
		t.Logf("life %d: adopted %v %+v %v", n+1, o.Status.Adopted, conditionOf(o, "Ready").Reason, w.Grafana.Orgs())
		w.Delete(o)
		rested(w)
		t.Log(w.Grafana.Orgs())
		for _, g := range w.Grafana.Orgs() {
			if g.Name == "Theirs" {
				w.Grafana.Do(
					http.MethodPut,
					fmt.Sprintf("/api/orgs/%d/address", g.ID),
					1,
					map[string]any{"address2": strings.Replace(g.Address.Address2, " returned ", " released ", 1)},
				)
			}
		}
	}
	if len(w.Grafana.Orgs()) != 3 {
		t.Error("the organization is gone")
	}
}
