package controllers_test

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
)

// request is an attempt that has succeeded if Kubernetes does what it is asked. It must be refused for the right
// reason.
func request(name, fence string, do func(s *hostile.Scene) error) hostile.Attempt {
	var err error
	return hostile.Attempt{Name: name, Fence: fence, Answered: true,
		Try: func(s *hostile.Scene) {
			err = do(s)
			if wrong := err != nil &&
				(fence == hostile.ByRBAC) != apierrors.IsForbidden(err); wrong ||
				fence == hostile.ByAdmission && err != nil && !apierrors.IsInvalid(err) &&
					!apierrors.IsBadRequest(err) && !apierrors.IsRequestEntityTooLargeError(err) {
				s.T.Errorf("%s: not stopped by %s, but by chance: %v", name, fence, err)
			}
		},
		Succeeded: func(*hostile.Scene) string {
			if err != nil {
				return ""
			}
			return "Kubernetes did it"
		},
	}
}

// patching sends a merge patch.
func patching(s *hostile.Scene, obj client.Object, namespace, name, patch string) error {
	obj.SetNamespace(namespace)
	obj.SetName(name)
	return s.Me.Patch(s.T.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// claiming sends a merge patch of the status.
func claiming(s *hostile.Scene, obj client.Object, namespace, name, patch string) error {
	obj.SetNamespace(namespace)
	obj.SetName(name)
	return s.Me.Status().Patch(s.T.Context(), obj, client.RawPatch(types.MergePatchType, []byte(patch)))
}

func hostileInstance(s *hostile.Scene, url string) *v1alpha1.Instance {
	return &v1alpha1.Instance{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "trap"},
		Spec: v1alpha1.InstanceSpec{
			URL: url,
			Credentials: v1alpha1.Credentials{
				BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "admin"}},
			},
		},
	}
}

// requestsToKubernetes are what edit rights in a namespace, and the operator's own roles in them, must not allow.
func requestsToKubernetes() []hostile.Attempt {
	var all []hostile.Attempt
	add := func(name string, do func(s *hostile.Scene) error) {
		all = append(all, request(name, hostile.ByRBAC, do))
	}
	platformKinds(add)
	forgedStatuses(add)
	otherNamespaces(add)
	escalations(add)
	return all
}

func platformKinds(add func(string, func(*hostile.Scene) error)) {
	add("an Instance of its own, with a server that collects credentials", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(), hostileInstance(s, "http://collector.example.com"))
	})
	add("an Instance that points to the cloud's metadata service", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(), hostileInstance(s, "http://169.254.169.254/latest"))
	})
	add("an Instance that points to the operator's own loopback", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(), hostileInstance(s, "http://127.0.0.1:8080"))
	})
	add("an Instance as the namespace's admin", func(s *hostile.Scene) error {
		return s.Owner.Create(s.T.Context(), hostileInstance(s, "http://collector.example.com"))
	})
	add("the platform's Instance sent to a server of its own", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Instance{}, s.NS, "grafana", `{"spec": {"url": "http://collector.example.com"}}`)
	})
	add("the platform's Instance read", func(s *hostile.Scene) error {
		return s.Me.Get(s.T.Context(), client.ObjectKey{Namespace: s.NS, Name: "grafana"}, &v1alpha1.Instance{})
	})
	organization := func(s *hostile.Scene) *v1alpha1.Organization {
		return &v1alpha1.Organization{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "surplus"},
			Spec: v1alpha1.OrganizationSpec{
				InstanceRef: v1alpha1.ObjectReference{Namespace: s.NS, Name: "grafana"},
			},
		}
	}
	add("an Organization of its own",
		func(s *hostile.Scene) error { return s.Me.Create(s.T.Context(), organization(s)) })
	add("an Organization as the namespace's admin",
		func(s *hostile.Scene) error { return s.Owner.Create(s.T.Context(), organization(s)) })
	add("the victim's Organization opened to all", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Organization{}, s.Platform, "victim",
			`{"spec": {"allowedNamespaces": {"from": "All", "selector": null}}}`)
	})
	add("its own Organization renamed", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Organization{}, s.Platform, "mine", `{"spec": {"name": "Main Org."}}`)
	})
	add("the victim's Organization deleted", func(s *hostile.Scene) error {
		return s.Me.Delete(s.T.Context(),
			&v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Namespace: s.Platform, Name: "victim"}})
	})
	add("the victim's Organization abandoned", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Organization{}, s.Platform, "victim",
			`{"metadata": {"annotations": {"grafana-tenancy.dev/abandon": "true"}}}`)
	})
	add(
		"its own organization set to be deleted with all that is in it, and to allow every role and adoption",
		func(s *hostile.Scene) error {
			return patching(
				s,
				&v1alpha1.Organization{},
				s.Platform,
				"mine",
				`{"spec": {"deletionPolicy": "DeleteWithContents", "maxServiceAccountRole": "Admin", "adoption": "Allow", "adoptionPolicy": "Adopt"}}`,
			)
		},
	)
	add("the victim's organization confirmed to be its own", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Organization{}, s.Platform, "mine",
			fmt.Sprintf(`{"metadata": {"annotations": {%q: "%d"}}}`, v1alpha1.AnnotationConfirmOrgID, s.VictimOrg))
	})
	add("a reset of the whole Grafana confirmed", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Instance{}, s.NS, "grafana",
			fmt.Sprintf(`{"metadata": {"annotations": {%q: "1"}}}`, v1alpha1.AnnotationConfirmReset))
	})
	add("the Organizations of the platform listed", func(s *hostile.Scene) error {
		return s.Me.List(s.T.Context(), &v1alpha1.OrganizationList{}, client.InNamespace(s.Platform))
	})
}

