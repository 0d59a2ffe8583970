package dashboard

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func addSamples(f *testing.F, add func(source []byte)) {
	files, err := filepath.Glob("testdata/content/*.json")
	must(f, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		must(f, err)
		add(source)
	}
}

// FuzzParse: nothing makes it panic, and what is sent is the same dashboard.
func FuzzParse(f *testing.F) {
	addSamples(f, func(source []byte) { f.Add(source) })
	f.Add([]byte(zipped(`{"title":"x"}`)))
	f.Add(
		[]byte(
			"\ufeff" + `{"dashboard":{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"n"},"spec":{"title":"x"}}}`,
		),
	)
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := Parse(source, Wishes{})
		if err != nil {
			return
		}
		hash, err := c.Hash()
		if err != nil {
			return
		}
		model, err := c.Model("a-uid", 3)
		must(t, err)
		if !json.Valid(model) {
			t.Fatalf("%s is no JSON", model)
		}
		again, err := Parse(model, Wishes{})
		must(t, err)
		if h := hashOf(t, again); h != hash || HashOf(model) != hash || again.UID != "a-uid" || again.Title != c.Title {
			t.Fatalf("%s is another dashboard than %s", model, source)
		}
	})
}

// FuzzLibraryPanels: nothing makes it panic, what is kept beside a dashboard is referred to, and has the same hash as
// what is sent of it.
func FuzzLibraryPanels(f *testing.F) {
	addSamples(f, func(source []byte) { f.Add(source) })
	f.Add([]byte(carrying))
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := keep(string(source))
		if err != nil {
			return
		}
		model, err := c.Model("a-uid", 0)
		if err != nil {
			return
		}
		for _, p := range c.LibraryPanels {
			panel, err := p.Model()
			must(t, err)
			if h := HashOfPanel(p.Name, panel); h != p.Hash || !json.Valid(panel) {
				t.Fatalf("%s has hash %q, not %q", panel, h, p.Hash)
			}
			uid, err := json.Marshal(p.UID)
			must(t, err)
			if !bytes.Contains(model, []byte(`"uid":`)) || len(uid) < len(`"kept-"`) {
				t.Fatalf("%s does not refer to %s", model, uid)
			}
		}
	})
}

// FuzzInputs: whatever the values are, they end up in texts, and change nothing else.
func FuzzInputs(f *testing.F) {
	addSamples(f, func(source []byte) { f.Add(source, "DS_PROMETHEUS", `"},{"`) })
	f.Add([]byte(twoInputs), "DS_A", "${DS_A}")
	f.Fuzz(func(t *testing.T, source []byte, name, value string) {
		c, err := Parse(source, Wishes{Inputs: map[string]string{name: value}})
		if err != nil || bytes.Contains(source, []byte("__elements")) { // where a value can name a library panel
			return
		}
		model, err := c.Model("a-uid", 0)
		must(t, err)
		plain, err := Parse(source, Wishes{Inputs: map[string]string{name: "p"}})
		if err != nil {
			return // of another uid or title
		}
		other, err := plain.Model("a-uid", 0)
		must(t, err)
		if !bytes.Equal(shape(t, model), shape(t, other)) {
			t.Fatalf("%s has another shape than %s", model, other)
		}
	})
}

// shape is a JSON text without the texts in it, but for keys.
func shape(t *testing.T, text []byte) []byte {
	var value any
	must(t, json.Unmarshal(text, &value))
	var blank func(any) any
	blank = func(value any) any {
		switch v := value.(type) {
		case string:
			return ""
		case []any:
			for i := range v {
				v[i] = blank(v[i])
			}
		case map[string]any:
			for key := range v {
				v[key] = blank(v[key])
			}
		}
		return value
	}
	text, err := json.Marshal(blank(value))
	must(t, err)
	return text
}

// FuzzCanonical: the canonical form is a dashboard and its own canonical form, and a float64 round trip through
// encoding/json leaves it.
func FuzzCanonical(f *testing.F) {
	addSamples(f, func(source []byte) { f.Add(source) })
	f.Add([]byte(`{"title":"x","uid":"u","panels":[{"a":1e400}]}`))
	f.Add([]byte(`{"title":"\ud800","x":-0,"panels":[{"id":1e300},{},{"id":1e300}]}`))
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := Parse(source, Wishes{})
		if err != nil {
			return
		}
		once, err := c.Canonical()
		if err != nil {
			return
		}
		again, err := Parse(once, Wishes{})
		if err != nil {
			t.Fatalf("canonical form %s does not parse: %v", once, err)
		}
		twice, err := again.Canonical()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("canonical form changes from %s to %s (%v)", once, twice, err)
		}
		var value any
		must(t, json.Unmarshal(once, &value))
		kept, err := json.Marshal(value)
		must(t, err)
		if HashOf(kept) != hashOf(t, c) {
			t.Fatalf("%s is another dashboard than %s", kept, once)
		}
	})
}
