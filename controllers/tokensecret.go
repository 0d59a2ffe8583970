package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;delete

// tokenSecrets are the Secrets of one token. There is one, but for a moment after its name in the spec has changed.
type tokenSecrets struct {
	wanted *corev1.Secret   // has the name in the spec; nil: there is none of ours
	others []*corev1.Secret // have other names
	taken  *corev1.Secret   // has the name in the spec, and is not ours: the key stays, as wanted, under the name that it had before
	kept   map[int64]bool   // tokens that Secrets of earlier lives hold, which were let go
}

func (s tokenSecrets) all() []*corev1.Secret {
	all := slices.Clone(s.others)
	if s.wanted != nil {
		all = append(all, s.wanted)
	}
	return all
}

// held is the Secret that counts: of those with a whole key, the one with the highest revision.
func (s tokenSecrets) held() *corev1.Secret {
	best := s.wanted
	for _, other := range s.others {
		have, r := readRecord(best), readRecord(other)
		if r.intact() && (!have.intact() || r.revision > have.revision) {
			best = other
		}
	}
	return best
}

// quiet is a context without a logger: at high verbosity client-go logs the bodies of requests and answers, and a Secret's must not be among them.
func quiet(ctx context.Context) context.Context { return logr.NewContext(ctx, logr.Discard()) }

// tokenSecrets reads the Secrets of a token, live.
func (e *Env) tokenSecrets(ctx context.Context, obj *v1alpha1.ServiceAccountToken) (tokenSecrets, error) {
	var s tokenSecrets
	wanted, err := e.liveSecret(ctx, obj, obj.SecretName())
	switch {
	case err != nil:
		return s, err
	case wanted != nil && ours(wanted, obj):
		s.wanted = wanted
	case wanted != nil:
		s.taken = wanted
	}
	s.kept = map[int64]bool{}
	names, err := e.formerNames(ctx, obj, s.kept)
	if err != nil {
		return s, err
	}
	for _, name := range names {
		former, err := e.liveSecret(ctx, obj, name)
		if err != nil {
			return s, err
		}
		if former != nil && ours(former, obj) {
			s.others = append(s.others, former)
		}
	}
	if s.taken != nil {
		s.wanted = s.held()
		s.others = slices.DeleteFunc(s.others, func(o *corev1.Secret) bool { return o == s.wanted })
	}
	return s, nil
}

