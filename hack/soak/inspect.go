package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// findings are what is not well.
type findings struct {
	lost   []string // an object without its thing in Grafana, or a Secret whose key does not work
	leaked []string // what nobody asked for, a live key that no Secret holds, and a key where none may be
	wedged []string // what is not Ready, not gone or not there
}

func (f *findings) any() bool { return len(f.lost)+len(f.leaked)+len(f.wedged) > 0 }

// text tells of them, at most this many of each.
func (f *findings) text() string {
	const most = 20
	var text strings.Builder
	for _, part := range []struct {
		name string
		all  []string
	}{{"lost", f.lost}, {"leaked", f.leaked}, {"wedged", f.wedged}} {
		slices.Sort(part.all)
		for i, one := range part.all {
			if i == most {
				fmt.Fprintf(&text, "  %s: and %d more\n", part.name, len(part.all)-most)
				break
			}
			fmt.Fprintf(&text, "  %s: %s\n", part.name, one)
		}
	}
	return text.String()
}

func (f *findings) lose(format string, args ...any) {
	f.lost = append(f.lost, fmt.Sprintf(format, args...))
}
func (f *findings) leak(format string, args ...any) {
	f.leaked = append(f.leaked, fmt.Sprintf(format, args...))
}
func (f *findings) wedge(format string, args ...any) {
	f.wedged = append(f.wedged, fmt.Sprintf(format, args...))
}

// object is one of the operator's kinds.
type object interface {
	client.Object
	CommonStatus() *v1alpha1.CommonStatus
}

// inspection compares what is in Kubernetes with what is in Grafana.
type inspection struct {
	findings
	grafana  *grafanatest.Server
	all      map[string]object // by kind, namespace and name
	secrets  map[types.NamespacedName]*corev1.Secret
	orgs     map[int64]grafanatest.Org
	expected map[string]bool // what is somebody's in Grafana
}

// inspect looks at everything once.
func (s *soak) inspect(ctx context.Context) (findings, error) {
	in := &inspection{
		grafana:  s.grafana,
		all:      map[string]object{},
		secrets:  map[types.NamespacedName]*corev1.Secret{},
		orgs:     map[int64]grafanatest.Org{},
		expected: map[string]bool{},
	}
	if err := in.read(ctx, s.client); err != nil {
		return findings{}, err
	}
	for _, org := range s.grafana.Orgs() {
		in.orgs[org.ID] = org
	}
	for _, t := range s.tenants {
		for _, obj := range t.objects() {
			if in.all[name(obj)] == nil {
				in.wedge("%s is not there", name(obj))
			}
		}
	}
	for _, obj := range in.all {
		in.condition(obj)
		in.thing(obj)
	}
	if now := s.seeForeign(); now != s.foreign {
		in.lose("something foreign changed: it was %s and is %s", s.foreign, now)
	}
	in.strays()
	in.strayPeople()
	in.keys()
	return in.findings, nil
}

// name of an object, with its kind.
func name(obj client.Object) string {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", obj), "*v1alpha1.")
	return fmt.Sprintf("%s %s/%s", kind, obj.GetNamespace(), obj.GetName())
}

func (in *inspection) read(ctx context.Context, c client.Client) error {
	for _, list := range controllers.Lists() {
		if err := c.List(ctx, list); err != nil {
			return err
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			obj := item.(object)
			in.all[name(obj)] = obj
			return nil
		})
		if err != nil {
			return err
		}
	}
	var secrets corev1.SecretList
	if err := c.List(ctx, &secrets); err != nil {
		return err
	}
	for i := range secrets.Items {
		in.secrets[client.ObjectKeyFromObject(&secrets.Items[i])] = &secrets.Items[i]
	}
	return nil
}

// condition finds objects that are not Ready, or not gone.
func (in *inspection) condition(obj object) {
	status := obj.CommonStatus()
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	switch {
	case !obj.GetDeletionTimestamp().IsZero():
		in.wedge("%s is being deleted: %s", name(obj), describe(ready))
	case ready == nil || ready.Status != "True" || status.ObservedGeneration != obj.GetGeneration():
		in.wedge(
			"%s (generation %d, observed %d): %s",
			name(obj),
			obj.GetGeneration(),
			status.ObservedGeneration,
			describe(ready),
		)
	}
}

