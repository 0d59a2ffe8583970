package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// saysOf fails unless an Organization is Stalled for a reason and its message has all of these.
func saysOf(w *crash.World, o *v1alpha1.Organization, reason string, parts ...string) {
	w.TB.Helper()
	w.Get(o)
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != reason {
		w.TB.Errorf("%s is not Stalled by %s: %+v", o.Name, reason, o.Status.Conditions)
		return
	}
	for _, part := range parts {
		if !strings.Contains(c.Message, part) {
			w.TB.Errorf("%s: %q is not in %q", o.Name, part, c.Message)
		}
	}
}

// After the cluster's id has changed, Organizations say so, and touch nothing until a person has decided.
func TestWordsOnAnotherClusterID(t *testing.T) {
	t.Parallel()
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	w.Settle()
	org, other := crash.Organization(""), otherOrganization()
	w.Get(org)
	before := mark.Of("cluster-0", org)
	address := func(id int64, m mark.Mark) {
		w.Grafana.Do(http.MethodPut, fmt.Sprintf("/api/orgs/%d/address", id), 1, map[string]any{"address2": m.String()})
	}
	address(3, before)
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Other"})
	address(4, mark.Mark{Cluster: "cluster-0", Owner: "tenant/other", UID: "f0f0f0f0-0000-4000-8000-000000000000"})
	w.Create(other)
	w.Start()
	was := w.Grafana.Orgs()
	w.Settle()
	saysOf(
		w,
		org,
		v1alpha1.ReasonOwnershipLost,
		"cluster-0",
		"cluster-1",
		"--cluster-id=cluster-0",
		v1alpha1.AnnotationConfirmOrgID+"=3",
	)
	saysOf(w, other, v1alpha1.ReasonNameConflict, `"Other"`, "cluster-0", "cluster-1", "--cluster-id=cluster-0")
	if now := w.Grafana.Orgs(); fmt.Sprint(now) != fmt.Sprint(was) {
		t.Errorf("organizations: %+v", now)
	}
	address(3, mark.Mark{Cluster: "cluster-1", Owner: "tenant/third", UID: "f0f0f0f0-0000-4000-8000-000000000000"})
	w.Everybody()
	w.Settle()
	saysOf(
		w,
		org,
		v1alpha1.ReasonOwnershipLost,
		`"Tenant"`,
		"the mark of another object",
		v1alpha1.AnnotationConfirmOrgID+"=3",
	)
	crash.Edit(w, org, func(o *v1alpha1.Organization) {
		o.Annotations = map[string]string{v1alpha1.AnnotationConfirmOrgID: "3"}
	})
	w.Settle()
	if w.Get(
		org,
	); !meta.IsStatusConditionTrue(org.Status.Conditions, v1alpha1.ConditionReady) ||
		org.Status.OrgID != 3 {
		t.Errorf("confirmed, and not Ready: %+v", org.Status)
	}
}

// Two organizations with the mark of one object: one of them is a copy, and the message says which.
func TestWordsOnACopiedMark(t *testing.T) {
	t.Parallel()
	w := crash.New(t, "12.4.0")
	w.Seed()
	crash.WithOrg(w)
	w.Settle()
	org := crash.Organization("")
	w.Get(org)
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Wanted"})
	w.Grafana.Do(
		http.MethodPut,
		"/api/orgs/4/address",
		1,
		map[string]any{"address2": mark.Of("cluster-1", org).String()},
	)
	crash.Edit(w, org, func(o *v1alpha1.Organization) { o.Spec.Name = "Wanted" })
	w.Settle()
	saysOf(w, org, v1alpha1.ReasonNameConflict, `"Wanted" carries the mark of this object`, "organization 3")
}
