package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// kind is one whose objects are counted with what they cost: requests-per-NAME, kube-writes-per-NAME and, as those
// requests whose path matches, resync-requests-of-NAME.
type kind struct {
	name, resource string
	// requests is how many there may be until one is Ready: what it takes, and its part in the lists that serve many.
	requests float64
	// alone says that Grafana has no list of them for a whole organization.
	alone  bool
	path   *regexp.Regexp
	object func(meta metav1.ObjectMeta, org v1alpha1.ObjectReference) client.Object
}

// again is how many requests a resync of all of them may take.
func (k kind) again() limit {
	if k.alone {
		return limit{}
	}
	return atMost(1)
}

// kinds are in the order in which they need each other: people before those who list them. Object i of one kind goes
// with object i of another, and all have the same name.
var kinds = []kind{
	{"user", "users", 3, false, regexp.MustCompile(`^/api/(admin/)?users\b`),
		func(meta metav1.ObjectMeta, _ v1alpha1.ObjectReference) client.Object {
			meta.Namespace = platform
			spec := v1alpha1.UserSpec{InstanceRef: v1alpha1.LocalObjectReference{Name: instanceName}}
			return &v1alpha1.User{ObjectMeta: meta, Spec: spec}
		}},
	{"membership", "memberships", 3.1, false, regexp.MustCompile(`^/api/orgs?/(\d+/)?users\b`),
		func(meta metav1.ObjectMeta, org v1alpha1.ObjectReference) client.Object {
			member := v1alpha1.Member{Login: meta.Name, Role: v1alpha1.RoleViewer}
			spec := v1alpha1.MembershipSpec{OrganizationRef: org, Members: []v1alpha1.Member{member}}
			return &v1alpha1.Membership{ObjectMeta: meta, Spec: spec}
		}},
	{"team", "teams", 3.3, false, regexp.MustCompile(`^/api/teams\b`),
		func(meta metav1.ObjectMeta, org v1alpha1.ObjectReference) client.Object {
			return &v1alpha1.Team{ObjectMeta: meta, Spec: v1alpha1.TeamSpec{OrganizationRef: org}}
		}},
	{"serviceaccount", "serviceaccounts", 3.1, false, regexp.MustCompile(`^/api/serviceaccounts/[^/]+$`),
		func(meta metav1.ObjectMeta, org v1alpha1.ObjectReference) client.Object {
			spec := v1alpha1.ServiceAccountSpec{OrganizationRef: org}
			return &v1alpha1.ServiceAccount{ObjectMeta: meta, Spec: spec}
		}},
	{"serviceaccounttoken", "serviceaccounttokens", 5.6, true, regexp.MustCompile(`/tokens\b|/user/permissions$`),
		func(meta metav1.ObjectMeta, _ v1alpha1.ObjectReference) client.Object {
			account := v1alpha1.LocalObjectReference{Name: meta.Name}
			secret := v1alpha1.TokenSecret{Name: meta.Name + "-token"}
			spec := v1alpha1.ServiceAccountTokenSpec{ServiceAccountRef: account, Secret: secret}
			return &v1alpha1.ServiceAccountToken{ObjectMeta: meta, Spec: spec}
		}},
	{"folder", "folders", 3.1, false, regexp.MustCompile(`^/api/(folders|search)\b|/folders\b`),
		func(meta metav1.ObjectMeta, org v1alpha1.ObjectReference) client.Object {
			return &v1alpha1.Folder{ObjectMeta: meta, Spec: v1alpha1.FolderSpec{OrganizationRef: org}}
		}},
	{"datasource", "datasources", 3.1, false, regexp.MustCompile(`^/api/datasources\b`),
		func(meta metav1.ObjectMeta, org v1alpha1.ObjectReference) client.Object {
			spec := v1alpha1.DataSourceSpec{OrganizationRef: org}
			spec.Type, spec.URL = "prometheus", "http://metrics.example.com"
			return &v1alpha1.DataSource{ObjectMeta: meta, Spec: spec}
		}},
}

// kindOf is the kind that a request is about; empty: another one.
func kindOf(path string) string {
	for _, k := range kinds {
		if k.path.MatchString(path) {
			return k.name
		}
	}
	return ""
}

// kinds has objects of every other kind in one organization, a tenth as many of each as there are dashboards otherwise.
func (b *bench) kinds(ctx context.Context) error {
	const creation, again = `^(requests|kube-writes)-per-(%s)$`, `^resync-requests-of-(%s)$`
	names := kinds[0].name
	for _, k := range kinds[1:] {
		names += "|" + k.name
	}
	if !b.report.wants(fmt.Sprintf(creation+"|"+again, names, names)) {
		return nil
	}
	const often = 30 * time.Second // no resync interval may be shorter
	n := max(1, b.dashboards/10)
	return b.within(
		ctx,
		setting{grafana: b.profile.open, orgs: 1, resync: often},
		func(ctx context.Context, w *world) error {
			if err := w.applyOrgs(ctx); err != nil {
				return err
			}
			for _, k := range kinds {
				b.progress("creating %d %s", n, k.resource)
				if err := b.createKind(ctx, w, k, n); err != nil {
					return err
				}
			}
			if !b.report.wants(fmt.Sprintf(again, names)) {
				return nil
			}
			return b.resyncKinds(ctx, w, often)
		},
	)
}

func (b *bench) createKind(ctx context.Context, w *world, k kind, n int) error {
	before, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	w.front.reset()
	org := v1alpha1.ObjectReference{Name: w.org(0)}
	err = parallel(ctx, n, func(ctx context.Context, i int) error {
		meta := metav1.ObjectMeta{Namespace: w.org(0), Name: fmt.Sprintf("%sobject-%05d", w.prefix, i)}
		return w.cluster.Client.Create(ctx, k.object(meta, org))
	})
	if err != nil {
		return err
	}
	if err := w.await(ctx, k.resource, n); err != nil {
		return err
	}
	after, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	b.report.row("requests-per-"+k.name, float64(w.front.counted().requests)/float64(n))
	b.report.row("kube-writes-per-"+k.name, float64(after.objects-before.objects)/float64(n))
	return nil
}

// resyncKinds counts what is asked about each kind while nothing changes.
func (b *bench) resyncKinds(ctx context.Context, w *world, often time.Duration) error {
	b.progress("watching two resync intervals of all kinds")
	if err := w.watchResyncs(ctx, 2, often); err != nil {
		return err
	}
	// an interval is up to a tenth shorter than it says, so that as many can begin in this time
	const rounds = 3
	for _, k := range kinds {
		b.report.row("resync-requests-of-"+k.name, float64(w.front.counted().kinds[k.name])/rounds)
	}
	return nil
}
