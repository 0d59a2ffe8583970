package controllers

import (
	"strings"
	"unicode"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// roll finds people on a list by their logins and addresses, in any case.
type roll struct{ logins, emails map[string]int }

func newRoll() roll { return roll{logins: map[string]int{}, emails: map[string]int{}} }

// enter notes the place of somebody on the list. The first of a name has it; what is empty is no name.
func (r roll) enter(login, email string, at int) {
	note := func(places map[string]int, name string) {
		if _, taken := places[folded(name)]; name != "" && !taken {
			places[folded(name)] = at
		}
	}
	note(r.logins, login)
	note(r.emails, email)
}

// find is the place of somebody whom a spec names.
func (r roll) find(m v1alpha1.Member) (at int, found bool) {
	if m.Login != "" {
		at, found = r.logins[folded(m.Login)]
	} else {
		at, found = r.emails[folded(m.Email)]
	}
	return at, found
}

// folded is the same text for all that strings.EqualFold takes for equal.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, s)
}
