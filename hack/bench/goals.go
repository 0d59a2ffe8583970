package main

// goal is one row: what is measured, and what it may be.
type goal struct {
	name  string
	limit limit // none: told for people only
	ratio limit // of this build's value by the other's, with -compare
	about string
}

// goals are all rows, in the order they are measured in.
func goals(p profile) []goal {
	var none limit
	rows := []goal{
		{"requests-per-organization", atMost(8), none, "requests to Grafana until an organization is Ready"},
		{"converge-ratio", p.converge, none,
			"time until all dashboards are Ready, by the time that a bare loop of the same saves takes"},
		{"converge-throughput", atLeast(1.2), none,
			"dashboards in a time, by those that a bare loop saves in that time, one after the other"},
		{"converge-errors", atMost(0), none, "requests that failed or were refused in that time"},
		{"converge-without-permissions", atMost(0), none, "dashboards that nobody but admins may see in the end"},
		{"dashboards-per-second", none, atLeast(2), "dashboards that become Ready in a second"},
		{"cpu-kube-apiserver", none, atMost(0.5), "CPU seconds of kube-apiserver, by 1000 dashboards"},
		{"cpu-etcd", none, none, "CPU seconds of etcd, by 1000 dashboards"},
		{"cpu-operator", none, none, "CPU seconds of the operator, by 1000 dashboards"},
		{"requests-per-dashboard", atMost(2.1), none, "requests to Grafana until a dashboard is Ready"},
		{"kube-writes-per-dashboard", atMost(2), none, "writes to Kubernetes until a dashboard is Ready"},
		{"kube-reads-per-dashboard", atMost(2), none, "reads of a dashboard from Kubernetes until it is Ready"},
		{"kube-events-per-dashboard", atMost(1), none, "events until a dashboard is Ready"},
		{"restart-requests-per-organization", atMost(3), none,
			"requests to Grafana after a restart with nothing changed"},
		{"restart-kube-writes", atMost(0), none, "writes to Kubernetes after that restart"},
		{"idle-writes", atMost(0), none, "writes to Grafana in the idle time after it"},
		{"idle-kube-writes", atMost(0), none, "writes to Kubernetes in that time"},
		{"idle-requests-per-organization", none, none, "requests to Grafana in that time"},
		{"resync-requests-per-500", atMost(1), none,
			"requests about dashboards in a resync interval, by 500 dashboards of one organization"},
	}
	for _, k := range kinds {
		one, again := "until one of "+k.resource+" is Ready", k.again()
		rows = append(rows,
			goal{"requests-per-" + k.name, atMost(k.requests), none, "requests to Grafana " + one},
			goal{"kube-writes-per-" + k.name, atMost(2), none, "writes to Kubernetes " + one},
			goal{"resync-requests-of-" + k.name, again, none, "requests about all of them in a resync interval"},
		)
	}
	return append(append(rows, []goal{
		{"outage-burst", none, none, "attempts to reach a Grafana that is down, within a second of the first"},
		{"outage-probes", atMost(6), none, "further attempts in a minute, in which the backoff has six steps"},
		{"outage-not-ready", none, none, "objects that are not Ready at the end of the minute"},
		{"outage-recovery", atMost(1), none, "time until all is Ready once Grafana is back, by two minutes"},
		{"memory-empty-peak", none, none, "peak of the resident memory with no dashboards, MiB"},
		{"memory-empty-rest", none, none, "resident memory at rest with no dashboards, MiB"},
		{"memory-1x-peak", none, none, "peak while dashboards of 100 kB are created, MiB"},
		{"memory-1x-added", none, none, "what they add at rest, MiB"},
		{"memory-1x-restart-peak", none, none, "peak after a restart with them, MiB"},
		{"memory-1x-restart-added", none, none, "what they add at rest after the restart, MiB"},
		{"memory-5x-peak", none, none, "peak while five times as many are there, MiB"},
		{"memory-5x-added", atMost(100), none, "what these add at rest, MiB"},
		{"memory-5x-restart-peak", none, none, "peak after a restart with them, MiB"},
		{"memory-5x-restart-added", atMost(100), none, "what these add at rest after the restart, MiB"},
	}...), bigGoals()...)
}

// bigGoals are the rows of what is measured by itself, since it takes long.
func bigGoals() []goal {
	var none limit
	return []goal{
		{
			"sets-ratio",
			none,
			none,
			"time until what all sets make is Ready, by the time that a bare loop of the same saves takes",
		},
		{"sets-bytes-per-child", atMost(2048), none, "bytes that a Dashboard of a set has, as it is stored"},
		{
			"sets-change-ratio",
			atMost(1.2),
			none,
			"time until a change of all templates is everywhere, by the time of that loop",
		},
		{"sets-change-requests-per-dashboard", none, none, "requests to Grafana in that time, by dashboard"},
		{"sets-change-kube-writes-per-dashboard", none, none, "writes to Kubernetes in that time, by dashboard"},
		{"sets-restart-requests-per-organization", atMost(3), none,
			"requests to Grafana after a restart with nothing changed"},
		{"sets-restart-kube-writes", atMost(0), none, "writes to Kubernetes after that restart"},
		{"scale-ratio", atMost(1.5), none, "time from nothing until all is Ready, by the time that a bare loop takes"},
		{"scale-dashboards-per-second", none, none, "dashboards that become Ready in a second of that time"},
		{"scale-peak", atMost(250), none, "peak of the resident memory meanwhile, MiB"},
		{"scale-rest", atMost(150), none, "resident memory at rest after it, MiB"},
		{"scale-restart-requests-per-organization", atMost(3), none,
			"requests to Grafana after a restart with nothing changed"},
		{"scale-restart-writes", atMost(0), none, "writes to Grafana after that restart"},
		{"scale-restart-kube-writes", atMost(0), none, "writes to Kubernetes after that restart"},
		{"scale-restart-peak", atMost(250), none, "peak of the resident memory after it, MiB"},
		{"scale-restart-rest", atMost(150), none, "resident memory at rest after it, MiB"},
	}
}
