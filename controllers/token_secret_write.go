package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/template"
	"grafana-tenancy.dev/operator/internal/token"
)

// secretKeeper writes the Secret in which an object keeps a key, or a password.
type secretKeeper struct {
	env    *Env
	obj    keyHolder
	spec   v1alpha1.TokenSecret
	field  string                              // of the object, that describes it
	values func(r token.Record) map[string]any // that its template can use
}

// desired lays what spec and record want over what is there. What others have added stays; what the spec named before
// and no longer does goes.
func (x *secretKeeper) desired(now *corev1.Secret, r token.Record) (*corev1.Secret, error) {
	spec, namespace := x.spec, x.obj.GetNamespace()
	data, err := template.Render(spec.Template, x.values(r))
	if err != nil {
		return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%s.template: %v", x.field, err)
	}
	data[spec.Key] = []byte(r.Key.Reveal())
	labels, annotations := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}, r.Annotations(spec.Key)
	for k, v := range spec.Labels {
		labels[k] = string(v)
	}
	annotations[v1alpha1.AnnotationTokenOwner] = token.Owner(x.obj)
	annotations[v1alpha1.AnnotationTokenSecret] = namespace + "/" + x.obj.SecretName()
	if now != nil {
		annotations[v1alpha1.AnnotationTokenSecret] = now.Namespace + "/" + now.Name
	}
	maps.Copy(annotations, spec.Annotations)
	annotations[v1alpha1.AnnotationAppliedLabels] = token.JoinKeys(spec.Labels)
	annotations[v1alpha1.AnnotationAppliedAnnotations] = token.JoinKeys(spec.Annotations)
	annotations[v1alpha1.AnnotationAppliedData] = token.JoinKeys(data)

	want := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: x.obj.SecretName()}}
	if now != nil {
		want = now.DeepCopy()
	}
	want.Type = corev1.SecretType(spec.Type)
	was := want.Annotations
	if !token.TellsOurs(was) {
		want.Data = nil // which of it was ours is not known any more; a dead key shall not stay
	}
	want.Labels = token.Overlay(want.Labels, was[v1alpha1.AnnotationAppliedLabels], labels)
	want.Data = token.Overlay(want.Data, was[v1alpha1.AnnotationAppliedData]+","+was[v1alpha1.AnnotationTokenKey], data)
	want.Annotations = token.Overlay(
		want.Annotations,
		was[v1alpha1.AnnotationAppliedAnnotations]+","+optionalAnnotations,
		annotations,
	)
	if err := x.own(want); err != nil {
		return nil, lifecycle.Stalled(v1alpha1.ReasonSecretConflict, "%v", err)
	}
	return want, nil
}

// own makes the Secret the object's in Kubernetes' eyes, so that it is collected with it; with deletionPolicy Orphan
// nobody's.
func (x *secretKeeper) own(secret *corev1.Secret) error {
	if owner := metav1.GetControllerOf(
		secret,
	); owner != nil &&
		owner.UID != x.obj.GetUID() { // it is no more: see ofEarlierLife
		secret.OwnerReferences = slices.DeleteFunc(
			secret.OwnerReferences,
			func(r metav1.OwnerReference) bool { return r.UID == owner.UID },
		)
	}
	switch {
	case !x.obj.SecretStays():
		return controllerutil.SetControllerReference(x.obj, secret, x.env.Scheme())
	case metav1.IsControlledBy(secret, x.obj):
		return controllerutil.RemoveControllerReference(x.obj, secret, x.env.Scheme())
	}
	return nil
}

// optionalAnnotations are those of the record that a later one may not have.
const optionalAnnotations = v1alpha1.AnnotationTokenExpires + "," + v1alpha1.AnnotationSuperseded + "," +
	v1alpha1.AnnotationRotate

// secretDiffers reports whether the key is not yet where and how the spec wants it.
func (x *secretKeeper) secretDiffers(s token.Secrets) bool {
	if s.Wanted == nil || s.Held() != s.Wanted {
		return true
	}
	want, err := x.desired(s.Wanted, token.ReadRecord(s.Wanted))
	if err != nil {
		return true // whoever writes it meets the error
	}
	return want.Type != s.Wanted.Type || metav1.IsControlledBy(s.Wanted, x.obj) == x.obj.SecretStays() ||
		!maps.Equal(want.Labels, s.Wanted.Labels) ||
		!maps.Equal(want.Annotations, s.Wanted.Annotations) ||
		!maps.EqualFunc(want.Data, s.Wanted.Data, slices.Equal)
}

// conflict is the problem with a Secret that is somebody else's and has the name that ours should have.
func conflict(s token.Secrets, obj token.Holder) error {
	kept := ""
	if s.Wanted != nil {
		kept = fmt.Sprintf(". Until then the key is kept in Secret %s, and rotated there", s.Wanted.Name)
	}
	name := s.Taken.Namespace + "/" + s.Taken.Name
	owner := metav1.GetControllerOf(s.Taken)
	switch {
	case owner != nil && owner.UID == obj.GetUID():
		return lifecycle.Stalled(
			v1alpha1.ReasonSecretConflict,
			"Secret %s says by its annotation %s=%q that it is a copy of one with another name: delete it, or set "+
				"another secret.name%s",
			name,
			v1alpha1.AnnotationTokenSecret,
			s.Taken.Annotations[v1alpha1.AnnotationTokenSecret],
			kept,
		)
	case owner != nil:
		return lifecycle.Stalled(
			v1alpha1.ReasonSecretConflict,
			"Secret %s belongs to %s %s: set another secret.name%s",
			name,
			owner.Kind,
			owner.Name,
			kept,
		)
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonSecretConflict,
		"Secret %s exists and does not belong to this object: delete it, or set another secret.name%s",
		name,
		kept,
	)
}

