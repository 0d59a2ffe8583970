package controllers

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

func tokenScenarios() []scenario {
	return slices.Concat(
		issueScenarios(),
		rotationScenarios(),
		healingScenarios(),
		movingScenarios(),
		endingScenarios(),
		forgottenScenarios(),
	)
}

// withToken is a tenant whose token is as change makes it.
func withToken(change func(*v1alpha1.ServiceAccountToken)) func(*world) {
	return func(w *world) {
		t := newToken()
		change(t)
		w.create(newOrganization("Tenant"), newAccount("CI"), t)
	}
}

func plain(*v1alpha1.ServiceAccountToken) {}

// dated has a token that lives for an hour and a half and is rotated after some 60 minutes.
func dated(t *v1alpha1.ServiceAccountToken) {
	t.Spec.TTL = &metav1.Duration{Duration: 90 * time.Minute}
	t.Spec.Rotation = &v1alpha1.TokenRotation{
		Before:  &metav1.Duration{Duration: 30 * time.Minute},
		Overlap: &metav1.Duration{Duration: 4 * time.Minute},
	}
}

func templated(t *v1alpha1.ServiceAccountToken) {
	dated(t)
	t.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
		".env": "URL={{ .url }}\nORG={{ .orgName }}\nTOKEN={{ .token }}\nUNTIL={{ .expiresAt }}\n",
	}
}

// rotate asks for another key.
func rotate(w *world) {
	edit(w, newToken(), func(t *v1alpha1.ServiceAccountToken) {
		t.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
	})
}

// rotated is a minute after a rotation, within the overlap.
func rotated(w *world) {
	rotate(w)
	w.briefly(time.Minute)
	if n := len(w.grafana.Tokens(3)); n != 2 {
		w.tb.Fatalf("%d tokens within the overlap", n)
	}
}

// revision fails if the token has another one: a key was made for nothing, or was not made.
func revision(want int64) func(*world) error {
	return func(w *world) error {
		t := newToken()
		if w.get(t); t.Status.Revision != want {
			return fmt.Errorf("revision %d, not %d", t.Status.Revision, want)
		}
		return nil
	}
}

func issueScenarios() []scenario {
	return []scenario{
		{name: "token created", before: withAccount, act: func(w *world) { w.create(newToken()) }},
		{name: "token with a template created", before: withAccount, act: func(w *world) {
			t := newToken()
			templated(t)
			w.create(t)
		}},
	}
}

