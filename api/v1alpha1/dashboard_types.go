package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DashboardSpec describes a dashboard of an organization.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this Dashboard and create another one"
// +kubebuilder:validation:XValidation:rule="has(self.uid) == has(oldSelf.uid) && (!has(self.uid) || self.uid == oldSelf.uid)",message="uid cannot be changed: delete this Dashboard and create another one"
type DashboardSpec struct {
	CommonSpec `json:",inline"`

	// OrganizationRef names the Organization that the dashboard is in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// Source of the dashboard's content.
	Source DashboardSource `json:"source"`

	// UID of the dashboard in Grafana, which its address has in it. Default: the uid in the content when it is first created, else one derived from this object. It cannot be changed.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	UID string `json:"uid,omitempty"`

	// Folder that the dashboard is in. Default: none, which Grafana shows as General or Dashboards. Moving it keeps its uid and history.
	// +optional
	Folder *DashboardFolder `json:"folder,omitempty"`

	// DriftPolicy is Correct (the default: an edit made in Grafana is overwritten at the next resync; it stays in Grafana's history) or Report (it is left to stand, and condition
	// Drifted says so, until this object changes).
	// +kubebuilder:default=Correct
	// +optional
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`

	// AdoptionPolicy says what happens if the organization has a dashboard of this uid already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the
	// Organization allows adoption. Its content is then replaced; what it was stays in its history.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of it in Grafana when this object is deleted: Delete deletes it there too, Orphan leaves it. Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// DriftPolicy says what becomes of an edit made in Grafana.
// +kubebuilder:validation:Enum=Correct;Report
type DriftPolicy string

const (
	// DriftCorrect overwrites it.
	DriftCorrect DriftPolicy = "Correct"
	// DriftReport leaves it and says so.
	DriftReport DriftPolicy = "Report"
)

// DashboardSource is where the content comes from: exactly one of its fields.
// +kubebuilder:validation:XValidation:rule="has(self.json) != has(self.configMapRef)",message="give exactly one of json and configMapRef"
type DashboardSource struct {
	// JSON is the dashboard as Grafana shows it under "JSON model". Its id and version are ignored.
	// +kubebuilder:validation:MinLength=2
	// +optional
	JSON *string `json:"json,omitempty"`

	// ConfigMapRef names a ConfigMap, in the same namespace, and the key in it that holds the dashboard's JSON. A change there takes effect at once.
	// +optional
	ConfigMapRef *KeyReference `json:"configMapRef,omitempty"`
}

// DashboardFolder names a folder.
type DashboardFolder struct {
	// UID of the folder. It must exist in the organization.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	UID string `json:"uid"`
}

// DashboardStatus is what was seen of a dashboard; never its content.
type DashboardStatus struct {
	CommonStatus `json:",inline"`

	// UID of the dashboard in Grafana.
	// +optional
	UID string `json:"uid,omitempty"`

	// URL of the dashboard, a path below Grafana's own.
	// +optional
	URL string `json:"url,omitempty"`

	// Version that Grafana gave to what was last saved or seen.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Version int64 `json:"version,omitempty"`

	// ContentHash of what the source holds and was last saved, so that nothing is sent that has not changed.
	// +optional
	ContentHash string `json:"contentHash,omitempty"`

	// FolderUID is the folder that it was last saved in; empty: none.
	// +optional
	FolderUID string `json:"folderUID,omitempty"`

	// OrgID is Grafana's id of the organization it is in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// CreatedAt is when Grafana says that the dashboard was created; kept for one that was adopted.
	// +optional
	CreatedAt string `json:"createdAt,omitempty"`

	// Adopted says that the dashboard was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// Drift is the edit made in Grafana that driftPolicy Report lets stand.
	// +optional
	Drift *DashboardDrift `json:"drift,omitempty"`
}

// DashboardDrift names an edit made in Grafana.
type DashboardDrift struct {
	// Version that the edit made.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Version int64 `json:"version"`

	// By is the login of who made it, where Grafana says so.
	// +optional
	By string `json:"by,omitempty"`
}

// Dashboard is a dashboard of an organization.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gdash,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="UID",type=string,JSONPath=`.status.uid`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Drifted",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Drifted")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Dashboard struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec DashboardSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DashboardStatus `json:"status,omitempty"`
}

// DashboardList is a list of Dashboards.
// +kubebuilder:object:root=true
type DashboardList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Dashboard `json:"items"`
}

// Stays reports whether the dashboard is left in Grafana when the object is deleted.
func (d *Dashboard) Stays() bool {
	return d.Spec.DeletionPolicy == DeletionOrphan || d.Spec.DeletionPolicy == "" && d.Status.Adopted
}

// CommonSpec is the part of the spec that all kinds share.
func (d *Dashboard) CommonSpec() CommonSpec { return d.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (d *Dashboard) CommonStatus() *CommonStatus { return &d.Status.CommonStatus }
