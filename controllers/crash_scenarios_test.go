package controllers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
)

// seed puts into the world what every scenario has: a Grafana that is used by others too, an Instance, and its
// credential.
func (w *world) seed() {
	w.grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": "boss", "password": "secret"})
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign Inc."})
	w.grafana.Do(http.MethodPost, "/api/serviceaccounts", 2, map[string]any{"name": "Foreign account", "role": "Admin"})
	w.grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		2,
		map[string]any{"dashboard": map[string]any{"uid": "overview", "title": "Foreign dashboard"}},
	)
	secret := &corev1.Secret{
		ObjectMeta: named("grafana"),
		Data:       map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte("admin")},
	}
	w.create(secret, newInstance())
}

func newInstance() *v1alpha1.Instance {
	return &v1alpha1.Instance{ObjectMeta: named("main"), Spec: v1alpha1.InstanceSpec{
		URL: "http://grafana.test",
		Credentials: v1alpha1.Credentials{
			BasicAuth: &v1alpha1.BasicAuth{
				SecretRef: v1alpha1.LocalObjectReference{Name: "grafana"},
				Session:   v1alpha1.SessionAuto,
			},
		},
		Limits:  v1alpha1.Limits{MaxConcurrentReads: 8, MaxConcurrentWrites: 1},
		OnReset: v1alpha1.ResetRebuild,
		ResyncInterval: &metav1.Duration{
			Duration: 10 * time.Minute,
		},
		Timeout: &metav1.Duration{Duration: 30 * time.Second},
	}}
}

func newOrganization(name string) *v1alpha1.Organization {
	return &v1alpha1.Organization{
		ObjectMeta: named("org"),
		Spec:       v1alpha1.OrganizationSpec{InstanceRef: v1alpha1.ObjectReference{Name: "main"}, Name: name},
	}
}

func newAccount(name string) *v1alpha1.ServiceAccount {
	return &v1alpha1.ServiceAccount{ObjectMeta: named("account"), Spec: v1alpha1.ServiceAccountSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"}, Name: name, Role: v1alpha1.RoleEditor,
	}}
}

func newToken() *v1alpha1.ServiceAccountToken {
	return &v1alpha1.ServiceAccountToken{ObjectMeta: named("token"), Spec: v1alpha1.ServiceAccountTokenSpec{
		ServiceAccountRef: v1alpha1.LocalObjectReference{
			Name: "account",
		},
		Secret: v1alpha1.TokenSecret{Key: "token", Type: "Opaque"},
	}}
}

func newDashboard(uid, json string) *v1alpha1.Dashboard {
	return &v1alpha1.Dashboard{ObjectMeta: named("dashboard"), Spec: v1alpha1.DashboardSpec{
		OrganizationRef: v1alpha1.ObjectReference{
			Name: "org",
		},
		Source:      v1alpha1.DashboardSource{JSON: &json},
		UID:         uid,
		DriftPolicy: v1alpha1.DriftCorrect,
	}}
}

const oneDashboard = `{"title":"Requests","panels":[{"id":1,"type":"timeseries","title":"Rate"}],"schemaVersion":39}`
const otherDashboard = `{"title":"Requests","panels":[{"id":1,"type":"stat","title":"Rate"}],"schemaVersion":39}`

func nothing(*world) {}

// tenant is an organization with one of everything in it.
func tenant(w *world) {
	w.create(newOrganization("Tenant"), newAccount("CI"), newToken(), newDashboard("", oneDashboard))
}

func withOrg(w *world)     { w.create(newOrganization("Tenant")) }
func withAccount(w *world) { w.create(newOrganization("Tenant"), newAccount("CI")) }

func scenarios() []scenario {
	return slices.Concat(
		wholeScenarios(),
		organizationScenarios(),
		accountScenarios(),
		tokenScenarios(),
		dashboardScenarios(),
		sourceScenarios(),
		folderScenarios(),
		foreignScenarios(),
		ownershipScenarios(),
		atOnceScenarios(),
	)
}

