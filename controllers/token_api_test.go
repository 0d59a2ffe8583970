package controllers_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A Secret of somebody else's is neither touched nor made useless by a token that is minted and lost; once it is gone,
// the token comes.
func TestAPISecretConflict(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "ci"},
		StringData: map[string]string{"token": "theirs"},
	}
	w.Create(theirs)
	org := w.Organization("team")
	w.Account("robot", "team")
	token := w.Token("ci", "robot")
	suite.Stalled(w, token, v1alpha1.ReasonSecretConflict, "Secret "+w.NS+"/ci", "delete it")
	if keys := w.Grafana.Keys(); len(keys) > 0 {
		t.Errorf("%d tokens were made for a Secret that cannot take them", len(keys))
	}
	if now := w.Secret("ci"); now.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("the Secret was written: %+v", now.ObjectMeta)
	}
	w.Delete(theirs)
	suite.Ready(w, token)
	if _, _, _, alive := w.Grafana.KeyAlive(
		w.Key("ci"),
	); !alive ||
		len(w.Grafana.Tokens(suite.Get(w, org).Status.OrgID)) != 1 {
		t.Errorf("tokens: %+v; the one in the Secret works: %v", w.Grafana.Tokens(org.Status.OrgID), alive)
	}
}

// Two tokens that want one Secret: the first keeps it, the other waits, and deleting the other harms nobody.
func TestAPISecretOfAnotherToken(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	key := w.Key("ci")
	second := w.Token("second", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Name = "ci" })
	suite.Stalled(w, second, v1alpha1.ReasonSecretConflict)
	w.Delete(second)
	w.Gone(second)
	if w.Key("ci") != key {
		t.Error("the Secret has another key")
	}
	w.Delete(n.token)
	w.Gone(n.token, &corev1.Secret{ObjectMeta: w.Named("ci")})
}

// Whatever befalls the key is mended with a new token, and the old one is revoked.
func TestAPITokenReissue(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(w *suite.World, n *tenant){
		"Secret deleted": func(w *suite.World, _ *tenant) { w.Delete(w.Secret("ci")) },
		"key edited": func(w *suite.World, _ *tenant) {
			s := w.Secret("ci")
			suite.Change(w, s, func() { s.Data["token"] = []byte("oops") })
		},
		"key removed": func(w *suite.World, _ *tenant) {
			s := w.Secret("ci")
			suite.Change(w, s, func() { s.Data = nil })
		},
		"record removed": func(w *suite.World, _ *tenant) {
			s := w.Secret("ci")
			suite.Change(w, s, func() { s.Annotations = nil })
		},
		"record garbled": func(w *suite.World, _ *tenant) {
			s := w.Secret("ci")
			suite.Change(w, s, func() {
				for k := range s.Annotations {
					s.Annotations[k] = "-12 ,;\n"
				}
			})
		},
		"revoked in Grafana": func(w *suite.World, n *tenant) {
			w.Grafana.RevokeToken(n.org.Status.OrgID, n.token.Status.TokenID)
			suite.Visit(w, n.token)
		},
		"ttl changed": func(w *suite.World, n *tenant) {
			suite.Change(w, n.token, func() {
				n.token.Spec.TTL = &metav1.Duration{Duration: time.Hour}
				n.token.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{}}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			n := newTenant(w)
			first, id := w.Key("ci"), n.token.Status.TokenID
			harm(w, n)
			w.Eventually("another key in the Secret, alone", func() error {
				var s corev1.Secret
				if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: w.NS, Name: "ci"}, &s); err != nil {
					return err
				}
				if _, _, _, alive := w.Grafana.KeyAlive(
					string(s.Data["token"]),
				); !alive ||
					string(s.Data["token"]) == first {
					return errors.New("it is the old one or a dead one")
				}
				if all := w.Grafana.Tokens(n.org.Status.OrgID); len(all) != 1 || all[0].ID == id {
					return fmt.Errorf("tokens: %+v", all)
				}
				return nil
			})
			suite.Until(w, n.token, "status of the new token", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && n.token.Status.TokenID != id
			})
			n.check(w)
			if _, _, _, alive := w.Grafana.KeyAlive(first); alive {
				t.Error("the old key still works")
			}
		})
	}
}

// A token of another type of Secret, with a life time.
func TestAPITokenTTL(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	w.Account("robot", "team")
	token := suite.Ready(w, w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.TTL = &metav1.Duration{Duration: 90 * time.Minute}
		o.Spec.Secret.Name, o.Spec.Secret.Type = "elsewhere", "example.com/token"
	}))
	made := suite.Find(
		w.Grafana.Tokens(orgOf(w, "team")),
		func(t grafanatest.Tok) bool { return t.ID == token.Status.TokenID },
	)
	if made == nil || made.Expires == nil || made.Expires.Sub(made.Created) != 90*time.Minute {
		t.Fatalf("token: %+v", made)
	}
	if at := token.Status.ExpiresAt; at == nil || !at.Equal(&metav1.Time{Time: *made.Expires}) ||
		token.Status.SecretName != "elsewhere" {
		t.Errorf("status: %+v; it expires at %v", token.Status, made.Expires)
	}
	if s := w.Secret("elsewhere"); s.Type != "example.com/token" || string(s.Data["token"]) != w.Grafana.Keys()[0] {
		t.Errorf("Secret of type %s", s.Type)
	}
}

// A token that has expired by Grafana's clock is replaced at the next visit.
func TestAPITokenExpires(t *testing.T) {
	t.Parallel()
	clock := suite.NewClock()
	w := suite.New(t, grafanatest.Options{Now: clock.Now})
	w.Organization("team")
	w.Account("robot", "team")
	token := suite.Ready(
		w,
		w.Token(
			"ci",
			"robot",
			func(o *v1alpha1.ServiceAccountToken) { o.Spec.TTL = &metav1.Duration{Duration: time.Hour} },
		),
	)
	first := w.Key("ci")
	clock.Advance(2 * time.Hour)
	suite.Visit(w, token)
	suite.Until(
		w,
		token,
		"a second revision",
		func(c metav1.Condition) bool { return token.Status.Revision == 2 && c.Status == metav1.ConditionTrue },
	)
	if _, _, _, alive := w.Grafana.KeyAlive(w.Key("ci")); !alive || w.Key("ci") == first {
		t.Error("the Secret holds a dead key")
	}
	if all := w.Grafana.Tokens(orgOf(w, "team")); len(all) != 1 {
		t.Errorf("tokens: %+v", all)
	}
}

// A key of a disabled service account is made, but the token says that it does not work.
func TestAPITokenOfDisabledAccount(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	n := newTenant(w)
	suite.Change(w, n.sa, func() { n.sa.Spec.Disabled = true })
	suite.Ready(w, n.sa)
	suite.Stalled(w, n.token, v1alpha1.ReasonServiceAccountDisabled, "ServiceAccount robot is disabled")
	suite.Change(w, n.sa, func() { n.sa.Spec.Disabled = false })
	suite.Ready(w, n.token)
	n.check(w)
}

// orgOf is the id of the organization of an Organization.
func orgOf(w *suite.World, name string) int64 {
	w.T.Helper()
	return suite.Get(w, &v1alpha1.Organization{ObjectMeta: w.Named(name)}).Status.OrgID
}
