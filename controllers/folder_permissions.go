package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// byServiceAccount is the index of the names of the ServiceAccounts that permissions name.
const byServiceAccount = "serviceAccount"

func permittedAccounts(obj *v1alpha1.Folder) (names []string) {
	for _, p := range obj.Spec.Permissions {
		names = append(names, nameOf(p.ServiceAccountRef)...)
	}
	return names
}

// permitting are the Folders whose permissions name a ServiceAccount.
func (k folderKind) permitting(ctx context.Context, account client.Object) []ctrl.Request {
	return k.Requests(ctx, &v1alpha1.FolderList{}, namedIn(byServiceAccount, account)...)
}

// byTeam is the index of the names of the Teams that permissions name.
const byTeam = "team"

func permittedTeams(obj *v1alpha1.Folder) (names []string) {
	for _, p := range obj.Spec.Permissions {
		names = append(names, nameOf(p.TeamRef)...)
	}
	return names
}

// permittingTeam are the Folders whose permissions name a Team.
func (k folderKind) permittingTeam(ctx context.Context, team client.Object) []ctrl.Request {
	return k.Requests(ctx, &v1alpha1.FolderList{}, namedIn(byTeam, team)...)
}

var permissionLevels = map[v1alpha1.PermissionLevel]int{
	v1alpha1.PermissionView:  grafana.MayView,
	v1alpha1.PermissionEdit:  grafana.MayEdit,
	v1alpha1.PermissionAdmin: grafana.MayAdmin,
}

// subject is whom a permission is for.
type subject struct {
	role       string
	user, team int64
}

// levelsOf are own permissions by their subjects, but for the operator's login: as an Admin it may do everything.
func (x *folder) levelsOf(items []grafana.Permission) map[subject]int {
	levels := map[subject]int{}
	for _, i := range items {
		if !i.Inherited && !x.conn.IsOperator(i.UserID, i.UserLogin, "") {
			levels[subject{i.Role, i.UserID, i.TeamID}] = i.Permission
		}
	}
	return levels
}

// peoplePause is how long until somebody who is not in the organization yet is looked for again.
const peoplePause = time.Minute

// resolve finds those whom the spec's permissions name. Who is missing is waited for, and the others have theirs
// meanwhile. live: before they are given anything, it asks Grafana who they are at this moment.
func (x *folder) resolve(ctx context.Context, live bool) error {
	x.wanted, x.waitErr, x.invalidErr, x.accountMissing, x.teamMissing = nil, nil, nil, false, false
	if !x.obj.DeletionTimestamp.IsZero() {
		return nil
	}
	if err := x.listPeople(ctx, live); err != nil {
		return fmt.Errorf("listing the members of the organization: %w", err)
	}
	var missing []string
	var suspect *lifecycle.Suspect
	given := map[subject]bool{}
	for i, p := range x.obj.Spec.Permissions {
		field := fmt.Sprintf("spec.permissions[%d]", i)
		s, name, err := x.subjectOf(ctx, p, field, live)
		switch {
		case err != nil && lifecycle.IsStalled(err):
			x.invalidErr = err
			return nil
		case err != nil:
			return err
		case name != "":
			missing = append(missing, name)
			if p.TeamRef != nil {
				x.teamMissing = true
				key := client.ObjectKey{Namespace: x.obj.Namespace, Name: p.TeamRef.Name}
				suspect = &lifecycle.Suspect{Kind: "Team", Key: key}
			}
			if p.ServiceAccountRef != nil {
				x.accountMissing = true
				key := client.ObjectKey{Namespace: x.obj.Namespace, Name: p.ServiceAccountRef.Name}
				suspect = &lifecycle.Suspect{Kind: "ServiceAccount", Key: key}
			}
			continue
		case given[s]:
			x.invalidErr = lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
				"%s: this one has a permission already: give one for each", field)
			return nil
		}
		given[s] = true
		x.wanted = append(x.wanted, grafana.Permission{
			Role: s.role, UserID: s.user, TeamID: s.team, Permission: permissionLevels[p.Permission],
		})
	}
	if len(missing) > 0 {
		wait := lifecycle.Waiting(v1alpha1.ReasonSubjectNotFound,
			"spec.permissions: waiting for %s, to give them their permissions", listed(missing))
		wait.RetryAfter, wait.Suspect = peoplePause, suspect
		x.waitErr = wait
	}
	return nil
}

// subjectOf is whom a permission names, or the name of who is missing.
func (x *folder) subjectOf(
	ctx context.Context, p v1alpha1.FolderPermission, field string, live bool,
) (s subject, missing string, err error) {
	switch {
	case p.Role != "":
		return subject{role: p.Role}, "", nil
	case p.TeamRef != nil:
		id, err := x.teamNamed(ctx, *p.TeamRef, field, live)
		if id == 0 {
			missing = "Team " + p.TeamRef.Name
		}
		return subject{team: id}, missing, err
	case p.ServiceAccountRef != nil:
		id, err := x.accountNamed(ctx, *p.ServiceAccountRef, field, live)
		if id == 0 {
			missing = "ServiceAccount " + p.ServiceAccountRef.Name
		}
		return subject{user: id}, missing, err
	}
	person := x.person(p.User)
	if person == nil || x.conn.IsOperator(person.UserID, person.Login, person.Email) { // whose login nobody learns here
		return s, fmt.Sprintf("user %q, who is no member of the organization", p.User), nil
	}
	return subject{user: person.UserID}, "", nil
}

