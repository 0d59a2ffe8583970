package controllers_test

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

func tokenScenarios() []crash.Scenario {
	return slices.Concat(
		issueScenarios(),
		rotationScenarios(),
		healingScenarios(),
		movingScenarios(),
		endingScenarios(),
		forgottenScenarios(),
	)
}

// withToken is a tenant whose token is as change makes it.
func withToken(change func(*v1alpha1.ServiceAccountToken)) func(*crash.World) {
	return func(w *crash.World) {
		t := crash.Token()
		change(t)
		w.Create(crash.Organization("Tenant"), crash.Account("CI"), t)
	}
}

func plain(*v1alpha1.ServiceAccountToken) {}

// dated has a token that lives for an hour and a half and is rotated after some 60 minutes.
func dated(t *v1alpha1.ServiceAccountToken) {
	t.Spec.TTL = &metav1.Duration{Duration: 90 * time.Minute}
	t.Spec.Rotation = &v1alpha1.TokenRotation{
		Before:  &metav1.Duration{Duration: 30 * time.Minute},
		Overlap: &metav1.Duration{Duration: 4 * time.Minute},
	}
}

func templated(t *v1alpha1.ServiceAccountToken) {
	dated(t)
	t.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
		".env": "URL={{ .url }}\nORG={{ .orgName }}\nTOKEN={{ .token }}\nUNTIL={{ .expiresAt }}\n",
	}
}

// wishRotation asks for another key.
func wishRotation(w *crash.World) {
	crash.Edit(w, crash.Token(), func(t *v1alpha1.ServiceAccountToken) {
		t.Annotations = map[string]string{v1alpha1.AnnotationRotate: "now"}
	})
}

// tokenUID8 is what the names of a token of ours carry.
func tokenUID8() string {
	t := crash.Token()
	t.UID = crash.UIDFor(t)
	return mark.ShortUID(t)
}
