package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FolderSpec describes a folder of an organization.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this Folder and create another one"
// +kubebuilder:validation:XValidation:rule="has(self.uid) == has(oldSelf.uid) && (!has(self.uid) || self.uid == oldSelf.uid)",message="uid cannot be changed: delete this Folder and create another one"
// +kubebuilder:validation:XValidation:rule="!has(self.adoptionPolicy) || self.adoptionPolicy != 'Adopt' || has(self.uid)",message="adoptionPolicy: Adopt needs uid, which says what folder to take over"
type FolderSpec struct {
	CommonSpec `json:",inline"`

	// OrganizationRef names the Organization that the folder is in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// Title that Grafana shows (title of POST and PUT /api/folders). Default: metadata.name. Changing it renames the folder. At most 178 characters. Grafana before 12 does not allow two folders of one
	// title in the same place, nor one that is called General, and newer ones no change of such a one; MySQL and MariaDB take titles for the same that differ in case or accents.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=178
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +kubebuilder:validation:XValidation:rule="!self.matches(' \\\\[[0-9a-f]{8}\\\\]$')",message="must not end in a bracketed 8-digit hexadecimal number: such titles mark folders that are being created"
	// +optional
	Title string `json:"title,omitempty"`

	// Description of the folder, at most 1000 characters; empty: none. If it is left out, it stays as it is in Grafana. Only Grafana 12 and newer keep one: older ones drop it, and the operator minds not.
	// +kubebuilder:validation:MaxLength=1000
	// +optional
	Description *string `json:"description,omitempty"`

	// UID of the folder in Grafana, which its address has in it. Default: one derived from this object. It cannot be changed.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +kubebuilder:validation:XValidation:rule="self != 'general'",message="general is what Grafana calls what is in no folder: choose another uid"
	// +optional
	UID string `json:"uid,omitempty"`

	// ParentRef names the Folder, of the same namespace and organization, that this one is in. Default: none. Changing it moves the folder with all that is in it; uids, permissions and dashboards stay.
	// Needs a Grafana with nested folders: 11.0 and newer have them, and at most four above one another.
	// +optional
	ParentRef *LocalObjectReference `json:"parentRef,omitempty"`

	// Permissions of the folder. If they are given, it has exactly these, and what people add is taken off; an empty list leaves it to Admins, or in another folder to those who have that one's. If they are
	// left out, they stay as they are: Grafana lets Viewers view and Editors edit a new folder, and one in another folder has that one's. Those of the folders above count as well. Admins of the
	// organization may do everything. (POST /api/folders/:uid/permissions)
	// +kubebuilder:validation:MaxItems=100
	// +listType=atomic
	// +optional
	Permissions []FolderPermission `json:"permissions,omitzero"`

	// AdoptionPolicy says what happens if the organization has a folder of this uid already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the
	// Organization allows adoption. Its title and place, and what else this spec gives, are then as given here; what is in it stays.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of the folder in Grafana when this object is deleted. Delete deletes it there too, unless it or a folder in it holds dashboards, folders, alert rules or library
	// panels that are not being deleted with it. DeleteWithContents deletes it with all that is in it, unless Dashboards or Folders that are not being deleted have something there. Orphan leaves it. Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy FolderDeletionPolicy `json:"deletionPolicy,omitempty"`
}

// FolderDeletionPolicy says what becomes of a folder when its object is deleted.
// +kubebuilder:validation:Enum=Delete;DeleteWithContents;Orphan
type FolderDeletionPolicy string

const (
	// FolderDelete deletes it, unless it holds what is not being deleted with it.
	FolderDelete FolderDeletionPolicy = "Delete"
	// FolderDeleteWithContents deletes it with all that is in it, unless that belongs to other objects.
	FolderDeleteWithContents FolderDeletionPolicy = "DeleteWithContents"
	// FolderOrphan leaves it.
	FolderOrphan FolderDeletionPolicy = "Orphan"
)