// liveSecret is nil if there is none.
func (e *Env) liveSecret(ctx context.Context, obj *v1alpha1.ServiceAccountToken, name string) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := e.Live.Get(quiet(ctx), client.ObjectKey{Namespace: obj.Namespace, Name: name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return &secret, withheld("read", obj.Namespace+"/"+name, err)
}

// ours reports whether a Secret belongs to the object. With deletionPolicy Orphan nothing owns it, or Kubernetes would collect it before we have let go, and people can take our reference off;
// its annotation still says whose it is.
func ours(secret *corev1.Secret, obj *v1alpha1.ServiceAccountToken) bool {
	return !isCopy(secret, obj) && (belongs(secret, obj) || obj.DeletionTimestamp.IsZero() && ofEarlierLife(secret, obj))
}

// belongs reports whether owner or annotation name the object. A copy that somebody made says the same.
func belongs(secret metav1.Object, obj *v1alpha1.ServiceAccountToken) bool {
	disowned := metav1.GetControllerOf(secret) == nil && secret.GetAnnotations()[v1alpha1.AnnotationTokenOwner] == tokenOwner(obj)
	return metav1.IsControlledBy(secret, obj) || disowned
}

// isCopy reports whether somebody else has made the Secret from one of the operator's: it says itself that it was made under
// another name. Of one from before Secrets said so, spec or status have to name it.
func isCopy(secret metav1.Object, obj *v1alpha1.ServiceAccountToken) bool {
	name := secret.GetName()
	original, says := originalName(secret)
	switch {
	case !says:
		original = obj.SecretName()
	case original == "":
		return true
	}
	return name != original && name != obj.Status.SecretName
}

// originalName is the name that the operator made a Secret under, as the Secret says, if it says that; empty: it was made
// in another namespace. Not every one says in which.
func originalName(secret metav1.Object) (name string, says bool) {
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

// ofEarlierLife reports whether a Secret was made for an object of this name that is no more: it was deleted with Orphan, or restored, and applied again.
func ofEarlierLife(secret *corev1.Secret, obj *v1alpha1.ServiceAccountToken) bool {
	name, uid, _ := strings.Cut(secret.Annotations[v1alpha1.AnnotationTokenOwner], "/")
	owner := metav1.GetControllerOf(secret)
	return name == obj.Name && uid != string(obj.UID) &&
		(owner == nil || owner.Kind == "ServiceAccountToken" && owner.Name == obj.Name && string(owner.UID) == uid)
}

// tokenOwner is how a Secret names the object that it was made for.
func tokenOwner(obj *v1alpha1.ServiceAccountToken) string { return obj.Name + "/" + string(obj.UID) }

// formerNames are the names, other than the wanted one, of Secrets that may be ours: by their owner in the cache, which may be behind, and by status, which may be lost. It notes the tokens that
// others hold which were ours in an earlier life.
func (e *Env) formerNames(ctx context.Context, obj *v1alpha1.ServiceAccountToken, kept map[int64]bool) ([]string, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := e.List(ctx, &list, client.InNamespace(obj.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	names := map[string]bool{obj.Status.SecretName: true}
	for i := range list.Items {
		secret := &list.Items[i]
		if belongs(secret, obj) {
			names[secret.Name] = true
		} else if secret.Name != obj.SecretName() && strings.HasPrefix(secret.Annotations[v1alpha1.AnnotationTokenOwner], obj.Name+"/") {
			if original, says := originalName(secret); !says || original == secret.Name { // else a copy
				id, _ := strconv.ParseInt(secret.Annotations[v1alpha1.AnnotationTokenID], 10, 64)
				kept[id] = true
			}
		}
	}
	delete(names, "")
	delete(names, obj.SecretName())
	return slices.Sorted(maps.Keys(names)), nil
}

// desired lays what spec and record want over what is there. What others have added stays; what the spec named before and no longer does goes.
func (x *token) desired(now *corev1.Secret, r record) (*corev1.Secret, error) {
	spec := x.obj.Spec.Secret
	data, err := x.render(r)
	if err != nil {
		return nil, stalled(v1alpha1.ReasonInvalidSpec, "spec.secret.template: %v", err)
	}
	data[spec.Key] = []byte(r.key.Reveal())
	labels, annotations := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}, r.annotations(spec.Key)
	for k, v := range spec.Labels {
		labels[k] = string(v)
	}
	annotations[v1alpha1.AnnotationTokenOwner] = tokenOwner(x.obj)
	annotations[v1alpha1.AnnotationTokenSecret] = x.obj.Namespace + "/" + x.obj.SecretName()
	if now != nil {
		annotations[v1alpha1.AnnotationTokenSecret] = now.Namespace + "/" + now.Name
	}
	maps.Copy(annotations, spec.Annotations)
	annotations[v1alpha1.AnnotationAppliedLabels] = names(spec.Labels)
	annotations[v1alpha1.AnnotationAppliedAnnotations] = names(spec.Annotations)
	annotations[v1alpha1.AnnotationAppliedData] = names(data)

	want := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: x.obj.Namespace, Name: x.obj.SecretName()}}
	if now != nil {
		want = now.DeepCopy()
	}
	want.Type = corev1.SecretType(spec.Type)
	was := want.Annotations
	if !tellsOurs(was) {
		want.Data = nil // which of it was ours is not known any more; a dead key shall not stay
	}
	want.Labels = overlay(want.Labels, was[v1alpha1.AnnotationAppliedLabels], labels)
	want.Data = overlay(want.Data, was[v1alpha1.AnnotationAppliedData]+","+was[v1alpha1.AnnotationTokenKey], data)
	want.Annotations = overlay(want.Annotations, was[v1alpha1.AnnotationAppliedAnnotations]+","+optionalAnnotations, annotations)
	if err := x.own(want); err != nil {
		return nil, stalled(v1alpha1.ReasonSecretConflict, "%v", err)
	}
	return want, nil
}

// tellsOurs reports whether a Secret's annotations can be believed as to which of its data is ours: the key always is. Else they were taken off, or edited.
func tellsOurs(annotations map[string]string) bool {
	key := annotations[v1alpha1.AnnotationTokenKey]
	return key != "" && slices.Contains(strings.Split(annotations[v1alpha1.AnnotationAppliedData], ","), key)
}

// own makes the Secret the object's in Kubernetes' eyes, so that it is collected with it; with deletionPolicy Orphan nobody's.
func (x *token) own(secret *corev1.Secret) error {
	if owner := metav1.GetControllerOf(secret); owner != nil && owner.UID != x.obj.UID { // it is no more: see ofEarlierLife
		secret.OwnerReferences = slices.DeleteFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == owner.UID })
	}
	switch {
	case !x.obj.Stays():
		return controllerutil.SetControllerReference(x.obj, secret, x.env.Scheme())
	case metav1.IsControlledBy(secret, x.obj):
		return controllerutil.RemoveControllerReference(x.obj, secret, x.env.Scheme())
	}
	return nil
}

