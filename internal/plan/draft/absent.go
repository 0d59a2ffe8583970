package draft

import (
	"net/http"
	"regexp"
	"strconv"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// refusal is an answer of Grafana's that does not say what was asked: neither that something is there nor that it is
// not. It is the answer to the request that had to know it, too.
type refusal struct{ answer *answer }

// Error says so.
func (r *refusal) Error() string { return "Grafana answers " + strconv.Itoa(r.answer.status) }

// isAbsent reports whether Grafana says that what a path names is not there. What is before Grafana knows nothing of
// that, whatever it says.
func (a *answer) isAbsent(path string) bool {
	return a.status == http.StatusNotFound && grafana.SaysAbsent(path, a.header, a.body)
}

// read is what an answer has; nil: Grafana says that it is not there. Any other answer is a *refusal.
func (a *answer) read(path string) (object, error) {
	switch {
	case a.isAbsent(path):
		return nil, nil
	case a.status != http.StatusOK:
		return nil, &refusal{a}
	}
	var v object
	err := decode(a.body, &v)
	return v, err
}

// array asks Grafana for a list, without what was drafted.
func (c *call) array(uri string) ([]any, error) {
	a, err := c.get(c.Path + uri)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, &refusal{a}
	}
	var items []any
	err = decode(a.body, &items)
	return items, err
}

// mostIDs is how many ids a Draft gives at most.
const mostIDs = 1 << 20

var digits = regexp.MustCompile(`\d+`)

// WithoutIDs is a text for people without ids that a Draft has given: Grafana will give others.
func WithoutIDs(text string) string {
	return digits.ReplaceAllStringFunc(text, func(id string) string {
		if n, err := strconv.ParseInt(id, 10, 64); err != nil || !IsDrafted(n) || n > firstID+mostIDs {
			return id
		}
		return "(new)"
	})
}
