// Package v1alpha1 holds the objects that describe Grafana organizations and what is in them.
// +kubebuilder:object:generate=true
// +groupName=grafana-tenancy.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "grafana-tenancy.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Instance{}, &InstanceList{},
		&Organization{}, &OrganizationList{},
		&ServiceAccount{}, &ServiceAccountList{},
		&ServiceAccountToken{}, &ServiceAccountTokenList{},
		&Folder{}, &FolderList{},
		&Dashboard{}, &DashboardList{},
		&DataSource{}, &DataSourceList{},
		&Membership{}, &MembershipList{},
		&Team{}, &TeamList{},
		&User{}, &UserList{},
		&DashboardSet{}, &DashboardSetList{},
		&DataSourceSet{}, &DataSourceSetList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
