package controllers_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Each Organization that is selected gets a data source, which fills in by itself what the Organization is, and loses
// it with the selection.
func TestAPIDataSourceSet(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	set := &v1alpha1.DataSourceSet{ObjectMeta: metav1.ObjectMeta{Name: "metrics"}}
	set.Spec.Organizations.Selector.MatchLabels = map[string]string{"test": w.NS}
	set.Spec.Template.Spec.Type, set.Spec.Template.Spec.UID = "prometheus", "metrics"
	set.Spec.Template.Spec.URL = "http://127.0.0.1:1/{{ .labels.color }}"
	set.Spec.Template.Spec.JSONData = &runtime.RawExtension{
		Raw: []byte(`{"timeInterval": "30s", "httpMethod": "POST"}`),
	}
	w.Create(set)
	var last *v1alpha1.DataSource
	var org *v1alpha1.Organization
	for _, color := range []string{"red", "blue"} {
		org = w.Organization("team-"+color, chosen(w, map[string]string{"color": color}))
		name := childOf(&v1alpha1.DashboardSet{ObjectMeta: set.ObjectMeta}, org).Name
		last = &v1alpha1.DataSource{ObjectMeta: w.Named(name)}
		w.Eventually("a DataSource for "+org.Name, func() error {
			return w.Client.Get(t.Context(), client.ObjectKeyFromObject(last), last)
		})
		suite.Ready(w, last)
		if is := source(w, last); is == nil || is.Name != "metrics" || is.URL != "http://127.0.0.1:1/"+color {
			t.Errorf("the data source is %+v", is)
		}
	}
	suite.Ready(w, set)
	was := last.ResourceVersion
	suite.Change(w, set, func() { set.Spec.Paused = true })
	suite.Change(w, set, func() { set.Spec.Paused = false })
	suite.Ready(w, set)
	if suite.Get(w, last).ResourceVersion != was {
		t.Errorf("what is as it should be was written: %+v", last)
	}
	suite.Change(w, set, func() {
		set.Spec.Template.Spec.Name = "Metrics"
		set.Spec.Template.Spec.JSONData.Raw = []byte(`{"timeInterval": "1m", "httpMethod": null}`)
	})
	suite.Ready(w, set)
	if is := source(w, last); is == nil || is.Name != "Metrics" {
		t.Errorf("after a change the data source is %+v", is)
	}
	suite.Change(w, org, func() { org.Labels = nil })
	w.Gone(last)
	if is := w.Grafana.Source(suite.Get(w, org).Status.OrgID, "metrics"); is != nil {
		t.Errorf("there is %+v left", is)
	}
}