func rotationScenarios() []scenario {
	later := func(d time.Duration) func(*world) {
		return func(w *world) {
			w.clock = w.clock.Add(d)
			w.everybody()
		}
	}
	return []scenario{
		{name: "token rotated on demand", before: withToken(plain), act: rotate},
		{name: "token rotated on demand, without overlap", before: withToken(func(t *v1alpha1.ServiceAccountToken) {
			t.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{}}
		}), act: rotate},
		{name: "token rotated ahead of its expiry", before: withToken(templated), act: later(61 * time.Minute)},
		{name: "token rotated twice within the overlap", before: withToken(dated), act: func(w *world) {
			rotate(w)
			w.briefly(time.Minute)
			edit(
				w,
				newToken(),
				func(t *v1alpha1.ServiceAccountToken) { t.Annotations[v1alpha1.AnnotationRotate] = "again" },
			)
		}},
		{
			name:   "token's overlap ends",
			before: withToken(dated),
			midway: rotated,
			act:    later(4 * time.Minute),
			after:  revision(2),
		},
		{
			name:   "token's overlap ends while the operator is down",
			before: withToken(dated),
			midway: rotated,
			act: func(w *world) {
				w.clock = w.clock.Add(10 * time.Minute)
				w.start()
			},
			after: revision(2),
		},
		{
			name:   "token rotated again within the overlap",
			before: withToken(dated),
			midway: rotated,
			act: func(w *world) {
				edit(
					w,
					newToken(),
					func(t *v1alpha1.ServiceAccountToken) { t.Annotations[v1alpha1.AnnotationRotate] = "again" },
				)
			},
		},
		{
			name:   "token's Secret deleted within the overlap",
			before: withToken(dated),
			midway: rotated,
			act: func(w *world) {
				w.delete(&corev1.Secret{ObjectMeta: named("token")})
			},
		},
		{
			name:   "token's Secret renamed within the overlap",
			before: withToken(dated),
			midway: rotated,
			act: func(w *world) {
				edit(w, newToken(), func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" })
			},
			after: revision(2),
		},
		{
			name:   "token's account made again within the overlap",
			before: withToken(dated),
			midway: rotated,
			act: func(w *world) {
				a := newAccount("")
				w.get(a)
				w.grafana.Do("DELETE", fmt.Sprint("/api/serviceaccounts/", a.Status.ID), a.Status.OrgID, nil)
				w.everybody()
			},
		},
		{name: "token's ttl", before: tenant, act: func(w *world) {
			edit(
				w,
				newToken(),
				func(t *v1alpha1.ServiceAccountToken) { t.Spec.TTL = &metav1.Duration{Duration: 720 * time.Hour} },
			)
		}, after: func(w *world) error {
			if all := w.grafana.Tokens(
				3,
			); len(all) != 1 || all[0].Expires == nil ||
				all[0].Expires.Sub(all[0].Created) != 720*time.Hour {
				return fmt.Errorf("%+v", all)
			}
			return nil
		}},
		{name: "token expired while nobody looked", before: withToken(dated), act: later(2 * time.Hour)},
	}
}

// renameData asks for the key under another name, and for no template.
func renameData(w *world) {
	edit(
		w,
		newToken(),
		func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Key, t.Spec.Secret.Template = "key", nil },
	)
}

