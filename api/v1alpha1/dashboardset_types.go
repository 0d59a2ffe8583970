package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DashboardSetSpec describes a dashboard that many organizations have.
// +kubebuilder:validation:XValidation:rule="has(self.template.spec.uid) == has(oldSelf.template.spec.uid) && (!has(self.template.spec.uid) || self.template.spec.uid == oldSelf.template.spec.uid)",message="template.spec.uid cannot be changed: delete this DashboardSet and create another one"
type DashboardSetSpec struct {
	SetSpec `json:",inline"`

	// Template of the Dashboards: one is made for each Organization, in this namespace.
	Template DashboardTemplate `json:"template"`
}

// DashboardTemplate is what a Dashboard is made from.
type DashboardTemplate struct {
	// Metadata of the Dashboards.
	// +optional
	Metadata SetTemplateMetadata `json:"metadata,omitempty"`

	// Spec of the Dashboards.
	Spec DashboardTemplateSpec `json:"spec"`
}

// DashboardTemplateSpec is the spec of a Dashboard without its organization and deletionPolicy. In the values of inputs, title, uid, folder and datasources, {{ .orgID }}, {{ .orgName }}, {{ .name }}, {{ .namespace }}, {{ .labels.NAME }} and
// {{ .annotations.NAME }} stand for what the Organization is, as in a Go template; {{ index .labels "example.com/name" }} is a label with other characters in its key. One that it lacks is an error. A literal {{ is written {{ "{{" }}.
// The source is taken as it is.
type DashboardTemplateSpec struct {
	CommonSpec `json:",inline"`

	// Source of the dashboard's content. What stands here itself (json, model, gzipJson) is kept once, in a ConfigMap of the set's, to which the Dashboards refer.
	Source DashboardSource `json:"source"`

	// Inputs are the values for the inputs of a dashboard that was exported for sharing.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=name
	// +optional
	Inputs []DashboardInput `json:"inputs,omitempty"`

	// DataSources say which data sources of the organization stand for those that the dashboard names.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=from
	// +optional
	DataSources []DashboardTemplateDataSource `json:"datasources,omitempty"`

	// Title of the dashboard. Default: the one in its source.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Title string `json:"title,omitempty"`

	// UID of the dashboard in Grafana, as it is filled in when a Dashboard is made: it then stays. Default: the uid in the content, else one of each Dashboard's own. It cannot be changed.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	UID string `json:"uid,omitempty"`

	// Folder that the dashboard is in. Default: none.
	// +optional
	Folder *DashboardTemplateFolder `json:"folder,omitempty"`

	// LibraryPanels says what becomes of the library panels that the source carries: Inline (the default) puts them into the dashboard, Manage keeps them as library panels in its folder.
	// +kubebuilder:default=Inline
	// +optional
	LibraryPanels LibraryPanelPolicy `json:"libraryPanels,omitempty"`

	// DriftPolicy is Correct (the default: an edit made in Grafana is overwritten at the next resync) or Report (it is left to stand, and condition Drifted of the Dashboard says so).
	// +kubebuilder:default=Correct
	// +optional
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`

	// AdoptionPolicy says what happens if the organization has a dashboard of this uid already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the Organization allows adoption.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`
}

// DashboardTemplateDataSource says which data source stands for one that a dashboard names.
type DashboardTemplateDataSource struct {
	// From is what the dashboard names.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	From string `json:"from"`

	// To is the data source that stands for it.
	To DashboardTemplateTarget `json:"to"`
}

// DashboardTemplateTarget is a data source of the dashboard's organization: by exactly one of its fields.
// +kubebuilder:validation:XValidation:rule="[has(self.ref), has(self.uid), has(self.name), has(self.default)].exists_one(given, given)",message="give exactly one of ref, uid, name and default"
type DashboardTemplateTarget struct {
	// Ref names a DataSource of this namespace and of the organization.
	// +optional
	Ref *TemplateReference `json:"ref,omitempty"`

	// UID of a data source.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	UID string `json:"uid,omitempty"`

	// Name of a data source.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Name string `json:"name,omitempty"`

	// Default is true for the organization's default data source.
	// +kubebuilder:validation:Enum=true
	// +optional
	Default bool `json:"default,omitempty"`
}

// DashboardTemplateFolder names a folder: by its uid, by the titles that lead to it, or by the Folder that stands for it.
// +kubebuilder:validation:XValidation:rule="[has(self.uid), has(self.path), has(self.ref)].exists_one(given, given)",message="give exactly one of uid, path and ref"
type DashboardTemplateFolder struct {
	// UID of the folder. It must exist in the organization.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	UID string `json:"uid,omitempty"`

	// Path is the titles of folders, the outermost first. Those that are missing are made.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=1024
	// +listType=atomic
	// +optional
	Path []string `json:"path,omitempty"`

	// Ref names a Folder of this namespace and of the organization.
	// +optional
	Ref *TemplateReference `json:"ref,omitempty"`
}

// TemplateReference names an object of this namespace, by a name that is filled in.
type TemplateReference struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Name string `json:"name"`
}

// DashboardSet makes a Dashboard for each of many Organizations.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gdashset,categories=grafana
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
type DashboardSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec DashboardSetSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SetStatus `json:"status,omitempty"`
}

// DashboardSetList is a list of DashboardSets.
// +kubebuilder:object:root=true
type DashboardSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DashboardSet `json:"items"`
}

// Stays reports whether the dashboards are left in Grafana when the object is deleted.
func (s *DashboardSet) Stays() bool { return s.Spec.DeletionPolicy == DeletionOrphan }

// CommonSpec is the part of the spec that all kinds share.
func (s *DashboardSet) CommonSpec() CommonSpec { return CommonSpec{Suspend: s.Spec.Paused} }

// CommonStatus is the part of the status that all kinds share.
func (s *DashboardSet) CommonStatus() *CommonStatus { return &s.Status.CommonStatus }

// Set is the part of the spec, and the status, that all sets share.
func (s *DashboardSet) Set() (*SetSpec, *SetStatus) { return &s.Spec.SetSpec, &s.Status }
