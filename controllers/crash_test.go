package controllers_test

import (
	"slices"
	"testing"

	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// TestCrashMatrix lets every request and every Kubernetes write of every scenario fail in every way, starts the
// operator anew where it died, and looks at what it comes to. Unless CRASH=all, it takes a fixed sample of the points.
// CRASH_SCENARIO and CRASH_VERSION narrow it down.
func TestCrashMatrix(t *testing.T) { crash.Matrix(t, scenarios()) }

func scenarios() []crash.Scenario {
	return slices.Concat(
		wholeScenarios(),
		organizationScenarios(),
		accountScenarios(),
		tokenScenarios(),
		dashboardScenarios(),
		schema2Scenarios(),
		panelScenarios(),
		membershipScenarios(),
		userScenarios(),
		teamScenarios(),
		sourceScenarios(),
		mappedScenarios(),
		folderScenarios(),
		dataSourceScenarios(),
		folderKindScenarios(),
		setScenarios(),
		foreignScenarios(),
		ownershipScenarios(),
		atOnceScenarios(),
	)
}
