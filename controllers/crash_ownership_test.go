package controllers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

func ownershipScenarios() []scenario {
	return slices.Concat(
		resetScenarios(),
		databaseScenarios(),
		rebirthScenarios(),
		adoptionScenarios(),
		contentScenarios(),
	)
}

// configured changes the Instance before anything else is there.
func configured(change func(*v1alpha1.InstanceSpec), before func(*world)) func(*world) {
	return func(w *world) {
		edit(w, newInstance(), func(i *v1alpha1.Instance) { change(&i.Spec) })
		before(w)
	}
}

func hold(i *v1alpha1.InstanceSpec)  { i.OnReset = v1alpha1.ResetHold }
func allow(i *v1alpha1.InstanceSpec) { i.Adoption = v1alpha1.AdoptionAllow }

// own counts the organizations in Grafana that are not foreign.
func (w *world) own() (own []grafanatest.Org) {
	for _, o := range w.grafana.Orgs() {
		if !isForeign(o.Name) {
			own = append(own, o)
		}
	}
	return own
}

var waitForInstance = map[string]string{
	"Instance":            v1alpha1.ReasonDatabaseReset,
	"Organization":        v1alpha1.ReasonParentNotAvailable,
	"ServiceAccount":      v1alpha1.ReasonParentNotAvailable,
	"ServiceAccountToken": v1alpha1.ReasonParentNotAvailable,
	"Dashboard":           v1alpha1.ReasonParentNotAvailable,
}

func resetScenarios() []scenario {
	empty := func(w *world) error {
		if own := w.own(); len(own) > 0 {
			return fmt.Errorf("something was built: %+v", own)
		}
		return nil
	}
	return []scenario{
		{name: "Grafana's database reset, and held", before: configured(hold, tenant), act: func(w *world) {
			w.grafana.ResetDatabase()
			w.everybody()
		}, stalled: waitForInstance, ownKeys: true, after: empty},
		{
			name:   "Grafana's database reset, the id is another's, and held",
			before: configured(hold, tenant),
			act: func(w *world) {
				reset(w)
				w.everybody()
			},
			stalled: waitForInstance,
			ownKeys: true,
			after:   empty,
		},
		{name: "Grafana's database reset, held, and confirmed", before: configured(hold, tenant), act: func(w *world) {
			reset(w)
			w.everybody()
			w.briefly(2 * time.Minute)
			edit(
				w,
				newInstance(),
				func(i *v1alpha1.Instance) { i.Annotations = map[string]string{v1alpha1.AnnotationConfirmReset: "1"} },
			)
		}},
		{name: "Grafana's organizations restored under each other's ids", before: configured(hold, func(w *world) {
			tenant(w)
			w.settle()
			w.create(otherOrganization())
		}), act: func(w *world) {
			orgs := w.grafana.Orgs()
			w.grafana.ResetDatabase()
			for i := len(orgs) - 1; i > 0; i-- {
				w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": orgs[i].Name})
				w.grafana.Do(
					http.MethodPut,
					fmt.Sprintf("/api/orgs/%d/address", len(orgs)-i+1),
					1,
					map[string]any{"address2": orgs[i].Address.Address2},
				)
			}
			w.everybody()
		}},
		{
			name:   "organization lost its mark and its name, and a person confirms it",
			before: withOrg,
			act: func(w *world) {
				w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Somebody's idea"})
				w.grafana.Do(http.MethodPut, "/api/orgs/3/address", 1, map[string]any{"address2": "Main street"})
				edit(w, newOrganization(""), func(o *v1alpha1.Organization) {
					o.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: "3"}
				})
			},
			after: func(w *world) error {
				if own := w.own(); len(own) != 1 || own[0].ID != 3 || own[0].Address.Address2 != "Main street" {
					return fmt.Errorf("%+v", own)
				}
				return nil
			},
		},
		{name: "organization lost its mark and its name", before: configured(hold, func(w *world) {
			withOrg(w)
			w.settle()
			w.create(otherOrganization())
		}), act: func(w *world) {
			w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Foreign by now"})
			w.grafana.Do(http.MethodPut, "/api/orgs/3/address", 1, map[string]any{"address2": "Main street"})
			w.everybody()
		}, stalled: map[string]string{"Organization": v1alpha1.ReasonOwnershipLost}, kept: true},
	}
}

