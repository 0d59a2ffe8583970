package controllers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A ConfigMap of the name that the content needs is not touched if the set has not made it. When it goes, the set goes
// on.
func TestAPIDashboardSetWaitsForTheNameOfItsContent(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team", chosen(w, nil)))
	sum := sha256.Sum256([]byte(overview))
	taken := w.ConfigMap("board-"+hex.EncodeToString(sum[:])[:10], map[string]string{"somebodys": "own"})
	set := dashboardSet(w, "board")
	suite.Stalled(w, set, v1alpha1.ReasonChildConflict, taken.Name)
	if suite.Get(w, taken); taken.Data["somebodys"] != "own" || len(taken.OwnerReferences) > 0 {
		t.Errorf("it was touched: %+v", taken)
	}
	w.Delete(taken)
	childOfReady(w, set, org)
	suite.Ready(w, set)
}
