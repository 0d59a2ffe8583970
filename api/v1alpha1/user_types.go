package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// UserDeletionPolicy says what becomes of a login in Grafana when the User is deleted.
// +kubebuilder:validation:Enum=Delete;Disable;Orphan
type UserDeletionPolicy string

const (
	// UserDelete deletes it.
	UserDelete UserDeletionPolicy = "Delete"
	// UserDisable disables it, and leaves what the person has made.
	UserDisable UserDeletionPolicy = "Disable"
	// UserOrphan leaves it as it is.
	UserOrphan UserDeletionPolicy = "Orphan"
)

// UserSpec describes a login on a Grafana.
// +kubebuilder:validation:XValidation:rule="self.instanceRef == oldSelf.instanceRef",message="instanceRef cannot be changed: delete this User and create another one"
type UserSpec struct {
	CommonSpec `json:",inline"`

	// InstanceRef names the Instance, in the same namespace, that the login is on. It cannot be changed. There are no Users of an Instance in other namespaces: a login opens whatever its person may see, in any
	// organization, and so does whoever can choose its password.
	InstanceRef LocalObjectReference `json:"instanceRef"`

	// Login that the person logs in with (Grafana: login). Grafana does not mind the case. Default: metadata.name. A login or address that somebody in this Grafana has already is refused: see adoptionPolicy. Who has
	// the login of the operator itself is never touched.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +optional
	Login string `json:"login,omitempty"`

	// Email address of the person (Grafana: email), with which they can log in as well. Grafana does not mind the case. Default: none is asked for; Grafana uses the login at first.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC@]+@[^\s\pC@]+$`
	// +optional
	Email string `json:"email,omitempty"`

	// Name that Grafana shows (Grafana: name). Default: the login.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +optional
	Name string `json:"name,omitempty"`

	// Disabled keeps the person from logging in, and ends their sessions (Grafana: isDisabled). Default false.
	// +optional
	Disabled bool `json:"disabled,omitempty"`

	// GrafanaAdmin makes the person a server admin, who may do everything in all organizations (Grafana: isGrafanaAdmin). Default false. The last server admin stays one.
	// +optional
	GrafanaAdmin bool `json:"grafanaAdmin,omitempty"`

	// Password of the login: one that the operator makes and keeps in a Secret, or one that is in a Secret already. Default: secret: {key: password, type: Opaque}.
	// +optional
	Password *UserPassword `json:"password,omitempty"`

	// AdoptionPolicy says what happens if somebody has the login already: Never (the default) leaves them alone and says so, Adopt takes the login over, sets its password as well, if the Instance has adoption: Allow. Not
	// adopted are the operator's own login, and people who come by an identity provider. Who was there before stays when this object is deleted, if only disabled with deletionPolicy: Disable.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of the login when this object is deleted: Delete (the default) deletes it and the Secret, and with it the person's place in all organizations; Disable keeps the person from
	// logging in and deletes the Secret; Orphan leaves both. A login that was adopted is never deleted, and the operator's own login and the last server admin never are either.
	// +kubebuilder:default=Delete
	// +optional
	DeletionPolicy UserDeletionPolicy `json:"deletionPolicy,omitempty"`
}

// UserPassword says where the password of a login is. Give exactly one of secret and secretKeyRef.
// +kubebuilder:validation:XValidation:rule="has(self.secret) != has(self.secretKeyRef)",message="give exactly one of secret and secretKeyRef"
type UserPassword struct {
	// Secret that a password which the operator makes is written to, before Grafana gets it. It belongs to this object and is deleted with it. A password that is lost with the Secret, or edited in it, is followed by
	// another one. To have another one at once, give this object the annotation grafana-tenancy.dev/rotate, with a value that it did not have before.
	// +optional
	Secret *PasswordSecret `json:"secret,omitempty"`

	// SecretKeyRef names the key of a Secret in this namespace that holds the password: at least 4 characters, with no blank or line end around them. Whenever that Secret is written, the password is set in Grafana, and
	// the person's sessions end.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
}

