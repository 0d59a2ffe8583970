package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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
}

// serviceAccount is a ServiceAccount in its organization. Its mark is the login, which Grafana derives from the name at
// creation and never changes.
type serviceAccount struct {
	*orgScope
	env *Env
	obj *v1alpha1.ServiceAccount
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
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj, k.Held(obj))
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

// Find finds the account that status records, or else one that carries our mark.
func (x *serviceAccount) Find(ctx context.Context) (*accountState, error) {
	if have, err := x.recorded(ctx); have != nil || err != nil {
		return have, err
	}
	return x.marked(ctx)
}

// recorded reads the account that status records. While a create may still land, it looks for others of ours as well.
func (x *serviceAccount) recorded(ctx context.Context) (*accountState, error) {
	if x.obj.Status.ID == 0 || x.obj.Status.OrgID != x.org.ID() {
		return nil, nil
	}
	have, err := x.org.ServiceAccountByID(ctx, x.obj.Status.ID)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	if !x.owned(have) {
		return nil, nil
	}
	state := &accountState{ServiceAccount: have, adopted: x.obj.Status.Adopted}
	if x.obj.Status.CreateStarted == nil {
		return state, nil
	}
	all, err := x.search(ctx)
	state.duplicates = slices.DeleteFunc(all, func(a grafana.ServiceAccount) bool { return a.ID == have.ID })
	return state, err
}

// owned reports whether the login carries our mark, or the account is the one that was taken over.
func (x *serviceAccount) owned(a grafana.ServiceAccount) bool {
	recorded := a.ID == x.obj.Status.ID && a.Login == x.obj.Status.Login && x.obj.Status.CreatedAt != "" &&
		createdAt(a) == x.obj.Status.CreatedAt
	return (mark.InLogin(a.Login, mark.ShortUID(x.obj)) || recorded) && (a.OrgID == 0 || a.OrgID == x.org.ID())
}

func createdAt(a grafana.ServiceAccount) string { return a.CreatedAt.UTC().Format(time.RFC3339) }

// search lists the accounts that carry our mark, the first first.
func (x *serviceAccount) search(ctx context.Context) ([]grafana.ServiceAccount, error) {
	found, err := x.org.SearchServiceAccounts(ctx, mark.ShortUID(x.obj))
	found = slices.DeleteFunc(found, func(a grafana.ServiceAccount) bool { return !x.owned(a) })
	slices.SortFunc(found, func(a, b grafana.ServiceAccount) int { return cmp.Compare(a.ID, b.ID) })
	return found, err
}

// marked is the first account that carries our mark, or one that the object may take over.
func (x *serviceAccount) marked(ctx context.Context) (*accountState, error) {
	found, err := x.search(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(found) > 0:
		return &accountState{ServiceAccount: found[0], duplicates: found[1:]}, nil
	case !x.obj.DeletionTimestamp.IsZero():
		return nil, nil
	}
	return x.adopt(ctx)
}

func (x *serviceAccount) CheckConflict(ctx context.Context) error {
	if err := x.sibling(ctx); err != nil {
		return err
	}
	found, err := x.org.SearchServiceAccounts(ctx, x.obj.WantedName())
	if err != nil {
		return err
	}
	for _, a := range found {
		if a.Name == x.obj.WantedName() && !x.owned(a) {
			return x.taken(ctx, a)
		}
	}
	return nil
}

// sibling fails if another ServiceAccount of this organization has the name, or was there before and is about to get
// it.
func (x *serviceAccount) sibling(ctx context.Context) error {
	var list v1alpha1.ServiceAccountList
	if err := x.env.ListChildren(ctx, &list, x.owner); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.UID == x.obj.UID || o.WantedName() != x.obj.WantedName() || o.Namespace != x.obj.Namespace ||
			o.Spec.Suspend ||
			!o.DeletionTimestamp.IsZero() {
			continue // those of other namespaces are seen in Grafana, once they are there
		}
		if o.Status.ID != 0 && x.obj.Status.ID == 0 || (o.Status.ID != 0) == (x.obj.Status.ID != 0) && older(o, x.obj) {
			return lifecycle.Stalled(
				v1alpha1.ReasonNameConflict,
				"service account %q of this organization belongs to ServiceAccount %s: give this one another name",
				o.WantedName(),
				o.Name,
			)
		}
	}
	return nil
}

// Create makes the account. Grafana before 11.3.1 can fail half-way and leave a login that is taken for good by an
// account that nobody can see: then a counter is appended.
func (x *serviceAccount) Create(ctx context.Context) (*accountState, error) {
	name := x.birthName()
	for n := 2; ; n++ {
		have, err := x.org.CreateServiceAccount(
			ctx,
			grafana.ServiceAccount{Name: name, Role: string(x.obj.Spec.Role), IsDisabled: x.obj.Spec.Disabled},
		)
		if err == nil {
			return &accountState{ServiceAccount: have}, nil
		}
		if !grafana.IsTaken(err) {
			return nil, err
		}
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
	return fresh
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
	change := x.change(have)
	if change == (grafana.ServiceAccountPatch{}) {
		return nil
	}
	if change.Name != nil {
		if !mark.InLogin(have.Name, mark.ShortUID(x.obj)) { // CheckConflict was asked at the birth
			if err := x.CheckConflict(ctx); err != nil {
				return err
			}
		}
		if err := x.Prove(ctx, true); err != nil { // a rename wants a live proof
			return err
		}
	}
	if err := x.org.UpdateServiceAccount(ctx, have.ID, change); err != nil {
		return fmt.Errorf("changing %s of the service account: %w", strings.Join(x.Diff(have), ", "), err)
	}
	have.Name, have.Role, have.IsDisabled = x.obj.WantedName(), string(x.obj.Spec.Role), x.obj.Spec.Disabled
	return nil
}

// deleteDuplicates deletes the accounts of late creates. Nobody has had a token of theirs.
func (x *serviceAccount) deleteDuplicates(ctx context.Context, have *accountState) error {
	if len(have.duplicates) == 0 {
		return nil
	}
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
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
	return grafana.IgnoreNotFound(x.org.DeleteServiceAccount(ctx, have.ID))
}
