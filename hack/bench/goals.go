package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// goal is one row: what is measured, and the most that it may be.
type goal struct {
	name  string
	most  float64 // none: told for people only
	about string
}

const none = -1

// goals are all rows, in the order they are measured in.
var goals = []goal{
	{"requests-per-organization", 8, "requests to Grafana until an organization is Ready"},
	{
		"converge-ratio",
		1.15,
		"time until all dashboards are Ready, by the time that a bare loop of the same saves takes",
	},
	{"requests-per-dashboard", 2.1, "requests to Grafana until a dashboard is Ready"},
	{"kube-writes-per-dashboard", 3, "writes to Kubernetes until a dashboard is Ready"},
	{"kube-events-per-dashboard", none, "events until a dashboard is Ready"},
	{"restart-requests-per-organization", 3, "requests to Grafana after a restart with nothing changed"},
	{"restart-kube-writes", 0, "writes to Kubernetes after that restart"},
	{"idle-writes", 0, "writes to Grafana in the idle time after it"},
	{"idle-kube-writes", 0, "writes to Kubernetes in that time"},
	{"idle-requests-per-organization", none, "requests to Grafana in that time"},
	{
		"resync-requests-per-500",
		1,
		"requests about dashboards in a resync interval, by 500 dashboards of one organization",
	},
	{"outage-burst", none, "attempts to reach a Grafana that is down, within a second of the first"},
	{"outage-probes", 6, "further attempts in a minute, in which the backoff has six steps"},
	{"outage-not-ready", none, "objects that are not Ready at the end of the minute"},
	{"outage-recovery", 1, "time until all is Ready once Grafana is back, by two minutes"},
	{"memory-empty-peak", none, "peak of the resident memory with no dashboards, MiB"},
	{"memory-empty-rest", none, "resident memory at rest with no dashboards, MiB"},
	{"memory-1x-peak", none, "peak while dashboards of 100 kB are created, MiB"},
	{"memory-1x-added", none, "what they add at rest, MiB"},
	{"memory-1x-restart-peak", none, "peak after a restart with them, MiB"},
	{"memory-1x-restart-added", none, "what they add at rest after the restart, MiB"},
	{"memory-5x-peak", none, "peak while five times as many are there, MiB"},
	{"memory-5x-added", 100, "what these add at rest, MiB"},
	{"memory-5x-restart-peak", none, "peak after a restart with them, MiB"},
	{"memory-5x-restart-added", 100, "what these add at rest after the restart, MiB"},
}

// report collects the values of the rows that are asked for.
type report struct {
	only   *regexp.Regexp
	values map[string]float64
}

// wants reports whether one of the rows that a pattern matches is asked for.
func (r *report) wants(pattern string) bool {
	names := regexp.MustCompile(pattern)
	for _, g := range goals {
		if names.MatchString(g.name) && r.only.MatchString(g.name) {
			return true
		}
	}
	return false
}

// row tells a value, if it is asked for.
func (r *report) row(name string, value float64) {
	if !r.only.MatchString(name) {
		return
	}
	if r.values == nil {
		r.values = map[string]float64{}
	}
	r.values[name] = value
	for _, g := range goals {
		if g.name == name {
			fmt.Printf("bench: %s %s goal %s %s\n", name, number(value), g.limit(), g.verdict(value))
		}
	}
}

// table prints all rows that were measured, in Markdown.
func (r *report) table(w io.Writer) error {
	if len(r.values) == 0 {
		return errors.New("-only matches no row")
	}
	_, err := fmt.Fprint(w, "\n| row | value | goal | | what |\n| --- | ---: | ---: | --- | --- |\n")
	for _, g := range goals {
		if value, ok := r.values[g.name]; ok && err == nil {
			_, err = fmt.Fprintf(
				w,
				"| %s | %s | %s | %s | %s |\n",
				g.name,
				number(value),
				g.limit(),
				g.verdict(value),
				g.about,
			)
		}
	}
	return err
}

func (g goal) limit() string {
	if g.most == none {
		return "-"
	}
	return number(g.most)
}

// verdict goes by the value as it is shown.
func (g goal) verdict(value float64) string {
	shown, err := strconv.ParseFloat(number(value), 64)
	switch {
	case g.most == none:
		return "-"
	case err != nil || shown > g.most:
		return "MISSED"
	}
	return "ok"
}

// number has at most three decimals.
func number(v float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 3, 64), 64)
	if err != nil {
		panic(err) // it was just formatted
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
