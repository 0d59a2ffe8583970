package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// ownerHash stands for an object's namespace and name, which its earlier lives had too.
func ownerHash(obj lifecycle.Object) string {
	sum := sha256.Sum256([]byte(obj.GetNamespace() + "/" + obj.GetName()))
	return hex.EncodeToString(sum[:4])
}

// birthName is the name that the account is created under. The login, which is made from it, says for ever whose the
// account is.
func (x *serviceAccount) birthName() string {
	name := []rune(x.obj.WantedName())
	return string(name[:min(len(name), maxNameInLogin)]) + "-" + ownerHash(x.obj) + "-" + mark.ShortUID(x.obj)
}

// maxNameInLogin leaves room for sa-<org>- and the mark in the 190 characters that a login can have.
const maxNameInLogin = 150

// adopt finds the account that this object may have although it was not made for it: one of an earlier life of it, or,
// with consent, somebody else's. It returns nil if there is none.
func (x *serviceAccount) adopt(ctx context.Context) (*accountState, error) {
	found, err := x.earlierLife(ctx)
	adopted := false
	if found == nil && err == nil {
		found, err = x.adoptable(ctx)
		adopted = true
	}
	if found == nil || err != nil {
		return nil, err
	}
	if err := x.sibling(ctx); err != nil {
		return nil, err
	}
	whole, err := x.org.ServiceAccountByID(ctx, found.ID) // a list does not tell when it was created
	switch {
	case err != nil:
		return nil, grafana.IgnoreNotFound(err)
	case whole.Login != found.Login, !x.isHere(whole), adopted && whole.Name != found.Name:
		return nil, errLookAgain // the id is another's by now
	case adopted && roleRank[v1alpha1.Role(whole.Role)] > roleRank[x.highestRole()]:
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonRoleNotPermitted,
			"service account %q exists in Grafana with role %s, and Organization %s allows no role above %s here",
			whole.Name,
			whole.Role,
			x.owner,
			x.highestRole(),
		)
	}
	return &accountState{ServiceAccount: whole, adopted: adopted}, nil
}

// earlierLife finds the account of an object of the same namespace and name that is no more: it was deleted with
// Orphan, or restored, and applied again.
func (x *serviceAccount) earlierLife(ctx context.Context) (*grafana.ServiceAccount, error) {
	found, err := x.list(ctx)
	at := slices.IndexFunc(found, x.isEarlier)
	if err != nil || at < 0 {
		return nil, err
	}
	return &found[at], nil
}

// isEarlier reports whether an account was made for an object of the same namespace and name.
func (x *serviceAccount) isEarlier(a grafana.ServiceAccount) bool {
	kin := "-" + ownerHash(x.obj) + "-"
	at := strings.LastIndex(a.Login, kin)
	return at >= 0 && shortUID.MatchString(a.Login[at+len(kin):])
}

// shortUID is what comes last in a login that an object's account was born with.
var shortUID = regexp.MustCompile(`^[0-9a-f]{8}(-[2-9])?$`)

// adoptable finds the one account of the wanted name, if the object asks for it; it fails if the Organization does not
// allow that.
func (x *serviceAccount) adoptable(ctx context.Context) (*grafana.ServiceAccount, error) {
	if x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		return nil, nil
	}
	all, err := x.list(ctx)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(all), func(a grafana.ServiceAccount) bool {
		return a.Name != x.obj.WantedName()
	})
	if len(found) != 1 {
		return nil, nil // of several CheckConflict says that they are there
	}
	held, err := x.held(ctx, found[0])
	switch a := found[0]; {
	case err != nil || held:
		return nil, err
	case x.object.Spec.Adoption != v1alpha1.AdoptionAllow:
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonAdoptionNotPermitted,
			"service account %q exists in Grafana, and Organization %s does not allow that it is adopted: have "+
				"its spec.adoption set to Allow, or choose another name",
			a.Name,
			x.owner,
		)
	}
	return &found[0], nil
}

// taken says that an account has the wanted name, and whether it could be taken over.
func (x *serviceAccount) taken(ctx context.Context, a grafana.ServiceAccount) error {
	held, err := x.held(ctx, a)
	if err != nil {
		return err
	}
	cure := "rename one of them"
	if !held && x.obj.Status.ID == 0 && x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		cure += ", or have this object take it over with adoptionPolicy: Adopt"
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonAlreadyExists,
		"service account %q exists in organization %d (id %d) and is not this object's: %s",
		a.Name,
		x.org.ID(),
		a.ID,
		cure,
	)
}

// held reports whether an account belongs to another ServiceAccount of the cluster.
func (x *serviceAccount) held(ctx context.Context, a grafana.ServiceAccount) (bool, error) {
	var list v1alpha1.ServiceAccountList
	err := x.env.ListChildren(ctx, &list, x.owner)
	return slices.ContainsFunc(list.Items, func(o v1alpha1.ServiceAccount) bool {
		return o.UID != x.obj.UID &&
			(mark.InLogin(a.Login, mark.ShortUID(&o)) || o.Status.ID == a.ID && o.Status.OrgID == x.org.ID())
	}), err
}
