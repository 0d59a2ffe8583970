package controllers

import (
	"fmt"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// taken says that a name is held, and by whom if that is the object's own namespace.
func (x *organization) taken(name string, holder mark) error {
	who := "an object of another namespace or cluster"
	switch {
	case holder == (mark{}):
		return stalled(v1alpha1.ReasonAlreadyExists, "organization %q exists in Grafana and was not created by the operator: rename one of them", name)
	case x.otherCluster(holder):
		return stalled(v1alpha1.ReasonNameConflict, "organization %q was made for an object of this namespace and name in the cluster %s, and this is the cluster %s. If this one takes that one's place, start the operator with --cluster-id=%s; else give this object another spec.name",
			name, holder.cluster, x.mark.cluster, holder.cluster)
	case holder == x.mark:
		return stalled(v1alpha1.ReasonNameConflict, "organization %q carries the mark of this object, which has organization %d: somebody has copied it. Rename organization %q in Grafana, or delete it there",
			name, x.obj.Status.OrgID, name)
	case strings.HasPrefix(holder.owner, x.obj.Namespace+"/"):
		who = holder.owner
	}
	return stalled(v1alpha1.ReasonNameConflict, "organization %q belongs to %s: give this one another name", name, who)
}

// otherCluster reports whether a mark is that of an object of the same namespace and name in another cluster: or in this one, before its id was changed.
func (x *organization) otherCluster(m mark) bool {
	return m.owner == x.mark.owner && m.cluster != x.mark.cluster
}

// lostMark says what a person can do about an organization that has the recorded id, but is not provably ours.
func (x *organization) lostMark() error {
	id := x.lost.ID
	switch m := readMark(x.lost.Address); {
	case x.otherCluster(m):
		return stalled(v1alpha1.ReasonOwnershipLost, "organization %d (%q) carries the mark of this object under the cluster id %s, and this operator's is %s. Start the operator with --cluster-id=%s, or annotate this object %s=%d to have the organization marked anew",
			id, x.lost.Name, m.cluster, x.mark.cluster, m.cluster, v1alpha1.AnnotationConfirmOrgID, id)
	case m != (mark{}):
		return stalled(v1alpha1.ReasonOwnershipLost, "organization %d is there, but is called %q and carries the mark of another object. If it is this one all the same, annotate this object %s=%d; else annotate it %s=true and delete it",
			id, x.lost.Name, v1alpha1.AnnotationConfirmOrgID, id, v1alpha1.AnnotationAbandon)
	}
	return stalled(v1alpha1.ReasonOwnershipLost, "organization %d is there, but is called %q and does not carry the operator's mark any more. If it is this one, rename it to %q in Grafana or annotate this object %s=%d; else annotate it %s=true and delete it",
		id, x.lost.Name, x.obj.Status.Name, v1alpha1.AnnotationConfirmOrgID, id, v1alpha1.AnnotationAbandon)
}

// copiedMark says that an organization with our mark is another object's: its Admin has copied the mark, or a restore has shuffled ids, and the other finds out when it is visited.
func (x *organization) copiedMark(org grafana.Org) error {
	return &problem{Reason: v1alpha1.ReasonOwnershipLost, Retry: true,
		Message: fmt.Sprintf("organization %d (%q) carries the mark of this object, but is recorded as another Organization's: looking again", org.ID, org.Name)}
}
