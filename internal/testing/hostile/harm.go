package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// Snapshot is all that the hostile tenant has no right to change.
func (s *Scene) Snapshot() map[string]string {
	s.T.Helper()
	all := map[string]string{}
	note := func(key string, content any) {
		text, err := json.Marshal(content)
		if err != nil {
			s.T.Fatal(err)
		}
		if mine := strings.HasPrefix(key, fmt.Sprintf("org %d: ", s.Commons)) && s.TheirOwn != nil &&
			!s.TheirOwn[key]; !mine {
			all[key] = string(text)
		}
	}
	for _, o := range s.Grafana.Orgs() {
		if s.Own[o.ID] {
			continue
		}
		note(fmt.Sprintf("organization %d", o.ID), o)
		in := fmt.Sprintf("org %d: ", o.ID)
		for _, d := range s.Grafana.Dashboards(o.ID) {
			note(in+"dashboard "+d.UID, d)
		}
		for _, d := range s.Grafana.Sources(o.ID) {
			note(in+"data source "+d.UID, d)
		}
		for _, f := range s.Grafana.Folders(o.ID) {
			note(in+"folder "+f.UID, f)
		}
		for _, t := range s.Grafana.Teams(o.ID) {
			note(in+fmt.Sprintf("team %d", t.ID), t)
		}
		for _, a := range s.Grafana.ServiceAccounts(o.ID) {
			note(in+fmt.Sprintf("service account %d", a.ID), a)
		}
		for _, k := range s.Grafana.Tokens(o.ID) {
			note(in+fmt.Sprintf("token %d", k.ID), k)
		}
	}
	var people []struct {
		ID                  int64
		Login, Email, Name  string
		IsAdmin, IsDisabled bool
	}
	if err := json.Unmarshal(s.Ask("GET", "/api/users?perpage=100", 0, nil), &people); err != nil {
		s.T.Fatal(err)
	}
	note("people", people)
	s.noteKubernetes(note)
	return all
}

// noteKubernetes notes what is in the namespaces of others.
func (s *Scene) noteKubernetes(note func(key string, content any)) {
	for ns, lists := range map[string][]client.ObjectList{
		s.NS:       {&v1alpha1.InstanceList{}, &v1alpha1.UserList{}, &corev1.SecretList{}},
		s.Platform: {&v1alpha1.OrganizationList{}, &corev1.SecretList{}},
		s.Theirs: {&v1alpha1.ServiceAccountList{}, &v1alpha1.ServiceAccountTokenList{}, &v1alpha1.DashboardList{},
			&v1alpha1.MembershipList{}, &v1alpha1.TeamList{}, &v1alpha1.FolderList{}, &corev1.SecretList{},
			&corev1.ConfigMapList{}},
	} {
		for _, list := range lists {
			if err := s.Client.List(s.T.Context(), list, client.InNamespace(ns)); err != nil {
				s.T.Fatal(err)
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

// Harm says what has changed of what is not the hostile tenant's. In the common organization it may add its own.
func (s *Scene) Harm() string {
	return strings.Join(differences(s.Before, s.Snapshot()), "; ")
}

// Forget takes all there is as right.
func (s *Scene) Forget() {
	s.Before = s.Snapshot()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "copy"}}
	if err := client.IgnoreNotFound(s.Client.Delete(s.T.Context(), cm)); err != nil {
		s.T.Fatal(err)
	}
}

// Move moves a ConfigMap of the world's into the tenant's namespace.
func (s *Scene) Move(name string) {
	cm := suite.Get(s.World, &corev1.ConfigMap{ObjectMeta: s.Named(name)})
	s.Delete(cm)
	s.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: name}, Data: cm.Data})
	s.Before = s.Snapshot()
}

// Leak says what the hostile tenant can read in its namespace that it should not know, once.
func (s *Scene) Leak() string {
	s.T.Helper()
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
	look([]client.ObjectList{&corev1.SecretList{}, &corev1.ConfigMapList{}}, s.Canaries)
	look(
		[]client.ObjectList{
			&v1alpha1.ServiceAccountList{},
			&v1alpha1.ServiceAccountTokenList{},
			&v1alpha1.DashboardList{},
			&v1alpha1.MembershipList{},
			&v1alpha1.UserList{},
			&v1alpha1.TeamList{},
			&v1alpha1.FolderList{},
			&v1alpha1.DataSourceList{},
			&v1alpha1.DashboardSetList{},
			&v1alpha1.DataSourceSetList{},
			&eventsv1.EventList{},
		},
		slices.Concat(s.Canaries, s.hidden),
	)
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// readable is what the hostile tenant gets when it lists something in its namespace; of our own kinds only the status,
// since the rest is its own words.
func (s *Scene) readable(list client.ObjectList) map[string]string {
	s.T.Helper()
	if err := s.Real.List(s.T.Context(), list, client.InNamespace(s.Mine)); err != nil {
		s.T.Fatal(err)
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
			s.T.Fatal(err)
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
func (s *Scene) victimWorks() string {
	suite.Change(s.World, s.Board, func() { s.Board.Spec.Source.JSON = new(`{"title": "Board, continued"}`) })
	suite.Change(
		s.World,
		s.SharedCI,
		func() { s.SharedCI.Annotations = map[string]string{v1alpha1.AnnotationRotate: "after the raid"} },
	)
	revision := s.SharedCI.Status.Revision
	suite.Until(s.World, s.SharedCI, "another key", func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && s.SharedCI.Status.Revision > revision
	})
	suite.Ready(s.World, s.Board)
	if d := s.Dash(s.VictimOrg, "victim-overview"); d == nil || d.Title != "Board, continued" {
		return fmt.Sprintf("the victim's dashboard is %+v", d)
	}
	for _, name := range []string{"ci", "shared-ci"} {
		if org, _, _, alive := s.Grafana.KeyAlive(
			string(s.VictimSecret(name).Data["token"]),
		); !alive ||
			org != s.VictimOrg && org != s.Commons {
			return fmt.Sprintf("the victim's key in Secret %s opens organization %d (%v)", name, org, alive)
		}
	}
	return ""
}
