package controllers_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// TestCrashMatrixOnAPIServer runs a part of the same cases on a real kube-apiserver, since the one in memory could be
// wrong in the very things that the operator relies on.
func TestCrashMatrixOnAPIServer(t *testing.T) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		t.Fatal(
			"this test needs a kube-apiserver and KUBEBUILDER_ASSETS is not set: run `make test`, which builds " +
				"one and sets it",
		)
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join("..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		UseExistingCluster:    new(false),
	}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	crash.OnAPIServer(t, config, slices.DeleteFunc(scenarios(), func(s crash.Scenario) bool {
		return !slices.Contains(
			[]string{
				"an organization deleted while it is created",
				"service account deleted and applied again",
				"token created",
				"dashboard changed",
			},
			s.Name,
		)
	}))
}
