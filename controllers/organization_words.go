package controllers

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// taken says that a name is held, and by whom if that is the object's own namespace.
func (x *organization) taken(holder grafana.Org) error {
	name, who := fmt.Sprintf("organization %q", holder.Name), "an object of another namespace or cluster"
	if holder.Name != x.obj.WantedName() {
		name += fmt.Sprintf(", which Grafana's database takes for the same name as %q,", x.obj.WantedName())
	}
	switch m := mark.Read(holder.Address); {
	case m == (mark.Mark{}):
		cure := "rename one of them"
		if x.obj.Status.OrgID == 0 && x.adoptable(holder) {
			cure += ", or have this object take it over with adoptionPolicy: Adopt"
		}
		return lifecycle.Stalled(
			v1alpha1.ReasonAlreadyExists,
			"%s exists in Grafana and was not created by the operator: %s",
			name,
			cure,
		)
	case x.otherCluster(m):
		return lifecycle.Stalled(
			v1alpha1.ReasonNameConflict,
			"%s was made for an object of this namespace and name in the cluster %s, and this is the cluster %s. "+
				"If this one takes that one's place, start the operator with --cluster-id=%s; else give this "+
				"object another spec.name",
			name,
			m.Cluster,
			x.mark.Cluster,
			m.Cluster,
		)
	case m == x.mark:
		return lifecycle.Stalled(
			v1alpha1.ReasonNameConflict,
			"%s carries the mark of this object, which has organization %d: somebody has copied it. Rename "+
				"organization %q in Grafana, or delete it there",
			name,
			x.obj.Status.OrgID,
			holder.Name,
		)
	case strings.HasPrefix(m.Owner, x.obj.Namespace+"/"):
		who = m.Owner
	}
	return lifecycle.Stalled(v1alpha1.ReasonNameConflict, "%s belongs to %s: give this one another name", name, who)
}

// claimed says that another Organization comes first: with the same name for good, with one like it until that has its
// own.
func (x *organization) claimed(o *v1alpha1.Organization) error {
	who := x.nameOf(o)
	if o.WantedName() == x.obj.WantedName() {
		return lifecycle.Stalled(
			v1alpha1.ReasonNameConflict,
			"organization %q is wanted by %s too, which was there before: give this one another name",
			o.WantedName(),
			who,
		)
	}
	return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true, Message: fmt.Sprintf(
		"waiting for %s to get its name: there are databases that take it for the same as %q", who, x.obj.WantedName())}
}

// nameOf names another Organization to those of its own namespace only.
func (x *organization) nameOf(o *v1alpha1.Organization) string {
	if o.Namespace != x.obj.Namespace {
		return "an Organization of another namespace"
	}
	return "Organization " + o.Namespace + "/" + o.Name
}

// recordedBy says that an organization without a mark is another object's all the same: its Admin can have taken off
// the mark and given it any name.
func (x *organization) recordedBy(org grafana.Org, holder *v1alpha1.Organization) error {
	return lifecycle.Stalled(v1alpha1.ReasonNameConflict,
		"organization %q carries no mark, but is recorded as that of %s: it is not adopted. "+
			"Give this object another name, or give that organization its own name again in Grafana",
		org.Name, x.nameOf(holder))
}

// maxOrgName leaves room for what the name has at birth in the 190 characters that a database keeps, some of them
// silently.
const maxOrgName = 179

// checkName fails if the object's own name, which is longer than spec.name can be, stands in for that.
func (x *organization) checkName() error {
	if n := utf8.RuneCountInString(x.obj.WantedName()); n > maxOrgName {
		return lifecycle.Stalled(
			v1alpha1.ReasonInvalidSpec,
			"this object's name has %d characters, and an organization's at most %d: set spec.name",
			n,
			maxOrgName,
		)
	}
	return nil
}

// otherCluster reports whether a mark is that of an object of the same namespace and name in another cluster: or in
// this one, before its id was changed.
func (x *organization) otherCluster(m mark.Mark) bool {
	return m.Owner == x.mark.Owner && m.Cluster != x.mark.Cluster
}

// lostMark says what a person can do about an organization that has the recorded id, but is not provably ours.
func (x *organization) lostMark() error {
	id := x.lost.ID
	switch m := mark.Read(x.lost.Address); {
	case x.otherCluster(m):
		return lifecycle.Stalled(
			v1alpha1.ReasonOwnershipLost,
			"organization %d (%q) carries the mark of this object under the cluster id %s, and this operator's is "+
				"%s. Start the operator with --cluster-id=%s, or annotate this object %s=%d to have the "+
				"organization marked anew",
			id,
			x.lost.Name,
			m.Cluster,
			x.mark.Cluster,
			m.Cluster,
			v1alpha1.AnnotationConfirmOrgID,
			id,
		)
	case m != (mark.Mark{}):
		return lifecycle.Stalled(
			v1alpha1.ReasonOwnershipLost,
			"organization %d is there, but is called %q and carries the mark of another object. If it is this one "+
				"all the same, annotate this object %s=%d; else annotate it %s=true and delete it",
			id,
			x.lost.Name,
			v1alpha1.AnnotationConfirmOrgID,
			id,
			v1alpha1.AnnotationAbandon,
		)
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonOwnershipLost,
		"organization %d is there, but is called %q and does not carry the operator's mark any more. If it is "+
			"this one, rename it to %q in Grafana or annotate this object %s=%d; else annotate it %s=true and "+
			"delete it",
		id,
		x.lost.Name,
		x.obj.Status.Name,
		v1alpha1.AnnotationConfirmOrgID,
		id,
		v1alpha1.AnnotationAbandon,
	)
}

// copiedMark says that an organization with our mark is another object's: its Admin has copied the mark, or a restore
// has shuffled ids, and the other finds out when it is visited.
func (x *organization) copiedMark(org grafana.Org) error {
	return &lifecycle.Problem{
		Reason: v1alpha1.ReasonOwnershipLost,
		Retry:  true,
		Message: fmt.Sprintf(
			"organization %d (%q) carries the mark of this object, but is recorded as another Organization's: "+
				"looking again",
			org.ID,
			org.Name,
		),
	}
}
