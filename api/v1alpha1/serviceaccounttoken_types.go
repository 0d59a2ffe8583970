package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ServiceAccountTokenSpec describes one live key of a service account, kept in one Secret.
// +kubebuilder:validation:XValidation:rule="self.serviceAccountRef == oldSelf.serviceAccountRef",message="serviceAccountRef cannot be changed: delete this ServiceAccountToken and create another one"
type ServiceAccountTokenSpec struct {
	CommonSpec `json:",inline"`

	// ServiceAccountRef names the ServiceAccount, in the same namespace, that the token is for. It cannot be changed.
	ServiceAccountRef LocalObjectReference `json:"serviceAccountRef"`

	// Secret that the key is written to. It belongs to this object and is deleted with it.
	// +kubebuilder:default={key: token, type: Opaque}
	// +optional
	Secret TokenSecret `json:"secret,omitempty"`

	// TTL is how long the key lives after it was made. When it expires, a new one takes its place. Changing it makes a new key too. Default: it never expires. At least 1m; whole seconds.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="must be at least 1m"
	// +optional
	TTL *metav1.Duration `json:"ttl,omitempty"`
}

// TokenSecret describes the Secret that holds a key.
// +kubebuilder:validation:XValidation:rule="has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)",message="secret.name cannot be changed: delete this ServiceAccountToken and create another one"
// +kubebuilder:validation:XValidation:rule="self.type == oldSelf.type",message="secret.type cannot be changed: delete this ServiceAccountToken and create another one"
type TokenSecret struct {
	// Name of the Secret. Default: metadata.name. A Secret of that name that is not this object's is never touched. It cannot be changed.
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

	// Type of the Secret. Default Opaque. It cannot be changed.
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
}

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

	// Revision counts the tokens that were made for this object.
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

	// SecretName is the Secret that holds the key.
	// +optional
	SecretName string `json:"secretName,omitempty"`
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

// CommonSpec is the part of the spec that all kinds share.
func (t *ServiceAccountToken) CommonSpec() CommonSpec { return t.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (t *ServiceAccountToken) CommonStatus() *CommonStatus { return &t.Status.CommonStatus }

// SecretName is the name of the Secret that the key is written to.
func (t *ServiceAccountToken) SecretName() string {
	if t.Spec.Secret.Name != "" {
		return t.Spec.Secret.Name
	}
	return t.Name
}
