package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// scene is where a hostile tenant is let loose. The world's own namespace holds the Instance and its credential; the
// platform's the Organizations; the victim has a namespace, an organization and a part in a common one, and the hostile
// tenant has the same. In Grafana there is more, which people made.
type scene struct {
	*world
	platform, mine, theirs string

	me    client.Client // the hostile tenant: edit in its namespace
	owner client.Client // one with admin there
	guest client.Client // one with view there
	real  client.Client // me, where me only rehearses

	myOrg, victimOrg, commons, foreignOrg int64
	robot                                 *v1alpha1.ServiceAccount // the victim's, in its own organization
	ci                                    *v1alpha1.ServiceAccountToken
	board                                 *v1alpha1.Dashboard
	shared                                *v1alpha1.Dashboard // the victim's, in the common one
	sharedRobot                           *v1alpha1.ServiceAccount
	sharedCI                              *v1alpha1.ServiceAccountToken
	key                                   string // of the hostile tenant's own Admin in its own organization

	canaries []string          // what the hostile tenant must see nowhere
	hidden   []string          // what it must not see in statuses and events
	before   map[string]string // all that is not the hostile tenant's
	theirOwn map[string]bool   // what of the common organization is not the hostile tenant's
	own      map[int64]bool    // further organizations that are the hostile tenant's
	blamed   map[string]bool   // whose words have counted already
	now      string            // the attempt that is being made
	visitors atomic.Int64      // of what only the operator can reach
}

// fences are what keeps the tenant in: its rights in Kubernetes, and whom the victim's Organization lets in.
type fences bool

const (
	fencesUp   fences = true
	fencesDown fences = false
)

const (
	adminLogin    = "canary-root"
	adminPassword = "canary-password-of-root"
)

func newScene(t *testing.T, opts grafanatest.Options, up fences) *scene {
	t.Helper()
	opts.Admin, opts.Password = adminLogin, adminPassword
	s := &scene{world: newEmptyWorld(t, opts)}
	s.platform, s.mine, s.theirs = s.namespace(
		nil,
	), s.namespace(
		map[string]string{"tenant": "hostile"},
	), s.namespace(
		map[string]string{"tenant": "victim"},
	)
	admin := s.secret("admin")
	change(s.world, admin, func() {
		admin.Data["admin-user"], admin.Data["admin-password"] = []byte(adminLogin), []byte(adminPassword)
	})
	s.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}})
	s.people()
	s.instance(func(o *v1alpha1.Instance) { o.Spec.AllowedNamespaces.From = v1alpha1.FromAll })
	s.organizations(up)
	s.victim()
	s.tenants(up)
	s.canaries = []string{
		adminPassword,
		adminLogin,
		"canary-of-the-database",
		"canary-ledger",
		"canary-common",
		"canary-company",
		"canary-foreign",
		string(s.victimSecret("ci").Data["token"]),
		string(s.victimSecret("shared-ci").Data["token"]),
		s.robot.Status.Login,
	}
	s.hidden = []string{strings.TrimPrefix(s.grafana.URL, "http://"), s.ns, s.key}
	s.own, s.blamed = map[int64]bool{s.myOrg: true}, map[string]bool{}
	s.before = s.snapshot()
	s.theirOwn = map[string]bool{}
	for key := range s.before {
		s.theirOwn[key] = true
	}
	return s
}

// people make things in Grafana that the operator knows nothing of.
func (s *scene) people() {
	s.foreignOrg = s.made(s.ask("POST", "/api/orgs", 0, `{"name": "canary-foreign industries"}`))
	for org, title := range map[int64]string{1: "canary-company", s.foreignOrg: "canary-foreign"} {
		s.ask(
			"POST",
			"/api/dashboards/db",
			org,
			fmt.Sprintf(`{"dashboard": {"uid": "foreign-overview", "title": %q}}`, title),
		)
		s.ask("POST", "/api/serviceaccounts", org, `{"name": "foreign-robot", "role": "Admin"}`)
	}
}

