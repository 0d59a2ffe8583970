package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What can be refused of a User before anything is stored is refused with a sentence; words "" means that it is
// accepted.
func TestAPIUserAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	for _, test := range []struct {
		words  string
		fields spec
	}{
		{"", nil},
		{"spec.instanceRef", spec{"instanceRef": nil}},
		{"unknown field", spec{"instanceRef": spec{"name": "grafana", "namespace": "elsewhere"}}},
		{"login", spec{"login": " ada"}},
		{"login", spec{"login": "ada\nX-Grafana-Org-Id: 1"}},
		{"login", spec{"login": strings.Repeat("x", 191)}},
		{"", spec{"login": strings.Repeat("x", 190), "name": "Ada Lovelace", "email": "ada@example.com"}},
		{"email", spec{"email": "nobody"}},
		{"name", spec{"name": strings.Repeat("x", 191)}},
		{"give exactly one of secret and secretKeyRef", spec{"password": spec{}}},
		{
			"give exactly one of secret and secretKeyRef",
			spec{"password": spec{"secret": spec{}, "secretKeyRef": spec{"name": "a", "key": "b"}}},
		},
		{"", spec{"password": spec{"secretKeyRef": spec{"name": "a", "key": "b"}}}},
		{"unknown field", spec{"password": spec{"value": "inline"}}},
		{
			"give the template another name",
			spec{"password": spec{"secret": spec{"template": spec{"password": "x"}}}},
		},
		{"use Opaque", spec{"password": spec{"secret": spec{"type": "kubernetes.io/service-account-token"}}}},
		{
			"the operator's own",
			spec{"password": spec{"secret": spec{"labels": spec{"grafana-tenancy.dev/x": "y"}}}},
		},
		{`"Delete", "Disable", "Orphan"`, spec{"deletionPolicy": "DeleteWithContents"}},
	} {
		t.Run(fmt.Sprint(test.fields), func(t *testing.T) {
			err := a.create(a.object("User", test.fields))
			if test.words != "" {
				refused(t, err, test.words)
			} else if err != nil {
				t.Errorf("it was refused: %v", err)
			}
		})
	}
}

// Whoever applies a manifest that says otherwise where the password is has it so: nothing that they have not written is
// in the way.
func TestAPIUserPasswordPlaceApplied(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	given := spec{"secretKeyRef": spec{"name": "a", "key": "b"}}
	for name, before := range map[string]spec{"default": nil, "named": {"password": spec{"secret": spec{"name": "a"}}}} {
		t.Run(name, func(t *testing.T) {
			u := a.object("User", before)
			u.SetGenerateName("")
			u.SetName("applied-" + name)
			apply := func(how ...client.ApplyOption) error {
				how = append(how, client.FieldOwner("somebody"))
				return a.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u.DeepCopy()), how...)
			}
			if err := apply(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Client.Delete(context.WithoutCancel(t.Context()), u) })
			u.Object["spec"] = a.object("User", spec{"password": given}).Object["spec"]
			if err := apply(client.DryRunAll); err != nil {
				t.Errorf("server-side: %v", err)
			}
			patch := `{"spec":{"password":{"secretKeyRef":{"name":"a","key":"b"}}}}`
			if before != nil { // kubectl takes off what it had applied before
				patch = `{"spec":{"password":{"secret":null,"secretKeyRef":{"name":"a","key":"b"}}}}`
			}
			err := a.Client.Patch(
				t.Context(),
				u,
				client.RawPatch(types.MergePatchType, []byte(patch)),
				client.DryRunAll,
			)
			if err != nil {
				t.Errorf("client-side: %v", err)
			}
		})
	}
}
