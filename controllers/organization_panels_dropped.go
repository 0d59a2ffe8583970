package controllers

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/mark"
)

// panelsStay tells people why library panels that nobody seems to need stay for now: once, as long as that is the same.
func (x *organization) panelsStay(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // shutting down
	}
	key := client.ObjectKeyFromObject(x.obj)
	x.panelLooks.again(key, x.Now().Add(undecidedPanels))
	next := "until the next look"
	if !x.obj.DeletionTimestamp.IsZero() {
		next = "with the organization"
	}
	message := fmt.Sprintf("Library panels that no Dashboard carries any more stay in Grafana %s: %v", next, err)
	if x.panelLooks.tell(key, message) {
		x.Warn(x.obj, v1alpha1.EventLeft, message)
	}
}

// dropPanels deletes the library panels that nobody needs, and brings how many. What fails is tried again later, and
// holds up nobody.
func (x *organization) dropPanels(ctx context.Context, have *orgState) (dropped int) {
	if have.panels == nil || len(have.panels.unused) == 0 {
		return 0
	}
	unused := have.panels.unused
	have.panels.unused, have.panels.others = nil, have.panels.others+len(unused)
	defer func() {
		have.panels.others -= dropped
		x.panelsLeft = dropped == 0
	}()
	key := client.ObjectKeyFromObject(x.obj)
	if err := x.conn.Prove(ctx, have.ID, x.mark, true); err != nil {
		x.panelsStay(ctx, err)
		return 0
	}
	if told, err := x.usesStillTold(ctx); err != nil {
		x.panelsStay(ctx, err)
		return 0
	} else if !told {
		x.panelLooks.again(key, x.Now().Add(time.Second))
		return 0
	}
	var failed error
	for _, p := range unused {
		gone, err := x.dropPanel(ctx, x.conn.Org(have.ID), p)
		if gone {
			dropped++
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("deleting library panel %q (%s): %w", p.Name, p.UID, err)
		}
		if grafana.IsUnavailable(err) {
			break
		}
	}
	if failed != nil {
		x.panelsStay(ctx, failed)
	} else {
		x.panelLooks.tell(key, "")
	}
	if dropped > 0 && have.panels.more {
		x.panelLooks.again(key, x.Now().Add(time.Second))
	}
	return dropped
}

// usesStillTold asks, where Grafana was gone by for who uses a library panel, whether it is still one that knows: it
// may have been updated a moment ago. If that is not sure, the next look goes by the contents of dashboards.
func (x *organization) usesStillTold(ctx context.Context) (bool, error) {
	if !x.conn.KeepsUsedPanels.Load() {
		return true, nil
	}
	settings, err := x.conn.Settings(ctx)
	switch {
	case grafana.IsUnavailable(err):
		return false, err
	case err == nil && settings.KeepsUsedPanels():
		return true, nil
	}
	x.conn.KeepsUsedPanels.Store(false)
	return false, nil
}

// dropLastPanels deletes what nobody needs in an organization that is let go: nobody looks there any more.
func (x *organization) dropLastPanels(ctx context.Context, have *orgState) {
	if !x.obj.Status.LibraryPanels || !have.member || mark.Read(have.Address) == (mark.Mark{}) {
		return
	}
	for range mostLooks {
		told := x.conn.KeepsUsedPanels.Load()
		left, err := x.lookForPanels(ctx, x.conn.Org(have.ID))
		if err != nil {
			x.panelsStay(ctx, err)
		}
		if left == nil {
			return
		}
		have.panels = left
		if (x.dropPanels(ctx, have) == 0 || !left.more) && told == x.conn.KeepsUsedPanels.Load() {
			return
		}
	}
}

// mostLooks is how many there are at a time when nobody looks again: others wait meanwhile.
const mostLooks = 10

// Undone is what Update was to do and could not: people are told of it otherwise.
func (x *organization) Undone() []string {
	if x.panelsLeft {
		return []string{unneededPanels}
	}
	return nil
}

// dropPanel deletes a library panel, unless something has become of it since it was looked at.
func (x *organization) dropPanel(
	ctx context.Context, org *grafana.OrgClient, p grafana.LibraryPanel,
) (gone bool, err error) {
	live, err := org.LibraryPanel(ctx, p.UID)
	if grafana.IsPanelFolderGone(err) { // nobody sees that one, to change it
		live, err = p, nil
	}
	if err != nil || live.UID != p.UID || live.Version != p.Version {
		return grafana.IsNotFound(err), grafana.IgnoreNotFound(err)
	}
	kept, err := organizationKind{x.Env}.keptPanels(ctx, x.obj)
	if err != nil || kept.listed[p.UID] {
		return false, err
	}
	x.conn.NoteNoLibraryPanel(org.ID(), p.UID) // before: who comes to carry it must not count on it
	err = org.DeleteLibraryPanel(ctx, p.UID)
	if err != nil {
		x.conn.ForgetLibraryPanels(org.ID())
	}
	if grafana.IsPanelInUse(err) {
		return false, nil
	}
	err = grafana.IgnoreNotFound(err)
	return err == nil, err
}
