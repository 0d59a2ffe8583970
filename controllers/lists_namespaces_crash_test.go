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

// While one waits for a proof of its organization, one of another namespace gets the name that both ask for. It is not
// given twice.
func TestANameIsNotGivenTwiceInTwoNamespaces(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		first, second := ofTwoNamespaces(w)
		w.Advance(w.Clock.Add(2 * time.Minute)) // the last proof is too old
		seenAtOnce(w, first, second)
		happened := false
		w.Meanwhile = map[string]func(){"GET /api/orgs/3": func() {
			happened = true
			w.Visit(second)
		}}
		w.Visit(first)
		if all := w.Grafana.ServiceAccounts(3); namedCI(w) != 1 || len(all) != 2 || !happened {
			t.Errorf("there are %+v, want one of the name", all)
		}
		w.Visit(first)
		if n := namedCI(w); n != 1 {
			t.Errorf("%d have the name after another visit", n)
		}
	})
}
