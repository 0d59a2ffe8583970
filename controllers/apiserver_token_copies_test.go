package controllers_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// copied applies a Secret again under another name, with all that stands on it but what the change takes off or puts
// on.
func (w *world) copied(original *corev1.Secret, name string, changes ...func(*corev1.Secret)) *corev1.Secret {
	w.t.Helper()
	c := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name:            name,
		Labels:          original.Labels,
		Annotations:     map[string]string{},
		OwnerReferences: slices.Clone(original.OwnerReferences),
	}, Type: original.Type, Data: original.Data}
	for k, v := range original.Annotations {
		c.Annotations[k] = v
	}
	return apply(w, c, changes)
}

func withoutOwner(s *corev1.Secret) { s.OwnerReferences = nil }

// What people copy of a Secret, with or without its owner, is never written or deleted, and never counts: not at rest,
// after a rotation, a rename or a wiped status, nor if its record says more.
func TestAPITokenSecretCopies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	original, key := w.secret("ci"), w.key("ci")
	copies := []*corev1.Secret{
		w.copied(original, "backup"),
		w.copied(original, "for-an-app", withoutOwner),
		w.copied(
			original,
			"newer",
			withoutOwner,
			func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenRevision] = "7" },
		),
	}
	w.looks(token)
	w.rests(token, 1)
	w.unwritten(append(copies, original)...)
	w.rotate(token, "now")
	revised(w, token, 2)
	w.unwritten(copies...)
	change(w, token, func() { token.Spec.Secret.Name = "elsewhere" })
	ready(w, token)
	w.gone(original)
	w.wipe(token)
	visit(w, token)
	revised(w, token, 2)
	w.rests(token, 2)
	w.unwritten(copies...)
	if now := w.key("elsewhere"); now == key || !w.alive(now) {
		t.Errorf("the Secret holds the old key: %v", now == key)
	}
	w.delete(token)
	w.gone(token)
	w.unwritten(copies[1:]...) // the first one has the owner, and so Kubernetes collects it
}

// A copy under the name that the spec asks for is somebody else's Secret.
func TestAPITokenSecretRenamedToACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	theirs := w.copied(w.secret("ci"), "copy", withoutOwner)
	change(w, token, func() { token.Spec.Secret.Name = "copy" })
	stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+w.ns+"/copy")
	w.unwritten(theirs)
	change(w, token, func() { token.Spec.Secret.Name = "" })
	ready(w, token)
	w.unwritten(theirs)
}

// A copy in another namespace, as tools make that keep Secrets of several namespaces alike, is no Secret of an earlier
// life of that namespace's token of the same name.
func TestAPITokenSecretCopiedToAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	w.tokenOf()
	other := w.namespace(nil)
	org := &v1alpha1.Organization{ObjectMeta: w.named("team")}
	change(w, org, func() { org.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	theirs := w.copied(w.secret("ci"), "ci", withoutOwner, func(s *corev1.Secret) { s.Namespace = other })
	ready(w, w.account("robot", "team", func(o *v1alpha1.ServiceAccount) {
		o.Namespace, o.Spec.Name, o.Spec.OrganizationRef.Namespace = other, "other robot", w.ns
	}))
	token := w.token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = other })
	stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+other+"/ci")
	if was := theirs.ResourceVersion; get(w, theirs).ResourceVersion != was {
		t.Error("the copy was written")
	}
	w.delete(theirs)
	ready(w, token)
}

// A Secret of an older operator does not say its own name. It is known by spec and status, gets its name written on,
// and copies of it are none all the same.
func TestAPITokenSecretFromBeforeItHadItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	key, unnamed := w.key("ci"), func(s *corev1.Secret) { delete(s.Annotations, v1alpha1.AnnotationTokenSecret) }
	change(w, token, func() { token.Spec.Suspend = true })
	until(w, token, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
	secret := w.secret("ci")
	change(w, secret, func() { unnamed(secret) })
	copies := []*corev1.Secret{
		w.copied(secret, "backup", unnamed),
		w.copied(secret, "for-an-app", unnamed, withoutOwner),
	}
	change(w, token, func() { token.Spec.Suspend, token.Spec.Secret.Name = false, "elsewhere" })
	ready(w, token)
	w.gone(secret)
	w.unwritten(copies...)
	w.rests(token, 1)
	if now := w.secret(
		"elsewhere",
	); w.key("elsewhere") != key ||
		now.Annotations[v1alpha1.AnnotationTokenSecret] != w.ns+"/elsewhere" {
		t.Errorf("the same key: %v; annotations: %v", w.key("elsewhere") == key, now.Annotations)
	}
}

// The event about a Secret that was deleted names it.
func TestAPITokenSecretDeletedIsNamedInTheEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf(func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Name = "former" })
	change(w, token, func() { token.Spec.Secret.Name = "present" })
	ready(w, token)
	w.eventually("the event", func() error {
		var list eventsv1.EventList
		if err := w.client.List(t.Context(), &list, client.InNamespace(w.ns)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Reason == v1alpha1.EventUpdated && strings.Contains(e.Note, "Secret present") &&
				strings.Contains(e.Note, "former Secret former") {
				return nil
			}
		}
		return errNone
	})
}
