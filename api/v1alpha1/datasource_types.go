package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// DataSourceSpec describes a data source of an organization. In url, user, database, basicAuth.user, the values of headers and the texts in jsonData, {{ .orgID }}, {{ .orgName }} and {{ .labels.NAME }} stand for
// what the Organization is, as in a Go template; {{ index .labels "example.com/name" }} is a label with other characters in its key. One that it lacks is an error. A literal {{ is written {{ "{{" }}.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this DataSource and create another one"
type DataSourceSpec struct {
	DataSourceSettings `json:",inline"`

	// OrganizationRef names the Organization that the data source is in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// DeletionPolicy says what becomes of it in Grafana when this object is deleted: Delete deletes it there too, Orphan leaves it. Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// DataSourceSettings are what a data source is, in whatever organization. What stands for the Organization in url, user, database, basicAuth.user, the values of headers and the texts in jsonData is what DataSourceSpec says.
// +kubebuilder:validation:XValidation:rule="has(self.uid) == has(oldSelf.uid) && (!has(self.uid) || self.uid == oldSelf.uid)",message="uid cannot be changed, since dashboards refer to it: delete this DataSource and create another one"
// +kubebuilder:validation:XValidation:rule="!has(self.headers) || !has(self.secureJsonData) || !self.secureJsonData.exists(k, k.startsWith('httpHeaderValue'))",message="with headers given, secureJsonData cannot have httpHeaderValue1 and the like: put all of them under headers"
type DataSourceSettings struct {
	CommonSpec `json:",inline"`

	// Name that Grafana shows, unique in the organization. Default: metadata.name. At most 190 bytes.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +kubebuilder:validation:Pattern=`^[^\s\pC]([^\pC]*[^\s\pC])?$`
	// +optional
	Name string `json:"name,omitempty"`

	// UID of the data source in Grafana, by which dashboards refer to it. Default: one derived from this object. It cannot be changed.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	UID string `json:"uid,omitempty"`

	// Type is the id of the plugin, such as prometheus, loki or grafana-postgresql-datasource. Grafana takes one that is not installed, too.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,189}$`
	Type string `json:"type"`

	// URL that Grafana reaches the source at, without a user: credentials go into basicAuth. At most 255 bytes once it is filled in. Grafana cannot take the url away from a data source that has one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([^/?#]*://)?[^/?#]*@')",message="a user in the url can be read by everybody in the organization: give basicAuth instead"
	// +optional
	URL string `json:"url,omitempty"`

	// Access is proxy (the default: Grafana's server asks the source) or direct (the browser does, which newer Grafanas refuse for most types).
	// +kubebuilder:default=proxy
	// +optional
	Access DataSourceAccess `json:"access,omitempty"`

	// User that databases are logged in to with; the password goes into secureJsonData.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	User string `json:"user,omitempty"`

	// Database that is read, for types that keep it here and not in jsonData.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Database string `json:"database,omitempty"`

	// BasicAuth is the login at an HTTP source.
	// +optional
	BasicAuth *DataSourceBasicAuth `json:"basicAuth,omitempty"`

	// WithCredentials has the browser send its cookies with requests to a source of access direct.
	// +optional
	WithCredentials bool `json:"withCredentials,omitempty"`

	// Headers that are sent with each request to an HTTP source, such as X-Scope-OrgID with the tenant.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(h, self.exists_one(o, o.name.lowerAscii() == h.name.lowerAscii()))",message="a header can be given once; upper and lower case are the same"
	// +listType=atomic
	// +optional
	Headers []DataSourceHeader `json:"headers,omitempty"`

	// JSONData has the settings of the plugin, as Grafana's documentation of the type names them. Everybody in the organization can read them: no secret may be in them. At most 60000 bytes once it is filled in.
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	JSONData *runtime.RawExtension `json:"jsonData,omitempty"`

	// SecureJSONData are the secrets of the plugin, by the names that Grafana's documentation of the type has, each from a Secret or ConfigMap in this object's namespace. A change there takes effect at once. One that is taken
	// out is removed in Grafana, as is one that somebody adds there.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$'))",message="the keys must be names that a plugin can have: letters, digits, '-', '_' and '.', at most 100"
	// +kubebuilder:validation:XValidation:rule="!('basicAuthPassword' in self)",message="give the password in basicAuth.passwordSecretRef"
	// +optional
	SecureJSONData map[string]ValueSource `json:"secureJsonData,omitempty"`

	// IsDefault says whether it is the one that new panels begin with: true takes that from what else is managed here, false never has it, and without it that is left as it is. Grafana makes the first data source of an organization its
	// default; this is undone where nobody asked for it. What people have made the default is taken over only with adoptionPolicy Adopt and the Organization's consent.
	// +optional
	IsDefault *bool `json:"isDefault,omitempty"`

	// Health has Grafana try the source at every resync; condition Healthy says what it finds. It has no influence on Ready.
	// +optional
	Health bool `json:"health,omitempty"`

	// AdoptionPolicy says what happens if the organization has a data source of this uid, or without a uid of this name, already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the
	// Organization allows adoption. Its settings are then replaced, and secrets that are not asked for removed.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`
}

// DataSourceAccess says who asks the source.
// +kubebuilder:validation:Enum=proxy;direct
type DataSourceAccess string

const (
	// AccessProxy has Grafana's server ask.
	AccessProxy DataSourceAccess = "proxy"
	// AccessDirect has the browser ask.
	AccessDirect DataSourceAccess = "direct"
)

// DataSourceBasicAuth is a login at an HTTP source.
type DataSourceBasicAuth struct {
	// User name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	User string `json:"user"`

	// PasswordSecretRef names a key of a Secret in this object's namespace.
	PasswordSecretRef KeyReference `json:"passwordSecretRef"`
}

// DataSourceHeader is a header of requests.
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.valueFrom)",message="give exactly one of value and valueFrom"
// +kubebuilder:validation:XValidation:rule="!has(self.value) || !(self.name.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-auth-token'])",message="this header holds a secret: give valueFrom.secretKeyRef instead of value"
type DataSourceHeader struct {
	// Name of the header.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]{1,100}$`
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`

	// Value that is no secret, such as "{{ .orgName }}".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Value string `json:"value,omitempty"`

	// ValueFrom is where a value is that is a secret.
	// +optional
	ValueFrom *ValueSource `json:"valueFrom,omitempty"`
}

// ValueSource is exactly one key of a Secret or of a ConfigMap, in the object's own namespace.
// +kubebuilder:validation:XValidation:rule="has(self.secretKeyRef) != has(self.configMapKeyRef)",message="give exactly one of secretKeyRef and configMapKeyRef"
type ValueSource struct {
	// SecretKeyRef names a key of a Secret.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`

	// ConfigMapKeyRef names a key of a ConfigMap, for what is no secret, such as a certificate.
	// +optional
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef,omitempty"`
}

