package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Names of field indexes.
const (
	byParent    = "parent"    // namespace/name of the object that an object refers to
	bySecret    = "secret"    // name of a Secret, in the object's namespace
	byConfigMap = "configMap" // name of a ConfigMap, in the object's namespace
	byHome      = "home"      // namespace/name of the Dashboard that an Organization shows first
)

// index is one field by which objects of a kind are looked up.
type index struct {
	obj   client.Object
	field string
	of    client.IndexerFunc
}

// indexes of all kinds.
func indexes() []index {
	return []index{
		{&v1alpha1.Organization{}, byParent, parents},
		{&v1alpha1.ServiceAccount{}, byParent, parents},
		{&v1alpha1.Dashboard{}, byParent, parents},
		{&v1alpha1.ServiceAccountToken{}, byParent, parents},
		{&v1alpha1.Instance{}, bySecret, instanceSecrets},
		{&v1alpha1.Instance{}, byConfigMap, instanceConfigMaps},
		{&v1alpha1.ServiceAccountToken{}, bySecret, tokenSecretNames},
		{&v1alpha1.Dashboard{}, byConfigMap, dashboardConfigMaps},
		{&v1alpha1.Dashboard{}, bySecret, dashboardSecrets},
		{&v1alpha1.Organization{}, byHome, func(o client.Object) []string {
			org := o.(*v1alpha1.Organization)
			if p := org.Spec.Preferences; p != nil && p.HomeDashboardRef != nil {
				return []string{parentKey(*p.HomeDashboardRef, org.Namespace).String()}
			}
			return nil
		}},
	}
}

// parentOf is the object that obj refers to.
func parentOf(obj client.Object) types.NamespacedName {
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		return parentKey(o.Spec.InstanceRef, o.Namespace)
	case *v1alpha1.ServiceAccount:
		return parentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Dashboard:
		return parentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.ServiceAccountToken:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.ServiceAccountRef.Name}
	}
	return types.NamespacedName{}
}

func parents(obj client.Object) []string { return []string{parentOf(obj).String()} }

func instanceSecrets(obj client.Object) []string {
	spec := obj.(*v1alpha1.Instance).Spec
	var names []string
	if spec.Credentials.BasicAuth != nil {
		names = append(names, spec.Credentials.BasicAuth.SecretRef.Name)
	}
	if spec.Credentials.Token != nil {
		names = append(names, spec.Credentials.Token.Name)
	}
	if spec.TLS != nil && spec.TLS.ClientCertificateSecretRef != nil {
		names = append(names, spec.TLS.ClientCertificateSecretRef.Name)
	}
	if spec.TLS != nil && spec.TLS.CAFrom != nil && spec.TLS.CAFrom.SecretKeyRef != nil {
		names = append(names, spec.TLS.CAFrom.SecretKeyRef.Name)
	}
	return names
}

// tokenSecretNames are those of the Secret that a token's key is to be in, and of that in which it is.
func tokenSecretNames(obj client.Object) []string {
	o := obj.(*v1alpha1.ServiceAccountToken)
	if is := o.Status.SecretName; is != "" && is != o.SecretName() {
		return []string{o.SecretName(), is}
	}
	return []string{o.SecretName()}
}

func instanceConfigMaps(obj client.Object) []string {
	if tls := obj.(*v1alpha1.Instance).Spec.TLS; tls != nil && tls.CAFrom != nil && tls.CAFrom.ConfigMapKeyRef != nil {
		return []string{tls.CAFrom.ConfigMapKeyRef.Name}
	}
	return nil
}

func dashboardConfigMaps(obj client.Object) []string {
	source := obj.(*v1alpha1.Dashboard).Spec.Source
	if source.ConfigMapRef != nil {
		return []string{source.ConfigMapRef.Name}
	}
	if source.URL != nil && source.URL.CAFrom != nil && source.URL.CAFrom.ConfigMapKeyRef != nil {
		return []string{source.URL.CAFrom.ConfigMapKeyRef.Name}
	}
	return nil
}

func dashboardSecrets(obj client.Object) []string {
	url := obj.(*v1alpha1.Dashboard).Spec.Source.URL
	if url == nil {
		return nil
	}
	var names []string
	if url.HeadersFrom != nil {
		names = append(names, url.HeadersFrom.Name)
	}
	if url.CAFrom != nil && url.CAFrom.SecretKeyRef != nil {
		names = append(names, url.CAFrom.SecretKeyRef.Name)
	}
	return names
}

// listChildren lists the objects of a kind that refer to a parent.
func (e *Env) listChildren(ctx context.Context, list client.ObjectList, parent types.NamespacedName) error {
	return e.List(ctx, list, client.MatchingFields{byParent: parent.String()})
}

// holding keeps those that may have something in Grafana. The others lose nothing with their parent, and so hold up nobody: anybody can refer to anything, and write any finalizer, so that a
// forgotten object of another namespace counts for nothing either.
func holding[T Object](kind interface{ Held(T) bool }, objects []Object) []Object {
	return slices.DeleteFunc(objects, func(o Object) bool { return !holds(kind, o) })
}

func holds[T Object](kind interface{ Held(T) bool }, o Object) bool {
	return kind.Held(o.(T)) || isForgotten(o) && parentOf(o).Namespace == o.GetNamespace()
}

// children lists the objects of a kind that refer to obj.
func (e *Env) children(ctx context.Context, list client.ObjectList, obj client.Object) ([]Object, error) {
	if err := e.listChildren(ctx, list, client.ObjectKeyFromObject(obj)); err != nil {
		return nil, err
	}
	var all []Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		all = append(all, o.(Object))
		return nil
	})
	return all, err
}
