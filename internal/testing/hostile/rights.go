package hostile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// tenants gives the hostile tenant its rights and what it has by right.
func (s *Scene) tenants(up fences) {
	rolesOnce.Do(s.roles)
	s.bind("mallory", "edit")
	s.bind("olga", "admin")
	s.bind("vera", "view")
	s.Me, s.Owner, s.Guest = s.as("mallory"), s.as("olga"), s.as("vera")
	s.Real = s.Me
	if !up {
		var subjects []rbacv1.Subject
		for _, name := range []string{"mallory", "olga", "vera"} {
			subjects = append(
				subjects,
				rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.User(name)},
			)
		}
		s.Create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "hostile-" + s.Mine},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   subjects,
		})
		s.Eventually(
			"the rights of a cluster admin",
			func() error { return s.Me.List(s.T.Context(), &corev1.SecretList{}) },
		)
		s.Me, s.Owner, s.Guest = client.NewDryRunClient(
			s.Me,
		), client.NewDryRunClient(
			s.Owner,
		), client.NewDryRunClient(
			s.Guest,
		)
	}
	for _, c := range []client.Client{s.Me, s.Owner, s.Guest} {
		s.Eventually("the tenant's rights", func() error {
			return c.List(s.T.Context(), &v1alpha1.DashboardList{}, client.InNamespace(s.Mine))
		})
	}
	basis := s.MyAccount("basis", "mine", func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin })
	token := s.MyToken("basis", "basis")
	suite.Ready(s.World, basis)
	suite.Ready(s.World, token)
	s.Key = string(s.MySecret("basis").Data["token"])
}

// User is the name of a person who works in the hostile tenant's namespace.
func (s *Scene) User(name string) string { return name + "@" + s.Mine }

// as is a client that speaks as somebody.
func (s *Scene) as(name string) client.Client {
	config := rest.CopyConfig(s.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: s.User(name)}
	return s.ClientOf(config)
}

// Certified is the way into the cluster of somebody who is not impersonated, and so can try to impersonate others.
func (s *Scene) Certified(name string) *rest.Config {
	user, err := s.Env.AddUser(envtest.User{Name: s.User(name), Groups: []string{"tenants"}}, s.Config)
	if err != nil {
		s.T.Fatal(err)
	}
	return user.Config()
}

// ClientOf is a client that speaks with a config.
func (s *Scene) ClientOf(config *rest.Config) client.Client {
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: s.Scheme, Mapper: s.Client.RESTMapper()})
	if err != nil {
		s.T.Fatal(err)
	}
	return c
}

func (s *Scene) bind(name, role string) {
	s.Create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.User(name)}},
	})
}

// rolesOnce: the roles are the cluster's, which all scenes share.
var rolesOnce sync.Once

// roles applies the operator's cluster roles, and then does what the controller for aggregated roles does, which does
// not run beside this API server.
func (s *Scene) roles() {
	files, err := filepath.Glob(suite.InRepository("config", "rbac", "*role*.yaml"))
	if err != nil {
		s.T.Fatal(err)
	}
	for _, name := range files {
		for _, role := range clusterRoles(s.T, name) {
			if err := s.Client.Create(s.T.Context(), &role); err != nil && !apierrors.IsAlreadyExists(err) {
				s.T.Fatal(err)
			}
		}
	}
	for _, name := range []string{"view", "edit", "admin"} {
		s.aggregate(name)
	}
}

func clusterRoles(t *testing.T, file string) (roles []rbacv1.ClusterRole) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(f, 4096)
	for {
		var role rbacv1.ClusterRole
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return roles
		} else if err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			roles = append(roles, role)
		}
	}
}

func (s *Scene) aggregate(name string) {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
	var all rbacv1.ClusterRoleList
	if err := s.Client.List(s.T.Context(), &all); err != nil {
		s.T.Fatal(err)
	}
	suite.Change(s.World, role, func() {
		role.Rules = nil
		for _, selector := range role.AggregationRule.ClusterRoleSelectors {
			match, err := metav1.LabelSelectorAsSelector(&selector)
			if err != nil {
				s.T.Fatal(err)
			}
			for _, part := range all.Items {
				if match.Matches(labels.Set(part.Labels)) && part.Name != name {
					role.Rules = append(role.Rules, part.Rules...)
				}
			}
		}
	})
}
