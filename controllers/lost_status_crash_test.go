package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// eventsOf gathers the events of a kind from now on.
func eventsOf(w *crash.World, kind string) *[]lifecycle.Event {
	told := &[]lifecycle.Event{}
	w.Told = func(o lifecycle.Outcome) {
		if o.Kind == kind {
			*told = append(*told, o.Events...)
		}
	}
	return told
}

// unknownKeys are the keys that work and are in no Secret.
func unknownKeys(w *crash.World) (keys []string) {
	w.TB.Helper()
	held := map[string]bool{}
	var all corev1.SecretList
	if err := w.Kube.List(w.TB.Context(), &all); err != nil {
		w.TB.Fatal(err)
	}
	for _, s := range all.Items {
		for _, v := range s.Data {
			held[string(v)] = true
		}
	}
	for _, key := range w.Grafana.Keys() {
		if _, _, id, alive := w.Grafana.KeyAlive(key); alive && !held[key] {
			keys = append(keys, fmt.Sprint("token ", id))
		}
	}
	return keys
}

// dieAt has a process die at a request or write of the first visit to obj.
func dieAt(w *crash.World, obj lifecycle.Object, f crash.Fault, only string) {
	w.TB.Helper()
	w.Arm(0, f)
	w.Only = only
	w.Create(obj)
	w.Visit(crash.KindOf(obj) + " " + obj.GetNamespace() + "/" + obj.GetName())
	if w.FailAt >= 0 {
		w.TB.Fatalf("no %s in the visit to %s", only, obj.GetName())
	}
}

// A process dies before it writes a status, and what the object is in is deleted: that waits for the object, which is
// kept up, and not for something that waits for it.
func TestWhatHasLostItsStatusIsKeptUpInWhatIsBeingDeleted(t *testing.T) {
	account := func(w *crash.World) { w.Delete(crash.Account("")) }
	org := func(w *crash.World) { w.Delete(crash.Organization("")) }
	for name, c := range map[string]struct {
		obj  lifecycle.Object
		path string
		doom func(w *crash.World)
	}{
		"token, account":            {crash.Token(), "/api/serviceaccounts/", account},
		"token, organization":       {crash.Token(), "/api/serviceaccounts/", org},
		"account, organization":     {objectNamed(crash.Account("Deploy"), "deploy"), "/api/serviceaccounts", org},
		"dashboard, organization":   {crash.Dashboard("", crash.OneDashboard), "/api/dashboards/db", org},
		"folder, organization":      {newFolder(""), "/api/folders", org},
		"data source, organization": {crash.NewDataSource("metrics"), "/api/datasources", org},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, _ int64) {
				obj := c.obj.DeepCopyObject().(lifecycle.Object)
				w.Create(crash.SourceSecret("first"), crash.Account("CI"))
				w.Settle()
				dieAt(w, obj, crash.DeadAfter, "grafana POST "+c.path)
				c.doom(w)
				w.Briefly(20 * time.Minute)
				if keys := unknownKeys(w); len(keys) > 0 {
					t.Errorf("keys in no Secret: %v", keys)
				}
				if w.Get(obj); !lifecycle.StatusWritten(obj) || obj.CommonStatus().CreateStarted != nil {
					t.Errorf("it is not kept up: %+v", obj.CommonStatus())
				}
			})
		})
	}
}

// An account that was taken over is deleted after its status was lost, right after an operator has begun. What is told
// does not hang on how old that is.
func TestDeletionOfAnAdoptedAccountAfterARestartSaysWhatIsNotKnown(t *testing.T) {
	for _, policy := range []v1alpha1.DeletionPolicy{"", v1alpha1.DeletionOrphan, v1alpha1.DeletionDelete} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			w, org := inOrganization(t, nil)
			theirs := map[string]any{"name": "Theirs", "role": "Viewer"}
			w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", org, theirs)
			a := crash.Account("Theirs")
			a.Spec.AdoptionPolicy, a.Spec.DeletionPolicy = v1alpha1.AdoptionAdopt, policy
			w.Create(a)
			w.Settle()
			if w.Get(a); !a.Status.Adopted {
				t.Fatalf("it was not taken over: %+v", a.Status)
			}
			w.Delete(a)
			wipeStatus(w, a)
			w.Start()
			told := eventsOf(w, "ServiceAccount")
			w.Settle()
			if n := len(*told); n == 0 || (*told)[n-1].Reason != v1alpha1.EventLeft || w.Get(a) {
				t.Errorf("told: %+v", *told)
			}
		})
	}
}

