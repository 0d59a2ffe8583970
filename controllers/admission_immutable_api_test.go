package controllers_test

import (
	"fmt"
	"testing"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// What says which thing in Grafana an object stands for cannot be changed.
func TestAPIImmutable(t *testing.T) {
	t.Parallel()
	w := suite.NewEmpty(t, grafanatest.Options{})
	a := &admission{Cluster: w.Cluster, t: t, ns: w.NS}
	for _, test := range changes {
		t.Run(test.kind+" "+shorten(fmt.Sprint(test.before, test.then)), func(t *testing.T) {
			stored, then := a.object(test.kind, test.before), a.object(test.kind, test.then)
			if err := w.Client.Create(t.Context(), stored); err != nil {
				t.Fatal(err)
			}
			err := retry.RetryOnConflict(
				retry.DefaultBackoff,
				func() error { // the operator adds its finalizer at the same time
					if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(stored), stored); err != nil {
						return err
					}
					stored.Object["spec"] = then.Object["spec"]
					return w.Client.Update(t.Context(), stored, client.DryRunAll)
				},
			)
			if test.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, test.words)
		})
	}
}

// changes of a spec; words "" means that it is accepted.
var changes = []struct {
	kind, words  string
	before, then spec
}{
	{"Organization", "instanceRef cannot be changed: delete this Organization and create another one", nil,
		spec{"instanceRef": spec{"name": "other"}}},
	{"Organization", "instanceRef cannot be changed", nil,
		spec{"instanceRef": spec{"name": "grafana", "namespace": "other"}}},
	{"Organization", "", spec{"name": "a"}, spec{"name": "b", "deletionPolicy": "Orphan", "suspend": true}},
	{"User", "instanceRef cannot be changed: delete this User and create another one", nil,
		spec{"instanceRef": spec{"name": "other"}}},
	{
		"User",
		"",
		spec{"login": "a"},
		spec{"login": "b", "password": spec{"secretKeyRef": spec{"name": "a", "key": "b"}}},
	},
	{"Team", "organizationRef cannot be changed: delete this Team and create another one", nil,
		spec{"organizationRef": spec{"name": "other"}}},
	{"Team", "", spec{"name": "a"}, spec{"name": "b", "mode": "Exclusive", "members": []any{}}},
	{"ServiceAccount", "organizationRef cannot be changed: delete this ServiceAccount and create another one", nil,
		spec{"organizationRef": spec{"name": "other"}}},
	{"ServiceAccount", "", nil, spec{"name": "b", "role": "Admin", "disabled": true}},
	{"ServiceAccountToken", "serviceAccountRef cannot be changed", nil,
		spec{"serviceAccountRef": spec{"name": "other"}}},
	{
		"ServiceAccountToken",
		"",
		spec{"ttl": "1h"},
		spec{
			"ttl":      "2h",
			"rotation": spec{"before": "1h", "overlap": "1s"},
			"secret":   spec{"key": "k", "labels": spec{"a": "b"}, "template": spec{".env": "x"}},
		},
	},
	{"ServiceAccountToken", "rotation.before needs a ttl", spec{"ttl": "1h", "rotation": spec{"before": "30m"}},
		spec{"rotation": spec{"before": "30m"}}},
	{"ServiceAccountToken", "", nil, spec{"secret": spec{"name": "other"}}},
	{"ServiceAccountToken", "", spec{"secret": spec{"name": "a"}}, spec{"secret": nil}},
	{"ServiceAccountToken", "", spec{"secret": spec{"type": "a"}}, spec{"secret": spec{"type": "b"}}},
	{"ServiceAccountToken", "", spec{"secret": spec{"type": "a"}}, spec{"secret": nil}},
	{"Dashboard", "organizationRef cannot be changed", nil, spec{"organizationRef": spec{"name": "other"}}},
	{"Dashboard", "uid cannot be changed: delete this Dashboard and create another one", spec{"uid": "a"},
		spec{"uid": "b"}},
	{"Dashboard", "uid cannot be changed", spec{"uid": "a"}, nil},
	{"Dashboard", "uid cannot be changed", nil, spec{"uid": "a"}},
	{"Dashboard", "", nil,
		spec{"source": spec{"configMapRef": spec{"name": "a", "key": "b"}}, "folder": spec{"uid": "f"}}},
	{
		"Organization",
		"",
		spec{"deletionPolicy": "Orphan"},
		spec{
			"deletionPolicy":        "DeleteWithContents",
			"adoptionPolicy":        "Adopt",
			"adoption":              "Allow",
			"maxServiceAccountRole": "Viewer",
		},
	},
	{"ServiceAccount", "", spec{"adoptionPolicy": "Adopt"},
		spec{"adoptionPolicy": "Never", "deletionPolicy": "Orphan"}},
	{"Dashboard", "", spec{"adoptionPolicy": "Never"}, spec{"adoptionPolicy": "Adopt"}},
	{"Instance", "", spec{"onReset": "Hold"}, spec{"onReset": "Rebuild", "adoption": "Allow"}},
	{"Instance", "", nil,
		spec{"url": "https://elsewhere", "credentials": spec{"token": spec{"name": "a", "key": "b"}}}},
}
