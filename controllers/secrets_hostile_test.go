package controllers_test

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// forge makes a token, changes the record on its Secret, has the operator look, and then has it deleted, by which the
// operator revokes what the record names.
func forge(
	name string,
	record func(s *hostile.Scene, k *v1alpha1.ServiceAccountToken) map[string]string,
) []hostile.Attempt {
	var k *v1alpha1.ServiceAccountToken
	return []hostile.Attempt{
		{Name: name, Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			a := s.MyAccount("", "commons", func(o *v1alpha1.ServiceAccount) { o.GenerateName = "forger-" })
			k = suite.Ready(
				s.World,
				s.MyToken("", a.Name, func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "forged-" }),
			)
			secret := s.MySecret(k.Name)
			for annotation, value := range record(s, k) {
				secret.Annotations[annotation] = value
			}
			if err := s.Real.Update(s.T.Context(), secret); err != nil {
				s.T.Fatal(err)
			}
			s.Eventually("the operator looks at the Secret", func() error {
				if s.MySecret(k.Name).ResourceVersion == secret.ResourceVersion &&
					suite.IsTrue(suite.Get(s.World, k), v1alpha1.ConditionReady) {
					suite.Visit(s.World, k)
					return errors.New("it is as it was forged")
				}
				return nil
			})
			hostile.Judged(s, k)
		}},
		{Name: name + ", and deletion", Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) { s.Removed(k) },
			Succeeded: func(s *hostile.Scene) string {
				for _, t := range s.Grafana.Tokens(s.Commons) {
					if strings.HasPrefix(t.Name, k.Name+"-") && !t.Revoked {
						return fmt.Sprintf("token %d, %s, lives on", t.ID, t.Name)
					}
				}
				return ""
			}},
	}
}

// hostileSecrets are Secrets that are not what they seem.
func hostileSecrets() []hostile.Attempt {
	number := func(n int64) string { return fmt.Sprint(n) }
	var all []hostile.Attempt
	add := func(more ...hostile.Attempt) { all = append(all, more...) }
	add(
		forge(
			"a record that names the victim's token",
			func(s *hostile.Scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{v1alpha1.AnnotationTokenID: number(s.SharedCI.Status.TokenID)}
			},
		)...)
	add(
		forge(
			"a record that names the victim's token and service account",
			func(s *hostile.Scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationTokenID:          number(s.SharedCI.Status.TokenID),
					v1alpha1.AnnotationServiceAccountID: number(s.SharedRobot.Status.ID),
				}
			},
		)...)
	add(
		forge(
			"a record that supersedes the victim's tokens",
			func(s *hostile.Scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationSuperseded: number(
						s.SharedCI.Status.TokenID,
					) + "," + number(
						s.Ci.Status.TokenID,
					),
					v1alpha1.AnnotationTokenRevision: "7",
				}
			},
		)...)
	add(
		forge(
			"a record of the victim's organization",
			func(s *hostile.Scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationOrgID:            number(s.VictimOrg),
					v1alpha1.AnnotationServiceAccountID: number(s.Robot.Status.ID),
					v1alpha1.AnnotationTokenID:          number(s.Ci.Status.TokenID),
				}
			},
		)...)
	for _, revision := range []string{"999999998", "999999999", "1000000000", "1000000001", "9223372036854775807", "-1", "1e9"} {
		add(
			forge(
				"a record of revision "+revision,
				func(*hostile.Scene, *v1alpha1.ServiceAccountToken) map[string]string {
					return map[string]string{v1alpha1.AnnotationTokenRevision: revision}
				},
			)...)
	}
	add(
		forge(
			"a record that says that its key is the owner's mark",
			func(*hostile.Scene, *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationTokenKey:           "../../token",
					v1alpha1.AnnotationAppliedData:        "token,../../x",
					v1alpha1.AnnotationAppliedAnnotations: v1alpha1.AnnotationTokenID,
				}
			},
		)...)
	add(strangeOwners()...)
	return all
}

