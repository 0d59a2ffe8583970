package dashboard

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// LibraryPanel is a library panel that is kept beside the dashboard that carries it.
type LibraryPanel struct {
	// UID under which it is kept, and Name that it has in Grafana.
	UID, Name string
	// Hash of name and model, in a form that two panels share if they are the same to Grafana.
	Hash string

	model map[string]any // never changed
}

// Model is the JSON to send to Grafana. It names what a change would leave as it was otherwise.
func (p LibraryPanel) Model() (json.RawMessage, error) {
	model := map[string]any{}
	maps.Copy(model, p.model)
	for field, value := range panelDefaults {
		if model[field] == nil {
			model[field] = value
		}
	}
	return appendJSON(nil, model, asWritten)
}

const (
	// MaxLibraryPanels is how many panels of one dashboard are kept beside it: each costs requests of its own.
	MaxLibraryPanels = 100
	// longestPanelName is how long the name of a library panel can be, in characters.
	longestPanelName = 150
)

// OtherPanelName is the name of a library panel that leaves its own to another one.
func OtherPanelName(name, suffix string) string {
	suffix = " (" + suffix + ")"
	if letters, room := []rune(name), longestPanelName-utf8.RuneCountInString(suffix); len(letters) > room {
		name = strings.TrimSpace(string(letters[:room]))
	}
	return name + suffix
}

// keepLibraryPanels has the dashboard refer to those that it carries under the uids that they are kept under, and
// brings them, by uid. What nothing in it refers to is not kept.
func keepLibraryPanels(fields map[string]any, keep func(uid string) string, room *int) ([]LibraryPanel, error) {
	l := &library{elements: libraryElements(fields["__elements"]), room: room}
	kept := map[string]LibraryPanel{}
	var failed error
	l.each(fields, func(panel map[string]any, uid string) map[string]any {
		p, has := kept[uid]
		if !has && failed == nil {
			p, failed = keptPanel(uid, keep(uid), l.elements[uid])
			kept[uid] = p
		}
		*l.room -= len(p.UID) + len(p.Name)
		panel = maps.Clone(panel)
		panel["libraryPanel"] = map[string]any{"uid": p.UID, "name": p.Name}
		return panel
	})
	switch {
	case failed != nil:
		return nil, failed
	case *room < 0:
		return nil, fmt.Errorf("with its library panels referred to by other uids, %w", errTooLarge)
	case len(kept) > MaxLibraryPanels:
		return nil, fmt.Errorf(
			"it carries %d library panels, and spec.libraryPanels: Manage keeps at most %d: set Inline",
			len(kept),
			MaxLibraryPanels,
		)
	}
	return slices.SortedFunc(maps.Values(kept), func(a, b LibraryPanel) int { return cmp.Compare(a.UID, b.UID) }), nil
}

// keptPanel is a panel as it is kept under a uid. Its own reference to itself is Grafana's to write.
func keptPanel(given, uid string, e element) (LibraryPanel, error) {
	name, _ := e.name.(string)
	title, _ := e.model["title"].(string)
	name = cmp.Or(strings.TrimSpace(name), strings.TrimSpace(title), given)
	if n := utf8.RuneCountInString(name); n > longestPanelName {
		return LibraryPanel{}, fmt.Errorf(
			"the name of its library panel %.60q has %d characters: Grafana takes at most %d",
			given,
			n,
			longestPanelName,
		)
	}
	for _, field := range []string{"type", "description"} {
		if value, has := e.model[field]; has && value != nil {
			if _, isText := value.(string); !isText {
				return LibraryPanel{}, fmt.Errorf("the %q of its library panel %.60q is %s, not a text", field, given,
					kindOf(value))
			}
		}
	}
	p := LibraryPanel{UID: uid, Name: name, model: maps.Clone(e.model)}
	delete(p.model, "libraryPanel")
	var err error
	p.Hash, err = hashOfPanel(name, p.model)
	return p, err
}

// HashOfPanel is the hash of a library panel as Grafana returned it; "": it is none.
func HashOfPanel(name string, model []byte) string {
	fields, _, err := decode(model)
	if err != nil {
		return ""
	}
	hash, err := hashOfPanel(name, fields)
	if err != nil {
		return ""
	}
	return hash
}

// panelDefaults are what Grafana writes into the model of a new library panel that does not say. With a change it
// writes what was there before (syncFieldsWithModel).
var panelDefaults = map[string]string{"type": "", "description": ""}

func hashOfPanel(name string, model map[string]any) (string, error) {
	model = maps.Clone(model)
	delete(model, "libraryPanel")
	for field, value := range panelDefaults {
		if is, has := model[field]; has && (is == nil || is == value) {
			delete(model, field)
		}
	}
	text, err := appendJSON(nil, model, asKept)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte(name+"\x00"), text...))
	return HashVersion + "-" + hex.EncodeToString(sum[:16]), nil
}