// organizations are made by the platform team.
func (s *scene) organizations(up fences) {
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
	mine, victim, commons := s.platformOrg(
		"mine",
		allow("hostile"),
		func(o *v1alpha1.Organization) { o.Spec.MaxServiceAccountRole = v1alpha1.RoleAdmin },
	), s.platformOrg(
		"victim",
		theirs,
	), s.platformOrg(
		"commons",
		allow("hostile", "victim"),
	)
	s.myOrg, s.victimOrg, s.commons = ready(
		s.world,
		mine,
	).Status.OrgID, ready(
		s.world,
		victim,
	).Status.OrgID, ready(
		s.world,
		commons,
	).Status.OrgID
}

func (s *scene) platformOrg(
	name string,
	allowed v1alpha1.AllowedNamespaces,
	changes ...func(*v1alpha1.Organization),
) *v1alpha1.Organization {
	return s.organization(name, append(changes, func(o *v1alpha1.Organization) {
		o.Namespace, o.Spec.InstanceRef.Namespace, o.Spec.AllowedNamespaces = s.platform, s.ns, allowed
	})...)
}

// of names an Organization of the platform's.
func (s *scene) of(organization string) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Namespace: s.platform, Name: organization}
}

func (s *scene) victim() {
	s.create(
		&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.theirs, Name: "database"},
			StringData: map[string]string{"password": "canary-of-the-database"},
		},
	)
	s.create(
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.theirs, Name: "board"},
			Data:       map[string]string{"json": `{"title": "canary-ledger"}`},
		},
	)
	account := func(name, organization string) *v1alpha1.ServiceAccount {
		return s.account(name, "", func(o *v1alpha1.ServiceAccount) {
			o.Namespace, o.Spec.OrganizationRef, o.Spec.Role = s.theirs, s.of(organization), v1alpha1.RoleEditor
		})
	}
	token := func(name, account string) *v1alpha1.ServiceAccountToken {
		return s.token(name, account, func(o *v1alpha1.ServiceAccountToken) { o.Namespace = s.theirs })
	}
	board := func(name, organization, uid, description string) *v1alpha1.Dashboard {
		return s.dashboard(
			name,
			"",
			fmt.Sprintf(`{"title": "Board", "description": %q}`, description),
			func(o *v1alpha1.Dashboard) {
				o.Namespace, o.Spec.OrganizationRef, o.Spec.UID = s.theirs, s.of(organization), uid
			},
		)
	}
	s.robot, s.sharedRobot = account("robot", "victim"), account("shared-robot", "commons")
	s.ci, s.sharedCI = token("ci", "robot"), token("shared-ci", "shared-robot")
	s.board, s.shared = board(
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
	for _, obj := range []lifecycle.Object{s.robot, s.sharedRobot, s.ci, s.sharedCI, s.board, s.shared} {
		ready(s.world, obj)
	}
}

// tenants gives the hostile tenant its rights and what it has by right.
func (s *scene) tenants(up fences) {
	rolesOnce.Do(s.roles)
	s.bind("mallory", "edit")
	s.bind("olga", "admin")
	s.bind("vera", "view")
	s.me, s.owner, s.guest = s.as("mallory"), s.as("olga"), s.as("vera")
	s.real = s.me
	if !up {
		var subjects []rbacv1.Subject
		for _, name := range []string{"mallory", "olga", "vera"} {
			subjects = append(
				subjects,
				rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.user(name)},
			)
		}
		s.create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "hostile-" + s.mine},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   subjects,
		})
		s.eventually(
			"the rights of a cluster admin",
			func() error { return s.me.List(s.t.Context(), &corev1.SecretList{}) },
		)
		s.me, s.owner, s.guest = client.NewDryRunClient(
			s.me,
		), client.NewDryRunClient(
			s.owner,
		), client.NewDryRunClient(
			s.guest,
		)
	}
	for _, c := range []client.Client{s.me, s.owner, s.guest} {
		s.eventually("the tenant's rights", func() error {
			return c.List(s.t.Context(), &v1alpha1.DashboardList{}, client.InNamespace(s.mine))
		})
	}
	basis := s.hostileAccount("basis", "mine", func(o *v1alpha1.ServiceAccount) { o.Spec.Role = v1alpha1.RoleAdmin })
	token := s.hostileToken("basis", "basis")
	ready(s.world, basis)
	ready(s.world, token)
	s.key = string(s.mySecret("basis").Data["token"])
}

// user is the name of a person who works in the hostile tenant's namespace.
func (s *scene) user(name string) string { return name + "@" + s.mine }

