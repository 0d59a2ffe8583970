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
	if got, err := c.Org(2).ListDashboards(t.Context(), "v1beta1"); err == nil || got != nil ||
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

func TestListDashboardsReadsAllPages(t *testing.T) {
	var asked []string
	settings := 0
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/frontend/settings" {
			settings++
			answerJSON(
				w,
				200,
				`{"buildInfo":{"edition":"Enterprise"},"namespace":"stacks-77","featureToggles":{"a":true,"b":"no"}}`,
			)
			return
		}
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("continue"))
		if r.Header.Get("Accept") != "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" ||
			r.URL.Query().Get("limit") != "500" {
			t.Errorf("Accept %q, %s", r.Header.Get("Accept"), r.URL)
		}
		answerJSON(w, 200, map[string]string{
			"":     `{"kind":"PartialObjectMetadataList","metadata":{"continue":"two="},"items":[{"metadata":{"name":"a","generation":3,"annotations":{"grafana.app/folder":"f"}}}]}`,
			"two=": `{"kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"b","generation":1}}]}`,
		}[r.URL.Query().Get("continue")])
	}
	byPassword, byToken := serve(t, handler), serve(t, handler, withToken)
	listed := []DashboardMeta{{UID: "a", Generation: 3, FolderUID: "f"}, {UID: "b", Generation: 1}}
	for _, o := range []*OrgClient{byPassword.Org(2), byPassword.Org(1), byToken.Org(1), byToken.Org(1)} {
		got, err := o.ListDashboards(t.Context(), "v1beta1")
		if diff := cmp.Diff(listed, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
	want := []string{}
	for _, namespace := range []string{"org-2", "default", "stacks-77", "stacks-77"} {
		path := "/apis/dashboard.grafana.app/v1beta1/namespaces/" + namespace + "/dashboards "
		want = append(want, path, path+"two=")
	}
	if diff := cmp.Diff(want, asked); diff != "" || settings != 1 {
		t.Errorf("settings read %d times; %s", settings, diff)
	}
}

func TestListOfAnotherKindIsNoList(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, `{"kind":"DashboardList","items":[]}`)
	})
	if got, err := c.Org(2).ListDashboards(t.Context(), "v1beta1"); !IsNotGrafana(err) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDashboardAPIVersions(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
		is         string
	}{
		{200, `{"kind":"APIGroup","preferredVersion":{"version":"v1beta1"}}`, "v1beta1", ""},
		{
			200, `{"kind":"APIGroup","versions":[{"version":"v2beta1"},{"version":"v1beta1"}],` +
				`"preferredVersion":{"version":"v1beta1"}}`, "v1beta1 v2beta1", "",
		},
		{404, `{"paths":["/apis"]}`, "", ""},
		{404, `<html>`, "", ""},
		{404, `{"message":"no Route matched with those values"}`, "", ""},
		{403, `{"message":"Forbidden"}`, "", ""},
		{405, ``, "", ""},
		{406, ``, "", ""},
		{302, ``, "", ""},
		{200, `{"message":"hello"}`, "", ""},
		{503, `no healthy upstream`, "", "unavailable unsure"},
		{429, `{}`, "", "rateLimited unavailable"},
		{401, `{"message":"Unauthorized"}`, "", ""},
		{401, `{"message":"Unauthorized","messageId":"auth.unauthorized"}`, "", "unauthorized"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, test.status, test.body) })
		versions, err := c.DashboardAPIVersions(t.Context())
		got := strings.Join(versions, " ")
		if got != test.want || is(err) != test.is || (err != nil) != (test.is != "") {
			t.Errorf("%d %s: %q, %v is %q", test.status, test.body, got, err, is(err))
		}
	}
}
