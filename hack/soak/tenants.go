package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

const (
	platform = "platform" // the namespace of the Instance
	timeout  = 2 * time.Second
	resync   = 30 * time.Second
	overlap  = 5 * time.Second
)

// tenant is a namespace with all that a team has.
type tenant struct {
	name string
	// awaited says that it was deleted and is to be applied again once that is done.
	awaited bool
}

func (t *tenant) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: t.name, Name: name}
}

func (t *tenant) namespace() client.Object {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.name}}
}

// orgName is what the tenant's organization is called.
func (t *tenant) orgName() string { return "Team " + t.name }

// scopeHeader tells a source whose data is asked for.
var scopeHeader = []v1alpha1.DataSourceHeader{{Name: "X-Scope-OrgID", Value: "{{ .orgName }}"}}

// objects of the tenant, besides the namespace.
func (t *tenant) objects() []client.Object {
	org := v1alpha1.ObjectReference{Name: "org"}
	source := func(title string) v1alpha1.DashboardSource {
		text := content(title)
		return v1alpha1.DashboardSource{JSON: &text}
	}
	return []client.Object{
		&v1alpha1.Organization{ObjectMeta: t.meta("org"), Spec: v1alpha1.OrganizationSpec{
			InstanceRef: v1alpha1.ObjectReference{Namespace: platform, Name: "grafana"}, Name: t.orgName(),
			Preferences: &v1alpha1.Preferences{Timezone: "utc"},
		}},
		&v1alpha1.ServiceAccount{
			ObjectMeta: t.meta("robot"),
			Spec:       v1alpha1.ServiceAccountSpec{OrganizationRef: org, Role: v1alpha1.RoleEditor},
		},
		&v1alpha1.ServiceAccountToken{ObjectMeta: t.meta("ci"), Spec: v1alpha1.ServiceAccountTokenSpec{
			ServiceAccountRef: v1alpha1.LocalObjectReference{Name: "robot"},
			TTL:               &metav1.Duration{Duration: 90 * time.Second},
			Rotation: &v1alpha1.TokenRotation{
				Before:  &metav1.Duration{Duration: 45 * time.Second},
				Overlap: &metav1.Duration{Duration: overlap},
			},
		}},
		&v1alpha1.Membership{
			ObjectMeta: t.meta("people"),
			Spec: v1alpha1.MembershipSpec{OrganizationRef: org, Members: []v1alpha1.Member{
				{Login: somebody, Role: v1alpha1.RoleEditor}, {Login: "nobody", Role: v1alpha1.RoleViewer},
			}},
		},
		&v1alpha1.Team{
			ObjectMeta: t.meta("team"),
			Spec:       v1alpha1.TeamSpec{OrganizationRef: org, Members: teamMembers(v1alpha1.TeamRoleMember)},
		},
		&v1alpha1.Folder{ObjectMeta: t.meta("folder"), Spec: v1alpha1.FolderSpec{
			OrganizationRef: org, DeletionPolicy: v1alpha1.FolderDeleteWithContents,
			Permissions: []v1alpha1.FolderPermission{
				{TeamRef: &v1alpha1.LocalObjectReference{Name: "team"}, Permission: v1alpha1.PermissionEdit},
			},
		}},
		&v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: t.name}, Spec: v1alpha1.UserSpec{
			InstanceRef: v1alpha1.LocalObjectReference{Name: "grafana"}, Email: t.name + "@example.org",
		}},
		&v1alpha1.DataSource{ObjectMeta: t.meta("metrics"), Spec: v1alpha1.DataSourceSpec{
			OrganizationRef: org, DataSourceSettings: v1alpha1.DataSourceSettings{
				Type: "prometheus", URL: metricsURL, IsDefault: new(true), Headers: scopeHeader,
			}}},
		&v1alpha1.Dashboard{
			ObjectMeta: t.meta("derived"),
			Spec:       v1alpha1.DashboardSpec{OrganizationRef: org, Source: source("A uid of its own")},
		},
		&v1alpha1.Dashboard{
			ObjectMeta: t.meta("named"),
			Spec: v1alpha1.DashboardSpec{
				OrganizationRef: org,
				Source:          source("A uid that was given"),
				UID:             "named",
				Folder:          &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: "folder"}},
			},
		},
	}
}