func describe(c *metav1.Condition) string {
	if c == nil {
		return "it has no conditions yet"
	}
	return fmt.Sprintf("%s=%s (%s: %s)", c.Type, c.Status, c.Reason, c.Message)
}

// thing finds what an object stands for in Grafana.
func (in *inspection) thing(obj object) {
	var found bool
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		found = in.organization(o)
	case *v1alpha1.ServiceAccount:
		found = in.account(o)
	case *v1alpha1.Dashboard:
		found = in.dashboard(o)
	case *v1alpha1.DataSource:
		found = in.source(o)
	case *v1alpha1.ServiceAccountToken:
		found = in.token(o)
	case *v1alpha1.Membership:
		found = in.people(o)
	case *v1alpha1.Team:
		found = in.team(o)
	case *v1alpha1.Folder:
		found = in.folder(o)
	case *v1alpha1.User:
		found = in.user(o)
	default:
		found = true
	}
	if !found {
		in.lose("%s: what it stands for is not in Grafana, or not as it should be", name(obj))
	}
}

func (in *inspection) organization(o *v1alpha1.Organization) bool {
	org := in.orgs[o.Status.OrgID]
	found := carries(org, o) && org.Name == o.WantedName()
	in.expected[fmt.Sprint("organization ", o.Status.OrgID)] = found
	return found
}

func (in *inspection) account(o *v1alpha1.ServiceAccount) bool {
	found := slices.ContainsFunc(in.grafana.ServiceAccounts(o.Status.OrgID), func(a grafanatest.SA) bool {
		return a.ID == o.Status.ID && a.Name == o.WantedName() && a.Role == string(o.Spec.Role) && !a.Disabled
	})
	in.expected[fmt.Sprint("service account ", o.Status.OrgID, " ", o.Status.ID)] = found
	return found
}

func (in *inspection) dashboard(o *v1alpha1.Dashboard) bool {
	found := slices.ContainsFunc(in.grafana.Dashboards(o.Status.OrgID), func(d grafanatest.Dash) bool {
		return d.UID == o.Status.UID && strings.Contains(*o.Spec.Source.JSON, fmt.Sprintf("%q", d.Title))
	})
	in.expected[fmt.Sprint("dashboard ", o.Status.OrgID, " ", o.Status.UID)] = found
	return found
}

func (in *inspection) source(o *v1alpha1.DataSource) bool {
	s := in.grafana.Source(o.Status.OrgID, o.Status.UID)
	found := s != nil && s.Name == o.WantedName() && s.URL == metricsURL && s.IsDefault
	in.expected[fmt.Sprint("data source ", o.Status.OrgID, " ", o.Status.UID)] = found
	return found
}

// people reports whether a Membership's people are in the organization.
func (in *inspection) people(o *v1alpha1.Membership) bool {
	return slices.ContainsFunc(in.orgs[o.Status.OrgID].Members, func(m grafanatest.Member) bool {
		return m.Login == somebody && m.Role == string(v1alpha1.RoleEditor)
	})
}

// team reports whether a Team's team is called and has in it whom it should.
func (in *inspection) team(o *v1alpha1.Team) bool {
	teams := in.grafana.Teams(o.Status.OrgID)
	at := slices.IndexFunc(teams, func(t grafanatest.Team) bool { return t.UID == o.Status.UID })
	if at < 0 || teams[at].Name != o.WantedName() {
		return false
	}
	in.expected[fmt.Sprint("team ", o.Status.OrgID, " ", teams[at].ID)] = true
	for _, m := range o.Spec.Members {
		if admin, there := teams[at].Members[m.Login]; !there || admin != (m.Role == v1alpha1.TeamRoleAdmin) {
			return false
		}
	}
	return true
}

