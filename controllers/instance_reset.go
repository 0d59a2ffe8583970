package controllers

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// knowsDatabase reports whether this Grafana was seen to have the database that the operator's objects speak of. A session is forgotten with the database that it was in; without sessions the
// knowledge lasts as long as any proof.
func (c *Connection) knowsDatabase() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	session := c.SessionID()
	return c.known.session == session && (session != "" || c.now().Sub(c.known.at) < proofLife)
}

// rememberDatabase records that the database is the one.
func (c *Connection) rememberDatabase() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = proof{at: c.now(), session: c.SessionID()}
}

// recognize looks for any organization that the operator has made. Where there should be some and there is none, the database was reset, or is another one.
func (x *instance) recognize(ctx context.Context) error {
	if x.conn.knowsDatabase() {
		return nil
	}
	made, err := x.made(ctx)
	if err != nil {
		return err
	}
	seen, doubtful := len(made) == 0 || x.conn.Login == "", false // a token has one organization, which names itself
	if !seen {
		if seen, doubtful, err = x.seesAny(ctx, made); err != nil {
			return err
		}
	}
	switch confirmed := x.obj.Annotations[v1alpha1.AnnotationConfirmReset]; {
	case seen:
		x.conn.rememberDatabase()
	case x.obj.Spec.OnReset == v1alpha1.ResetRebuild && !doubtful, confirmed == strconv.FormatInt(x.obj.Status.Resets+1, 10):
		x.obj.Status.Resets++ // once that is written, none of them counts as made any more
		x.wasReset = true
	default:
		return stalled(v1alpha1.ReasonDatabaseReset, "none of the %d organizations that the operator has made is in this Grafana: is spec.url right, and its database in place? If it was emptied on purpose, annotate this Instance %s=%d, and everything is built again; if the organizations are there and have lost their marks, annotate one of the Organizations %s=<its id>",
			len(made), v1alpha1.AnnotationConfirmReset, x.obj.Status.Resets+1, v1alpha1.AnnotationConfirmOrgID)
	}
	return nil
}

// made lists the Organizations that should be in this Grafana: not one whose deletion there has begun, which may be gone.
func (x *instance) made(ctx context.Context) ([]v1alpha1.Organization, error) {
	var list v1alpha1.OrganizationList
	if err := x.listChildren(ctx, &list, x.key); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(o v1alpha1.Organization) bool {
		begun := !o.DeletionTimestamp.IsZero() && o.Status.DeleteStarted
		return o.Status.OrgID == 0 || o.Status.Resets != x.obj.Status.Resets || begun
	}), nil
}

// seesAny reports whether Grafana has an organization that carries the mark of one of these, under the id or the name that it had. It is doubtful if there is one with both id and name, which may
// have lost its mark, or be that of a Grafana that was set up alike.
func (x *instance) seesAny(ctx context.Context, made []v1alpha1.Organization) (seen, doubtful bool, err error) {
	ids, names := map[int64]bool{}, map[string]bool{}
	for i := range made {
		ids[made[i].Status.OrgID], names[made[i].Status.Name] = true, true
	}
	all, err := x.conn.ListOrgs(ctx)
	if err != nil {
		return false, false, err
	}
	for _, o := range all {
		if !ids[o.ID] && !names[o.Name] {
			continue
		}
		org, err := x.conn.OrgByID(ctx, o.ID)
		if absent(err) != nil {
			return false, false, err
		}
		if err == nil && slices.ContainsFunc(made, func(m v1alpha1.Organization) bool { return x.isOf(org, &m) }) {
			return true, false, nil
		}
		doubtful = doubtful || slices.ContainsFunc(made, func(m v1alpha1.Organization) bool { return m.Status.OrgID == o.ID && m.Status.Name == o.Name })
	}
	return false, doubtful, nil
}

// isOf reports whether an organization carries the mark of an Organization, or has under the recorded id the name that it was born with, an adoption or release that was cut off, or the confirmation of a person. Id and name are not
// enough: two Grafanas that were set up alike have the same.
func (x *instance) isOf(org grafana.Org, o *v1alpha1.Organization) bool {
	want := markOf(x.ClusterID, o)
	m := readMark(org.Address)
	born := m == (mark{}) && strings.HasSuffix(org.Name, birthSuffix(o))
	adopting := m == (mark{}) && o.Status.Adopted && org.Name == o.Status.Name
	released := releasedMark(org.Address) == want || want.predecessor(releasedMark(org.Address))
	return m == want || want.predecessor(m) || org.ID == o.Status.OrgID && (born || adopting || released || confirms(o, org.ID))
}
