package dashboard

import (
	"runtime"
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"empty":               {"", "ends too early"},
		"cut off":             {`{"title": "x"`, "ends too early"},
		"syntax":              {"{\n\"title\": \"x\",\n}", "line 3"},
		"syntax far behind":   {"{\n\"title\": \"x\"," + strings.Repeat("\n\"a\": 1,", 10000) + "\n]", "line 10003"},
		"YAML":                {"title: x", `begins with "title: x"`},
		"no JSON blank":       {"\v", "begins with"},
		"UTF-16":              {"\xff\xfe{\x00}\x00", "UTF-16"},
		"an array":            {`[]`, "an array"},
		"a number":            {` 7`, "a number"},
		"null":                {`null`, "null"},
		"two documents":       {`{"title":"x"}{}`, "behind"},
		"no title":            {`{"panels":[]}`, "title"},
		"blank title":         {`{"title":" \t"}`, "title"},
		"title no text":       {`{"title":7}`, "title"},
		"title too long":      {`{"title":"` + strings.Repeat("ü", 5001) + `"}`, "5001 characters"},
		"gzip of nothing":     {"\x1f\x8b", "gzipped"},
		"gzip cut off":        {zipped(`{"title":"x"}`)[:20], "gzipped"},
		"too large":           {`{"title":"x"}` + strings.Repeat(" ", MaxSize), "16 MiB"},
		"too large unzipped":  {zipped(strings.Repeat(" ", MaxSize+1)), "16 MiB"},
		"too deep":            {`{"title":"x","a":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, "deep"},
		"far too deep":        {strings.Repeat(`{"a":`, 1<<20), "deep"},
		"too many values":     {`{"title":"x","a":[` + strings.Repeat(`{},`, 1<<20) + `0]}`, "values"},
		"v2 spec":             {`{"title":"x","elements":{},"layout":{}}`, "V2 Resource"},
		"v2 in an envelope":   {`{"dashboard":{"title":"x","elements":{},"layout":{}}}`, "V2 Resource"},
		"v2 without title":    {`{"apiVersion":"dashboard.grafana.app/v2beta1","kind":"Dashboard","spec":{"elements":{}}}`, "title"},
		"v2 with a suffix":    {`{"apiVersion":"dashboard.grafana.app/v2/../v1","kind":"Dashboard","spec":{"title":"x"}}`, "not known"},
		"v3 resource":         {`{"apiVersion":"dashboard.grafana.app/v3","kind":"Dashboard","spec":{"title":"x"}}`, "not known"},
		"resource of nothing": {`{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard"}`, `without a "spec"`},
		"another resource":    {`{"apiVersion":"grafana.integreatly.org/v1beta1","kind":"GrafanaDashboard","spec":{"title":"x"}}`, "GrafanaDashboard"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.source), Wishes{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse said %.300v, want something with %q", err, c.want)
			}
			if HashOf([]byte(c.source)) != "" && !strings.Contains(name, "v2") {
				t.Error("it has a hash")
			}
		})
	}
}

// A bomb of 1 GiB may cost what a dashboard may.
func TestZipBomb(t *testing.T) {
	part := zipped(strings.Repeat("[],", 1<<20)) // parts of gzip make a whole
	bomb := []byte(strings.Repeat(part, 1<<30/(3<<20)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Parse(bomb, Wishes{}); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("Parse said %v", err)
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 10*MaxSize {
		t.Errorf("it allocated %d MiB", spent>>20)
	}
}

func TestModel(t *testing.T) {
	c := parse(t, []byte(`{"id":3,"uid":" theirs ","version":9,"title":"x","big":9007199254740993}`), nil)
	if c.UID != "theirs" || c.Title != "x" {
		t.Errorf("it has uid %q and title %q", c.UID, c.Title)
	}
	for version, want := range map[int64]string{0: `{"big":9007199254740993,"title":"x","uid":"ours"}`, 4: `{"big":9007199254740993,"title":"x","uid":"ours","version":4}`} {
		if have, err := c.Model("ours", version); err != nil || string(have) != want {
			t.Errorf("the model based on version %d is %s (%v), want %s", version, have, err, want)
		}
	}
}

// What YAML reads as a number without quotes is said to be one, and not to be missing.
func TestATitleThatIsNoText(t *testing.T) {
	for _, source := range []string{`{"title":2024}`, `{"title":true}`, `{"title":["x"]}`} {
		if _, err := Parse([]byte(source), Wishes{}); err == nil || !strings.Contains(err.Error(), `its "title" is a`) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// A uid that Grafana would not take is told to whoever would go by it, and no reason to refuse the content.
func TestAUIDThatIsNone(t *testing.T) {
	for name, source := range map[string]string{
		"blank within": `{"title":"x","uid":"a b"}`,
		"long":         `{"title":"x","uid":"` + strings.Repeat("u", 41) + `"}`,
		"a number":     `{"title":"x","uid":7}`,
		"a name":       `{"apiVersion":"dashboard.grafana.app/v1","kind":"Dashboard","metadata":{"name":"a.b"},"spec":{"title":"x"}}`,
	} {
		c := parse(t, []byte(source), nil)
		if c.InvalidUID == nil || !strings.Contains(c.InvalidUID.Error(), "at most 40") || c.UID != "" {
			t.Errorf("%s: uid %q, %v", name, c.UID, c.InvalidUID)
		}
		if model, err := c.Model("mine", 0); err != nil || string(model) != `{"title":"x","uid":"mine"}` {
			t.Errorf("%s: %s, %v", name, model, err)
		}
	}
}
