package controllers_test

import (
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func ownershipScenarios() []crash.Scenario {
	return slices.Concat(
		resetScenarios(),
		databaseScenarios(),
		rebirthScenarios(),
		adoptionScenarios(),
		contentScenarios(),
	)
}

// own counts the organizations in Grafana that are not foreign.
func own(w *crash.World) (own []grafanatest.Org) {
	for _, o := range w.Grafana.Orgs() {
		if !crash.IsForeign(o.Name) {
			own = append(own, o)
		}
	}
	return own
}

func otherOrganization() *v1alpha1.Organization {
	o := crash.Organization("Other")
	o.Name = "other"
	return o
}

// reborn applies objects again as a new cluster has them: with new uids, and without a status.
func reborn(w *crash.World, objects ...client.Object) {
	for _, obj := range objects {
		obj.SetUID(types.UID("0a0a0a0a" + string(crash.UIDFor(obj))[8:]))
	}
	w.Create(objects...)
}

// lose takes objects away as a cluster that is gone does.
func lose(w *crash.World, objects ...lifecycle.Object) {
	for _, obj := range objects {
		crash.Edit(w, obj, func(o lifecycle.Object) { o.SetFinalizers(nil) })
		w.Delete(obj)
	}
	w.CollectGarbage()
}

func rebirthScenarios() []crash.Scenario {
	all := func() []client.Object {
		return []client.Object{
			crash.Organization("Tenant"),
			crash.Account("CI"),
			crash.Token(),
			crash.Dashboard("requests", crash.OneDashboard),
		}
	}
	orphan := func(w *crash.World) {
		o, a, t, d := crash.Organization(
			"Tenant",
		), crash.Account(
			"CI",
		), crash.Token(), crash.Dashboard(
			"requests",
			crash.OneDashboard,
		)
		o.Spec.DeletionPolicy, a.Spec.DeletionPolicy, t.Spec.DeletionPolicy,
			d.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan, v1alpha1.DeletionOrphan, v1alpha1.DeletionOrphan,
			v1alpha1.DeletionOrphan
		w.Create(o, a, t, d)
	}
	return []crash.Scenario{
		{Name: "cluster lost and everything applied again", Before: func(w *crash.World) {
			w.Create(all()...)
			w.Settle()
			lose(w, crash.Dashboard("", ""), crash.Token(), crash.Account(""), crash.Organization(""))
		}, Act: func(w *crash.World) { reborn(w, all()...) }, After: once},
		{Name: "everything orphaned and applied again", Before: func(w *crash.World) {
			orphan(w)
			w.Settle()
			w.Delete(crash.Dashboard("", ""), crash.Token(), crash.Account(""), crash.Organization(""))
		}, Act: func(w *crash.World) { reborn(w, all()...) }, After: func(w *crash.World) error {
			if n := len(w.Grafana.Keys()); n != 1 {
				return fmt.Errorf("%d keys were made: that in the Secret was not taken over", n)
			}
			return once(w)
		}},
		{Name: "status lost and the name changed", Before: crash.Tenant, Act: func(w *crash.World) {
			o := crash.Organization("")
			w.Get(o)
			o.Status = v1alpha1.OrganizationStatus{CommonStatus: v1alpha1.CommonStatus{ObservedGeneration: -1}}
			if err := w.Kube.Status().Update(w.TB.Context(), o); err != nil {
				w.TB.Fatal(err)
			}
			crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
		}, After: once},
	}
}

// once fails unless there is one organization of ours, with id 3, and one of everything in it.
func once(w *crash.World) error {
	if own := own(w); len(own) != 1 || own[0].ID != 3 || len(w.Grafana.ServiceAccounts(3)) != 1 ||
		len(w.Grafana.Tokens(3)) != 1 ||
		len(w.Grafana.Dashboards(3)) != 1 {
		return fmt.Errorf(
			"%+v: %d accounts, %d tokens, %d dashboards",
			own,
			len(w.Grafana.ServiceAccounts(3)),
			len(w.Grafana.Tokens(3)),
			len(w.Grafana.Dashboards(3)),
		)
	}
	return nil
}

// madeAgainByOthers makes a tenant and restores Grafana to what it was before. Then somebody makes an organization of
// the same name, which gets the same id.
func madeAgainByOthers(w *crash.World) {
	backup := w.Grafana.Snapshot()
	crash.Tenant(w)
	w.Settle()
	w.Grafana.Restore(backup)
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
}

// untouched fails unless what is somebody else's is as it was.
func untouched(w *crash.World) error {
	if own := own(w); len(own) != 1 || own[0].Address.Address2 != "" || len(own[0].Members) != 1 {
		return fmt.Errorf("%+v", own)
	}
	return nil
}

// contentScenarios: an organization that holds what the operator did not put there is deleted.
func contentScenarios() []crash.Scenario {
	holding := func(method, path string, body map[string]any) func(*crash.World) {
		return func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			w.Grafana.Do(method, path, 3, body)
		}
	}
	blocked := map[string]string{"Organization": v1alpha1.ReasonDeletionBlocked}
	gone := func(w *crash.World) { w.Delete(crash.Organization("")) }
	panel := map[string]any{"name": "Shared", "kind": 1, "model": map[string]any{"type": "text"}}
	return []crash.Scenario{
		{
			Name:    "organization with a library panel deleted",
			Before:  holding(http.MethodPost, "/api/library-elements", panel),
			Act:     gone,
			Stalled: blocked,
		},
		{
			Name:    "organization with a folder deleted",
			Before:  holding(http.MethodPost, "/api/folders", map[string]any{"title": "Mine"}),
			Act:     gone,
			Stalled: blocked,
		},
		{Name: "organization with contents deleted with them", Before: func(w *crash.World) {
			crash.Tenant(w)
			w.Settle()
			w.Grafana.Do(http.MethodPost, "/api/library-elements", 3, panel)
			w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"title": "Mine"})
			w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "robot", "role": "Viewer"})
			crash.Edit(
				w,
				crash.Organization(""),
				func(o *v1alpha1.Organization) { o.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents },
			)
		}, Act: func(w *crash.World) {
			w.Delete(crash.Dashboard("", ""), crash.Token(), crash.Account(""), crash.Organization(""))
		}},
		{Name: "a namespace deleted whole", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Delete(
				&corev1.Secret{ObjectMeta: crash.Named("grafana")},
				crash.Instance(),
				crash.Organization(""),
				crash.Account(""),
				crash.Token(),
				crash.Dashboard("", ""),
			)
		}, After: func(w *crash.World) error {
			if w.Get(&corev1.Secret{ObjectMeta: crash.Named("grafana")}) {
				return fmt.Errorf("the credential's Secret is still there")
			}
			return nil
		}},
	}
}
