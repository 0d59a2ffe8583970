package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// theirs puts an organization of somebody else's into Grafana, with an account and a dashboard in it.
func theirs(w *crash.World) {
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
	w.Grafana.Do(http.MethodPost, "/api/orgs/3/users", 1, map[string]any{"loginOrEmail": "boss", "role": "Admin"})
	w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Editor"})
	w.Grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		3,
		map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Old requests"}},
	)
	w.Grafana.Do(http.MethodDelete, "/api/orgs/3/users/1", 1, nil)
}

func adopting() []client.Object {
	o, a, d := crash.Organization("Tenant"), crash.Account("CI"), crash.Dashboard("requests", crash.OneDashboard)
	o.Spec.AdoptionPolicy, o.Spec.Adoption = v1alpha1.AdoptionAdopt, v1alpha1.AdoptionAllow
	a.Spec.AdoptionPolicy, d.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.AdoptionAdopt
	return []client.Object{o, a, crash.Token(), d}
}

// otherOrg is an Organization "other" of that name.
func otherOrg(w *crash.World) {
	other := crash.Organization("Other")
	other.Name = "other"
	w.Create(other)
}

func adoptionScenarios() []crash.Scenario {
	const notYet = v1alpha1.ReasonParentNotAvailable
	return []crash.Scenario{
		{
			Name:   "everything adopted",
			Before: configured(allow, theirs),
			Act:    func(w *crash.World) { w.Create(adopting()...) },
			After:  once,
		},
		{Name: "everything adopted, and let go", Before: configured(allow, func(w *crash.World) {
			theirs(w)
			w.Create(adopting()...)
		}), Act: func(w *crash.World) {
			w.Delete(crash.Dashboard("", ""), crash.Token(), crash.Account(""), crash.Organization(""))
		}, Kept: true, After: func(w *crash.World) error {
			own := own(w)
			if len(own) != 1 || len(own[0].Members) != 1 || !strings.Contains(own[0].Address.Address2, "returned") ||
				len(w.Grafana.Tokens(3)) != 0 ||
				len(w.Grafana.ServiceAccounts(3)) != 1 ||
				len(w.Grafana.Dashboards(3)) != 1 {
				return fmt.Errorf("%+v", own)
			}
			return nil
		}},
		{
			Name:    "adoption without the Instance's consent",
			Before:  theirs,
			Act:     func(w *crash.World) { w.Create(adopting()[0]) },
			Kept:    true,
			Stalled: map[string]string{"Organization": v1alpha1.ReasonAdoptionNotPermitted},
			After:   untouched,
		},
		{
			Name:    "adoption that nobody asked for",
			Before:  configured(allow, theirs),
			Act:     func(w *crash.World) { w.Create(crash.Organization("Tenant")) },
			Kept:    true,
			Stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists},
			After:   untouched,
		},
		{Name: "adoption of an organization that has lost its mark and name, and is recorded as another's",
			Before: configured(allow, otherOrg), Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodPut, "/api/orgs/3/address", 1,
					map[string]any{"address2": "a person's", "state": "a person's"})
				w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Tenant"})
				w.Create(adopting()[0])
				w.Briefly(time.Minute)
				w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Other"})
				w.Everybody()
			}, After: func(w *crash.World) error {
				other := crash.Organization("")
				other.Name = "other"
				if w.Get(other); other.Status.OrgID != 3 {
					return fmt.Errorf("the organization went over: %+v", other.Status)
				}
				return nil
			}},
		{
			Name:    "an organization that others have made after a restore, with the id and the name of ours",
			Before:  crash.Nothing,
			Midway:  madeAgainByOthers,
			Act:     (*crash.World).Everybody,
			Kept:    true,
			OwnKeys: true,
			After:   untouched,
			Stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists, "ServiceAccount": notYet,
				"ServiceAccountToken": notYet, "Dashboard": notYet},
		},
		{Name: "an organization that others have made after a restore, with the id of ours", Before: crash.Nothing,
			Midway: madeAgainByOthers, Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Foreign squad"})
				w.Everybody()
			}, OwnKeys: true},
		{
			Name:   "organization whose Admin says that it was adopted deleted",
			Before: crash.WithOrg,
			Act: func(w *crash.World) {
				o := crash.Organization("")
				w.Get(o)
				w.Grafana.Do(http.MethodPut, "/api/orgs/3/address", 1,
					map[string]any{"address2": mark.Write(grafana.Address{}, mark.Of("cluster-1", o), true).Address2})
				w.Delete(o)
			},
		},
		{
			Name:   "adoption of an account above the ceiling",
			Before: configured(allow, theirs),
			Act: func(w *crash.World) {
				all := adopting()
				all[0].(*v1alpha1.Organization).Spec.MaxServiceAccountRole = v1alpha1.RoleViewer
				all[1].(*v1alpha1.ServiceAccount).Spec.Role = v1alpha1.RoleViewer
				w.Create(all[0], all[1])
			},
			Kept:    true,
			Stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonRoleNotPermitted},
			After: func(w *crash.World) error {
				if sa := w.Grafana.ServiceAccounts(3); len(sa) != 1 || sa[0].Role != "Editor" {
					return fmt.Errorf("%+v", sa)
				}
				return nil
			},
		},
		{Name: "ceiling lowered", Before: crash.WithAccount, Act: func(w *crash.World) {
			crash.Edit(
				w,
				crash.Organization(""),
				func(o *v1alpha1.Organization) { o.Spec.MaxServiceAccountRole = v1alpha1.RoleViewer },
			)
		}, Kept: true, Stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonRoleNotPermitted}, After: func(w *crash.World) error {
			if sa := w.Grafana.ServiceAccounts(3); len(sa) != 1 || sa[0].Role != "Editor" {
				return fmt.Errorf("%+v", sa)
			}
			return nil
		}},
	}
}
