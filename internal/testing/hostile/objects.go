package hostile

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Placed creates an object as the hostile tenant, in its namespace. That much it may.
func Placed[T client.Object](s *Scene, obj T, changes []func(T)) T {
	s.T.Helper()
	obj.SetNamespace(s.Mine)
	for _, c := range changes {
		c(obj)
	}
	if err := s.Real.Create(s.T.Context(), obj); err != nil {
		s.T.Fatalf("%s: the tenant cannot create %T %s: %v", s.Now, obj, obj.GetName(), err)
	}
	return obj
}

// MyAccount applies a ServiceAccount of the hostile tenant's.
func (s *Scene) MyAccount(
	name, organization string,
	changes ...func(*v1alpha1.ServiceAccount),
) *v1alpha1.ServiceAccount {
	s.T.Helper()
	return Placed(
		s,
		&v1alpha1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.ServiceAccountSpec{OrganizationRef: s.Of(organization)},
		},
		changes,
	)
}

// MyToken applies a ServiceAccountToken of the hostile tenant's.
func (s *Scene) MyToken(
	name, account string,
	changes ...func(*v1alpha1.ServiceAccountToken),
) *v1alpha1.ServiceAccountToken {
	s.T.Helper()
	return Placed(
		s,
		&v1alpha1.ServiceAccountToken{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.ServiceAccountTokenSpec{
				ServiceAccountRef: v1alpha1.LocalObjectReference{Name: account},
			},
		},
		changes,
	)
}

// MyDashboard applies a Dashboard of the hostile tenant's.
func (s *Scene) MyDashboard(
	name, organization, source string,
	changes ...func(*v1alpha1.Dashboard),
) *v1alpha1.Dashboard {
	s.T.Helper()
	return Placed(
		s,
		&v1alpha1.Dashboard{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.DashboardSpec{
				OrganizationRef: s.Of(organization),
				Source:          v1alpha1.DashboardSource{JSON: &source},
			},
		},
		changes,
	)
}

// MySecret reads a Secret of the hostile tenant's.
func (s *Scene) MySecret(name string) *corev1.Secret {
	return suite.Get(s.World, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: name}})
}

// VictimSecret reads a Secret of the victim's.
func (s *Scene) VictimSecret(name string) *corev1.Secret {
	return suite.Get(s.World, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: name}})
}

// Judged waits until the operator has said something of an object's present generation, and returns it as it is then.
func Judged[T lifecycle.Object](s *Scene, obj T) T {
	s.T.Helper()
	return suite.Until(s.World, obj, "a verdict", func(c metav1.Condition) bool {
		return c.Reason != v1alpha1.ReasonCreating && c.Reason != v1alpha1.ReasonFetching
	})
}

// Removed deletes an object of the hostile tenant's and waits until it is gone.
func (s *Scene) Removed(objs ...client.Object) {
	s.T.Helper()
	for _, obj := range objs {
		if err := s.Real.Delete(s.T.Context(), obj); err != nil {
			s.T.Fatalf("%s: %v", s.Now, err)
		}
	}
	s.Gone(objs...)
}

// InGrafana asks Grafana with a key.
func (s *Scene) InGrafana(key, method, path string, orgID int64, body string) (status int, answer string) {
	s.T.Helper()
	r, err := http.NewRequestWithContext(s.T.Context(), method, s.Grafana.URL+path, strings.NewReader(body))
	if err != nil {
		s.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	if orgID != 0 {
		r.Header.Set("X-Grafana-Org-Id", fmt.Sprint(orgID))
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		s.T.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return a.StatusCode, string(text)
}
