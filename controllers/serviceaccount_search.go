package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Find finds the account that status records, or else one that carries our mark.
func (x *serviceAccount) Find(ctx context.Context) (*accountState, error) {
	x.all = nil
	have, err := x.fromList(ctx)
	if have == nil && err == nil {
		have, err = x.recorded(ctx)
	}
	if have != nil || err != nil {
		return have, err
	}
	return x.marked(ctx)
}

// fromList finds the account on a list that serves many, if it is there just as it is asked for. What was taken over is
// not known by its login alone, and no list tells when it was created.
func (x *serviceAccount) fromList(ctx context.Context) (*accountState, error) {
	status := x.obj.Status
	if !x.due || status.ID == 0 || status.OrgID != x.org.ID() || status.CreateStarted != nil ||
		x.conn.SessionID() == "" ||
		!mark.InLogin(status.Login, mark.ShortUID(x.obj)) || !x.obj.DeletionTimestamp.IsZero() ||
		!meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
		return nil, nil
	}
	list, err := x.conn.ListOfAccounts(ctx, x.org, connection.Due)
	for _, a := range list {
		have := &accountState{ServiceAccount: a, adopted: status.Adopted}
		if a.ID == status.ID && a.Login == status.Login && x.owned(a) && len(x.Diff(have)) == 0 {
			return have, nil
		}
	}
	return nil, err
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

// FoundByObject is true of what is made: its login has the object's uid.
func (x *serviceAccount) FoundByObject() (now, before bool) { return true, true }

// KnownByObject is false: what was taken over has another's login, and only status tells of it.
func (x *serviceAccount) KnownByObject() bool { return false }

// list has all accounts of the organization, as they are: those who ask at the same time share one.
func (x *serviceAccount) list(ctx context.Context) ([]grafana.ServiceAccount, error) {
	if x.all != nil {
		return x.all, nil
	}
	all, err := x.conn.ListOfAccounts(ctx, x.org, connection.Now)
	if err == nil {
		x.all = append([]grafana.ServiceAccount{}, all...)
	}
	return x.all, err
}

// search lists the accounts that carry our mark, the first first.
func (x *serviceAccount) search(ctx context.Context) ([]grafana.ServiceAccount, error) {
	all, err := x.list(ctx)
	return oldestFirst(all, x.owned, func(a grafana.ServiceAccount) int64 { return a.ID }), err
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
	all, err := x.list(ctx)
	if err != nil {
		return err
	}
	return x.checkNameIn(ctx, all)
}

// checkName looks again, right before a request, whether another account has got the name: Grafana takes one twice, and
// two objects of one name in two namespaces may have gone by the same list. It goes by what is known, and asks only
// where nothing is, or the name is taken.
func (x *serviceAccount) checkName(ctx context.Context) error {
	all, known := x.conn.KnownAccounts(x.org.ID())
	if known && !slices.ContainsFunc(all, x.hasName) {
		return nil
	}
	all, err := x.conn.ListOfAccounts(ctx, x.org, connection.Now)
	if err != nil {
		return err
	}
	return x.checkNameIn(ctx, all)
}

// hasName reports whether an account is another one that has the wanted name.
func (x *serviceAccount) hasName(a grafana.ServiceAccount) bool {
	return a.Name == x.obj.WantedName() && !x.owned(a)
}

func (x *serviceAccount) checkNameIn(ctx context.Context, all []grafana.ServiceAccount) error {
	if at := slices.IndexFunc(all, x.hasName); at >= 0 {
		return x.taken(ctx, all[at])
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