// What was made is deleted after its status was lost, right after an operator has begun.
func TestDeletionAfterALostStatusSaysWhatItHasDeleted(t *testing.T) {
	for _, kind := range []string{"ServiceAccount", "ServiceAccountToken"} {
		t.Run(kind, func(t *testing.T) {
			w, _ := inOrganization(t, nil)
			var obj lifecycle.Object = crash.Account("CI")
			w.Create(obj)
			w.Settle()
			if kind == "ServiceAccountToken" {
				obj = crash.Token()
				w.Create(obj)
				w.Settle()
			}
			w.Delete(obj)
			wipeStatus(w, obj)
			w.Start()
			told := eventsOf(w, kind)
			w.Settle()
			if len(*told) != 1 || (*told)[0].Message != "Deleted in Grafana" {
				t.Errorf("told: %+v", *told)
			}
		})
	}
}

// A process dies before the key is in a Secret, and Grafana refuses the deletion once: it is tried again.
func TestTokenWithoutAStatusIsDeletedAtASecondTry(t *testing.T) {
	inTenant(t, func(t *testing.T, w *crash.World, org int64) {
		w.Create(crash.Account("CI"))
		w.Settle()
		o := crash.Token()
		dieAt(w, o, crash.DeadAfter, "grafana POST /api/serviceaccounts/")
		w.Delete(o)
		w.Arm(0, crash.Refused)
		w.Only = "grafana DELETE /api/serviceaccounts/"
		w.Settle()
		if w.FailAt >= 0 || w.Get(o) || len(w.Grafana.Tokens(org)) > 0 {
			t.Errorf("refused: %v; %+v, tokens %+v", w.FailAt < 0, o.Status, w.Grafana.Tokens(org))
		}
	})
}

// vanishAtALook has an object vanish while a pass looks for it in Grafana: after its finalizer, before any request.
func vanishAtALook(w *crash.World, obj lifecycle.Object, look string) {
	w.TB.Helper()
	n := 0
	w.Answers = func(r *http.Request) *http.Response {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, look) && n == 0 && w.Get(obj) &&
			len(obj.GetFinalizers()) > 0 {
			n++
			w.Vanish(obj)
		}
		return nil
	}
	w.Visit(crash.KindOf(obj) + " tenant/" + obj.GetName())
	if w.Answers = nil; n == 0 {
		w.TB.Fatal("it has not vanished")
	}
}

// A DELETE that had not seen the finalizer takes effect before anything is sent. Then nothing is, so that it does not
// hang on the process whether something is left.
func TestNothingIsSentForWhatHasVanished(t *testing.T) {
	for name, c := range map[string]struct {
		obj  func() lifecycle.Object
		look string
	}{
		"account": {func() lifecycle.Object { return objectNamed(crash.Account("Deploy"), "deploy") }, "/search"},
		"token":   {func() lifecycle.Object { return crash.Token() }, "/tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				w.Create(crash.Account("CI"))
				w.Settle()
				obj := c.obj()
				w.Arm(0, crash.DeadAfter)
				w.Only = "grafana POST /api/serviceaccounts"
				w.Create(obj)
				vanishAtALook(w, obj, c.look)
				w.Arm(-1, crash.None)
				w.Start()
				w.Briefly(30 * time.Minute)
				if n := len(w.Grafana.ServiceAccounts(org)); n != 1 || len(w.Grafana.Tokens(org)) != 0 {
					t.Errorf("%d accounts, tokens %+v", n, w.Grafana.Tokens(org))
				}
			})
		})
	}
}

