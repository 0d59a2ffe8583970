package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// user reports whether the person of a User is there, as they should be, and can log in with what the Secret has.
func (in *inspection) user(o *v1alpha1.User) bool {
	people := in.grafana.People()
	at := slices.IndexFunc(people, func(p grafanatest.Person) bool { return p.ID == o.Status.ID })
	if at < 0 {
		return false
	}
	in.expected[fmt.Sprint("person ", o.Status.ID)] = true
	secret := in.secrets[types.NamespacedName{Namespace: o.Namespace, Name: o.SecretName()}]
	want := grafanatest.Person{
		ID: o.Status.ID, Login: o.WantedLogin(), Email: o.Spec.Email, Name: o.WantedName(),
	}
	return people[at] == want && secret != nil && in.grafana.Opens(want.Login, string(secret.Data["password"]))
}

// strayPeople finds logins that are nobody's.
func (in *inspection) strayPeople() {
	for _, p := range in.grafana.People() {
		if p.Login != "admin" && p.Login != somebody && !in.expected[fmt.Sprint("person ", p.ID)] {
			in.leak("user %d %q is nobody's", p.ID, p.Login)
		}
	}
}

// folder reports whether a Folder's folder is called as it should be, and the team may edit in it and nobody else.
func (in *inspection) folder(o *v1alpha1.Folder) bool {
	folders := in.grafana.Folders(o.Status.OrgID)
	at := slices.IndexFunc(folders, func(f grafanatest.Folder) bool { return f.UID == o.Status.UID })
	team, _ := in.all["Team "+o.Namespace+"/team"].(*v1alpha1.Team)
	if at < 0 || folders[at].Title != o.WantedTitle() || team == nil {
		return false
	}
	in.expected[fmt.Sprint("folder ", o.Status.OrgID, " ", o.Status.UID)] = true
	status, answer := in.grafana.Do(
		http.MethodGet, "/api/folders/"+o.Status.UID+"/permissions", o.Status.OrgID, nil,
	)
	var granted []struct{ TeamID, Permission int64 }
	const edit = 2 // as Grafana counts permissions
	return status == http.StatusOK && json.Unmarshal(answer, &granted) == nil &&
		len(granted) == 1 && granted[0].TeamID == team.Status.ID && granted[0].Permission == edit
}

func (in *inspection) strayFolders(org int64) {
	for _, f := range in.grafana.Folders(org) {
		if !in.expected[fmt.Sprint("folder ", org, " ", f.UID)] {
			in.leak("folder %q %q of organization %d is nobody's", f.UID, f.Title, org)
		}
	}
}

// rotatePasswords has all people get another password, as somebody has to ask for after a backup was restored: Grafana
// may have an older one, which nobody can see.
func (s *soak) rotatePasswords(ctx context.Context) error {
	var users v1alpha1.UserList
	if err := s.client.List(ctx, &users); err != nil {
		return err
	}
	for i := range users.Items {
		u := &users.Items[i]
		before := u.DeepCopy()
		u.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint("after a backup ", s.random.Uint32())}
		if err := s.client.Patch(ctx, u, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// passwords of all people that the operator has made, as the Secrets have them now.
func (s *soak) passwords(ctx context.Context) (all [][]byte, err error) {
	var secrets corev1.SecretList
	if err := s.client.List(ctx, &secrets, client.InNamespace(platform)); err != nil {
		return nil, err
	}
	for i := range secrets.Items {
		if p := secrets.Items[i].Data["password"]; len(p) > 0 {
			all = append(all, p)
		}
	}
	return all, nil
}
