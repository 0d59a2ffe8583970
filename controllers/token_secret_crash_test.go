package controllers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// renameData asks for the key under another name, and for no template.
func renameData(w *crash.World) {
	crash.Edit(
		w,
		crash.Token(),
		func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Key, t.Spec.Secret.Template = "key", nil },
	)
}

// healingScenarios: what people and accidents do to a token on either side.
func healingScenarios() []crash.Scenario {
	damage := func(change func(*corev1.Secret)) func(*crash.World) {
		return func(w *crash.World) {
			s := &corev1.Secret{ObjectMeta: crash.Named("token")}
			w.Get(s)
			change(s)
			if err := w.Kube.Update(w.TB.Context(), s); err != nil {
				w.TB.Fatal(err)
			}
			w.Everybody()
		}
	}
	return []crash.Scenario{
		{Name: "token's Secret deleted", Before: crash.Tenant, Act: func(w *crash.World) {
			w.Delete(&corev1.Secret{ObjectMeta: crash.Named("token")})
		}},
		{
			Name:   "token's key emptied",
			Before: withToken(plain),
			Act:    damage(func(s *corev1.Secret) { s.Data["token"] = nil }),
		},
		{
			Name:   "token's key edited",
			Before: withToken(plain),
			Act:    damage(func(s *corev1.Secret) { s.Data["token"] = []byte("glsa_mine") }),
		},
		{
			Name:   "token's record edited",
			Before: withToken(plain),
			Act:    damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenID] = "4711" }),
		},
		{
			Name:   "token's record edited to the highest number",
			Before: withToken(plain),
			Act:    damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenRevision] = "999999999" }),
		},
		{Name: "a person makes a token of the highest number", Before: withToken(plain), Act: func(w *crash.World) {
			name := fmt.Sprintf("token-%s-999999999", tokenUID8())
			w.Grafana.Do("POST", "/api/serviceaccounts/4/tokens", 3, map[string]any{"name": name})
			wishRotation(w)
		}},
		{
			Name:   "token's record wiped",
			Before: withToken(plain),
			Act:    damage(func(s *corev1.Secret) { s.Annotations = nil }),
		},
		{Name: "token's data and labels edited", Before: withToken(templated), Act: damage(func(s *corev1.Secret) {
			s.Data[".env"], s.Labels = []byte("mine"), map[string]string{"mine": "too"}
		}), After: revision(1)},
		{
			Name:   "token's note of its data edited, and then key and template renamed",
			Before: withToken(templated),
			Act: func(w *crash.World) {
				damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationAppliedData] = "9" })(w)
				renameData(w)
			},
			After: revision(1),
		},
		{
			Name:   "token's note of its key edited, and then key and template renamed",
			Before: withToken(templated),
			Act: func(w *crash.World) {
				damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenKey] = "9" })(w)
				renameData(w)
			},
		},
		{
			Name:   "token's record wiped, and then key and template renamed",
			Before: withToken(templated),
			Act: func(w *crash.World) {
				damage(func(s *corev1.Secret) { s.Annotations = nil })(w)
				renameData(w)
			},
		},
		{
			Name:   "token's Secret without its owner",
			Before: withToken(plain),
			Act:    damage(func(s *corev1.Secret) { s.OwnerReferences = nil }),
			After:  revision(1),
		},
		{Name: "token's account is somebody else's after a restore", Before: func(w *crash.World) {
			crash.WithOrg(w)
			w.Settle()
			backup := w.Grafana.Snapshot()
			w.Create(crash.Account("CI"), crash.Token())
			w.Settle()
			w.Grafana.Restore(backup)
			w.Grafana.Do(
				"POST",
				"/api/serviceaccounts",
				3,
				map[string]any{"name": "Foreign Admin robot", "role": "Admin"},
			)
			w.Clock = w.Clock.Add(2 * connection.ProofLife)
		}, Act: func(w *crash.World) {
			w.Visit("ServiceAccountToken tenant/token")
			w.Everybody()
		}},
		{Name: "token's account let go and made again", Before: withToken(plain), Act: func(w *crash.World) {
			crash.Edit(w, crash.Account(""), func(a *v1alpha1.ServiceAccount) {
				a.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
			})
			w.Delete(crash.Account(""))
			w.Settle()
			again := crash.Account("CI two")
			again.UID = "0a0a0a0a-0000-4000-8000-000000000000"
			w.Create(again)
		}, Kept: true, After: func(w *crash.World) error {
			if n := len(w.Grafana.Tokens(3)); n != 1 {
				return fmt.Errorf("%d tokens", n)
			}
			return nil
		}},
		{Name: "token's account let go and another one made", Before: func(w *crash.World) {
			o, a := crash.Organization("Tenant"), crash.Account("CI")
			o.Spec.Adoption, a.Spec.AdoptionPolicy = v1alpha1.AdoptionAllow, v1alpha1.AdoptionAdopt
			w.Create(o)
			w.Settle()
			w.Grafana.Do("POST", "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Editor"})
			w.Create(a, crash.Token())
			w.Settle()
			crash.Edit(w, crash.Account(""), func(a *v1alpha1.ServiceAccount) {
				a.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
			})
			w.Delete(crash.Account(""))
		}, Act: func(w *crash.World) {
			w.Create(crash.Account("Another"))
		}, Kept: true, After: func(w *crash.World) error {
			if all := w.Grafana.Tokens(3); len(all) != 1 || len(w.Grafana.ServiceAccounts(3)) != 2 {
				return fmt.Errorf("%d accounts, tokens %+v", len(w.Grafana.ServiceAccounts(3)), all)
			}
			return nil
		}},
		{Name: "token deleted by a person", Before: crash.Tenant, Act: func(w *crash.World) {
			t := crash.Token()
			w.Get(t)
			a := crash.Account("")
			w.Get(a)
			w.Grafana.Do(
				"DELETE",
				fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", a.Status.ID, t.Status.TokenID),
				a.Status.OrgID,
				nil,
			)
			w.Everybody()
		}},
		{Name: "token revoked by Grafana", Before: withToken(plain), Act: func(w *crash.World) {
			t := crash.Token()
			w.Get(t)
			w.Grafana.RevokeToken(3, t.Status.TokenID)
			w.Everybody()
		}},
		{
			Name:   "token's status wiped",
			Before: withToken(dated),
			Midway: rotated,
			Act:    func(w *crash.World) { wipeStatus(w, crash.Token()) },
			After:  revision(2),
		},
		{Name: "token of an account that is disabled", Before: withToken(plain), Act: func(w *crash.World) {
			crash.Edit(w, crash.Account(""), func(a *v1alpha1.ServiceAccount) { a.Spec.Disabled = true })
		}, Stalled: map[string]string{
			"ServiceAccountToken": v1alpha1.ReasonServiceAccountDisabled,
		}, After: func(w *crash.World) error {
			s := &corev1.Secret{ObjectMeta: crash.Named("token")}
			if w.Get(s); len(w.Grafana.Tokens(3)) != 1 || string(s.Data["token"]) != w.Grafana.Keys()[0] {
				return fmt.Errorf("%d tokens; the Secret holds another key than the first", len(w.Grafana.Tokens(3)))
			}
			return nil
		}},
		{Name: "Grafana restored from before a reset and a rename", Before: func(w *crash.World) {
			withToken(plain)(w)
			w.Settle()
			backup := w.Grafana.Snapshot()
			w.Grafana.ResetDatabase()
			w.Everybody()
			w.Settle()
			crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
			w.Settle()
			w.Grafana.Restore(backup)
		}, Act: func(w *crash.World) {
			w.Clock = w.Clock.Add(2 * connection.ProofLife)
			w.Everybody()
		}},
		{Name: "Grafana restored from before a rotation", Before: func(w *crash.World) {
			withToken(dated)(w)
			w.Settle()
			backup := w.Grafana.Snapshot()
			wishRotation(w)
			w.Settle()
			w.Grafana.Restore(backup)
		}, Act: func(w *crash.World) {
			w.Clock = w.Clock.Add(2 * connection.ProofLife)
			w.Everybody()
		}},
	}
}

