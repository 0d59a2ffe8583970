package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// copied applies a Secret again under another name, with all that stands on it but what the change takes off or puts
// on.
func copied(w *suite.World, original *corev1.Secret, name string, changes ...func(*corev1.Secret)) *corev1.Secret {
	w.T.Helper()
	c := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name:            name,
		Labels:          original.Labels,
		Annotations:     map[string]string{},
		OwnerReferences: slices.Clone(original.OwnerReferences),
	}, Type: original.Type, Data: original.Data}
	for k, v := range original.Annotations {
		c.Annotations[k] = v
	}
	return suite.Apply(w, c, changes)
}

func withoutOwner(s *corev1.Secret) { s.OwnerReferences = nil }

// What people copy of a Secret, with or without its owner, is never written or deleted, and never counts: not at rest,
// after a rotation, a rename or a wiped status, nor if its record says more.
func TestAPITokenSecretCopies(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	original, key := w.Secret("ci"), w.Key("ci")
	copies := []*corev1.Secret{
		copied(w, original, "backup"),
		copied(w, original, "for-an-app", withoutOwner),
		copied(w,
			original,
			"newer",
			withoutOwner,
			func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenRevision] = "7" },
		),
	}
	looks(w, token)
	rests(w, token, 1)
	unwritten(w, append(copies, original)...)
	rotate(w, token, "now")
	revised(w, token, 2)
	unwritten(w, copies...)
	suite.Change(w, token, func() { token.Spec.Secret.Name = "elsewhere" })
	suite.Ready(w, token)
	w.Gone(original)
	wipeToken(w, token)
	suite.Visit(w, token)
	revised(w, token, 2)
	rests(w, token, 2)
	unwritten(w, copies...)
	if now := w.Key("elsewhere"); now == key || !alive(w, now) {
		t.Errorf("the Secret holds the old key: %v", now == key)
	}
	w.Delete(token)
	w.Gone(token)
	unwritten(w, copies[1:]...) // the first one has the owner, and so Kubernetes collects it
}

// What people write over the name that a Secret says it was made under makes no copy of it, and is put right.
func TestAPITokenSecretThatSaysAnotherName(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	key := w.Key("ci")
	for _, name := range []string{"", "elsewhere/ci", "ci", "/"} {
		secret := w.Secret("ci")
		suite.Change(w, secret, func() { secret.Annotations[v1alpha1.AnnotationTokenSecret] = name })
		w.Eventually("the annotation of before", func() error {
			if is := w.Secret("ci").Annotations[v1alpha1.AnnotationTokenSecret]; is != w.NS+"/ci" {
				return fmt.Errorf("it is %q", is)
			}
			return nil
		})
		if suite.Ready(w, suite.Visit(w, token)); w.Key("ci") != key {
			t.Errorf("another key after %q", name)
		}
	}
}

// A copy under the name that the spec asks for is somebody else's Secret.
func TestAPITokenSecretRenamedToACopy(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	theirs := copied(w, w.Secret("ci"), "copy", withoutOwner)
	suite.Change(w, token, func() { token.Spec.Secret.Name = "copy" })
	suite.Stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+w.NS+"/copy")
	unwritten(w, theirs)
	suite.Change(w, token, func() { token.Spec.Secret.Name = "" })
	suite.Ready(w, token)
	unwritten(w, theirs)
}

// A copy in another namespace, as tools make that keep Secrets of several namespaces alike, is no Secret of an earlier
// life of that namespace's token of the same name.
func TestAPITokenSecretCopiedToAnotherNamespace(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	tokenOf(w)
	other := w.Namespace(nil)
	org := &v1alpha1.Organization{ObjectMeta: w.Named("team")}
	suite.Change(w, org, func() { org.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	theirs := copied(w, w.Secret("ci"), "ci", withoutOwner, func(s *corev1.Secret) { s.Namespace = other })
	suite.Ready(w, w.Account("robot", "team", func(o *v1alpha1.ServiceAccount) {
		o.Namespace, o.Spec.Name, o.Spec.OrganizationRef.Namespace = other, "other robot", w.NS
	}))
	token := w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Namespace = other })
	suite.Stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+other+"/ci")
	if was := theirs.ResourceVersion; suite.Get(w, theirs).ResourceVersion != was {
		t.Error("the copy was written")
	}
	w.Delete(theirs)
	suite.Ready(w, token)
}

// A Secret of an older operator does not say its own name. It is known by spec and status, gets its name written on,
// and copies of it are none all the same.
func TestAPITokenSecretFromBeforeItHadItsName(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	key, unnamed := w.Key("ci"), func(s *corev1.Secret) { delete(s.Annotations, v1alpha1.AnnotationTokenSecret) }
	suite.Change(w, token, func() { token.Spec.Suspend = true })
	suite.Until(w, token, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
	secret := w.Secret("ci")
	suite.Change(w, secret, func() { unnamed(secret) })
	copies := []*corev1.Secret{
		copied(w, secret, "backup", unnamed),
		copied(w, secret, "for-an-app", unnamed, withoutOwner),
	}
	suite.Change(w, token, func() { token.Spec.Suspend, token.Spec.Secret.Name = false, "elsewhere" })
	suite.Ready(w, token)
	w.Gone(secret)
	unwritten(w, copies...)
	rests(w, token, 1)
	if now := w.Secret(
		"elsewhere",
	); w.Key("elsewhere") != key ||
		now.Annotations[v1alpha1.AnnotationTokenSecret] != w.NS+"/elsewhere" {
		t.Errorf("the same key: %v; annotations: %v", w.Key("elsewhere") == key, now.Annotations)
	}
}

// The event about a Secret that was deleted names it.
func TestAPITokenSecretDeletedIsNamedInTheEvent(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Name = "former" })
	suite.Change(w, token, func() { token.Spec.Secret.Name = "present" })
	suite.Ready(w, token)
	w.Eventually("the event", func() error {
		var list eventsv1.EventList
		if err := w.Client.List(t.Context(), &list, client.InNamespace(w.NS)); err != nil {
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
