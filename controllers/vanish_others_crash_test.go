package controllers_test

import (
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func madeAgain[T client.Object](w *crash.World, obj T) T {
	obj.SetUID(crash.SecondUID)
	w.Create(obj)
	return obj
}

func readyNow(w *crash.World, obj lifecycle.Object) bool {
	w.Get(obj)
	return meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
}

// fromNothing is a test in a world that has an Instance and nothing else.
func fromNothing(t *testing.T, test func(t *testing.T, w *crash.World)) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			w.MustRest()
			test(t, w)
		})
	}
}

// What has vanished is there for what is in it and what it is in, as if it were still being deleted.
func TestWhatVanishesBesideItsParent(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, w *crash.World){
		"both": func(_ *testing.T, w *crash.World) {
			w.Vanish(crash.Organization(""), crash.Account(""), crash.Token(), crash.Dashboard("", ""))
		},
		"both, what is in it first": func(_ *testing.T, w *crash.World) {
			w.Vanish(crash.Dashboard("", ""), crash.Token(), crash.Account(""), crash.Organization(""))
		},
		"the parent, and then the rest is deleted": func(_ *testing.T, w *crash.World) {
			w.Vanish(crash.Organization(""))
			w.Briefly(time.Minute)
			w.Delete(crash.Token(), crash.Account(""), crash.Dashboard("", ""))
		},
		"the parent, while the rest is being deleted": func(_ *testing.T, w *crash.World) {
			w.Delete(crash.Token(), crash.Account(""), crash.Dashboard("", ""))
			w.Vanish(crash.Organization(""))
		},
		"what is in it, while the parent is being deleted": func(_ *testing.T, w *crash.World) {
			w.Delete(crash.Organization(""), crash.Token())
			w.Vanish(crash.Account(""), crash.Dashboard("", ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			fromNothing(t, func(t *testing.T, w *crash.World) {
				orgs := len(w.Grafana.Orgs())
				crash.Tenant(w)
				w.MustRest()
				act(t, w)
				w.MustRest()
				for _, obj := range []lifecycle.Object{
					crash.Organization(""), crash.Account(""), crash.Token(), crash.Dashboard("", ""),
				} {
					if w.Get(obj) {
						t.Errorf("%T is still there: %+v", obj, obj.CommonStatus().Conditions)
					}
				}
				if got := len(w.Grafana.Orgs()); got != orgs {
					t.Errorf("%d organizations, before %d: %+v", got, orgs, w.Grafana.Orgs())
				}
			})
		})
	}
}

// An Organization vanishes while what is in it is being deleted, and is made again: neither waits for the other.
func TestParentThatVanishesIsMadeAgain(t *testing.T) {
	fromNothing(t, func(t *testing.T, w *crash.World) {
		crash.WithAccount(w)
		w.MustRest()
		w.Delete(crash.Account(""))
		w.Vanish(crash.Organization(""))
		next := madeAgain(w, crash.Organization("Tenant"))
		w.MustRest()
		if !readyNow(w, next) || w.Get(crash.Account("")) {
			t.Errorf("%+v", next.Status)
		}
	})
}

// One that is let go with what is in it waits for what has vanished, which must not stay there.
func TestWhatVanishesHoldsAnOrganizationThatStays(t *testing.T) {
	fromNothing(t, func(t *testing.T, w *crash.World) {
		org := crash.Organization("Tenant")
		org.Spec.DeletionPolicy = v1alpha1.OrganizationOrphan
		w.Create(org, crash.Account("CI"))
		w.MustRest()
		w.Get(org)
		w.Vanish(crash.Account(""))
		w.Delete(org)
		w.MustRest()
		if left := w.Grafana.ServiceAccounts(org.Status.OrgID); len(left) != 0 || w.Get(org) {
			t.Errorf("left: %+v", left)
		}
	})
}

// An Instance that vanishes while it has Organizations leaves them to its successor, and its Secret to be deleted.
func TestInstanceThatVanishesLetsGoOfItsSecret(t *testing.T) {
	fromNothing(t, func(t *testing.T, w *crash.World) {
		crash.WithOrg(w)
		w.MustRest()
		w.Vanish(crash.Instance())
		next := madeAgain(w, crash.Instance())
		w.MustRest()
		org := crash.Organization("")
		if !readyNow(w, org) || !readyNow(w, next) {
			t.Errorf("%+v, %+v", org.Status, next.Status)
		}
		w.Delete(org)
		w.MustRest()
		w.Delete(next)
		w.MustRest()
		secret := &corev1.Secret{ObjectMeta: crash.Named("grafana")}
		if w.Get(secret); len(secret.Finalizers) != 0 {
			t.Errorf("finalizers %v", secret.Finalizers)
		}
	})
}

// The watch tells late how the one before went, when its successor has taken over what it had: that stays.
func TestWhatASuccessorHasTakenOverStays(t *testing.T) {
	for kind, obj := range map[string]func() lifecycle.Object{
		"Organization":         func() lifecycle.Object { return crash.Organization("Tenant") },
		"ServiceAccount":       func() lifecycle.Object { return crash.Account("CI") },
		"ServiceAccountToken":  func() lifecycle.Object { return crash.Token() },
		"Dashboard with a uid": func() lifecycle.Object { return crash.Dashboard("given", crash.OneDashboard) },
		"DataSource":           func() lifecycle.Object { return crash.NewDataSource("") },
	} {
		t.Run(kind, func(t *testing.T) {
			fromNothing(t, func(t *testing.T, w *crash.World) {
				for _, o := range []client.Object{
					crash.Organization("Tenant"), crash.Account("CI"), crash.SourceSecret("first"),
				} {
					if crash.KindOf(o) != kind {
						w.Create(o)
					}
				}
				w.Create(obj())
				w.MustRest()
				last := w.VanishUntold(obj())
				next := madeAgain(w, obj())
				w.MustRest()
				w.Grafana.ResetLog()
				w.TellDeleted(last)
				w.MustRest()
				for _, r := range w.Grafana.Requests() {
					if r.Method == http.MethodDelete {
						t.Errorf("%s %s", r.Method, r.Path)
					}
				}
				if !readyNow(w, next) {
					t.Errorf("%+v", next.CommonStatus())
				}
			})
		})
	}
}