func otherOrganization() *v1alpha1.Organization {
	o := newOrganization("Other")
	o.Name = "other"
	return o
}

// reborn applies objects again as a new cluster has them: with new uids, and without a status.
func reborn(w *world, objects ...client.Object) {
	for _, obj := range objects {
		obj.SetUID(types.UID("0a0a0a0a" + string(uidFor(obj))[8:]))
	}
	w.create(objects...)
}

// lose takes objects away as a cluster that is gone does.
func lose(w *world, objects ...lifecycle.Object) {
	for _, obj := range objects {
		edit(w, obj, func(o lifecycle.Object) { o.SetFinalizers(nil) })
		w.delete(obj)
	}
	w.collectGarbage()
}

func rebirthScenarios() []scenario {
	all := func() []client.Object {
		return []client.Object{
			newOrganization("Tenant"),
			newAccount("CI"),
			newToken(),
			newDashboard("requests", oneDashboard),
		}
	}
	orphan := func(w *world) {
		o, a, t, d := newOrganization("Tenant"), newAccount("CI"), newToken(), newDashboard("requests", oneDashboard)
		o.Spec.DeletionPolicy, a.Spec.DeletionPolicy, t.Spec.DeletionPolicy,
			d.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan, v1alpha1.DeletionOrphan, v1alpha1.DeletionOrphan,
			v1alpha1.DeletionOrphan
		w.create(o, a, t, d)
	}
	return []scenario{
		{name: "cluster lost and everything applied again", before: func(w *world) {
			w.create(all()...)
			w.settle()
			lose(w, newDashboard("", ""), newToken(), newAccount(""), newOrganization(""))
		}, act: func(w *world) { reborn(w, all()...) }, after: once},
		{name: "everything orphaned and applied again", before: func(w *world) {
			orphan(w)
			w.settle()
			w.delete(newDashboard("", ""), newToken(), newAccount(""), newOrganization(""))
		}, act: func(w *world) { reborn(w, all()...) }, after: func(w *world) error {
			if n := len(w.grafana.Keys()); n != 1 {
				return fmt.Errorf("%d keys were made: that in the Secret was not taken over", n)
			}
			return once(w)
		}},
		{name: "status lost and the name changed", before: tenant, act: func(w *world) {
			o := newOrganization("")
			w.get(o)
			o.Status = v1alpha1.OrganizationStatus{CommonStatus: v1alpha1.CommonStatus{ObservedGeneration: -1}}
			if err := w.kube.Status().Update(w.tb.Context(), o); err != nil {
				w.tb.Fatal(err)
			}
			edit(w, newOrganization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
		}, after: once},
	}
}

// once fails unless there is one organization of ours, with id 3, and one of everything in it.
func once(w *world) error {
	if own := w.own(); len(own) != 1 || own[0].ID != 3 || len(w.grafana.ServiceAccounts(3)) != 1 ||
		len(w.grafana.Tokens(3)) != 1 ||
		len(w.grafana.Dashboards(3)) != 1 {
		return fmt.Errorf(
			"%+v: %d accounts, %d tokens, %d dashboards",
			own,
			len(w.grafana.ServiceAccounts(3)),
			len(w.grafana.Tokens(3)),
			len(w.grafana.Dashboards(3)),
		)
	}
	return nil
}

// theirs puts an organization of somebody else's into Grafana, with an account and a dashboard in it.
func theirs(w *world) {
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
	w.grafana.Do(http.MethodPost, "/api/orgs/3/users", 1, map[string]any{"loginOrEmail": "boss", "role": "Admin"})
	w.grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Editor"})
	w.grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		3,
		map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Old requests"}},
	)
	w.grafana.Do(http.MethodDelete, "/api/orgs/3/users/1", 1, nil)
}

