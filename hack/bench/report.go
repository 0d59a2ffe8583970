package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Builds of the operator that are measured.
const (
	thisBuild  = iota
	otherBuild // the one of -compare
)

// report collects the values of the rows that are asked for.
type report struct {
	goals  []goal
	only   *regexp.Regexp
	build  int                     // that is measured now
	values [2]map[string][]float64 // by build and row
}

func newReport(goals []goal, only *regexp.Regexp) report {
	return report{goals: goals, only: only, values: [2]map[string][]float64{{}, {}}}
}

// wants reports whether one of the rows that a pattern matches is asked for.
func (r *report) wants(pattern string) bool {
	names := regexp.MustCompile(pattern)
	for _, g := range r.goals {
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
	r.values[r.build][name] = append(r.values[r.build][name], value)
	for _, g := range r.goals {
		if g.name == name && r.build == thisBuild {
			fmt.Printf("bench: %s %s goal %s %s\n", name, number(value), g.limit, g.limit.verdict(value))
		} else if g.name == name {
			fmt.Printf("bench: %s %s with the other build\n", name, number(value))
		}
	}
}

// value is the mean of what was measured.
func (r *report) value(build int, name string) (value float64, measured bool) {
	all := r.values[build][name]
	for _, v := range all {
		value += v / float64(len(all))
	}
	return value, len(all) > 0
}

// table prints all rows that were measured, in Markdown.
func (r *report) table(w io.Writer) error {
	if len(r.values[thisBuild]) == 0 {
		return nil
	}
	_, err := fmt.Fprint(w, "\n| row | value | goal | | what |\n| --- | ---: | ---: | --- | --- |\n")
	for _, g := range r.goals {
		if value, ok := r.value(thisBuild, g.name); ok && err == nil {
			_, err = fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n",
				g.name, number(value), g.limit, g.limit.verdict(value), g.about)
		}
	}
	return err
}

// ratios tells this build's values by the other's, where both were measured.
func (r *report) ratios() {
	for _, g := range r.goals {
		this, ok := r.value(thisBuild, g.name)
		other, both := r.value(otherBuild, g.name)
		if !ok || !both {
			continue
		}
		ratio, verdict := "-", "-" // by nothing
		if other != 0 {
			ratio, verdict = number(this/other), g.ratio.verdict(this/other)
		}
		fmt.Printf("bench: %s this/other %s goal %s %s (%s, %s)\n",
			g.name, ratio, g.ratio, verdict, number(this), number(other))
	}
}

// limit is what a value may be.
type limit struct {
	known bool
	least bool // at least, and not at most
	value float64
}

func atMost(value float64) limit  { return limit{known: true, value: value} }
func atLeast(value float64) limit { return limit{known: true, least: true, value: value} }

// String is how it is shown.
func (l limit) String() string {
	switch {
	case !l.known:
		return "-"
	case l.least:
		return "≥" + number(l.value)
	}
	return number(l.value)
}

// verdict goes by the value as it is shown.
func (l limit) verdict(value float64) string {
	shown, err := strconv.ParseFloat(number(value), 64)
	switch {
	case !l.known:
		return "-"
	case err != nil || l.least && shown < l.value || !l.least && shown > l.value:
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
