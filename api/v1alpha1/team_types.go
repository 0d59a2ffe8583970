package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TeamMode says what becomes of people in a team whom its object does not list.
// +kubebuilder:validation:Enum=Additive;Exclusive
type TeamMode string

const (
	// TeamAdditive leaves them.
	TeamAdditive TeamMode = "Additive"
	// TeamExclusive takes them out of the team.
	TeamExclusive TeamMode = "Exclusive"
)

// TeamRole is what somebody is in a team.
// +kubebuilder:validation:Enum=Member;Admin
type TeamRole string

const (
	// TeamRoleMember is in the team.
	TeamRoleMember TeamRole = "Member"
	// TeamRoleAdmin may change the team, too.
	TeamRoleAdmin TeamRole = "Admin"
)

// TeamMember is a person in a team. Give exactly one of login, email and userRef.
// +kubebuilder:validation:XValidation:rule="[has(self.login), has(self.email), has(self.userRef)].exists_one(given, given)",message="give exactly one of login, email and userRef"
type TeamMember struct {
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

	// UserRef names a User of the same namespace, on the Instance that the organization is on.
	// +optional
	UserRef *LocalObjectReference `json:"userRef,omitempty"`

	// Role in the team (permission of PUT /api/teams/:id/members/:user): Member (the default), or Admin, who may change name, people and preferences of the team in Grafana's pages.
	// +kubebuilder:default=Member
	// +optional
	Role TeamRole `json:"role,omitempty"`
}

// Who is the name that the person goes by here.
func (m TeamMember) Who() string {
	switch {
	case m.UserRef != nil:
		return "User " + m.UserRef.Name
	case m.Login != "":
		return m.Login
	}
	return m.Email
}

// TeamPreferences are defaults for the people in a team, which come before those of the organization. What is left out stays as it is in Grafana.
type TeamPreferences struct {
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

	// HomeDashboardUID is the uid of the dashboard that is shown first. One that is not in the organization yet is waited for.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	HomeDashboardUID string `json:"homeDashboardUID,omitempty"`
}

// TeamSpec describes a team of an organization.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this Team and create another one"
type TeamSpec struct {
	CommonSpec `json:",inline"`

	// OrganizationRef names the Organization that the team is in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// Name that Grafana shows (name of POST and PUT /api/teams). Default: metadata.name. Changing it renames the team; who is in it, and what it may do, stays. No two teams of an organization have the same name, nor, on MySQL and
	// MariaDB, two that differ only in case or accents. At most 179 characters.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=179
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +kubebuilder:validation:XValidation:rule="!self.matches(' \\\\[[0-9a-f]{8}\\\\]$')",message="must not end in a bracketed 8-digit hexadecimal number: such names mark teams that are being created"
	// +optional
	Name string `json:"name,omitempty"`

	// Email address of the team; empty: none. If it is left out, it stays as it is in Grafana.
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^([^\s\pC@]+@[^\s\pC@]+)?$`
	// +optional
	Email *string `json:"email,omitempty"`

	// Members are people of the organization who are in the team, with their roles in it (Grafana: /api/teams/:id/members). One who is not in the organization yet, or has not signed in yet, is named in status.missing and
	// is put into the team once they are: at once if a Membership adds them, else at the next resync. The operator's own login is in no team that it has made. At most 200.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:XValidation:rule="self.all(m, self.exists_one(n, has(m.login) ? has(n.login) && n.login == m.login : has(m.email) ? has(n.email) && n.email == m.email : has(n.userRef) && n.userRef == m.userRef))",message="list each person once"
	// +listType=atomic
	// +optional
	Members []TeamMember `json:"members,omitempty"`

	// Mode says what becomes of people in the team who are not listed. Additive (the default) leaves them, and takes out only those whom this object has put there. Exclusive takes all of them out; not service accounts, and
	// not the operator's own login in a team that was adopted.
	// +kubebuilder:default=Additive
	// +optional
	Mode TeamMode `json:"mode,omitempty"`

	// Preferences are defaults for the people in the team (Grafana: /api/teams/:id/preferences). If they are left out, they stay as they are in Grafana.
	// +optional
	Preferences *TeamPreferences `json:"preferences,omitempty"`

	// AdoptionPolicy says what happens if the organization has a team of this name already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the Organization allows adoption.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of the team in Grafana when this object is deleted: Delete deletes it there too, and with it what it may do in folders and dashboards; Orphan leaves it with all who are in it.
	// Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// AddedTeamMember is somebody whom a Team has put into the team.
type AddedTeamMember struct {
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

	// User is the name of the User that the spec had.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	User string `json:"user,omitempty"`

	// AskedAt is when a request that puts them into the team was last about to be sent. It is removed once they have been seen there.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	AskedAt *metav1.Time `json:"askedAt,omitempty"`
}

// TeamStatus is what was seen of a team.
type TeamStatus struct {
	CommonStatus `json:",inline"`

	// ID is Grafana's id of the team.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ID int64 `json:"id,omitempty"`

	// UID that Grafana drew for the team. It tells the team from others that come to have the same id.
	// +kubebuilder:validation:MaxLength=190
	// +optional
	UID string `json:"uid,omitempty"`

	// OrgID is Grafana's id of the organization it is in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// Adopted says that the team was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// Present says how many of the people are in the team as they should be, as in 3/5.
	// +optional
	Present string `json:"present,omitempty"`

	// Missing are those who are not in the organization, by the names that the spec has for them. They are looked for when a Membership or a User changes, and at every resync.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MaxLength=260
	// +listType=atomic
	// +optional
	Missing []string `json:"missing,omitempty"`

	// Added are those whom this object has put into the team, or is about to. Without mode: Exclusive nobody else is taken out.
	// +kubebuilder:validation:MaxItems=400
	// +listType=atomic
	// +optional
	Added []AddedTeamMember `json:"added,omitempty"`
}

// Team is a team of an organization, and who is in it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gteam,categories=grafana
// +kubebuilder:validation:XValidation:rule="has(self.spec.name) || size(self.metadata.name) <= 179",message="spec.name is needed, since metadata.name has more than 179 characters"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="ID",type=integer,JSONPath=`.status.id`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Present",type=string,JSONPath=`.status.present`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Team struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec TeamSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status TeamStatus `json:"status,omitempty"`
}

// TeamList is a list of Teams.
// +kubebuilder:object:root=true
type TeamList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Team `json:"items"`
}

// WantedName is the name that the spec asks for.
func (t *Team) WantedName() string {
	if t.Spec.Name != "" {
		return t.Spec.Name
	}
	return t.Name
}

// Stays reports whether the team is left in Grafana when the object is deleted.
func (t *Team) Stays() bool {
	return t.Spec.DeletionPolicy == DeletionOrphan || t.Spec.DeletionPolicy == "" && t.Status.Adopted
}

// CommonSpec is the part of the spec that all kinds share.
func (t *Team) CommonSpec() CommonSpec { return t.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (t *Team) CommonStatus() *CommonStatus { return &t.Status.CommonStatus }
