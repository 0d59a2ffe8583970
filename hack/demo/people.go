package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	grafanav1 "grafana-tenancy.dev/operator/api/v1alpha1"
)

// person is somebody with the password from a User's Secret.
type person struct {
	user            *grafanav1.User
	login, password string
}

// provePeople logs in as every User whose password the operator has made, and
// looks from there at the folders of the organizations that they are let into.
func provePeople(ctx context.Context, cluster *cluster, grafana *grafana) error {
	var users grafanav1.UserList
	if err := cluster.client.List(ctx, &users); err != nil {
		return err
	}
	for i := range users.Items {
		user := &users.Items[i]
		made := user.MadePassword()
		if made == nil {
			continue
		}
		var secret corev1.Secret
		key := client.ObjectKey{Namespace: user.Namespace, Name: user.SecretName()}
		if err := cluster.client.Get(ctx, key, &secret); err != nil {
			return err
		}
		p := person{user, user.WantedLogin(), string(secret.Data[made.Key])}
		if err := p.prove(ctx, cluster, grafana); err != nil {
			return fmt.Errorf("User %s: %w", client.ObjectKeyFromObject(user), err)
		}
	}
	return nil
}

func (p person) prove(ctx context.Context, cluster *cluster, grafana *grafana) error {
	var me struct{ Login string }
	if err := p.get(ctx, grafana.url+"/api/user", 0, &me); err != nil {
		return err
	}
	if me.Login != p.login {
		return fmt.Errorf("its password logs in as %q, not as %q", me.Login, p.login)
	}
	say("the password in Secret %s/%s logs in as %q", p.user.Namespace, p.user.SecretName(), me.Login)
	var memberships grafanav1.MembershipList
	if err := cluster.client.List(ctx, &memberships, client.InNamespace(p.user.Namespace)); err != nil {
		return err
	}
	for _, m := range memberships.Items {
		for _, member := range m.Spec.Members {
			if member.UserRef == nil || member.UserRef.Name != p.user.Name {
				continue
			}
			organization := keyOf(m.Spec.OrganizationRef, m.Namespace)
			if err := p.proveFolders(ctx, cluster, grafana, organization, member.Role); err != nil {
				return fmt.Errorf("Organization %s: %w", organization, err)
			}
		}
	}
	return nil
}

// proveFolders looks at the Folders of an organization with permissions, as who
// has a role there.
func (p person) proveFolders(
	ctx context.Context, cluster *cluster, grafana *grafana, key client.ObjectKey, role grafanav1.Role,
) error {
	var organization grafanav1.Organization
	if err := cluster.client.Get(ctx, key, &organization); err != nil {
		return err
	}
	var folders grafanav1.FolderList
	if err := cluster.client.List(ctx, &folders); err != nil {
		return err
	}
	for _, folder := range folders.Items {
		if folder.Spec.Permissions == nil || keyOf(folder.Spec.OrganizationRef, folder.Namespace) != key {
			continue
		}
		var seen struct {
			Title   string
			CanEdit bool
		}
		url, id := grafana.url+"/api/folders/"+folder.Status.UID, organization.Status.OrgID
		// They are let in as soon as their login is there, which can be a moment after all was Ready.
		var refused error
		if err := wait.PollUntilContextTimeout(ctx, time.Second, time.Minute, true,
			func(ctx context.Context) (bool, error) {
				refused = p.get(ctx, url, id, &seen)
				return refused == nil, nil
			}); err != nil {
			return fmt.Errorf("%w: %w", err, refused)
		}
		if want := mayEdit(&folder, role); seen.CanEdit != want {
			return fmt.Errorf(
				"whether a %s may edit folder %q is %v, and %v is asked for",
				role,
				seen.Title,
				seen.CanEdit,
				want,
			)
		}
		say(
			"there, as %s of %q: sees folder %q, and may edit it: %v",
			role,
			organization.WantedName(),
			seen.Title,
			seen.CanEdit,
		)
	}
	return nil
}

// mayEdit reports whether a Folder is to let whoever has a role edit it.
func mayEdit(folder *grafanav1.Folder, role grafanav1.Role) bool {
	return role == grafanav1.RoleAdmin || slices.ContainsFunc(folder.Spec.Permissions,
		func(p grafanav1.FolderPermission) bool {
			has := p.Role == string(role) || p.Role == string(grafanav1.RoleViewer) && role == grafanav1.RoleEditor
			return has && p.Permission != grafanav1.PermissionView
		})
}

// get reads JSON with the person's password, in an organization if one is given.
func (p person) get(ctx context.Context, url string, org int64, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.SetBasicAuth(p.login, p.password)
	if org != 0 {
		request.Header.Set("X-Grafana-Org-Id", fmt.Sprint(org))
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answered %s", url, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
