package controllers_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// What people add to the Secret stays; what the spec named and no longer names goes.
func TestAPITokenSecretMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	n := w.tenant()
	key, id := w.key("ci"), n.token.Status.TokenID
	s := w.secret("ci")
	change(w, s, func() { s.Labels["theirs"], s.Annotations["theirs"], s.Data["theirs"] = "l", "a", []byte("d") })
	change(w, n.token, func() {
		n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"ours": "1", "more": ""}
		n.token.Spec.Secret.Annotations = map[string]string{"ours": "1"}
	})
	ready(w, n.token)
	if s := w.secret("ci"); s.Labels["ours"] != "1" || s.Annotations["ours"] != "1" {
		t.Errorf("Secret: %+v", s.ObjectMeta)
	}
	change(w, n.token, func() {
		n.token.Spec.Secret.Labels, n.token.Spec.Secret.Annotations, n.token.Spec.Secret.Key = nil, nil, "GRAFANA_TOKEN"
	})
	ready(w, n.token)
	s = w.secret("ci")
	_, label := s.Labels["ours"]
	_, annotation := s.Annotations["ours"]
	_, old := s.Data["token"]
	if label || annotation || old || string(s.Data["GRAFANA_TOKEN"]) != key {
		t.Errorf(
			"labels %v, annotations %v, data keys %d; the key moved: %v",
			s.Labels,
			s.Annotations,
			len(s.Data),
			string(s.Data["GRAFANA_TOKEN"]) == key,
		)
	}
	if s.Labels["theirs"] != "l" || s.Annotations["theirs"] != "a" || string(s.Data["theirs"]) != "d" {
		t.Errorf("what people added is gone: %v, %v", s.Labels, s.Annotations)
	}
	if n.token.Status.TokenID != id {
		t.Error("a token was reissued for nothing")
	}
	change(w, s, func() { s.Labels = nil })
	w.eventually("our label again", func() error {
		if got := w.secret("ci").Labels[v1alpha1.LabelManagedBy]; got != v1alpha1.ManagedBy {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// Renamed, the Secret has the same key under its new name, and the old name is free; nothing is minted.
func TestAPITokenSecretRenamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf(func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{".env": "TOKEN={{ .token }}"}
	})
	key := w.key("ci")
	for _, name := range []string{"elsewhere", "else.where", ""} {
		old := w.secret(token.SecretName())
		change(w, token, func() { token.Spec.Secret.Name = name })
		ready(w, token)
		w.gone(old)
		now := w.secret(token.SecretName())
		if string(now.Data["token"]) != key || string(now.Data[".env"]) != "TOKEN="+key ||
			token.Status.SecretName != now.Name {
			t.Errorf(
				"renamed to %q: the same key: %v; status says %q",
				now.Name,
				string(now.Data["token"]) == key,
				token.Status.SecretName,
			)
		}
		w.rests(token, 1)
		if again := w.secret(now.Name); again.ResourceVersion != now.ResourceVersion {
			t.Errorf("the Secret was written for nothing: %s", cmp.Diff(now.ObjectMeta, again.ObjectMeta))
		}
	}
}

// Renamed to a name that is taken, the Secret stays where it is, and the other one as it is.
func TestAPITokenSecretRenamedToATakenName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs"},
		StringData: map[string]string{"token": "precious"},
	}
	w.create(theirs)
	ours := w.secret("ci")
	change(w, token, func() { token.Spec.Secret.Name = "theirs" })
	stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+w.ns+"/theirs")
	w.unwritten(theirs, ours)
	if !w.alive(w.key("ci")) || len(w.grafana.Keys()) != 1 || token.Status.SecretName != "ci" {
		t.Errorf(
			"the key works: %v; %d keys were made; status says that it is in Secret %q",
			w.alive(w.key("ci")),
			len(w.grafana.Keys()),
			token.Status.SecretName,
		)
	}
	change(w, token, func() { token.Spec.Secret.Name = "free" })
	ready(w, token)
	w.gone(ours)
	w.unwritten(theirs)
	w.rests(token, 1)
}

// unwritten checks that Secrets are as they were.
func (w *world) unwritten(secrets ...*corev1.Secret) {
	w.t.Helper()
	for _, was := range secrets {
		if now := w.secret(was.Name); now.ResourceVersion != was.ResourceVersion {
			w.t.Errorf("Secret %s was written: %s", was.Name, cmp.Diff(was.ObjectMeta, now.ObjectMeta))
		}
	}
}

