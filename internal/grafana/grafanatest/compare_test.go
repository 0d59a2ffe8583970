package grafanatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// comparison compares two JSON values, ours and a recorded one. Texts that both
// sides generated are mapped onto each other.
type comparison struct {
	replay      *replay
	route       string
	differences []string
}

// forms of text that is generated: both sides must have the same form.
var generated = []*regexp.Regexp{
	regexp.MustCompile(`^glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}$`),
	regexp.MustCompile(`^((user|service-account):)?[a-z][0-9a-z]{13}$`),
	regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`),
	regexp.MustCompile(`^\d{15,16}$`),
}

// forms of text of which only the form counts.
var formOnly = []*regexp.Regexp{
	regexp.MustCompile(`^ACE\d{10}$`),
	regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`),
	regexp.MustCompile(`^eyJ[0-9A-Za-z]+={0,2}$`),
}

// ignored are fields that say nothing to a client, and are not modelled.
var ignored = []string{"traceID", "managedFields", "serverAddressByClientCIDRs", "resourceVersion"}

// partial are routes that answer more than is modelled: what we answer must be
// in the recording, but not the other way round.
var partial = []string{
	"GET /api/access-control/user/permissions", "GET /api/admin/settings", "GET /api/admin/stats", "GET /apis",
}

func (c *comparison) differ(path, format string, args ...any) {
	c.differences = append(c.differences, path+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) values(path string, got, want any) {
	switch want := want.(type) {
	case map[string]any:
		if got, isObject := got.(map[string]any); isObject {
			c.objects(path, got, want)
			return
		}
	case []any:
		if got, isArray := got.([]any); isArray {
			c.arrays(path, got, want)
			return
		}
	case string:
		if got, isText := got.(string); isText && c.texts(path, got, want) {
			return
		}
	case json.Number:
		if got, isNumber := got.(json.Number); isNumber && c.numbers(path, got, want) {
			return
		}
	default:
		if got == want {
			return
		}
	}
	c.differ(path, "%v, want %v", got, want)
}

func (c *comparison) objects(path string, got, want map[string]any) {
	was, _ := want["resourceVersion"].(string)
	if is, told := got["resourceVersion"].(string); told && len(was) == 16 { // which a later save is based on
		c.replay.recorded[was] = is
	}
	for _, field := range ignored {
		delete(got, field)
		delete(want, field)
	}
	subset := slices.Contains(partial, c.route)
	for _, field := range slices.Sorted(maps.Keys(want)) {
		if g, there := got[field]; there {
			c.values(path+"."+field, g, want[field])
		} else if !subset {
			c.differ(path+"."+field, "is missing, want %v", want[field])
		}
	}
	for field := range got {
		if _, there := want[field]; !there {
			c.differ(path+"."+field, "%v, want none", got[field])
		}
	}
}

func (c *comparison) arrays(path string, got, want []any) {
	if c.route == "GET /api/access-control/user/permissions" || path == ".paths" {
		return // scopes; other routes of /apis
	}
	if c.route == "GET /apis" && path == ".groups" {
		byName := map[string]any{}
		for _, g := range want {
			byName[g.(map[string]any)["name"].(string)] = g
		}
		for _, g := range got {
			name := g.(map[string]any)["name"].(string)
			c.values(path+"."+name, g, byName[name])
		}
		return
	}
	if len(got) != len(want) {
		c.differ(path, "%d elements, want %d: %v, want %v", len(got), len(want), got, want)
		return
	}
	if strings.HasSuffix(c.route, "/:uid/permissions") {
		got, want = byRole(got), byRole(want)
	}
	for i := range want {
		c.values(fmt.Sprintf("%s[%d]", path, i), got[i], want[i])
	}
}

// byRole sorts the items of a list of permissions, in which those for roles stand in the order in which the org had its
// first grants to them: where several write at once, that is chance.
func byRole(items []any) []any {
	role := func(item any) string {
		fields, _ := item.(map[string]any)
		name, _ := fields["role"].(string)
		return name
	}
	return slices.SortedStableFunc(
		slices.Values(items),
		func(a, b any) int { return strings.Compare(role(a), role(b)) },
	)
}

func (c *comparison) texts(path, got, want string) bool {
	if got == want {
		return true
	}
	// 12.4 looks names of authors up in a cache, and signs with this one as
	// long as it finds none.
	if want == "Anonymous" && (strings.HasSuffix(path, "edBy")) {
		return true
	}
	for _, form := range formOnly {
		if form.MatchString(want) {
			return form.MatchString(got)
		}
	}
	for _, form := range generated {
		if form.MatchString(want) && form.MatchString(got) {
			return c.maps(got, want)
		}
	}
	return c.replay.translate(want) == got
}

// maps says whether a recorded text always stands for the same of ours.
func (c *comparison) maps(got, want string) bool {
	is, known := c.replay.recorded[want]
	was, used := c.replay.ours[got]
	if !known && !used {
		c.replay.recorded[want], c.replay.ours[got] = got, want
		return true
	}
	return is == got && was == want
}

func (c *comparison) numbers(path string, got, want json.Number) bool {
	if got == want {
		return true
	}
	if strings.HasSuffix(path, ".secondsUntilExpiration") {
		g, _ := got.Float64()
		w, _ := want.Float64()
		return g-w < 2 && w-g < 2
	}
	return c.texts(path, got.String(), want.String())
}
