package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// InstanceSpec says where a Grafana is and how to talk to it. Everything that it names by reference lives in the Instance's own namespace; a change there takes effect at once.
type InstanceSpec struct {
	// URL of Grafana, with the path it is served under if there is one: https://grafana.example.com or http://grafana.monitoring.svc/grafana. No user, query or fragment.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^@?#\s]+$`
	// +kubebuilder:validation:XValidation:rule="isURL(self)",message="must be a URL such as https://grafana.example.com"
	URL string `json:"url"`

	// Credentials for Grafana's API.
	Credentials Credentials `json:"credentials"`

	// TLS settings for an https url.
	// +optional
	TLS *TLS `json:"tls,omitempty"`

	// Timeout of one request. Deleting an organization with much in it has its own, longer one. Default 30s; at least 1s, at most 10m.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('10m')",message="must be between 1s and 10m"
	// +kubebuilder:default="30s"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// Limits on what the operator asks of this Grafana.
	// +kubebuilder:default={}
	// +optional
	Limits Limits `json:"limits,omitempty"`

	// AllowedNamespaces says which namespaces may create Organizations here. Default: only the Instance's own.
	// +kubebuilder:default={from: Same}
	// +optional
	AllowedNamespaces AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// Adoption says whether Organizations and Users may take over organizations and logins that are in this Grafana already: Forbid (the default) or Allow, for those whose adoptionPolicy asks for it.
	// +kubebuilder:default=Forbid
	// +optional
	Adoption AdoptionConsent `json:"adoption,omitempty"`

	// OnReset says what to do when none of the organizations that the operator has made is found in this Grafana any more, as after its database was emptied: Hold (the default) stops until a
	// person confirms it with an annotation that the condition names, since it may as well be a wrong url or a volume that is not mounted; Rebuild makes everything again, tokens into the same
	// Secrets.
	// +kubebuilder:default=Hold
	// +optional
	OnReset ResetPolicy `json:"onReset,omitempty"`

	// ResyncInterval is how often Grafana is compared with the objects that describe it; each may set its own. Default 10m; at least 30s.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('30s')",message="must be at least 30s"
	// +kubebuilder:default="10m0s"
	// +optional
	ResyncInterval *metav1.Duration `json:"resyncInterval,omitempty"`
}

// Credentials is exactly one of a Grafana server admin's login and a service account token.
// +kubebuilder:validation:XValidation:rule="has(self.basicAuth) != has(self.token)",message="give exactly one of basicAuth and token"
type Credentials struct {
	// BasicAuth is the login of a Grafana server admin. It is needed to create organizations.
	// +optional
	BasicAuth *BasicAuth `json:"basicAuth,omitempty"`

	// Token is a service account token with the Admin role in one organization, as Grafana Cloud gives out. That organization is the only one there is: an Organization of
	// exactly its name stands for it; it is never created, renamed or deleted.
	// +optional
	Token *KeyReference `json:"token,omitempty"`
}

// SessionMode says whether a login becomes a session.
// +kubebuilder:validation:Enum=Auto;Never
type SessionMode string

const (
	// SessionAuto logs in once and uses the session, where Grafana allows it.
	SessionAuto SessionMode = "Auto"
	// SessionNever sends the login with every request.
	SessionNever SessionMode = "Never"
)

// BasicAuth is a login in a Secret. The default keys are those of the Secret that Grafana's own Helm chart makes.
type BasicAuth struct {
	// SecretRef names the Secret.
	SecretRef LocalObjectReference `json:"secretRef"`

	// UsernameKey is the key in the Secret that holds the login name. Default admin-user.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default=admin-user
	// +optional
	UsernameKey string `json:"usernameKey,omitempty"`

	// PasswordKey is the key in the Secret that holds the password. Default admin-password.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default=admin-password
	// +optional
	PasswordKey string `json:"passwordKey,omitempty"`

	// Session is Auto (the default: log in once and use the session, which costs Grafana far less than a password with every request; falls back to basic auth where Grafana has
	// its login form switched off) or Never.
	// +kubebuilder:default=Auto
	// +optional
	Session SessionMode `json:"session,omitempty"`
}