// accountNamed is Grafana's id of a ServiceAccount; 0: it is not there, or, if that is asked live, the id is another's
// by now.
func (x *folder) accountNamed(
	ctx context.Context, ref v1alpha1.LocalObjectReference, field string, live bool,
) (int64, error) {
	var account v1alpha1.ServiceAccount
	err := x.env.Get(ctx, client.ObjectKey{Namespace: x.obj.Namespace, Name: ref.Name}, &account)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	in := lifecycle.ParentKey(account.Spec.OrganizationRef, account.Namespace)
	switch {
	case err != nil:
		return 0, err
	case in != x.owner:
		return 0, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"%s: ServiceAccount %s is in Organization %s, and this folder in %s: name one that is there, too",
			field, ref.Name, in, x.owner)
	case account.Status.OrgID != x.org.ID():
		return 0, nil
	case live:
		return x.liveAccount(ctx, account.Status)
	}
	return account.Status.ID, nil
}

// liveAccount is the id that a status has, if it is still that account's: in a database that was reset others get it.
func (x *folder) liveAccount(ctx context.Context, status v1alpha1.ServiceAccountStatus) (int64, error) {
	a, err := x.org.ServiceAccountByID(ctx, status.ID)
	switch {
	case err != nil:
		return 0, grafana.IgnoreNotFound(err)
	case a.Login != status.Login, status.CreatedAt != "" && createdAt(a) != status.CreatedAt:
		return 0, nil
	}
	return a.ID, nil
}

// listPeople lists the members of the organization if permissions name some. At a resync, an older list will do that
// serves others too, until something is written by it.
func (x *folder) listPeople(ctx context.Context, live bool) (err error) {
	byName := func(p v1alpha1.FolderPermission) bool { return p.User != "" }
	if x.peopleFresh || !slices.ContainsFunc(x.obj.Spec.Permissions, byName) {
		return nil
	}
	x.people, x.peopleFresh, err = x.conn.ListOfMembers(ctx, x.org.ID(), x.due && !live)
	return err
}

// person is the member of the organization of this login or e-mail address; nil: there is none. Grafana heeds no case.
func (x *folder) person(loginOrEmail string) (byEmail *grafana.Member) {
	for _, m := range x.people {
		switch {
		case strings.EqualFold(m.Login, loginOrEmail):
			return &m
		case strings.EqualFold(m.Email, loginOrEmail):
			byEmail = &m
		}
	}
	return byEmail
}

// seePermissions reads the folder's permissions if the spec gives some, else, of a new one, whether it was born with
// those that it should have.
func (x *folder) seePermissions(ctx context.Context, have *folderState) error {
	switch {
	case x.obj.Spec.Permissions == nil && !x.obj.Status.PermissionsPending, x.invalidErr != nil:
		return nil
	case x.obj.Spec.Permissions == nil:
		var err error
		have.born, have.bornWrong, err = x.bornWrong(ctx, x.uid, have.ParentUID != "")
		err = grafana.IgnoreNotFound(err)
		have.bornSeen = err == nil
		return err
	case x.obj.Status.PermissionsPending: // whatever it was born with is replaced
		return nil
	}
	items, err := x.org.FolderPermissions(ctx, x.uid)
	if err != nil {
		return fmt.Errorf("reading the permissions: %w", err)
	}
	have.permissions = &items
	return nil
}

func (x *folder) permissionsDiffer(have *folderState) bool {
	return x.obj.Spec.Permissions != nil && x.invalidErr == nil &&
		(have.permissions == nil ||
			!maps.Equal(x.levelsOf(*have.permissions), x.levelsOf(x.duePermissions(*have.permissions))))
}

// accountPrefix begins the logins of all service accounts.
const accountPrefix = "sa-"

// duePermissions are those that a folder shall have which has these: those of the spec, and while a ServiceAccount or a
// Team is missing, what service accounts or teams have there besides, since it may be that one's.
func (x *folder) duePermissions(have []grafana.Permission) []grafana.Permission {
	due, wanted := slices.Clone(x.wanted), x.levelsOf(x.wanted)
	for _, i := range have {
		_, known := wanted[subject{user: i.UserID, team: i.TeamID}]
		account, team := strings.HasPrefix(i.UserLogin, accountPrefix), i.TeamID != 0
		if !known && !i.Inherited && (x.accountMissing && account || x.teamMissing && team) {
			due = append(due, i)
		}
	}
	return due
}

// setPermissions puts them right.
func (x *folder) setPermissions(ctx context.Context, have *folderState) error {
	switch {
	case have.bornWrong:
		if err := x.setBorn(ctx, x.uid, have.ParentUID != "", have.born); err != nil {
			return err
		}
		have.bornWrong = false
	case x.permissionsDiffer(have):
		return x.grant(ctx, have)
	}
	return nil
}

// grant gives the permissions of the spec to those whom it names at this moment.
func (x *folder) grant(ctx context.Context, have *folderState) error {
	if err := x.resolve(ctx, true); err != nil {
		return err
	}
	if have.permissions == nil && (x.accountMissing || x.teamMissing) {
		items, err := x.org.FolderPermissions(ctx, x.uid)
		if err != nil {
			return err
		}
		have.permissions = &items
	}
	if !x.permissionsDiffer(have) {
		return x.invalidErr
	}
	var is []grafana.Permission
	if have.permissions != nil {
		is = *have.permissions
	}
	due := x.duePermissions(is)
	if err := x.org.SetFolderPermissions(ctx, x.uid, due); err != nil {
		return err
	}
	have.permissions = &due
	x.obj.Status.PermissionsPending = false
	return nil
}
