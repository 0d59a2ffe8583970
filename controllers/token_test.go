package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/token"
)

// If the new key of a rotation is lost in Grafana, those who still use the old one keep it for the whole overlap.
func TestOldKeyOutlivesTheLossOfTheNewOne(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	withToken(func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{Duration: time.Hour}}
	})(w)
	w.settle()
	old := w.grafana.Keys()[0]
	rotate(w)
	w.briefly(time.Minute)
	a, token := newAccount(""), newToken()
	w.get(a)
	w.get(token)
	w.grafana.Do("DELETE", fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", a.Status.ID, token.Status.TokenID), 3, nil)
	w.everybody()
	w.briefly(time.Minute)
	if _, _, _, alive := w.grafana.KeyAlive(old); !alive {
		t.Error("the old key is dead, with most of the overlap to go")
	}
	if w.get(token); token.Status.Revision != 3 || len(token.Status.Superseded) != 1 {
		t.Errorf("revision %d, superseded %v", token.Status.Revision, token.Status.Superseded)
	}
	w.briefly(time.Hour)
	if _, _, _, alive := w.grafana.KeyAlive(old); alive {
		t.Error("the old key outlives its overlap")
	}
}

// What spoils the Secret after each write does not have keys made without end, and when it stops the Secret is put
// right.
func TestKeysAreNotMadeWithoutEnd(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	withToken(plain)(w)
	w.settle()
	for range 290 {
		if s := (&corev1.Secret{ObjectMeta: named("token")}); w.get(s) {
			w.delete(s)
		}
		w.briefly(time.Second)
	}
	if made, most := len(w.grafana.Keys()), token.ReissueBurst+int(290*time.Second/token.ReissuePace); made > most {
		t.Errorf("%d keys were made, not %d at most", made, most)
	}
	token := newToken()
	if w.get(token); !meta.IsStatusConditionTrue(token.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("conditions: %+v", token.Status.Conditions)
	}
	w.settle()
	if w.get(token); !meta.IsStatusConditionTrue(token.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("conditions: %+v", token.Status.Conditions)
	}
}

// An id that has come to be somebody else's account is found out before a key of that account is made.
func TestNoKeyOfAForeignAccount(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	withOrg(w)
	w.settle()
	backup := w.grafana.Snapshot()
	w.create(newAccount("CI"), newToken())
	w.settle()
	before := len(w.grafana.Keys())
	w.grafana.Restore(backup)
	w.grafana.Do("POST", "/api/serviceaccounts", 3, map[string]any{"name": "Foreign Admin robot", "role": "Admin"})
	w.clock = w.clock.Add(2 * connection.ProofLife)
	w.visit("ServiceAccountToken tenant/token")
	if n := len(w.grafana.Keys()); n != before {
		t.Errorf("%d keys were made for the account of somebody else", n-before)
	}
	w.everybody()
	w.settle()
	if n := len(w.grafana.Keys()); n != before+1 {
		t.Errorf("%d keys were made in the end", n-before)
	}
}

// What a person writes into the Secret between its reading and its writing is not written over.
func TestSecretThatAPersonWritesMeanwhile(t *testing.T) {
	w := newWorld(t, "12.4.0")
	w.seed()
	withToken(plain)(w)
	w.settle()
	written := false
	w.kube = interceptor.NewClient(w.kube, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if s, ok := obj.(*corev1.Secret); ok && !written &&
				len((&client.UpdateOptions{}).ApplyOptions(opts).DryRun) == 0 {
				written = true
				theirs := &corev1.Secret{ObjectMeta: named(s.Name)}
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
	w.start()
	rotate(w)
	w.settle()
	secret := &corev1.Secret{ObjectMeta: named("token")}
	if w.get(secret); !written || secret.Labels["team"] != "theirs" {
		t.Errorf("written: %v; labels: %v", written, secret.Labels)
	}
	if _, _, _, alive := w.grafana.KeyAlive(string(secret.Data["token"])); !alive || len(w.grafana.Tokens(3)) != 1 {
		t.Errorf("alive: %v; %d tokens", alive, len(w.grafana.Tokens(3)))
	}
}

// A key whose way into the Secret was not answered is not revoked: it may be there, and in use.
func TestSecretWhoseWriteWasNotAnswered(t *testing.T) {
	for _, what := range []string{"created", "updated"} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, "12.4.0")
			w.seed()
			withAccount(w)
			if what == "updated" {
				w.create(newToken())
			}
			w.settle()
			before := len(w.grafana.Keys())
			w.arm(0, dropAfter)
			w.only = "kubernetes " + strings.TrimSuffix(what, "d") + " token"
			if what == "updated" {
				rotate(w)
			} else {
				w.create(newToken())
			}
			w.settle()
			if made := len(w.grafana.Keys()) - before; w.failAt >= 0 || made != 1 {
				t.Errorf("%d keys were made, and the fault is yet to come: %v", made, w.failAt >= 0)
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
			w := newWorld(t, "12.4.0")
			w.seed()
			withAccount(w)
			w.settle()
			w.mutateSecrets(change)
			w.create(newToken())
			w.briefly(time.Hour)
			token := newToken()
			w.get(token)
			if n := len(w.grafana.Keys()); n != 0 {
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
func (w *world) mutateSecrets(change func(*corev1.Secret)) {
	mutate := func(obj client.Object) {
		if s, ok := obj.(*corev1.Secret); ok {
			change(s)
		}
	}
	w.kube = interceptor.NewClient(w.kube, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			mutate(obj)
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			mutate(obj)
			return c.Update(ctx, obj, opts...)
		},
	})
	w.start()
}

func conditionOf(obj lifecycle.Object, kind string) *metav1.Condition {
	for i, c := range obj.CommonStatus().Conditions {
		if c.Type == kind {
			return &obj.CommonStatus().Conditions[i]
		}
	}
	return nil
}
