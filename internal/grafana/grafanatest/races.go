package grafanatest

import "net/http"

// Where writers do not wait for each other, as on PostgreSQL and MariaDB, some
// of those that meet lose. Two requests meet if the later one arrived before the
// earlier one was done: Latency and the Delay of faults let them.

// losesFirst says whether a create loses the race for what the first one makes in
// an org besides: who was on the way meanwhile fails to make it again. Dashboards
// and folders race for the same roles.
func (c *call) losesFirst(o *org, kind string) bool {
	if c.db.kind == SQLite {
		return false
	}
	done, known := o.firsts[kind]
	if !known {
		o.firsts[kind] = c.db.arrived()
		return false
	}
	return c.in.arrival <= done
}

// taken is the answer to a create whose name is taken: the one that is meant for
// it, or, if whoever took it was made while this one was on the way, that of the
// database.
func (c *call) taken(made int, meant *answer, otherwise string) *answer {
	if c.db.kind == SQLite || c.in.arrival > made {
		return meant
	}
	return fail(http.StatusInternalServerError, otherwise)
}
