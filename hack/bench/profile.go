package main

import (
	"fmt"
	"strings"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// profile is a kind of Grafana: how the one in memory behaves, and what can be asked of the operator beside such a one.
type profile struct {
	name     string
	memory   grafanatest.Options
	converge limit // of the time in which dashboards are Ready, by that of a bare loop
	overlap  bool  // saves are quicker side by side, so that throughput is what is looked at
}

// version is that of the Grafana in memory.
const version = "12.4.0"

var profiles = []profile{
	{
		name:     "slow",
		memory:   grafanatest.Options{Latency: grafanatest.SQLiteLatency(version)},
		converge: atMost(1.1),
	},
	{
		name:     "fast",
		memory:   grafanatest.Options{Latency: grafanatest.WALLatency()},
		converge: atMost(1.5),
	},
	{
		name:    "postgres",
		memory:  grafanatest.Options{Latency: grafanatest.PostgresLatency(), Database: grafanatest.Postgres},
		overlap: true,
	},
}

func profileNamed(name string) (profile, error) {
	var known []string
	for _, p := range profiles {
		if p.name == name {
			return p, nil
		}
		known = append(known, p.name)
	}
	return profile{}, fmt.Errorf("-profile must be one of %s", strings.Join(known, ", "))
}