// FolderPermission lets somebody do something in a folder: all who have a role, those in a team, a person or a service account.
// +kubebuilder:validation:XValidation:rule="[has(self.role), has(self.teamRef), has(self.user), has(self.serviceAccountRef)].exists_one(given, given)",message="give exactly one of role, teamRef, user and serviceAccountRef"
type FolderPermission struct {
	// Role lets all people and service accounts that have it, or a greater one: Viewer or Editor. Admins may do everything in any case.
	// +kubebuilder:validation:Enum=Viewer;Editor
	// +optional
	Role string `json:"role,omitempty"`

	// TeamRef names a Team of the same namespace and organization. One that is not there yet is waited for.
	// +optional
	TeamRef *LocalObjectReference `json:"teamRef,omitempty"`

	// User is the login or e-mail address of a person who is a member of the organization, in any case. One who is not is waited for.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +optional
	User string `json:"user,omitempty"`

	// ServiceAccountRef names a ServiceAccount of the same namespace and organization. One that is not there yet is waited for.
	// +optional
	ServiceAccountRef *LocalObjectReference `json:"serviceAccountRef,omitempty"`

	// Permission is View, Edit (also to make and delete dashboards in the folder) or Admin (also to change who may do what).
	Permission PermissionLevel `json:"permission"`
}

// PermissionLevel is what somebody may do.
// +kubebuilder:validation:Enum=View;Edit;Admin
type PermissionLevel string

// Levels of permission, from the least to the most.
const (
	PermissionView  PermissionLevel = "View"
	PermissionEdit  PermissionLevel = "Edit"
	PermissionAdmin PermissionLevel = "Admin"
)

// FolderStatus is what was seen of a folder.
type FolderStatus struct {
	CommonStatus `json:",inline"`

	// UID of the folder in Grafana.
	// +optional
	UID string `json:"uid,omitempty"`

	// ParentUID is the folder that it was last seen in; empty: none.
	// +optional
	ParentUID string `json:"parentUID,omitempty"`

	// OrgID is Grafana's id of the organization it is in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// ID is Grafana's number of the folder, where its lists do not tell when it was created: before Grafana 12.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ID int64 `json:"id,omitempty"`

	// CreatedAt is when Grafana says that the folder was created. With the uid it tells one whose uid is not derived from this object from any that was made in its place.
	// +optional
	CreatedAt string `json:"createdAt,omitempty"`

	// Adopted says that the folder was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// PermissionsPending says that it was made and was not seen yet to have its permissions.
	// +optional
	PermissionsPending bool `json:"permissionsPending,omitempty"`
}

// Folder is a folder of an organization, and who may do what in it.
// +kubebuilder:validation:XValidation:rule="has(self.spec.title) || size(self.metadata.name) <= 178",message="spec.title is needed, since metadata.name has more than 178 characters"
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:validation:XValidation:rule="!has(self.spec.parentRef) || self.spec.parentRef.name != self.metadata.name",message="parentRef must name another Folder"
// +kubebuilder:resource:shortName=gfolder,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="UID",type=string,JSONPath=`.status.uid`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Parent",type=string,JSONPath=`.spec.parentRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Folder struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec FolderSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status FolderStatus `json:"status,omitempty"`
}

// FolderList is a list of Folders.
// +kubebuilder:object:root=true
type FolderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Folder `json:"items"`
}

// Stays reports whether the folder is left in Grafana when the object is deleted.
func (f *Folder) Stays() bool {
	return f.Spec.DeletionPolicy == FolderOrphan || f.Spec.DeletionPolicy == "" && f.Status.Adopted
}

// CommonSpec is the part of the spec that all kinds share.
func (f *Folder) CommonSpec() CommonSpec { return f.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (f *Folder) CommonStatus() *CommonStatus { return &f.Status.CommonStatus }

// WantedTitle is the title that the folder shall have in Grafana.
func (f *Folder) WantedTitle() string {
	if f.Spec.Title != "" {
		return f.Spec.Title
	}
	return f.Name
}