func forgedStatuses(add func(string, func(*hostile.Scene) error)) {
	add("a status that claims the victim's service account", func(s *hostile.Scene) error {
		return claiming(s, &v1alpha1.ServiceAccount{}, s.Mine, "basis", fmt.Sprintf(
			`{"status": {"id": %d, "login": %q, "orgID": %d}}`,
			s.Robot.Status.ID,
			s.Robot.Status.Login,
			s.VictimOrg,
		))
	})
	add("a status that claims the victim's token", func(s *hostile.Scene) error {
		return claiming(s, &v1alpha1.ServiceAccountToken{}, s.Mine, "basis",
			fmt.Sprintf(`{"status": {"tokenID": %d, "secretName": "ci"}}`, s.Ci.Status.TokenID))
	})
	add("a status that claims the victim's token, as the namespace's admin", func(s *hostile.Scene) error {
		obj := &v1alpha1.ServiceAccountToken{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "basis"}}
		return s.Owner.Status().Patch(
			s.T.Context(),
			obj,
			client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status": {"tokenID": %d}}`, s.Ci.Status.TokenID)),
		)
	})
	add("a status of the Organization that points to the victim's", func(s *hostile.Scene) error {
		return claiming(s, &v1alpha1.Organization{}, s.Platform, "mine",
			fmt.Sprintf(`{"status": {"orgID": %d}}`, s.VictimOrg))
	})
	add("a status of the victim's Dashboard", func(s *hostile.Scene) error {
		return claiming(s, &v1alpha1.Dashboard{}, s.Theirs, "overview", `{"status": {"uid": null, "orgID": 1}}`)
	})
}

func otherNamespaces(add func(string, func(*hostile.Scene) error)) {
	add("the victim's key read from its Secret", func(s *hostile.Scene) error {
		return s.Me.Get(s.T.Context(), client.ObjectKey{Namespace: s.Theirs, Name: "ci"}, &corev1.Secret{})
	})
	add("the admin credential read", func(s *hostile.Scene) error {
		return s.Me.Get(s.T.Context(), client.ObjectKey{Namespace: s.NS, Name: "admin"}, &corev1.Secret{})
	})
	add("the Secrets of all namespaces listed",
		func(s *hostile.Scene) error { return s.Me.List(s.T.Context(), &corev1.SecretList{}) })
	add("the Dashboards of all namespaces listed",
		func(s *hostile.Scene) error { return s.Me.List(s.T.Context(), &v1alpha1.DashboardList{}) })
	add("the tokens of the victim listed", func(s *hostile.Scene) error {
		return s.Me.List(s.T.Context(), &v1alpha1.ServiceAccountTokenList{}, client.InNamespace(s.Theirs))
	})
	add("the events of the victim read", func(s *hostile.Scene) error {
		return s.Me.List(s.T.Context(), &eventsv1.EventList{}, client.InNamespace(s.Theirs))
	})
	add("a token for the victim's service account, in the victim's namespace", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(), &v1alpha1.ServiceAccountToken{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "mine"},
			Spec: v1alpha1.ServiceAccountTokenSpec{
				ServiceAccountRef: v1alpha1.LocalObjectReference{Name: "robot"},
			},
		})
	})
	add("a Dashboard in the victim's namespace", func(s *hostile.Scene) error {
		return s.Me.Create(s.T.Context(), &v1alpha1.Dashboard{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "mine"},
			Spec: v1alpha1.DashboardSpec{
				OrganizationRef: s.Of("victim"),
				Source:          v1alpha1.DashboardSource{JSON: new(overview)},
			},
		})
	})
	add("the victim's Dashboard changed", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.Dashboard{}, s.Theirs, "overview",
			`{"spec": {"source": {"json": "{\"title\": \"Mine\"}"}}}`)
	})
	add("the victim's service account made Admin", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.ServiceAccount{}, s.Theirs, "robot", `{"spec": {"role": "Admin"}}`)
	})
	add("the victim's token deleted", func(s *hostile.Scene) error {
		return s.Me.Delete(s.T.Context(),
			&v1alpha1.ServiceAccountToken{ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "ci"}})
	})
	add("the victim's key rotated by annotation", func(s *hostile.Scene) error {
		return patching(s, &v1alpha1.ServiceAccountToken{}, s.Theirs, "ci",
			`{"metadata": {"annotations": {"grafana-tenancy.dev/rotate": "now"}}}`)
	})
	add("the victim's Secret given to an owner of its own", func(s *hostile.Scene) error {
		return patching(s, &corev1.Secret{}, s.Theirs, "ci", `{"metadata": {"ownerReferences": null}}`)
	})
	add("a key made by one who may only view", func(s *hostile.Scene) error {
		return s.Guest.Create(s.T.Context(), &v1alpha1.ServiceAccountToken{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "seen"},
			Spec: v1alpha1.ServiceAccountTokenSpec{
				ServiceAccountRef: v1alpha1.LocalObjectReference{Name: "basis"},
			},
		})
	})
	add("a key read by one who may only view", func(s *hostile.Scene) error {
		return s.Guest.Get(s.T.Context(), client.ObjectKey{Namespace: s.Mine, Name: "basis"}, &corev1.Secret{})
	})
	add("a key rotated by one who may only view", func(s *hostile.Scene) error {
		obj := &v1alpha1.ServiceAccountToken{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "basis"}}
		return s.Guest.Patch(s.T.Context(), obj, client.RawPatch(types.MergePatchType,
			[]byte(`{"metadata": {"annotations": {"grafana-tenancy.dev/rotate": "now"}}}`)))
	})
	add("the victim's namespace deleted", func(s *hostile.Scene) error {
		return s.Me.Delete(s.T.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Theirs}})
	})
}
