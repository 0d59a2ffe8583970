package controllers_test

import (
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// secondLife has an account made for an object that is lost then, and brings the account's id, and the object in its
// next life.
func secondLife(w *crash.World) (old int64, again *v1alpha1.ServiceAccount) {
	w.Create(objectNamed(crash.Account("CI"), "ci"))
	rested(w)
	old = w.Grafana.ServiceAccounts(3)[0].ID
	lose(w, objectNamed(crash.Account(""), "ci"))
	again = objectNamed(crash.Account("CI"), "ci")
	again.SetUID(types.UID("99999999-9999-4999-8999-999999999999"))
	return old, again
}

// What a list of some seconds ago shows as an earlier life's is somebody else's by now: a backup was restored, which
// knows the session. It is not taken over, renamed or given another role.
func TestAListOfBeforeARestoreTakesNobodyOver(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		backup := w.Grafana.Snapshot()
		old, again := secondLife(w)
		w.Create(objectNamed(crash.Account("First"), "first"), again)
		seenAtOnce(w, "ServiceAccount tenant/first", "ServiceAccount tenant/ci")
		w.Visit("ServiceAccount tenant/first") // for whom the list is made
		w.Grafana.Restore(backup)
		w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "Robot", "role": "Viewer"})
		if got := w.Grafana.ServiceAccounts(3); len(got) != 1 || got[0].ID != old {
			t.Fatalf("there are %+v, want one of id %d", got, old)
		}
		w.Visit("ServiceAccount tenant/ci")
		got := w.Grafana.ServiceAccounts(3)
		if len(got) != 2 || got[0].Name != "Robot" || got[0].Role != "Viewer" || got[1].Name != "CI" {
			t.Errorf("there are %+v, want somebody else's account as it was, and the object's own", got)
		}
	})
}

// Between a list as of now and the look at the one account that it shows as an earlier life's, the backup is restored.
func TestARestoreBetweenListAndLookTakesNobodyOver(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		backup := w.Grafana.Snapshot()
		old, again := secondLife(w)
		w.Create(again)
		w.Visit("ServiceAccount tenant/ci") // it waits for what the watch tells of the object before it
		w.Meanwhile = map[string]func(){accountPath(old): func() {
			w.Grafana.Restore(backup)
			w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "Robot", "role": "Viewer"})
		}}
		w.Visit("ServiceAccount tenant/ci")
		if got := w.Grafana.ServiceAccounts(3); len(got) != 1 || got[0].Name != "Robot" || got[0].Role != "Viewer" {
			t.Errorf("there are %+v, want somebody else's account as it was", got)
		}
		rested(w)
		if got := w.Grafana.ServiceAccounts(3); len(got) != 2 || got[0].Name != "Robot" || got[1].Name != "CI" {
			t.Errorf("there are %+v, want somebody else's account and the object's own", got)
		}
	})
}

// A name that somebody had before the object was made is seen, though the clocks of the operator and of the API server
// differ.
func TestANameThatSomebodyHadBeforeTheObjectIsSeen(t *testing.T) {
	for _, ahead := range []time.Duration{-10 * time.Second, 0, 10 * time.Second} {
		inBothVersions(t, func(t *testing.T, w *crash.World) {
			w.Create(objectNamed(crash.Account("First"), "first"))
			w.Visit("ServiceAccount tenant/first") // for whom the list is made
			w.Grafana.Do(http.MethodPost, "/api/serviceaccounts", 3, map[string]any{"name": "CI", "role": "Viewer"})
			now := w.Clock
			w.Clock = now.Add(ahead) // as the API server has it
			w.Create(objectNamed(crash.Account("CI"), "ci"))
			w.Clock = now
			w.Visit("ServiceAccount tenant/ci")
			if n := namedCI(w); n != 1 {
				t.Errorf("%d service accounts have the name", n)
			}
		})
	}
}

func namedCI(w *crash.World) (n int) {
	for _, a := range w.Grafana.ServiceAccounts(3) {
		if a.Name == "CI" {
			n++
		}
	}
	return n
}
