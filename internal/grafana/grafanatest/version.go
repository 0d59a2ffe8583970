package grafanatest

import "slices"

// quirks are the differences between versions, each named for what it does.
type quirks struct {
	version, commit string
	toggles         map[string]bool

	unified bool // dashboards and folders live in the storage behind /apis

	countsUnknownLogins bool // failed logins of nobody count, too
	rotatesFresh        bool // a session can be rotated at any age
}

var known = map[string]quirks{
	"12.4.0": {version: "12.4.0", commit: "ebae266a", unified: true, countsUnknownLogins: true},
	"10.4.3": {version: "10.4.3", commit: "fork", rotatesFresh: true},
}

// Versions returns the versions that Options.Version can name, sorted.
func Versions() []string {
	var out []string
	for v := range known {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

func quirksOf(version string) quirks {
	q, ok := known[version]
	if !ok {
		panic("grafanatest: Grafana " + version + " is not modelled")
	}
	return q
}
