package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Where our kinds are not in the cluster it is said what to do, and of other kinds and errors it is not.
func TestMissingCRDsAreTold(t *testing.T) {
	ours := v1alpha1.GroupVersion
	for _, err := range []error{
		&meta.NoKindMatchError{GroupKind: ours.WithKind("Team").GroupKind(), SearchedVersions: []string{ours.Version}},
		fmt.Errorf("setting up: %w", &apiutil.ErrResourceDiscoveryFailed{
			ours: &meta.NoResourceMatchError{PartialResource: ours.WithResource("")},
		}),
	} {
		got := explained(err)
		if !errors.Is(got, err) || !strings.HasPrefix(got.Error(), "the CRDs are not installed") ||
			!strings.Contains(got.Error(), "make install") {
			t.Errorf("%v: %v", err, got)
		}
	}
	for _, err := range []error{
		nil, errors.New("connection refused"), &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Role"}},
	} {
		if got := explained(err); !errors.Is(got, err) || got != nil && got.Error() != err.Error() {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func TestShardThatThereIsNot(t *testing.T) {
	for _, text := range []string{"", "2", "2/2", "1/0"} {
		if err := run(t.Context(), options{shard: text}); err == nil || !strings.HasPrefix(err.Error(), "--shard: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