// as is a client that speaks as somebody.
func (s *scene) as(name string) client.Client {
	config := rest.CopyConfig(s.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: s.user(name)}
	return s.clientOf(config)
}

// certified is the way into the cluster of somebody who is not impersonated, and so can try to impersonate others.
func (s *scene) certified(name string) *rest.Config {
	user, err := s.env.AddUser(envtest.User{Name: s.user(name), Groups: []string{"tenants"}}, s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	return user.Config()
}

func (s *scene) clientOf(config *rest.Config) client.Client {
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: s.scheme, Mapper: s.client.RESTMapper()})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *scene) bind(name, role string) {
	s.create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.user(name)}},
	})
}

// rolesOnce: the roles are the cluster's, which all scenes share.
var rolesOnce sync.Once

// roles applies the operator's cluster roles, and then does what the controller for aggregated roles does, which does
// not run beside this API server.
func (s *scene) roles() {
	files, err := filepath.Glob(inRepository("config", "rbac", "*role*.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range files {
		for _, role := range clusterRoles(s.t, name) {
			if err := s.client.Create(s.t.Context(), &role); err != nil && !apierrors.IsAlreadyExists(err) {
				s.t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"view", "edit", "admin"} {
		s.aggregate(name)
	}
}

func clusterRoles(t *testing.T, file string) (roles []rbacv1.ClusterRole) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoder := yaml.NewYAMLOrJSONDecoder(f, 4096)
	for {
		var role rbacv1.ClusterRole
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return roles
		} else if err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			roles = append(roles, role)
		}
	}
}

func (s *scene) aggregate(name string) {
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
	var all rbacv1.ClusterRoleList
	if err := s.client.List(s.t.Context(), &all); err != nil {
		s.t.Fatal(err)
	}
	change(s.world, role, func() {
		role.Rules = nil
		for _, selector := range role.AggregationRule.ClusterRoleSelectors {
			match, err := metav1.LabelSelectorAsSelector(&selector)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, part := range all.Items {
				if match.Matches(labels.Set(part.Labels)) && part.Name != name {
					role.Rules = append(role.Rules, part.Rules...)
				}
			}
		}
	})
}

// placed creates an object as the hostile tenant, in its namespace. That much it may.
func placed[T client.Object](s *scene, obj T, changes []func(T)) T {
	s.t.Helper()
	obj.SetNamespace(s.mine)
	for _, c := range changes {
		c(obj)
	}
	if err := s.real.Create(s.t.Context(), obj); err != nil {
		s.t.Fatalf("%s: the tenant cannot create %T %s: %v", s.now, obj, obj.GetName(), err)
	}
	return obj
}

func (s *scene) hostileAccount(
	name, organization string,
	changes ...func(*v1alpha1.ServiceAccount),
) *v1alpha1.ServiceAccount {
	s.t.Helper()
	return placed(
		s,
		&v1alpha1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.ServiceAccountSpec{OrganizationRef: s.of(organization)},
		},
		changes,
	)
}

func (s *scene) hostileToken(
	name, account string,
	changes ...func(*v1alpha1.ServiceAccountToken),
) *v1alpha1.ServiceAccountToken {
	s.t.Helper()
	return placed(
		s,
		&v1alpha1.ServiceAccountToken{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.ServiceAccountTokenSpec{
				ServiceAccountRef: v1alpha1.LocalObjectReference{Name: account},
			},
		},
		changes,
	)
}

func (s *scene) hostileDashboard(
	name, organization, source string,
	changes ...func(*v1alpha1.Dashboard),
) *v1alpha1.Dashboard {
	s.t.Helper()
	return placed(
		s,
		&v1alpha1.Dashboard{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.DashboardSpec{
				OrganizationRef: s.of(organization),
				Source:          v1alpha1.DashboardSource{JSON: &source},
			},
		},
		changes,
	)
}

func (s *scene) mySecret(name string) *corev1.Secret {
	return get(s.world, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: name}})
}

func (s *scene) victimSecret(name string) *corev1.Secret {
	return get(s.world, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.theirs, Name: name}})
}

// judged waits until the operator has said something of an object's present generation, and returns it as it is then.
func judged[T lifecycle.Object](s *scene, obj T) T {
	s.t.Helper()
	return until(s.world, obj, "a verdict", func(c metav1.Condition) bool {
		return c.Reason != v1alpha1.ReasonCreating && c.Reason != v1alpha1.ReasonFetching
	})
}

