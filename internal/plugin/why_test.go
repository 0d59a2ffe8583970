package plugin_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/plugin"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// The tree shows what contains what, with the reason of what is not Ready; and its exit code says whether all is.
func TestTree(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x := terminalOf(w)
	suite.Ready(w, w.Organization("shop"))
	suite.Ready(w, w.Account("ci", "shop"))
	suite.Ready(w, w.Token("ci", "ci"))
	r := x.run("", "tree", "ginst/grafana", "-n", w.NS).wants(t, 0, "4 Ready")
	want := strings.ReplaceAll(`Instance NS/grafana  Ready
└── Organization NS/shop  Ready
    └── ServiceAccount NS/ci  Ready
        └── ServiceAccountToken NS/ci  Ready

4 Ready
`, "NS", w.NS)
	if r.out != want {
		t.Errorf("the tree is\n%s\nwant\n%s", r.out, want)
	}

	suite.Stalled(w, w.Dashboard("broken", "shop", "{]"), v1alpha1.ReasonInvalidSource)
	suite.Waiting(w, w.Dashboard("lost", "nowhere", `{"title":"x"}`), v1alpha1.ReasonParentNotFound)
	x.run("", "tree", "shop", "-n", w.NS).wants(t, 1, "Dashboard "+w.NS+"/broken  Stalled InvalidSource: ", "1 Stalled")
	r = x.run(
		"",
		"tree",
		"-o",
		"json",
	).wants(
		t,
		1,
		`"kind": "Dashboard"`,
		`"state": "Missing"`,
		`"reason": "InvalidSource"`,
	)
	if !json.Valid([]byte(r.out)) {
		t.Errorf("no JSON:\n%s", r.out)
	}
	x.run("", "tree", "gorg/none").wants(t, 2, "there is no Organization none")
	x.run("", "tree", "-o", "yaml").wants(t, 2, "--output=yaml: only json")
}

// why follows what waits to the first cause, and says what to do about that one.
func TestWhy(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x := terminalOf(w)
	org := suite.Ready(w, w.Organization("shop"))
	x.run("", "why", "gorg/shop").wants(t, 0, "Organization "+w.NS+"/shop  Ready")

	suite.Waiting(w, w.Token("early", "late"), v1alpha1.ReasonParentNotFound)
	x.run("", "why", "gtoken/early").wants(t, 1, "ServiceAccount "+w.NS+"/late  Missing",
		"What to do: Apply ServiceAccount "+w.NS+"/late")
	account := w.Account("late", "taken")
	taken := w.Organization("taken", func(o *v1alpha1.Organization) { o.Spec.Name = "shop" })
	suite.Stalled(w, taken, v1alpha1.ReasonNameConflict)
	suite.Waiting(w, account, v1alpha1.ReasonParentNotAvailable)
	r := x.run(
		"",
		"why",
		"ServiceAccountToken/early",
		"-o",
		"json",
	).wants(
		t,
		1,
		"Give one of the two objects another name",
	)
	var a struct {
		Ready        bool
		Steps        []struct{ Kind, Name, State, Reason string }
		Advice, Docs string
	}
	if err := json.Unmarshal([]byte(r.out), &a); err != nil || a.Ready || len(a.Steps) != 3 ||
		a.Steps[2].Kind != "Organization" || a.Steps[2].Reason != v1alpha1.ReasonNameConflict ||
		a.Docs != "docs/conditions.md#nameconflict" {
		t.Errorf("why answers %+v (%v) in\n%s", a, err, r.out)
	}

	suite.Change(w, org, func() { org.Spec.Suspend = true })
	x.run("", "why", "gdash/none").wants(t, 2, "reading Dashboard "+w.NS+"/none")
	x.run("", "why", "dashboard").wants(t, 2, "write it as KIND/NAME")
	x.run("", "why", "pod/x").wants(t, 2, `"pod" is none of the operator's kinds`)
}

// A tenant who may not read what is above their own objects is told whom to ask.
func TestWhyOfATenant(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	shop := w.Namespace(nil)
	suite.Waiting(w, w.Organization("shop", func(o *v1alpha1.Organization) {
		o.Spec.InstanceRef.Name = "none"
		o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
	}), v1alpha1.ReasonParentNotFound)
	suite.Waiting(w, w.Account("ci", "shop", func(o *v1alpha1.ServiceAccount) {
		o.Namespace, o.Spec.OrganizationRef.Namespace = shop, w.NS
	}), v1alpha1.ReasonParentNotAvailable)
	role := &rbacv1.Role{Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"get", "list"},
	}}}
	role.Name, role.Namespace = "tenant", shop
	binding := &rbacv1.RoleBinding{
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tenant"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "ada"}},
	}
	binding.Name, binding.Namespace = "tenant", shop
	w.Create(role)
	w.Create(binding)
	x := terminalOf(w)
	config := rest.CopyConfig(w.Config)
	config.Impersonate.UserName = "ada"
	writeKubeconfig(t, x.kubeconfig, config, shop)
	x.run("", "why", "gsa/ci").wants(t, 1, "Organization "+w.NS+"/shop  Hidden", "Ask who looks after namespace "+w.NS)
	x.run("", "tree").wants(t, 1, "shown is namespace "+shop+" only", "Organization "+w.NS+"/shop  Missing",
		"ServiceAccount "+shop+"/ci  Waiting ParentNotAvailable")
}

// There is advice for every reason of the documentation, which a test of its own holds to the API's, and for no other.
func TestAdvice(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile(suite.InRepository("docs", "conditions.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(string(docs), -1) {
		known[m[1]] = true
		if plugin.Advice(m[1]) == "" {
			t.Errorf("there is no advice for %s", m[1])
		}
	}
	if len(known) < 40 || plugin.Advice("NoReason") != "" {
		t.Errorf("%d reasons, and advice for none of them: %q", len(known), plugin.Advice("NoReason"))
	}
}
