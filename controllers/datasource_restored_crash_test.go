package controllers_test

import (
	"net/http"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// Somebody gives a data source another secret after Grafana was restored from a backup, so that its version is again
// the one that the operator had written before: the secret is put right all the same.
func TestDataSourceEditedAfterARestore(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := crash.New(t, version)
			w.Seed()
			crash.WithOrg(w)
			secret, source := crash.SourceSecret("first"), crash.NewDataSource("")
			w.Create(secret, source)
			w.Settle()
			backup := w.Grafana.Snapshot()
			w.Get(secret)
			secret.Data["token"] = []byte("second")
			if err := w.Kube.Update(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			w.Everybody()
			w.Settle()
			w.Get(source)
			before := source.Status

			w.Grafana.Restore(backup)
			w.Grafana.Do(http.MethodPut, "/api/datasources/uid/"+before.UID, before.OrgID, edited(w, before.OrgID))
			if now := w.Grafana.Sources(before.OrgID)[0]; now.Version != before.Version {
				t.Fatalf("the edit is version %d, and that of the operator was %d", now.Version, before.Version)
			}
			w.Everybody()
			w.Settle()
			if got := w.Grafana.Sources(before.OrgID)[0].Secrets["token"]; got != "second" {
				t.Errorf("the token is %q", got)
			}
		})
	}
}

// edited is what Grafana's page sends of the one data source of an organization when somebody typed another token.
func edited(w *crash.World, org int64) map[string]any {
	s := w.Grafana.Sources(org)[0]
	return map[string]any{
		"uid": s.UID, "name": s.Name, "type": s.Type, "access": s.Access, "url": s.URL, "jsonData": s.JSONData,
		"isDefault": s.IsDefault, "version": s.Version, "secureJsonData": map[string]string{"token": "theirs"},
	}
}
