package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ServiceAccountTokenSpec describes one live key of a service account, kept in one Secret.
// +kubebuilder:validation:XValidation:rule="!has(self.rotation) || !has(self.rotation.before) || (has(self.ttl) && duration(self.rotation.before) + duration('30s') <= duration(self.ttl))",message="rotation.before needs a ttl, and must be at least 30s shorter than it"
// +kubebuilder:validation:XValidation:rule="self.serviceAccountRef == oldSelf.serviceAccountRef",message="serviceAccountRef cannot be changed: delete this ServiceAccountToken and create another one"
type ServiceAccountTokenSpec struct {
	CommonSpec `json:",inline"`

	// ServiceAccountRef names the ServiceAccount, in the same namespace, that the token is for. It cannot be changed.
	ServiceAccountRef LocalObjectReference `json:"serviceAccountRef"`

	// Secret that the key is written to. It belongs to this object and is deleted with it.
	// +kubebuilder:default={key: token, type: Opaque}
	// +optional
	Secret TokenSecret `json:"secret,omitempty"`

	// TTL is how long a key lives after it was made. A new one takes its place ahead of time: see rotation. Changing it makes a new key too. Default: it never expires. At least 1m; whole
	// seconds. A Grafana may demand one or cap it: its settings api_key_max_seconds_to_live and token_expiration_day_limit.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="must be at least 1m"
	// +optional
	TTL *metav1.Duration `json:"ttl,omitempty"`

	// Rotation says how a new key takes the place of the old one. To have that done at once, give this object the annotation grafana-tenancy.dev/rotate, with a value that it did not have
	// before.
	// +optional
	Rotation *TokenRotation `json:"rotation,omitempty"`

	// DeletionPolicy says what becomes of token and Secret when this object is deleted: Delete (the default) revokes the one and deletes the other, Orphan leaves them.
	// +kubebuilder:default=Delete
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// TokenRotation says how a new key takes the place of the old one.
type TokenRotation struct {
	// Before is how long before a key expires a new one is made. Up to a tenth of the time from one rotation to the next is added, a different part for each object, so that keys made together
	// are not all rotated together. Default: a third of ttl.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +optional
	Before *metav1.Duration `json:"before,omitempty"`

	// Overlap is how long the old key goes on working after the new one was made, so that those who use it have time to read the Secret again. Then it is revoked. 0s revokes it as soon as the
	// Secret holds the new one. Default 5m.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +optional
	Overlap *metav1.Duration `json:"overlap,omitempty"`
}

// TokenSecret describes the Secret that holds a key.
// +kubebuilder:validation:XValidation:rule="!has(self.template) || !(self.key in self.template)",message="secret.key holds the token itself: give the template another name"
type TokenSecret struct {
	// Name of the Secret. Default: metadata.name. A Secret of that name that is not this object's is never touched. When it changes, the key moves into a Secret of the new name, and the old
	// one is deleted; no new key is made.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	// +optional
	Name string `json:"name,omitempty"`

	// Key in the Secret's data that holds the token. Default token.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:default=token
	// +optional
	Key string `json:"key,omitempty"`

	// Type of the Secret. Default Opaque. Kubernetes cannot change the type of a Secret: when it changes here, the Secret is deleted and made again with the same key.
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

	// Template is further data of the Secret: its keys, and Go templates of their values. They can use .token, .url, .orgID, .orgName, .login and .expiresAt (RFC 3339; empty for a key that
	// never expires), if, else, with, and the functions eq, ne, and, or, not, default, quote, toJson, b64enc, urlquery, lower, upper, trimPrefix, trimSuffix, indent and nindent. A result
	// has at most 64 KiB.
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$'))",message="the keys must be fit for a Secret: letters, digits, '-', '_' and '.', at most 253"
	// +optional
	Template map[string]TemplateText `json:"template,omitempty"`
}

// TemplateText is a Go template.
// +kubebuilder:validation:MaxLength=16384
type TemplateText string

// LabelValue is the value of a label.
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
type LabelValue string

// ServiceAccountTokenStatus is what was seen of a token. The Secret is the record of which token is live; this is for people.
type ServiceAccountTokenStatus struct {
	CommonStatus `json:",inline"`

	// TokenID is Grafana's id of the live token.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	TokenID int64 `json:"tokenID,omitempty"`

	// TokenName is the name of the live token in Grafana.
	// +optional
	TokenName string `json:"tokenName,omitempty"`

	// Revision is the live token's: each token that is made for this object has the next one.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Revision int64 `json:"revision,omitempty"`

	// ExpiresAt is when the live token expires, by Grafana's clock; absent if it never does.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`

	// NextRotation is when a new key will take the place of this one, by Grafana's clock; absent if the key never expires.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	NextRotation *metav1.Time `json:"nextRotation,omitempty"`

	// SecretName is the Secret that holds the key.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// ProvenAt is when Grafana was seen to accept the live token's key.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	ProvenAt *metav1.Time `json:"provenAt,omitempty"`

	// Superseded are older tokens whose keys still work, for the overlap.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=300
	// +optional
	Superseded []SupersededToken `json:"superseded,omitempty"`
}

// SupersededToken is a token in whose place another one has come, and which will be revoked.
type SupersededToken struct {
	// TokenID is Grafana's id of it.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	TokenID int64 `json:"tokenID"`

	// RevokedAfter is when it will be revoked, by Grafana's clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	RevokedAfter metav1.Time `json:"revokedAfter"`
}

// ServiceAccountToken is one live key of a service account, kept in one Secret.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gtoken,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="ID",type=integer,JSONPath=`.status.tokenID`
// +kubebuilder:printcolumn:name="ServiceAccount",type=string,JSONPath=`.spec.serviceAccountRef.name`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secretName`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expiresAt`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type ServiceAccountToken struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ServiceAccountTokenSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ServiceAccountTokenStatus `json:"status,omitempty"`
}

// ServiceAccountTokenList is a list of ServiceAccountTokens.
// +kubebuilder:object:root=true
type ServiceAccountTokenList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ServiceAccountToken `json:"items"`
}

// Stays reports whether token and Secret are left when the object is deleted.
func (t *ServiceAccountToken) Stays() bool { return t.Spec.DeletionPolicy == DeletionOrphan }

// CommonSpec is the part of the spec that all kinds share.
func (t *ServiceAccountToken) CommonSpec() CommonSpec { return t.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (t *ServiceAccountToken) CommonStatus() *CommonStatus { return &t.Status.CommonStatus }

// Overlap is how long an old key goes on working after a new one was made.
func (t *ServiceAccountToken) Overlap() time.Duration {
	if r := t.Spec.Rotation; r != nil && r.Overlap != nil {
		return r.Overlap.Duration
	}
	return 5 * time.Minute
}

// RotateBefore is how long before its expiry a key is rotated; 0 if keys do not expire.
func (t *ServiceAccountToken) RotateBefore() time.Duration {
	switch r := t.Spec.Rotation; {
	case t.Spec.TTL == nil:
		return 0
	case r != nil && r.Before != nil:
		return r.Before.Duration
	}
	return t.Spec.TTL.Duration / 3
}

// SecretName is the name of the Secret that the key is written to.
func (t *ServiceAccountToken) SecretName() string {
	if t.Spec.Secret.Name != "" {
		return t.Spec.Secret.Name
	}
	return t.Name
}

// SecretStays reports whether the Secret is left when the object is deleted.
func (t *ServiceAccountToken) SecretStays() bool { return t.Stays() }

// HeldSecretName is the Secret that held it when it was last looked at.
func (t *ServiceAccountToken) HeldSecretName() string { return t.Status.SecretName }
