// Package dashboard understands the content of a Grafana dashboard: the forms in which people have it, what of it is
// somebody's work, and what Grafana adds.
package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Content is a dashboard as its author wrote it.
type Content struct {
	// API is the version of Grafana's /apis that has its schema, such as "v2beta1": it is saved there. Empty: it is in
	// the classic model, which all versions of Grafana save.
	API string
	// UID that the content itself names; empty if none.
	UID string
	// Title of the dashboard, as Grafana keeps it.
	Title string
	// Unused are inputs that were given and are declared, but that stand nowhere in the dashboard.
	Unused []string
	// DataSources are those that it names, by uid or name and sorted, but for those that every Grafana has.
	DataSources []string
	// UnusedDataSources are what others were to stand for, and what it names nowhere.
	UnusedDataSources []string
	// LibraryPanels are those that are kept beside it, by uid.
	LibraryPanels []LibraryPanel
	// InvalidUID says what is wrong with a uid that the content names and that Grafana would not take; nil: it names
	// none of the kind. It matters to those who would go by it.
	InvalidUID error

	fields map[string]any // as decode makes them; never changed
}

// longestTitle that Grafana takes, in characters.
const longestTitle = 5000

var uidPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

// Wishes are what is to be otherwise than in the source. None is the zero value.
type Wishes struct {
	// Title in the place of its own; empty: that one.
	Title string
	// Inputs are the values of its inputs.
	Inputs map[string]string
	// DataSources stand for those that it names: by uid, name, or ${NAME} of an input or a variable. What one without
	// a uid is to stand for stays as it is.
	DataSources map[string]DataSource
	// LibraryPanels says under which uid a library panel that the dashboard carries is kept beside it. nil: they are
	// put into it.
	LibraryPanels func(uid string) string
}

// Parse reads a dashboard's JSON, plain or gzipped, in any of the forms that people have, and changes it as is wished.
// Its errors say what is wrong with it in terms of the source.
func Parse(source []byte, w Wishes) (*Content, error) {
	fields, size, err := decode(source)
	if err != nil {
		return nil, err
	}
	m, err := unwrap(fields)
	if err != nil {
		return nil, err
	}
	fields = m.fields
	room := MaxSize - size
	declared, err := readInputs(fields)
	if err != nil {
		return nil, err
	}
	s := newSources(m, w.DataSources, declared, &room)
	if err := s.replace(m); err != nil { // before inputs are filled in, so that nothing is replaced once more
		return nil, err
	}
	unused, err := fillInputs(fields, w.Inputs, declared, s, &room)
	if err != nil {
		return nil, err
	}
	panels, err := placeLibraryPanels(m, w, &room)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"__inputs", "__requires", "__elements"} {
		delete(fields, key) // they are for whoever imports it
	}
	if w.Title != "" {
		fields["title"] = w.Title
	}
	c, err := newContent(m)
	if err == nil {
		c.Unused, c.LibraryPanels = unused, panels
		c.DataSources, c.UnusedDataSources = namedSources(m, panels), s.unused(w.DataSources)
	}
	return c, err
}

// placeLibraryPanels puts the library panels that a dashboard carries into it, or brings those to keep beside it. In
// schema v2 it carries none.
func placeLibraryPanels(m model, w Wishes, room *int) ([]LibraryPanel, error) {
	if w.LibraryPanels == nil || m.api != "" {
		return nil, inlineLibraryPanels(m.fields, room)
	}
	return keepLibraryPanels(m.fields, w.LibraryPanels, room)
}

// newContent takes a dashboard's own model.
func newContent(m model) (*Content, error) {
	fields := m.fields
	if m.api == "" && fields["apiVersion"] != nil && isObject(fields["spec"]) {
		return nil, errors.New(`it has a "spec" and an "apiVersion" beside a "title": Grafana would take the "spec" ` +
			`for the dashboard. Take them out, or give the resource alone`)
	}
	title, isText := fields["title"].(string)
	if !isText && fields["title"] != nil {
		return nil, fmt.Errorf(`its "title" is %s, not a text: put it in quotes`, kindOf(fields["title"]))
	}
	if title = strings.TrimSpace(title); title == "" {
		return nil, errors.New(`it has no "title": a dashboard needs one`)
	}
	if n := utf8.RuneCountInString(title); n > longestTitle {
		return nil, fmt.Errorf(`its "title" has %d characters: Grafana takes at most %d`, n, longestTitle)
	}
	fields["title"] = title
	c := &Content{API: m.api, Title: title, fields: fields}
	uid, isText := m.uid.(string)
	if !isText && m.uid != nil {
		c.InvalidUID = fmt.Errorf(
			`its "uid" is %s, not a text of at most 40 letters, digits, "-" and "_": put it in quotes`,
			kindOf(m.uid),
		)
		return c, nil
	}
	uid = strings.TrimSpace(uid) // as Grafana does
	if uid != "" && !uidPattern.MatchString(uid) {
		c.InvalidUID = fmt.Errorf(
			`its "uid" %.60q is none: at most 40 letters, digits, "-" and "_"`,
			fmt.Sprint(m.uid),
		)
		return c, nil
	}
	c.UID = uid
	return c, nil
}

// Model is the JSON to send to Grafana: the content under this uid, without the id of another place. version is the one
// that the save is based on; 0 for a new dashboard. What has an API knows neither.
func (c *Content) Model(uid string, version int64) (json.RawMessage, error) {
	if c.API != "" {
		return appendJSON(nil, c.fields, asWritten)
	}
	fields := maps.Clone(c.fields)
	delete(fields, "id")
	delete(fields, "version")
	fields["uid"] = uid
	if version != 0 {
		fields["version"] = json.Number(strconv.FormatInt(version, 10))
	}
	return appendJSON(nil, fields, asWritten)
}
