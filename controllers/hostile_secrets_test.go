package controllers_test

import (
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// forge makes a token, changes the record on its Secret, has the operator look, and then has it deleted, by which the
// operator revokes what the record names.
func forge(name string, record func(s *scene, k *v1alpha1.ServiceAccountToken) map[string]string) []attempt {
	var k *v1alpha1.ServiceAccountToken
	return []attempt{
		{name: name, fence: byMark, try: func(s *scene) {
			a := s.hostileAccount("", "commons", func(o *v1alpha1.ServiceAccount) { o.GenerateName = "forger-" })
			k = ready(
				s.world,
				s.hostileToken("", a.Name, func(o *v1alpha1.ServiceAccountToken) { o.GenerateName = "forged-" }),
			)
			secret := s.mySecret(k.Name)
			for annotation, value := range record(s, k) {
				secret.Annotations[annotation] = value
			}
			if err := s.real.Update(s.t.Context(), secret); err != nil {
				s.t.Fatal(err)
			}
			s.eventually("the operator looks at the Secret", func() error {
				if s.mySecret(k.Name).ResourceVersion == secret.ResourceVersion &&
					isTrue(get(s.world, k), v1alpha1.ConditionReady) {
					visit(s.world, k)
					return errors.New("it is as it was forged")
				}
				return nil
			})
			judged(s, k)
		}},
		{name: name + ", and deletion", fence: byMark,
			try: func(s *scene) { s.removed(k) },
			succeeded: func(s *scene) string {
				for _, t := range s.grafana.Tokens(s.commons) {
					if strings.HasPrefix(t.Name, k.Name+"-") && !t.Revoked {
						return fmt.Sprintf("token %d, %s, lives on", t.ID, t.Name)
					}
				}
				return ""
			}},
	}
}

// hostileSecrets are Secrets that are not what they seem.
func hostileSecrets() []attempt {
	number := func(n int64) string { return fmt.Sprint(n) }
	var all []attempt
	add := func(more ...attempt) { all = append(all, more...) }
	add(
		forge(
			"a record that names the victim's token",
			func(s *scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{v1alpha1.AnnotationTokenID: number(s.sharedCI.Status.TokenID)}
			},
		)...)
	add(
		forge(
			"a record that names the victim's token and service account",
			func(s *scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationTokenID:          number(s.sharedCI.Status.TokenID),
					v1alpha1.AnnotationServiceAccountID: number(s.sharedRobot.Status.ID),
				}
			},
		)...)
	add(
		forge(
			"a record that supersedes the victim's tokens",
			func(s *scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationSuperseded: number(
						s.sharedCI.Status.TokenID,
					) + "," + number(
						s.ci.Status.TokenID,
					),
					v1alpha1.AnnotationTokenRevision: "7",
				}
			},
		)...)
	add(
		forge(
			"a record of the victim's organization",
			func(s *scene, _ *v1alpha1.ServiceAccountToken) map[string]string {
				return map[string]string{
					v1alpha1.AnnotationOrgID:            number(s.victimOrg),
					v1alpha1.AnnotationServiceAccountID: number(s.robot.Status.ID),
					v1alpha1.AnnotationTokenID:          number(s.ci.Status.TokenID),
				}
			},
		)...)
	for _, revision := range []string{"999999998", "999999999", "1000000000", "1000000001", "9223372036854775807", "-1", "1e9"} {
		add(forge("a record of revision "+revision, func(*scene, *v1alpha1.ServiceAccountToken) map[string]string {
			return map[string]string{v1alpha1.AnnotationTokenRevision: revision}
		})...)
	}
	add(
		forge(
			"a record that says that its key is the owner's mark",
			func(*scene, *v1alpha1.ServiceAccountToken) map[string]string {
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
func strangeOwners() []attempt {
	owned := func(name, secret string, owner func(s *scene) *v1alpha1.ServiceAccountToken) attempt {
		return attempt{name: name, fence: byNamespace, try: func(s *scene) {
			of := owner(s)
			placed(s, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Name: secret, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
				Annotations: s.victimSecret(of.Name).Annotations,
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
			visit(s.world, of)
			ready(s.world, of)
		}}
	}
	return []attempt{
		owned(
			"a Secret owned by the victim's token, of its Secret's name",
			"ci",
			func(s *scene) *v1alpha1.ServiceAccountToken { return s.ci },
		),
		owned(
			"a Secret owned by the victim's token, of another name",
			"former",
			func(s *scene) *v1alpha1.ServiceAccountToken { return s.sharedCI },
		),
		{
			name:  "a token object of the victim's name, whose Secret is the victim's in all but namespace",
			fence: byNamespace,
			try: func(s *scene) {
				judged(s, s.hostileToken("ci", "basis"))
			},
			succeeded: func(s *scene) string {
				if org, _, _, _ := s.grafana.KeyAlive(
					string(s.mySecret("ci").Data["token"]),
				); org != 0 &&
					org != s.myOrg {
					return fmt.Sprintf("its Secret has a key of organization %d", org)
				}
				return ""
			},
		},
		{name: "a Secret of another in its namespace overwritten", fence: byMark,
			try: func(s *scene) {
				placed(
					s,
					&corev1.Secret{
						ObjectMeta: metav1.ObjectMeta{Name: "colleagues"},
						StringData: map[string]string{"token": "theirs"},
					},
					nil,
				)
				stalled(s.world, s.hostileToken("colleagues", "basis"), v1alpha1.ReasonSecretConflict)
			},
			succeeded: func(s *scene) string {
				if got := string(s.mySecret("colleagues").Data["token"]); got != "theirs" {
					return "it holds " + got
				}
				return ""
			}},
	}
}

// hostileTemplates are templates that reach for more than they may.
func hostileTemplates() []attempt {
	var all []attempt
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
			attempt{
				name:     "a template that reaches for " + name,
				fence:    byBounds,
				answered: true,
				succeeded: func(s *scene) string {
					k := judged(s, s.hostileToken("", "basis", func(o *v1alpha1.ServiceAccountToken) {
						o.GenerateName, o.Spec.Secret.Template = "template-", map[string]v1alpha1.TemplateText{
							"x": v1alpha1.TemplateText(text),
						}
					}))
					evidence := ""
					if isTrue(k, v1alpha1.ConditionReady) {
						evidence = fmt.Sprintf("it became %.100q", s.mySecret(k.Name).Data["x"])
					}
					if tokenKey.MatchString(messageOf(k)) {
						evidence = "its own condition has a key in it" // and so could have others
					}
					s.removed(k)
					return evidence
				},
			},
		)
	}
	return append(
		all,
		attempt{
			name:  "a template that is told the address, the id and the name of no organization but its own",
			fence: byNamespace,
			succeeded: func(s *scene) string {
				k := ready(s.world, s.hostileToken("told", "basis", func(o *v1alpha1.ServiceAccountToken) {
					o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
						"x": "{{ .orgID }} {{ .orgName }} {{ .login }}",
					}
				}))
				login := get(
					s.world,
					&v1alpha1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "basis"}},
				).Status.Login
				got, want := string(s.mySecret(k.Name).Data["x"]), fmt.Sprintf("%d mine %s", s.myOrg, login)
				if got != want {
					return fmt.Sprintf("it is told %q, not %q", got, want)
				}
				return ""
			},
		},
	)
}