// removed deletes an object of the hostile tenant's and waits until it is gone.
func (s *scene) removed(objs ...client.Object) {
	s.t.Helper()
	for _, obj := range objs {
		if err := s.real.Delete(s.t.Context(), obj); err != nil {
			s.t.Fatalf("%s: %v", s.now, err)
		}
	}
	s.gone(objs...)
}

// inGrafana asks Grafana with a key.
func (s *scene) inGrafana(key, method, path string, orgID int64, body string) (status int, answer string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.grafana.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	if orgID != 0 {
		r.Header.Set("X-Grafana-Org-Id", fmt.Sprint(orgID))
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

// snapshot is all that the hostile tenant has no right to change.
func (s *scene) snapshot() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	note := func(key string, content any) {
		text, err := json.Marshal(content)
		if err != nil {
			s.t.Fatal(err)
		}
		if mine := strings.HasPrefix(key, fmt.Sprintf("org %d: ", s.commons)) && s.theirOwn != nil &&
			!s.theirOwn[key]; !mine {
			all[key] = string(text)
		}
	}
	for _, o := range s.grafana.Orgs() {
		if s.own[o.ID] {
			continue
		}
		note(fmt.Sprintf("organization %d", o.ID), o)
		in := fmt.Sprintf("org %d: ", o.ID)
		for _, d := range s.grafana.Dashboards(o.ID) {
			note(in+"dashboard "+d.UID, d)
		}
		for _, f := range s.grafana.Folders(o.ID) {
			note(in+"folder "+f.UID, f)
		}
		for _, a := range s.grafana.ServiceAccounts(o.ID) {
			note(in+fmt.Sprintf("service account %d", a.ID), a)
		}
		for _, k := range s.grafana.Tokens(o.ID) {
			note(in+fmt.Sprintf("token %d", k.ID), k)
		}
	}
	var people []struct {
		ID      int64
		Login   string
		IsAdmin bool
	}
	if err := json.Unmarshal(s.ask("GET", "/api/users?perpage=100", 0, nil), &people); err != nil {
		s.t.Fatal(err)
	}
	note("people", people)
	s.noteKubernetes(note)
	return all
}

// noteKubernetes notes what is in the namespaces of others.
func (s *scene) noteKubernetes(note func(key string, content any)) {
	for ns, lists := range map[string][]client.ObjectList{
		s.ns:       {&v1alpha1.InstanceList{}, &corev1.SecretList{}},
		s.platform: {&v1alpha1.OrganizationList{}, &corev1.SecretList{}},
		s.theirs: {&v1alpha1.ServiceAccountList{}, &v1alpha1.ServiceAccountTokenList{}, &v1alpha1.DashboardList{},
			&corev1.SecretList{}, &corev1.ConfigMapList{}},
	} {
		for _, list := range lists {
			if err := s.client.List(s.t.Context(), list, client.InNamespace(ns)); err != nil {
				s.t.Fatal(err)
			}
			_ = meta.EachListItemWithAlloc(list, func(o runtime.Object) error {
				if ours, is := o.(lifecycle.Object); is {
					note(fmt.Sprintf("%T %s/%s", o, ns, ours.GetName()), intent(ours))
				} else {
					note(fmt.Sprintf("%T %s/%s", o, ns, o.(client.Object).GetName()), o)
				}
				return nil
			})
		}
	}
}

// intent is an object without what the operator says of it, and without what tells merely that somebody wrote.
func intent(obj lifecycle.Object) any {
	o := obj.DeepCopyObject().(lifecycle.Object)
	annotations := maps.Clone(o.GetAnnotations())
	delete(annotations, "example.com/visit") // these are ours
	return []any{
		o.GetUID(),
		o.GetLabels(),
		fmt.Sprint(annotations),
		o.GetFinalizers(),
		o.GetOwnerReferences(),
		o.GetDeletionTimestamp(),
		o.GetGeneration(),
	}
}

// harm says what has changed of what is not the hostile tenant's. In the common organization it may add its own.
func (s *scene) harm() string {
	return strings.Join(differences(s.before, s.snapshot()), "; ")
}

// forget takes all there is as right.
func (s *scene) forget() {
	s.before = s.snapshot()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "copy"}}
	if err := client.IgnoreNotFound(s.client.Delete(s.t.Context(), cm)); err != nil {
		s.t.Fatal(err)
	}
}

