package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounts,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounts/status,verbs=patch

type serviceAccountKind struct{ *Env }

// accountState is what was seen of a service account.
type accountState struct {
	grafana.ServiceAccount
	adopted    bool
	duplicates []grafana.ServiceAccount // further accounts under our mark: creates that landed late
	created    bool                     // by this pass
	newborn    bool                     // created, within a session: the answer is a proof
}

// serviceAccount is a ServiceAccount in its organization. Its mark is the login, which Grafana derives from the name at
// creation and never changes.
type serviceAccount struct {
	*orgScope
	env *Env
	obj *v1alpha1.ServiceAccount

	due bool                     // by its resync
	all []grafana.ServiceAccount // of the organization; nil: not listed in this pass
}

func (k serviceAccountKind) describe() lifecycle.Kind[*v1alpha1.ServiceAccount, accountState] {
	return lifecycle.Kind[*v1alpha1.ServiceAccount, accountState]{
		List:    &v1alpha1.ServiceAccountList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Organization{},
		Parent: func(obj *v1alpha1.ServiceAccount) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
		},
		Tenant: true,
		Usability: func(obj *v1alpha1.ServiceAccount) any {
			return struct{ id, orgID int64 }{obj.Status.ID, obj.Status.OrgID}
		},
	}
}

// Held reports whether a ServiceAccount may have one in Grafana.
func (k serviceAccountKind) Held(obj *v1alpha1.ServiceAccount) bool {
	return obj.Status.ID != 0 || obj.Status.CreateStarted != nil
}

func (k serviceAccountKind) Connect(
	ctx context.Context,
	obj *v1alpha1.ServiceAccount,
) (lifecycle.External[accountState], error) {
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	x := &serviceAccount{orgScope: scope, env: k.Env, obj: obj}
	if highest := x.highestRole(); obj.DeletionTimestamp.IsZero() && roleRank[obj.Spec.Role] > roleRank[highest] {
		return x, lifecycle.Stalled(
			v1alpha1.ReasonRoleNotPermitted,
			"Organization %s allows no role above %s here: ask for a lower one than %s, or have its "+
				"maxServiceAccountRole raised",
			x.owner,
			highest,
			obj.Spec.Role,
		)
	}
	return x, nil
}

// highestRole is the highest that the Organization allows an account of this namespace.
func (x *serviceAccount) highestRole() v1alpha1.Role {
	return x.orgScope.highestRole(x.object.Spec.MaxServiceAccountRole, x.obj.Namespace)
}

// ResyncSlot is the same for all ServiceAccounts of an Organization.
func (x *serviceAccount) ResyncSlot() string { return "service accounts of " + x.owner.String() }

// ResyncDue lets one list serve all of them.
func (x *serviceAccount) ResyncDue() { x.due = true }

// owned reports whether the login carries our mark, or the account is the one that was taken over.
func (x *serviceAccount) owned(a grafana.ServiceAccount) bool {
	recorded := a.ID == x.obj.Status.ID && a.Login == x.obj.Status.Login && x.obj.Status.CreatedAt != "" &&
		createdAt(a) == x.obj.Status.CreatedAt
	return (mark.InLogin(a.Login, mark.ShortUID(x.obj)) || recorded) && x.isHere(a)
}

// isHere reports whether an account is in the organization, as far as Grafana tells.
func (x *serviceAccount) isHere(a grafana.ServiceAccount) bool {
	return a.OrgID == 0 || a.OrgID == x.org.ID()
}

func createdAt(a grafana.ServiceAccount) string { return a.CreatedAt.UTC().Format(time.RFC3339) }

// Create makes the account. Grafana before 11.3.1 can fail half-way and leave a login that is taken for good by an
// account that nobody can see: then a counter is appended.
func (x *serviceAccount) Create(ctx context.Context) (*accountState, error) {
	withinSession := x.conn.SessionID() != ""
	if withinSession { // else the list is of this very pass
		if err := x.checkName(ctx); err != nil {
			return nil, err
		}
	}
	x.all = nil // from before the intent
	name := x.birthName()
	for n := 2; ; n++ {
		have, err := x.org.CreateServiceAccount(
			ctx,
			grafana.ServiceAccount{Name: name, Role: string(x.obj.Spec.Role), IsDisabled: x.obj.Spec.Disabled},
		)
		if err == nil {
			x.conn.NoteAccount(x.org.ID(), have)
			x.conn.ForgetTokens(x.org.ID(), have.ID) // another account had the id, perhaps
			return &accountState{ServiceAccount: have, created: true, newborn: withinSession}, nil
		}
		x.conn.ForgetAccounts(x.org.ID()) // it may be there all the same, or come later
		if !grafana.IsTaken(err) {
			return nil, err
		}
		x.all = nil // from before that request
		if seen, ferr := x.marked(ctx); seen != nil || ferr != nil {
			return seen, ferr // an earlier request took effect after all
		}
		if n > mark.MaxLogins {
			return nil, &lifecycle.Problem{
				Reason: v1alpha1.ReasonCreating,
				Message: fmt.Sprintf(
					"the login of %q is taken by an account that Grafana does not show: %v",
					name,
					err,
				),
				Retry: true,
				Err:   err,
			}
		}
		name = fmt.Sprintf("%s-%d", x.birthName(), n)
	}
}

