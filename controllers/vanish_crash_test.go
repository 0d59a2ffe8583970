package controllers_test

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// kube-apiserver deletes an object whose finalizer was written after the DELETE had read it. Whatever had been made of
// it by then must go.
func TestWhatVanishesLeavesNothingInGrafana(t *testing.T) {
	people := func(w *crash.World) {
		w.SignUp("ann", "bob")
		w.Create(crash.Organization("Tenant"),
			crash.NewMembership("people", crash.WithRole("ann", v1alpha1.RoleViewer)))
	}
	for kind, c := range map[string]struct {
		before func(*crash.World)
		obj    func() client.Object
	}{
		"Organization":        {crash.Nothing, func() client.Object { return crash.Organization("Tenant") }},
		"ServiceAccount":      {crash.WithOrg, func() client.Object { return crash.Account("CI") }},
		"ServiceAccountToken": {crash.WithAccount, func() client.Object { return crash.Token() }},
		"Dashboard":           {crash.WithOrg, func() client.Object { return crash.Dashboard("", crash.OneDashboard) }},
		"Dashboard with a uid": {crash.WithOrg, func() client.Object {
			return crash.Dashboard("given", crash.OneDashboard)
		}},
		"Folder": {crash.WithOrg, func() client.Object {
			return objectNamed(crash.NewFolder("", "Ops"), "ops")
		}},
		"Folder with a uid": {crash.WithOrg, func() client.Object {
			return objectNamed(crash.NewFolder("ops", "Ops"), "ops")
		}},
		"DataSource": {func(w *crash.World) {
			crash.WithOrg(w)
			w.Create(crash.SourceSecret("first"))
		}, func() client.Object { return crash.NewDataSource("") }},
		"Team": {people, func() client.Object { return crash.NewTeam("Dev", "ann") }},
		"Membership": {people, func() client.Object {
			return crash.NewMembership("more", crash.WithRole("bob", v1alpha1.RoleEditor))
		}},
		"User": {crash.Nothing, func() client.Object { return crash.NewUser("carol", "carol") }},
	} {
		for _, version := range crash.Versions() {
			t.Run(version+"/"+kind, func(t *testing.T) {
				t.Parallel()
				crash.Vanishing(t, version, c.before, c.obj)
			})
		}
	}
}