// move moves a ConfigMap of the world's into the tenant's namespace.
func (s *scene) move(name string) {
	cm := get(s.world, &corev1.ConfigMap{ObjectMeta: s.named(name)})
	s.delete(cm)
	s.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: name}, Data: cm.Data})
	s.before = s.snapshot()
}

// leak says what the hostile tenant can read in its namespace that it should not know, once.
func (s *scene) leak() string {
	s.t.Helper()
	var all []string
	look := func(lists []client.ObjectList, secrets []string) {
		for _, list := range lists {
			for what, text := range s.readable(list) {
				at := slices.IndexFunc(secrets, func(c string) bool { return strings.Contains(text, c) })
				if at >= 0 && !s.blamed[what] {
					s.blamed[what] = true
					all = append(all, fmt.Sprintf("%s tells %q: %s", what, secrets[at], around(text, secrets[at])))
				}
			}
		}
	}
	look([]client.ObjectList{&corev1.SecretList{}, &corev1.ConfigMapList{}}, s.canaries)
	look(
		[]client.ObjectList{
			&v1alpha1.ServiceAccountList{},
			&v1alpha1.ServiceAccountTokenList{},
			&v1alpha1.DashboardList{},
			&eventsv1.EventList{},
		},
		slices.Concat(s.canaries, s.hidden),
	)
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// readable is what the hostile tenant gets when it lists something in its namespace; of our own kinds only the status,
// since the rest is its own words.
func (s *scene) readable(list client.ObjectList) map[string]string {
	s.t.Helper()
	if err := s.real.List(s.t.Context(), list, client.InNamespace(s.mine)); err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{}
	_ = meta.EachListItemWithAlloc(list, func(o runtime.Object) error {
		obj := o.(client.Object)
		var shown any = obj
		switch o := obj.(type) {
		case lifecycle.Object:
			shown = statusText(o)
		case *corev1.Secret:
			shown = openly(o)
		}
		text, err := json.Marshal(shown)
		if err != nil {
			s.t.Fatal(err)
		}
		all[fmt.Sprintf("%T %s", obj, obj.GetName())] = string(text)
		return nil
	})
	return all
}

func statusText(obj lifecycle.Object) any {
	switch o := obj.(type) {
	case *v1alpha1.ServiceAccount:
		return o.Status
	case *v1alpha1.ServiceAccountToken:
		return o.Status
	case *v1alpha1.Dashboard:
		return o.Status
	}
	return obj.CommonStatus()
}

// openly is a Secret as text.
func openly(secret *corev1.Secret) map[string]string {
	all := map[string]string{"annotations": fmt.Sprint(secret.Annotations)}
	for k, v := range secret.Data {
		all[k] = string(v)
	}
	return all
}

func around(text, part string) string {
	at := strings.Index(text, part)
	return "…" + text[max(0, at-120):min(len(text), at+len(part)+60)] + "…"
}

// victimWorks says what of the victim's does not work any more.
func (s *scene) victimWorks() string {
	change(s.world, s.board, func() { s.board.Spec.Source.JSON = new(`{"title": "Board, continued"}`) })
	change(
		s.world,
		s.sharedCI,
		func() { s.sharedCI.Annotations = map[string]string{v1alpha1.AnnotationRotate: "after the raid"} },
	)
	revision := s.sharedCI.Status.Revision
	until(s.world, s.sharedCI, "another key", func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && s.sharedCI.Status.Revision > revision
	})
	ready(s.world, s.board)
	if d := s.dash(s.victimOrg, "victim-overview"); d == nil || d.Title != "Board, continued" {
		return fmt.Sprintf("the victim's dashboard is %+v", d)
	}
	for _, name := range []string{"ci", "shared-ci"} {
		if org, _, _, alive := s.grafana.KeyAlive(
			string(s.victimSecret(name).Data["token"]),
		); !alive ||
			org != s.victimOrg && org != s.commons {
			return fmt.Sprintf("the victim's key in Secret %s opens organization %d (%v)", name, org, alive)
		}
	}
	return ""
}
