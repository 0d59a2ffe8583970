package controllers_test

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
)

// hostileFields are values that fields must not take, at birth or later.
func hostileFields() []hostile.Attempt {
	var all []hostile.Attempt
	add := func(name string, do func(s *hostile.Scene) error) {
		all = append(all, request(name, hostile.ByAdmission, do))
	}
	strangeAccounts(add)
	strangeTokens(add)
	strangeDashboards(add)
	movedReferences(add)
	return append(all, forgedMetadata()...)
}

// raw creates an object from a spec that Go's types may not be able to hold.
func raw(s *hostile.Scene, kind, spec string) error {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	text := fmt.Sprintf(
		`{"apiVersion": %q, "kind": %q, "metadata": {"namespace": %q, "generateName": "strange-"}, "spec": %s}`,
		v1alpha1.GroupVersion,
		kind,
		s.Mine,
		spec,
	)
	if err := json.Unmarshal([]byte(text), &obj.Object); err != nil {
		s.T.Fatal(err)
	}
	return s.Real.Create(s.T.Context(), obj)
}

func inOrg(s *hostile.Scene, fields string) string {
	return fmt.Sprintf(`{"organizationRef": {"namespace": %q, "name": "mine"}, %s}`, s.Platform, fields)
}

func strangeAccounts(add func(string, func(*hostile.Scene) error)) {
	for what, name := range map[string]string{
		"a header injected by its name":   `robot\r\nX-Grafana-Org-Id: 1`,
		"a NUL byte in its name":          `robot\u0000`,
		"text turned round by its name":   `robot\u202etobor`,
		"one of Grafana's own names":      `extsvc-robot`,
		"a name that leaves no room":      strings.Repeat("x", 151),
		"a name of nothing but white":     ` `,
		"a tag character in the name":     `robot\udb40\udc41`,
		"a soft hyphen before the victim": `\u00adrobot`,
	} {
		add(
			"a service account with "+what,
			func(s *hostile.Scene) error { return raw(s, "ServiceAccount", inOrg(s, `"name": "`+name+`"`)) },
		)
	}
	add(
		"a service account that is a server admin",
		func(s *hostile.Scene) error { return raw(s, "ServiceAccount", inOrg(s, `"role": "GrafanaAdmin"`)) },
	)
}

func strangeTokens(add func(string, func(*hostile.Scene) error)) {
	secret := func(s *hostile.Scene, fields string) error {
		return raw(s, "ServiceAccountToken", `{"serviceAccountRef": {"name": "basis"}, "secret": {`+fields+`}}`)
	}
	for what, fields := range map[string]string{
		"a Secret in the victim's namespace by its name": `"name": "../../namespaces/victim/secrets/ci"`,
		"a Secret that Kubernetes fills with a token":    `"type": "kubernetes.io/service-account-token"`,
		"a Secret that lets nodes join the cluster":      `"type": "bootstrap.kubernetes.io/token"`,
		"a Secret for Kubernetes' default account":       `"annotations": {"kubernetes.io/service-account.name": "default"}`,
		"a forged record by annotation":                  `"annotations": {"grafana-tenancy.dev/token-id": "1"}`,
		"a forged owner by label":                        `"labels": {"app.kubernetes.io/managed-by": "somebody"}`,
		"a label value that breaks a line":               `"labels": {"x": "a\nb"}`,
		"a data key that climbs":                         `"key": "../token"`,
		"a template key that climbs":                     `"template": {"../../etc/passwd": "x"}`,
		"a template in the place of the key":             `"template": {"token": "x"}`,
		"a template without end":                         `"template": {"x": "` + strings.Repeat("x", 16385) + `"}`,
	} {
		add(what, func(s *hostile.Scene) error { return secret(s, fields) })
	}
	add("a lifetime beyond all numbers", func(s *hostile.Scene) error {
		return raw(s, "ServiceAccountToken", `{"serviceAccountRef": {"name": "basis"}, "ttl": "9999999999h"}`)
	})
	add("an overlap below nothing", func(s *hostile.Scene) error {
		return raw(s, "ServiceAccountToken", `{"serviceAccountRef": {"name": "basis"}, "rotation": {"overlap": "-5m"}}`)
	})
	add("visits without pause", func(s *hostile.Scene) error {
		return raw(s, "ServiceAccountToken", `{"serviceAccountRef": {"name": "basis"}, "resyncInterval": "0s"}`)
	})
}

func strangeDashboards(add func(string, func(*hostile.Scene) error)) {
	for what, uid := range map[string]string{"that climbs": "../../orgs/1", "that climbs, encoded": "..%2f..%2forgs%2f1", "with a query": "x?orgId=1", "with a line break": `x\r\nHost: y`, "of a step": ".."} {
		add("a dashboard's uid "+what, func(s *hostile.Scene) error {
			return raw(s, "Dashboard", inOrg(s, `"uid": "`+uid+`", "source": {"json": "{\"title\": \"x\"}"}`))
		})
		add("a folder's uid "+what, func(s *hostile.Scene) error {
			return raw(
				s,
				"Dashboard",
				inOrg(s, `"folder": {"uid": "`+uid+`"}, "source": {"json": "{\"title\": \"x\"}"}`),
			)
		})
	}
	add("a dashboard of four megabytes", func(s *hostile.Scene) error {
		return raw(
			s,
			"Dashboard",
			inOrg(s, `"source": {"json": "{\"title\": \"x\", \"x\": \"`+strings.Repeat("x", 4<<20)+`\"}"}`),
		)
	})
	add("a ConfigMap of four megabytes", func(s *hostile.Scene) error {
		return s.Real.Create(
			s.T.Context(),
			&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "large"},
				Data:       map[string]string{"x": strings.Repeat("x", 4<<20)},
			},
		)
	})
}

