package grafana_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// What is deleted while a list is read makes none of the others be missed.
func TestNothingIsMissedOnAListThatGetsShorter(t *testing.T) {
	const many = 1001
	for name, kind := range map[string]struct {
		create func(context.Context, *grafana.Client, int) (id int64, err error)
		list   func(context.Context, *grafana.Client) (ids []int64, err error)
		route  string
	}{
		"teams": {
			func(ctx context.Context, c *grafana.Client, n int) (int64, error) {
				made, err := c.Org(1).CreateTeam(ctx, grafana.TeamProfile{Name: fmt.Sprintf("Team %04d", n)})
				return made.ID, err
			},
			func(ctx context.Context, c *grafana.Client) (ids []int64, err error) {
				all, err := c.Org(1).Teams(ctx)
				for _, o := range all {
					ids = append(ids, o.ID)
				}
				return ids, err
			},
			"/api/teams/%d",
		},
		"service accounts": {
			func(ctx context.Context, c *grafana.Client, n int) (int64, error) {
				made, err := c.Org(1).CreateServiceAccount(ctx, grafana.ServiceAccount{
					Name: fmt.Sprintf("account-%04d", n), Role: "Viewer",
				})
				return made.ID, err
			},
			func(ctx context.Context, c *grafana.Client) (ids []int64, err error) {
				all, err := c.Org(1).SearchServiceAccounts(ctx, "account-")
				for _, o := range all {
					ids = append(ids, o.ID)
				}
				return ids, err
			},
			"/api/serviceaccounts/%d",
		},
		"users": {
			func(ctx context.Context, c *grafana.Client, n int) (int64, error) {
				made, err := c.CreateUser(ctx, grafana.NewUser{
					Login: fmt.Sprintf("person-%04d", n), Password: "not-a-secret",
				})
				return made.ID, err
			},
			func(ctx context.Context, c *grafana.Client) (ids []int64, err error) {
				all, err := c.SearchUsers(ctx, "person-")
				for _, o := range all {
					ids = append(ids, o.ID)
				}
				return ids, err
			},
			"/api/admin/users/%d",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := grafanatest.Start(t, grafanatest.Options{})
			c := dial(t, s, inProcess(s))
			var made []int64
			for n := range many {
				made = append(made, have(kind.create(t.Context(), c, n))(t))
			}
			listed := map[int64]bool{}
			var once sync.Once
			s.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Query.Get("page") == "2" {
					once.Do(func() { s.Do("DELETE", fmt.Sprintf(kind.route, made[0]), 1, nil) })
				}
				return grafanatest.Fault{}
			})
			for _, id := range have(kind.list(t.Context(), c))(t) {
				listed[id] = true
			}
			for n, id := range made {
				if !listed[id] {
					t.Errorf("number %d is missing", n)
				}
			}
		})
	}
}
