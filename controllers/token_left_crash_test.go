package controllers_test

import (
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// A token is made, what came of its Secret is not known, and the object is deleted before the next pass: the token is
// revoked.
func TestDeletionAfterTheSecretsFateIsUnknown(t *testing.T) {
	for _, version := range []string{"10.4.3", "12.4.0"} {
		for _, fault := range []crash.Fault{crash.DropAfter, crash.Refused} {
			t.Run(version+"/"+string(fault), func(t *testing.T) {
				w := crash.New(t, version)
				w.Start()
				w.Seed()
				crash.WithAccount(w)
				w.Settle()
				w.Arm(0, fault)
				w.Only = "kubernetes create token"
				token := crash.Token()
				w.Create(token)
				w.Visit("ServiceAccountToken tenant/token")
				if len(w.Grafana.Tokens(3)) != 1 {
					t.Fatalf("there are %d tokens", len(w.Grafana.Tokens(3)))
				}
				w.Delete(token)
				w.Briefly(3 * time.Hour)
				w.CollectGarbage()
				if left := w.Grafana.Tokens(3); len(left) != 0 || w.Get(token) {
					t.Errorf("these tokens are left: %+v", left)
				}
			})
		}
	}
}
