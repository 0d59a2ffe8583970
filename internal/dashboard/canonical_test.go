package dashboard

import (
	"bytes"
	"strings"
	"testing"
)

func TestSameToGrafana(t *testing.T) {
	for name, c := range map[string][2]string{
		"numbers":               {`"a":[9007199254740993,1.0,-0,1e2,0.1]`, `"a":[9007199254740992,1,0,100,0.10]`},
		"keys and blanks":       {`"a":{"b":1,"c":"é"}`, ` "a" : {"c":"\u00e9","b":1}`},
		"null is the default":   {`"tags":null,"time":null`, `"links":null`},
		"ids of panels":         {`"panels":[{"type":"a"},{"id":5,"panels":[{"id":0},{"id":5},{"id":null}]}]`, `"panels":[{"id":6,"type":"a"},{"id":5,"panels":[{"id":7},{"id":8},{"id":9}]}]`},
		"library panel":         {`"panels":[{"id":1,"libraryPanel":{"uid":"u","name":"n"}}]`, `"panels":[{"id":1,"libraryPanel":{"uid":"u","name":"n","version":2,"meta":{}}}]`},
		"built in annotation":   {`"annotations":{"list":[{"name":"a"}]}`, `"annotations":{"list":[` + builtInAnnotation + `,{"name":"a"}]}`},
		"no annotation besides": {`"annotations":{}`, `"annotations":{"list":[` + builtInAnnotation + `]}`},
	} {
		if HashOf([]byte(`{"title":"x",`+c[0]+`}`)) != HashOf([]byte(`{"title":"x",`+c[1]+`}`)) {
			t.Errorf("%s: %s is another dashboard than %s", name, c[0], c[1])
		}
	}
}

func TestNotTheSame(t *testing.T) {
	variants := []string{
		`"a":1`,
		`"a":"1"`,
		`"a":[1]`,
		`"a":[]`,
		`"a":{}`,
		`"a":null`,
		`"a":true`,
		`"a":false`,
		`"a":""`,
		`"a":1.5`,
		`"a":"null"`,
		`"a":[1,2]`,
		`"a":[2,1]`,
		`"a":[12]`,
		`"a":{"b":[]}`,
		`"a":"\u0001"`,
		`"a":"\\u0001"`,
		`"a":"<"`,
		`"a":"\\u003c"`,
		`"b":null`,
		`"editable":false`,
		`"editable":"true"`,
		`"graphTooltip":1`,
		`"fiscalYearStartMonth":1`,
		`"liveNow":true`,
		`"preload":true`,
		`"refresh":"5s"`,
		`"refresh":false`,
		`"tags":["a","b"]`,
		`"tags":["b","a"]`,
		`"links":[{}]`,
		`"timepicker":{"hidden":true}`,
		`"time":{"from":"now-1h","to":"now"}`,
		`"timezone":"browser"`,
		`"timezone":"utc"`,
		`"weekStart":"monday"`,
		`"templating":{"list":[{"name":"a"}]}`,
		`"schemaVersion":39`,
		`"schemaVersion":42`,
		`"gnetId":1`,
		`"annotations":{"list":[],"enable":true}`,
		`"annotations":{"list":[` + strings.Replace(builtInAnnotation, `"enable":true`, `"enable":false`, 1) + `]}`,
		`"annotations":{"list":[` + builtInAnnotation[:len(builtInAnnotation)-1] + `,"target":{}}]}`,
		`"panels":[{"id":1}]`,
		`"panels":[{"id":2}]`,
		`"panels":[{"id":-1}]`,
		`"panels":[{"id":"1"}]`,
		`"panels":[{"id":1},{"id":2}]`,
		`"panels":[{"id":2},{"id":1}]`,
		`"panels":[{"id":1,"panels":[]}]`,
		`"panels":[7]`,
		`"panels":{}`,
		`"panels":[{"id":1,"libraryPanel":{"uid":"u"}}]`,
		`"panels":[{"id":1,"libraryPanel":{"uid":"v"}}]`,
		`"panels":[{"id":1,"libraryPanel":{"uid":"u","name":"n"}}]`,
		`"panels":[{"id":1,"libraryPanel":null}]`,
		`"rows":[]`,
		`"rows":[{"panels":[{}]}]`,
		`"rows":[{"panels":[{"id":1}]}]`,
	}
	seen := map[string]string{
		HashOf([]byte(`{"title":"x"}`)): "nothing",
		HashOf([]byte(`{"title":"y"}`)): "another title",
		"":                              "no dashboard",
	}
	for _, variant := range variants {
		h := HashOf([]byte(`{"title":"x",` + variant + `}`))
		if other, has := seen[h]; has {
			t.Errorf("%s counts as the same as %s", variant, other)
		}
		seen[h] = variant
	}
}

func TestCanonicalIsItsOwn(t *testing.T) {
	for name, c := range samples() {
		once, err := c.Canonical()
		must(t, err)
		twice, err := parse(t, once, nil).Canonical()
		must(t, err)
		if !bytes.Equal(once, twice) {
			t.Errorf("%s: the canonical form changes from %.2000s to %.2000s", name, once, twice)
		}
	}
}

func TestHashNamesItsVersion(t *testing.T) {
	// Whoever has to change this hash makes the form another: HashVersion has to become another too.
	const want = "c1-859fb8675e4dad73fbefd18054bb0b24fe5bb003296864069f203ae3ba8f0b87"
	h := hashOf(t, samples()["view.json"])
	if h != want {
		t.Errorf("the hash is %s, was %s", h, want)
	}
	if !CurrentHash(h) || CurrentHash(h[len("c1-"):]) || CurrentHash("c0-"+h) || CurrentHash("") {
		t.Error("CurrentHash takes the wrong ones")
	}
}

func TestNumbersThatGrafanaCannotKeep(t *testing.T) {
	_, err := parse(t, []byte(`{"title":"x","panels":[{"id":1e400}]}`), nil).Hash()
	if err == nil || !strings.Contains(err.Error(), "1e400") {
		t.Errorf("Hash said %v", err)
	}
}

func BenchmarkHash(b *testing.B) {
	source := large(100_000)
	b.SetBytes(int64(len(source)))
	b.Run("parsed", func(b *testing.B) {
		c := parse(b, source, nil)
		b.ReportAllocs()
		for b.Loop() {
			hashOf(b, c)
		}
	})
	b.Run("as Grafana returned it", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			HashOf(source)
		}
	})
}
