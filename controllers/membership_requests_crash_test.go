package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What five Memberships of one organization cost: a person who is added a list, a look and the request itself (before
// Grafana 12 one look more, since the first does not tell of identity providers), and all of them one list a resync.
func TestRequestsOfMemberships(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			crash.WithOrg(w)
			rested(w)
			asked := func(do func()) (lists, looks, writes int) {
				w.Grafana.ResetLog()
				do()
				for _, r := range w.Grafana.Requests() {
					switch {
					case strings.HasPrefix(r.Path, "/api/user/auth-tokens"), r.Path == "/login": // of the session
					case r.Method != http.MethodGet:
						writes++
					case strings.HasSuffix(r.Path, "/users"):
						lists++
					case strings.HasPrefix(r.Path, "/api/users/"):
						looks++
					}
				}
				return lists, looks, writes
			}
			wantLooks := map[bool]int{true: 1, false: 2}[strings.HasPrefix(version, "12.")]
			for i := range 5 {
				login := fmt.Sprint("person-", i)
				w.SignUp(login)
				lists, looks, writes := asked(func() {
					w.Create(crash.NewMembership(login, crash.WithRole(login, v1alpha1.RoleViewer)))
					w.Visit("Membership tenant/" + login)
				})
				if lists != 1 || looks != wantLooks || writes != 1 {
					t.Errorf("one more person: %d lists, %d looks, %d writes", lists, looks, writes)
				}
				rested(w)
			}
			kube := w.Writes
			lists, looks, writes := asked(func() {
				for end := w.Clock.Add(lifecycle.DefaultResync); w.Step(end); {
				}
			})
			if lists != 1 || looks != 0 || writes != 0 || w.Writes != kube {
				t.Errorf("a resync of all: %d lists, %d looks, %d writes to Grafana, %d to Kubernetes",
					lists, looks, writes, w.Writes-kube)
			}
		})
	}
}