// healingScenarios: what people and accidents do to a token on either side.
func healingScenarios() []scenario {
	damage := func(change func(*corev1.Secret)) func(*world) {
		return func(w *world) {
			s := &corev1.Secret{ObjectMeta: named("token")}
			w.get(s)
			change(s)
			if err := w.kube.Update(w.tb.Context(), s); err != nil {
				w.tb.Fatal(err)
			}
			w.everybody()
		}
	}
	return []scenario{
		{name: "token's Secret deleted", before: tenant, act: func(w *world) {
			w.delete(&corev1.Secret{ObjectMeta: named("token")})
		}},
		{
			name:   "token's key emptied",
			before: withToken(plain),
			act:    damage(func(s *corev1.Secret) { s.Data["token"] = nil }),
		},
		{
			name:   "token's key edited",
			before: withToken(plain),
			act:    damage(func(s *corev1.Secret) { s.Data["token"] = []byte("glsa_mine") }),
		},
		{
			name:   "token's record edited",
			before: withToken(plain),
			act:    damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenID] = "4711" }),
		},
		{
			name:   "token's record edited to the highest number",
			before: withToken(plain),
			act:    damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenRevision] = "999999999" }),
		},
		{name: "a person makes a token of the highest number", before: withToken(plain), act: func(w *world) {
			name := fmt.Sprintf("token-%s-999999999", tokenUID8())
			w.grafana.Do("POST", "/api/serviceaccounts/4/tokens", 3, map[string]any{"name": name})
			rotate(w)
		}},
		{
			name:   "token's record wiped",
			before: withToken(plain),
			act:    damage(func(s *corev1.Secret) { s.Annotations = nil }),
		},
		{name: "token's data and labels edited", before: withToken(templated), act: damage(func(s *corev1.Secret) {
			s.Data[".env"], s.Labels = []byte("mine"), map[string]string{"mine": "too"}
		}), after: revision(1)},
		{
			name:   "token's note of its data edited, and then key and template renamed",
			before: withToken(templated),
			act: func(w *world) {
				damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationAppliedData] = "9" })(w)
				renameData(w)
			},
			after: revision(1),
		},
		{
			name:   "token's note of its key edited, and then key and template renamed",
			before: withToken(templated),
			act: func(w *world) {
				damage(func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationTokenKey] = "9" })(w)
				renameData(w)
			},
		},
		{
			name:   "token's record wiped, and then key and template renamed",
			before: withToken(templated),
			act: func(w *world) {
				damage(func(s *corev1.Secret) { s.Annotations = nil })(w)
				renameData(w)
			},
		},
		{
			name:   "token's Secret without its owner",
			before: withToken(plain),
			act:    damage(func(s *corev1.Secret) { s.OwnerReferences = nil }),
			after:  revision(1),
		},
		{name: "token's account is somebody else's after a restore", before: func(w *world) {
			withOrg(w)
			w.settle()
			backup := w.grafana.Snapshot()
			w.create(newAccount("CI"), newToken())
			w.settle()
			w.grafana.Restore(backup)
			w.grafana.Do(
				"POST",
				"/api/serviceaccounts",
				3,
				map[string]any{"name": "Foreign Admin robot", "role": "Admin"},
			)
			w.clock = w.clock.Add(2 * connection.ProofLife)
		}, act: func(w *world) {
			w.visit("ServiceAccountToken tenant/token")
			w.everybody()
		}},
		{name: "token's account let go and made again", before: withToken(plain), act: func(w *world) {
			edit(w, newAccount(""), func(a *v1alpha1.ServiceAccount) {
				a.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
			})
			w.delete(newAccount(""))
			w.settle()
			again := newAccount("CI two")
			again.UID = "0a0a0a0a-0000-4000-8000-000000000000"
			w.create(again)
		}, kept: true, after: func(w *world) error {
			if n := len(w.grafana.Tokens(3)); n != 1 {
				return fmt.Errorf("%d tokens", n)
			}
			return nil
		}},
		{name: "token's account let go and another one made", before: func(w *world) {
			o, a := newOrganization("Tenant"), newAccount("CI")
			o.Spec.Adoption, a.Spec.AdoptionPolicy = v1alpha1.AdoptionAllow, v1alpha1.AdoptionAdopt
			w.create(o)
			w.settle()
			w.grafana.Do("POST", "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Editor"})
			w.create(a, newToken())
			w.settle()
			edit(w, newAccount(""), func(a *v1alpha1.ServiceAccount) {
				a.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
			})
			w.delete(newAccount(""))
		}, act: func(w *world) { w.create(newAccount("Another")) }, kept: true, after: func(w *world) error {
			if all := w.grafana.Tokens(3); len(all) != 1 || len(w.grafana.ServiceAccounts(3)) != 2 {
				return fmt.Errorf("%d accounts, tokens %+v", len(w.grafana.ServiceAccounts(3)), all)
			}
			return nil
		}},
		{name: "token deleted by a person", before: tenant, act: func(w *world) {
			t := newToken()
			w.get(t)
			a := newAccount("")
			w.get(a)
			w.grafana.Do(
				"DELETE",
				fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", a.Status.ID, t.Status.TokenID),
				a.Status.OrgID,
				nil,
			)
			w.everybody()
		}},
		{name: "token revoked by Grafana", before: withToken(plain), act: func(w *world) {
			t := newToken()
			w.get(t)
			w.grafana.RevokeToken(3, t.Status.TokenID)
			w.everybody()
		}},
		{
			name:   "token's status wiped",
			before: withToken(dated),
			midway: rotated,
			act:    func(w *world) { w.wipe(newToken()) },
			after:  revision(2),
		},
		{name: "token of an account that is disabled", before: withToken(plain), act: func(w *world) {
			edit(w, newAccount(""), func(a *v1alpha1.ServiceAccount) { a.Spec.Disabled = true })
		}, stalled: map[string]string{"ServiceAccountToken": v1alpha1.ReasonServiceAccountDisabled}, after: func(w *world) error {
			s := &corev1.Secret{ObjectMeta: named("token")}
			if w.get(s); len(w.grafana.Tokens(3)) != 1 || string(s.Data["token"]) != w.grafana.Keys()[0] {
				return fmt.Errorf("%d tokens; the Secret holds another key than the first", len(w.grafana.Tokens(3)))
			}
			return nil
		}},
		{name: "Grafana restored from before a reset and a rename", before: func(w *world) {
			withToken(plain)(w)
			w.settle()
			backup := w.grafana.Snapshot()
			w.grafana.ResetDatabase()
			w.everybody()
			w.settle()
			edit(w, newOrganization(""), func(o *v1alpha1.Organization) { o.Spec.Name = "Renamed" })
			w.settle()
			w.grafana.Restore(backup)
		}, act: func(w *world) {
			w.clock = w.clock.Add(2 * connection.ProofLife)
			w.everybody()
		}},
		{name: "Grafana restored from before a rotation", before: func(w *world) {
			withToken(dated)(w)
			w.settle()
			backup := w.grafana.Snapshot()
			rotate(w)
			w.settle()
			w.grafana.Restore(backup)
		}, act: func(w *world) {
			w.clock = w.clock.Add(2 * connection.ProofLife)
			w.everybody()
		}},
	}
}

