package token

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Holder is an object that keeps a key, or a password, in a Secret of its own.
type Holder interface {
	metav1.Object
	// SecretName is the name that the Secret is to have; empty: there is to be none.
	SecretName() string
	// HeldSecretName is the one that held it when it was last looked at.
	HeldSecretName() string
	// SecretStays reports whether it is left when the object is deleted.
	SecretStays() bool
}

// Secrets are the Secrets of one token. There is one, but for a moment after its name in the spec has changed.
type Secrets struct {
	Wanted *corev1.Secret   // has the name in the spec; nil: there is none of ours
	Others []*corev1.Secret // have other names
	Taken  *corev1.Secret   // has the name in the spec, and is not ours: the key stays where it was
	Kept   map[int64]bool   // tokens that Secrets of earlier lives hold, which were let go
}

// All of them.
func (s Secrets) All() []*corev1.Secret {
	all := slices.Clone(s.Others)
	if s.Wanted != nil {
		all = append(all, s.Wanted)
	}
	return all
}

// Held is the Secret that counts: of those with a whole key, the one with the highest revision.
func (s Secrets) Held() *corev1.Secret {
	best := s.Wanted
	for _, other := range s.Others {
		have, r := ReadRecord(best), ReadRecord(other)
		if r.Intact() && (!have.Intact() || r.Revision > have.Revision) {
			best = other
		}
	}
	return best
}

// Ours reports whether a Secret belongs to the object. With deletionPolicy Orphan nothing owns it, or Kubernetes would
// collect it before we have let go, and people can take our reference off; its annotation still says whose it is.
func Ours(secret *corev1.Secret, obj Holder) bool {
	return !IsCopy(secret, obj) &&
		(Belongs(secret, obj) || obj.GetDeletionTimestamp().IsZero() && OfEarlierLife(secret, obj))
}

// Belongs reports whether owner or annotation name the object. A copy that somebody made says the same.
func Belongs(secret metav1.Object, obj Holder) bool {
	disowned := metav1.GetControllerOf(secret) == nil &&
		secret.GetAnnotations()[v1alpha1.AnnotationTokenOwner] == Owner(obj)
	return metav1.IsControlledBy(secret, obj) || disowned
}

// IsCopy reports whether somebody else has made the Secret from one of the operator's: it says itself that it was made
// under another name. Of one from before Secrets said so, spec or status have to name it.
func IsCopy(secret metav1.Object, obj Holder) bool {
	name := secret.GetName()
	original, says := OriginalName(secret)
	switch {
	case !says, original == "" && Belongs(secret, obj): // none makes one elsewhere: people have edited what it says
		original = obj.SecretName()
	case original == "":
		return true
	}
	return name != original && name != obj.HeldSecretName()
}

// OriginalName is the name that the operator made a Secret under, as the Secret says, if it says that; empty: it was
// made in another namespace. Not every one says in which.
func OriginalName(secret metav1.Object) (name string, says bool) {
	name, says = secret.GetAnnotations()[v1alpha1.AnnotationTokenSecret]
	namespace, inThat, whole := strings.Cut(name, "/")
	switch {
	case !whole:
		return name, says
	case namespace != secret.GetNamespace():
		return "", true
	}
	return inThat, true
}

// OfEarlierLife reports whether a Secret was made for an object of this name that is no more: it was deleted with
// Orphan, or restored, and applied again.
func OfEarlierLife(secret *corev1.Secret, obj Holder) bool {
	name, uid, _ := strings.Cut(secret.Annotations[v1alpha1.AnnotationTokenOwner], "/")
	owner := metav1.GetControllerOf(secret)
	return name == OwnerName(obj) && uid != string(obj.GetUID()) &&
		(owner == nil || owner.Kind == kindOf(obj) && owner.Name == obj.GetName() && string(owner.UID) == uid)
}

// Owner is how a Secret names the object that it was made for.
func Owner(obj Holder) string { return OwnerName(obj) + "/" + string(obj.GetUID()) }

// OwnerName is the part of that which earlier lives of the object have in common, and no object of another kind has.
func OwnerName(obj Holder) string {
	if kind := kindOf(obj); kind != "ServiceAccountToken" {
		return kind + " " + obj.GetName()
	}
	return obj.GetName()
}

func kindOf(obj Holder) string { return reflect.TypeOf(obj).Elem().Name() }

// TellsOurs reports whether a Secret's annotations can be believed as to which of its data is ours: the key always is.
// Else they were taken off, or edited.
func TellsOurs(annotations map[string]string) bool {
	key := annotations[v1alpha1.AnnotationTokenKey]
	return key != "" && slices.Contains(strings.Split(annotations[v1alpha1.AnnotationAppliedData], ","), key)
}

// JoinKeys lists the keys of a map as one text.
func JoinKeys[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ",") }

// Overlay takes what was applied before out of a map and lays over what is wanted now.
func Overlay[V any](have map[string]V, applied string, want map[string]V) map[string]V {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]V{}
	}
	for _, k := range strings.Split(applied, ",") {
		delete(out, k)
	}
	maps.Copy(out, want)
	return out
}
