package main

import (
	"runtime"
	"strings"
	"testing"

	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

func TestVersionIsAMetric(t *testing.T) {
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "grafana_tenancy_build_info" {
			continue
		}
		have := map[string]string{}
		for _, label := range family.GetMetric()[0].GetLabel() {
			have[label.GetName()] = label.GetValue()
		}
		value := family.GetMetric()[0].GetGauge().GetValue()
		if value != 1 || len(have) != 2 || have["version"] != version || have["goversion"] != runtime.Version() {
			t.Errorf("it is %v with %v", value, have)
		}
		return
	}
	t.Error("there is no grafana_tenancy_build_info")
}

func TestVersionIsTold(t *testing.T) {
	if want := "grafana-tenancy-operator/" + version; userAgent() != want {
		t.Errorf("the User-Agent is %q, want %q", userAgent(), want)
	}
	if !strings.Contains(about(), version) {
		t.Errorf("%q does not name the version %s", about(), version)
	}
}