// withTaken is a tenant with a token, and a Secret of somebody else's.
func withTaken(w *crash.World) {
	withToken(dated)(w)
	w.Create(&corev1.Secret{ObjectMeta: crash.Named("elsewhere"), Data: map[string][]byte{"token": []byte("precious")}})
}

// stayed fails unless the key of this revision is in the Secret of the old name, and nothing was written to the one
// that is somebody else's.
func stayed(revision int64) func(*crash.World) error {
	return func(w *crash.World) error {
		theirs, own, t := &corev1.Secret{
			ObjectMeta: crash.Named("elsewhere"),
		}, &corev1.Secret{
			ObjectMeta: crash.Named("token"),
		}, crash.Token()
		w.Get(theirs)
		w.Get(own)
		w.Get(t)
		if _, _, id, alive := w.Grafana.KeyAlive(
			string(own.Data["token"]),
		); !alive || id != t.Status.TokenID || t.Status.Revision < revision || revision == 1 &&
			len(w.Grafana.Keys()) > 1 ||
			string(theirs.Data["token"]) != "precious" {
			return fmt.Errorf(
				"token %d, alive: %v; status %+v; theirs has %d bytes",
				id,
				alive,
				t.Status,
				len(theirs.Data["token"]),
			)
		}
		return nil
	}
}