// token reports whether the key in a token's Secret works, for the account that it is for.
func (in *inspection) token(o *v1alpha1.ServiceAccountToken) bool {
	secret := in.secrets[types.NamespacedName{Namespace: o.Namespace, Name: o.SecretName()}]
	account, _ := in.all["ServiceAccount "+o.Namespace+"/"+o.Spec.ServiceAccountRef.Name].(*v1alpha1.ServiceAccount)
	if secret == nil || account == nil {
		return false
	}
	org, sa, id, alive := in.grafana.KeyAlive(string(secret.Data[o.Spec.Secret.Key]))
	if !alive || org != account.Status.OrgID || sa != account.Status.ID || id != o.Status.TokenID {
		return false
	}
	in.expected[fmt.Sprint("token ", id)] = true
	for _, t := range in.grafana.Tokens(org) {
		if t.ID == id && time.Since(t.Created) < overlap+20*time.Second { // those before it may still be in use
			for _, old := range strings.Split(secret.Annotations[v1alpha1.AnnotationSuperseded], ",") {
				if n, err := strconv.ParseInt(old, 10, 64); err == nil {
					in.expected[fmt.Sprint("token ", n)] = true
				}
			}
		}
	}
	return true
}

// strays finds what is nobody's in Grafana.
func (in *inspection) strays() {
	for id, org := range in.orgs {
		if id == 1 || org.Name == foreignOrg {
			continue
		}
		if !in.expected[fmt.Sprint("organization ", id)] {
			in.leak("organization %d %q is nobody's: %+v", id, org.Name, org.Address)
		}
		for _, a := range in.grafana.ServiceAccounts(id) {
			if !in.expected[fmt.Sprint("service account ", id, " ", a.ID)] {
				in.leak(
					"service account %d %q (%s) of organization %d %q is nobody's",
					a.ID,
					a.Name,
					a.Login,
					id,
					org.Name,
				)
			}
		}
		for _, t := range in.grafana.Tokens(id) {
			if !in.expected[fmt.Sprint("token ", t.ID)] {
				in.leak("token %d %q of organization %d %q is nobody's", t.ID, t.Name, id, org.Name)
			}
		}
		in.straySources(id)
		in.strayTeams(id)
		in.strayFolders(id)
		for _, d := range in.grafana.Dashboards(id) {
			if !in.expected[fmt.Sprint("dashboard ", id, " ", d.UID)] {
				in.leak(
					"dashboard %q %q of organization %d %q is nobody's: %q",
					d.UID,
					d.Title,
					id,
					org.Name,
					d.Messages,
				)
			}
		}
	}
}

func (in *inspection) straySources(org int64) {
	for _, s := range in.grafana.Sources(org) {
		if !in.expected[fmt.Sprint("data source ", org, " ", s.UID)] {
			in.leak("data source %q of organization %d is nobody's: %v", s.Name, org, s.JSONData)
		}
	}
}

func (in *inspection) strayTeams(org int64) {
	for _, t := range in.grafana.Teams(org) {
		if !in.expected[fmt.Sprint("team ", org, " ", t.ID)] {
			in.leak("team %d %q of organization %d is nobody's", t.ID, t.Name, org)
		}
	}
}

// keys finds keys that live where no organization shows them any more.
func (in *inspection) keys() {
	for _, key := range in.grafana.Keys() {
		org, _, id, alive := in.grafana.KeyAlive(key)
		if _, shown := in.orgs[org]; alive && !shown {
			in.leak("the key of token %d lives, and its organization %d is gone", id, org)
		}
	}
}

// tellTale finds a key in any text, or in base64 as Secrets have it, and the admin's password.
var tellTale = regexp.MustCompile(`glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|Z2xzYV9[A-Za-z0-9+/]{20}|` + password)

// secretsTold finds keys, and the password, in what the operator has said: its outputs, its objects and its events.
func (s *soak) secretsTold(ctx context.Context) ([]string, error) {
	var told []string
	passwords, err := s.passwords(ctx)
	if err != nil {
		return nil, err
	}
	look := func(where string, text []byte) {
		n := len(tellTale.FindAll(text, -1))
		for _, p := range passwords {
			n += bytes.Count(text, p)
		}
		if n > 0 {
			told = append(told, fmt.Sprintf("%s: %d keys or passwords", where, n))
		}
	}
	for _, file := range s.binary.Logs {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		look("what the operator said in "+file, text)
	}
	for _, list := range append(controllers.Lists(), &eventsv1.EventList{}) {
		if err := s.client.List(ctx, list); err != nil {
			return nil, err
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		look(fmt.Sprintf("%T", list), text)
	}
	return told, nil
}
