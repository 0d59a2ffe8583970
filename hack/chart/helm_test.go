// Package chart_test holds the Helm chart against config, and installs it by Helm's own code.
package chart_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const (
	chartDir = "../../charts/grafana-tenancy-operator"

	// What config/default has these names for.
	releaseName = "grafana-tenancy-operator"
	namespace   = "grafana-tenancy-system"
)

func load(t *testing.T, path string) chart.Charter {
	t.Helper()
	c, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// values are what a file for `helm --values` says.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// template is `helm template`, with notes.
func template(t *testing.T, name, ns, text string) (*release.Release, error) {
	t.Helper()
	install := action.NewInstall(action.NewConfiguration())
	install.DryRunStrategy, install.ReleaseName, install.Namespace = action.DryRunClient, name, ns
	install.KubeVersion = &common.KubeVersion{Version: "v1.30.0", Major: "1", Minor: "30"} // the oldest
	rendered, err := install.Run(load(t, chartDir), values(t, text))
	if err != nil {
		return nil, err
	}
	return rendered.(*release.Release), nil
}

// render returns the chart's objects for values that have to be good.
func render(t *testing.T, text string) objects {
	t.Helper()
	rendered, err := template(t, releaseName, namespace, text)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, []byte(rendered.Manifest))
}

// objects are by kind, namespace and name.
type objects map[string]*unstructured.Unstructured

func decode(t *testing.T, manifests []byte) objects {
	t.Helper()
	all := objects{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		key := strings.Join([]string{o.GetKind(), o.GetNamespace(), o.GetName()}, " ")
		if all[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		all[key] = &o
	}
}

// get returns what is at a path of fields in an object, whose key is of the release's namespace.
func (all objects) get(t *testing.T, kind, name string, fields ...string) any {
	t.Helper()
	o := all[strings.Join([]string{kind, namespace, name}, " ")]
	if o == nil {
		t.Fatalf("there is no %s %s", kind, name)
	}
	value, _, err := unstructured.NestedFieldCopy(o.Object, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}
