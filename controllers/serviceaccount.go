package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounts,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounts/status,verbs=patch

type serviceAccountKind struct{ *Env }

// serviceAccount is a ServiceAccount in its organization. Its mark is the login, which Grafana derives from the name at creation and never changes.
type serviceAccount struct {
	*place
	env *Env
	obj *v1alpha1.ServiceAccount
}

func (k serviceAccountKind) New() *v1alpha1.ServiceAccount { return &v1alpha1.ServiceAccount{} }

func (k serviceAccountKind) Held(obj *v1alpha1.ServiceAccount) bool {
	return obj.Status.ID != 0 || obj.Status.CreateStarted != nil
}

func (k serviceAccountKind) Dependents(ctx context.Context, obj *v1alpha1.ServiceAccount) ([]Object, error) {
	tokens, err := k.children(ctx, &v1alpha1.ServiceAccountTokenList{}, obj)
	return holding(tokenKind{}, tokens), err
}

func (k serviceAccountKind) Abandon(context.Context, *v1alpha1.ServiceAccount) error { return nil }

func (k serviceAccountKind) Connect(ctx context.Context, obj *v1alpha1.ServiceAccount) (External[grafana.ServiceAccount], error) {
	place, err := k.placeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	return &serviceAccount{place: place, env: k.Env, obj: obj}, nil
}

func (x *serviceAccount) Get(ctx context.Context) (*grafana.ServiceAccount, error) {
	if x.obj.Status.ID == 0 || x.obj.Status.OrgID != x.org.ID() {
		return nil, nil
	}
	have, err := x.org.ServiceAccountByID(ctx, x.obj.Status.ID)
	if err != nil {
		return nil, absent(err)
	}
	if !x.owned(have) {
		return nil, nil
	}
	return &have, nil
}

// owned reports whether the login ends in our mark.
func (x *serviceAccount) owned(a grafana.ServiceAccount) bool {
	return strings.HasSuffix(a.Login, "-"+uid8(x.obj)) && (a.OrgID == 0 || a.OrgID == x.org.ID())
}

func (x *serviceAccount) Find(ctx context.Context) (*grafana.ServiceAccount, error) {
	found, err := x.org.SearchServiceAccounts(ctx, uid8(x.obj))
	if err != nil {
		return nil, err
	}
	for i := range found {
		if x.owned(found[i]) {
			return &found[i], nil
		}
	}
	return nil, nil
}

func (x *serviceAccount) Rival(ctx context.Context) error {
	if err := x.sibling(ctx); err != nil {
		return err
	}
	found, err := x.org.SearchServiceAccounts(ctx, x.obj.WantedName())
	if err != nil {
		return err
	}
	for _, a := range found {
		if a.Name == x.obj.WantedName() && !x.owned(a) {
			return stalled(v1alpha1.ReasonAlreadyExists, "service account %q exists in organization %d (id %d) and is not this object's: rename one of them", a.Name, x.org.ID(), a.ID)
		}
	}
	return nil
}

// sibling fails if another ServiceAccount of this organization has the name, or was there before and is about to get it.
func (x *serviceAccount) sibling(ctx context.Context) error {
	var list v1alpha1.ServiceAccountList
	if err := x.env.listChildren(ctx, &list, x.owner); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.UID == x.obj.UID || o.WantedName() != x.obj.WantedName() || o.Namespace != x.obj.Namespace || o.Spec.Suspend || !o.DeletionTimestamp.IsZero() {
			continue // those of other namespaces are seen in Grafana, once they are there
		}
		if o.Status.ID != 0 && x.obj.Status.ID == 0 || (o.Status.ID != 0) == (x.obj.Status.ID != 0) && older(o, x.obj) {
			return stalled(v1alpha1.ReasonNameConflict, "service account %q of this organization belongs to ServiceAccount %s: give this one another name", o.WantedName(), o.Name)
		}
	}
	return nil
}

// Prepare has nothing to say: the id is not known before.
func (x *serviceAccount) Prepare() {}

func (x *serviceAccount) Create(ctx context.Context) (*grafana.ServiceAccount, error) {
	have, err := x.org.CreateServiceAccount(ctx, grafana.ServiceAccount{
		Name: x.obj.WantedName() + "-" + uid8(x.obj), Role: string(x.obj.Spec.Role), IsDisabled: x.obj.Spec.Disabled,
	})
	if grafana.IsTaken(err) { // an earlier request took effect after all: the next pass finds it
		return nil, &problem{Reason: v1alpha1.ReasonCreating, Message: fmt.Sprintf("the login of %q is taken: looking again: %v", x.obj.WantedName(), err), Retry: true, err: err}
	}
	if err != nil {
		return nil, err
	}
	return &have, nil
}

func (x *serviceAccount) Record(have *grafana.ServiceAccount) bool {
	status := &x.obj.Status
	if have == nil {
		status.ID, status.Login, status.OrgID = 0, "", 0
		return false
	}
	fresh := status.ID != have.ID || status.OrgID != x.org.ID()
	status.ID, status.Login, status.OrgID = have.ID, have.Login, x.org.ID()
	return fresh
}

func (x *serviceAccount) Diff(have *grafana.ServiceAccount) []string {
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
	return diff
}

// change names what differs, and nothing else.
func (x *serviceAccount) change(have *grafana.ServiceAccount) (change grafana.ServiceAccountPatch) {
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

func (x *serviceAccount) Update(ctx context.Context, have *grafana.ServiceAccount) error {
	change := x.change(have)
	if change.Name != nil {
		if !strings.HasSuffix(have.Name, "-"+uid8(x.obj)) { // Rival was asked at the birth
			if err := x.Rival(ctx); err != nil {
				return err
			}
		}
		if err := x.Prove(ctx, true); err != nil { // a rename wants a live proof
			return err
		}
	}
	if err := x.org.UpdateServiceAccount(ctx, have.ID, change); err != nil {
		return err
	}
	have.Name, have.Role, have.IsDisabled = x.obj.WantedName(), string(x.obj.Spec.Role), x.obj.Spec.Disabled
	return nil
}

// Judge has nothing to add.
func (x *serviceAccount) Judge(*grafana.ServiceAccount) error { return nil }

// Recheck has no reason of its own.
func (x *serviceAccount) Recheck(*grafana.ServiceAccount) time.Duration { return 0 }

// Delete deletes the account. find has just seen its login, and the lifecycle proven the organization.
func (x *serviceAccount) Delete(ctx context.Context, have *grafana.ServiceAccount) error {
	return absent(x.org.DeleteServiceAccount(ctx, have.ID))
}

// Release has nothing to take off: the login stays what it is.
func (x *serviceAccount) Release(context.Context, *grafana.ServiceAccount) error { return nil }
