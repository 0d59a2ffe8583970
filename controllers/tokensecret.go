package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete

// record is what a Secret of ours says of the token that it holds.
type record struct {
	tokenID, revision, accountID, orgID int64
	ttl                                 time.Duration
	key                                 grafana.Key
	digest                              string // of the key, so that an edited one is noticed
}

func (r record) intact() bool { return r.key != "" && r.digest == digest(r.key) }

func digest(key grafana.Key) string {
	sum := sha256.Sum256([]byte(key.Reveal()))
	return hex.EncodeToString(sum[:16])
}

// readRecord reads what stands on a Secret; nothing where there is none.
func readRecord(secret *corev1.Secret) record {
	if secret == nil {
		return record{}
	}
	number := func(annotation string) int64 {
		n, _ := strconv.ParseInt(secret.Annotations[annotation], 10, 64)
		return n
	}
	ttl, _ := time.ParseDuration(secret.Annotations[v1alpha1.AnnotationTokenTTL])
	return record{
		tokenID: number(v1alpha1.AnnotationTokenID), revision: number(v1alpha1.AnnotationTokenRevision),
		accountID: number(v1alpha1.AnnotationServiceAccountID), orgID: number(v1alpha1.AnnotationOrgID), ttl: ttl,
		key: grafana.Key(secret.Data[secret.Annotations[v1alpha1.AnnotationTokenKey]]), digest: secret.Annotations[v1alpha1.AnnotationTokenDigest],
	}
}

// annotations of the record.
func (r record) annotations(dataKey string) map[string]string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return map[string]string{
		v1alpha1.AnnotationTokenID: number(r.tokenID), v1alpha1.AnnotationTokenRevision: number(r.revision),
		v1alpha1.AnnotationServiceAccountID: number(r.accountID), v1alpha1.AnnotationOrgID: number(r.orgID),
		v1alpha1.AnnotationTokenTTL: r.ttl.String(), v1alpha1.AnnotationTokenKey: dataKey, v1alpha1.AnnotationTokenDigest: digest(r.key),
	}
}

// quiet is a context without a logger: at high verbosity client-go logs the bodies of requests and answers, and a Secret's must not be among them.
func quiet(ctx context.Context) context.Context { return logr.NewContext(ctx, logr.Discard()) }

// tokenSecret reads the Secret of a token, live. It is nil if there is none; one that is not ours is a SecretConflict.
func (e *Env) tokenSecret(ctx context.Context, obj *v1alpha1.ServiceAccountToken) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := e.Live.Get(quiet(ctx), client.ObjectKey{Namespace: obj.Namespace, Name: obj.SecretName()}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case metav1.IsControlledBy(&secret, obj):
		return &secret, nil
	case !obj.DeletionTimestamp.IsZero() && obj.Spec.DeletionPolicy == v1alpha1.DeletionOrphan && metav1.GetControllerOf(&secret) == nil:
		return &secret, nil // let go of already: it still says which token must live
	case !obj.DeletionTimestamp.IsZero():
		return nil, nil // not ours to delete
	}
	return nil, stalled(v1alpha1.ReasonSecretConflict, "Secret %s/%s exists and does not belong to this object: delete it, or give this object another secret.name in a new ServiceAccountToken",
		obj.Namespace, obj.SecretName())
}