// DataSourceStatus is what was seen of a data source; never its secrets.
type DataSourceStatus struct {
	CommonStatus `json:",inline"`

	// UID of the data source in Grafana.
	// +optional
	UID string `json:"uid,omitempty"`

	// Name that the data source has in Grafana.
	// +optional
	Name string `json:"name,omitempty"`

	// Type that the data source has in Grafana.
	// +optional
	Type string `json:"type,omitempty"`

	// ID is Grafana's number of the data source. With the uid it tells one that has lost the operator's mark from any other.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ID int64 `json:"id,omitempty"`

	// OrgID is Grafana's id of the organization it is in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// Version that Grafana gave to what was last seen to be as it is asked for; 0 before.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Version int64 `json:"version,omitempty"`

	// ContentHash is of what was last asked for, without secrets.
	// +optional
	ContentHash string `json:"contentHash,omitempty"`

	// StoredHash is of what Grafana has made of that, where it keeps it in another form: with a default filled in, say.
	// +optional
	StoredHash string `json:"storedHash,omitempty"`

	// SecretsHash tells which state of which Secrets and ConfigMaps was last sent. It is made of their uids and resource versions, and of nothing that is in them.
	// +optional
	SecretsHash string `json:"secretsHash,omitempty"`

	// Default says that it is the organization's default, since this object asks for that.
	// +optional
	Default bool `json:"default,omitempty"`

	// Adopted says that the data source was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`
}

// DataSource is a data source of an organization.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gds,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="UID",type=string,JSONPath=`.status.uid`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Healthy",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Healthy")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type DataSource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec DataSourceSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DataSourceStatus `json:"status,omitempty"`
}

// DataSourceList is a list of DataSources.
// +kubebuilder:object:root=true
type DataSourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataSource `json:"items"`
}

// Stays reports whether the data source is left in Grafana when the object is deleted.
func (d *DataSource) Stays() bool {
	return d.Spec.DeletionPolicy == DeletionOrphan || d.Spec.DeletionPolicy == "" && d.Status.Adopted
}

// CommonSpec is the part of the spec that all kinds share.
func (d *DataSource) CommonSpec() CommonSpec { return d.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (d *DataSource) CommonStatus() *CommonStatus { return &d.Status.CommonStatus }

// WantedName is the name that the data source shall have in Grafana.
func (d *DataSource) WantedName() string {
	if d.Spec.Name != "" {
		return d.Spec.Name
	}
	return d.Name
}
