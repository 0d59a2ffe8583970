package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MembershipMode says what becomes of people whom nobody lists.
// +kubebuilder:validation:Enum=Additive;Exclusive
type MembershipMode string

const (
	// MembershipAdditive leaves them.
	MembershipAdditive MembershipMode = "Additive"
	// MembershipExclusive removes them from the organization.
	MembershipExclusive MembershipMode = "Exclusive"
)

// Member is a person and their role in an organization. Give exactly one of login, email and userRef.
// +kubebuilder:validation:XValidation:rule="[has(self.login), has(self.email), has(self.userRef)].exists_one(given, given)",message="give exactly one of login, email and userRef"
type Member struct {
	// Login of the person in Grafana, in any case.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +optional
	Login string `json:"login,omitempty"`

	// Email of the person in Grafana, in any case.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC@]+@[^\s\pC@]+$`
	// +optional
	Email string `json:"email,omitempty"`

	// UserRef names a User of the same namespace, on the Instance that the organization is on. One that is not there yet is waited for as people are whom Grafana does not know.
	// +optional
	UserRef *LocalObjectReference `json:"userRef,omitempty"`

	// Role in the organization: None, Viewer (the default), Editor or Admin. At most what the Organization's maxMemberRole allows here.
	// +kubebuilder:default=Viewer
	// +optional
	Role Role `json:"role,omitempty"`
}

// Who is the name that the person goes by here.
func (m Member) Who() string {
	switch {
	case m.UserRef != nil:
		return "User " + m.UserRef.Name
	case m.Login != "":
		return m.Login
	}
	return m.Email
}

// MembershipSpec describes who is in an organization.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this Membership and create another one"
// +kubebuilder:validation:XValidation:rule="!(has(self.mode) && self.mode == 'Exclusive') || size(self.members) > 0",message="with mode: Exclusive list at least one person: an empty list would remove everybody"
type MembershipSpec struct {
	CommonSpec `json:",inline"`

	// OrganizationRef names the Organization that the people are in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// Members are people who can log in to this Grafana, with their roles (Grafana: /api/orgs/:id/users). One whom Grafana does not know yet is added at the first resync after they have signed in. Who is in
	// the organization already keeps the role that they have there, unless adoptionPolicy says otherwise. The operator's own login, people whom an identity provider manages, and the last Admin are
	// not touched. A person can be in one Membership of an Organization only. At most 200: make several Memberships for more.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:XValidation:rule="self.all(m, self.exists_one(n, has(m.login) ? has(n.login) && n.login == m.login : has(m.email) ? has(n.email) && n.email == m.email : has(n.userRef) && n.userRef == m.userRef))",message="list each person once"
	// +listType=atomic
	Members []Member `json:"members"`

	// Mode says what becomes of people whom no Membership of the Organization lists. Additive (the default) leaves them. Exclusive removes them from the organization, if the Organization has adoption: Allow; not those
	// whose role is above what may be given here, nor those who are never touched.
	// +kubebuilder:default=Additive
	// +optional
	Mode MembershipMode `json:"mode,omitempty"`

	// AdoptionPolicy says what happens if somebody was in the organization before, and has another role than is asked for here: Never (the default) leaves it and says so, Adopt changes it if the Organization allows
	// adoption and the role that they have is one that may be given here. They are not removed with this object all the same.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of the people when this object is deleted: Delete (the default) removes those from the organization whom it has added, and whose role is still as it set it; Orphan leaves all.
	// They keep their logins in either case.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// AddedMember is somebody whom a Membership has added to the organization.
type AddedMember struct {
	// UserID is Grafana's id of the person.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9007199254740991
	UserID int64 `json:"userID"`

	// Login as the spec had it.
	// +kubebuilder:validation:MaxLength=190
	// +optional
	Login string `json:"login,omitempty"`

	// Email as the spec had it.
	// +kubebuilder:validation:MaxLength=190
	// +optional
	Email string `json:"email,omitempty"`

	// User is the name of the User that the spec had; login is that of this User then.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	User string `json:"user,omitempty"`

	// Role that they were given.
	Role Role `json:"role"`

	// ChangingTo is another role that they are about to be given, or were by a request whose answer was lost.
	// +optional
	ChangingTo Role `json:"changingTo,omitempty"`
}

// MembershipStatus is what was seen of the people in an organization.
type MembershipStatus struct {
	CommonStatus `json:",inline"`

	// OrgID is Grafana's id of the organization.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// Present says how many of the people are in the organization as they should be, as in 3/5.
	// +optional
	Present string `json:"present,omitempty"`

	// Missing are those who are not in the organization, by the names that the spec has for them: Grafana does not know them yet, or not as somebody whom the operator may add. They are looked for at every resync.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MaxLength=260
	// +listType=atomic
	// +optional
	Missing []string `json:"missing,omitempty"`

	// Added are those whom this object has added to the organization, or is about to add. Nobody else is removed with it.
	// +kubebuilder:validation:MaxItems=400
	// +listType=atomic
	// +optional
	Added []AddedMember `json:"added,omitempty"`
}

// Membership says who is in an organization, and as what.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gmember,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Present",type=string,JSONPath=`.status.present`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Membership struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec MembershipSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status MembershipStatus `json:"status,omitempty"`
}

// MembershipList is a list of Memberships.
// +kubebuilder:object:root=true
type MembershipList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Membership `json:"items"`
}

// Stays reports whether the people are left in the organization when the object is deleted.
func (m *Membership) Stays() bool { return m.Spec.DeletionPolicy == DeletionOrphan }

// CommonSpec is the part of the spec that all kinds share.
func (m *Membership) CommonSpec() CommonSpec { return m.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (m *Membership) CommonStatus() *CommonStatus { return &m.Status.CommonStatus }