// teamMembers has somebody be something in a team; "": not be in it.
func teamMembers(role v1alpha1.TeamRole) []v1alpha1.TeamMember {
	if role == "" {
		return nil
	}
	return []v1alpha1.TeamMember{{Login: somebody, Role: role}}
}

// metricsURL is where tenants' data sources look for metrics. Nothing is there.
const metricsURL = "http://127.0.0.1:1"

// content is a dashboard's.
func content(title string) string {
	text, err := json.Marshal(map[string]any{"title": title, "tags": []string{"soak"}, "panels": []any{}})
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return string(text)
}

// apply creates what of the tenant is not there. It reports whether all of it is, and none of it on its way out.
func (t *tenant) apply(ctx context.Context, c client.Client) (complete bool, err error) {
	complete = true
	for _, obj := range append([]client.Object{t.namespace()}, t.objects()...) {
		switch err := c.Create(ctx, obj); {
		case err == nil:
		case apierrors.IsAlreadyExists(err):
			if err := c.Get(
				ctx,
				client.ObjectKeyFromObject(obj),
				obj,
			); err != nil ||
				!obj.GetDeletionTimestamp().IsZero() {
				complete = false
			}
		case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause),
			apierrors.IsNotFound(err): // the namespace is going, or has just gone
			return false, nil
		default:
			return false, fmt.Errorf("applying %T %s/%s: %w", obj, t.name, obj.GetName(), err)
		}
	}
	return complete, nil
}

// applyPlatform creates the Instance with its credential.
func (s *soak) applyPlatform(ctx context.Context) error {
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: platform}},
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: "admin"},
			StringData: map[string]string{"admin-user": "admin", "admin-password": password},
		},
		&v1alpha1.Instance{
			ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: "grafana"},
			Spec: v1alpha1.InstanceSpec{
				URL: s.grafana.URL, Timeout: &metav1.Duration{Duration: timeout},
				ResyncInterval: &metav1.Duration{Duration: resync},
				Credentials: v1alpha1.Credentials{
					BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "admin"}},
				},
				AllowedNamespaces: v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll},
				OnReset:           v1alpha1.ResetRebuild,
			},
		},
	} {
		if err := s.client.Create(ctx, obj); err != nil {
			return err
		}
	}
	return nil
}

const (
	foreignOrg = "Somebody else's"
	somebody   = "somebody" // who is in every tenant's organization
)

// buildForeign makes in Grafana what the operator has to leave alone, and notes how it looks.
func (s *soak) buildForeign() error {
	status, answer := s.grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": foreignOrg})
	var made struct{ OrgID int64 }
	if err := json.Unmarshal(answer, &made); err != nil || status != http.StatusOK {
		return fmt.Errorf("making a foreign organization: %d %s", status, answer)
	}
	s.grafana.Do(
		http.MethodPost,
		"/api/serviceaccounts",
		made.OrgID,
		map[string]any{"name": "theirs", "role": "Viewer"},
	)
	s.saveDashboard(made.OrgID, "theirs", "Theirs")
	s.grafana.Do(http.MethodPost, "/api/admin/users", 1, map[string]any{"login": somebody, "password": password})
	s.foreign = s.seeForeign()
	if strings.Count(s.foreign, "heirs") < 3 {
		return fmt.Errorf("what is foreign was not made: %s", s.foreign)
	}
	return nil
}

// seeForeign is all that is foreign, as text.
func (s *soak) seeForeign() string {
	var all []any
	for _, org := range s.grafana.Orgs() {
		if org.Name == foreignOrg {
			all = append(all, org, s.grafana.ServiceAccounts(org.ID), s.grafana.Dashboards(org.ID))
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // plain structures can be marshalled
	}
	return string(text)
}

// saveDashboard saves a dashboard as a person does, over whatever is there.
func (s *soak) saveDashboard(org int64, uid, title string) {
	s.grafana.Do(
		http.MethodPost,
		"/api/dashboards/db",
		org,
		map[string]any{
			"dashboard": map[string]any{"uid": uid, "title": title},
			"overwrite": true,
			"message":   "by hand",
		},
	)
}
