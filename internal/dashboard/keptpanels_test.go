package dashboard

import (
	"strings"
	"testing"
)

func keep(source string) (*Content, error) {
	return Parse([]byte(source), Wishes{
		Inputs:        valuesFor(source),
		DataSources:   map[string]DataSource{"old": {UID: "new", Name: "New", Type: "loki"}},
		LibraryPanels: func(uid string) string { return "kept-" + uid },
	})
}

const carrying = `{"title":"x","__inputs":[{"name":"TEXT","type":"constant"}],"panels":[
	{"id":1,"gridPos":{"w":12},"libraryPanel":{"uid":"a","name":"Old name"}},
	{"id":2,"type":"row","panels":[{"id":3,"libraryPanel":{"uid":"a"}},{"id":4,"libraryPanel":{"uid":"elsewhere"}}]}],
	"__elements":{"a":{"name":"Shared","model":{"type":"text","libraryPanel":{"uid":"a"},"options":{"content":"${TEXT}"},
		"datasource":{"type":"prometheus","uid":"old"}}},"unused":{"name":"Nobody's","model":{}}}}`

// Library panels that are kept beside a dashboard are referred to under their uids, and have what is otherwise wished.
func TestKeptLibraryPanels(t *testing.T) {
	c, err := keep(carrying)
	must(t, err)
	model, err := c.Model("u", 0)
	must(t, err)
	for _, want := range []string{
		`{"gridPos":{"w":12},"id":1,"libraryPanel":{"name":"Shared","uid":"kept-a"}}`,
		`{"id":3,"libraryPanel":{"name":"Shared","uid":"kept-a"}}`, `{"id":4,"libraryPanel":{"uid":"elsewhere"}}`,
	} {
		if !strings.Contains(string(model), want) {
			t.Errorf("there is no %s in %s", want, model)
		}
	}
	if len(c.LibraryPanels) != 1 || c.LibraryPanels[0].UID != "kept-a" || c.LibraryPanels[0].Name != "Shared" {
		t.Fatalf("kept are %+v", c.LibraryPanels)
	}
	panel, err := c.LibraryPanels[0].Model()
	must(t, err)
	want := `{"datasource":{"type":"loki","uid":"new"},"description":"","options":{"content":"filled"},"type":"text"}`
	if string(panel) != want {
		t.Errorf("the panel is %s, want %s", panel, want)
	}
	if len(c.DataSources) != 1 || c.DataSources[0] != "new" {
		t.Errorf("it names %q", c.DataSources)
	}
}

// What Grafana adds to a library panel is no difference; all else is.
func TestHashOfPanel(t *testing.T) {
	hash := HashOfPanel("Shared", []byte(`{"options":{"n":1.0}}`))
	for model, same := range map[string]bool{
		`{"type":"","description":"","options":{"n":1},"libraryPanel":{"uid":"a","name":"Shared"}}`: true,
		`{"type":null,"options":{"n":1}}`:       true,
		`{"type":"text","options":{"n":1}}`:     false,
		`{"description":"d","options":{"n":1}}`: false,
		`{"options":{"n":2}}`:                   false,
		`no JSON`:                               false,
	} {
		if got := HashOfPanel("Shared", []byte(model)); (got == hash) != same {
			t.Errorf("%s: %q, want the same: %v", model, got, same)
		}
	}
	if HashOfPanel("Other", []byte(`{"options":{"n":1}}`)) == hash {
		t.Error("another name is the same")
	}
}

// The name that makes way fits into Grafana's column, whatever letters it has.
func TestOtherPanelName(t *testing.T) {
	for name, want := range map[string]string{
		"Short":                  "Short (12345678)",
		strings.Repeat("ü", 139): strings.Repeat("ü", 139) + " (12345678)",
		strings.Repeat("ü", 140): strings.Repeat("ü", 139) + " (12345678)",
	} {
		if got := OtherPanelName(name, "12345678"); got != want {
			t.Errorf("%s gets %s", name, got)
		}
	}
}

// A library panel's name is its own, else the title in its model, else its uid.
func TestNamesOfKeptPanels(t *testing.T) {
	for element, want := range map[string]string{
		`{"name":" Own ","model":{"title":"Title"}}`: "Own",
		`{"name":5,"model":{"title":"Title"}}`:       "Title",
		`{"model":{}}`:                               "a",
	} {
		c, err := keep(`{"title":"x","__elements":{"a":` + element + `},"panels":[{"libraryPanel":{"uid":"a"}}]}`)
		must(t, err)
		if c.LibraryPanels[0].Name != want {
			t.Errorf("%s is called %q, want %q", element, c.LibraryPanels[0].Name, want)
		}
	}
}

// What Grafana would fail on is refused with a sentence.
func TestPanelsThatCannotBeKept(t *testing.T) {
	for element, want := range map[string]string{
		`{"model":{"type":5}}`:                                   `the "type" of its library panel "a" is a number`,
		`{"model":{"description":[]}}`:                           `the "description" of its library panel "a" is an array`,
		`{"name":"` + strings.Repeat("n", 151) + `","model":{}}`: "has 151 characters: Grafana takes at most 150",
	} {
		_, err := keep(`{"title":"x","__elements":{"a":` + element + `},"panels":[{"libraryPanel":{"uid":"a"}}]}`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", element, err, want)
		}
	}
	var elements, panels []string
	for i := range MaxLibraryPanels + 1 {
		uid := `"` + strings.Repeat("p", i+1) + `"`
		elements = append(elements, uid+`:{"model":{}}`)
		panels = append(panels, `{"libraryPanel":{"uid":`+uid+`}}`)
	}
	_, err := keep(`{"title":"x","__elements":{` + strings.Join(elements, ",") + `},"panels":[` +
		strings.Join(panels, ",") + `]}`)
	if err == nil || !strings.Contains(err.Error(), "carries 101 library panels") {
		t.Errorf("too many: %v", err)
	}
}

// valuesFor are the values for a source that has inputs.
func valuesFor(source string) map[string]string {
	if !strings.Contains(source, "__inputs") {
		return nil
	}
	return map[string]string{"TEXT": "filled"}
}
