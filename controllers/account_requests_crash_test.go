package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// expect fails unless these were the requests, of those that are about what has this in its path.
func expect(t *testing.T, what, about string, got map[string]int, want string) {
	t.Helper()
	for request := range got {
		if !strings.Contains(request, about) {
			delete(got, request)
		}
	}
	if text := strings.TrimPrefix(fmt.Sprint(got), "map"); text != want {
		t.Errorf("%s: %s, want %s", what, text, want)
	}
}

// resync lets a resync interval pass.
func resync(w *crash.World) {
	for end := w.Clock.Add(lifecycle.DefaultResync); w.Step(end); {
	}
}

// What five ServiceAccounts of one organization cost, one after the other: a new one a list, itself and its name; all
// of them a list at a resync.
func TestRequestsOfServiceAccounts(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		for i := range 5 {
			w.Create(objectNamed(crash.Account(fmt.Sprint("CI ", i)), fmt.Sprint("ci-", i)))
		}
		var keys []string
		for i := range 5 {
			keys = append(keys, fmt.Sprint("ServiceAccount tenant/ci-", i))
		}
		seenAtOnce(w, keys...)
		for i := range 5 {
			got := requestsOf(w, func() { w.Visit(fmt.Sprint("ServiceAccount tenant/ci-", i)) })
			expect(t, "a service account", "", got, "[GET /api/serviceaccounts/search:1 "+
				"PATCH /api/serviceaccounts/N:1 POST /api/serviceaccounts:1]")
		}
		rested(w)
		kube := w.Writes
		got := requestsOf(w, func() { resync(w) })
		expect(t, "a resync of all", "serviceaccounts", got, "[GET /api/serviceaccounts/search:1]")
		if w.Writes != kube {
			t.Errorf("a resync of all: %d writes to Kubernetes", w.Writes-kube)
		}
	})
}

// What a ServiceAccountToken costs: a list, organization and account as they are, itself, and the question whether its
// key works. What its own Secret brings asks nothing more, and of the tokens of one account, a resync one list.
func TestRequestsOfTokens(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			crash.WithAccount(w)
			rested(w)
			for i := range 3 {
				got := requestsOf(w, func() {
					o := crash.Token()
					o.Name, o.Spec.Secret.Name = fmt.Sprint("token-", i), fmt.Sprint("secret-", i)
					w.Create(o)
					w.Visit("ServiceAccountToken tenant/" + o.Name)
					w.Visit("ServiceAccountToken tenant/" + o.Name)
				})
				proofs := map[bool]int{true: 2, false: 1}[i == 0] // the minute of the one before is over
				expect(t, "a token", "", got, "[GET /api/access-control/user/permissions:1 "+
					fmt.Sprintf("GET /api/orgs/N:%d ", proofs)+"GET /api/serviceaccounts/N:1 "+
					"GET /api/serviceaccounts/N/tokens:1 POST /api/serviceaccounts/N/tokens:1]")
			}
			rested(w)
			kube := w.Writes
			got := requestsOf(w, func() { resync(w) })
			if expect(t, "a resync of all", "tokens", got, "[GET /api/serviceaccounts/N/tokens:1]"); w.Writes != kube {
				t.Errorf("a resync of all: %d writes to Kubernetes", w.Writes-kube)
			}
		})
	}
}

// What five Users of one Instance cost: a new one a look whether the login is free, itself and its name (before Grafana
// 12 another look, since it does not tell the uid). What its own Secret brings asks nothing more, and all of them cost
// a list at a resync.
func TestRequestsOfUsers(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			rested(w)
			for i := range 5 {
				login := fmt.Sprint("person-", i)
				got := requestsOf(w, func() {
					w.Create(crash.NewUser(login, login))
					w.Visit("User tenant/" + login)
					w.Visit("User tenant/" + login)
				})
				looks := map[bool]string{false: "GET /api/users/N:1 "}[strings.HasPrefix(version, "12.")]
				expect(t, "a user", "", got, "["+looks+"GET /api/users/lookup:1 "+
					"POST /api/admin/users:1 PUT /api/users/N:1]")
			}
			rested(w)
			kube := w.Writes
			got := requestsOf(w, func() { resync(w) })
			if expect(t, "a resync of all", "users", got, "[GET /api/users/search:1]"); w.Writes != kube {
				t.Errorf("a resync of all: %d writes to Kubernetes", w.Writes-kube)
			}
		})
	}
}
