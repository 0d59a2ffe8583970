package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// LabelSet is on everything that a set makes; its value is the set's name.
const LabelSet = "grafana-tenancy.dev/set"

// SetSpec is shared by the kinds that make an object of another kind for each of many Organizations.
type SetSpec struct {
	// Organizations says which Organizations get one. Of those that are selected, only they do that let this namespace in: those of this namespace, and those of others by their allowedNamespaces.
	Organizations OrganizationSelection `json:"organizations"`

	// Rollout bounds how many are changed at once.
	// +optional
	Rollout SetRollout `json:"rollout,omitempty"`

	// PrunePolicy says what becomes of it in Grafana when its Organization is not selected any more, or is deleted: Delete deletes it there too, Orphan leaves it. Default: Delete; Orphan for what was adopted. With an Organization
	// that is deleted and stays in Grafana, it stays too. If the Organization does not let this namespace in any more, nothing is deleted, and the object stays and says so.
	// +optional
	PrunePolicy DeletionPolicy `json:"prunePolicy,omitempty"`

	// DeletionPolicy says what becomes of all of them in Grafana when this set is deleted, or one of the objects that it has made: Delete deletes them there too, Orphan leaves them. Default: Delete; Orphan for what was adopted. It
	// is written into the objects, which Kubernetes deletes with the set: after a change wait until status.observedGeneration has followed before you delete the set.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// Paused stops the operator from making, changing and deleting objects for this set. What is there goes on being kept up in Grafana.
	// +optional
	Paused bool `json:"paused,omitempty"`
}

// OrganizationSelection says which Organizations are meant.
type OrganizationSelection struct {
	// Selector is matched against the labels of Organizations. An empty one selects all.
	Selector metav1.LabelSelector `json:"selector"`

	// InstanceRefs bounds it to Organizations of these Instances. One of another namespace counts only if its allowedNamespaces has this one. Default: those of all.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	InstanceRefs []ObjectReference `json:"instanceRefs,omitempty"`
}

// SetRollout bounds how many objects are changed at once. One that fails counts as one that is not Ready, so that failures hold changes of the others. Failures hold an Organization that has no object yet only until one is Ready as the template asks.
type SetRollout struct {
	// MaxUnavailable is how many may be as the template asks and not Ready before another one is changed, as a number or a share of all that are selected, such as 10%. As many new ones may be made and not be Ready. Default: 25%. At least one may.
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=4
	// +kubebuilder:validation:Pattern="^(100|[1-9]?[0-9])%$"
	// +kubebuilder:validation:XValidation:rule="type(self) == string || int(self) >= 1 && int(self) <= 1000000",message="must be a number from 1 to 1000000, or a share such as 10%"
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// Waves have their turn one after the other: each begins when all before it are Ready, and who comes to one that has begun does not wait. An Organization is in the first wave that selects it; those that none selects come last.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	// +optional
	Waves []SetWave `json:"waves,omitempty"`

	// ProgressDeadline is for how long none has to become Ready, while some are to, until the roll-out counts as failed: condition Progressing is then False until one becomes Ready, one that failed recovers, or the template
	// changes. Nothing else comes of it. Default: 10m. At least 1s, at most 99999h.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}h([0-9]{1,5}m)?([0-9]{1,5}s)?|[0-9]{1,5}m([0-9]{1,5}s)?|[0-9]{1,5}s)$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="must be at least 1s"
	// +optional
	ProgressDeadline *metav1.Duration `json:"progressDeadline,omitempty"`
}

// SetWave is a part of the Organizations.
type SetWave struct {
	// Selector is matched against the labels of Organizations.
	Selector metav1.LabelSelector `json:"selector"`
}

// SetTemplateMetadata is what the objects that a set makes carry besides what the operator needs.
type SetTemplateMetadata struct {
	// Labels of the objects.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && !k.contains('grafana-tenancy.dev/'))",message="labels of grafana-tenancy.dev are the operator's own"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations of the objects.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && !k.contains('grafana-tenancy.dev/'))",message="annotations of grafana-tenancy.dev are the operator's own"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// SetStatus is what was seen of the objects of a set.
type SetStatus struct {
	CommonStatus `json:",inline"`

	// CurrentRevision tells the template: another revision, another template.
	// +optional
	CurrentRevision string `json:"currentRevision,omitempty"`

	// Organizations is how many are selected and let this namespace in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Organizations int64 `json:"organizations,omitempty"`

	// Updated is how many of these have an object that is as the template asks.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Updated int64 `json:"updated,omitempty"`

	// Ready is how many of those are Ready.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Ready int64 `json:"ready,omitempty"`

	// Failed is how many have none that could be made, or one that is Stalled.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Failed int64 `json:"failed,omitempty"`

	// Failures are the first ten of these.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	Failures []SetFailure `json:"failures,omitempty"`

	// LastProgressTime is when one last became Ready, or the present roll-out began; none: all are Ready.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	LastProgressTime *metav1.Time `json:"lastProgressTime,omitempty"`
}

// SetFailure says why an Organization has not what the template asks.
type SetFailure struct {
	// Organization, as namespace/name.
	Organization string `json:"organization"`
	// Reason is one of those of conditions.
	Reason string `json:"reason"`
	// Message says what is wrong.
	Message string `json:"message"`
}