func adopting() []client.Object {
	o, a, d := newOrganization("Tenant"), newAccount("CI"), newDashboard("requests", oneDashboard)
	o.Spec.AdoptionPolicy, o.Spec.Adoption = v1alpha1.AdoptionAdopt, v1alpha1.AdoptionAllow
	a.Spec.AdoptionPolicy, d.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt, v1alpha1.AdoptionAdopt
	return []client.Object{o, a, newToken(), d}
}

// otherOrg is an Organization "other" of that name.
func otherOrg(w *world) {
	other := newOrganization("Other")
	other.Name = "other"
	w.create(other)
}

func adoptionScenarios() []scenario {
	const notYet = v1alpha1.ReasonParentNotAvailable
	return []scenario{
		{
			name:   "everything adopted",
			before: configured(allow, theirs),
			act:    func(w *world) { w.create(adopting()...) },
			after:  once,
		},
		{name: "everything adopted, and let go", before: configured(allow, func(w *world) {
			theirs(w)
			w.create(adopting()...)
		}), act: func(w *world) {
			w.delete(newDashboard("", ""), newToken(), newAccount(""), newOrganization(""))
		}, kept: true, after: func(w *world) error {
			own := w.own()
			if len(own) != 1 || len(own[0].Members) != 1 || !strings.Contains(own[0].Address.Address2, "released") ||
				len(w.grafana.Tokens(3)) != 0 ||
				len(w.grafana.ServiceAccounts(3)) != 1 ||
				len(w.grafana.Dashboards(3)) != 1 {
				return fmt.Errorf("%+v", own)
			}
			return nil
		}},
		{
			name:    "adoption without the Instance's consent",
			before:  theirs,
			act:     func(w *world) { w.create(adopting()[0]) },
			kept:    true,
			stalled: map[string]string{"Organization": v1alpha1.ReasonAdoptionNotPermitted},
			after:   untouched,
		},
		{
			name:    "adoption that nobody asked for",
			before:  configured(allow, theirs),
			act:     func(w *world) { w.create(newOrganization("Tenant")) },
			kept:    true,
			stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists},
			after:   untouched,
		},
		{name: "adoption of an organization that has lost its mark and name, and is recorded as another's",
			before: configured(allow, otherOrg), act: func(w *world) {
				w.grafana.Do(http.MethodPut, "/api/orgs/3/address", 1,
					map[string]any{"address2": "a person's", "state": "a person's"})
				w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Tenant"})
				w.create(adopting()[0])
				w.briefly(time.Minute)
				w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Other"})
				w.everybody()
			}, after: func(w *world) error {
				other := newOrganization("")
				other.Name = "other"
				if w.get(other); other.Status.OrgID != 3 {
					return fmt.Errorf("the organization went over: %+v", other.Status)
				}
				return nil
			}},
		{
			name:    "an organization that others have made after a restore, with the id and the name of ours",
			before:  nothing,
			midway:  madeAgainByOthers,
			act:     (*world).everybody,
			kept:    true,
			ownKeys: true,
			after:   untouched,
			stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists, "ServiceAccount": notYet,
				"ServiceAccountToken": notYet, "Dashboard": notYet},
		},
		{name: "an organization that others have made after a restore, with the id of ours", before: nothing,
			midway: madeAgainByOthers, act: func(w *world) {
				w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Foreign squad"})
				w.everybody()
			}, ownKeys: true},
		{name: "organization whose Admin says that it was adopted deleted", before: withOrg, act: func(w *world) {
			o := newOrganization("")
			w.get(o)
			w.grafana.Do(http.MethodPut, "/api/orgs/3/address", 1,
				map[string]any{"address2": mark.Write(grafana.Address{}, mark.Of("cluster-1", o), true).Address2})
			w.delete(o)
		}},
		{name: "adoption of an account above the ceiling", before: configured(allow, theirs), act: func(w *world) {
			all := adopting()
			all[0].(*v1alpha1.Organization).Spec.MaxServiceAccountRole = v1alpha1.RoleViewer
			all[1].(*v1alpha1.ServiceAccount).Spec.Role = v1alpha1.RoleViewer
			w.create(all[0], all[1])
		}, kept: true, stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonRoleNotPermitted}, after: func(w *world) error {
			if sa := w.grafana.ServiceAccounts(3); len(sa) != 1 || sa[0].Role != "Editor" {
				return fmt.Errorf("%+v", sa)
			}
			return nil
		}},
		{name: "ceiling lowered", before: withAccount, act: func(w *world) {
			edit(
				w,
				newOrganization(""),
				func(o *v1alpha1.Organization) { o.Spec.MaxServiceAccountRole = v1alpha1.RoleViewer },
			)
		}, kept: true, stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonRoleNotPermitted}, after: func(w *world) error {
			if sa := w.grafana.ServiceAccounts(3); len(sa) != 1 || sa[0].Role != "Editor" {
				return fmt.Errorf("%+v", sa)
			}
			return nil
		}},
	}
}

