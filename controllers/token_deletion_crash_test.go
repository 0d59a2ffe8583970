package controllers_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func endingScenarios() []crash.Scenario {
	kept := func(w *crash.World) error {
		secret := &corev1.Secret{ObjectMeta: crash.Named("kept")}
		if !w.Get(secret) {
			return fmt.Errorf("the Secret is gone")
		}
		if _, _, _, alive := w.Grafana.KeyAlive(string(secret.Data["token"])); !alive {
			return fmt.Errorf("the key is dead")
		}
		if n := len(w.Grafana.Tokens(3)); n != 1 {
			return fmt.Errorf("%d tokens", n)
		}
		return nil
	}
	keptToken := func() *v1alpha1.ServiceAccountToken {
		t := crash.Token()
		t.Name = "kept"
		return t
	}
	crowd := func(w *crash.World) {
		a := crash.Account("")
		w.Get(a)
		for i := range 320 {
			w.Grafana.Do(
				"POST",
				fmt.Sprintf("/api/serviceaccounts/%d/tokens", a.Status.ID),
				3,
				map[string]any{"name": fmt.Sprintf("aaa-%03d-kept", i)},
			)
		}
	}
	alone := func(w *crash.World) error {
		for _, t := range w.Grafana.Tokens(3) {
			if !strings.HasSuffix(t.Name, "-kept") {
				return fmt.Errorf("token %q is left", t.Name)
			}
		}
		return nil
	}
	return []crash.Scenario{
		{
			Name:   "token deleted when the list is full, within the overlap",
			Before: withToken(plain),
			Midway: func(w *crash.World) {
				rotated(w)
				crowd(w)
			},
			Act:     func(w *crash.World) { w.Delete(crash.Token()) },
			OwnKeys: true,
			After:   alone,
		},
		{Name: "token deleted when the list is full, and the Secret gone", Before: func(w *crash.World) {
			withToken(plain)(w)
			w.Settle()
			crowd(w)
			w.Delete(&corev1.Secret{ObjectMeta: crash.Named("token")})
		}, Act: func(w *crash.World) { w.Delete(crash.Token()) }, OwnKeys: true, After: alone},
		{
			Name:   "token deleted as soon as it is made",
			Before: crash.WithAccount,
			Act:    func(w *crash.World) { deleteOnceVisited(w, crash.Token()) },
		},
		{
			Name:   "account and token deleted as soon as they are made",
			Before: crash.WithOrg,
			Act:    func(w *crash.World) { deleteOnceVisited(w, crash.Account("CI"), crash.Token()) },
		},
		{Name: "token deleted", Before: crash.Tenant, Act: func(w *crash.World) { w.Delete(crash.Token()) }},
		{
			Name:   "token deleted within the overlap",
			Before: withToken(plain),
			Midway: rotated,
			Act:    func(w *crash.World) { w.Delete(crash.Token()) },
		},
		{Name: "token deleted while its Secret moves", Before: withToken(plain), Act: func(w *crash.World) {
			crash.Edit(w, crash.Token(), func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" })
			w.Delete(crash.Token())
		}},
		{Name: "token orphaned", Before: func(w *crash.World) {
			t := keptToken()
			t.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
			w.Create(crash.Organization("Tenant"), crash.Account("CI"), t)
		}, Midway: func(w *crash.World) {
			crash.Edit(w, keptToken(), func(t *v1alpha1.ServiceAccountToken) {
				t.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
			})
			w.Briefly(time.Minute)
		}, Act: func(w *crash.World) { w.Delete(keptToken()) }, After: kept},
		{Name: "token abandoned", Before: func(w *crash.World) {
			w.Create(crash.Organization("Tenant"), crash.Account("CI"), keptToken())
		}, Act: func(w *crash.World) {
			crash.Edit(w, keptToken(), func(t *v1alpha1.ServiceAccountToken) {
				t.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"}
			})
			w.Delete(keptToken())
		}, After: kept},
	}
}

// forgottenScenarios: a status is wiped, the operator can only wait when it looks next, and then the object is deleted.
func forgottenScenarios() []crash.Scenario {
	all := []lifecycle.Object{crash.Organization(""), crash.Account(""), crash.Token(), crash.Dashboard("", "")}
	forgotten := func(name string, before func(*crash.World), doomed ...lifecycle.Object) crash.Scenario {
		return crash.Scenario{
			Name:   name + " deleted after its status was wiped",
			Before: before,
			Midway: func(w *crash.World) {
				for _, obj := range doomed {
					wipeStatus(w, obj.DeepCopyObject().(lifecycle.Object))
				}
				w.Start() // it does not know yet that the Instance is available
				for _, obj := range all {
					w.Visit(crash.KindOf(obj) + " " + client.ObjectKeyFromObject(obj).String())
				}
				for i := range doomed { // children first, as nothing says to the others that they are there
					w.Delete(doomed[len(doomed)-1-i].DeepCopyObject().(lifecycle.Object))
				}
			},
			Act: (*crash.World).Everybody,
		}
	}
	return []crash.Scenario{
		forgotten("dashboard", crash.Tenant, crash.Dashboard("", "")),
		forgotten("token", crash.Tenant, crash.Token()),
		forgotten(
			"token with a Secret that was moved",
			withToken(func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" }),
			crash.Token(),
		),
		forgotten("account with a token", withToken(plain), crash.Account(""), crash.Token()),
		forgotten("all of a tenant", crash.Tenant, all...),
		{
			Name:   "account deleted after its status was wiped, its organization gone",
			Before: withToken(plain),
			Midway: func(w *crash.World) {
				w.Delete(crash.Organization(""), crash.Account(""), crash.Token())
				wipeStatus(w, crash.Account(""))
				w.Grafana.Do("DELETE", "/api/orgs/3", 1, nil)
				w.Visit("Organization tenant/org")
			},
			Act: (*crash.World).Everybody,
		},
		{
			Name:   "account deleted while nobody knows whether it was made, its organization gone",
			Before: withToken(plain),
			Midway: func(w *crash.World) {
				w.Delete(crash.Organization(""), crash.Account(""), crash.Token())
				sent := metav1.NewTime(w.Clock.Truncate(time.Second))
				leaveStatus(w, crash.Account(""), v1alpha1.CommonStatus{CreateStarted: &sent})
				w.Grafana.Do("DELETE", "/api/orgs/3", 1, nil)
				w.Visit("Organization tenant/org")
			},
			Act: (*crash.World).Everybody,
		},
		{
			Name: "token deleted after its status was wiped, its key spoiled and no other made",
			Before: func(w *crash.World) {
				withToken(plain)(w)
				w.Settle()
				wipeStatus(w, crash.Token())
				secret := &corev1.Secret{ObjectMeta: crash.Named("token")}
				w.Get(secret)
				secret.Data = nil
				if err := w.Kube.Update(w.TB.Context(), secret); err != nil {
					w.TB.Fatal(err)
				}
				crash.Edit(w, crash.Token(), func(t *v1alpha1.ServiceAccountToken) {
					t.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"broken": "{{ .nothing"}
				})
			},
			Act: func(w *crash.World) { w.Delete(crash.Token()) },
		},
	}
}

// wipeStatus empties the status of an object, as a restored backup does.
func wipeStatus(w *crash.World, obj lifecycle.Object) {
	w.TB.Helper()
	leaveStatus(w, obj, v1alpha1.CommonStatus{})
}

// leaveStatus leaves of a status only that.
func leaveStatus(w *crash.World, obj lifecycle.Object, common v1alpha1.CommonStatus) {
	w.TB.Helper()
	w.Get(obj)
	reflect.ValueOf(obj).Elem().FieldByName("Status").SetZero()
	*obj.CommonStatus() = common
	if err := w.Kube.Status().Update(w.TB.Context(), obj); err != nil {
		w.TB.Fatal(err)
	}
	w.Remember(obj)
	w.Everybody()
}