// strangeOwners are Secrets that say whose they are.
func strangeOwners() []hostile.Attempt {
	owned := func(name, secret string, owner func(s *hostile.Scene) *v1alpha1.ServiceAccountToken) hostile.Attempt {
		return hostile.Attempt{Name: name, Fence: hostile.ByNamespace, Try: func(s *hostile.Scene) {
			of := owner(s)
			hostile.Placed(s, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Name: secret, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
				Annotations: s.VictimSecret(of.Name).Annotations,
				OwnerReferences: []metav1.OwnerReference{
					{
						APIVersion:         v1alpha1.GroupVersion.String(),
						Kind:               "ServiceAccountToken",
						Name:               of.Name,
						UID:                of.UID,
						Controller:         new(true),
						BlockOwnerDeletion: new(true),
					},
				},
			}, StringData: map[string]string{"token": "mine"}}, nil)
			suite.Visit(s.World, of)
			suite.Ready(s.World, of)
		}}
	}
	return []hostile.Attempt{
		owned(
			"a Secret owned by the victim's token, of its Secret's name",
			"ci",
			func(s *hostile.Scene) *v1alpha1.ServiceAccountToken { return s.Ci },
		),
		owned(
			"a Secret owned by the victim's token, of another name",
			"former",
			func(s *hostile.Scene) *v1alpha1.ServiceAccountToken { return s.SharedCI },
		),
		{
			Name:  "a token object of the victim's name, whose Secret is the victim's in all but namespace",
			Fence: hostile.ByNamespace,
			Try: func(s *hostile.Scene) {
				hostile.Judged(s, s.MyToken("ci", "basis"))
			},
			Succeeded: func(s *hostile.Scene) string {
				if org, _, _, _ := s.Grafana.KeyAlive(
					string(s.MySecret("ci").Data["token"]),
				); org != 0 &&
					org != s.MyOrg {
					return fmt.Sprintf("its Secret has a key of organization %d", org)
				}
				return ""
			},
		},
		{Name: "a Secret of another in its namespace overwritten", Fence: hostile.ByMark,
			Try: func(s *hostile.Scene) {
				hostile.Placed(
					s,
					&corev1.Secret{
						ObjectMeta: metav1.ObjectMeta{Name: "colleagues"},
						StringData: map[string]string{"token": "theirs"},
					},
					nil,
				)
				suite.Stalled(s.World, s.MyToken("colleagues", "basis"), v1alpha1.ReasonSecretConflict)
			},
			Succeeded: func(s *hostile.Scene) string {
				if got := string(s.MySecret("colleagues").Data["token"]); got != "theirs" {
					return "it holds " + got
				}
				return ""
			}},
	}
}

// hostileTemplates are templates that reach for more than they may.
func hostileTemplates() []hostile.Attempt {
	var all []hostile.Attempt
	for name, text := range map[string]string{
		"the connection":              `{{ .conn }}`,
		"the connection, by its type": `{{ .Connection.Client }}`,
		"a method of a value":         `{{ .url.Password }}`,
		"a call":                      `{{ call .token }}`,
		"printing":                    `{{ printf "%v" . }}`,
		"an index":                    `{{ index . "token" }}`,
		"a slice":                     `{{ slice .token 1 2 }}`,
		"another template":            `{{ define "x" }}x{{ end }}{{ template "x" }}`,
		"a block":                     `{{ block "x" . }}x{{ end }}`,
		"a loop":                      `{{ range .token }}x{{ end }}`,
		"a loop over a number":        `{{ range 1000000000 }}x{{ end }}`,
		"a while of sorts":            `{{ while true }}x{{ end }}`,
		"the environment":             `{{ env "HOME" }}`,
		"a file":                      `{{ readFile "/var/run/secrets/kubernetes.io/serviceaccount/token" }}`,
		"a lookup":                    `{{ lookup "v1" "Secret" "kube-system" "" }}`,
		"an indent without end":       `{{ indent 2000000000 .token }}`,
		"an indent below nothing":     `{{ indent -1 .token }}`,
		"a text that doubles":         `{{ $x := .token }}` + strings.Repeat(`{{ $x = toJson $x | quote | quote }}`, 200) + `{{ $x }}`,
		"html":                        `{{ html .token }}`,
		"its own key in an error":     `{{ .token.x }}`,
		"its own key in an error, 2":  `{{ indent .token "x" }}`,
		"its own key in an error, 3":  `{{ eq .token 1 }}`,
	} {
		all = append(
			all,
			hostile.Attempt{
				Name:     "a template that reaches for " + name,
				Fence:    hostile.ByBounds,
				Answered: true,
				Succeeded: func(s *hostile.Scene) string {
					k := hostile.Judged(s, s.MyToken("", "basis", func(o *v1alpha1.ServiceAccountToken) {
						o.GenerateName, o.Spec.Secret.Template = "template-", map[string]v1alpha1.TemplateText{
							"x": v1alpha1.TemplateText(text),
						}
					}))
					evidence := ""
					if suite.IsTrue(k, v1alpha1.ConditionReady) {
						evidence = fmt.Sprintf("it became %.100q", s.MySecret(k.Name).Data["x"])
					}
					if suite.TokenKey.MatchString(suite.MessageOf(k)) {
						evidence = "its own condition has a key in it" // and so could have others
					}
					s.Removed(k)
					return evidence
				},
			},
		)
	}
	return append(
		all,
		hostile.Attempt{
			Name:  "a template that is told the address, the id and the name of no organization but its own",
			Fence: hostile.ByNamespace,
			Succeeded: func(s *hostile.Scene) string {
				k := suite.Ready(s.World, s.MyToken("told", "basis", func(o *v1alpha1.ServiceAccountToken) {
					o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
						"x": "{{ .orgID }} {{ .orgName }} {{ .login }}",
					}
				}))
				login := suite.Get(
					s.World,
					&v1alpha1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "basis"}},
				).Status.Login
				got, want := string(s.MySecret(k.Name).Data["x"]), fmt.Sprintf("%d mine %s", s.MyOrg, login)
				if got != want {
					return fmt.Sprintf("it is told %q, not %q", got, want)
				}
				return ""
			},
		},
	)
}