func wholeScenarios() []scenario {
	return []scenario{
		{name: "a tenant from nothing", before: nothing, act: tenant},
		{name: "a tenant deleted at once", before: tenant, act: func(w *world) {
			w.delete(newInstance(), newOrganization(""), newAccount(""), newToken(), newDashboard("", ""))
		}},
		{name: "an organization deleted while it is created", before: nothing, act: func(w *world) {
			w.create(newOrganization("Tenant"))
			w.visit("Organization tenant/org") // waits for the Instance
			w.visit("Instance tenant/main")
			w.visit("Organization tenant/org")
			w.delete(newOrganization(""))
		}},
		{name: "credentials changed", before: tenant, act: func(w *world) {
			w.grafana.SetPassword("admin", "changed")
			w.grafana.EndSessions() // else the old login would go on working
			secret := &corev1.Secret{ObjectMeta: named("grafana")}
			w.get(secret)
			secret.Data["admin-password"] = []byte("changed")
			if err := w.kube.Update(w.tb.Context(), secret); err != nil {
				w.tb.Fatal(err)
			}
			w.everybody()
		}},
		{name: "an instance deleted", before: nothing, act: func(w *world) { w.delete(newInstance()) }},
	}
}

func organizationScenarios() []scenario {
	return []scenario{
		{name: "organization renamed", before: tenant, act: func(w *world) {
			edit(w, newOrganization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
		}},
		{name: "organization preferences", before: withOrg, act: func(w *world) {
			edit(w, newOrganization(""), func(o *v1alpha1.Organization) {
				o.Spec.Preferences = &v1alpha1.Preferences{Theme: "dark", Timezone: "utc", WeekStart: "monday"}
			})
		}},
		{name: "organization orphaned", before: func(w *world) {
			o := newOrganization("kept")
			o.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
			w.create(o)
		}, act: func(w *world) { w.delete(newOrganization("")) }, after: func(w *world) error {
			for _, o := range w.grafana.Orgs() {
				if o.Name == "kept" && strings.HasPrefix(o.Address.Address2, "grafana-tenancy.dev released ") {
					return nil
				}
			}
			return fmt.Errorf("the organization is not there, or still marked: %+v", w.grafana.Orgs())
		}},
		{name: "organization renamed by a person", before: withOrg, act: func(w *world) {
			w.grafana.Do(http.MethodPut, "/api/orgs/3", 1, map[string]any{"name": "Somebody's idea"})
			w.everybody()
		}},
		{name: "organization deleted by a person", before: tenant, act: func(w *world) {
			w.grafana.Do(http.MethodDelete, "/api/orgs/3", 1, nil)
			w.everybody()
		}},
		{name: "operator removed from the organization", before: tenant, act: func(w *world) {
			w.grafana.Do(
				http.MethodPost,
				"/api/orgs/3/users",
				1,
				map[string]any{"loginOrEmail": "boss", "role": "Admin"},
			)
			w.grafana.Do(http.MethodDelete, "/api/orgs/3/users/1", 1, nil)
			w.clock = w.clock.Add(2 * connection.ProofLife)
			edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = otherDashboard })
		}},
	}
}

func accountScenarios() []scenario {
	return []scenario{
		{name: "service account created", before: withOrg, act: func(w *world) { w.create(newAccount("CI")) }},
		{name: "service account renamed and raised", before: withAccount, act: func(w *world) {
			edit(w, newAccount(""), func(a *v1alpha1.ServiceAccount) {
				a.Spec.Name, a.Spec.Role, a.Spec.Disabled = "Deploy", v1alpha1.RoleAdmin, true
			})
		}},
		{name: "service account deleted", before: withAccount, act: func(w *world) { w.delete(newAccount("")) }},
		{name: "service account deleted and applied again", before: withAccount, act: func(w *world) {
			w.delete(newAccount(""))
			if err := w.rest(); err != nil {
				w.tb.Fatal(err)
			}
			again := newAccount("CI")
			again.UID = "0a0a0a0a-0000-4000-8000-000000000000"
			w.create(again)
		}},
		{name: "service account deleted by a person", before: tenant, act: func(w *world) {
			a := newAccount("")
			w.get(a)
			w.grafana.Do(http.MethodDelete, fmt.Sprint("/api/serviceaccounts/", a.Status.ID), a.Status.OrgID, nil)
			w.everybody()
		}},
		{name: "service account orphaned", before: func(w *world) {
			a := newAccount("kept")
			a.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			o := newOrganization("kept")
			w.create(o, a)
		}, act: func(w *world) { w.delete(newAccount("")) }, after: func(w *world) error {
			if n := len(w.grafana.ServiceAccounts(3)); n != 1 {
				return fmt.Errorf("%d service accounts are left", n)
			}
			return nil
		}},
	}
}