// With shards no process keeps a vanished account.
func TestNothingIsSentForAnAccountThatHasVanishedWithShards(t *testing.T) {
	inTenant(t, func(t *testing.T, w *crash.World, org int64) {
		for i := range 2 {
			s := lifecycle.Shard{Index: i, Of: 2}
			if s.Has(types.NamespacedName{Namespace: crash.Namespace, Name: "main"}) {
				w.Start()
				w.Env.Shard = s
			}
		}
		w.Briefly(time.Minute)
		a := crash.Account("CI")
		w.Create(a)
		vanishAtALook(w, a, "/search")
		w.Briefly(20 * time.Minute)
		if all := w.Grafana.ServiceAccounts(org); len(all) != 0 {
			t.Errorf("left: %+v", all)
		}
	})
}

// A process dies as it makes something in an Organization of another namespace, whose consent is withdrawn then. The
// deletion ends: that the object was let in is known.
func TestDeletionAfterACrashNeedsNoConsent(t *testing.T) {
	for name, obj := range map[string]func() lifecycle.Object{
		"account": func() lifecycle.Object {
			a := objectNamed(crash.Account("Deploy"), "deploy")
			a.Spec.OrganizationRef.Namespace = crash.Namespace
			return a
		},
		"token": func() lifecycle.Object { return crash.Token() },
	} {
		for _, fault := range []crash.Fault{crash.DeadBefore, crash.DeadAfter} {
			for _, version := range crash.Versions() {
				t.Run(name+"/"+string(fault)+"/"+version, func(t *testing.T) {
					w := withConsent(t, version)
					o := obj()
					o.SetNamespace("elsewhere")
					dieAt(w, o, fault, "grafana POST /api/serviceaccounts")
					crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
						o.Spec.AllowedNamespaces.From = v1alpha1.FromSame
					})
					w.Delete(o)
					w.Briefly(20 * time.Minute)
					if w.Get(o) || len(unknownKeys(w)) > 0 {
						t.Errorf("it is there: %+v; keys in no Secret: %v", o.CommonStatus(), unknownKeys(w))
					}
				})
			}
		}
	}
}

// A token whose account is in an Organization of another namespace, with a fault at each step of its creation.
func TestCrashesOfATokenWhoseOrganizationIsElsewhere(t *testing.T) {
	t.Parallel()
	for _, withdrawn := range []bool{false, true} {
		for _, fault := range []crash.Fault{crash.Refused, crash.DropAfter, crash.DeadBefore, crash.DeadAfter} {
			for _, version := range crash.Versions() {
				t.Run(fmt.Sprint(fault, ", withdrawn ", withdrawn, "/", version), func(t *testing.T) {
					t.Parallel()
					for k := 0; k < 100; k++ {
						w := withConsent(t, version)
						o := crash.Token()
						o.Namespace = "elsewhere"
						w.Arm(k, fault)
						w.Create(o)
						w.Visit("ServiceAccountToken elsewhere/token")
						if w.FailAt >= 0 {
							return // there are no more steps
						}
						livesAndDies(w, o, withdrawn, k)
					}
				})
			}
		}
	}
}

// livesAndDies has a token become Ready, if the consent of its Organization is not withdrawn before, and deletes it.
func livesAndDies(w *crash.World, o *v1alpha1.ServiceAccountToken, withdrawn bool, k int) {
	w.TB.Helper()
	if withdrawn {
		crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
			o.Spec.AllowedNamespaces.From = v1alpha1.FromSame
		})
	} else {
		w.Briefly(10 * time.Minute)
		w.Get(o)
		ready := meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady)
		if keys := unknownKeys(w); !ready || len(keys) > 0 {
			w.TB.Errorf("step %d: %+v, keys in no Secret: %v", k, o.Status, keys)
		}
	}
	w.Delete(o)
	w.Briefly(10 * time.Minute)
	if there, keys := w.Get(o), unknownKeys(w); there || len(keys) > 0 {
		w.TB.Errorf("step %d: deleted, it is there: %v, %+v; keys in no Secret: %v", k, there, o.Status, keys)
	}
}
