package grafana

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folderRows is a page of folders with the uids from first to last.
func folderRows(first, last int) string {
	var rows []string
	for i := first; i <= last; i++ {
		rows = append(rows, fmt.Sprintf(`{"uid":"f%d","title":"F %d"}`, i, i))
	}
	return "[" + strings.Join(rows, ",") + "]"
}

func TestFoldersReadsAllPages(t *testing.T) {
	for name, test := range map[string]struct {
		pages []string // the last one is given for all that follow
		want  int
		asked int
	}{
		"one page":               {[]string{folderRows(1, 3)}, 3, 1},
		"none":                   {[]string{`[]`}, 0, 1},
		"two pages":              {[]string{folderRows(1, 1000), folderRows(1001, 1002)}, 1002, 2},
		"two full pages":         {[]string{folderRows(1, 1000), folderRows(1001, 2000), `[]`}, 2000, 3},
		"pages that overlap":     {[]string{folderRows(1, 1000), folderRows(900, 1899), folderRows(1900, 1900)}, 1900, 3},
		"a page again and again": {[]string{folderRows(1, 1000)}, 1000, 2},
	} {
		var asked []string
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			asked = append(asked, query.Get("page"))
			if query.Get("limit") != "1000" || query.Has("parentUid") {
				t.Errorf("%s: asked for %s", name, r.URL)
			}
			answerJSON(w, 200, test.pages[min(len(asked), len(test.pages))-1])
		})
		folders, err := c.Org(2).Folders(t.Context(), "")
		if err != nil || len(folders) != test.want || len(asked) != test.asked || folders == nil {
			t.Errorf("%s: %d folders after pages %v: %v", name, len(folders), asked, err)
		}
		for i, page := range asked {
			if page != strconv.Itoa(i+1) {
				t.Errorf("%s: pages %v", name, asked)
			}
		}
	}
}

func TestFoldersLeavesOutWhatIsElsewhere(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(
			w,
			200,
			`[{"uid":"top","title":"Top"},{"uid":"below","title":"Below","parentUid":"top"},{"uid":"far","title":"Far","parentUid":"else"}]`,
		)
	})
	for parent, want := range map[string][]Folder{
		"":        {{UID: "top", Title: "Top"}},
		"top":     {{UID: "below", Title: "Below", ParentUID: "top"}},
		"nothing": {},
	} {
		got, err := c.Org(2).Folders(t.Context(), parent)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("below %q: %v %s", parent, err, diff)
		}
	}
}

func TestFoldersThatCannotBeListedAreNotTakenForNone(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
	}{
		"other JSON": {200, `{}`}, "null": {200, `null`}, "rows of something else": {200, `[{"id":1}]`}, "a page": {200, html}, "a failure": {500, `{"message":"database is locked"}`}, "refused": {403, `{}`},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") == "1" {
				answerJSON(w, 200, folderRows(1, 1000))
				return
			}
			answerJSON(w, test.status, test.body)
		})
		if folders, err := c.Org(2).Folders(t.Context(), ""); err == nil || folders != nil {
			t.Errorf("%s: %d folders", name, len(folders))
		}
	}
}

func TestRefusedFolders(t *testing.T) {
	for name, test := range map[string]struct {
		title  string
		status int
		body   string
		want   string
	}{
		"too deep, Grafana 10":          {"x", 400, `{"message":"Maximum nested folder depth reached","messageId":"folder.maximum-depth-reached","statusCode":400}`, "tooDeep"},
		"too deep, Grafana 11.5":        {"x", 400, `{"message":"[folder.maximum-depth-reached] Maximum nested folder depth reached"}`, "tooDeep"},
		"too deep, Grafana 12":          {"x", 500, `{"message":"Folder API error: folder max depth exceeded, max depth is 4"}`, "tooDeep"},
		"too deep, Grafana 13":          {"x", 400, `{"message":"folder max depth exceeded, max depth is 4"}`, "tooDeep"},
		"the title of the root":         {"General", 400, `{"message":"A folder with that name already exists"}`, "reserved"},
		"the same in another case":      {"gENERAL", 400, `{"message":"A folder with that name already exists"}`, "reserved"},
		"a proxy does not like General": {"General", 400, `bad request`, "notGrafana"},
		"Grafana fails with General":    {"General", 500, `{"message":"database is locked"}`, "unavailable unsure"},
		"a General that is there":       {"General", 409, `{"message":"a folder with the same name already exists in the current location"}`, "taken"},
		"another 400":                   {"x", 400, `{"message":"folder title cannot be empty"}`, ""},
		"another 500":                   {"x", 500, `{"message":"Folder API error"}`, "unavailable unsure"},
		"a proxy that has much to say":  {"x", 502, `{"message":"folder max depth exceeded"}`, "unavailable unsure"},
		"the parent is missing":         {"x", 404, `{"message":"Not found","messageId":"folder.notFound","statusCode":404}`, "notFound"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, test.status, test.body) })
		_, err := c.Org(2).CreateFolder(t.Context(), Folder{UID: "f", Title: test.title, ParentUID: "p"})
		got := is(err)
		switch {
		case IsTooDeep(err):
			got = strings.TrimSpace("tooDeep " + got)
		case IsReservedTitle(err):
			got = strings.TrimSpace("reserved " + got)
		}
		if got != test.want {
			t.Errorf("%s: it is %q, want %q: %v", name, got, test.want, err)
		}
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 500, `{"message":"folder max depth exceeded"}`)
	})
	if _, err := c.OrgByID(t.Context(), 1); IsTooDeep(err) || !IsUnavailable(err) {
		t.Errorf("the same words of another route: %v", err)
	}
}

func TestNestedFoldersBySettings(t *testing.T) {
	on, off := map[string]bool{"nestedFolders": true}, map[string]bool{"nestedFolders": false, "other": true}
	for _, test := range []struct {
		version string
		toggles map[string]bool
		want    bool
	}{
		{"10.4.3", nil, false}, {"10.4.3", off, false}, {"10.4.3", on, true},
		{"11.0.0", nil, true}, {"12.4.0", off, true}, {"13.0.0-12345678", nil, true}, {"100.1", nil, true},
		{"", nil, false}, {"", off, false}, {"", on, true}, {"unknown", nil, false}, {"v12.0.0", nil, false}, {"9.5.1", nil, false},
	} {
		if got := (Settings{Version: test.version, FeatureToggles: test.toggles}).NestedFolders(); got != test.want {
			t.Errorf("%q with %v: %v", test.version, test.toggles, got)
		}
	}
}
