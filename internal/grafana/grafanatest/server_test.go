package grafanatest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestConcurrentUse(t *testing.T) {
	s := New(Options{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			c := client{t: t, server: s, auth: adminAuth}
			c.do("POST", "/api/orgs", 1, fmt.Sprintf(`{"name":"o%d"}`, i%10))
			s.Orgs()
			s.Requests()
			s.Snapshot()
		})
	}
	all.Wait()
	if got := len(s.Orgs()); got != 11 {
		t.Errorf("%d orgs, want 11", got)
	}
}

// A login that is blocked is taken, and no request shows what takes it.
func TestBlockLogin(t *testing.T) {
	for _, version := range Versions() {
		s := New(Options{Version: version})
		s.BlockLogin(1, "sa-1-ci")
		create := func(name string) int {
			status, _ := s.Do("POST", "/api/serviceaccounts", 1, obj{"name": name})
			return status
		}
		if got := create("CI"); got != http.StatusBadRequest {
			t.Errorf("%s: made under a login that is blocked: %d", version, got)
		}
		for _, path := range []string{"/api/serviceaccounts/2", "/api/serviceaccounts/2/tokens"} {
			if status, body := s.Do("GET", path, 1, nil); status != http.StatusNotFound && string(body) != "[]" {
				t.Errorf("%s: %s shows it: %d %s", version, path, status, body)
			}
		}
		_, body := s.Do("GET", "/api/serviceaccounts/search?query=ci", 1, nil)
		if !strings.Contains(string(body), `"totalCount":0`) {
			t.Errorf("%s: the search shows it: %s", version, body)
		}
		if got := create("CI-2"); got != http.StatusCreated || len(s.ServiceAccounts(1)) != 1 {
			t.Errorf("%s: another login: %d, %+v", version, got, s.ServiceAccounts(1))
		}
	}
}
