// Package hostile lets a tenant with edit rights in one namespace try whatever it can say to Kubernetes and Grafana,
// and sees what comes of it for others.
package hostile

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Scene is where a hostile tenant is let loose. The world's own namespace holds the Instance and its credential; the
// platform's the Organizations; the victim has a namespace, an organization and a part in a common one, and the hostile
// tenant has the same. In Grafana there is more, which people made.
type Scene struct {
	*suite.World
	Platform, Mine, Theirs string

	Me    client.Client // the hostile tenant: edit in its namespace
	Owner client.Client // one with admin there
	Guest client.Client // one with view there
	Real  client.Client // me, where me only rehearses

	MyOrg, VictimOrg, Commons, ForeignOrg int64
	Robot                                 *v1alpha1.ServiceAccount // the victim's, in its own organization
	Ci                                    *v1alpha1.ServiceAccountToken
	Board                                 *v1alpha1.Dashboard
	Shared                                *v1alpha1.Dashboard // the victim's, in the common one
	SharedRobot                           *v1alpha1.ServiceAccount
	SharedCI                              *v1alpha1.ServiceAccountToken
	Key                                   string // of the hostile tenant's own Admin in its own organization

	Canaries []string          // what the hostile tenant must see nowhere
	hidden   []string          // what it must not see in statuses and events
	Before   map[string]string // all that is not the hostile tenant's
	TheirOwn map[string]bool   // what of the common organization is not the hostile tenant's
	Own      map[int64]bool    // further organizations that are the hostile tenant's
	blamed   map[string]bool   // whose words have counted already
	Now      string            // the attempt that is being made
	Visitors atomic.Int64      // of what only the operator can reach
}

// fences are what keeps the tenant in: its rights in Kubernetes, and whom the victim's Organization lets in.
type fences bool

// FencesUp keeps the tenant in, as it is meant to be; FencesDown shows that it would succeed without.
const (
	FencesUp   fences = true
	FencesDown fences = false
)

// AdminLogin and AdminPassword are Grafana's admin, whom the tenant must not come to know.
const (
	AdminLogin    = "canary-root"
	AdminPassword = "canary-password-of-root"
)

// New sets the scene: what people, the platform and the victim have, and what the hostile tenant has by right.
func New(t *testing.T, opts grafanatest.Options, up fences) *Scene {
	t.Helper()
	opts.Admin, opts.Password = AdminLogin, AdminPassword
	s := &Scene{World: suite.NewEmpty(t, opts)}
	s.Platform, s.Mine, s.Theirs = s.Namespace(
		nil,
	), s.Namespace(
		map[string]string{"tenant": "hostile"},
	), s.Namespace(
		map[string]string{"tenant": "victim"},
	)
	admin := s.Secret("admin")
	suite.Change(s.World, admin, func() {
		admin.Data["admin-user"], admin.Data["admin-password"] = []byte(AdminLogin), []byte(AdminPassword)
	})
	s.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}})
	s.people()
	s.Instance(func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	s.organizations(up)
	s.victim()
	s.tenants(up)
	s.Canaries = []string{
		AdminPassword,
		AdminLogin,
		"canary-of-the-database",
		"canary-ledger",
		"canary-common",
		"canary-company",
		"canary-foreign",
		string(s.VictimSecret("ci").Data["token"]),
		string(s.VictimSecret("shared-ci").Data["token"]),
		s.Robot.Status.Login,
	}
	s.hidden = []string{strings.TrimPrefix(s.Grafana.URL, "http://"), s.NS, s.Key}
	s.Own, s.blamed = map[int64]bool{s.MyOrg: true}, map[string]bool{}
	s.Before = s.Snapshot()
	s.TheirOwn = map[string]bool{}
	for key := range s.Before {
		s.TheirOwn[key] = true
	}
	return s
}

