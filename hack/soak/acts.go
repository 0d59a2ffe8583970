package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// act is something that happens to the operator, to Grafana or to what people have applied.
type act struct {
	name  string
	often int // how many of the acts of a round it is
	do    func(s *soak, ctx context.Context) (did string, err error)
}

// acts of a round, which are done in random order. One that finds nothing to do says "".
var acts = []act{
	{"weather", 8, (*soak).changeWeather},
	{"Grafana down", 3, (*soak).takeDown},
	{"sessions ended", 2, (*soak).endSessions},
	{"database reset", 1, (*soak).resetDatabase},
	{"backup", 1, (*soak).backUp},
	{"operator killed", 4, (*soak).killOperator},
	{"second operator", 1, (*soak).startSecond},
	{"namespace deleted", 2, (*soak).deleteNamespace},
	{"objects deleted", 3, (*soak).deleteObjects},
	{"Secret deleted", 5, (*soak).deleteSecret},
	{"Secret edited", 5, (*soak).editSecret},
	{"rotation asked for", 4, (*soak).rotate},
	{"spec changed", 5, (*soak).changeSpec},
	{"token revoked", 6, (*soak).revokeToken},
	{"edited in Grafana", 12, (*soak).editGrafana},
}

// round is all acts as often as they are to be done, shuffled.
func round(random *rand.Rand) []act {
	var all []act
	for _, a := range acts {
		for range a.often {
			all = append(all, a)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (s *soak) changeWeather(context.Context) (string, error) {
	share := []float64{0, 0.05, 0.1, 0.2, 0.3, 0.5}[s.random.IntN(6)]
	s.weather.set(share)
	return fmt.Sprint(share), nil
}

func (s *soak) takeDown(context.Context) (string, error) {
	d := s.upTo(5 * time.Second)
	s.grafana.SetDown(true)
	s.later(d, func() error { s.grafana.SetDown(false); return nil })
	return d.String(), nil
}

func (s *soak) endSessions(context.Context) (string, error) {
	s.grafana.EndSessions()
	return "all", nil
}

// stopped does something to Grafana's database as people do it: while Grafana is not running, and nothing is on its way
// to it.
func (s *soak) stopped(do func()) {
	s.grafana.SetDown(true)
	s.grafana.Land()
	do()
	s.grafana.SetDown(false)
}

func (s *soak) resetDatabase(context.Context) (string, error) {
	if s.backupPending {
		return "", nil
	}
	var err error
	s.stopped(func() {
		s.grafana.ResetDatabase()
		err = s.buildForeign()
	})
	return "emptied", err
}

// backUp takes a backup and restores it some seconds later. No tenant is deleted meanwhile, nor is about to be: nobody
// could know that the backup brings back what is of no object any more.
func (s *soak) backUp(context.Context) (string, error) {
	if s.backupPending {
		return "", nil
	}
	s.backupPending = true
	s.wantsBackup = true
	return "wanted", nil
}

// tryBackUp takes the backup that is wanted once no tenant is being deleted, and no organization is without its mark:
// that and a new name since the backup would leave nothing to know it by.
func (s *soak) tryBackUp(ctx context.Context) {
	unmarked := func(o grafanatest.Org) bool {
		return o.ID != 1 && o.Name != foreignOrg && !strings.Contains(o.Address.Address2+o.Address.State, " uid=")
	}
	if !s.wantsBackup || s.awaited() > 0 || slices.ContainsFunc(s.grafana.Orgs(), unmarked) {
		return
	}
	s.wantsBackup = false
	backup, foreign := s.grafana.Snapshot(), s.foreign
	s.say("backup taken")
	s.later(2*time.Second+s.upTo(8*time.Second), func() error {
		s.stopped(func() { s.restore(backup) })
		s.foreign, s.backupPending = foreign, false
		s.happened("backup restored", "")
		return s.rotatePasswords(ctx)
	})
}

// restore restores a backup, and deletes the teams and people that were gone and came back with it, as people have to:
// nobody could know whose they are.
func (s *soak) restore(backup grafanatest.Snapshot) {
	known, people := map[string]bool{}, map[int64]bool{}
	s.eachTeam(func(_ int64, t grafanatest.Team) { known[t.UID] = true })
	for _, p := range s.grafana.People() {
		people[p.ID] = true
	}
	s.grafana.Restore(backup)
	s.eachTeam(func(org int64, t grafanatest.Team) {
		if !known[t.UID] {
			s.say("team %d of organization %d came back", t.ID, org)
			s.grafana.Do(http.MethodDelete, fmt.Sprintf("/api/teams/%d", t.ID), org, nil)
		}
	})
	for _, p := range s.grafana.People() {
		if !people[p.ID] {
			s.say("user %d %q came back", p.ID, p.Login)
			s.grafana.Do(http.MethodDelete, fmt.Sprintf("/api/admin/users/%d", p.ID), 1, nil)
		}
	}
}

func (s *soak) eachTeam(do func(org int64, t grafanatest.Team)) {
	for _, org := range s.grafana.Orgs() {
		for _, t := range s.grafana.Teams(org.ID) {
			do(org.ID, t)
		}
	}
}

func (s *soak) killOperator(context.Context) (string, error) {
	if s.operator == nil || s.older != nil {
		return "", nil
	}
	s.operator.Kill()
	s.operator = nil
	d := s.upTo(2 * time.Second)
	s.later(d, s.startOperator)
	return "for " + d.String(), nil
}

// startSecond starts a second operator beside the first, as when a leader does not know yet that it is none any more,
// and kills the first after a while.
func (s *soak) startSecond(context.Context) (string, error) {
	if s.operator == nil || s.older != nil {
		return "", nil
	}
	s.older = s.operator
	if err := s.startOperator(); err != nil {
		return "", err
	}
	d := 2*time.Second + s.upTo(6*time.Second)
	s.later(d, func() error { s.endOlder(); return nil })
	return "for " + d.String(), nil
}

func (s *soak) endOlder() {
	if s.older != nil {
		s.older.Kill()
		s.older = nil
	}
}

// someone is a tenant that is all there; nil: there is none.
func (s *soak) someone() *tenant {
	for range 20 {
		if t := s.tenants[s.random.IntN(len(s.tenants))]; !t.awaited {
			return t
		}
	}
	return nil
}

// leaving is a tenant that can be deleted; nil: not now.
func (s *soak) leaving() *tenant {
	if s.backupPending || s.awaited() > len(s.tenants)/4 {
		return nil
	}
	return s.someone()
}

func (s *soak) deleteNamespace(ctx context.Context) (string, error) {
	t := s.leaving()
	if t == nil {
		return "", nil
	}
	t.awaited = true
	return t.name, s.client.Delete(ctx, t.namespace())
}

// deleteObjects deletes everything of a tenant but its namespace, in any order.
func (s *soak) deleteObjects(ctx context.Context) (string, error) {
	t := s.leaving()
	if t == nil {
		return "", nil
	}
	t.awaited = true
	objects := t.objects()
	s.random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	for _, obj := range objects {
		if err := client.IgnoreNotFound(s.client.Delete(ctx, obj)); err != nil {
			return t.name, err
		}
	}
	return t.name, nil
}

// secret is the one of a tenant's token; nil: there is none now.
func (s *soak) secret(ctx context.Context, t *tenant) (*corev1.Secret, error) {
	if t == nil {
		return nil, nil
	}
	secret := &corev1.Secret{ObjectMeta: t.meta("ci")}
	if err := s.client.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return secret, nil
}

func (s *soak) deleteSecret(ctx context.Context) (string, error) {
	secret, err := s.secret(ctx, s.someone())
	if secret == nil || err != nil {
		return "", err
	}
	return secret.Namespace, s.client.Delete(ctx, secret)
}

func (s *soak) editSecret(ctx context.Context) (string, error) {
	secret, err := s.secret(ctx, s.someone())
	if secret == nil || err != nil {
		return "", err
	}
	var did string
	switch s.random.IntN(4) {
	case 0:
		did, secret.Data = "another key", map[string][]byte{"token": []byte("something else")}
	case 1:
		did, secret.Data = "no data", nil
	case 2:
		did, secret.Labels = "no labels", nil
	default:
		did = "no records"
		maps.DeleteFunc(
			secret.Annotations,
			func(name, _ string) bool { return strings.HasPrefix(name, v1alpha1.GroupVersion.Group) },
		)
	}
	return secret.Namespace + " " + did, s.client.Update(ctx, secret)
}

func (s *soak) rotate(ctx context.Context) (string, error) {
	t := s.someone()
	if t == nil {
		return "", nil
	}
	token := &v1alpha1.ServiceAccountToken{ObjectMeta: t.meta("ci")}
	if err := s.client.Get(ctx, client.ObjectKeyFromObject(token), token); err != nil {
		return "", err
	}
	token.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint(s.random.Uint32())}
	return t.name, s.client.Update(ctx, token)
}

func (s *soak) changeSpec(ctx context.Context) (string, error) {
	t := s.someone()
	if t == nil {
		return "", nil
	}
	text := content(fmt.Sprint("Title ", s.random.Uint32()))
	objects := t.objects()
	obj := objects[s.random.IntN(len(objects))]
	if err := s.client.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
		return "", err
	}
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		o.Spec.Name = fmt.Sprintf("%s %d", t.orgName(), s.random.Uint32())
	case *v1alpha1.ServiceAccount:
		o.Spec.Role = []v1alpha1.Role{v1alpha1.RoleViewer, v1alpha1.RoleEditor, v1alpha1.RoleAdmin}[s.random.IntN(3)]
	case *v1alpha1.ServiceAccountToken:
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
			"env": v1alpha1.TemplateText(fmt.Sprintf("TOKEN={{ .token }} # %d", s.random.Uint32())),
		}
	case *v1alpha1.Team:
		o.Spec.Name = fmt.Sprint("Team ", s.random.Uint32())
		o.Spec.Members = teamMembers(
			[]v1alpha1.TeamRole{"", v1alpha1.TeamRoleMember, v1alpha1.TeamRoleAdmin}[s.random.IntN(3)],
		)
	case *v1alpha1.Folder:
		o.Spec.Title = fmt.Sprint("Folder ", s.random.Uint32())
	case *v1alpha1.User:
		o.Spec.Name = fmt.Sprint("Person ", s.random.Uint32())
		o.Annotations = map[string]string{v1alpha1.AnnotationRotate: o.Spec.Name}
	case *v1alpha1.Dashboard:
		o.Spec.Source.JSON = &text
	}
	return fmt.Sprintf("%s %s", t.name, obj.GetName()), s.client.Update(ctx, obj)
}

// organization is Grafana's id of a tenant's; 0: it has none now.
func (s *soak) organization(ctx context.Context, t *tenant) (*v1alpha1.Organization, error) {
	org := &v1alpha1.Organization{}
	if t != nil {
		org.ObjectMeta = t.meta("org")
		if err := s.client.Get(ctx, client.ObjectKeyFromObject(org), org); err != nil {
			return org, client.IgnoreNotFound(err)
		}
	}
	return org, nil
}

func (s *soak) revokeToken(ctx context.Context) (string, error) {
	org, err := s.organization(ctx, s.someone())
	tokens := s.grafana.Tokens(org.Status.OrgID)
	if err != nil || len(tokens) == 0 {
		return "", err
	}
	token := tokens[s.random.IntN(len(tokens))]
	path := fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", token.SAID, token.ID)
	if status, answer := s.grafana.Do(
		http.MethodDelete,
		path,
		org.Status.OrgID,
		nil,
	); status >= http.StatusInternalServerError {
		return "", fmt.Errorf("%d %s", status, answer)
	}
	return fmt.Sprint(org.Namespace, " ", token.ID), nil
}
