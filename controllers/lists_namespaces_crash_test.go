package controllers_test

import (
	"testing"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// ofTwoNamespaces has two ServiceAccounts of one name in two namespaces, the first of them in that of the organization,
// and a Grafana in which two writes can go on at once. Nobody has an account yet but a third.
func ofTwoNamespaces(w *crash.World) (first, second string) {
	crash.Edit(w, crash.Instance(), func(o *v1alpha1.Instance) { o.Spec.Limits.MaxConcurrentWrites = 2 })
	crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
	})
	w.Create(objectNamed(crash.Account("Zero"), "zero"))
	rested(w)
	other := objectNamed(crash.Account("CI"), "ci")
	other.Namespace, other.Spec.OrganizationRef.Namespace = "other", "tenant"
	w.Create(objectNamed(crash.Account("CI"), "ci"), other)
	return "ServiceAccount tenant/ci", "ServiceAccount other/ci"
}

// While one waits for a proof of its organization, or for the answer to its create, one of another namespace gets the
// name that both ask for. It is not given twice.
func TestANameIsNotGivenTwiceInTwoNamespaces(t *testing.T) {
	for _, at := range []struct {
		request string
		made    int // by the one that comes second
	}{
		{"GET /api/orgs/3", 0},
		{"POST /api/serviceaccounts", 1},
	} {
		t.Run(at.request, func(t *testing.T) {
			inBothVersions(t, func(t *testing.T, w *crash.World) {
				first, second := ofTwoNamespaces(w)
				w.Advance(w.Clock.Add(2 * time.Minute)) // the last proof is too old
				seenAtOnce(w, first, second)
				happened := false
				w.Meanwhile = map[string]func(){at.request: func() {
					happened = true
					w.Visit(second)
				}}
				w.Visit(first)
				if all := w.Grafana.ServiceAccounts(3); namedCI(w) != 1 || len(all) != 2+at.made || !happened {
					t.Errorf("there are %+v, want one of the name", all)
				}
				w.Visit(first)
				if n := namedCI(w); n != 1 {
					t.Errorf("%d have the name after another visit", n)
				}
			})
		})
	}
}

// While the one waits for the answer to its create, the other is given the name, and the answer to that is lost: nobody
// knows who has it, and the one looks.
func TestANameThatWasGivenUnnoticedIsNotGivenTwice(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		first, second := ofTwoNamespaces(w)
		seenAtOnce(w, first, second)
		w.Meanwhile = map[string]func(){"POST /api/serviceaccounts": func() {
			w.Arm(0, crash.DropAfter)
			w.Only = "grafana PATCH /api/serviceaccounts/"
			w.Visit(second)
			w.Arm(-1, crash.None)
		}}
		w.Visit(first)
		if all := w.Grafana.ServiceAccounts(3); namedCI(w) != 1 || len(all) != 3 {
			t.Errorf("there are %+v, want one of the name", all)
		}
	})
}
