package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

func (x *organization) Delete(ctx context.Context, have *orgState) error {
	return x.deleteOwned(ctx, have.ID)
}

// deleteOwned deletes an organization that can be deleted at this moment.
func (x *organization) deleteOwned(ctx context.Context, id int64) error {
	if err := x.checkDelete(ctx, id); err != nil {
		return grafana.IgnoreNotFound(err)
	}
	if x.obj.Spec.DeletionPolicy == v1alpha1.OrganizationDeleteWithContents {
		if err := x.deleteAccounts(ctx, id); err != nil {
			return err
		}
	}
	return x.cannotDelete(grafana.IgnoreNotFound(x.conn.DeleteOrg(ctx, id)))
}

// checkDelete fails unless an organization is ours at this moment and, unless its contents may go too, has nothing in
// it that the operator did not put there.
func (x *organization) checkDelete(ctx context.Context, id int64) error {
	org, err := x.conn.OrgByID(ctx, id)
	if err != nil {
		return err
	}
	if ours, err := x.owned(ctx, org); err != nil {
		return err
	} else if !ours {
		return lifecycle.Stalled(
			v1alpha1.ReasonOwnershipLost,
			"organization %d no longer carries the operator's mark",
			id,
		)
	}
	member, err := x.conn.IsMember(ctx, id)
	if err != nil {
		return err
	}
	if err := x.join(ctx, &orgState{Org: org, member: member}); err != nil { // only a member sees all that is in it
		return err
	}
	if x.obj.Spec.DeletionPolicy == v1alpha1.OrganizationDeleteWithContents {
		return nil
	}
	return x.refuseContents(ctx, org)
}

// deleteAccounts deletes all service accounts, which Grafana would leave behind without an organization.
func (x *organization) deleteAccounts(ctx context.Context, id int64) error {
	accounts, err := x.conn.Org(id).SearchServiceAccounts(ctx, "")
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if err := grafana.IgnoreNotFound(x.conn.Org(id).DeleteServiceAccount(ctx, a.ID)); err != nil {
			return err
		}
	}
	return nil
}

// refuseContents fails if the organization holds something. All that the operator put there is gone by now.
func (x *organization) refuseContents(ctx context.Context, org grafana.Org) error {
	found, err := x.contents(ctx, org.ID)
	if err != nil || len(found) == 0 {
		return err
	}
	slices.Sort(found) // the same things are told in the same words at each look
	members, err := x.members(ctx, org.ID)
	if err != nil {
		return err
	}
	p := lifecycle.Stalled(
		v1alpha1.ReasonDeletionBlocked,
		"organization %q holds what the operator did not put there: %s%s. Delete that in Grafana, set "+
			"deletionPolicy: DeleteWithContents to delete it all, or Orphan to keep the organization",
		org.Name,
		listed(found),
		members,
	)
	p.RetryAfter = afterBlocked(x.obj, p.Message)
	return p
}

// afterBlocked is when to look again at contents that keep something from being deleted: soon as long as it is not what
// kept it at the last look, since Grafana's search lags behind, and what we have just deleted or moved away may still
// be in it. 0: at the resync.
func afterBlocked(obj lifecycle.Object, message string) time.Duration {
	was := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	start := message[:min(len(message), 500)] // a condition keeps no more of a long one
	if was == nil || was.Reason != v1alpha1.ReasonDeletionBlocked || !strings.Contains(was.Message, start) {
		return 15 * time.Second
	}
	return 0
}

// mostListed is how many things a message lists.
const mostListed = 10

// listed is a list for a message.
func listed(things []string) string {
	if len(things) > mostListed {
		return strings.Join(things[:mostListed], ", ") + fmt.Sprintf(" and %d more", len(things)-mostListed)
	}
	return strings.Join(things, ", ")
}

// contents names what is in the organization and would be lost with it.
func (x *organization) contents(ctx context.Context, id int64) ([]string, error) {
	org := x.conn.Org(id)
	var found []string
	hits, err := org.SearchContents(ctx, 100)
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		if h.Type == "dash-folder" && strings.HasPrefix(h.UID, folderPrefix(x.mark)) {
			continue // made for a path
		}
		found = append(found, fmt.Sprintf("%q", h.Title))
	}
	sources, err := org.DataSources(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		found = append(found, fmt.Sprintf("data source %q", s.Name))
	}
	rules, err := org.AlertRules(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		found = append(found, fmt.Sprintf("alert rule %q", r.Title))
	}
	panels, err := org.LibraryPanels(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range panels {
		if strings.HasPrefix(p.UID, panelPrefix(x.mark)) {
			continue // kept for a Dashboard that is gone: who uses it is a dashboard, which is told above
		}
		found = append(found, fmt.Sprintf("library panel %q", p.Name))
	}
	teams, err := org.Teams(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range teams {
		found = append(found, fmt.Sprintf("team %q", t.Name))
	}
	accounts, err := org.SearchServiceAccounts(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		found = append(found, fmt.Sprintf("service account %q", a.Name))
	}
	return found, nil
}

// members says who else is in the organization.
func (x *organization) members(ctx context.Context, id int64) (string, error) {
	all, err := x.conn.OrgMembers(ctx, id)
	if err != nil {
		return "", err
	}
	var others []string
	for _, m := range all {
		if !x.conn.IsOperator(m.UserID, m.Login, m.Email) {
			others = append(others, fmt.Sprintf("%q", m.Login))
		}
	}
	if len(others) == 0 {
		return "", nil
	}
	return "; its members are " + listed(others), nil
}

// cannotDelete tells a version of Grafana that cannot delete organizations from a failure that may pass.
func (x *organization) cannotDelete(err error) error {
	version := x.instance.Status.Version
	if !grafana.CannotDeleteOrgs(err, version) {
		return err
	}
	p := lifecycle.Stalled(
		v1alpha1.ReasonCannotDelete,
		"Grafana %s cannot delete organizations (%v). Update Grafana, or set deletionPolicy: Orphan to keep the "+
			"organization",
		version,
		err,
	)
	p.Err = err
	return p
}

// Release takes the mark off, so that nobody takes the organization for ours again, and leaves it if the operator had
// joined it for the adoption.
func (x *organization) Release(ctx context.Context, have *orgState) error {
	if err := x.deleteDuplicates(ctx, have); err != nil {
		return err
	}
	x.dropLastPanels(ctx, have)
	if mark.Read(have.Address) != (mark.Mark{}) {
		address := mark.Release(have.Address, have.adopted)
		if err := grafana.IgnoreNotFound(x.conn.SetOrgAddress(ctx, have.ID, address)); err != nil {
			return err
		}
	}
	if !x.obj.Status.Joined {
		return nil
	}
	return x.leave(ctx, have.ID)
}

// leave takes the operator's login out of the organization. Where it is the last admin Grafana keeps it in, which harms
// nobody.
func (x *organization) leave(ctx context.Context, id int64) error {
	members, err := x.conn.OrgMembers(ctx, id)
	if err != nil {
		return grafana.IgnoreNotFound(err)
	}
	for _, m := range members {
		if !x.conn.IsOperator(m.UserID, m.Login, m.Email) {
			continue
		}
		if err := grafana.IgnoreNotFound(
			x.conn.RemoveMember(ctx, id, m.UserID),
		); err != nil &&
			!grafana.IsLastAdmin(err) {
			return err
		}
	}
	x.conn.ForgetMember(id)
	return nil
}