// optionalAnnotations are those of the record that a later one may not have.
const optionalAnnotations = v1alpha1.AnnotationTokenExpires + "," + v1alpha1.AnnotationSuperseded + "," + v1alpha1.AnnotationRotate

// names lists the keys of a map as one text.
func names[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ",") }

// overlay takes what was applied before out of a map and lays over what is wanted now.
func overlay[V any](have map[string]V, applied string, want map[string]V) map[string]V {
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

// secretDiffers reports whether the key is not yet where and how the spec wants it.
func (x *token) secretDiffers(s tokenSecrets) bool {
	if s.wanted == nil || s.held() != s.wanted {
		return true
	}
	want, err := x.desired(s.wanted, readRecord(s.wanted))
	if err != nil {
		return true // whoever writes it meets the error
	}
	return want.Type != s.wanted.Type || metav1.IsControlledBy(s.wanted, x.obj) == x.obj.Stays() || !maps.Equal(want.Labels, s.wanted.Labels) || !maps.Equal(want.Annotations, s.wanted.Annotations) ||
		!maps.EqualFunc(want.Data, s.wanted.Data, slices.Equal)
}

// conflict is the problem with a Secret that is somebody else's and has the name that ours should have.
func conflict(s tokenSecrets) error {
	kept := ""
	if s.wanted != nil {
		kept = fmt.Sprintf(". Until then the key is kept in Secret %s, and rotated there", s.wanted.Name)
	}
	name := s.taken.Namespace + "/" + s.taken.Name
	if owner := metav1.GetControllerOf(s.taken); owner != nil {
		return stalled(v1alpha1.ReasonSecretConflict, "Secret %s belongs to %s %s: set another secret.name%s", name, owner.Kind, owner.Name, kept)
	}
	return stalled(v1alpha1.ReasonSecretConflict, "Secret %s exists and does not belong to this object: delete it, or set another secret.name%s", name, kept)
}

// home is the Secret that the key goes into.
func (x *token) home() string {
	if now := x.have.secrets.wanted; now != nil {
		return now.Namespace + "/" + now.Name
	}
	return x.obj.Namespace + "/" + x.obj.SecretName()
}

// rehearsal has the form and the length of a key.
const rehearsal = "glsa_rehearsal0rehearsal0rehearsal012_00000000"

// rehearse finds out, before a token is made or a Secret deleted, whether the Secret can be written.
func (x *token) rehearse(ctx context.Context) error {
	name, now := x.home(), x.have.secrets.wanted
	if now == nil && x.have.secrets.taken != nil {
		return conflict(x.have.secrets)
	}
	if now != nil && !now.DeletionTimestamp.IsZero() {
		return &problem{Reason: v1alpha1.ReasonSecretConflict, Retry: true, Message: fmt.Sprintf("Secret %s is being deleted, and its finalizers hold it: waiting until it is gone", name)}
	}
	again := now != nil && string(now.Type) != x.obj.Spec.Secret.Type // it has to be made anew
	if again && len(now.Finalizers) > 0 {
		return stalled(v1alpha1.ReasonRefused, "Secret %s has to be deleted and made again to get type %s, and its finalizers keep it from that: take them off, or set the type back", name, x.obj.Spec.Secret.Type)
	}
	r := x.nextRecord()
	r.key = rehearsal
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
		err = withheld("update", name, x.env.Update(quiet(ctx), want, client.DryRunAll))
	} else { // there is nothing real in it, so that what Kubernetes says can be told
		if again {
			want.Name, want.GenerateName = "", "rehearsal-"
		}
		err = x.env.Create(quiet(ctx), want, client.DryRunAll)
	}
	switch {
	case err == nil:
		return keptWhole(sent, want)
	case apierrors.IsConflict(err) || mayHaveTakenEffect(err):
		return err
	case base != nil && now.Immutable != nil && *now.Immutable:
		return stalled(v1alpha1.ReasonRefused, "Secret %s has to change and is immutable: delete it, and it is made again with another key", name)
	}
	return stalled(v1alpha1.ReasonRefused, "Secret %s cannot be written, so that nothing was changed: %v", name, err)
}

