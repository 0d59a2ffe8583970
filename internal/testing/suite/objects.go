package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// Instance applies the Instance grafana for the world's Grafana.
func (w *World) Instance(changes ...func(*v1alpha1.Instance)) *v1alpha1.Instance {
	w.T.Helper()
	obj := &v1alpha1.Instance{
		ObjectMeta: metav1.ObjectMeta{Name: "grafana"},
		Spec: v1alpha1.InstanceSpec{
			URL: w.Grafana.URL,
			Credentials: v1alpha1.Credentials{
				BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "admin"}},
			},
		},
	}
	return Apply(w, obj, changes)
}

// Organization applies an Organization of the Instance grafana.
func (w *World) Organization(name string, changes ...func(*v1alpha1.Organization)) *v1alpha1.Organization {
	w.T.Helper()
	obj := &v1alpha1.Organization{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.OrganizationSpec{InstanceRef: v1alpha1.ObjectReference{Name: "grafana"}},
	}
	return Apply(w, obj, changes)
}

// Account applies a ServiceAccount of an Organization.
func (w *World) Account(name, organization string, changes ...func(*v1alpha1.ServiceAccount)) *v1alpha1.ServiceAccount {
	w.T.Helper()
	obj := &v1alpha1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ServiceAccountSpec{OrganizationRef: v1alpha1.ObjectReference{Name: organization}},
	}
	return Apply(w, obj, changes)
}

// Token applies a ServiceAccountToken of a ServiceAccount.
func (w *World) Token(
	name, account string,
	changes ...func(*v1alpha1.ServiceAccountToken),
) *v1alpha1.ServiceAccountToken {
	w.T.Helper()
	obj := &v1alpha1.ServiceAccountToken{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ServiceAccountTokenSpec{ServiceAccountRef: v1alpha1.LocalObjectReference{Name: account}},
	}
	return Apply(w, obj, changes)
}

// Dashboard applies a Dashboard of an Organization from JSON.
func (w *World) Dashboard(name, organization, source string, changes ...func(*v1alpha1.Dashboard)) *v1alpha1.Dashboard {
	w.T.Helper()
	obj := &v1alpha1.Dashboard{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.DashboardSpec{
			OrganizationRef: v1alpha1.ObjectReference{Name: organization},
			Source:          v1alpha1.DashboardSource{JSON: &source},
		},
	}
	return Apply(w, obj, changes)
}

// Apply changes an object, and creates it.
func Apply[T client.Object](w *World, obj T, changes []func(T)) T {
	w.T.Helper()
	for _, c := range changes {
		c(obj)
	}
	w.Create(obj)
	return obj
}

// ConfigMap applies a ConfigMap.
func (w *World) ConfigMap(name string, data map[string]string) *corev1.ConfigMap {
	w.T.Helper()
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
	w.Create(obj)
	return obj
}

// Secret reads a Secret.
func (w *World) Secret(name string) *corev1.Secret {
	w.T.Helper()
	return Get(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.NS, Name: name}})
}

// Key is the token's key in a Secret.
func (w *World) Key(secret string) string {
	w.T.Helper()
	key := string(w.Secret(secret).Data["token"])
	if !TokenKey.MatchString(key) {
		w.T.Fatalf("Secret %s holds no token's key under token", secret)
	}
	return key
}

// Ask sends a request as a person does who is Grafana's admin, and wants it to succeed.
func (w *World) Ask(method, path string, orgID int64, body any) []byte {
	w.T.Helper()
	status, answer := w.Grafana.Do(method, path, orgID, body)
	if status > 299 {
		w.T.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// Made is the id in an answer to ask.
func (w *World) Made(answer []byte) int64 {
	w.T.Helper()
	var ids struct{ ID, OrgID int64 }
	if err := json.Unmarshal(answer, &ids); err != nil || ids.ID+ids.OrgID == 0 {
		w.T.Fatalf("no id in %s (%v)", answer, err)
	}
	if ids.ID != 0 {
		return ids.ID
	}
	return ids.OrgID
}

// Org is an organization in Grafana; nil if there is none of that id.
func (w *World) Org(id int64) *grafanatest.Org {
	return w.Grafana.Org(id)
}

// OrgNamed is an organization in Grafana; nil if there is none of that name.
func (w *World) OrgNamed(name string) *grafanatest.Org {
	return Find(w.Grafana.Orgs(), func(o grafanatest.Org) bool { return o.Name == name })
}

// SA is a service account in Grafana; nil if there is none of that id.
func (w *World) SA(orgID, id int64) *grafanatest.SA {
	return w.Grafana.ServiceAccount(orgID, id)
}

// Dash is a dashboard in Grafana; nil if there is none of that uid.
func (w *World) Dash(orgID int64, uid string) *grafanatest.Dash {
	return w.Grafana.Dashboard(orgID, uid)
}

// Find is the first of its kind; nil: there is none.
func Find[T any](all []T, is func(T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return &all[i]
	}
	return nil
}

// Writes lists the requests of the operator since the last ResetLog that change something in Grafana.
func (w *World) Writes() (writes []string) {
	for _, r := range w.Grafana.Requests() {
		session := r.Path == "/login" || strings.HasPrefix(r.Path, "/api/user/auth-tokens")
		if r.Method != "GET" && !session {
			writes = append(writes, fmt.Sprintf("%s %s %s", r.Method, r.Path, r.Body))
		}
	}
	return writes
}

// Asked counts the requests of the operator since the last ResetLog.
func (w *World) Asked(method, path string) (n int) {
	for _, r := range w.Grafana.Requests() {
		if r.Method == method && r.Path == path {
			n++
		}
	}
	return n
}

// Events lists what was told about objects in the world's namespace, as "<type> <reason> <object>".
func (w *World) Events() map[string]bool {
	w.T.Helper()
	var list eventsv1.EventList
	if err := w.Client.List(w.T.Context(), &list, client.InNamespace(w.NS)); err != nil {
		w.T.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range list.Items {
		seen[fmt.Sprintf("%s %s %s", e.Type, e.Reason, e.Regarding.Name)] = true
	}
	return seen
}

// Named is the metadata of an object in the world's namespace.
func (w *World) Named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.NS, Name: name}
}

// Contains reports whether a text has a part.
func Contains(s, part string) bool { return strings.Contains(s, part) }
