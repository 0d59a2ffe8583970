package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OrganizationSpec describes an organization of a Grafana.
// +kubebuilder:validation:XValidation:rule="self.instanceRef == oldSelf.instanceRef",message="instanceRef cannot be changed: delete this Organization and create another one"
type OrganizationSpec struct {
	CommonSpec `json:",inline"`

	// InstanceRef names the Instance that the organization is on. It cannot be changed.
	InstanceRef ObjectReference `json:"instanceRef"`

	// Name of the organization in Grafana, unique there. Default: metadata.name. Changing it renames the organization. At most 179 characters.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=179
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +kubebuilder:validation:XValidation:rule="!self.matches(' \\\\[[0-9a-f]{8}\\\\]$')",message="must not end in a bracketed 8-digit hexadecimal number: such names mark organizations that are being created"
	// +optional
	Name string `json:"name,omitempty"`

	// AllowedNamespaces says which namespaces may put service accounts, folders, dashboards, data sources and people in this organization. Default: only the Organization's own.
	// +kubebuilder:default={from: Same}
	// +optional
	AllowedNamespaces AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// MaxServiceAccountRole is the highest role that a ServiceAccount here may ask for. Default: Admin for those in the Organization's own namespace, Editor for those in others.
	// +optional
	MaxServiceAccountRole Role `json:"maxServiceAccountRole,omitempty"`

	// MaxMemberRole is the highest role that a Membership here may give to people. Default: Admin for those in the Organization's own namespace, Editor for those in others.
	// +optional
	MaxMemberRole Role `json:"maxMemberRole,omitempty"`

	// AdoptionPolicy says what happens if Grafana has an organization of this name already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the
	// Instance allows adoption. Nothing in it is deleted or changed by that, except what this spec names.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// Adoption says whether ServiceAccounts, Folders and Dashboards may take over what is in this organization already, and Memberships change the roles of people who are in it already or remove those whom nobody lists: Forbid
	// (the default) or Allow, for those whose adoptionPolicy or mode asks for it.
	// +kubebuilder:default=Forbid
	// +optional
	Adoption AdoptionConsent `json:"adoption,omitempty"`

	// DeletionPolicy says what becomes of the organization in Grafana when this object is deleted. Delete deletes it there too, unless it holds dashboards, folders, data sources, alert rules,
	// library panels, teams or service accounts that the operator did not put there. DeleteWithContents deletes it with all that is in it. Orphan leaves it. Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy OrganizationDeletionPolicy `json:"deletionPolicy,omitempty"`

	// Preferences of the organization. A preference that is left out stays as it is in Grafana.
	// +optional
	Preferences *Preferences `json:"preferences,omitempty"`

	// Quotas of the organization by target (org_user, dashboard, data_source, alert_rule, …; GET /api/orgs/:id/quotas lists those that a Grafana knows). -1 means no limit. A target
	// that is left out stays as it is. Grafana must have quotas switched on ([quota] enabled).
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(target, target.matches('^[a-z][a-z_]{0,62}$'))",message="a quota's target has lower-case letters and underscores, such as data_source"
	// +optional
	Quotas map[string]QuotaLimit `json:"quotas,omitempty"`
}

// OrganizationDeletionPolicy says what becomes of an organization when its object is deleted.
// +kubebuilder:validation:Enum=Delete;DeleteWithContents;Orphan
type OrganizationDeletionPolicy string

const (
	// OrganizationDelete deletes it, unless it holds what the operator did not put there.
	OrganizationDelete OrganizationDeletionPolicy = "Delete"
	// OrganizationDeleteWithContents deletes it with all that is in it.
	OrganizationDeleteWithContents OrganizationDeletionPolicy = "DeleteWithContents"
	// OrganizationOrphan leaves it.
	OrganizationOrphan OrganizationDeletionPolicy = "Orphan"
)

// QuotaLimit is how many of a target an organization may have; -1 means no limit.
// +kubebuilder:validation:Minimum=-1
// +kubebuilder:validation:Maximum=1000000000
type QuotaLimit int64

// Preferences of an organization (Grafana: PATCH /api/org/preferences).
// +kubebuilder:validation:XValidation:rule="!(has(self.homeDashboardUID) && has(self.homeDashboardRef))",message="give at most one of homeDashboardUID and homeDashboardRef"
type Preferences struct {
	// Theme is light, dark, system or one of the further themes that the Grafana offers.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	// +optional
	Theme string `json:"theme,omitempty"`

	// Timezone is utc, browser or an IANA name such as Europe/Berlin.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	// +optional
	Timezone string `json:"timezone,omitempty"`

	// WeekStart is saturday, sunday, monday or browser.
	// +kubebuilder:validation:Enum=saturday;sunday;monday;browser
	// +optional
	WeekStart string `json:"weekStart,omitempty"`

	// Language is a tag such as en-US or de-DE.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +optional
	Language string `json:"language,omitempty"`

	// HomeDashboardUID is the uid of the dashboard that is shown first. It must exist in the organization.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	HomeDashboardUID string `json:"homeDashboardUID,omitempty"`

	// HomeDashboardRef names the Dashboard object, in this organization, that is shown first.
	// +optional
	HomeDashboardRef *ObjectReference `json:"homeDashboardRef,omitempty"`
}

// OrganizationStatus is what was seen of an organization.
type OrganizationStatus struct {
	CommonStatus `json:",inline"`

	// OrgID is Grafana's id of the organization.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// Name that was last given to the organization in Grafana.
	// +optional
	Name string `json:"name,omitempty"`

	// Adopted says that the organization was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// Joined says that the operator's login became a member of it for that.
	// +optional
	Joined bool `json:"joined,omitempty"`

	// Resets is the Instance's count of resets that the organization was last seen under.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Resets int64 `json:"resets,omitempty"`

	// LibraryPanels says that library panels are kept in it for Dashboards, or were: those that nobody needs any more are looked for. No Dashboard makes one before.
	// +optional
	LibraryPanels bool `json:"libraryPanels,omitempty"`
}

// Organization is an organization of a Grafana: a tenant's own place for service accounts, dashboards and everything else.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gorg,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="ID",type=integer,JSONPath=`.status.orgID`
// +kubebuilder:printcolumn:name="Instance",type=string,JSONPath=`.spec.instanceRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Name",type=string,priority=1,JSONPath=`.status.name`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Organization struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec OrganizationSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status OrganizationStatus `json:"status,omitempty"`
}

// OrganizationList is a list of Organizations.
// +kubebuilder:object:root=true
type OrganizationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Organization `json:"items"`
}

// CommonSpec is the part of the spec that all kinds share.
func (o *Organization) CommonSpec() CommonSpec { return o.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (o *Organization) CommonStatus() *CommonStatus { return &o.Status.CommonStatus }

// mainOrg is the id of the organization that every Grafana has from the beginning, and that its server-wide requests act in.
const mainOrg = 1

// Stays reports whether the organization is left in Grafana when the object is deleted. The main one always is.
func (o *Organization) Stays() bool {
	return o.Spec.DeletionPolicy == OrganizationOrphan || o.Spec.DeletionPolicy == "" && o.Status.Adopted ||
		o.Status.OrgID == mainOrg
}

// WantedName is the name that the organization shall have in Grafana.
func (o *Organization) WantedName() string {
	if o.Spec.Name != "" {
		return o.Spec.Name
	}
	return o.Name
}
