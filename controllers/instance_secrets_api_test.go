package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// The Secrets that an Instance logs in with are kept while it has organizations, each Instance for itself, and not a
// moment longer.
func TestAPIInstanceHoldsSecrets(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	instance := suite.Ready(w, instanceOf(w))
	second := suite.Ready(w, w.Instance(func(o *v1alpha1.Instance) { o.Name = "second" }))
	holds(w, "admin")
	org := suite.Ready(w, w.Organization("team"))
	holds(w, "admin", instance)
	other := suite.Ready(w,
		w.Organization("other", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Name = "second" }))
	holds(w, "admin", instance, second)

	w.Create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "admin-2"},
		StringData: map[string]string{"admin-user": "admin", "admin-password": "admin"},
	})
	suite.Change(w, instance, func() { instance.Spec.Credentials.BasicAuth.SecretRef.Name = "admin-2" })
	holds(w, "admin-2", instance)
	holds(w, "admin", second)

	w.Delete(w.Secret("admin")) // which stays until the second Instance has cleaned up
	late := w.Organization("late", func(o *v1alpha1.Organization) { o.Spec.InstanceRef.Name = "second" })
	suite.Ready(w, late)
	holds(w, "admin", second)
	w.Delete(other, late, second)
	w.Gone(other, late, second, &corev1.Secret{ObjectMeta: w.Named("admin")})
	holds(w, "admin-2", instance)

	w.Delete(org)
	w.Gone(org)
	holds(w, "admin-2")
	org = suite.Ready(w, w.Organization("team"))
	holds(w, "admin-2", instance)
	suite.Change(w, instance, func() { instance.Annotations = map[string]string{v1alpha1.AnnotationAbandon: "true"} })
	w.Delete(instance)
	w.Gone(instance)
	holds(w, "admin-2")
	w.Delete(org)
	suite.Stalled(w, org, v1alpha1.ReasonParentGone, "Instance "+w.NS+"/grafana does not exist",
		v1alpha1.AnnotationAbandon)
	if w.Org(org.Status.OrgID) == nil {
		t.Error("the organization is gone")
	}
}

// What people copy of a Secret that an Instance holds has the finalizer, too, and goes all the same; so does one that
// is applied again when the Instance is gone. The Secret itself stays as long as it is needed.
func TestAPICopiesOfAnInstancesSecretGo(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	org := suite.Ready(w, w.Organization("team"))
	holds(w, "admin", instanceOf(w))
	original := w.Secret("admin")
	finalizer := original.Finalizers[0]
	held := func(s *corev1.Secret) { s.Finalizers = []string{finalizer, "example.com/theirs"} }
	other := w.Namespace(nil)
	copies := []*corev1.Secret{
		copied(w, original, "backup", held),
		copied(w, original, "admin", held, func(s *corev1.Secret) { s.Namespace = other }),
	}
	w.Delete(original)
	for _, c := range copies {
		w.Delete(c)
		w.Eventually("only the finalizer of others", func() error {
			if f := suite.Get(w, c).Finalizers; !slices.Equal(f, []string{"example.com/theirs"}) {
				return fmt.Errorf("finalizers: %v", f)
			}
			return nil
		})
		suite.Change(w, c, func() { c.Finalizers = nil })
	}
	w.Gone(copies[0], copies[1])
	if f := w.Secret("admin").Finalizers; len(f) != 1 {
		t.Errorf("the Secret that is needed has the finalizers %v", f)
	}
	w.Delete(org, instanceOf(w))
	w.Gone(org, original)
	again := copied(w, original, "admin", held)
	w.Delete(again)
	w.Eventually("only the finalizer of others", func() error {
		if f := suite.Get(w, again).Finalizers; len(f) != 1 {
			return fmt.Errorf("finalizers: %v", f)
		}
		return nil
	})
	suite.Change(w, again, func() { again.Finalizers = nil })
}

// holds checks which Instances have their finalizer on a Secret.
func holds(w *suite.World, name string, instances ...*v1alpha1.Instance) {
	w.T.Helper()
	w.Eventually(fmt.Sprintf("Secret %s is held by %d Instances", name, len(instances)), func() error {
		secret := &corev1.Secret{ObjectMeta: w.Named(name)}
		if err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		for _, i := range instances {
			if !slices.ContainsFunc(secret.Finalizers,
				func(f string) bool { return strings.HasSuffix(f, "/in-use-by-"+string(i.UID)[:8]) }) {
				return fmt.Errorf("not by %s: %v", i.Name, secret.Finalizers)
			}
		}
		if len(secret.Finalizers) != len(instances) {
			return fmt.Errorf("its finalizers are %v", secret.Finalizers)
		}
		return nil
	})
}
