package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/token"
)

// If the new key of a rotation is lost in Grafana, those who still use the old one keep it for the whole overlap.
func TestOldKeyOutlivesTheLossOfTheNewOne(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	withToken(func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{Duration: time.Hour}}
	})(w)
	w.Settle()
	old := w.Grafana.Keys()[0]
	wishRotation(w)
	w.Briefly(time.Minute)
	a, token := crash.Account(""), crash.Token()
	w.Get(a)
	w.Get(token)
	w.Grafana.Do("DELETE", fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", a.Status.ID, token.Status.TokenID), 3, nil)
	w.Everybody()
	w.Briefly(time.Minute)
	if _, _, _, alive := w.Grafana.KeyAlive(old); !alive {
		t.Error("the old key is dead, with most of the overlap to go")
	}
	if w.Get(token); token.Status.Revision != 3 || len(token.Status.Superseded) != 1 {
		t.Errorf("revision %d, superseded %v", token.Status.Revision, token.Status.Superseded)
	}
	w.Briefly(time.Hour)
	if _, _, _, alive := w.Grafana.KeyAlive(old); alive {
		t.Error("the old key outlives its overlap")
	}
}

// What spoils the Secret after each write does not have keys made without end, and when it stops the Secret is put
// right.
func TestKeysAreNotMadeWithoutEnd(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	withToken(plain)(w)
	w.Settle()
	before := len(w.Grafana.Keys())
	for range 290 {
		if s := (&corev1.Secret{ObjectMeta: crash.Named("token")}); w.Get(s) {
			w.Delete(s)
		}
		w.Briefly(time.Second)
	}
	if made, most := len(
		w.Grafana.Keys(),
	)-before, token.ReissueBurst+int(
		290*time.Second/token.ReissuePace,
	); made > most {
		t.Errorf("%d keys were made, not %d at most", made, most)
	}
	token := crash.Token()
	if w.Get(token); !meta.IsStatusConditionTrue(token.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("conditions: %+v", token.Status.Conditions)
	}
	w.Settle()
	if w.Get(token); !meta.IsStatusConditionTrue(token.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("conditions: %+v", token.Status.Conditions)
	}
}

// An id that has come to be somebody else's account is found out before a key of that account is made.
func TestNoKeyOfAForeignAccount(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	w.Settle()
	backup := w.Grafana.Snapshot()
	w.Create(crash.Account("CI"), crash.Token())
	w.Settle()
	before := len(w.Grafana.Keys())
	w.Grafana.Restore(backup)
	w.Grafana.Do("POST", "/api/serviceaccounts", 3, map[string]any{"name": "Foreign Admin robot", "role": "Admin"})
	w.Clock = w.Clock.Add(2 * connection.ProofLife)
	w.Visit("ServiceAccountToken tenant/token")
	if n := len(w.Grafana.Keys()); n != before {
		t.Errorf("%d keys were made for the account of somebody else", n-before)
	}
	w.Everybody()
	w.Settle()
	if n := len(w.Grafana.Keys()); n != before+1 {
		t.Errorf("%d keys were made in the end", n-before)
	}
}

// What a person writes into the Secret between its reading and its writing is not written over.
func TestSecretThatAPersonWritesMeanwhile(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	withToken(plain)(w)
	w.Settle()
	written := false
	w.Kube = interceptor.NewClient(w.Kube, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if s, ok := obj.(*corev1.Secret); ok && !written &&
				len((&client.UpdateOptions{}).ApplyOptions(opts).DryRun) == 0 {
				written = true
				theirs := &corev1.Secret{ObjectMeta: crash.Named(s.Name)}
				if err := c.Get(ctx, client.ObjectKeyFromObject(s), theirs); err != nil {
					t.Fatal(err)
				}
				theirs.Labels["team"] = "theirs"
				if err := c.Update(ctx, theirs); err != nil {
					t.Fatal(err)
				}
			}
			return c.Update(ctx, obj, opts...)
		},
	})
	w.Start()
	wishRotation(w)
	w.Settle()
	secret := &corev1.Secret{ObjectMeta: crash.Named("token")}
	if w.Get(secret); !written || secret.Labels["team"] != "theirs" {
		t.Errorf("written: %v; labels: %v", written, secret.Labels)
	}
	if _, _, _, alive := w.Grafana.KeyAlive(string(secret.Data["token"])); !alive || len(w.Grafana.Tokens(3)) != 1 {
		t.Errorf("alive: %v; %d tokens", alive, len(w.Grafana.Tokens(3)))
	}
}