// TLS settings of the connection.
// +kubebuilder:validation:XValidation:rule="!(has(self.insecureSkipVerify) && self.insecureSkipVerify && has(self.caFrom))",message="caFrom has no effect with insecureSkipVerify: give one of them"
type TLS struct {
	// CAFrom is where the PEM certificates are that the server's must verify against. Default: those of the operator's image.
	// +optional
	CAFrom *CASource `json:"caFrom,omitempty"`

	// ClientCertificateSecretRef names a Secret of type kubernetes.io/tls whose tls.crt and tls.key are shown to the server, or to a proxy before it.
	// +optional
	ClientCertificateSecretRef *LocalObjectReference `json:"clientCertificateSecretRef,omitempty"`

	// ServerName is the name that the server's certificate is checked for, and sent with SNI. Default: the url's host.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServerName string `json:"serverName,omitempty"`

	// InsecureSkipVerify takes any certificate. Whoever can answer for the url can then read the credential.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// CASource is exactly one key of a ConfigMap or of a Secret.
// +kubebuilder:validation:XValidation:rule="has(self.configMapKeyRef) != has(self.secretKeyRef)",message="give exactly one of configMapKeyRef and secretKeyRef"
type CASource struct {
	// ConfigMapKeyRef names a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef,omitempty"`

	// SecretKeyRef names a key of a Secret.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
}

// Limits on what the operator asks of one Grafana.
type Limits struct {
	// RequestsPerSecond on average. Default: no limit.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	RequestsPerSecond int32 `json:"requestsPerSecond,omitempty"`

	// Burst is how many requests may be made at once above the average. Default 20.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +kubebuilder:default=20
	// +optional
	Burst int32 `json:"burst,omitempty"`

	// MaxConcurrentReads is how many objects are compared with this Grafana at once. Default 8.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=8
	// +optional
	MaxConcurrentReads int32 `json:"maxConcurrentReads,omitempty"`

	// MaxConcurrentWrites is how many objects are written to this Grafana at once at most, no two of them in one organization. How many are is found out: as many as get the most done, and one on SQLite, Grafana's default
	// database, where more are slower and make some fail. Left out: at most 8 where Grafana says that its database is PostgreSQL, MySQL or MariaDB, else 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxConcurrentWrites int32 `json:"maxConcurrentWrites,omitempty"`
}

// InstanceStatus is what was seen of a Grafana.
type InstanceStatus struct {
	CommonStatus `json:",inline"`

	// Version that Grafana names; empty where it hides it (hide_version).
	// +optional
	Version string `json:"version,omitempty"`

	// Edition that Grafana names, such as "Open Source" or "Enterprise".
	// +optional
	Edition string `json:"edition,omitempty"`

	// Database is Grafana's own word on the health of its database; "ok" when all is well.
	// +optional
	Database string `json:"database,omitempty"`

	// Capabilities found in this Grafana. BulkDashboardList: the dashboards of an organization can be listed in one request. Session: the operator's login works with sessions.
	// Organizations: the credential can create and delete organizations.
	// +listType=set
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`

	// DatabaseID tells Grafana's database from any other: the operator's own login in it, and when that was made. As long as it is the same, organizations that are missing were deleted, and
	// not lost with the database. Empty with a token credential.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	DatabaseID string `json:"databaseID,omitempty"`

	// Resets counts how often Grafana's database was seen to be emptied, and everything was to be built again.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Resets int64 `json:"resets,omitempty"`

	// LoginFailure is kept while Grafana refuses the credential, so that restarts of the operator do not spend further attempts: five wrong ones lock a login out.
	// +optional
	LoginFailure *LoginFailure `json:"loginFailure,omitempty"`
}

// ResetPolicy says what to do with a Grafana that has lost what the operator made in it.
// +kubebuilder:validation:Enum=Hold;Rebuild
type ResetPolicy string

const (
	// ResetHold waits for a person.
	ResetHold ResetPolicy = "Hold"
	// ResetRebuild makes everything again.
	ResetRebuild ResetPolicy = "Rebuild"
)

// LoginFailure records that Grafana refused a credential.
type LoginFailure struct {
	// Time of the last attempt.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	Time metav1.Time `json:"time"`

	// Attempts made so far with this credential.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	Attempts int64 `json:"attempts"`

	// SecretResourceVersion of the Secret when the credential in it was last seen to be the refused one. A changed credential is tried at once.
	SecretResourceVersion string `json:"secretResourceVersion"`
}

// Capabilities of an Instance.
const (
	CapabilityBulkDashboardList = "BulkDashboardList"
	CapabilitySession           = "Session"
	CapabilityOrganizations     = "Organizations"
)

// Instance is a Grafana server and the credential for it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ginst,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Instance struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec InstanceSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status InstanceStatus `json:"status,omitempty"`
}

// InstanceList is a list of Instances.
// +kubebuilder:object:root=true
type InstanceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Instance `json:"items"`
}

// CommonSpec of an Instance: it cannot be suspended, and nothing in Grafana is deleted with it.
func (i *Instance) CommonSpec() CommonSpec {
	return CommonSpec{ResyncInterval: i.Spec.ResyncInterval}
}

// Stays is false: there is nothing in Grafana to leave.
func (i *Instance) Stays() bool { return false }

// CommonStatus is the part of the status that all kinds share.
func (i *Instance) CommonStatus() *CommonStatus { return &i.Status.CommonStatus }
