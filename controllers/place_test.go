package controllers

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Who writes our finalizer on an object that was never let in has nothing asked in Grafana by deleting it, and is not
// told whether what it refers to exists.
func TestForgedFinalizer(t *testing.T) {
	const stranger = "stranger"
	for kind, object := range map[string]func(target string) lifecycle.Object{
		"Dashboard": func(target string) lifecycle.Object {
			d := newDashboard("requests", oneDashboard)
			d.Spec.OrganizationRef = v1alpha1.ObjectReference{Namespace: tenantNamespace, Name: strings.Replace(target, "there", "org", 1)}
			return d
		},
		"Organization": func(target string) lifecycle.Object {
			o := newOrganization("Tenant")
			o.Spec.InstanceRef = v1alpha1.ObjectReference{Namespace: tenantNamespace, Name: strings.Replace(target, "there", "main", 1)}
			return o
		},
	} {
		t.Run(kind, func(t *testing.T) {
			var told []string
			for _, target := range []string{"there", "nowhere"} {
				w := newWorld(t, "12.4.0")
				w.seed()
				tenant(w)
				w.settle()
				obj := object(target)
				obj.SetNamespace(stranger)
				obj.SetFinalizers([]string{v1alpha1.Finalizer})
				w.create(obj)
				key := kind + " " + stranger + "/" + obj.GetName()
				w.visit(key)
				w.delete(obj)
				w.arm(-1, none)
				w.visit(key)
				for _, p := range w.points {
					if p.where == "grafana" {
						t.Errorf("%s: %s", target, p.what)
					}
				}
				w.get(obj)
				ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
				told = append(told, strings.ReplaceAll(ready.Message, parentOf(obj).String(), "TARGET"))
			}
			if told[0] != told[1] || !strings.Contains(told[0], v1alpha1.AnnotationAbandon) {
				t.Errorf("%q", told)
			}
		})
	}
}
