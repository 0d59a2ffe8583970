package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Finalizer keeps an object until what it made in Grafana is gone or let go.
const Finalizer = "grafana-tenancy.dev/finalizer"

// AnnotationAbandon is set to "true" by a person on an object that is being deleted, to release it without touching Grafana. What it made there stays.
const AnnotationAbandon = "grafana-tenancy.dev/abandon"

// AnnotationConfirmOrgID is given to an Organization by a person, with Grafana's id of the organization as its value, to say that the organization recorded in status is the right one although
// it has lost the operator's mark and its name.
const AnnotationConfirmOrgID = "grafana-tenancy.dev/confirm-org-id"

// AnnotationConfirmReset is given to an Instance by a person, with the value that its condition names, to say that Grafana's database was emptied on purpose and everything is to be built again.
const AnnotationConfirmReset = "grafana-tenancy.dev/confirm-reset"

// AnnotationRotate is given to a ServiceAccountToken or a User by a person, with a value that it did not have before, to have the key or password rotated now. The value that was handled is on the Secret, under
// the same name.
const AnnotationRotate = "grafana-tenancy.dev/rotate"

// Annotations on the Secret of a ServiceAccountToken. They are the record of which token it holds: the name and uid of the ServiceAccountToken that it was made for, the Secret's own name, Grafana's id of the token, its revision, its ttl and expiry, the data key that it stands under
// and a digest of it, the service account and organization that it belongs to, the tokens that were there before it and may still be in use, and which labels, annotations and data came from
// the spec. On the Secret of a User those that apply say the same of its password.
const (
	AnnotationTokenOwner         = "grafana-tenancy.dev/token-owner"
	AnnotationTokenSecret        = "grafana-tenancy.dev/token-secret"
	AnnotationTokenID            = "grafana-tenancy.dev/token-id"
	AnnotationTokenRevision      = "grafana-tenancy.dev/token-revision"
	AnnotationTokenTTL           = "grafana-tenancy.dev/token-ttl"
	AnnotationTokenExpires       = "grafana-tenancy.dev/token-expires"
	AnnotationTokenKey           = "grafana-tenancy.dev/token-key"
	AnnotationTokenDigest        = "grafana-tenancy.dev/token-digest"
	AnnotationServiceAccountID   = "grafana-tenancy.dev/service-account-id"
	AnnotationOrgID              = "grafana-tenancy.dev/org-id"
	AnnotationSuperseded         = "grafana-tenancy.dev/superseded-token-ids"
	AnnotationAppliedLabels      = "grafana-tenancy.dev/applied-labels"
	AnnotationAppliedAnnotations = "grafana-tenancy.dev/applied-annotations"
	AnnotationAppliedData        = "grafana-tenancy.dev/applied-data"
)

// LabelManagedBy marks the Secrets that hold tokens and passwords; its value is ManagedBy.
const LabelManagedBy = "app.kubernetes.io/managed-by"

// ManagedBy is the operator's name in labels and in the versions of dashboards.
const ManagedBy = "grafana-tenancy-operator"

// ObjectReference names an object of a fixed kind.
type ObjectReference struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Namespace of the object. Default: the namespace of the object that refers to it. A reference into another namespace works only if the object there
	// allows it in its allowedNamespaces.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// LocalObjectReference names an object in the same namespace.
type LocalObjectReference struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// KeyReference names one key of a Secret or ConfigMap in the same namespace.
type KeyReference struct {
	// Name of the Secret or ConfigMap.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Key in its data.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// From says which namespaces an object may be used from.
// +kubebuilder:validation:Enum=Same;All;Selector
type From string

const (
	// FromSame allows only the namespace of the object itself.
	FromSame From = "Same"
	// FromAll allows every namespace.
	FromAll From = "All"
	// FromSelector allows the object's own namespace and those whose labels match the selector.
	FromSelector From = "Selector"
)

// AllowedNamespaces says which namespaces may refer to an object. When a namespace loses its permission, writing for it stops; nothing that is already in Grafana is deleted.
// +kubebuilder:validation:XValidation:rule="self.from == 'Selector' ? has(self.selector) : !has(self.selector)",message="give a selector with from: Selector, and only with it"
type AllowedNamespaces struct {
	// From is Same (only the object's own namespace, the default), All, or Selector (its own and those whose labels match the selector).
	// +kubebuilder:default=Same
	// +optional
	From From `json:"from,omitempty"`

	// Selector is matched against the labels of the namespace that refers to this object. An empty selector matches every namespace.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// DeletionPolicy says what becomes of the object in Grafana when the Kubernetes object is deleted.
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

const (
	// DeletionDelete deletes it in Grafana too.
	DeletionDelete DeletionPolicy = "Delete"
	// DeletionOrphan leaves it in Grafana.
	DeletionOrphan DeletionPolicy = "Orphan"
)

// AdoptionPolicy says what happens if Grafana has something of the wanted name or uid already that the operator did not create.
// +kubebuilder:validation:Enum=Never;Adopt
type AdoptionPolicy string

const (
	// AdoptionNever leaves it alone.
	AdoptionNever AdoptionPolicy = "Never"
	// AdoptionAdopt takes it over, if what contains it allows that.
	AdoptionAdopt AdoptionPolicy = "Adopt"
)

// AdoptionConsent says whether objects may take over what is in Grafana already.
// +kubebuilder:validation:Enum=Forbid;Allow
type AdoptionConsent string

const (
	// AdoptionForbid does not let them.
	AdoptionForbid AdoptionConsent = "Forbid"
	// AdoptionAllow lets those that ask for it.
	AdoptionAllow AdoptionConsent = "Allow"
)

// CommonSpec is shared by the kinds that stand for something inside a Grafana.
type CommonSpec struct {
	// Suspend stops the operator from writing to Grafana for this object; status.observedGeneration stays where it is. A deletion still goes through.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// ResyncInterval is how often Grafana is compared with this object and put right, besides every change of the object. Default: the Instance's. At least 30s, at most 99999h.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('30s')",message="must be at least 30s"
	// +optional
	ResyncInterval *metav1.Duration `json:"resyncInterval,omitempty"`
}

// CommonStatus is shared by all kinds.
type CommonStatus struct {
	// ObservedGeneration is the generation of the spec that the conditions speak of; -1 before the operator has seen the object.
	// +kubebuilder:validation:Minimum=-1
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions say how the object stands. Ready is on every kind: True once Grafana was seen to hold what this generation asks for. Reconciling is True while the operator
	// is on its way there or waits for something; Stalled is True when somebody has to change something first, and the message says what.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:items:XValidation:rule="self.lastTransitionTime > timestamp('1970-01-01T00:00:00Z')",message="lastTransitionTime must be a time"
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// CreateStarted is when a request that creates the object in Grafana was last about to be sent or, if its status was lost, until when another process may have sent one. It
	// is removed once none can take effect any more, so that a create whose answer was lost is found again and never repeated.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	CreateStarted *metav1.Time `json:"createStarted,omitempty"`
}
