package controllers_test

import (
	"maps"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// spec is a spec as a person writes it.
type spec = map[string]any

// bare are specs with what each kind requires and nothing else.
var bare = map[string]spec{
	"Instance": {
		"url":         "http://grafana:3000",
		"credentials": spec{"basicAuth": spec{"secretRef": spec{"name": "admin"}}},
	},
	"Organization":        {"instanceRef": spec{"name": "grafana"}},
	"ServiceAccount":      {"organizationRef": spec{"name": "team"}},
	"ServiceAccountToken": {"serviceAccountRef": spec{"name": "robot"}},
	"Folder":              {"organizationRef": spec{"name": "team"}},
	"Dashboard":           {"organizationRef": spec{"name": "team"}, "source": spec{"json": "{}"}},
	"DataSource":          {"organizationRef": spec{"name": "team"}, "type": "testdata"},
	"Membership":          {"organizationRef": spec{"name": "team"}, "members": []any{spec{"login": "ada"}}},
	"User":                {"instanceRef": spec{"name": "grafana"}},
	"Team":                {"organizationRef": spec{"name": "team"}},
	"DataSourceSet": {
		"organizations": spec{"selector": spec{}}, "template": spec{"spec": spec{"type": "testdata"}},
	},
	"DashboardSet": {
		"organizations": spec{"selector": spec{}},
		"template":      spec{"spec": spec{"source": spec{"json": "{}"}}},
	},
}

// admission checks a spec without storing anything: every write is a dry run.
type admission struct {
	*suite.Cluster
	t  *testing.T
	ns string
}

func newAdmission(t *testing.T) *admission {
	t.Helper()
	c := suite.Shared(t)
	return &admission{Cluster: c, t: t, ns: metav1.NamespaceDefault}
}

// object is an object of a kind, with fields laid over the bare spec; nil takes one off.
func (a *admission) object(kind string, fields spec) *unstructured.Unstructured {
	full := maps.Clone(bare[kind])
	for k, v := range fields {
		if full[k] = v; v == nil {
			delete(full, k)
		}
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": runtime.DeepCopyJSON(normal(full))}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	u.SetNamespace(a.ns)
	u.SetGenerateName("admission-")
	return u
}

// normal turns the numbers in a literal into those of JSON.
func normal(s spec) spec {
	var fix func(v any) any
	fix = func(v any) any {
		switch v := v.(type) {
		case int:
			return int64(v)
		case spec:
			out := spec{}
			for k, e := range v {
				out[k] = fix(e)
			}
			return out
		case []any:
			out := make([]any, len(v))
			for i, e := range v {
				out[i] = fix(e)
			}
			return out
		}
		return v
	}
	return fix(s).(spec)
}

func (a *admission) create(u *unstructured.Unstructured) error {
	return a.Client.Create(a.t.Context(), u, client.DryRunAll, client.FieldValidation("Strict"))
}

// refused checks that an error refuses an object and says so in these words.
func refused(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case err == nil:
		t.Error("it was accepted")
	case !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err):
		t.Errorf("it failed otherwise: %v", err)
	case !strings.Contains(err.Error(), words):
		t.Errorf("it was refused without %q: %v", words, err)
	}
}

func basicAuth(fields spec) spec {
	basic := spec{"secretRef": spec{"name": "admin"}}
	maps.Copy(basic, fields)
	return spec{"basicAuth": basic}
}