// Let go by Orphan while a foreign Secret has the name in its spec, a token leaves that one alone.
func TestAPITokenOrphanedBesideAForeignSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf(func(o *v1alpha1.ServiceAccountToken) { o.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	key := w.key("ci")
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs"},
		StringData: map[string]string{"token": "precious"},
	}
	w.create(theirs)
	change(w, token, func() { token.Spec.Secret.Name = "theirs" })
	stalled(w, token, v1alpha1.ReasonSecretConflict)
	w.delete(token)
	w.gone(token)
	w.unwritten(theirs)
	if s := w.secret("ci"); string(s.Data["token"]) != key || !w.alive(key) || metav1.GetControllerOf(s) != nil {
		t.Errorf("the Secret that was let go: %+v; its key works: %v", s.ObjectMeta, w.alive(key))
	}
}

// What a person writes into the record of a Secret does not have the operator revoke a token that is not its own.
func TestAPITokenDeletedWithAForeignRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	org := orgOf(w, "team")
	theirs := w.made(w.ask("POST", w.tokensPath(token), org, map[string]any{"name": "theirs"}))
	change(w, token, func() { token.Spec.Suspend = true })
	until(w, token, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
	secret := w.secret("ci")
	change(w, secret, func() { secret.Annotations[v1alpha1.AnnotationTokenID] = fmt.Sprint(theirs) })
	w.delete(token)
	w.gone(token)
	if left := w.grafana.Tokens(org); len(left) != 1 || left[0].ID != theirs {
		t.Errorf("of token %d, which is somebody else's, and one of our own, there are left: %+v", theirs, left)
	}
}

// Another type makes another Secret of the same name with the same key.
func TestAPITokenSecretType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf(
		func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"a": "b"} },
	)
	old, key := w.secret("ci"), w.key("ci")
	change(w, token, func() { token.Spec.Secret.Type = "example.com/token" })
	ready(w, token)
	now := w.secret("ci")
	if now.Type != "example.com/token" || now.UID == old.UID || w.key("ci") != key || now.Labels["a"] != "b" ||
		!metav1.IsControlledBy(now, token) {
		t.Errorf(
			"type %s, labels %v, owners %v; the same key: %v",
			now.Type,
			now.Labels,
			now.OwnerReferences,
			w.key("ci") == key,
		)
	}
	w.rests(token, 1)
	w.unwritten(now)
}

// A type whose Secrets must hold other data is found out before the one that there is is deleted.
func TestAPITokenSecretOfAnImpossibleType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	secret := w.secret("ci")
	change(w, token, func() { token.Spec.Secret.Type = "kubernetes.io/tls" })
	stalled(w, token, v1alpha1.ReasonRefused, "Secret "+w.ns+"/ci cannot be written")
	w.unwritten(secret)
	w.rotate(token, "now")
	w.looks(token)
	w.unwritten(secret)
	if keys := w.grafana.Keys(); len(keys) != 1 {
		t.Errorf("%d keys were made", len(keys))
	}
	change(w, token, func() { token.Spec.Secret.Type = "Opaque" })
	revised(w, token, 2)
}

// A Secret that does not go when it has to be made anew gets no key after key.
func TestAPITokenSecretThatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	secret := w.secret("ci")
	change(w, secret, func() { secret.Finalizers = []string{"example.com/hold"} })
	change(w, token, func() {
		token.Spec.Secret.Type = "example.com/token"
		metav1.SetMetaDataAnnotation(&token.ObjectMeta, v1alpha1.AnnotationRotate, "now")
	})
	w.looks(token)
	w.looks(token)
	if keys := w.grafana.Keys(); len(keys) > 2 {
		t.Errorf("%d keys were made for a Secret that cannot take them", len(keys))
	}
	change(w, secret, func() { secret.Finalizers = nil })
	ready(w, token)
	tokens := w.grafana.Tokens(orgOf(w, "team"))
	if now := w.secret(
		"ci",
	); now.Type != "example.com/token" || !w.alive(w.key("ci")) ||
		len(tokens) != 1+len(token.Status.Superseded) {
		t.Errorf(
			"type %s; the key works: %v; tokens: %+v; superseded: %+v",
			now.Type,
			w.alive(w.key("ci")),
			tokens,
			token.Status.Superseded,
		)
	}
}

// A Secret that a person made immutable keeps its key, and says why it gets no other; nothing is minted for it.
func TestAPITokenSecretMadeImmutable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	key := w.key("ci")
	secret := w.secret("ci")
	change(w, secret, func() { secret.Immutable = new(true) })
	w.rests(token, 1)
	w.rotate(token, "now")
	stalled(w, token, v1alpha1.ReasonRefused, "Secret "+w.ns+"/ci", "immutable", "delete it")
	w.looks(token)
	if w.key("ci") != key || !w.alive(key) || len(w.grafana.Keys()) != 1 {
		t.Errorf(
			"the same key: %v; it works: %v; %d keys were made",
			w.key("ci") == key,
			w.alive(key),
			len(w.grafana.Keys()),
		)
	}
	w.delete(secret)
	revised(w, token, 2)
	w.dead(key)
}