// secretName is the Secret that the key goes into.
func (x *secretKeeper) secretName(now *corev1.Secret) string {
	if now != nil {
		return now.Namespace + "/" + now.Name
	}
	return x.obj.GetNamespace() + "/" + x.obj.SecretName()
}

// dryRunKey has the form and the length of a key.
const dryRunKey = "glsa_rehearsal0rehearsal0rehearsal012_00000000"

// rehearse finds out, before a key is made or a Secret deleted, whether the Secret can be written.
func (x *secretKeeper) rehearse(ctx context.Context, s token.Secrets, r token.Record) error {
	name, now := x.secretName(s.Wanted), s.Wanted
	if err := x.checkPlace(s); err != nil {
		return err
	}
	again := x.hasOtherType(now)
	r.Key = dryRunKey
	base := now
	if again {
		base = nil
	}
	want, err := x.desired(base, r)
	if err != nil {
		return err
	}
	sent := want.DeepCopy()
	if base != nil {
		err = redact("update", name, x.env.Update(unlogged(ctx), want, client.DryRunAll))
	} else { // there is nothing real in it, so that what Kubernetes says can be told
		if again {
			want.Name, want.GenerateName = "", "rehearsal-"
		}
		err = x.env.Create(unlogged(ctx), want, client.DryRunAll)
	}
	switch {
	case err == nil:
		return keptWhole(sent, want)
	case apierrors.IsConflict(err) || mayHaveTakenEffect(err):
		return err
	case base != nil && now.Immutable != nil && *now.Immutable:
		return lifecycle.Stalled(
			v1alpha1.ReasonRefused,
			"Secret %s has to change and is immutable: delete it, and it is made again with another key",
			name,
		)
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonRefused,
		"Secret %s cannot be written, so that nothing was changed: %v",
		name,
		err,
	)
}

// checkPlace fails if there is no place for the key, or what is there stands in the way.
func (x *secretKeeper) checkPlace(s token.Secrets) error {
	name, now := x.secretName(s.Wanted), s.Wanted
	if now == nil && s.Taken != nil {
		return conflict(s, x.obj)
	}
	if now != nil && !now.DeletionTimestamp.IsZero() {
		return &lifecycle.Problem{
			Reason: v1alpha1.ReasonSecretConflict,
			Retry:  true,
			Message: fmt.Sprintf(
				"Secret %s is being deleted, and its finalizers hold it: waiting until it is gone",
				name,
			),
		}
	}
	if x.hasOtherType(now) && len(now.Finalizers) > 0 {
		return lifecycle.Stalled(
			v1alpha1.ReasonRefused,
			"Secret %s has to be deleted and made again to get type %s, and its finalizers keep it from that: "+
				"take them off, or set the type back",
			name,
			x.spec.Type,
		)
	}
	return nil
}

// hasOtherType reports whether a Secret has to be made anew: Kubernetes changes no type.
func (x *secretKeeper) hasOtherType(secret *corev1.Secret) bool {
	return secret != nil && string(secret.Type) != x.spec.Type
}

// writeSecret writes record and key in one request: a new Secret must not exist yet, one that is there must be as it
// was read. One of another type, which Kubernetes cannot change, goes first; if the process dies between the two, the
// key is lost and another one is made.
func (x *secretKeeper) writeSecret(ctx context.Context, now *corev1.Secret, r token.Record) (*corev1.Secret, error) {
	want, err := x.desired(now, r)
	if err != nil {
		return nil, err
	}
	name, sent := want.Namespace+"/"+want.Name, want.DeepCopy()
	if now != nil && now.Type == want.Type {
		if err := x.env.Update(unlogged(ctx), want); err != nil {
			return want, redact("update", name, err)
		}
		return want, keptWhole(sent, want)
	}
	if now != nil {
		if err := x.env.Delete(
			unlogged(ctx),
			now,
			client.Preconditions{UID: &now.UID, ResourceVersion: &now.ResourceVersion},
		); err != nil {
			return nil, redact("delete", name, err)
		}
		want.UID, want.ResourceVersion, want.CreationTimestamp = "", "", metav1.Time{}
	}
	if err := x.env.Create(unlogged(ctx), want); err != nil {
		return want, redact("create", name, err)
	}
	return want, keptWhole(sent, want)
}

// keptWhole fails if Kubernetes keeps something else than what was sent: then the key could not be known again, and
// another one would be made for ever.
func keptWhole(sent, got *corev1.Secret) error {
	for annotation, value := range sent.Annotations {
		if got.Annotations[annotation] != value {
			return changedOnItsWay(sent, "annotation "+annotation)
		}
	}
	for key, value := range sent.Data {
		if !slices.Equal(got.Data[key], value) {
			return changedOnItsWay(sent, "data "+key)
		}
	}
	return nil
}

func changedOnItsWay(secret *corev1.Secret, what string) error {
	return lifecycle.Stalled(
		v1alpha1.ReasonRefused,
		"something in the cluster changes Secret %s/%s as it is written (%s), most likely a mutating admission "+
			"policy or webhook: exempt the Secret from it",
		secret.Namespace,
		secret.Name,
		what,
	)
}

// mayHaveTakenEffect reports whether a write to Kubernetes that failed may be there all the same. What we refuse
// ourselves was never sent.
func mayHaveTakenEffect(err error) bool {
	var own *lifecycle.Problem
	if errors.As(err, &own) {
		return false
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	return apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServiceUnavailable(err)
}
