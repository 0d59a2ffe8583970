package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Role of a service account or a person in an organization.
// +kubebuilder:validation:Enum=None;Viewer;Editor;Admin
type Role string

// Roles, from the least to the most.
const (
	RoleNone   Role = "None"
	RoleViewer Role = "Viewer"
	RoleEditor Role = "Editor"
	RoleAdmin  Role = "Admin"
)

// ServiceAccountSpec describes a service account of an organization.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this ServiceAccount and create another one"
type ServiceAccountSpec struct {
	CommonSpec `json:",inline"`

	// OrganizationRef names the Organization that the service account is in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// Name that Grafana shows. Default: metadata.name. Changing it renames the service account; its login stays. At most 150 characters.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=150
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('extsvc-')",message="names that begin with extsvc- are Grafana's own"
	// +optional
	Name string `json:"name,omitempty"`

	// Role in the organization: None, Viewer (the default), Editor or Admin.
	// +kubebuilder:default=Viewer
	// +optional
	Role Role `json:"role,omitempty"`

	// Disabled keeps the service account and its tokens, but lets no one in with them.
	// +optional
	Disabled bool `json:"disabled,omitempty"`

	// AdoptionPolicy says what happens if the organization has a service account of this name already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the
	// Organization allows adoption. Its present role must be within what the Organization allows.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of it in Grafana when this object is deleted: Delete deletes it there too, Orphan leaves it. Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// ServiceAccountStatus is what was seen of a service account.
type ServiceAccountStatus struct {
	CommonStatus `json:",inline"`

	// ID is Grafana's id of the service account.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ID int64 `json:"id,omitempty"`

	// Login that Grafana gave it when it was created; it never changes.
	// +optional
	Login string `json:"login,omitempty"`

	// CreatedAt is when Grafana says that it was created. With id and login it tells a service account whose login does not carry the operator's mark from any other.
	// +optional
	CreatedAt string `json:"createdAt,omitempty"`

	// Adopted says that the service account was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// OrgID is Grafana's id of the organization it is in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`
}

// ServiceAccount is a service account of an organization.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gsa,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="ID",type=integer,JSONPath=`.status.id`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.role`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Login",type=string,priority=1,JSONPath=`.status.login`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type ServiceAccount struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ServiceAccountSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ServiceAccountStatus `json:"status,omitempty"`
}

// ServiceAccountList is a list of ServiceAccounts.
// +kubebuilder:object:root=true
type ServiceAccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ServiceAccount `json:"items"`
}

// Stays reports whether the service account is left in Grafana when the object is deleted.
func (s *ServiceAccount) Stays() bool {
	return s.Spec.DeletionPolicy == DeletionOrphan || s.Spec.DeletionPolicy == "" && s.Status.Adopted
}

// CommonSpec is the part of the spec that all kinds share.
func (s *ServiceAccount) CommonSpec() CommonSpec { return s.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (s *ServiceAccount) CommonStatus() *CommonStatus { return &s.Status.CommonStatus }

// WantedName is the name that the service account shall have in Grafana.
func (s *ServiceAccount) WantedName() string {
	if s.Spec.Name != "" {
		return s.Spec.Name
	}
	return s.Name
}
