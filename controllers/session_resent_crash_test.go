package controllers_test

import (
	"fmt"
	"net/http"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// The request that changes something has to log in again, in another database, where its id is somebody else's: it is
// refused, and not sent there once more.
func TestNoRequestIsSentAgainInAnotherDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(w *crash.World)
		act     func(w *crash.World)
		request string
		visit   string
	}{
		"an organization is deleted": {
			act:     func(w *crash.World) { w.Delete(crash.Organization("")) },
			request: "DELETE /api/orgs/3", visit: "Organization tenant/org",
		},
		"an organization is renamed": {
			act: func(w *crash.World) {
				crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Other" })
			},
			request: "PUT /api/orgs/3", visit: "Organization tenant/org",
		},
		"an organization is marked": {
			act:     func(w *crash.World) { w.Create(objectNamed(crash.Organization("Second"), "second")) },
			request: "PUT /api/orgs/4/address", visit: "Organization tenant/second",
		},
		"somebody is put in": {
			before: func(w *crash.World) { w.SignUp("ada") },
			act: func(w *crash.World) {
				w.Create(crash.NewMembership("ada", crash.WithRole("ada", v1alpha1.RoleAdmin)))
			},
			request: "POST /api/orgs/3/users", visit: "Membership tenant/ada",
		},
		"somebody is locked out": {
			before: func(w *crash.World) { w.Create(crash.NewUser("carol", "carol")) },
			act: func(w *crash.World) {
				crash.Edit(w, crash.NewUser("carol", ""), func(o *v1alpha1.User) { o.Spec.Disabled = true })
			},
			request: "POST /api/admin/users/%d/disable", visit: "User tenant/carol",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBothVersions(t, func(t *testing.T, w *crash.World) {
				if c.before != nil {
					c.before(w)
					rested(w)
				}
				request := c.request
				if id := somebody(w, "carol").ID; id != 0 {
					request = fmt.Sprintf(c.request, id)
				}
				w.Meanwhile = map[string]func(){request: func() {
					anotherDatabase(w)
					w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Theirs as well"})
					w.Grafana.ResetLog()
				}}
				c.act(w)
				w.Visit(c.visit)
				if len(w.Meanwhile) > 0 {
					t.Fatal("the request was not sent")
				}
				changes := 0
				for _, r := range w.Grafana.Requests() {
					if r.Method != http.MethodGet && r.Path != "/login" {
						changes++
					}
				}
				if changes > 1 {
					t.Errorf("somebody else's is changed: %+v", w.Grafana.Requests())
				}
			})
		})
	}
}