// withTaken is a tenant with a token, and a Secret of somebody else's.
func withTaken(w *world) {
	withToken(dated)(w)
	w.create(&corev1.Secret{ObjectMeta: named("elsewhere"), Data: map[string][]byte{"token": []byte("precious")}})
}

// stayed fails unless the key of this revision is in the Secret of the old name, and nothing was written to the one
// that is somebody else's.
func stayed(revision int64) func(*world) error {
	return func(w *world) error {
		theirs, own, t := &corev1.Secret{
			ObjectMeta: named("elsewhere"),
		}, &corev1.Secret{
			ObjectMeta: named("token"),
		}, newToken()
		w.get(theirs)
		w.get(own)
		w.get(t)
		if _, _, id, alive := w.grafana.KeyAlive(
			string(own.Data["token"]),
		); !alive || id != t.Status.TokenID || t.Status.Revision < revision || revision == 1 &&
			len(w.grafana.Keys()) > 1 ||
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
func movingScenarios() []scenario {
	change := func(change func(*v1alpha1.ServiceAccountToken)) func(*world) {
		return func(w *world) { edit(w, newToken(), change) }
	}
	rename := func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" }
	conflict := map[string]string{"ServiceAccountToken": v1alpha1.ReasonSecretConflict}
	return []scenario{
		{name: "token's labels and key", before: tenant, act: change(func(t *v1alpha1.ServiceAccountToken) {
			t.Spec.Secret.Labels, t.Spec.Secret.Key = map[string]v1alpha1.LabelValue{"team": "a"}, "GRAFANA_TOKEN"
		}), after: revision(1)},
		{
			name:   "token's template changed",
			before: withToken(templated),
			act: change(func(t *v1alpha1.ServiceAccountToken) {
				t.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"other": "{{ .login }}"}
			}),
			after: revision(1),
		},
		{name: "token's Secret renamed", before: withToken(templated), act: change(rename), after: revision(1)},
		{name: "token's Secret renamed there and back", before: withToken(plain), act: func(w *world) {
			change(rename)(w)
			w.visit("ServiceAccountToken tenant/token")
			change(func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "" })(w)
		}, after: revision(1)},
		{
			name:   "token's Secret renamed, and the token rotated",
			before: withToken(plain),
			act: change(func(t *v1alpha1.ServiceAccountToken) {
				rename(t)
				t.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
			}),
		},
		{
			name:    "token's Secret renamed to a taken name",
			before:  withTaken,
			act:     change(rename),
			stalled: conflict,
			after:   stayed(1),
		},
		{name: "token rotated on demand while its Secret's new name is taken", before: func(w *world) {
			withTaken(w)
			w.settle()
			change(rename)(w)
		}, act: rotate, stalled: conflict, after: stayed(2)},
		{name: "token rotated ahead of its expiry while its Secret's new name is taken", before: func(w *world) {
			withTaken(w)
			w.settle()
			change(rename)(w)
		}, act: func(w *world) {
			w.clock = w.clock.Add(61 * time.Minute)
			w.everybody()
		}, stalled: conflict, after: stayed(2)},
		{name: "token's Secret renamed to a name that is freed", before: func(w *world) {
			withTaken(w)
			w.settle()
			change(rename)(w)
		}, act: func(w *world) { w.delete(&corev1.Secret{ObjectMeta: named("elsewhere")}) }, after: revision(1)},
		{
			name:   "token's Secret of another type",
			before: withToken(templated),
			act:    change(func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Type = "example.com/token" }),
		},
	}
}

