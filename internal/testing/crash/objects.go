package crash

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// UIDFor makes an object's uid, the same in every run.
func UIDFor(obj client.Object) types.UID {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%T %s/%s", obj, obj.GetNamespace(), obj.GetName())
	n := h.Sum64()
	return types.UID(fmt.Sprintf("%08x-%04x-4000-8000-%012x", uint32(n>>32), uint16(n>>16), n&0xffffffffffff))
}

// Namespace is where everything of a scenario is.
const Namespace = "tenant"

// Named is the metadata of an object in Namespace.
func Named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: Namespace, Name: name}
}

// Seed puts into the world what every scenario has: a Grafana that is used by others too, an Instance, and its
// credential.
func (w *World) Seed() {
	w.Grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": "boss", "password": "secret"})
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Foreign Inc."})
	w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 2, map[string]any{"name": "Foreign account", "role": "Admin"})
	w.Grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		2,
		map[string]any{"dashboard": map[string]any{"uid": "overview", "title": "Foreign dashboard"}},
	)
	w.Grafana.Do(http.MethodPost, "/api/teams", 2, map[string]any{"name": "Foreign team"})
	secret := &corev1.Secret{
		ObjectMeta: Named("grafana"),
		Data:       map[string][]byte{"admin-user": []byte("admin"), "admin-password": []byte("admin")},
	}
	w.Create(secret, Instance())
}

// Instance is the Instance main.
func Instance() *v1alpha1.Instance {
	return &v1alpha1.Instance{ObjectMeta: Named("main"), Spec: v1alpha1.InstanceSpec{
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

// Organization is the Organization org of the Instance main.
func Organization(name string) *v1alpha1.Organization {
	return &v1alpha1.Organization{
		ObjectMeta: Named("org"),
		Spec:       v1alpha1.OrganizationSpec{InstanceRef: v1alpha1.ObjectReference{Name: "main"}, Name: name},
	}
}

// Account is the ServiceAccount account in the Organization org.
func Account(name string) *v1alpha1.ServiceAccount {
	return &v1alpha1.ServiceAccount{ObjectMeta: Named("account"), Spec: v1alpha1.ServiceAccountSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"}, Name: name, Role: v1alpha1.RoleEditor,
	}}
}

// Token is the ServiceAccountToken token of the ServiceAccount account.
func Token() *v1alpha1.ServiceAccountToken {
	return &v1alpha1.ServiceAccountToken{ObjectMeta: Named("token"), Spec: v1alpha1.ServiceAccountTokenSpec{
		ServiceAccountRef: v1alpha1.LocalObjectReference{
			Name: "account",
		},
		Secret: v1alpha1.TokenSecret{Key: "token", Type: "Opaque"},
	}}
}

// Dashboard is the Dashboard dashboard in the Organization org, from JSON.
func Dashboard(uid, json string) *v1alpha1.Dashboard {
	return &v1alpha1.Dashboard{ObjectMeta: Named("dashboard"), Spec: v1alpha1.DashboardSpec{
		OrganizationRef: v1alpha1.ObjectReference{
			Name: "org",
		},
		Source:      v1alpha1.DashboardSource{JSON: &json},
		UID:         uid,
		DriftPolicy: v1alpha1.DriftCorrect,
	}}
}

// OneDashboard is the content of a dashboard.
const OneDashboard = `{"title":"Requests","panels":[{"id":1,"type":"timeseries","title":"Rate"}],"schemaVersion":39}`

// OtherDashboard is OneDashboard, changed.
const OtherDashboard = `{"title":"Requests","panels":[{"id":1,"type":"stat","title":"Rate"}],"schemaVersion":39}`

// Schema2 is a dashboard in schema v2 with one panel of a type, in the form that Grafana keeps.
func Schema2(kind string) string {
	return `{"apiVersion":"dashboard.grafana.app/v2beta1","kind":"Dashboard","metadata":{"name":"schema-2"},"spec":{` +
		`"title":"Requests","annotations":[],"cursorSync":"Off","editable":true,"elements":{"panel-1":{"kind":"Panel",` +
		`"spec":{"id":1,"title":"Rate","description":"","links":[],"data":{"kind":"QueryGroup","spec":{"queries":[],` +
		`"transformations":[],"queryOptions":{}}},"vizConfig":{"kind":"VizConfig","group":"` + kind + `","version":"",` +
		`"spec":{"options":{},"fieldConfig":{"defaults":{},"overrides":[]}}}}}},"layout":{"kind":"GridLayout","spec":{` +
		`"items":[{"kind":"GridLayoutItem","spec":{"x":0,"y":0,"width":12,"height":8,"element":{` +
		`"kind":"ElementReference","name":"panel-1"}}}]}},"links":[],"preload":false,"tags":[],"timeSettings":{` +
		`"timezone":"browser","from":"now-6h","to":"now","autoRefresh":"","autoRefreshIntervals":["5s"],` +
		`"hideTimepicker":false,"fiscalYearStartMonth":0},"variables":[]}}`
}

// Nothing does nothing.
func Nothing(*World) {}

// Tenant is an organization with one of everything in it.
func Tenant(w *World) {
	w.Create(Organization("Tenant"), Account("CI"), Token(), Dashboard("", OneDashboard))
}

// WithOrg creates an Organization.
func WithOrg(w *World) { w.Create(Organization("Tenant")) }

// WithAccount creates an Organization with a ServiceAccount.
func WithAccount(w *World) { w.Create(Organization("Tenant"), Account("CI")) }
