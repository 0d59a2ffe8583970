package grafanatest

import "slices"

// exclusion is why exchanges of a recording do not come out the same.
type exclusion struct {
	file string
	seqs []int
	why  string
	// effect: what the request did has to be done by other means, since later
	// exchanges build on it.
	effect bool
}

const (
	v10 = "grafana-10.4.3.jsonl"
	v12 = "grafana-12.4.0.jsonl"
)

var exclusions = []exclusion{
	{file: v10, seqs: []int{354}, why: "cache", effect: true},
	{file: v12, seqs: []int{354}, why: "cache", effect: true},
}

func exclusionOf(file string, seq int) (why string, effect bool) {
	for _, e := range exclusions {
		if e.file == file && slices.Contains(e.seqs, seq) {
			return e.why, e.effect
		}
	}
	return "", false
}
