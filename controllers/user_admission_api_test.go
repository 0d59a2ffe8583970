package controllers_test

import (
	"fmt"
	"strings"
	"testing"
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