// writeSecret writes record and key in one request: a new Secret must not exist yet, one that is there must be as it was read. One of another type, which Kubernetes cannot change, goes first;
// if the process dies between the two, the key is lost and another one is made.
func (x *token) writeSecret(ctx context.Context, now *corev1.Secret, r record) (*corev1.Secret, error) {
	want, err := x.desired(now, r)
	if err != nil {
		return nil, err
	}
	name, sent := want.Namespace+"/"+want.Name, want.DeepCopy()
	if now != nil && now.Type == want.Type {
		if err := x.env.Update(quiet(ctx), want); err != nil {
			return want, withheld("update", name, err)
		}
		return want, keptWhole(sent, want)
	}
	if now != nil {
		if err := x.env.Delete(quiet(ctx), now, client.Preconditions{UID: &now.UID, ResourceVersion: &now.ResourceVersion}); err != nil {
			return nil, withheld("delete", name, err)
		}
		want.UID, want.ResourceVersion, want.CreationTimestamp = "", "", metav1.Time{}
	}
	if err := x.env.Create(quiet(ctx), want); err != nil {
		return want, withheld("create", name, err)
	}
	return want, keptWhole(sent, want)
}

// keptWhole fails if Kubernetes keeps something else than what was sent: then the key could not be known again, and another one would be made for ever.
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
	return stalled(v1alpha1.ReasonRefused, "something in the cluster changes Secret %s/%s as it is written (%s), most likely a mutating admission policy or webhook: exempt the Secret from it", secret.Namespace, secret.Name, what)
}

// unspoken is an error of Kubernetes about a Secret, without its words: an admission policy or webhook can quote in them what the Secret holds.
type unspoken struct {
	text string
	err  error
}

func (u *unspoken) Error() string { return u.text }
func (u *unspoken) Unwrap() error { return u.err }

// withheld keeps an error's meaning and drops its text.
func withheld(verb, secret string, err error) error {
	if err == nil {
		return nil
	}
	text := fmt.Sprintf("no answer from Kubernetes to the request to %s Secret %s", verb, secret)
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		text = fmt.Sprintf("Kubernetes refused to %s Secret %s: %d %s (its words are withheld, since an admission policy can quote the key in them)", verb, secret, status.Status().Code, status.Status().Reason)
	}
	return &unspoken{text: text, err: err}
}

// mayHaveTakenEffect reports whether a write to Kubernetes that failed may be there all the same. What we refuse ourselves was never sent.
func mayHaveTakenEffect(err error) bool {
	var own *problem
	if errors.As(err, &own) {
		return false
	}
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
	return withheld("update", kept.Namespace+"/"+kept.Name, client.IgnoreNotFound(e.Update(quiet(ctx), kept)))
}

// deleteSecrets deletes the Secrets that were read, no later ones of their names, and takes them off the list.
func (e *Env) deleteSecrets(ctx context.Context, secrets *[]*corev1.Secret) error {
	for len(*secrets) > 0 {
		secret := (*secrets)[0]
		if err := client.IgnoreNotFound(e.Delete(quiet(ctx), secret, client.Preconditions{UID: &secret.UID})); err != nil {
			return withheld("delete", secret.Namespace+"/"+secret.Name, err)
		}
		*secrets = slices.Delete(*secrets, 0, 1)
	}
	return nil
}

// render fills the templates in.
func (x *token) render(r record) (map[string][]byte, error) {
	return renderTemplates(x.obj.Spec.Secret.Template, map[string]any{
		"token": r.key.Reveal(), "expiresAt": r.expires, "login": x.account.Status.Login,
		"url": x.conn.URL(), "orgID": x.org.ID(), "orgName": x.object.Status.Name,
	})
}
