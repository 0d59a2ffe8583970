package controllers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// dieSending has a process die as it sends the request that would make obj, of which no status tells.
func dieSending(w *crash.World, obj lifecycle.Object, request string) {
	w.TB.Helper()
	w.Arm(0, crash.DeadBefore)
	w.Only = "grafana POST " + request
	w.Create(obj)
	w.Visit(crash.KindOf(obj) + " tenant/" + obj.GetName())
	if w.Get(obj); len(obj.GetFinalizers()) == 0 || obj.CommonStatus().CreateStarted != nil {
		w.TB.Fatalf("the process has not died where it should: %v %+v", obj.GetFinalizers(), obj.CommonStatus())
	}
}

func shortUID(uid types.UID) string { return strings.ReplaceAll(string(uid), "-", "")[:8] }

// A request for an account, of a process that is no more, takes effect once another process has looked: a deletion
// waits for it, and of an object that lives, and has another name by now, there is one in the end.
func TestAccountOfADeadProcessThatComesLate(t *testing.T) {
	for name, then := range map[string]struct {
		act  func(w *crash.World, a *v1alpha1.ServiceAccount)
		want int
	}{
		"deleted": {func(w *crash.World, a *v1alpha1.ServiceAccount) { w.Delete(a) }, 0},
		"renamed": {func(w *crash.World, a *v1alpha1.ServiceAccount) {
			crash.Edit(w, a, func(a *v1alpha1.ServiceAccount) { a.Spec.Name = "Deploy" })
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				a := crash.Account("CI")
				dieSending(w, a, "/api/serviceaccounts")
				then.act(w, a)
				w.Briefly(3 * time.Second)
				kin := sha256.Sum256([]byte("tenant/account"))
				birth := fmt.Sprintf("CI-%s-%s", hex.EncodeToString(kin[:4]), shortUID(a.UID))
				late := map[string]any{"name": birth, "role": "Editor"}
				w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", org, late)
				w.Settle()
				all := w.Grafana.ServiceAccounts(org)
				if len(all) != then.want || then.want == 1 && all[0].Name != "Deploy" {
					t.Errorf("accounts: %+v", all)
				}
				if there := w.Get(a); there != (then.want == 1) || a.Status.CreateStarted != nil {
					t.Errorf("the object is there: %v, %+v", there, a.Status)
				}
			})
		})
	}
}

// The same of a token: its key is nowhere.
func TestTokenOfADeadProcessThatComesLate(t *testing.T) {
	for name, then := range map[string]struct {
		act  func(w *crash.World, o *v1alpha1.ServiceAccountToken)
		want int
	}{
		"deleted": {func(w *crash.World, o *v1alpha1.ServiceAccountToken) { w.Delete(o) }, 0},
		"living":  {func(*crash.World, *v1alpha1.ServiceAccountToken) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inTenant(t, func(t *testing.T, w *crash.World, org int64) {
				a, o := crash.Account("CI"), crash.Token()
				w.Create(a)
				w.Settle()
				w.Get(a)
				path := fmt.Sprintf("/api/serviceaccounts/%d/tokens", a.Status.ID)
				dieSending(w, o, path)
				then.act(w, o)
				w.Briefly(3 * time.Second)
				w.Grafana.Do(http.MethodPost, path, org, map[string]any{"name": "token-" + shortUID(o.UID) + "-1"})
				w.Settle()
				if all := w.Grafana.Tokens(org); len(all) != then.want {
					t.Errorf("tokens: %+v", all)
				}
				if there := w.Get(o); there != (then.want == 1) || o.Status.CreateStarted != nil {
					t.Errorf("the object is there: %v, %+v", there, o.Status)
				}
			})
		})
	}
}

// A stale copy of an object that has been deleted meanwhile, or has a token, makes none: the finalizer is refused.
func TestStaleCopyMakesNoAccountAndNoToken(t *testing.T) {
	for _, version := range grafanatest.Versions() {
		for name, make := range map[string]func() lifecycle.Object{
			"account": func() lifecycle.Object { return objectNamed(crash.Account("Deploy"), "deploy") },
			"token":   func() lifecycle.Object { return crash.Token() },
		} {
			t.Run(version+"/"+name, func(t *testing.T) {
				w := withConsent(t, version)
				obj := make()
				w.Create(obj)
				key := crash.KindOf(obj) + " tenant/" + obj.GetName()
				obj.SetLabels(map[string]string{"edited": "by a person"})
				if err := w.Kube.Update(t.Context(), obj); err != nil {
					t.Fatal(err)
				}
				w.Remember(obj)
				w.Arm(0, crash.Stale)
				w.Only = "read " + key
				w.Visit(key)
				for _, p := range w.Points {
					if p.Where == "grafana" && strings.HasPrefix(p.What, http.MethodPost) {
						t.Errorf("%s was sent for a copy that is behind", p.What)
					}
				}
				if w.FailAt >= 0 {
					t.Error("the stale read is yet to come")
				}
			})
		}
	}
}

// An account that was taken over is known by its status alone. Where that is lost, a deletion does not say that
// nothing is left.
func TestDeletionOfAnAdoptedAccountSaysWhatIsNotKnown(t *testing.T) {
	w, org := inOrganization(t, nil)
	w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", org, map[string]any{"name": "Theirs", "role": "Viewer"})
	a := crash.Account("Theirs")
	a.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	w.Create(a)
	w.Settle()
	if w.Get(a); !a.Status.Adopted {
		t.Fatalf("it was not taken over: %+v", a.Status)
	}
	wipeStatus(w, a)
	var told []lifecycle.Event
	w.Told = func(o lifecycle.Outcome) {
		if o.Kind == "ServiceAccount" {
			told = append(told, o.Events...)
		}
	}
	w.Delete(a)
	w.Settle()
	if n := len(w.Grafana.ServiceAccounts(org)); n != 1 || w.Get(a) {
		t.Errorf("%d accounts, want 1; the object is there: %v", n, w.Get(a))
	}
	if len(told) != 1 || told[0].Reason != v1alpha1.EventLeft {
		t.Errorf("told: %+v", told)
	}
}
