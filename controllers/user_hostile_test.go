package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// userRaid is what colleagues of the platform team try who may make Users, and nothing else: clerk in the namespace of
// the Instance, colleague in another one. Of the people in Grafana, boss is a server admin, and has an address; the
// login of one is an address that is not theirs; ada is the platform's, by a User.
type userRaid struct {
	clerk, colleague client.Client
	ada              *v1alpha1.User
}

const mailLogin = "mail@example.org"

// hostileUsers are attempts to take, raise, lock out or delete people, to learn or overwrite what is in Secrets, and to
// become the operator.
func hostileUsers() []hostile.Attempt {
	r := &userRaid{}
	all := []hostile.Attempt{{Name: "a User for the Instance of another namespace", Fence: hostile.ByNamespace,
		Try: func(s *hostile.Scene) {
			r.enter(s)
			for _, ref := range []string{"grafana", s.NS + "/grafana", "../" + s.NS + "/grafana"} {
				u := r.apply(s, r.colleague, s.Mine, "", func(o *v1alpha1.User) {
					o.GenerateName, o.Spec.Login, o.Spec.InstanceRef.Name = "away-", "away", ref
				})
				suite.Until(s.World, u, "no Instance", func(c metav1.Condition) bool {
					return c.Reason == v1alpha1.ReasonParentNotFound
				})
				r.remove(s, u)
			}
		}}}
	all = append(all, r.rights()...)
	all = append(all, r.takings()...)
	all = append(all, r.secrets()...)
	all = append(all, r.templates()...)
	return append(all, r.strange()...)
}

// enter has people and colleagues there.
func (r *userRaid) enter(s *hostile.Scene) {
	for login, email := range map[string]string{
		"boss": "boss@example.org", "guest": "guest@example.org", mailLogin: "other@example.org",
	} {
		s.Ask("POST", "/api/admin/users", 1, map[string]any{
			"login": login, "email": email, "name": login, "password": "secret",
		})
	}
	s.Ask("PUT", fmt.Sprintf("/api/admin/users/%d/permissions", loginID(s, "boss")), 1,
		map[string]any{"isGrafanaAdmin": true})
	r.ada = suite.Ready(s.World, suite.Apply(s.World, &v1alpha1.User{
		ObjectMeta: s.Named("ada"),
		Spec:       v1alpha1.UserSpec{InstanceRef: v1alpha1.LocalObjectReference{Name: "grafana"}},
	}, nil))
	s.Organization("staff")
	s.Account("staff", "staff")
	suite.Ready(s.World, s.Token("staff", "staff"))
	s.Create(&corev1.Secret{ObjectMeta: s.Named("foreign"), StringData: map[string]string{"password": "foreign"}})
	r.clerk, r.colleague = userEditor(s, "clerk", s.NS), userEditor(s, "colleague", s.Mine)
	s.Canaries = append(s.Canaries, string(s.Secret("ada").Data["password"]))
	s.Before = s.Snapshot()
}

// userEditor is somebody with the role that is bound by hand, in one namespace.
func userEditor(s *hostile.Scene, name, namespace string) client.Client {
	s.Create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "user-editor-role"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.User(name)}},
	})
	config := rest.CopyConfig(s.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: s.User(name)}
	c := s.ClientOf(config)
	s.Eventually("the rights of "+name, func() error {
		return c.List(s.T.Context(), &v1alpha1.UserList{}, client.InNamespace(namespace))
	})
	return c
}

// apply creates a User as somebody.
func (r *userRaid) apply(
	s *hostile.Scene, as client.Client, namespace, name string, change func(*v1alpha1.User),
) *v1alpha1.User {
	s.T.Helper()
	u := &v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.UserSpec{InstanceRef: v1alpha1.LocalObjectReference{Name: "grafana"}},
	}
	change(u)
	if err := as.Create(s.T.Context(), u); err != nil {
		s.T.Fatalf("%s: the clerk cannot create it: %v", s.Now, err)
	}
	return u
}

