package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DataSourceSetSpec describes a data source that many organizations have.
type DataSourceSetSpec struct {
	SetSpec `json:",inline"`

	// Template of the DataSources: one is made for each Organization, in this namespace.
	Template DataSourceTemplate `json:"template"`
}

// DataSourceTemplate is what a DataSource is made from.
type DataSourceTemplate struct {
	// Metadata of the DataSources.
	// +optional
	Metadata SetTemplateMetadata `json:"metadata,omitempty"`

	// Spec of the DataSources, without organization and deletionPolicy. The name is the set's by default. What is filled in is filled in by each DataSource.
	Spec DataSourceSettings `json:"spec"`
}

// DataSourceSet makes a DataSource for each of many Organizations.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gdsset,categories=grafana
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="the name can have 63 characters at most"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Organizations",type=integer,JSONPath=`.status.organizations`
// +kubebuilder:printcolumn:name="Updated",type=integer,JSONPath=`.status.updated`
// +kubebuilder:printcolumn:name="In sync",type=integer,JSONPath=`.status.ready`
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Revision",type=string,priority=1,JSONPath=`.status.currentRevision`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type DataSourceSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec DataSourceSetSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SetStatus `json:"status,omitempty"`
}

// DataSourceSetList is a list of DataSourceSets.
// +kubebuilder:object:root=true
type DataSourceSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataSourceSet `json:"items"`
}

// Stays reports whether the data sources are left in Grafana when the object is deleted.
func (s *DataSourceSet) Stays() bool { return s.Spec.DeletionPolicy == DeletionOrphan }

// CommonSpec is the part of the spec that all kinds share.
func (s *DataSourceSet) CommonSpec() CommonSpec { return CommonSpec{Suspend: s.Spec.Paused} }

// CommonStatus is the part of the status that all kinds share.
func (s *DataSourceSet) CommonStatus() *CommonStatus { return &s.Status.CommonStatus }

// Set is the part of the spec, and the status, that all sets share.
func (s *DataSourceSet) Set() (*SetSpec, *SetStatus) { return &s.Spec.SetSpec, &s.Status }
