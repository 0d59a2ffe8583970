package controllers_test

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// rotated is a minute after a rotation, within the overlap.
func rotated(w *crash.World) {
	wishRotation(w)
	w.Briefly(time.Minute)
	if n := len(w.Grafana.Tokens(3)); n != 2 {
		w.TB.Fatalf("%d tokens within the overlap", n)
	}
}

// revision fails if the token has another one: a key was made for nothing, or was not made.
func revision(want int64) func(*crash.World) error {
	return func(w *crash.World) error {
		t := crash.Token()
		if w.Get(t); t.Status.Revision != want {
			return fmt.Errorf("revision %d, not %d", t.Status.Revision, want)
		}
		return nil
	}
}

func issueScenarios() []crash.Scenario {
	return []crash.Scenario{
		{Name: "token created", Before: crash.WithAccount, Act: func(w *crash.World) { w.Create(crash.Token()) }},
		{Name: "token with a template created", Before: crash.WithAccount, Act: func(w *crash.World) {
			t := crash.Token()
			templated(t)
			w.Create(t)
		}},
	}
}

func rotationScenarios() []crash.Scenario {
	later := func(d time.Duration) func(*crash.World) {
		return func(w *crash.World) {
			w.Clock = w.Clock.Add(d)
			w.Everybody()
		}
	}
	return []crash.Scenario{
		{Name: "token rotated on demand", Before: withToken(plain), Act: wishRotation},
		{Name: "token rotated on demand, without overlap", Before: withToken(func(t *v1alpha1.ServiceAccountToken) {
			t.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{}}
		}), Act: wishRotation},
		{Name: "token rotated ahead of its expiry", Before: withToken(templated), Act: later(61 * time.Minute)},
		{Name: "token rotated twice within the overlap", Before: withToken(dated), Act: func(w *crash.World) {
			wishRotation(w)
			w.Briefly(time.Minute)
			crash.Edit(
				w,
				crash.Token(),
				func(t *v1alpha1.ServiceAccountToken) { t.Annotations[v1alpha1.AnnotationRotate] = "again" },
			)
		}},
		{
			Name:   "token's overlap ends",
			Before: withToken(dated),
			Midway: rotated,
			Act:    later(4 * time.Minute),
			After:  revision(2),
		},
		{
			Name:   "token's overlap ends while the operator is down",
			Before: withToken(dated),
			Midway: rotated,
			Act: func(w *crash.World) {
				w.Clock = w.Clock.Add(10 * time.Minute)
				w.Start()
			},
			After: revision(2),
		},
		{
			Name:   "token rotated again within the overlap",
			Before: withToken(dated),
			Midway: rotated,
			Act: func(w *crash.World) {
				crash.Edit(
					w,
					crash.Token(),
					func(t *v1alpha1.ServiceAccountToken) { t.Annotations[v1alpha1.AnnotationRotate] = "again" },
				)
			},
		},
		{
			Name:   "token's Secret deleted within the overlap",
			Before: withToken(dated),
			Midway: rotated,
			Act: func(w *crash.World) {
				w.Delete(&corev1.Secret{ObjectMeta: crash.Named("token")})
			},
		},
		{
			Name:   "token's Secret renamed within the overlap",
			Before: withToken(dated),
			Midway: rotated,
			Act: func(w *crash.World) {
				crash.Edit(w, crash.Token(), func(t *v1alpha1.ServiceAccountToken) { t.Spec.Secret.Name = "elsewhere" })
			},
			After: revision(2),
		},
		{
			Name:   "token's account made again within the overlap",
			Before: withToken(dated),
			Midway: rotated,
			Act: func(w *crash.World) {
				a := crash.Account("")
				w.Get(a)
				w.Grafana.Do("DELETE", fmt.Sprint("/api/serviceaccounts/", a.Status.ID), a.Status.OrgID, nil)
				w.Everybody()
			},
		},
		{Name: "token's ttl", Before: crash.Tenant, Act: func(w *crash.World) {
			crash.Edit(
				w,
				crash.Token(),
				func(t *v1alpha1.ServiceAccountToken) { t.Spec.TTL = &metav1.Duration{Duration: 720 * time.Hour} },
			)
		}, After: func(w *crash.World) error {
			if all := w.Grafana.Tokens(
				3,
			); len(all) != 1 || all[0].Expires == nil ||
				all[0].Expires.Sub(all[0].Created) != 720*time.Hour {
				return fmt.Errorf("%+v", all)
			}
			return nil
		}},
		{Name: "token expired while nobody looked", Before: withToken(dated), Act: later(2 * time.Hour)},
	}
}
