package controllers_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// What people add to the Secret stays; what the spec named and no longer names goes.
func TestAPITokenSecretMetadata(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	key, id := w.Key("ci"), n.token.Status.TokenID
	s := w.Secret("ci")
	suite.Change(w, s, func() { s.Labels["theirs"], s.Annotations["theirs"], s.Data["theirs"] = "l", "a", []byte("d") })
	suite.Change(w, n.token, func() {
		n.token.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"ours": "1", "more": ""}
		n.token.Spec.Secret.Annotations = map[string]string{"ours": "1"}
	})
	suite.Ready(w, n.token)
	if s := w.Secret("ci"); s.Labels["ours"] != "1" || s.Annotations["ours"] != "1" {
		t.Errorf("Secret: %+v", s.ObjectMeta)
	}
	suite.Change(w, n.token, func() {
		n.token.Spec.Secret.Labels, n.token.Spec.Secret.Annotations, n.token.Spec.Secret.Key = nil, nil, "GRAFANA_TOKEN"
	})
	suite.Ready(w, n.token)
	s = w.Secret("ci")
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
	suite.Change(w, s, func() { s.Labels = nil })
	w.Eventually("our label again", func() error {
		if got := w.Secret("ci").Labels[v1alpha1.LabelManagedBy]; got != v1alpha1.ManagedBy {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// Renamed, the Secret has the same key under its new name, and the old name is free; nothing is minted.
func TestAPITokenSecretRenamed(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{".env": "TOKEN={{ .token }}"}
	})
	key := w.Key("ci")
	for _, name := range []string{"elsewhere", "else.where", ""} {
		old := w.Secret(token.SecretName())
		suite.Change(w, token, func() { token.Spec.Secret.Name = name })
		suite.Ready(w, token)
		w.Gone(old)
		now := w.Secret(token.SecretName())
		if string(now.Data["token"]) != key || string(now.Data[".env"]) != "TOKEN="+key ||
			token.Status.SecretName != now.Name {
			t.Errorf(
				"renamed to %q: the same key: %v; status says %q",
				now.Name,
				string(now.Data["token"]) == key,
				token.Status.SecretName,
			)
		}
		rests(w, token, 1)
		if again := w.Secret(now.Name); again.ResourceVersion != now.ResourceVersion {
			t.Errorf("the Secret was written for nothing: %s", cmp.Diff(now.ObjectMeta, again.ObjectMeta))
		}
	}
}

// Renamed to a name that is taken, the Secret stays where it is, and the other one as it is.
func TestAPITokenSecretRenamedToATakenName(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs"},
		StringData: map[string]string{"token": "precious"},
	}
	w.Create(theirs)
	ours := w.Secret("ci")
	suite.Change(w, token, func() { token.Spec.Secret.Name = "theirs" })
	suite.Stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+w.NS+"/theirs")
	unwritten(w, theirs, ours)
	if !alive(w, w.Key("ci")) || len(w.Grafana.Keys()) != 1 || token.Status.SecretName != "ci" {
		t.Errorf(
			"the key works: %v; %d keys were made; status says that it is in Secret %q",
			alive(w, w.Key("ci")),
			len(w.Grafana.Keys()),
			token.Status.SecretName,
		)
	}
	suite.Change(w, token, func() { token.Spec.Secret.Name = "free" })
	suite.Ready(w, token)
	w.Gone(ours)
	unwritten(w, theirs)
	rests(w, token, 1)
}

// unwritten checks that Secrets are as they were.
func unwritten(w *suite.World, secrets ...*corev1.Secret) {
	w.T.Helper()
	for _, was := range secrets {
		if now := w.Secret(was.Name); now.ResourceVersion != was.ResourceVersion {
			w.T.Errorf("Secret %s was written: %s", was.Name, cmp.Diff(was.ObjectMeta, now.ObjectMeta))
		}
	}
}

// Let go by Orphan while a foreign Secret has the name in its spec, a token leaves that one alone.
func TestAPITokenOrphanedBesideAForeignSecret(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) { o.Spec.DeletionPolicy = v1alpha1.DeletionOrphan })
	key := w.Key("ci")
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "theirs"},
		StringData: map[string]string{"token": "precious"},
	}
	w.Create(theirs)
	suite.Change(w, token, func() { token.Spec.Secret.Name = "theirs" })
	suite.Stalled(w, token, v1alpha1.ReasonSecretConflict)
	w.Delete(token)
	w.Gone(token)
	unwritten(w, theirs)
	if s := w.Secret("ci"); string(s.Data["token"]) != key || !alive(w, key) || metav1.GetControllerOf(s) != nil {
		t.Errorf("the Secret that was let go: %+v; its key works: %v", s.ObjectMeta, alive(w, key))
	}
}