// movingScenarios: the same key in another place.
func movingScenarios() []crash.Scenario {
	change := func(change func(*v1alpha1.ServiceAccountToken)) func(*crash.World) {
		return func(w *crash.World) { crash.Edit(w, crash.Token(), change) }
	}
	rename := func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" }
	conflict := map[string]string{"ServiceAccountToken": v1alpha1.ReasonSecretConflict}
	return []crash.Scenario{
		{Name: "token's labels and key", Before: crash.Tenant, Act: change(func(t *v1alpha1.ServiceAccountToken) {
			t.Spec.Secret.Labels, t.Spec.Secret.Key = map[string]v1alpha1.LabelValue{"team": "a"}, "GRAFANA_TOKEN"
		}), After: revision(1)},
		{
			Name:   "token's template changed",
			Before: withToken(templated),
			Act: change(func(t *v1alpha1.ServiceAccountToken) {
				t.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"other": "{{ .login }}"}
			}),
			After: revision(1),
		},
		{Name: "token's Secret renamed", Before: withToken(templated), Act: change(rename), After: revision(1)},
		{Name: "token's Secret renamed there and back", Before: withToken(plain), Act: func(w *crash.World) {
			change(rename)(w)
			w.Visit("ServiceAccountToken tenant/token")
			change(func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "" })(w)
		}, After: revision(1)},
		{
			Name:   "token's Secret renamed, and the token rotated",
			Before: withToken(plain),
			Act: change(func(t *v1alpha1.ServiceAccountToken) {
				rename(t)
				t.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
			}),
		},
		{
			Name:    "token's Secret renamed to a taken name",
			Before:  withTaken,
			Act:     change(rename),
			Stalled: conflict,
			After:   stayed(1),
		},
		{Name: "token rotated on demand while its Secret's new name is taken", Before: func(w *crash.World) {
			withTaken(w)
			w.Settle()
			change(rename)(w)
		}, Act: wishRotation, Stalled: conflict, After: stayed(2)},
		{Name: "token rotated ahead of its expiry while its Secret's new name is taken", Before: func(w *crash.World) {
			withTaken(w)
			w.Settle()
			change(rename)(w)
		}, Act: func(w *crash.World) {
			w.Clock = w.Clock.Add(61 * time.Minute)
			w.Everybody()
		}, Stalled: conflict, After: stayed(2)},
		{Name: "token's Secret renamed to a name that is freed", Before: func(w *crash.World) {
			withTaken(w)
			w.Settle()
			change(rename)(w)
		}, Act: func(w *crash.World) {
			w.Delete(&corev1.Secret{ObjectMeta: crash.Named("elsewhere")})
		}, After: revision(1)},
		{
			Name:   "token's Secret of another type",
			Before: withToken(templated),
			Act:    change(func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Type = "example.com/token" }),
		},
	}
}

// Of a Secret of the right name that says it was made under another one nobody knows any more that it is the object's
// own, once the status is lost: it stays, and people are told why.
func TestASecretThatSaysItIsACopyIsTold(t *testing.T) {
	for _, version := range crash.Versions() {
		w := crash.New(t, version)
		w.Seed()
		withToken(plain)(w)
		w.Settle()
		secret, o := &corev1.Secret{ObjectMeta: crash.Named("token")}, crash.Token()
		w.Get(secret)
		secret.Annotations[v1alpha1.AnnotationTokenSecret] = "elsewhere"
		w.Get(o)
		o.Status = v1alpha1.ServiceAccountTokenStatus{}
		if err := errors.Join(w.Kube.Update(t.Context(), secret), w.Kube.Status().Update(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
		w.Everybody()
		w.Briefly(time.Minute)
		w.Get(o)
		ready := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionReady)
		if ready.Reason != v1alpha1.ReasonSecretConflict ||
			!strings.Contains(ready.Message, `="elsewhere" that it is a copy`) {
			t.Errorf("%+v", ready)
		}
		w.Delete(secret)
		rested(w)
		if w.Get(o); !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("%+v", o.Status.Conditions)
		}
	}
}
