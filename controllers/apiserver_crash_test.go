package controllers_test

import (
	"slices"
	"testing"

	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// TestCrashMatrixOnAPIServer runs a part of the same cases on a real kube-apiserver, since the one in memory could be
// wrong in the very things that the operator relies on.
func TestCrashMatrixOnAPIServer(t *testing.T) {
	t.Parallel()
	crash.OnAPIServer(t, suite.Bare(t).Config, slices.DeleteFunc(scenarios(), func(s crash.Scenario) bool {
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
