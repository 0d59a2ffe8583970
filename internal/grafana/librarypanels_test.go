package grafana

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLibraryPanelsBySettings(t *testing.T) {
	for version, want := range map[string]struct{ keepsUsed, uniqueNames bool }{
		"10.4.3": {true, true}, "11.6.0": {false, true}, "12.2.1": {false, true}, "12.3.0": {false, false},
		"12.4.0": {false, false}, "13.0.0-12345678": {false, false}, "": {false, false}, "unknown": {false, false},
		"12": {false, true},
	} {
		s := Settings{Version: version}
		if got := s.KeepsUsedPanels(); got != want.keepsUsed {
			t.Errorf("%q keeps used ones: %v", version, got)
		}
		if got := s.UniquePanelNames(); got != want.uniqueNames {
			t.Errorf("%q has unique names: %v", version, got)
		}
	}
}

// Where the pages of a list show one twice and leave out another, all are asked for at once.
func TestListOfLibraryPanelsWhosePagesDiffer(t *testing.T) {
	for name, test := range map[string]struct {
		pages map[string]string // by size and number
		want  []string
	}{
		"as they are":       {map[string]string{"100 1": "a b", "100 2": "c"}, []string{"a", "b", "c"}},
		"one shown twice":   {map[string]string{"100 1": "a b", "100 2": "b", "103 1": "a b c"}, []string{"a", "b", "c"}},
		"deleted meanwhile": {map[string]string{"100 1": "a b", "100 2": "", "103 1": "a b"}, []string{"a", "b"}},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			q, elements := r.URL.Query(), []string{}
			for _, uid := range strings.Fields(test.pages[q.Get("perPage")+" "+q.Get("page")]) {
				elements = append(elements, fmt.Sprintf(`{"uid":%q,"name":"Same"}`, uid))
			}
			answerJSON(w, 200, `{"result":{"totalCount":3,"elements":[`+strings.Join(elements, ",")+`]}}`)
		})
		var got []string
		all, err := c.Org(2).LibraryPanels(t.Context())
		for _, p := range all {
			got = append(got, p.UID)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
