package crash

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// SetLabel is the label of the Organizations that the sets of scenarios select.
const SetLabel = "selected"

// NewDashboardSet is the DashboardSet board, for the Organizations that are selected.
func NewDashboardSet(json string) *v1alpha1.DashboardSet {
	s := &v1alpha1.DashboardSet{ObjectMeta: Named("board")}
	s.Spec.Organizations.Selector.MatchLabels = map[string]string{SetLabel: "yes"}
	s.Spec.Template.Spec.Title = "Board of {{ .name }}"
	s.Spec.Template.Spec.Source.JSON = &json
	return s
}

// NewDataSourceSet is the DataSourceSet source, for the Organizations that are selected.
func NewDataSourceSet() *v1alpha1.DataSourceSet {
	s := &v1alpha1.DataSourceSet{ObjectMeta: Named("source")}
	s.Spec.Organizations.Selector.MatchLabels = map[string]string{SetLabel: "yes"}
	s.Spec.Template.Spec = NewDataSource("").Spec.DataSourceSettings
	return s
}

// Selected is an Organization of the Instance main that sets select, by its object's name.
func Selected(name string) *v1alpha1.Organization {
	o := Organization("Tenant " + name)
	o.Name, o.Labels = name, map[string]string{SetLabel: "yes"}
	return o
}

// ChildrenOf are the objects that a set has made: Dashboards, DataSources and ConfigMaps.
func (w *World) ChildrenOf(set client.Object) (all []client.Object) {
	for _, obj := range w.madeBySets() {
		if metav1.IsControlledBy(obj, set) {
			all = append(all, obj)
		}
	}
	return all
}

// madeBySets are all objects that can be those of a set.
func (w *World) madeBySets() (all []client.Object) {
	var dashboards v1alpha1.DashboardList
	var sources v1alpha1.DataSourceList
	var contents corev1.ConfigMapList
	for _, list := range []client.ObjectList{&dashboards, &sources, &contents} {
		if err := w.Kube.List(context.Background(), list, client.InNamespace(Namespace)); err != nil {
			w.TB.Fatal(err)
		}
	}
	for i := range dashboards.Items {
		all = append(all, &dashboards.Items[i])
	}
	for i := range sources.Items {
		all = append(all, &sources.Items[i])
	}
	for i := range contents.Items {
		all = append(all, &contents.Items[i])
	}
	return all
}

// collectChildren deletes what was made by sets that are gone, where there were any.
func (w *World) collectChildren() {
	sets := false
	for key := range w.History {
		sets = sets || strings.HasPrefix(key, "DashboardSet ") || strings.HasPrefix(key, "DataSourceSet ")
	}
	if !sets {
		return
	}
	for _, obj := range w.madeBySets() {
		owner := metav1.GetControllerOf(obj)
		if owner == nil || !obj.GetDeletionTimestamp().IsZero() {
			continue
		}
		var set client.Object = &v1alpha1.DashboardSet{}
		if owner.Kind == "DataSourceSet" {
			set = &v1alpha1.DataSourceSet{}
		}
		err := w.Kube.Get(context.Background(), client.ObjectKey{Namespace: obj.GetNamespace(), Name: owner.Name}, set)
		if apierrors.IsNotFound(err) || err == nil && set.GetUID() != owner.UID {
			w.Delete(obj)
		}
	}
}

// checkSet fails unless a set has an object for each Organization that is selected, and for no other, and keeps no
// content that none of them has.
func (w *World) checkSet(set client.Object, status v1alpha1.SetStatus, fail failer) {
	var organizations v1alpha1.OrganizationList
	selected := client.MatchingLabels{SetLabel: "yes"}
	if err := w.Kube.List(context.Background(), &organizations, client.InNamespace(Namespace), selected); err != nil {
		w.TB.Fatal(err)
	}
	of, contents, needed := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, obj := range w.ChildrenOf(set) {
		switch o := obj.(type) {
		case *v1alpha1.Dashboard:
			of[o.Spec.OrganizationRef.Name]++
			needed[o.Spec.Source.ConfigMapRef.Name] = true
		case *v1alpha1.DataSource:
			of[o.Spec.OrganizationRef.Name]++
		case *corev1.ConfigMap:
			contents[o.Name] = true
		}
	}
	for _, o := range organizations.Items {
		if of[o.Name] != 1 {
			fail("%s has %d objects for Organization %s", keyOf(set), of[o.Name], o.Name)
		}
	}
	if n := int64(len(organizations.Items)); len(of) != int(n) || status.Ready != n || status.Updated != n {
		fail("%s, for %d Organizations: %v, %+v", keyOf(set), n, of, status)
	}
	for name := range needed {
		if !contents[name] {
			fail("%s does not keep content %s, which is needed", keyOf(set), name)
		}
	}
	if _, is := set.(*v1alpha1.DashboardSet); is && len(contents) != 1 {
		fail("%s keeps %v", keyOf(set), contents)
	}
}

// keptContent is what a ConfigMap of a set's has.
func (w *World) keptContent(ref *v1alpha1.KeyReference) string {
	cm := &corev1.ConfigMap{ObjectMeta: Named(ref.Name)}
	if !w.Get(cm) {
		return ""
	}
	r, err := gzip.NewReader(bytes.NewReader(cm.BinaryData[ref.Key]))
	if err != nil {
		w.TB.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		w.TB.Fatal(err)
	}
	return string(text)
}