// A key whose way into the Secret was not answered is not revoked: it may be there, and in use.
func TestSecretWhoseWriteWasNotAnswered(t *testing.T) {
	for _, what := range []string{"created", "updated"} {
		t.Run(what, func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			w.Seed()
			crash.WithAccount(w)
			if what == "updated" {
				w.Create(crash.Token())
			}
			w.Settle()
			before := len(w.Grafana.Keys())
			w.Arm(0, crash.DropAfter)
			w.Only = "kubernetes " + strings.TrimSuffix(what, "d") + " token"
			if what == "updated" {
				wishRotation(w)
			} else {
				w.Create(crash.Token())
			}
			w.Settle()
			if made := len(w.Grafana.Keys()) - before; w.FailAt >= 0 || made != 1 {
				t.Errorf("%d keys were made, and the fault is yet to come: %v", made, w.FailAt >= 0)
			}
		})
	}
}

// What changes a Secret on its way into Kubernetes is found out before there is a key, and told.
func TestSecretThatIsChangedOnItsWay(t *testing.T) {
	for name, change := range map[string]func(s *corev1.Secret){
		"annotation": func(s *corev1.Secret) { delete(s.Annotations, v1alpha1.AnnotationTokenDigest) },
		"value":      func(s *corev1.Secret) { s.Data["token"] = append([]byte("enc:"), s.Data["token"]...) },
	} {
		t.Run(name, func(t *testing.T) {
			w := crash.New(t, "12.4.0")
			w.Seed()
			crash.WithAccount(w)
			w.Settle()
			mutateSecrets(w, change)
			w.Create(crash.Token())
			w.Briefly(time.Hour)
			token := crash.Token()
			w.Get(token)
			if n := len(w.Grafana.Keys()); n != 0 {
				t.Errorf("%d keys were made", n)
			}
			if c := conditionOf(
				token,
				v1alpha1.ConditionReady,
			); c == nil || c.Reason != v1alpha1.ReasonRefused ||
				!strings.Contains(c.Message, "as it is written") {
				t.Errorf("%+v", c)
			}
		})
	}
}

// mutateSecrets lets a mutating admission policy of the cluster change every Secret that is written.
func mutateSecrets(w *crash.World, change func(*corev1.Secret)) {
	mutate := func(obj client.Object) {
		if s, ok := obj.(*corev1.Secret); ok {
			change(s)
		}
	}
	w.Kube = interceptor.NewClient(w.Kube, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			mutate(obj)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			mutate(obj)
			return c.Update(ctx, obj, opts...)
		},
	})
	w.Start()
}

func conditionOf(obj lifecycle.Object, kind string) *metav1.Condition {
	for i, c := range obj.CommonStatus().Conditions {
		if c.Type == kind {
			return &obj.CommonStatus().Conditions[i]
		}
	}
	return nil
}

// A key that reached no Secret, and that could not be revoked since the session ended in between, goes with its object,
// even if that is deleted at once.
func TestAKeyThatWasNotRevokedGoesWithItsObject(t *testing.T) {
	for _, version := range crash.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			crash.WithAccount(w)
			w.Settle()
			refused := false
			w.Kube = interceptor.NewClient(w.Kube, interceptor.Funcs{
				Create: func(
					ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption,
				) error {
					if _, ok := obj.(*corev1.Secret); !ok || refused || isDryRun(opts) {
						return c.Create(ctx, obj, opts...)
					}
					refused = true
					w.Grafana.EndSessions()
					return apierrors.NewForbidden(corev1.Resource("secrets"), obj.GetName(), nil)
				},
			})
			w.Start()
			w.Settle()
			o := crash.Token()
			w.Create(o)
			w.Visit("ServiceAccountToken tenant/token")
			if left := len(w.Grafana.Tokens(3)); !refused || left != 1 {
				t.Fatalf("refused: %v, %d tokens", refused, left)
			}
			w.Delete(o)
			w.Settle()
			if left := w.Grafana.Tokens(3); len(left) != 0 || w.Get(o) {
				t.Errorf("left: %+v", left)
			}
		})
	}
}

func isDryRun(opts []client.CreateOption) bool {
	return len((&client.CreateOptions{}).ApplyOptions(opts).DryRun) > 0
}
