package crash

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/datasource"
)

// NewDataSource is one of the organization "org", with a secret and a header, which wants to be the default.
func NewDataSource(uid string) *v1alpha1.DataSource {
	return &v1alpha1.DataSource{ObjectMeta: Named("source"), Spec: v1alpha1.DataSourceSpec{
		OrganizationRef: v1alpha1.ObjectReference{Name: "org"},
		DataSourceSettings: v1alpha1.DataSourceSettings{
			Name: "Metrics", UID: uid, Type: "prometheus", Access: v1alpha1.AccessProxy,
			URL:      "http://127.0.0.1:1/{{ .orgID }}",
			Headers:  []v1alpha1.DataSourceHeader{{Name: "X-Scope-OrgID", Value: "{{ .orgName }}"}},
			JSONData: &runtime.RawExtension{Raw: []byte(`{"timeInterval":"30s"}`)},
			SecureJSONData: map[string]v1alpha1.ValueSource{
				"token": {SecretKeyRef: &v1alpha1.KeyReference{Name: "source", Key: "token"}},
			},
			IsDefault: new(true),
		},
	}}
}

// SourceSecret is the Secret that data sources have their token from.
func SourceSecret(value string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: Named("source"), Data: map[string][]byte{"token": []byte(value)}}
}

// checkDataSource fails unless Grafana has a data source once, as its object asks for it.
func (w *World) checkDataSource(o *v1alpha1.DataSource, expected map[string]bool, fail failer) {
	owner, org := datasource.OwnerOf(o, o.Status.Adopted).String(), w.Grafana.Org(o.Status.OrgID)
	n := 0
	for _, s := range w.Grafana.Sources(o.Status.OrgID) {
		if s.JSONData[datasource.OwnerField] != owner {
			continue
		}
		n++
		expected[fmt.Sprint("source ", o.Status.OrgID, s.UID)] = true
		url := strings.ReplaceAll(o.Spec.URL, "{{ .orgID }}", fmt.Sprint(o.Status.OrgID))
		if s.UID != o.Status.UID || s.ID != o.Status.ID || s.Name != o.WantedName() || s.URL != url ||
			s.Type != o.Spec.Type || s.JSONData["timeInterval"] != "30s" || s.Version != o.Status.Version {
			fail("DataSource %s: Grafana has %+v, status %+v", o.Name, s, o.Status)
		}
		if o.Spec.IsDefault != nil && s.IsDefault != *o.Spec.IsDefault {
			fail("DataSource %s: that it is the default is %v", o.Name, s.IsDefault)
		}
		want := map[string]string{"httpHeaderValue1": org.Name}
		for name, from := range o.Spec.SecureJSONData {
			secret := &corev1.Secret{}
			secret.Namespace, secret.Name = o.Namespace, from.SecretKeyRef.Name
			w.Get(secret)
			want[name] = string(secret.Data[from.SecretKeyRef.Key])
		}
		if !maps.Equal(s.Secrets, want) {
			fail("DataSource %s: its secrets are %v, want %v", o.Name, s.Secrets, want)
		}
	}
	if n != 1 {
		fail("DataSource %s is in Grafana %d times", o.Name, n)
	}
}

// standIns are the data sources that stand for others in a Dashboard, as Grafana has them.
func (w *World) standIns(o *v1alpha1.Dashboard) map[string]dashboard.DataSource {
	all := map[string]dashboard.DataSource{}
	for _, m := range o.Spec.DataSources {
		to := m.To
		if to.Ref != nil {
			d := &v1alpha1.DataSource{ObjectMeta: Named(to.Ref.Name)}
			w.Get(d)
			to.UID = d.Status.UID
		}
		all[m.From] = dashboard.DataSource{}
		for _, s := range w.Grafana.Sources(o.Status.OrgID) {
			if s.UID == to.UID || s.Name == to.Name || to.Default && s.IsDefault {
				all[m.From] = dashboard.DataSource{UID: s.UID, Name: s.Name, Type: s.Type}
			}
		}
	}
	return all
}
