package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What can be refused before anything is stored is refused with a sentence; words "" means that it is accepted.
func TestAPIDataSourceAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	secret := spec{"secretKeyRef": spec{"name": "a", "key": "b"}}
	file := spec{"configMapKeyRef": spec{"name": "a", "key": "b"}}
	header := func(fields spec) spec { return spec{"headers": []any{fields}} }
	many := spec{}
	for n := range 33 {
		many[fmt.Sprint("k", n)] = secret
	}
	for _, test := range []struct {
		words  string
		fields spec
	}{
		{"", nil},
		{"", spec{"url": "http://127.0.0.1:9090/{{ .orgID }}?a=b@c"}},
		{"", spec{"url": "db.example.com:5432"}},
		{"give basicAuth instead", spec{"url": "http://me:secret@127.0.0.1"}},
		{"give basicAuth instead", spec{"url": "me@127.0.0.1"}},
		{"spec.url", spec{"url": ""}},
		{"spec.url", spec{"url": strings.Repeat("x", 1025)}},
		{"spec.type", spec{"type": nil}},
		{"spec.type", spec{"type": "a/b"}},
		{"spec.access", spec{"access": "teleport"}},
		{"", spec{"uid": "a-B_9"}},
		{"spec.uid", spec{"uid": strings.Repeat("u", 41)}},
		{"spec.uid", spec{"uid": "a.b"}},
		{"spec.name", spec{"name": " x"}},
		{"unknown field", spec{"password": "x"}},
		{"unknown field", spec{"basicAuthPassword": "x"}},
		{"unknown field", spec{"basicAuth": spec{"user": "a", "password": "x", "passwordSecretRef": spec{"name": "a", "key": "b"}}}},
		{"passwordSecretRef", spec{"basicAuth": spec{"user": "a"}}},
		{"", spec{"basicAuth": spec{"user": "a", "passwordSecretRef": spec{"name": "a", "key": "b"}}}},
		{"", spec{"secureJsonData": spec{"password": secret, "tlsCACert": file}}},
		{"exactly one of secretKeyRef and configMapKeyRef", spec{"secureJsonData": spec{"password": spec{}}}},
		{"must be of type object", spec{"secureJsonData": spec{"password": "inline"}}},
		{"unknown field", spec{"secureJsonData": spec{"password": spec{"value": "inline"}}}},
		{"unknown field", spec{"secureJsonData": spec{"password": spec{"secretKeyRef": spec{"name": "a", "key": "b", "namespace": "other"}}}}},
		{"the keys must be names", spec{"secureJsonData": spec{"a b": secret}}},
		{"basicAuth.passwordSecretRef", spec{"secureJsonData": spec{"basicAuthPassword": secret}}},
		{"32", spec{"secureJsonData": many}},
		{"", header(spec{"name": "X-Scope-OrgID", "value": "{{ .orgName }}"})},
		{"", header(spec{"name": "Authorization", "valueFrom": secret})},
		{"give valueFrom.secretKeyRef", header(spec{"name": "authorization", "value": "Bearer x"})},
		{"give exactly one of value and valueFrom", header(spec{"name": "X-A"})},
		{"give exactly one of value and valueFrom", header(spec{"name": "X-A", "value": "x", "valueFrom": secret})},
		{"name", header(spec{"name": "X A", "value": "x"})},
		{"once", spec{"headers": []any{spec{"name": "X-A", "value": "x"}, spec{"name": "x-a", "value": "y"}}}},
		{"put all of them under headers", spec{
			"headers": []any{spec{"name": "X-A", "value": "x"}}, "secureJsonData": spec{"httpHeaderValue1": secret},
		}},
		{"", spec{"jsonData": spec{"a": spec{"b": []any{1, true, nil}}}}},
		{"must be of type object", spec{"jsonData": "x"}},
		{"must be of type object", spec{"jsonData": []any{}}},
		{"deletionPolicy", spec{"deletionPolicy": "Keep"}},
		{"adoptionPolicy", spec{"adoptionPolicy": "Take"}},
		{"at least 30s", spec{"resyncInterval": "1s"}},
	} {
		t.Run(fmt.Sprint(test.fields), func(t *testing.T) {
			err := a.create(a.object("DataSource", test.fields))
			if test.words != "" {
				refused(t, err, test.words)
			} else if err != nil {
				t.Errorf("it was refused: %v", err)
			}
		})
	}
}

// What cannot be changed says so.
func TestAPIDataSourceImmutable(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	u := a.object("DataSource", spec{"uid": "given", "suspend": true})
	if err := a.Client.Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Client.Delete(t.Context(), u) })
	for field, test := range map[string]struct {
		value any
		words string
	}{
		"uid":             {"other", "uid cannot be changed, since dashboards refer to it"},
		"organizationRef": {spec{"name": "other"}, "organizationRef cannot be changed"},
		"type":            {"loki", ""},
	} {
		patch, err := json.Marshal(spec{"spec": spec{field: test.value}})
		if err != nil {
			t.Fatal(err)
		}
		err = a.Client.Patch(t.Context(), u.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
		if test.words != "" {
			refused(t, err, test.words)
		} else if err != nil {
			t.Errorf("%s: %v", field, err)
		}
	}
}
