package controllers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// keepPanels makes and changes library panels as the source has them. Grafana 10 fails to save a dashboard that refers
// to one that there is not.
func (x *dash) keepPanels(ctx context.Context) error {
	if err := x.panelsStillThere(ctx); err != nil {
		return err
	}
	todo := map[string]bool{}
	for _, wanted := range x.content.panels {
		if x.differs(x.panels[wanted.UID]) {
			todo[wanted.UID] = true
		}
	}
	if len(todo) == 0 {
		return nil
	}
	carried, err := x.content.libraryPanels(ctx)
	if err != nil {
		return err
	}
	for _, p := range carried {
		if !todo[p.UID] {
			continue
		}
		if x.panels[p.UID], err = x.keepPanel(ctx, p, x.panels[p.UID]); err != nil {
			x.conn.ForgetLibraryPanels(x.org.ID())
			return err
		}
	}
	return nil
}

// panelsStillThere fails if a library panel that was seen is not there any more: its Organization deletes one in its
// own turn, and has that known at once.
func (x *dash) panelsStillThere(ctx context.Context) error {
	seen := slices.DeleteFunc(slices.Clone(x.content.panels), func(wanted v1alpha1.KeptLibraryPanel) bool {
		return x.panels[wanted.UID].state == panelMissing
	})
	if len(seen) == 0 {
		return nil
	}
	list, err := x.conn.ListOfLibraryPanels(ctx, x.org, connection.Due)
	if err != nil {
		return fmt.Errorf("listing the library panels, before a dashboard is saved that has some: %w", err)
	}
	for _, wanted := range seen {
		if _, isThere := list[wanted.UID]; !isThere {
			return panelChanged(wanted.Name)
		}
	}
	return nil
}

// keepPanel makes a library panel, or changes the one that was read. One of ours that has its name for nobody any more
// makes way.
func (x *dash) keepPanel(ctx context.Context, p dashboard.LibraryPanel, seen seenPanel) (seenPanel, error) {
	model, err := p.Model()
	if err != nil {
		return seen, err
	}
	now, err := x.writePanel(ctx, p, model, seen)
	if !grafana.IsTaken(err) || grafana.IsVersionMismatch(err) {
		return now, err
	}
	if err := x.makeWay(ctx, p, err); err != nil {
		return seen, err
	}
	if now, err = x.writePanel(ctx, p, model, seen); grafana.IsTaken(err) {
		err = panelChanged(p.Name)
	}
	return now, err
}

// writePanel makes a library panel, or changes the one that was read. IsTaken says that another one has its name.
func (x *dash) writePanel(
	ctx context.Context, p dashboard.LibraryPanel, model json.RawMessage, seen seenPanel,
) (seenPanel, error) {
	if seen.state == panelMissing {
		now, err := x.org.CreateLibraryPanel(ctx, grafana.LibraryPanel{
			UID: p.UID, Name: p.Name, FolderUID: x.folder, Model: model,
		})
		if err == nil {
			x.conn.NoteLibraryPanel(x.org.ID(), now)
			return written(p, now), nil
		}
		taken := err
		if !grafana.IsTaken(err) {
			return seen, fmt.Errorf("making library panel %q: %w", p.Name, x.explain(ctx, err))
		}
		wanted := v1alpha1.KeptLibraryPanel{UID: p.UID, Name: p.Name, Hash: p.Hash}
		if seen, err = x.readPanel(ctx, wanted, grafana.LibraryPanel{}); err != nil {
			return seen, err
		}
		if seen.state == panelMissing {
			return seen, taken
		}
		if !x.differs(seen) {
			return seen, nil
		}
		if first, err := x.firstWith(ctx, p.UID); first != nil || err != nil {
			return seenPanel{state: panelYields}, err
		}
	}
	change := seen.live
	change.Name, change.Model, change.FolderUID = p.Name, model, cmp.Or(x.folder, seen.live.FolderUID)
	now, err := x.changePanel(ctx, change)
	if err == nil && change.FolderUID != x.folder { // which is to be told
		return seenPanel{state: panelEdited, live: change, moved: true}, nil
	}
	if err != nil {
		return seen, err
	}
	return written(p, now), nil
}

// written is a library panel as Grafana has answered that it keeps it.
func written(p dashboard.LibraryPanel, now grafana.LibraryPanel) seenPanel {
	if dashboard.HashOfPanel(now.Name, now.Model) != p.Hash {
		return seenPanel{state: panelBehind, live: now, otherwise: true}
	}
	return seenPanel{state: panelSame, digest: now.Digest}
}

func (x *dash) changePanel(ctx context.Context, change grafana.LibraryPanel) (grafana.LibraryPanel, error) {
	now, err := x.org.UpdateLibraryPanel(ctx, change)
	switch {
	case err == nil:
		x.conn.NoteLibraryPanel(x.org.ID(), now)
		return now, nil
	case grafana.IsVersionMismatch(err):
		return now, panelChanged(change.Name)
	case grafana.IsForbidden(err) || grafana.IsNotFound(err): // Grafana 12 forbids what does not exist
		if _, lerr := x.org.LibraryPanel(ctx, change.UID); grafana.IsNotFound(lerr) {
			return now, panelChanged(change.Name)
		}
	}
	return now, fmt.Errorf("changing library panel %q: %w", change.Name, err)
}

