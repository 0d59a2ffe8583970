package grafana

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const listBegin = `{"kind":"PartialObjectMetadataList","metadata":{"continue":%q},"items":[`

func TestTimesInTheListOfDashboards(t *testing.T) {
	at := time.Date(2026, 11, 22, 5, 12, 28, 0, time.UTC)
	const created, updated = `"creationTimestamp":"2026-11-22T05:12:28Z"`, `"grafana.app/updatedTimestamp":"2026-11-22T06:12:28+01:00"`
	for metadata, want := range map[string]DashboardMeta{
		`"name":"a","generation":2,` + created + `,"annotations":{` + updated + `,"grafana.app/folder":"f"}`: {UID: "a", Generation: 2, FolderUID: "f", Created: at, Updated: at},
		`"name":"a",` + created:                                  {UID: "a", Created: at},
		`"name":"a","creationTimestamp":null,"annotations":null`: {UID: "a"},
		`"name":"a","creationTimestamp":"yesterday","annotations":{"grafana.app/updatedTimestamp":""}`:               {UID: "a"},
		`"name":"a","creationTimestamp":1795324348,"annotations":{"grafana.app/updatedTimestamp":{"seconds":1}}`:     {UID: "a"},
		`"name":"a","labels":[1],"managedFields":{"f:spec":7},"annotations":{"grafana.app/managerAllowsEdits":true}`: {UID: "a"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, fmt.Sprintf(listBegin, "")+`{"metadata":{`+metadata+`}}]}`)
		})
		got, err := c.Org(2).ListDashboards(t.Context(), "v1beta1")
		if diff := cmp.Diff([]DashboardMeta{want}, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", metadata, err, diff)
		}
	}
}

// A list that Grafana forgets half way is begun once more, and not a third time.
func TestListOfDashboardsThatExpires(t *testing.T) {
	for _, lists := range []int{0, 1, 2, 9} {
		var asked []string
		expired := 0
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			next := r.URL.Query().Get("continue")
			asked = append(asked, next)
			switch {
			case next == "":
				answerJSON(w, 200, fmt.Sprintf(listBegin, "two")+fmt.Sprintf(`{"metadata":{"name":"a%d"}}]}`, expired))
			case expired < lists:
				expired++
				answerJSON(
					w,
					410,
					`{"kind":"Status","status":"Failure","reason":"Expired","message":"the continue token is too old","code":410}`,
				)
			default:
				answerJSON(w, 200, fmt.Sprintf(listBegin, "")+`{"metadata":{"name":"b"}}]}`)
			}
		})
		got, err := c.Org(2).ListDashboards(t.Context(), "v1beta1")
		if lists > 1 {
			if !answered(err, 410) || got != nil || len(asked) != 4 || IsNoList(err) {
				t.Errorf("expired %d times: %v after %q, %v", lists, got, asked, err)
			}
			continue
		}
		want := []DashboardMeta{{UID: fmt.Sprintf("a%d", lists)}, {UID: "b"}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("expired %d times: %v %s", lists, err, diff)
		}
	}
}

func TestListOfDashboardsThatDoesNotEnd(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, fmt.Sprintf(listBegin, "same")+`{"metadata":{"name":"a"}}]}`)
	})
	if got, err := c.Org(
		2,
	).ListDashboards(
		t.Context(),
		"v1beta1",
	); err == nil || got != nil ||
		!strings.Contains(err.Error(), "organization 2") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestListOfDashboardsThatCannotBeHad(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		none   bool
		is     string
	}{
		"no such organization": {500, `{"kind":"Status","status":"Failure","message":"namespace mismatch","code":500}`, true, ""},
		"may not":              {403, `{"kind":"Status","reason":"Forbidden","message":"dashboards is forbidden","code":403}`, true, "forbidden"},
		"no such group":        {404, `{"paths":["/apis"]}`, true, "notGrafana"},
		"a proxy's 404":        {404, html, true, "notGrafana"},
		"a proxy's page":       {200, html, true, "notGrafana unsure"},
		"a proxy's login":      {302, ``, true, "notGrafana"},
		"no such version":      {406, `{"kind":"Status","reason":"NotAcceptable","message":"only the following media types are accepted","code":406}`, true, ""},
		"no such method":       {405, `{"message":"not here"}`, true, ""},
		"whole dashboards":     {200, `{"kind":"DashboardList","items":[]}`, true, "notGrafana unsure"},
		"locked":               {500, `{"message":"database is locked"}`, false, "unavailable unsure"},
		"some other failure":   {500, `{"kind":"Status","status":"Failure","message":"context canceled","code":500}`, false, "unavailable unsure"},
		"out of action":        {503, html, false, "unavailable unsure"},
		"too many":             {429, `{}`, false, "rateLimited unavailable"},
		"a dead key":           {401, `{"message":"Invalid API key","messageId":"api-key.invalid"}`, false, "unauthorized"},
		"a gateway's login":    {401, `{"message":"Unauthorized"}`, true, "notGrafana"}, // what each dashboard answers tells
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, test.status, test.body) })
		_, err := c.Org(2).ListDashboards(t.Context(), "v1beta1")
		if err == nil || IsNoList(err) != test.none || is(err) != test.is {
			t.Errorf("%s: none %v, %q: %v", name, IsNoList(err), is(err), err)
		}
	}
	if IsNoList(nil) || IsNoList(ErrClosed) {
		t.Error("what is no answer is taken for one")
	}
}