// remove deletes a User, and what it owns, as Kubernetes does.
func (r *userRaid) remove(s *hostile.Scene, u *v1alpha1.User) {
	s.T.Helper()
	s.Delete(u)
	s.Gone(u)
	var owned corev1.SecretList
	if err := s.Client.List(s.T.Context(), &owned, client.InNamespace(u.Namespace)); err != nil {
		s.T.Fatal(err)
	}
	for i := range owned.Items {
		if metav1.IsControlledBy(&owned.Items[i], u) {
			s.Delete(&owned.Items[i])
		}
	}
}

// tries has the clerk make a User, and returns it as the operator judged it. It is deleted again.
func (r *userRaid) tries(s *hostile.Scene, name string, change func(*v1alpha1.User)) *v1alpha1.User {
	s.T.Helper()
	u := hostile.Judged(s, r.apply(s, r.clerk, s.NS, name, change))
	judged := u.DeepCopy()
	r.remove(s, u)
	return judged
}

// lockedOut says whose own password does not open their login any more.
func lockedOut(s *hostile.Scene) string {
	for _, login := range []string{"boss", "guest", mailLogin} {
		if !opens(s.World, login, "secret") {
			return login + " cannot log in any more"
		}
	}
	return ""
}

// consents has the Instance let people be adopted, or no more.
func consents(s *hostile.Scene, to v1alpha1.AdoptionConsent) {
	instance := suite.Get(s.World, &v1alpha1.Instance{ObjectMeta: s.Named("grafana")})
	suite.Change(s.World, instance, func() { instance.Spec.Adoption = to })
	suite.Ready(s.World, instance)
	s.Before = s.Snapshot()
}

func takingUser(login string) func(*v1alpha1.User) {
	return func(o *v1alpha1.User) {
		o.Spec.Login, o.Spec.AdoptionPolicy, o.Spec.DeletionPolicy = login, v1alpha1.AdoptionAdopt, v1alpha1.UserDisable
		o.Spec.GrafanaAdmin = true
	}
}

// rights are what the roles must not allow.
func (r *userRaid) rights() (all []hostile.Attempt) {
	add := func(name string, do func(s *hostile.Scene) error) {
		all = append(all, request(name, hostile.ByRBAC, do))
	}
	patch := func(text string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(text)) }
	add("the platform's User made a server admin by a tenant", func(s *hostile.Scene) error {
		return s.Owner.Patch(s.T.Context(), r.ada.DeepCopy(), patch(`{"spec": {"grafanaAdmin": true}}`))
	})
	add("the platform's User deleted by a colleague of another namespace", func(s *hostile.Scene) error {
		return r.colleague.Delete(s.T.Context(), r.ada.DeepCopy())
	})
	add("the platform's User given another password by a tenant", func(s *hostile.Scene) error {
		return s.Me.Patch(s.T.Context(), r.ada.DeepCopy(),
			patch(`{"metadata": {"annotations": {"grafana-tenancy.dev/rotate": "now"}}}`))
	})
	add("a User made by the admin of a tenant's namespace", func(s *hostile.Scene) error {
		return s.Owner.Create(s.T.Context(), &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Mine, Name: "mine",
		}, Spec: v1alpha1.UserSpec{InstanceRef: v1alpha1.LocalObjectReference{Name: "grafana"}}})
	})
	add("a status that claims a server admin", func(s *hostile.Scene) error {
		return r.clerk.Status().Patch(s.T.Context(), r.ada.DeepCopy(),
			patch(fmt.Sprintf(`{"status": {"id": %d, "login": "boss"}}`, loginID(s, "boss"))))
	})
	add("the Instance made to consent by the clerk", func(s *hostile.Scene) error {
		return r.clerk.Patch(s.T.Context(), &v1alpha1.Instance{ObjectMeta: s.Named("grafana")},
			patch(`{"spec": {"adoption": "Allow"}}`))
	})
	add("a password read by the clerk", func(s *hostile.Scene) error {
		return r.clerk.Get(s.T.Context(), client.ObjectKey{Namespace: s.NS, Name: "ada"}, &corev1.Secret{})
	})
	return all
}

