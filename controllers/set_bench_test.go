package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// BenchmarkSetPass is one pass over 500 Organizations: at rest, and while a failure holds a change of all the others.
// The API server in memory copies what is listed, which takes a part of it.
func BenchmarkSetPass(b *testing.B) {
	for name, held := range map[string]bool{"at rest": false, "held": true} {
		b.Run(name, func(b *testing.B) {
			w := worldOfMany(b, 500)
			if held {
				crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
					s.Spec.Template.Spec.Folder = &v1alpha1.DashboardTemplateFolder{Path: []string{"{{ .orgName }}"}}
				})
				w.Visit(boardKey)
			}
			w.Visit(boardKey)
			for b.Loop() {
				w.Visit(boardKey)
			}
		})
	}
}

// worldOfMany has Organizations and a set over them, which are as they are without anybody having worked on them.
func worldOfMany(b *testing.B, n int) *crash.World {
	b.Helper()
	w := crash.New(b, "12.4.0")
	set := crash.NewDashboardSet(crash.OneDashboard)
	set.Spec.Rollout.MaxUnavailable = atMost(n)
	set.Spec.Template.Spec.Inputs = nil
	for i := range 10 {
		set.Spec.Template.Spec.Inputs = append(set.Spec.Template.Spec.Inputs, v1alpha1.DashboardInput{
			Name: fmt.Sprintf("I%d", i), Value: "{{ .name }} of {{ .orgName }}",
		})
	}
	for i := range n {
		w.Create(crash.Selected(fmt.Sprintf("org-%d", i)))
	}
	w.Create(set)
	var organizations v1alpha1.OrganizationList
	listOf(b, w, &organizations)
	for i := range organizations.Items {
		o := &organizations.Items[i]
		o.Status.OrgID, o.Status.Name = int64(i+2), o.Spec.Name
		sayReady(b, w, o, v1alpha1.ConditionAvailable)
	}
	w.Visit(boardKey)
	var children v1alpha1.DashboardList
	listOf(b, w, &children)
	if len(children.Items) != n {
		b.Fatalf("there are %d Dashboards", len(children.Items))
	}
	for i := range children.Items {
		children.Items[i].Status.ObservedGeneration = 1
		sayReady(b, w, &children.Items[i], v1alpha1.ConditionReady)
	}
	w.Clock = w.Clock.Add(time.Minute)
	w.Visit(boardKey)
	crash.Edit(w, crash.NewDashboardSet(""), func(s *v1alpha1.DashboardSet) {
		s.Spec.Rollout.MaxUnavailable = atMost(1)
	})
	return w
}

func listOf(b *testing.B, w *crash.World, all client.ObjectList) {
	b.Helper()
	if err := w.Kube.List(b.Context(), all, client.InNamespace(crash.Namespace)); err != nil {
		b.Fatal(err)
	}
}

// sayReady has an object say that it is.
func sayReady(b *testing.B, w *crash.World, obj interface {
	client.Object
	CommonStatus() *v1alpha1.CommonStatus
}, condition string) {
	b.Helper()
	meta.SetStatusCondition(&obj.CommonStatus().Conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonInSync, ObservedGeneration: 1,
	})
	if err := w.Kube.Status().Update(b.Context(), obj); err != nil {
		b.Fatal(err)
	}
}
