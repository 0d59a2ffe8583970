package main

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

const name = "grafana-tenancy-operator"

// version is set by the linker: make build, make image and make image-oci do so.
var version = "dev"

func init() {
	buildInfo := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "grafana_tenancy_build_info",
		Help:        "1, by the version of the operator and of the Go that it was built with.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	buildInfo.Set(1)
	ctrlmetrics.Registry.MustRegister(buildInfo)
}

// userAgent is what the operator calls itself in the requests that it sends.
func userAgent() string { return name + "/" + version }

// about is the version in words.
func about() string {
	return fmt.Sprintf("%s %s (%s %s/%s)", name, version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