// people make things in Grafana that the operator knows nothing of.
func (s *Scene) people() {
	s.ForeignOrg = s.Made(s.Ask("POST", "/api/orgs", 0, `{"name": "canary-foreign industries"}`))
	for org, title := range map[int64]string{1: "canary-company", s.ForeignOrg: "canary-foreign"} {
		s.Ask(
			"POST",
			"/api/dashboards/db",
			org,
			fmt.Sprintf(`{"dashboard": {"uid": "foreign-overview", "title": %q}}`, title),
		)
		s.Ask("POST", "/api/serviceaccounts", org, `{"name": "foreign-robot", "role": "Admin"}`)
	}
}

// organizations are made by the platform team.
func (s *Scene) organizations(up fences) {
	allow := func(tenants ...string) v1alpha1.AllowedNamespaces {
		return v1alpha1.AllowedNamespaces{From: v1alpha1.FromSelector, Selector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "tenant", Operator: metav1.LabelSelectorOpIn, Values: tenants},
			},
		}}
	}
	theirs := allow("victim")
	if !up {
		theirs = v1alpha1.AllowedNamespaces{From: v1alpha1.FromAll}
	}
	mine, victim, commons := s.PlatformOrg(
		"mine",
		allow("hostile"),
		func(o *v1alpha1.Organization) { o.Spec.MaxServiceAccountRole = v1alpha1.RoleAdmin },
	), s.PlatformOrg(
		"victim",
		theirs,
	), s.PlatformOrg(
		"commons",
		allow("hostile", "victim"),
	)
	s.MyOrg, s.VictimOrg, s.Commons = suite.Ready(
		s.World,
		mine,
	).Status.OrgID, suite.Ready(
		s.World,
		victim,
	).Status.OrgID, suite.Ready(
		s.World,
		commons,
	).Status.OrgID
}

// PlatformOrg applies an Organization of the platform's.
func (s *Scene) PlatformOrg(
	name string,
	allowed v1alpha1.AllowedNamespaces,
	changes ...func(*v1alpha1.Organization),
) *v1alpha1.Organization {
	return s.Organization(name, append(changes, func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.InstanceRef.Namespace, o.Spec.AllowedNamespaces = s.Platform, s.NS, allowed
		o.Labels = map[string]string{"scene": s.Mine}
	})...)
}

// Of names an Organization of the platform's.
func (s *Scene) Of(organization string) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Namespace: s.Platform, Name: organization}
}

func (s *Scene) victim() {
	s.Create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "database"},
			StringData: map[string]string{"password": "canary-of-the-database"},
		},
	)
	s.Create(
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.Theirs, Name: "board"},
			Data:       map[string]string{"json": `{"title": "canary-ledger"}`},
		},
	)
	account := func(name, organization string) *v1alpha1.ServiceAccount {
		return s.Account(name, "", func(o *v1alpha1.ServiceAccount) {
			o.Namespace, o.Spec.OrganizationRef, o.Spec.Role = s.Theirs, s.Of(organization), v1alpha1.RoleEditor
		})
	}
	token := func(name, account string) *v1alpha1.ServiceAccountToken {
		return s.Token(name, account, func(o *v1alpha1.ServiceAccountToken) { o.Namespace = s.Theirs })
	}
	board := func(name, organization, uid, description string) *v1alpha1.Dashboard {
		return s.Dashboard(
			name,
			"",
			fmt.Sprintf(`{"title": "Board", "description": %q}`, description),
			func(o *v1alpha1.Dashboard) {
				o.Namespace, o.Spec.OrganizationRef, o.Spec.UID = s.Theirs, s.Of(organization), uid
			},
		)
	}
	s.Robot, s.SharedRobot = account("robot", "victim"), account("shared-robot", "commons")
	s.Ci, s.SharedCI = token("ci", "robot"), token("shared-ci", "shared-robot")
	s.Board, s.Shared = board(
		"overview",
		"victim",
		"victim-overview",
		"canary-ledger",
	), board(
		"shared-overview",
		"commons",
		"commons-overview",
		"canary-common",
	)
	for _, obj := range []lifecycle.Object{s.Robot, s.SharedRobot, s.Ci, s.SharedCI, s.Board, s.Shared} {
		suite.Ready(s.World, obj)
	}
}