// takings are attempts on people who were there before, and on the operator.
func (r *userRaid) takings() (all []hostile.Attempt) {
	add := func(name, fence string, try func(*hostile.Scene)) {
		all = append(all, hostile.Attempt{Name: name, Fence: fence, Try: try, Succeeded: lockedOut})
	}
	taken := func(name, fence, login string) {
		add(name, fence, func(s *hostile.Scene) { r.tries(s, "taken", takingUser(login)) })
	}
	taken("a server admin taken without the Instance's consent", hostile.ByConsent, "boss")
	taken("a server admin taken by their address in other letters", hostile.ByMark, "BOSS@Example.org")
	taken("the platform's User taken by another", hostile.ByMark, "ADA")
	add("somebody's login taken for an address, which then opens another login", hostile.ByMark,
		func(s *hostile.Scene) {
			r.tries(s, "overshadowed", func(o *v1alpha1.User) { o.Spec.Email = strings.ToUpper(mailLogin) })
			u := hostile.Judged(s, r.apply(s, r.clerk, s.NS, "overshadow", func(o *v1alpha1.User) {
				o.Spec.Email = mailLogin
			}))
			if evidence := lockedOut(s); evidence != "" {
				s.T.Errorf("%s: %s", s.Now, evidence)
			}
			r.remove(s, u)
		})
	add("a server admin claimed by a status that comes with the object", hostile.ByRBAC, func(s *hostile.Scene) {
		r.tries(s, "claim", func(o *v1alpha1.User) {
			o.Spec.Login, o.Status.ID, o.Status.Login = "boss", loginID(s, "boss"), "boss"
		})
	})
	add("a person deleted who gave themselves the mark of a User", hostile.ByMark, func(s *hostile.Scene) {
		u := r.apply(s, r.clerk, s.NS, "marked", func(o *v1alpha1.User) { o.Spec.Login = "guest" })
		suite.Stalled(s.World, u, v1alpha1.ReasonAlreadyExists)
		rename := func(to string) {
			s.Ask("PUT", fmt.Sprint("/api/users/", loginID(s, "guest")), 1,
				map[string]any{"login": "guest", "email": "guest@example.org", "name": to})
		}
		rename(mark.BirthName("guest", u))
		suite.Change(s.World, u, func() { u.Spec.GrafanaAdmin = true })
		hostile.Judged(s, u)
		r.remove(s, u)
		rename("guest")
	})
	taken("the operator's login", hostile.ByMark, strings.ToUpper(hostile.AdminLogin))
	for _, login := range []string{hostile.AdminLogin, strings.ToUpper(hostile.AdminLogin), "Boss@Example.org", "aDa"} {
		add("with the Instance's consent, the login "+login, hostile.ByMark, func(s *hostile.Scene) {
			consents(s, v1alpha1.AdoptionAllow)
			r.tries(s, "taken", takingUser(login))
			consents(s, v1alpha1.AdoptionForbid)
		})
	}
	add("with the Instance's consent, the victim's service account", hostile.ByMark, func(s *hostile.Scene) {
		consents(s, v1alpha1.AdoptionAllow)
		r.tries(s, "robot", takingUser(s.Robot.Status.Login))
		consents(s, v1alpha1.AdoptionForbid)
	})
	add("somebody adopted and then deleted", hostile.ByMark, func(s *hostile.Scene) {
		person(s.World, "adoptee")
		consents(s, v1alpha1.AdoptionAllow)
		u := suite.Ready(s.World, r.apply(s, r.clerk, s.NS, "adoptee", func(o *v1alpha1.User) {
			o.Spec.AdoptionPolicy, o.Spec.Name = v1alpha1.AdoptionAdopt, "adoptee"
		}))
		second := hostile.Judged(s, r.apply(s, r.clerk, s.NS, "second", func(o *v1alpha1.User) {
			o.Spec.Login, o.Spec.AdoptionPolicy = "Adoptee", v1alpha1.AdoptionAdopt
		}))
		suite.Change(s.World, u, func() { u.Spec.Name = mark.BirthName("adoptee", second) })
		suite.Ready(s.World, u)
		suite.Change(s.World, second, func() { second.Spec.AdoptionPolicy = v1alpha1.AdoptionNever })
		r.remove(s, u) // who is left has the other's mark
		suite.Visit(s.World, second)
		suite.Stalled(s.World, second, v1alpha1.ReasonAlreadyExists)
		r.remove(s, second)
		s.Ask("PUT", fmt.Sprint("/api/users/", loginID(s, "adoptee")), 1,
			map[string]any{"login": "adoptee", "email": "adoptee@example.org", "name": "adoptee"})
		s.Delete(s.Secret("adoptee"))
		consents(s, v1alpha1.AdoptionForbid)
	})
	return all
}