// makeWay gives another name to the library panel that has one which Grafana has refused to ours, if it is kept for
// Dashboards of which none carries it under that name any more: it may stay for long, while people use it.
func (x *dash) makeWay(ctx context.Context, p dashboard.LibraryPanel, refused error) error {
	list, err := x.conn.ListOfLibraryPanels(ctx, x.org, connection.Now)
	if err != nil {
		return fmt.Errorf("looking which library panel is called %q already: %w", p.Name, err)
	}
	other := x.panelInTheWay(p.UID, p.Name, list)
	if other == nil {
		return x.nobodyInTheWay(ctx, p, refused)
	}
	if err := x.checkName(ctx, other); err != nil {
		return err
	}
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	change, err := x.org.LibraryPanel(ctx, other.UID)
	if err != nil || change.UID != other.UID {
		return cmp.Or(grafana.IgnoreNotFound(err), panelChanged(p.Name))
	}
	change.Name = dashboard.OtherPanelName(change.Name, other.UID[len(other.UID)-8:])
	now, err := x.changePanel(ctx, change)
	if seen, ours := x.panels[other.UID]; ours && err == nil {
		seen.state, seen.live = panelBehind, now
		x.panels[other.UID] = seen
	}
	return err
}

// neverVersion is a version that no library panel has.
const neverVersion = -1

// nobodyInTheWay has the library panels get other uids if theirs are taken by what Grafana shows to nobody. Only a
// change that can not be made tells whether one is.
func (x *dash) nobodyInTheWay(ctx context.Context, p dashboard.LibraryPanel, refused error) error {
	_, err := x.org.UpdateLibraryPanel(ctx, grafana.LibraryPanel{UID: p.UID, Name: p.Name, Version: neverVersion})
	_, lerr := x.org.LibraryPanel(ctx, p.UID)
	switch {
	case lerr == nil:
		return panelChanged(p.Name)
	case grafana.IsVersionMismatch(err) && grafana.IsNotFound(lerr):
		x.obj.Status.LibraryPanelsRenewed++
		x.renewed = true
		return &lifecycle.Problem{Reason: v1alpha1.ReasonRefused, Retry: true, Message: fmt.Sprintf(
			"library panel %q is in Grafana still, in a folder that was deleted, and shown to nobody: it is made "+
				"under another uid", p.Name)}
	}
	return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists, "Grafana says that library panel %q is there already and "+
		"shows none that is: give it another name in the source, or set libraryPanels: Inline (%v)", p.Name, refused)
}

// panelInTheWay is the library panel that has the name of another one in the folder, which not all Grafanas allow; nil:
// there is none. Their databases differ in what they take for the same name.
func (x *dash) panelInTheWay(
	uid, name string, list map[string]grafana.LibraryPanel,
) (found *grafana.LibraryPanel) {
	for _, p := range list {
		if p.UID == uid || p.FolderUID != x.folder || !mark.MayCollide(p.Name, name) {
			continue
		}
		exact := p.Name == name
		if found == nil || exact && found.Name != name || exact == (found.Name == name) && p.UID < found.UID {
			found = &p
		}
	}
	return found
}

// nameStillTaken fails if Grafana has refused the name of a library panel before, as the conditions say, and it is no
// other with it now: it would refuse it again.
func (x *dash) nameStillTaken(
	ctx context.Context, wanted v1alpha1.KeptLibraryPanel, list map[string]grafana.LibraryPanel,
) error {
	ready := meta.FindStatusCondition(x.obj.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Reason != v1alpha1.ReasonAlreadyExists || !x.conn.UniquePanelNames.Load() {
		return nil
	}
	other := x.panelInTheWay(wanted.UID, wanted.Name, list)
	if other == nil || !strings.Contains(ready.Message, x.panelNameTaken(other).Error()) {
		return nil
	}
	return x.checkName(ctx, other)
}

// checkName fails unless a library panel can be given another name: it is kept for Dashboards of which none carries it
// under the name that it has.
func (x *dash) checkName(ctx context.Context, other *grafana.LibraryPanel) error {
	carriers, err := x.othersWith(ctx, other.UID)
	if err != nil {
		return err
	}
	own := panelOf(x.content.panels, other.UID)
	if own != nil && own.Name == other.Name || !strings.HasPrefix(other.UID, panelPrefix(x.mark)) ||
		slices.ContainsFunc(carriers, func(o v1alpha1.Dashboard) bool {
			return panelOf(o.Status.LibraryPanels, other.UID).Name == other.Name
		}) {
		return x.panelNameTaken(other)
	}
	return nil
}

func panelChanged(name string) error {
	return &lifecycle.Problem{Reason: v1alpha1.ReasonRefused, Retry: true, Message: fmt.Sprintf(
		"library panel %q was changed or deleted by somebody else in this moment: looking again", name)}
}

func (x *dash) panelNameTaken(other *grafana.LibraryPanel) error {
	advice := "rename that one in Grafana, or this one in the source"
	if strings.HasPrefix(other.UID, panelPrefix(x.mark)) { // it would be named back
		advice = "that one is kept for a Dashboard as well: give one of them another name in its source, or set " +
			"libraryPanels: Inline"
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonAlreadyExists,
		"another library panel (%s) in the folder is called %q, and "+
			"this Grafana does not allow two: %s",
		other.UID,
		other.Name,
		advice,
	)
}

// libraryPanels are those that the content carries.
func (c *content) libraryPanels(ctx context.Context) (panels []dashboard.LibraryPanel, err error) {
	if err := c.fill(ctx); err != nil {
		return nil, err
	}
	if c.parsed != nil {
		return c.parsed.LibraryPanels, nil
	}
	err = c.understand(c.raw, func(parsed *dashboard.Content) error {
		panels = parsed.LibraryPanels
		return nil
	})
	return panels, err
}
