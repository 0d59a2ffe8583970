package dashboard

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"empty":         {"", "ends too early"},
		"cut off":       {`{"title": "x"`, "ends too early"},
		"syntax":        {"{\n\"title\": \"x\",\n}", "line 3"},
		"an array":      {`[]`, "array"},
		"null":          {`null`, "null"},
		"two documents": {`{"title":"x"}{}`, "behind"},
		"no title":      {`{"panels":[]}`, "title"},
		"title no text": {`{"title":7}`, "title"},
		"bad uid":       {`{"title":"x","uid":"a b"}`, "uid"},
		"uid a number":  {`{"title":"x","uid":7}`, "uid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.source))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse said %v, want something with %q", err, c.want)
			}
		})
	}
}

func hash(t *testing.T, source string) string {
	t.Helper()
	c, err := Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashIgnoresWhatGrafanaSets(t *testing.T) {
	written := hash(t, `{"title":"x","panels":[{"id":1,"max":9007199254740993,"min":1.0}],"schemaVersion":39}`)
	kept := hash(t, `{"id":12,"uid":"abc","version":4,"schemaVersion":39,"panels":[{"min":1,"max":9007199254740992,"id":1}],"title":"x"}`)
	if written != kept {
		t.Error("the dashboard as Grafana keeps it counts as another one")
	}
	if written == hash(t, `{"title":"x","panels":[{"id":1,"max":9007199254740993,"min":2}],"schemaVersion":39}`) {
		t.Error("another dashboard counts as the same")
	}
}

func TestModel(t *testing.T) {
	c, err := Parse([]byte(`{"id":3,"uid":"theirs","version":9,"title":"x","big":9007199254740993}`))
	if err != nil {
		t.Fatal(err)
	}
	created, err := c.Model("ours", 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"big":9007199254740993,"title":"x","uid":"ours"}`; string(created) != want {
		t.Errorf("new model is %s, want %s", created, want)
	}
	updated, err := c.Model("ours", 4)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"big":9007199254740993,"title":"x","uid":"ours","version":4}`; string(updated) != want {
		t.Errorf("updated model is %s, want %s", updated, want)
	}
}

// FuzzCanonical: nothing makes the parser panic, and the canonical form is its own canonical form.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"title":"x","uid":"u","panels":[{"a":1e400}]}`))
	f.Add([]byte(`{"title":"\ud800","x":-0}`))
	f.Fuzz(func(t *testing.T, source []byte) {
		c, err := Parse(source)
		if err != nil {
			return
		}
		once, err := c.Canonical()
		if err != nil {
			return
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("canonical form %s does not parse: %v", once, err)
		}
		twice, err := again.Canonical()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("canonical form changes from %s to %s (%v)", once, twice, err)
		}
		if !json.Valid(once) {
			t.Fatalf("canonical form %s is no JSON", once)
		}
	})
}