func endingScenarios() []scenario {
	kept := func(w *world) error {
		secret := &corev1.Secret{ObjectMeta: named("kept")}
		if !w.get(secret) {
			return fmt.Errorf("the Secret is gone")
		}
		if _, _, _, alive := w.grafana.KeyAlive(string(secret.Data["token"])); !alive {
			return fmt.Errorf("the key is dead")
		}
		if n := len(w.grafana.Tokens(3)); n != 1 {
			return fmt.Errorf("%d tokens", n)
		}
		return nil
	}
	keptToken := func() *v1alpha1.ServiceAccountToken {
		t := newToken()
		t.Name = "kept"
		return t
	}
	crowd := func(w *world) {
		a := newAccount("")
		w.get(a)
		for i := range 320 {
			w.grafana.Do(
				"POST",
				fmt.Sprintf("/api/serviceaccounts/%d/tokens", a.Status.ID),
				3,
				map[string]any{"name": fmt.Sprintf("aaa-%03d-kept", i)},
			)
		}
	}
	alone := func(w *world) error {
		for _, t := range w.grafana.Tokens(3) {
			if !strings.HasSuffix(t.Name, "-kept") {
				return fmt.Errorf("token %q is left", t.Name)
			}
		}
		return nil
	}
	return []scenario{
		{
			name:   "token deleted when the list is full, within the overlap",
			before: withToken(plain),
			midway: func(w *world) {
				rotated(w)
				crowd(w)
			},
			act:     func(w *world) { w.delete(newToken()) },
			ownKeys: true,
			after:   alone,
		},
		{name: "token deleted when the list is full, and the Secret gone", before: func(w *world) {
			withToken(plain)(w)
			w.settle()
			crowd(w)
			w.delete(&corev1.Secret{ObjectMeta: named("token")})
		}, act: func(w *world) { w.delete(newToken()) }, ownKeys: true, after: alone},
		{name: "token deleted", before: tenant, act: func(w *world) { w.delete(newToken()) }},
		{
			name:   "token deleted within the overlap",
			before: withToken(plain),
			midway: rotated,
			act:    func(w *world) { w.delete(newToken()) },
		},
		{name: "token deleted while its Secret moves", before: withToken(plain), act: func(w *world) {
			edit(w, newToken(), func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" })
			w.delete(newToken())
		}},
		{name: "token orphaned", before: func(w *world) {
			t := keptToken()
			t.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.create(newOrganization("Tenant"), newAccount("CI"), t)
		}, midway: func(w *world) {
			edit(w, keptToken(), func(t *v1alpha1.ServiceAccountToken) {
				t.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
			})
			w.briefly(time.Minute)
		}, act: func(w *world) { w.delete(keptToken()) }, after: kept},
		{name: "token abandoned", before: func(w *world) {
			w.create(newOrganization("Tenant"), newAccount("CI"), keptToken())
		}, act: func(w *world) {
			edit(w, keptToken(), func(t *v1alpha1.ServiceAccountToken) {
				t.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
			})
			w.delete(keptToken())
		}, after: kept},
	}
}

// forgottenScenarios: a status is wiped, the operator can only wait when it looks next, and then the object is deleted.
func forgottenScenarios() []scenario {
	all := []lifecycle.Object{newOrganization(""), newAccount(""), newToken(), newDashboard("", "")}
	forgotten := func(name string, before func(*world), doomed ...lifecycle.Object) scenario {
		return scenario{name: name + " deleted after its status was wiped", before: before, midway: func(w *world) {
			for _, obj := range doomed {
				w.wipe(obj.DeepCopyObject().(lifecycle.Object))
			}
			w.start() // it does not know yet that the Instance is available
			for _, obj := range all {
				w.visit(kindOf(obj) + " " + client.ObjectKeyFromObject(obj).String())
			}
			for i := range doomed { // children first, as nothing says to the others that they are there
				w.delete(doomed[len(doomed)-1-i].DeepCopyObject().(lifecycle.Object))
			}
		}, act: (*world).everybody}
	}
	return []scenario{
		forgotten("dashboard", tenant, newDashboard("", "")),
		forgotten("token", tenant, newToken()),
		forgotten(
			"token with a Secret that was moved",
			withToken(func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" }),
			newToken(),
		),
		forgotten("account with a token", withToken(plain), newAccount(""), newToken()),
		forgotten("all of a tenant", tenant, all...),
		{
			name:   "account deleted after its status was wiped, its organization gone",
			before: withToken(plain),
			midway: func(w *world) {
				w.delete(newOrganization(""), newAccount(""), newToken())
				w.wipe(newAccount(""))
				w.grafana.Do("DELETE", "/api/orgs/3", 1, nil)
				w.visit("Organization tenant/org")
			},
			act: (*world).everybody,
		},
		{name: "token deleted after its status was wiped, its key spoiled and no other made", before: func(w *world) {
			withToken(plain)(w)
			w.settle()
			w.wipe(newToken())
			secret := &corev1.Secret{ObjectMeta: named("token")}
			w.get(secret)
			secret.Data = nil
			if err := w.kube.Update(w.tb.Context(), secret); err != nil {
				w.tb.Fatal(err)
			}
			edit(w, newToken(), func(t *v1alpha1.ServiceAccountToken) {
				t.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"broken": "{{ .nothing"}
			})
		}, act: func(w *world) { w.delete(newToken()) }},
	}
}

// wipe empties the status of an object, as a restored backup does.
func (w *world) wipe(obj lifecycle.Object) {
	w.tb.Helper()
	w.get(obj)
	reflect.ValueOf(obj).Elem().FieldByName("Status").SetZero()
	if err := w.kube.Status().Update(w.tb.Context(), obj); err != nil {
		w.tb.Fatal(err)
	}
	w.remember(obj)
	w.everybody()
}

// settle runs the operator until it rests.
func (w *world) settle() {
	w.tb.Helper()
	if err := w.rest(); err != nil {
		w.tb.Fatal(err)
	}
}

// briefly runs the operator for so long and no longer.
func (w *world) briefly(d time.Duration) {
	end := w.clock.Add(d)
	for key, at := w.next(); key != "" && !at.After(end); key, at = w.next() {
		w.clock = latest(w.clock, at)
		w.take(key)
		w.visit(key)
	}
	w.clock = latest(w.clock, end)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// ownedSecrets are the Secrets that belong to a token.
func (w *world) ownedSecrets(t *v1alpha1.ServiceAccountToken) []corev1.Secret {
	var list corev1.SecretList
	if err := w.kube.List(w.tb.Context(), &list, client.InNamespace(t.Namespace)); err != nil {
		w.tb.Fatal(err)
	}
	return slices.DeleteFunc(list.Items, func(s corev1.Secret) bool { return !metav1.IsControlledBy(&s, t) })
}

// tokenUID8 is what the names of a token of ours carry.
func tokenUID8() string {
	t := newToken()
	t.UID = uidFor(t)
	return mark.ShortUID(t)
}