// strange are values that fields must not take.
func (r *userRaid) strange() (all []hostile.Attempt) {
	for what, fields := range map[string]string{
		"a NUL byte in the login":            `"login": "boss\u0000"`,
		"a login that breaks a line":         `"login": "boss\r\nX-Grafana-Org-Id: 1"`,
		"a blank after the login":            `"login": "boss "`,
		"an unseen character in the login":   `"login": "bo\u200bss"`,
		"an address that breaks a line":      `"email": "boss@example.org\nBcc: me@example.org"`,
		"two addresses":                      `"email": "boss@example.org,me@example.org@example.org"`,
		"an unseen character in the address": `"email": "boss@exam\u00adple.org"`,
		"an escape sequence in the name":     `"name": "\u001b[2J"`,
		"a Secret of Kubernetes' own":        `"password": {"secret": {"type": "kubernetes.io/service-account-token"}}`,
		"a Secret that lets nodes in":        `"password": {"secret": {"type": "bootstrap.kubernetes.io/token"}}`,
		"the operator's label":               `"password": {"secret": {"labels": {"app.kubernetes.io/managed-by": "me"}}}`,
		"the mark of another's Secret":       `"password": {"secret": {"annotations": {"grafana-tenancy.dev/token-owner": "x"}}}`,
		"the account of a Secret":            `"password": {"secret": {"annotations": {"kubernetes.io/service-account.name": "x"}}}`,
		"a Secret that climbs":               `"password": {"secret": {"name": "../../kube-system/x"}}`,
		"a key that climbs":                  `"password": {"secret": {"template": {"../x": "x"}}}`,
		"two passwords":                      `"password": {"secret": {}, "secretKeyRef": {"name": "a", "key": "b"}}`,
	} {
		all = append(all, request("a User with "+what, hostile.ByAdmission, func(s *hostile.Scene) error {
			obj := &unstructured.Unstructured{}
			text := fmt.Sprintf(
				`{"apiVersion": %q, "kind": "User", "metadata": {"namespace": %q, "generateName": "strange-"},
				"spec": {"instanceRef": {"name": "grafana"}, %s}}`,
				v1alpha1.GroupVersion,
				s.NS,
				fields,
			)
			if err := json.Unmarshal([]byte(text), &obj.Object); err != nil {
				s.T.Fatal(err)
			}
			return r.clerk.Create(s.T.Context(), obj)
		}))
	}
	return append(all, request("a User moved to another Instance", hostile.ByAdmission, func(s *hostile.Scene) error {
		return r.clerk.Patch(s.T.Context(), r.ada.DeepCopy(),
			client.RawPatch(types.MergePatchType, []byte(`{"spec": {"instanceRef": {"name": "other"}}}`)))
	}))
}