func (x *serviceAccount) Record(have *accountState) bool {
	status := &x.obj.Status
	if have == nil {
		status.ID, status.Login, status.OrgID, status.CreatedAt, status.Adopted = 0, "", 0, "", false
		return false
	}
	fresh := status.ID != have.ID || status.OrgID != x.org.ID()
	status.ID, status.Login, status.OrgID = have.ID, have.Login, x.org.ID()
	status.CreatedAt, status.Adopted = "", have.adopted
	if !mark.InLogin(have.Login, mark.ShortUID(x.obj)) {
		status.CreatedAt = createdAt(have.ServiceAccount)
	}
	return fresh && !have.created // whose login tells it, whatever becomes of this pass
}

func (x *serviceAccount) Diff(have *accountState) []string {
	var diff []string
	change := x.change(have)
	if change.Name != nil {
		diff = append(diff, "name")
	}
	if change.Role != nil {
		diff = append(diff, "role")
	}
	if change.IsDisabled != nil {
		diff = append(diff, "disabled")
	}
	if len(have.duplicates) > 0 {
		diff = append(diff, "strays")
	}
	return diff
}

// change names what differs, and nothing else.
func (x *serviceAccount) change(have *accountState) (change grafana.ServiceAccountPatch) {
	name, role, disabled := x.obj.WantedName(), string(x.obj.Spec.Role), x.obj.Spec.Disabled
	if have.Name != name {
		change.Name = &name
	}
	if have.Role != role {
		change.Role = &role
	}
	if have.IsDisabled != disabled {
		change.IsDisabled = &disabled
	}
	return change
}

func (x *serviceAccount) Update(ctx context.Context, have *accountState) error {
	if err := x.deleteDuplicates(ctx, have); err != nil {
		return err
	}
	change, taken := x.change(have), error(nil)
	if change.Name != nil {
		if !have.newborn {
			if err := x.Prove(ctx, true); err != nil {
				return err
			}
		}
		if taken = x.checkRename(ctx, have.newborn); taken != nil {
			change.Name = nil // role and disabling do not wait for it
		}
	}
	if change == (grafana.ServiceAccountPatch{}) {
		return taken
	}
	if err := x.org.UpdateServiceAccount(ctx, have.ID, change); err != nil {
		x.conn.ForgetAccounts(x.org.ID())
		err = fmt.Errorf("changing %s of the service account: %w", strings.Join(x.Diff(have), ", "), err)
		return errors.Join(err, taken)
	}
	have.Role, have.IsDisabled = string(x.obj.Spec.Role), x.obj.Spec.Disabled
	if change.Name != nil {
		have.Name = *change.Name
	}
	x.conn.NoteAccount(x.org.ID(), have.ServiceAccount)
	return taken
}

// checkRename fails if another account has the name by now. For one that this pass has just created what is known does.
func (x *serviceAccount) checkRename(ctx context.Context, newborn bool) error {
	if newborn {
		return x.checkName(ctx)
	}
	x.all = nil
	return x.CheckConflict(ctx)
}

// deleteDuplicates deletes the accounts of late creates. Nobody has had a token of theirs.
func (x *serviceAccount) deleteDuplicates(ctx context.Context, have *accountState) error {
	if len(have.duplicates) == 0 {
		return nil
	}
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	defer x.conn.ForgetAccounts(x.org.ID())
	for _, duplicate := range have.duplicates {
		if err := grafana.IgnoreNotFound(x.org.DeleteServiceAccount(ctx, duplicate.ID)); err != nil {
			return fmt.Errorf("deleting a second service account of this object: %w", err)
		}
	}
	have.duplicates = nil
	return nil
}

// Settled reports whether the organization is the one that status speaks of.
func (x *serviceAccount) Settled() bool {
	return x.obj.Status.ID != 0 && x.obj.Status.OrgID == x.org.ID()
}

// Delete deletes the account. find has just seen its login, and the lifecycle proven the organization.
func (x *serviceAccount) Delete(ctx context.Context, have *accountState) error {
	defer x.conn.ForgetAccounts(x.org.ID())
	return grafana.IgnoreNotFound(x.org.DeleteServiceAccount(ctx, have.ID))
}