// What a person writes into the record of a Secret does not have the operator revoke a token that is not its own.
func TestAPITokenDeletedWithAForeignRecord(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	org := orgOf(w, "team")
	theirs := w.Made(w.Ask("POST", tokensPath(w, token), org, map[string]any{"name": "theirs"}))
	suite.Change(w, token, func() { token.Spec.Suspend = true })
	suite.Until(w, token, "suspended", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonSuspended })
	secret := w.Secret("ci")
	suite.Change(w, secret, func() { secret.Annotations[v1alpha1.AnnotationTokenID] = fmt.Sprint(theirs) })
	w.Delete(token)
	w.Gone(token)
	if left := w.Grafana.Tokens(org); len(left) != 1 || left[0].ID != theirs {
		t.Errorf("of token %d, which is somebody else's, and one of our own, there are left: %+v", theirs, left)
	}
}

// Another type makes another Secret of the same name with the same key.
func TestAPITokenSecretType(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w,
		func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Labels = map[string]v1alpha1.LabelValue{"a": "b"} },
	)
	old, key := w.Secret("ci"), w.Key("ci")
	suite.Change(w, token, func() { token.Spec.Secret.Type = "example.com/token" })
	suite.Ready(w, token)
	now := w.Secret("ci")
	if now.Type != "example.com/token" || now.UID == old.UID || w.Key("ci") != key || now.Labels["a"] != "b" ||
		!metav1.IsControlledBy(now, token) {
		t.Errorf(
			"type %s, labels %v, owners %v; the same key: %v",
			now.Type,
			now.Labels,
			now.OwnerReferences,
			w.Key("ci") == key,
		)
	}
	rests(w, token, 1)
	unwritten(w, now)
}

// A type whose Secrets must hold other data is found out before the one that there is is deleted.
func TestAPITokenSecretOfAnImpossibleType(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	secret := w.Secret("ci")
	suite.Change(w, token, func() { token.Spec.Secret.Type = "kubernetes.io/tls" })
	suite.Stalled(w, token, v1alpha1.ReasonRefused, "Secret "+w.NS+"/ci cannot be written")
	unwritten(w, secret)
	rotate(w, token, "now")
	looks(w, token)
	unwritten(w, secret)
	if keys := w.Grafana.Keys(); len(keys) != 1 {
		t.Errorf("%d keys were made", len(keys))
	}
	suite.Change(w, token, func() { token.Spec.Secret.Type = "Opaque" })
	revised(w, token, 2)
}

// A Secret that does not go when it has to be made anew gets no key after key.
func TestAPITokenSecretThatIsHeld(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	secret := w.Secret("ci")
	suite.Change(w, secret, func() { secret.Finalizers = []string{"example.com/hold"} })
	suite.Change(w, token, func() {
		token.Spec.Secret.Type = "example.com/token"
		metav1.SetMetaDataAnnotation(&token.ObjectMeta, v1alpha1.AnnotationRotate, "now")
	})
	looks(w, token)
	looks(w, token)
	if keys := w.Grafana.Keys(); len(keys) > 2 {
		t.Errorf("%d keys were made for a Secret that cannot take them", len(keys))
	}
	suite.Change(w, secret, func() { secret.Finalizers = nil })
	suite.Ready(w, token)
	tokens := w.Grafana.Tokens(orgOf(w, "team"))
	if now := w.Secret(
		"ci",
	); now.Type != "example.com/token" || !alive(w, w.Key("ci")) ||
		len(tokens) != 1+len(token.Status.Superseded) {
		t.Errorf(
			"type %s; the key works: %v; tokens: %+v; superseded: %+v",
			now.Type,
			alive(w, w.Key("ci")),
			tokens,
			token.Status.Superseded,
		)
	}
}

// A Secret that a person made immutable keeps its key, and says why it gets no other; nothing is minted for it.
func TestAPITokenSecretMadeImmutable(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	key := w.Key("ci")
	secret := w.Secret("ci")
	suite.Change(w, secret, func() { secret.Immutable = new(true) })
	rests(w, token, 1)
	rotate(w, token, "now")
	suite.Stalled(w, token, v1alpha1.ReasonRefused, "Secret "+w.NS+"/ci", "immutable", "delete it")
	looks(w, token)
	if w.Key("ci") != key || !alive(w, key) || len(w.Grafana.Keys()) != 1 {
		t.Errorf(
			"the same key: %v; it works: %v; %d keys were made",
			w.Key("ci") == key,
			alive(w, key),
			len(w.Grafana.Keys()),
		)
	}
	w.Delete(secret)
	revised(w, token, 2)
	dead(w, key)
}
