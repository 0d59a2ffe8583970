package grafana

import (
	"net/http"
	"slices"
	"testing"
)

func TestSearchReadsAllPages(t *testing.T) {
	var pages []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page := r.URL.Query().Get("page")
		pages = append(pages, page)
		if r.URL.Query().Get("query") != "100%_x" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		answerJSON(w, 200, map[string]string{
			"1": `{"totalCount":3,"serviceAccounts":[{"id":1,"login":"a"},{"id":2,"login":"b"}]}`,
			"2": `{"totalCount":3,"serviceAccounts":[{"id":3,"login":"c"}]}`,
		}[page])
	})
	found, err := c.Org(2).SearchServiceAccounts(t.Context(), "100%_x")
	if err != nil || len(found) != 3 || !slices.Equal(pages, []string{"1", "2"}) {
		t.Errorf("found %v on pages %v: %v", found, pages, err)
	}
}

func TestSearchEndsThoughPagesShrink(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "1" {
			answerJSON(w, 200, `{"totalCount":3,"serviceAccounts":[{"id":1}]}`)
			return
		}
		answerJSON(w, 200, `{"totalCount":3,"serviceAccounts":[]}`)
	})
	if found, err := c.Org(2).SearchServiceAccounts(t.Context(), ""); err != nil || len(found) != 1 {
		t.Errorf("found %v: %v", found, err)
	}
}

func TestDeleteServiceAccountOfOldGrafana(t *testing.T) {
	there := 404
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			answerJSON(w, there, `{"id":5,"message":"service account not found"}`)
			return
		}
		answerJSON(w, 500, `{"message":"Service account deletion error"}`)
	})
	if err := c.Org(2).DeleteServiceAccount(t.Context(), 5); err != nil {
		t.Errorf("gone: %v", err)
	}
	for _, there = range []int{200, 500} {
		if err := c.Org(2).DeleteServiceAccount(t.Context(), 5); !IsUnsure(err) {
			t.Errorf("GET answers %d: %v", there, err)
		}
	}
}