// movedReferences are objects that were let in, and then turned to the victim.
func movedReferences(add func(string, func(*hostile.Scene) error)) {
	victim := func(s *hostile.Scene) string { return fmt.Sprintf(`{"namespace": %q, "name": "victim"}`, s.Platform) }
	patched := func(s *hostile.Scene, obj client.Object, kind types.PatchType, patch string) error {
		return s.Real.Patch(s.T.Context(), obj, client.RawPatch(kind, []byte(patch)))
	}
	add("a service account moved into the victim's organization", func(s *hostile.Scene) error {
		return patched(
			s,
			s.MyAccount("moving", "mine"),
			types.MergePatchType,
			`{"spec": {"organizationRef": `+victim(s)+`}}`,
		)
	})
	add("a dashboard moved into the victim's organization, by another kind of patch", func(s *hostile.Scene) error {
		return patched(
			s,
			s.MyDashboard("moving", "mine", overview),
			types.JSONPatchType,
			`[{"op": "replace", "path": "/spec/organizationRef", "value": `+victim(s)+`}]`,
		)
	})
	add("a dashboard moved into the victim's organization by a forced apply", func(s *hostile.Scene) error {
		obj := &unstructured.Unstructured{}
		obj.SetUnstructuredContent(map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(),
			"kind":       "Dashboard",
			"metadata":   map[string]any{"namespace": s.Mine, "name": "moving"},
			"spec":       map[string]any{"organizationRef": map[string]any{"namespace": s.Platform, "name": "victim"}},
		})
		return s.Real.Apply(
			s.T.Context(),
			client.ApplyConfigurationFromUnstructured(obj),
			client.FieldOwner("mallory"),
			client.ForceOwnership,
		)
	})
	add("a dashboard given the victim's uid later", func(s *hostile.Scene) error {
		return patched(
			s,
			&v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "moving"}},
			types.MergePatchType,
			`{"spec": {"uid": "victim-overview"}}`,
		)
	})
	add("a token moved to another service account", func(s *hostile.Scene) error {
		return patched(
			s,
			&v1alpha1.ServiceAccountToken{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "basis"}},
			types.MergePatchType,
			`{"spec": {"serviceAccountRef": {"name": "moving"}}}`,
		)
	})
}

// forgedMetadata is what Kubernetes itself must say of an object.
func forgedMetadata() []hostile.Attempt {
	born := func(name string, forge func(s *hostile.Scene, d *v1alpha1.Dashboard), worked func(s *hostile.Scene,
		d *v1alpha1.Dashboard) bool) hostile.Attempt {
		var d *v1alpha1.Dashboard
		return hostile.Attempt{Name: name, Fence: "Kubernetes itself",
			Try: func(s *hostile.Scene) {
				d = s.MyDashboard("", "mine", overview, func(o *v1alpha1.Dashboard) {
					o.GenerateName = "forged-"
					forge(s, o)
				})
			},
			Succeeded: func(s *hostile.Scene) string {
				if worked(s, d) {
					return "it came through"
				}
				return ""
			},
		}
	}
	return []hostile.Attempt{
		born(
			"an object born with the victim's uid",
			func(s *hostile.Scene, d *v1alpha1.Dashboard) { d.UID = s.Board.UID },
			func(s *hostile.Scene, d *v1alpha1.Dashboard) bool { return d.UID == s.Board.UID },
		),
		born(
			"an object born long before the victim's",
			func(_ *hostile.Scene, d *v1alpha1.Dashboard) { d.CreationTimestamp = metav1.Unix(1000000000, 0) },
			func(_ *hostile.Scene, d *v1alpha1.Dashboard) bool { return d.CreationTimestamp.Year() < 2020 },
		),
		born(
			"an object born with a status that claims the victim's dashboard",
			func(s *hostile.Scene, d *v1alpha1.Dashboard) { d.Status = s.Board.Status },
			func(_ *hostile.Scene, d *v1alpha1.Dashboard) bool { return d.Status.UID != "" },
		),
		born(
			"an object that says that the victim's owns it, and may not go before it",
			func(s *hostile.Scene, d *v1alpha1.Dashboard) {
				d.OwnerReferences = []metav1.OwnerReference{
					{
						APIVersion:         v1alpha1.GroupVersion.String(),
						Kind:               "Dashboard",
						Name:               "overview",
						UID:                s.Board.UID,
						Controller:         new(true),
						BlockOwnerDeletion: new(true),
					},
				}
			},
			func(s *hostile.Scene, _ *v1alpha1.Dashboard) bool { return heldUp(s, s.Board) },
		),
	}
}

// heldUp reports whether an object of the victim's could not be deleted.
func heldUp(s *hostile.Scene, obj client.Object) bool {
	o, ok := obj.DeepCopyObject().(client.Object)
	return !ok || s.Client.Delete(s.T.Context(), o, client.DryRunAll) != nil
}