// desiredSecret lays what spec and record want over what is there. What others have added stays; what the spec named before and no longer does goes.
func desiredSecret(obj *v1alpha1.ServiceAccountToken, now *corev1.Secret, r record) *corev1.Secret {
	want := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: obj.SecretName()}, Type: corev1.SecretType(obj.Spec.Secret.Type)}
	if now != nil {
		want = now.DeepCopy()
	}
	labels, annotations := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}, r.annotations(obj.Spec.Secret.Key)
	for k, v := range obj.Spec.Secret.Labels {
		labels[k] = string(v)
	}
	maps.Copy(annotations, obj.Spec.Secret.Annotations)
	annotations[v1alpha1.AnnotationAppliedLabels] = strings.Join(slices.Sorted(maps.Keys(obj.Spec.Secret.Labels)), ",")
	annotations[v1alpha1.AnnotationAppliedAnnotations] = strings.Join(slices.Sorted(maps.Keys(obj.Spec.Secret.Annotations)), ",")
	want.Labels = overlay(want.Labels, want.Annotations[v1alpha1.AnnotationAppliedLabels], labels)
	want.Annotations = overlay(want.Annotations, want.Annotations[v1alpha1.AnnotationAppliedAnnotations], annotations)
	if held := want.Annotations[v1alpha1.AnnotationTokenKey]; now != nil && now.Annotations[v1alpha1.AnnotationTokenKey] != held {
		delete(want.Data, now.Annotations[v1alpha1.AnnotationTokenKey])
	}
	if want.Data == nil {
		want.Data = map[string][]byte{}
	}
	want.Data[obj.Spec.Secret.Key] = []byte(r.key.Reveal())
	return want
}

// overlay takes what was applied before out of a map and lays over what is wanted now.
func overlay(have map[string]string, applied string, want map[string]string) map[string]string {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]string{}
	}
	for _, k := range strings.Split(applied, ",") {
		delete(out, k)
	}
	maps.Copy(out, want)
	return out
}

func secretDiffers(obj *v1alpha1.ServiceAccountToken, now *corev1.Secret) bool {
	want := desiredSecret(obj, now, readRecord(now))
	return !maps.Equal(want.Labels, now.Labels) || !maps.Equal(want.Annotations, now.Annotations) ||
		!maps.EqualFunc(want.Data, now.Data, slices.Equal)
}

// rehearse finds out, before a token is made, whether the Secret can be written.
func (e *Env) rehearse(ctx context.Context, obj *v1alpha1.ServiceAccountToken, now *corev1.Secret) error {
	_, err := e.writeSecret(ctx, obj, now, record{key: "rehearsal"}, client.DryRunAll)
	if err == nil || apierrors.IsConflict(err) || mayHaveTakenEffect(err) {
		return err
	}
	return stalled(v1alpha1.ReasonRefused, "Secret %s/%s cannot be written, so that no token was made: %v", obj.Namespace, obj.SecretName(), err)
}

// writeSecret writes record and key in one request: a new Secret must not exist yet, one that is there must be as it was read.
func (e *Env) writeSecret(ctx context.Context, obj *v1alpha1.ServiceAccountToken, now *corev1.Secret, r record, dry ...client.CreateOption) (*corev1.Secret, error) {
	want := desiredSecret(obj, now, r)
	if err := controllerutil.SetControllerReference(obj, want, e.Scheme()); err != nil {
		return nil, err
	}
	if now == nil {
		return want, e.Create(quiet(ctx), want, dry...)
	}
	var opts []client.UpdateOption
	if len(dry) > 0 {
		opts = append(opts, client.DryRunAll)
	}
	return want, e.Update(quiet(ctx), want, opts...)
}

// mayHaveTakenEffect reports whether a write to Kubernetes that failed may be there all the same.
func mayHaveTakenEffect(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	return apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
}

// disown takes our owner reference off a Secret, so that it stays when the object goes.
func (e *Env) disown(ctx context.Context, obj *v1alpha1.ServiceAccountToken, secret *corev1.Secret) error {
	if !metav1.IsControlledBy(secret, obj) {
		return nil
	}
	kept := secret.DeepCopy()
	if err := controllerutil.RemoveControllerReference(obj, kept, e.Scheme()); err != nil {
		return err
	}
	return client.IgnoreNotFound(e.Update(quiet(ctx), kept))
}

// deleteSecret deletes the Secret that was read, and no later one of its name.
func (e *Env) deleteSecret(ctx context.Context, secret *corev1.Secret) error {
	if secret == nil {
		return nil
	}
	return client.IgnoreNotFound(e.Client.Delete(quiet(ctx), secret, client.Preconditions{UID: &secret.UID}))
}