// PasswordSecret describes the Secret that holds a password which the operator has made.
// +kubebuilder:validation:XValidation:rule="!has(self.template) || !(self.key in self.template)",message="secret.key holds the password itself: give the template another name"
type PasswordSecret struct {
	// Name of the Secret. Default: metadata.name. A Secret of that name that is not this object's is never touched. When it changes, the password moves into a Secret of the new name, and the old one is deleted; no new
	// password is made.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +optional
	Name string `json:"name,omitempty"`

	// Key in the Secret's data that holds the password. Default password.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:default=password
	// +optional
	Key string `json:"key,omitempty"`

	// Type of the Secret, such as kubernetes.io/basic-auth. Default Opaque. Kubernetes cannot change the type of a Secret: when it changes here, the Secret is deleted and made again with the same password.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!(self in ['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token'])",message="Kubernetes gives Secrets of this type a meaning of their own: use Opaque"
	// +kubebuilder:default=Opaque
	// +optional
	Type string `json:"type,omitempty"`

	// Labels that the Secret gets besides the operator's own.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.startsWith('grafana-tenancy.dev/') || k == 'app.kubernetes.io/managed-by')",message="labels of grafana-tenancy.dev/ and app.kubernetes.io/managed-by are the operator's own"
	// +optional
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// Annotations that the Secret gets besides the operator's own.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.startsWith('grafana-tenancy.dev/'))",message="annotations of grafana-tenancy.dev/ are the operator's own"
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.startsWith('kubernetes.io/'))",message="annotations of kubernetes.io/ are Kubernetes' own"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Template is further data of the Secret: its keys, and Go templates of their values, as in the Secret of a ServiceAccountToken. They can use .password, .login, .email (as in the spec), .name and .url.
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$'))",message="the keys must be fit for a Secret: letters, digits, '-', '_' and '.', at most 253"
	// +optional
	Template map[string]TemplateText `json:"template,omitempty"`
}

// UserStatus is what was seen of a login.
type UserStatus struct {
	CommonStatus `json:",inline"`

	// ID is Grafana's id of the user.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ID int64 `json:"id,omitempty"`

	// Login as Grafana has it, or under which the user is about to be created.
	// +kubebuilder:validation:MaxLength=190
	// +optional
	Login string `json:"login,omitempty"`

	// UID that Grafana drew for the user.
	// +kubebuilder:validation:MaxLength=190
	// +optional
	UID string `json:"uid,omitempty"`

	// CreatedAt is when the user was created, by Grafana's clock. With the uid it tells the user from others who come to have the same id.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	CreatedAt string `json:"createdAt,omitempty"`

	// Adopted says that the login was there before, and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// SecretName is the Secret that holds the password which the operator has made.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// PasswordVersion says which password Grafana was seen to take: the revision of the one that the operator has made, or Secret and resourceVersion of one that was taken from there. Empty while that is not known.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	PasswordVersion string `json:"passwordVersion,omitempty"`
}

// User is a login on a Grafana: a person, or a program that cannot use a token.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=guser,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="ID",type=integer,JSONPath=`.status.id`
// +kubebuilder:printcolumn:name="Login",type=string,JSONPath=`.status.login`
// +kubebuilder:printcolumn:name="Instance",type=string,JSONPath=`.spec.instanceRef.name`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type User struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec UserSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status UserStatus `json:"status,omitempty"`
}

// UserList is a list of Users.
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []User `json:"items"`
}

// Stays reports whether the login is left in Grafana when the object is deleted: who was there before always is.
func (u *User) Stays() bool {
	return u.Status.Adopted || u.Spec.DeletionPolicy == UserOrphan || u.Spec.DeletionPolicy == UserDisable
}

// CommonSpec is the part of the spec that all kinds share.
func (u *User) CommonSpec() CommonSpec { return u.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (u *User) CommonStatus() *CommonStatus { return &u.Status.CommonStatus }

// WantedLogin is the login that the spec asks for.
func (u *User) WantedLogin() string {
	if u.Spec.Login != "" {
		return u.Spec.Login
	}
	return u.Name
}

// WantedName is the display name that the spec asks for.
func (u *User) WantedName() string {
	if u.Spec.Name != "" {
		return u.Spec.Name
	}
	return u.WantedLogin()
}

// MadePassword describes the Secret for a password that the operator makes; nil: it makes none.
func (u *User) MadePassword() *PasswordSecret {
	if u.Spec.Password == nil {
		return &PasswordSecret{Key: "password", Type: "Opaque"}
	}
	return u.Spec.Password.Secret
}

// GivenPassword names the key of a Secret that has the password; nil: the operator makes it.
func (u *User) GivenPassword() *KeyReference {
	if u.Spec.Password == nil {
		return nil
	}
	return u.Spec.Password.SecretKeyRef
}

// SecretName is the name of the Secret that a password which the operator makes is written to; empty: it makes none.
func (u *User) SecretName() string {
	switch s := u.MadePassword(); {
	case s == nil:
		return ""
	case s.Name != "":
		return s.Name
	}
	return u.Name
}

// SecretStays reports whether the Secret is left when the object is deleted.
func (u *User) SecretStays() bool { return u.Stays() && u.Spec.DeletionPolicy != UserDisable }

// HeldSecretName is the Secret that held it when it was last looked at.
func (u *User) HeldSecretName() string { return u.Status.SecretName }
