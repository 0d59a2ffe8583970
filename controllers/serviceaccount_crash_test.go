package controllers_test

import (
	"fmt"
	"net/http"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func accountScenarios() []crash.Scenario {
	return []crash.Scenario{
		{
			Name:   "service account created",
			Before: crash.WithOrg,
			Act:    func(w *crash.World) { w.Create(crash.Account("CI")) },
		},
		{Name: "service account renamed and raised", Before: crash.WithAccount, Act: func(w *crash.World) {
			crash.Edit(w, crash.Account(""), func(a *v1alpha1.ServiceAccount) {
				a.Spec.Name, a.Spec.Role, a.Spec.Disabled = "Deploy", v1alpha1.RoleAdmin, true
			})
		}},
		{
			Name:   "service account deleted",
			Before: crash.WithAccount,
			Act:    func(w *crash.World) { w.Delete(crash.Account("")) },
		},
		{Name: "service account deleted and applied again", Before: crash.WithAccount, Act: func(w *crash.World) {
			w.Delete(crash.Account(""))
			w.MustRest()
			again := crash.Account("CI")
			again.UID = "0a0a0a0a-0000-4000-8000-000000000000"
			w.Create(again)
		}},
		{
			Name:   "service account deleted as soon as it is made",
			Before: crash.WithOrg,
			Act:    func(w *crash.World) { deleteOnceVisited(w, crash.Account("CI")) },
		},
		{Name: "service account deleted by a person", Before: crash.Tenant, Act: func(w *crash.World) {
			a := crash.Account("")
			w.Get(a)
			w.Grafana.Do(http.MethodDelete, fmt.Sprint("/api/serviceaccounts/", a.Status.ID), a.Status.OrgID, nil)
			w.Everybody()
		}},
		{Name: "service account orphaned", Before: func(w *crash.World) {
			a := crash.Account("kept")
			a.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			o := crash.Organization("kept")
			w.Create(o, a)
		}, Act: func(w *crash.World) { w.Delete(crash.Account("")) }, After: func(w *crash.World) error {
			if n := len(w.Grafana.ServiceAccounts(3)); n != 1 {
				return fmt.Errorf("%d service accounts are left", n)
			}
			return nil
		}},
	}
}

// deleteOnceVisited creates objects, has each visited once, and deletes them, the last first.
func deleteOnceVisited(w *crash.World, objects ...client.Object) {
	w.Create(objects...)
	for _, obj := range objects {
		w.Visit(crash.KindOf(obj) + " " + client.ObjectKeyFromObject(obj).String())
	}
	slices.Reverse(objects)
	w.Delete(objects...)
}
