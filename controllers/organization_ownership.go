package controllers

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// owned reports whether an organization is ours: it carries our mark, or that of an earlier life of this object, or,
// while it carries none, our birth name or, under the recorded id, the name that we last gave it, or the confirmation
// of a person.
func (x *organization) owned(ctx context.Context, org grafana.Org) (bool, error) {
	confirmed := org.ID == x.obj.Status.OrgID && confirms(x.obj, org.ID)
	switch m := mark.Read(org.Address); {
	case m == x.mark:
		return true, nil
	case x.mark.Predecessor(m):
		return x.inherits(ctx, org)
	case m != (mark.Mark{}):
		if !confirmed {
			return false, nil
		}
		others, err := x.ofAnother(ctx, org)
		return !others, err
	}
	if confirmed || strings.HasSuffix(org.Name, mark.BirthSuffix(x.obj)) {
		return true, nil
	}
	recorded := !x.fromBefore() && org.ID == x.obj.Status.OrgID && org.Name == x.obj.Status.Name && !x.neverOurs(org)
	if recorded && !x.conn.KnowsDatabase() { // another Grafana that was set up alike has the same
		return false, x.databaseUnknown("its organization carries no mark")
	}
	return recorded, nil
}

// marked reports whether an organization carries our mark, that of an earlier life, or what is left of that after
// Orphan.
func (x *organization) marked(ctx context.Context, org grafana.Org) (bool, error) {
	m := mark.Read(org.Address)
	switch {
	case m == x.mark:
		return true, nil
	case x.mark.Predecessor(m), m == (mark.Mark{}) && x.mark.Predecessor(mark.ReadReleased(org.Address)):
		return x.inherits(ctx, org)
	}
	return false, nil
}

// fromBefore reports whether what status records is of a database that is no more.
func (x *organization) fromBefore() bool {
	return x.obj.Status.OrgID != 0 && x.obj.Status.Resets != x.instance.Status.Resets
}

// neverOurs reports whether others have made what has the recorded id, as they can after a restore: an organization of
// ours gets its mark before its name, and Grafana blanks no field of an address. The mark is in the second line, unless
// a person uses that one.
func (x *organization) neverOurs(org grafana.Org) bool {
	status := x.obj.Status
	named := status.Name != "" && !strings.HasSuffix(status.Name, mark.BirthSuffix(x.obj))
	return named && !status.Adopted && org.Address.Address2 == ""
}

// wasAdopted reports whether an organization was taken over. Its mark says so where status does not know it; else an
// Admin of it could keep it from being deleted by that word.
func (x *organization) wasAdopted(org grafana.Org) bool {
	if x.conn.Login != "" && x.obj.Status.OrgID == org.ID && !x.fromBefore() {
		return x.obj.Status.Adopted
	}
	// A mark that an older version of the operator has left does not say it.
	again := x.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionAdopt && mark.ReadReleased(org.Address) != (mark.Mark{})
	return x.obj.Status.Adopted || mark.SaysAdopted(org.Address) || again
}

// confirms reports whether a person has said that the organization of this id is the object's.
func confirms(obj *v1alpha1.Organization, id int64) bool {
	return obj.Annotations[v1alpha1.AnnotationConfirmOrgID] == strconv.FormatInt(id, 10)
}

// databaseUnknown waits until the Instance has found out whether its database is the one that status speaks of.
func (x *organization) databaseUnknown(what string) error {
	return &lifecycle.Problem{
		Reason:  v1alpha1.ReasonParentNotAvailable,
		Retry:   true,
		Suspect: &lifecycle.Suspect{Kind: "Instance", Key: x.conn.Server},
		Message: fmt.Sprintf(
			"%s: waiting for Instance %s to find out whether Grafana has still the same database",
			what,
			x.conn.Server,
		),
	}
}

// inherits reports whether an organization with the mark of an earlier life of this object can be taken over: it is not
// recorded as another object's. An Admin of an organization can write into its address what they like, and so pass
// theirs off as somebody's.
func (x *organization) inherits(ctx context.Context, org grafana.Org) (bool, error) {
	holder, err := x.holder(ctx, org)
	return holder == nil, err
}

// holder is another Organization that records an organization as its own; nil: there is none.
func (x *organization) holder(ctx context.Context, org grafana.Org) (*v1alpha1.Organization, error) {
	return x.another(ctx, func(o *v1alpha1.Organization) bool {
		return o.Status.OrgID == org.ID && o.Status.Resets == x.instance.Status.Resets
	})
}

// ofAnother reports whether an organization is marked, or named at birth, for another object that there is, which
// records it too: as after a restore under other ids.
func (x *organization) ofAnother(ctx context.Context, org grafana.Org) (bool, error) {
	m := mark.Read(org.Address)
	holder, err := x.another(ctx, func(o *v1alpha1.Organization) bool {
		theirs := m.UID == string(o.UID) || m == (mark.Mark{}) && strings.HasSuffix(org.Name, mark.BirthSuffix(o))
		return theirs && o.Status.OrgID == org.ID && o.Status.Resets == x.instance.Status.Resets
	})
	return holder != nil, err
}

// another is another Organization on the Instance of which this is true; nil: there is none.
func (x *organization) another(
	ctx context.Context, is func(*v1alpha1.Organization) bool,
) (*v1alpha1.Organization, error) {
	var list v1alpha1.OrganizationList
	if err := x.ListChildren(ctx, &list, x.conn.Server); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if o := &list.Items[i]; o.UID != x.obj.UID && is(o) {
			return o, nil
		}
	}
	return nil, nil
}

func (x *organization) isMarked(have *orgState) bool {
	return mark.Read(have.Address) == x.mark && mark.SaysAdopted(have.Address) == have.adopted
}

func (x *organization) setMark(ctx context.Context, have *orgState) error {
	if x.isMarked(have) {
		return nil
	}
	address := mark.Write(have.Address, x.mark, have.adopted)
	if err := x.conn.SetOrgAddress(ctx, have.ID, address); err != nil {
		p := *lifecycle.Classify(err, x.conn.Server)
		p.Unavailable = true
		return &p
	}
	have.Address = address
	x.conn.RememberMark(ctx, have.ID, x.mark)
	return nil
}
