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

var exclusions = []exclusion{}

func exclusionOf(file string, seq int) (why string, effect bool) {
	for _, e := range exclusions {
		if e.file == file && slices.Contains(e.seqs, seq) {
			return e.why, e.effect
		}
	}
	return "", false
}
