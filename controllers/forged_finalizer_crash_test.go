package controllers_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// Who writes our finalizer on an object that was never let in has nothing asked in Grafana by deleting it, and is not
// told whether what it refers to exists.
func TestForgedFinalizer(t *testing.T) {
	const stranger = "stranger"
	for kind, object := range map[string]func(target string) lifecycle.Object{
		"Dashboard": func(target string) lifecycle.Object {
			d := crash.Dashboard("requests", crash.OneDashboard)
			d.Spec.OrganizationRef = v1alpha1.ObjectReference{Namespace: crash.Namespace, Name: strings.Replace(target, "there", "org", 1)}
			return d
		},
		"Organization": func(target string) lifecycle.Object {
			o := crash.Organization("Tenant")
			o.Spec.InstanceRef = v1alpha1.ObjectReference{Namespace: crash.Namespace, Name: strings.Replace(target, "there", "main", 1)}
			return o
		},
	} {
		t.Run(kind, func(t *testing.T) {
			var told []string
			for _, target := range []string{"there", "nowhere"} {
				w := crash.New(t, "12.4.0")
				w.Seed()
				crash.Tenant(w)
				w.Settle()
				obj := object(target)
				obj.SetNamespace(stranger)
				obj.SetFinalizers([]string{v1alpha1.Finalizer})
				w.Create(obj)
				key := kind + " " + stranger + "/" + obj.GetName()
				w.Visit(key)
				w.Delete(obj)
				w.Arm(-1, crash.None)
				w.Visit(key)
				for _, p := range w.Points {
					if p.Where == "grafana" {
						t.Errorf("%s: %s", target, p.What)
					}
				}
				w.Get(obj)
				ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
				told = append(told, strings.ReplaceAll(ready.Message, crash.ParentOf(obj).String(), "TARGET"))
			}
			if told[0] != told[1] || !strings.Contains(told[0], v1alpha1.AnnotationAbandon) {
				t.Errorf("%q", told)
			}
		})
	}
}
