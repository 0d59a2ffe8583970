package controllers_test

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

// instance applies the Instance grafana for the world's Grafana.
func (w *world) instance(changes ...func(*v1alpha1.Instance)) *v1alpha1.Instance {
	w.t.Helper()
	obj := &v1alpha1.Instance{
		ObjectMeta: metav1.ObjectMeta{Name: "grafana"},
		Spec: v1alpha1.InstanceSpec{
			URL: w.grafana.URL,
			Credentials: v1alpha1.Credentials{
				BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "admin"}},
			},
		},
	}
	return apply(w, obj, changes)
}

// organization applies an Organization of the Instance grafana.
func (w *world) organization(name string, changes ...func(*v1alpha1.Organization)) *v1alpha1.Organization {
	w.t.Helper()
	obj := &v1alpha1.Organization{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.OrganizationSpec{InstanceRef: v1alpha1.ObjectReference{Name: "grafana"}},
	}
	return apply(w, obj, changes)
}

// account applies a ServiceAccount of an Organization.
func (w *world) account(name, organization string, changes ...func(*v1alpha1.ServiceAccount)) *v1alpha1.ServiceAccount {
	w.t.Helper()
	obj := &v1alpha1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ServiceAccountSpec{OrganizationRef: v1alpha1.ObjectReference{Name: organization}},
	}
	return apply(w, obj, changes)
}

// token applies a ServiceAccountToken of a ServiceAccount.
func (w *world) token(
	name, account string,
	changes ...func(*v1alpha1.ServiceAccountToken),
) *v1alpha1.ServiceAccountToken {
	w.t.Helper()
	obj := &v1alpha1.ServiceAccountToken{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.ServiceAccountTokenSpec{ServiceAccountRef: v1alpha1.LocalObjectReference{Name: account}},
	}
	return apply(w, obj, changes)
}

// dashboard applies a Dashboard of an Organization from JSON.
func (w *world) dashboard(name, organization, source string, changes ...func(*v1alpha1.Dashboard)) *v1alpha1.Dashboard {
	w.t.Helper()
	obj := &v1alpha1.Dashboard{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.DashboardSpec{
			OrganizationRef: v1alpha1.ObjectReference{Name: organization},
			Source:          v1alpha1.DashboardSource{JSON: &source},
		},
	}
	return apply(w, obj, changes)
}

func apply[T client.Object](w *world, obj T, changes []func(T)) T {
	w.t.Helper()
	for _, c := range changes {
		c(obj)
	}
	w.create(obj)
	return obj
}

// configMap applies a ConfigMap.
func (w *world) configMap(name string, data map[string]string) *corev1.ConfigMap {
	w.t.Helper()
	obj := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
	w.create(obj)
	return obj
}

// secret reads a Secret.
func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	return get(w, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}})
}

// key is the token's key in a Secret.
func (w *world) key(secret string) string {
	w.t.Helper()
	key := string(w.secret(secret).Data["token"])
	if !tokenKey.MatchString(key) {
		w.t.Fatalf("Secret %s holds no token's key under token", secret)
	}
	return key
}

// ask sends a request as a person does who is Grafana's admin, and wants it to succeed.
func (w *world) ask(method, path string, orgID int64, body any) []byte {
	w.t.Helper()
	status, answer := w.grafana.Do(method, path, orgID, body)
	if status > 299 {
		w.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// made is the id in an answer to ask.
func (w *world) made(answer []byte) int64 {
	w.t.Helper()
	var ids struct{ ID, OrgID int64 }
	if err := json.Unmarshal(answer, &ids); err != nil || ids.ID+ids.OrgID == 0 {
		w.t.Fatalf("no id in %s (%v)", answer, err)
	}
	if ids.ID != 0 {
		return ids.ID
	}
	return ids.OrgID
}

// org is an organization in Grafana; nil if there is none of that id.
func (w *world) org(id int64) *grafanatest.Org {
	return w.grafana.Org(id)
}

// orgNamed is an organization in Grafana; nil if there is none of that name.
func (w *world) orgNamed(name string) *grafanatest.Org {
	return find(w.grafana.Orgs(), func(o grafanatest.Org) bool { return o.Name == name })
}

// sa is a service account in Grafana; nil if there is none of that id.
func (w *world) sa(orgID, id int64) *grafanatest.SA {
	return w.grafana.ServiceAccount(orgID, id)
}

// dash is a dashboard in Grafana; nil if there is none of that uid.
func (w *world) dash(orgID int64, uid string) *grafanatest.Dash {
	return w.grafana.Dashboard(orgID, uid)
}

func find[T any](all []T, is func(T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return &all[i]
	}
	return nil
}

// writes lists the requests of the operator since the last ResetLog that change something in Grafana.
func (w *world) writes() (writes []string) {
	for _, r := range w.grafana.Requests() {
		session := r.Path == "/login" || strings.HasPrefix(r.Path, "/api/user/auth-tokens")
		if r.Method != "GET" && !session {
			writes = append(writes, fmt.Sprintf("%s %s %s", r.Method, r.Path, r.Body))
		}
	}
	return writes
}

// asked counts the requests of the operator since the last ResetLog.
func (w *world) asked(method, path string) (n int) {
	for _, r := range w.grafana.Requests() {
		if r.Method == method && r.Path == path {
			n++
		}
	}
	return n
}

// events lists what was told about objects in the world's namespace, as "<type> <reason> <object>".
func (w *world) events() map[string]bool {
	w.t.Helper()
	var list eventsv1.EventList
	if err := w.client.List(w.t.Context(), &list, client.InNamespace(w.ns)); err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range list.Items {
		seen[fmt.Sprintf("%s %s %s", e.Type, e.Reason, e.Regarding.Name)] = true
	}
	return seen
}

// named is the metadata of an object in the world's namespace.
func (w *world) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.ns, Name: name}
}

func contains(s, part string) bool { return strings.Contains(s, part) }
