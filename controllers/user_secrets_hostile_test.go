package controllers_test

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// madeIn has the password of a User in a Secret of that name, and what else there is to be in it.
func madeIn(name string, data map[string]v1alpha1.TemplateText) func(*v1alpha1.User) {
	return func(o *v1alpha1.User) {
		o.Spec.Password = &v1alpha1.UserPassword{Secret: &v1alpha1.PasswordSecret{Name: name, Template: data}}
	}
}

// secrets are attempts on Secrets that are not the clerk's.
func (r *userRaid) secrets() (all []hostile.Attempt) {
	add := func(name, fence string, try func(*hostile.Scene)) {
		all = append(all, hostile.Attempt{Name: name, Fence: fence, Try: try, Succeeded: lockedOut})
	}
	credential := map[string]v1alpha1.TemplateText{"admin-user": "boss", "admin-password": "secret"}
	for _, name := range []string{"admin", "foreign", "ada", "staff"} {
		add("Secret "+name+" overwritten", hostile.ByMark, func(s *hostile.Scene) {
			suite.Stalled(s.World, r.apply(s, r.clerk, s.NS, "writer-"+name, madeIn(name, credential)),
				v1alpha1.ReasonSecretConflict)
			r.remove(s, suite.Get(s.World, &v1alpha1.User{ObjectMeta: s.Named("writer-" + name)}))
		})
		add("Secret "+name+" overwritten later, and deleted with the User", hostile.ByMark, func(s *hostile.Scene) {
			u := suite.Ready(s.World, r.apply(s, r.clerk, s.NS, "later-"+name, func(*v1alpha1.User) {}))
			suite.Change(s.World, u, func() { madeIn(name, credential)(u) })
			suite.Stalled(s.World, u, v1alpha1.ReasonSecretConflict)
			r.remove(s, u)
		})
	}
	add("a copy of a User's Secret, with its labels, annotations and owner", hostile.ByMark, func(s *hostile.Scene) {
		for _, namespace := range []string{s.NS, s.Mine} {
			original := s.Secret("ada")
			s.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: "copied", Labels: original.Labels, Annotations: original.Annotations,
				OwnerReferences: original.OwnerReferences,
			}, StringData: map[string]string{"password": "copied"}})
		}
		s.Before = s.Snapshot()
		suite.Ready(s.World, suite.Visit(s.World, r.ada))
		suite.Change(s.World, r.ada, func() { r.ada.Spec.Name = "Ada" })
		suite.Ready(s.World, r.ada)
		suite.Change(s.World, r.ada, func() { r.ada.Spec.Name = "" })
		suite.Ready(s.World, r.ada)
		if text := string(s.MySecret("copied").Data["password"]); text != "copied" {
			s.T.Errorf("%s: the copy holds another password now", s.Now)
		}
		s.Before = s.Snapshot() // the generation of ada
	})
	for _, name := range []string{"database", "../database"} {
		add("a password from the victim's Secret, as "+name, hostile.ByNamespace, func(s *hostile.Scene) {
			u := r.apply(s, r.clerk, s.NS, "", func(o *v1alpha1.User) {
				o.GenerateName, o.Spec.Login = "given-", "given"
				o.Spec.Password = &v1alpha1.UserPassword{
					SecretKeyRef: &v1alpha1.KeyReference{Name: name, Key: "password"},
				}
			})
			hostile.Judged(s, u)
			if opens(s.World, "given", "canary-of-the-database") {
				s.T.Errorf("%s: it opens the login", s.Now)
			}
			r.remove(s, u)
		})
	}
	return all
}

// templates reach for more than they may, or for the memory.
func (r *userRaid) templates() (all []hostile.Attempt) {
	for what, text := range map[string]string{
		"the connection":          `{{ .conn.Password }}`,
		"everything":              `{{ printf "%v" . }}`,
		"the environment":         `{{ env "HOME" }}`,
		"a lookup":                `{{ lookup "v1" "Secret" "kube-system" "" }}`,
		"a loop":                  `{{ range 1000000000 }}x{{ end }}`,
		"an indent":               `{{ indent 2000000000 .password }}`,
		"the memory":              strings.Repeat("{{ indent 60000 `x` }}", 170),
		"a doubling text":         `{{ $x := .password }}` + strings.Repeat(`{{ $x = toJson $x | quote }}`, 120) + `{{ $x }}`,
		"a key in an error":       `{{ .password.x }}`,
		"a method of its address": `{{ .url.User }}`,
	} {
		all = append(all, hostile.Attempt{
			Name: "a template of a User that reaches for " + what, Fence: hostile.ByBounds, Answered: true,
			Succeeded: func(s *hostile.Scene) string {
				u := r.tries(
					s,
					"reacher",
					madeIn("", map[string]v1alpha1.TemplateText{"x": v1alpha1.TemplateText(text)}),
				)
				if suite.IsTrue(u, v1alpha1.ConditionReady) {
					return "it was rendered"
				}
				return s.Harm()
			},
		})
	}
	return all
}