// madeAgainByOthers makes a tenant and restores Grafana to what it was before. Then somebody makes an organization of
// the same name, which gets the same id.
func madeAgainByOthers(w *world) {
	backup := w.grafana.Snapshot()
	tenant(w)
	w.settle()
	w.grafana.Restore(backup)
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Tenant"})
}

// untouched fails unless what is somebody else's is as it was.
func untouched(w *world) error {
	if own := w.own(); len(own) != 1 || own[0].Address.Address2 != "" || len(own[0].Members) != 1 {
		return fmt.Errorf("%+v", own)
	}
	return nil
}

// contentScenarios: an organization that holds what the operator did not put there is deleted.
func contentScenarios() []scenario {
	holding := func(method, path string, body map[string]any) func(*world) {
		return func(w *world) {
			withOrg(w)
			w.settle()
			w.grafana.Do(method, path, 3, body)
		}
	}
	blocked := map[string]string{"Organization": v1alpha1.ReasonDeletionBlocked}
	gone := func(w *world) { w.delete(newOrganization("")) }
	panel := map[string]any{"name": "Shared", "kind": 1, "model": map[string]any{"type": "text"}}
	return []scenario{
		{
			name:    "organization with a library panel deleted",
			before:  holding(http.MethodPost, "/api/library-elements", panel),
			act:     gone,
			stalled: blocked,
		},
		{
			name:    "organization with a folder deleted",
			before:  holding(http.MethodPost, "/api/folders", map[string]any{"title": "Mine"}),
			act:     gone,
			stalled: blocked,
		},
		{name: "organization with contents deleted with them", before: func(w *world) {
			tenant(w)
			w.settle()
			w.grafana.Do(http.MethodPost, "/api/library-elements", 3, panel)
			w.grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"title": "Mine"})
			w.grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "robot", "role": "Viewer"})
			edit(
				w,
				newOrganization(""),
				func(o *v1alpha1.Organization) { o.Spec.DeletionPolicy = v1alpha1.OrganizationDeleteWithContents },
			)
		}, act: func(w *world) { w.delete(newDashboard("", ""), newToken(), newAccount(""), newOrganization("")) }},
		{name: "a namespace deleted whole", before: tenant, act: func(w *world) {
			w.delete(
				&corev1.Secret{ObjectMeta: named("grafana")},
				newInstance(),
				newOrganization(""),
				newAccount(""),
				newToken(),
				newDashboard("", ""),
			)
		}, after: func(w *world) error {
			if w.get(&corev1.Secret{ObjectMeta: named("grafana")}) {
				return fmt.Errorf("the credential's Secret is still there")
			}
			return nil
		}},
	}
}
