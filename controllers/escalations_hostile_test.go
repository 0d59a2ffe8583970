package controllers_test

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
)

func escalations(add func(string, func(*hostile.Scene) error)) {
	add("its own namespace labelled as the victim's", func(s *hostile.Scene) error {
		return patching(s, &corev1.Namespace{}, "", s.Mine, `{"metadata": {"labels": {"tenant": "victim"}}}`)
	})
	add("its own namespace labelled as the victim's, as its admin", func(s *hostile.Scene) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Mine}}
		return s.Owner.Patch(s.T.Context(), ns,
			client.RawPatch(types.MergePatchType, []byte(`{"metadata": {"labels": {"tenant": "victim"}}}`)))
	})
	add("the operator impersonated", func(s *hostile.Scene) error {
		return asOperator(s).List(s.T.Context(), &corev1.SecretList{})
	})
	add("a token for the operator's own account", func(s *hostile.Scene) error {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: "operator"}}
		return s.Me.SubResource("token").Create(s.T.Context(), account, &authenticationv1.TokenRequest{})
	})
	binding := func(s *hostile.Scene, namespace, role string) *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "more-" + role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.User("mallory")}},
		}
	}
	add("the operator's role bound in its own namespace, as its admin",
		func(s *hostile.Scene) error { return s.Owner.Create(s.T.Context(), binding(s, s.Mine, "manager-role")) })
	add("the editor's role of Instances bound in its own namespace, as its admin", func(s *hostile.Scene) error {
		return s.Owner.Create(s.T.Context(), binding(s, s.Mine, "instance-editor-role"))
	})
	add("the editor's role of Organizations bound in its own namespace, as its admin", func(s *hostile.Scene) error {
		return s.Owner.Create(s.T.Context(), binding(s, s.Mine, "organization-editor-role"))
	})
	add("rights in the victim's namespace, as the admin of its own",
		func(s *hostile.Scene) error { return s.Owner.Create(s.T.Context(), binding(s, s.Theirs, "edit")) })
	add("a cluster role that adds itself to edit", func(s *hostile.Scene) error {
		return s.Owner.Create(s.T.Context(), &rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{
				Name:   "more",
				Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-edit": "true"},
			},
			Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"*"}},
			},
		})
	})
	add("an admission policy that quotes the Secrets of others", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(), &admissionv1.ValidatingAdmissionPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "quote"},
			Spec: admissionv1.ValidatingAdmissionPolicySpec{
				MatchConstraints: &admissionv1.MatchResources{
					ResourceRules: []admissionv1.NamedRuleWithOperations{
						{RuleWithOperations: admissionv1.RuleWithOperations{
							Operations: []admissionv1.OperationType{
								admissionv1.OperationAll,
							},
							Rule: admissionv1.Rule{
								APIGroups:   []string{""},
								APIVersions: []string{"v1"},
								Resources:   []string{"secrets"},
							},
						}},
					},
				},
				Validations: []admissionv1.Validation{{Expression: "false", MessageExpression: "string(object.data)"}},
			},
		})
	})
	add("the operator's leadership taken", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(),
			&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: s.NS, Name: v1alpha1.ManagedBy}})
	})
}

// asOperator is a client by which the hostile tenant says that it is a service account of the operator's namespace, one
// of those who may do everything.
func asOperator(s *hostile.Scene) client.Client {
	config := rest.CopyConfig(s.Certified("mallory"))
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + s.NS + ":operator",
		Groups:   []string{"system:masters"},
	}
	return s.ClientOf(config)
}