func dashboardScenarios() []scenario {
	return []scenario{
		{
			name:   "dashboard created",
			before: withOrg,
			act:    func(w *world) { w.create(newDashboard("requests", oneDashboard)) },
		},
		{name: "dashboard changed", before: tenant, act: func(w *world) {
			edit(w, newDashboard("", ""), func(d *v1alpha1.Dashboard) { *d.Spec.Source.JSON = otherDashboard })
		}},
		{name: "dashboard moved", before: func(w *world) {
			withOrg(w)
			if err := w.rest(); err != nil {
				w.tb.Fatal(err)
			}
			w.grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Team"})
			w.create(newDashboard("requests", oneDashboard))
		}, act: func(w *world) {
			edit(
				w,
				newDashboard("", ""),
				func(d *v1alpha1.Dashboard) { d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"} },
			)
		}, after: func(w *world) error {
			if d := w.grafana.Dashboards(3); len(d) != 1 || d[0].FolderUID != "team" {
				return fmt.Errorf("not moved: %+v", d)
			}
			return nil
		}},
		{name: "dashboard edited by a person", before: tenant, act: func(w *world) {
			d := newDashboard("", "")
			w.get(d)
			w.grafana.Do(
				http.MethodPost,
				"/api/dashboards/db",
				d.Status.OrgID,
				map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": d.Status.UID, "title": "Mine"}},
			)
			w.everybody()
		}},
		{name: "dashboard deleted by a person", before: tenant, act: func(w *world) {
			d := newDashboard("", "")
			w.get(d)
			w.grafana.Do(http.MethodDelete, "/api/dashboards/uid/"+d.Status.UID, d.Status.OrgID, nil)
			w.everybody()
		}},
		{name: "dashboard deleted", before: func(w *world) {
			w.create(newOrganization("Tenant"), newDashboard("requests", oneDashboard))
		}, act: func(w *world) { w.delete(newDashboard("", "")) }},
		{name: "dashboard orphaned", before: func(w *world) {
			d := newDashboard("requests", strings.Replace(oneDashboard, "Requests", "kept", 1))
			d.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.create(newOrganization("Tenant"), d)
		}, act: func(w *world) { w.delete(newDashboard("", "")) }, after: func(w *world) error {
			if n := len(w.grafana.Dashboards(3)); n != 1 {
				return fmt.Errorf("%d dashboards are left", n)
			}
			return nil
		}},
	}
}

// foreignScenarios: what others have is in the way, or comes to be where ours was.
func foreignScenarios() []scenario {
	return []scenario{
		{
			name:    "organization's name is taken",
			before:  nothing,
			act:     func(w *world) { w.create(newOrganization("Foreign Inc.")) },
			stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists},
		},
		{name: "organization renamed to a taken name", before: withOrg, act: func(w *world) {
			edit(w, newOrganization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Foreign Inc." })
		}, stalled: map[string]string{"Organization": v1alpha1.ReasonAlreadyExists}, after: func(w *world) error {
			if orgs := w.grafana.Orgs(); len(orgs) != 3 || orgs[2].Name != "Tenant" {
				return fmt.Errorf("the organization did not keep its name: %+v", orgs)
			}
			return nil
		}},
		{name: "service account's name is taken", before: func(w *world) {
			withOrg(w)
			if err := w.rest(); err != nil {
				w.tb.Fatal(err)
			}
			w.grafana.Do(
				http.MethodPost,
				"/api/serviceaccounts",
				3,
				map[string]any{"name": "Foreign account", "role": "Viewer"},
			)
		}, act: func(w *world) { w.create(newAccount("Foreign account")) }, stalled: map[string]string{"ServiceAccount": v1alpha1.ReasonAlreadyExists}},
		{name: "dashboard's uid is taken", before: func(w *world) {
			withOrg(w)
			if err := w.rest(); err != nil {
				w.tb.Fatal(err)
			}
			foreignDashboard(w)
		}, act: func(w *world) { w.create(newDashboard("requests", oneDashboard)) }, stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists}},
		{name: "dashboard replaced by somebody else's, then deleted", before: func(w *world) {
			w.create(newOrganization("Tenant"), newDashboard("requests", oneDashboard))
		}, act: func(w *world) {
			w.grafana.Do(http.MethodDelete, "/api/dashboards/uid/requests", 3, nil)
			foreignDashboard(w)
			w.delete(newDashboard("", ""))
		}},
		{name: "token's Secret is somebody else's", before: func(w *world) {
			withAccount(w)
			w.create(&corev1.Secret{ObjectMeta: named("token"), Data: map[string][]byte{"token": []byte("precious")}})
		}, act: func(w *world) { w.create(newToken()) }, stalled: map[string]string{"ServiceAccountToken": v1alpha1.ReasonSecretConflict}, after: func(w *world) error {
			secret := &corev1.Secret{ObjectMeta: named("token")}
			if w.get(secret); string(secret.Data["token"]) != "precious" || len(w.grafana.Keys()) > 0 {
				return fmt.Errorf(
					"the Secret holds %d bytes, %d keys were made",
					len(secret.Data["token"]),
					len(w.grafana.Keys()),
				)
			}
			return nil
		}},
		{name: "Grafana's database reset, and the id is another's", before: tenant, act: func(w *world) {
			reset(w)
			w.everybody()
		}},
		{name: "Grafana's database reset, and the id is nobody's", before: tenant, act: func(w *world) {
			w.grafana.ResetDatabase()
			w.everybody()
		}},
		{
			name:   "Grafana's database reset, the rebuild cut off, then everything deleted",
			before: tenant,
			act: func(w *world) {
				w.grafana.ResetDatabase()
				// As a create leaves it whose answer was lost: the id of before, and the intent.
				o := newOrganization("")
				w.get(o)
				o.Status.CreateStarted = &metav1.Time{Time: w.clock.Truncate(time.Second)}
				if err := w.kube.Status().Update(w.tb.Context(), o); err != nil {
					w.tb.Fatal(err)
				}
				w.remember(o)
				w.delete(newOrganization(""), newAccount(""), newToken(), newDashboard("", ""))
				w.clock = w.clock.Add(2 * time.Minute)
				w.visit("Instance tenant/main")
				w.visit("Organization tenant/org")
			},
		},
		{name: "an account that lists no more tokens", before: func(w *world) {
			withAccount(w)
			if err := w.rest(); err != nil {
				w.tb.Fatal(err)
			}
			a := newAccount("")
			w.get(a)
			for i := range 300 {
				w.grafana.Do(
					http.MethodPost,
					fmt.Sprintf("/api/serviceaccounts/%d/tokens", a.Status.ID),
					3,
					map[string]any{"name": fmt.Sprintf("a%03d-kept", i)},
				)
			}
		}, act: func(w *world) { w.create(newToken()) }, stalled: map[string]string{"ServiceAccountToken": v1alpha1.ReasonRefused}, ownKeys: true, after: func(w *world) error {
			if n := len(w.grafana.Tokens(3)); n != 300 {
				return fmt.Errorf("%d tokens", n)
			}
			return nil
		}},
		{name: "organization with an account of somebody else's deleted", before: func(w *world) {
			withOrg(w)
			if err := w.rest(); err != nil {
				w.tb.Fatal(err)
			}
			w.grafana.Do(
				http.MethodPost,
				"/api/serviceaccounts",
				3,
				map[string]any{"name": "Foreign account", "role": "Viewer"},
			)
		}, act: func(w *world) { w.delete(newOrganization("")) }, stalled: map[string]string{"Organization": v1alpha1.ReasonDeletionBlocked}},
		{name: "Grafana's database reset, then everything deleted", before: tenant, act: func(w *world) {
			reset(w)
			w.delete(newInstance(), newOrganization(""), newAccount(""), newToken(), newDashboard("", ""))
		}, stalled: map[string]string{"Organization": v1alpha1.ReasonOwnershipLost, "Instance": v1alpha1.ReasonDeleting}},
	}
}

func foreignDashboard(w *world) {
	w.grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		3,
		map[string]any{"dashboard": map[string]any{"uid": "requests", "title": "Foreign requests"}},
	)
}

// reset empties Grafana, and gives the ids of ours to others.
func reset(w *world) {
	w.grafana.ResetDatabase()
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign first"})
	w.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign second"})
	for range 3 {
		w.grafana.Do(
			http.MethodPost,
			"/api/serviceaccounts",
			3,
			map[string]any{"name": fmt.Sprint("Foreign ", len(w.grafana.ServiceAccounts(3))), "role": "Admin"},
		)
	}
	foreignDashboard(w)
}
