package plugin_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// rotate makes another key, once somebody has said yes.
func TestRotate(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x := terminalOf(w)
	suite.Ready(w, w.Organization("shop"))
	suite.Ready(w, w.Account("ci", "shop"))
	token := suite.Ready(w, w.Token("ci", "ci"))
	key := w.Key("ci")
	x.run(
		"no\n",
		"rotate",
		"ci",
	).wants(
		t,
		1,
		"gets another key, in Secret ci; the present one works for 5m0s more",
		"Nothing was done",
	)
	x.run("", "rotate", "ci").wants(t, 2, "give --yes")
	if suite.Get(w, token); token.Annotations[v1alpha1.AnnotationRotate] != "" || w.Key("ci") != key {
		t.Errorf("rotated without a yes: %v", token.Annotations)
	}
	x.run("y\n", "rotate", "ci").wants(t, 0, "ServiceAccountToken "+w.NS+"/ci: another one is asked for")
	w.Eventually("another key", func() error {
		if w.Key("ci") == key {
			return fmt.Errorf("it is the same: %+v", suite.Get(w, token).Status)
		}
		return nil
	})
	x.run("", "rotate", "gorg/shop", "--yes").wants(t, 2, "this is for gtoken, guser")
	x.run("", "rotate", "none", "--yes").wants(t, 2, "reading ServiceAccountToken "+w.NS+"/none")
}

// adopt has an object take over what stands in its way, and says whose consent is missing.
func TestAdopt(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x := terminalOf(w)
	id := w.Made(w.Ask("POST", "/api/orgs", 0, fields{"name": "shop"}))
	org := suite.Stalled(w, w.Organization("shop"), v1alpha1.ReasonAlreadyExists)
	x.run("", "why", "gorg/shop").wants(t, 1, "kubectl grafana adopt gorg/shop -n "+w.NS)
	x.run("", "adopt", "gtoken/x", "--yes").wants(t, 2, "gtoken/x: this is for gorg, ")
	x.run("yes\n", "adopt", "gorg/shop").wants(t, 0, "takes over what is in Grafana",
		"Instance "+w.NS+"/grafana does not allow that yet")
	suite.Stalled(w, org, v1alpha1.ReasonAdoptionNotPermitted)
	instance := &v1alpha1.Instance{ObjectMeta: w.Named("grafana")}
	suite.Change(w, instance, func() { instance.Spec.Adoption = v1alpha1.AdoptionAllow })
	suite.Until(w, org, "Ready", func(c metav1.Condition) bool { return c.Status == metav1.ConditionTrue })
	if org.Status.OrgID != id || !org.Status.Adopted {
		t.Errorf("the organization is %d and not %d: %+v", org.Status.OrgID, id, org.Status)
	}
	suite.Ready(w, w.Account("ci", "shop"))
	r := x.run("n\n", "adopt", "gsa/ci").wants(t, 1, "Organization "+w.NS+"/shop does not allow that yet")
	if strings.Contains(r.out, "takes over what is there") {
		t.Errorf("done without a yes: %s", r.out)
	}
}

// abandon lets go of what is being deleted, and of nothing else.
func TestAbandon(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x := terminalOf(w)
	org := suite.Ready(w, w.Organization("shop"))
	account := suite.Ready(w, w.Account("ci", "shop"))
	x.run("", "abandon", "gorg/shop", "--yes").wants(t, 2, "is not being deleted")
	w.Delete(org)
	suite.Until(w, org, "blocked", func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonDeletionBlocked })
	x.run("", "why", "gorg/shop").wants(t, 1, "Deleting DeletionBlocked", "kubectl grafana abandon gorg/shop -n "+w.NS)
	x.run("y\n", "abandon", "gorg/shop").wants(t, 0, "what it made there stays", "it is let go")
	w.Gone(org)
	if w.Org(org.Status.OrgID) == nil || w.SA(org.Status.OrgID, account.Status.ID) == nil {
		t.Error("what was abandoned is gone in Grafana")
	}
}

// The shell completes commands, and names of objects that are there.
func TestCompletion(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	x := terminalOf(w)
	suite.Ready(w, w.Organization("shop"))
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		x.run("", "completion", shell).wants(t, 0, "kubectl-grafana")
	}
	x.run("", "__complete", "why", "").wants(t, 0, "gorg/shop", "ginst/grafana")
	x.run("", "__complete", "adopt", "").wants(t, 0, "gorg/shop")
	x.run("", "__complete", "").wants(t, 0, "tree", "why", "import", "rotate", "adopt", "abandon")
}
