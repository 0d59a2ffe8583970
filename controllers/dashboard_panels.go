package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// A library panel that is kept for a dashboard has a uid that is made from the cluster's id, the Organization, the
// Dashboard's namespace, where spec.folder puts it, and the uid in the source. So another Dashboard that carries it
// there comes to the same one, and so does a second try after a lost answer; nothing foreign is ever touched. The place
// belongs to it because Grafana lets only those see a panel who see its folder, and never moves one out of all folders.

// byLibraryPanel is the index of the library panels that may be kept for a Dashboard.
const byLibraryPanel = "libraryPanel"

func dashboardPanels(obj *v1alpha1.Dashboard) (uids []string) {
	for _, p := range obj.Status.LibraryPanels {
		uids = append(uids, p.UID)
	}
	return uids
}

// panelPrefix begins the uid of every library panel that is kept for Dashboards in an Organization, whatever life of
// it.
func panelPrefix(m mark.Mark) string { return folderPrefix(m) + "p" }

// panelUIDs says under which uid a library panel is kept for a Dashboard; nil: they are put into the dashboard.
func panelUIDs(obj *v1alpha1.Dashboard, m mark.Mark) func(given string) string {
	if obj.Spec.LibraryPanels != v1alpha1.LibraryPanelsManage {
		return nil
	}
	place := ""
	switch f := obj.Spec.Folder; {
	case f == nil:
	case f.Ref != nil:
		place = "ref " + f.Ref.Name
	case f.UID != "":
		place = "uid " + f.UID
	default:
		place = "path " + pathKey(f.Path)
	}
	if n := obj.Status.LibraryPanelsRenewed; n > 0 {
		place += fmt.Sprintf("\x00\x00%d", n)
	}
	return func(given string) string {
		return panelPrefix(m) + digest(obj.Namespace + "\x00\x00" + place + "\x00\x00" + given)[:24]
	}
}

// wantedPanels are the library panels that a content carries, as status keeps them.
func wantedPanels(content *dashboard.Content) (wanted []v1alpha1.KeptLibraryPanel) {
	for _, p := range content.LibraryPanels {
		wanted = append(wanted, v1alpha1.KeptLibraryPanel{UID: p.UID, Name: p.Name, Hash: p.Hash})
	}
	return wanted
}

// recordedPanels are those of the content that status has the hash of.
func recordedPanels(obj *v1alpha1.Dashboard) (wanted []v1alpha1.KeptLibraryPanel) {
	for _, p := range obj.Status.LibraryPanels {
		wanted = append(wanted, v1alpha1.KeptLibraryPanel{UID: p.UID, Name: p.Name, Hash: p.Hash})
	}
	return wanted
}

func panelOf(all []v1alpha1.KeptLibraryPanel, uid string) *v1alpha1.KeptLibraryPanel {
	i := slices.IndexFunc(all, func(p v1alpha1.KeptLibraryPanel) bool { return p.UID == uid })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// panelState is how a library panel in Grafana stands to what a dashboard carries.
type panelState int

const (
	panelMissing panelState = iota
	panelSame
	panelBehind // it is as the source was, or nobody knows
	panelEdited // by somebody else, or moved
	panelYields // an older Dashboard carries it as well, and says what is in it
)

// seenPanel is what was seen of a library panel.
type seenPanel struct {
	state  panelState
	digest string               // where it is the same
	live   grafana.LibraryPanel // where it may have to be changed
	moved  bool                 // it has the right content, and is in another folder
	lost   bool                 // that folder is gone
	// otherwise says that Grafana has answered a write with another content than it was sent.
	otherwise bool
	rival     string // the older Dashboard that wants something else in it; empty: none does
}

// seePanels finds out how the library panels stand that the content carries, by a list that is no older than that.
func (x *dash) seePanels(ctx context.Context, age connection.Age) error {
	x.forgetPanels()
	x.panels = map[string]seenPanel{}
	if len(x.content.panels) == 0 {
		return nil
	}
	list, err := x.conn.ListOfLibraryPanels(ctx, x.org, age)
	if err != nil {
		return fmt.Errorf("listing the library panels, which spec.libraryPanels: Manage needs: %w", err)
	}
	for _, wanted := range x.content.panels {
		seen, err := x.seePanel(ctx, wanted, list)
		if err != nil {
			return err
		}
		x.panels[wanted.UID] = seen
		if seen.state == panelMissing || seen.state == panelBehind {
			if err := x.nameStillTaken(ctx, wanted, list); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *dash) seePanel(
	ctx context.Context, wanted v1alpha1.KeptLibraryPanel, list map[string]grafana.LibraryPanel,
) (seenPanel, error) {
	listed, isThere := list[wanted.UID]
	if !isThere {
		return seenPanel{state: panelMissing}, nil
	}
	first, err := x.firstWith(ctx, wanted.UID)
	if err != nil {
		return seenPanel{}, err
	}
	if first != nil {
		seen := seenPanel{state: panelYields}
		theirs := panelOf(first.Status.LibraryPanels, wanted.UID).Hash
		if theirs != wanted.Hash && dashboard.CurrentHash(theirs) {
			seen.rival = first.Name
		}
		return seen, nil
	}
	if known, digest := x.knownPanel(wanted); known && digest == listed.Digest {
		return seenPanel{state: panelSame, digest: digest}, nil
	}
	return x.readPanel(ctx, wanted, listed)
}

// knownPanel reports whether a library panel was as wanted when it was last seen, and its digest then.
func (x *dash) knownPanel(wanted v1alpha1.KeptLibraryPanel) (known bool, digest string) {
	kept := panelOf(x.obj.Status.LibraryPanels, wanted.UID)
	if kept == nil || kept.Hash != wanted.Hash || kept.Digest == "" {
		return false, ""
	}
	return true, kept.Digest
}

// readPanel compares a library panel with what is wanted. listed is what a list has shown of it.
func (x *dash) readPanel(
	ctx context.Context, wanted v1alpha1.KeptLibraryPanel, listed grafana.LibraryPanel,
) (seenPanel, error) {
	live, err := x.org.LibraryPanel(ctx, wanted.UID)
	switch {
	case grafana.IsPanelFolderGone(err) && listed.UID != "":
		return seenPanel{state: panelEdited, live: listed, moved: true, lost: true}, nil
	case grafana.IsNotFound(err) || err == nil && live.UID != wanted.UID:
		return seenPanel{state: panelMissing}, nil
	case err != nil:
		return seenPanel{}, fmt.Errorf("reading library panel %q: %w", wanted.Name, err)
	}
	hash := dashboard.HashOfPanel(live.Name, live.Model)
	known, _ := x.knownPanel(wanted)
	if known && hash != wanted.Hash { // what another Dashboard has written there is no edit
		others, err := x.othersWith(ctx, wanted.UID)
		if err != nil {
			return seenPanel{}, err
		}
		known = !slices.ContainsFunc(others, func(o v1alpha1.Dashboard) bool {
			return panelOf(o.Status.LibraryPanels, wanted.UID).Hash == hash
		})
	}
	same := hash == wanted.Hash
	moved := len(x.missing) > 0 || live.FolderUID != x.folder // a panel's place has no name without its folder
	switch {
	case same && !moved:
		return seenPanel{state: panelSame, digest: listed.Digest}, nil
	case known || same:
		return seenPanel{state: panelEdited, live: live, moved: same}, nil
	}
	return seenPanel{state: panelBehind, live: live}, nil
}

// stands reports whether what somebody has done to a library panel is left: Grafana moves none out of all folders, and
// policy lets edits stand until the source or the folder changes.
func (x *dash) stands(seen seenPanel) bool {
	return seen.state == panelEdited && (seen.moved && x.folder == "" && len(x.missing) == 0 ||
		x.obj.Spec.DriftPolicy == v1alpha1.DriftReport && x.unchanged() && x.folder == x.obj.Status.FolderUID)
}

// differs reports whether something has to be done about a library panel.
func (x *dash) differs(seen seenPanel) bool {
	return seen.state == panelMissing || seen.state == panelBehind || seen.state == panelEdited && !x.stands(seen)
}

// panelDiff names the library panels that something has to be done about.
func (x *dash) panelDiff() (diff []string) {
	for _, wanted := range x.content.panels {
		switch seen := x.panels[wanted.UID]; {
		case !x.differs(seen):
		case seen.state == panelEdited:
			diff = append(diff, fmt.Sprintf("library panel %q, %s", wanted.Name, seen.done()))
		default:
			diff = append(diff, fmt.Sprintf("library panel %q", wanted.Name))
		}
	}
	return diff
}

// done is what somebody has done to it.
func (s seenPanel) done() string {
	if s.moved {
		return "moved in Grafana"
	}
	return "edited in Grafana"
}

// folder is where it is.
func (s seenPanel) folder() string {
	if s.lost {
		return "a folder that was deleted"
	}
	return fmt.Sprintf("folder %q", s.live.FolderUID)
}

// Undone are the library panels that Grafana keeps otherwise than they are sent to it: the condition says so.
func (x *dash) Undone() (left []string) {
	for _, wanted := range x.content.panels {
		if x.panels[wanted.UID].otherwise {
			left = append(left, fmt.Sprintf("library panel %q", wanted.Name))
		}
	}
	return left
}

// notePanels puts into status which library panels may be made now, and reports whether there are any: whatever
// becomes of this process, they are known.
func (x *dash) notePanels() (changed bool) {
	for _, wanted := range x.content.panels {
		if panelOf(x.obj.Status.LibraryPanels, wanted.UID) == nil {
			x.obj.Status.LibraryPanels = append(x.obj.Status.LibraryPanels, wanted)
			x.obj.Status.ContentGeneration = 0 // until it is saved, status does not tell what the content carries
			changed = true
		}
	}
	return changed
}

// forgetPanels takes out of status the library panels that the content does not carry any more. While the dashboard in
// Grafana still refers to one, that keeps it.
func (x *dash) forgetPanels() {
	status := &x.obj.Status
	kept := slices.DeleteFunc(slices.Clone(status.LibraryPanels), func(p v1alpha1.KeptLibraryPanel) bool {
		return panelOf(x.content.panels, p.UID) == nil
	})
	if len(kept) < len(status.LibraryPanels) {
		status.LibraryPanels, status.ContentGeneration = kept, 0
	}
}

// recordPanels notes in status what is kept for the content that status now speaks of. One that was not seen to be as
// wanted has no digest, so that it is looked at.
func (x *dash) recordPanels() {
	var now []v1alpha1.KeptLibraryPanel
	for _, wanted := range x.content.panels {
		was, seen := panelOf(x.obj.Status.LibraryPanels, wanted.UID), x.panels[wanted.UID]
		switch {
		case seen.state == panelSame:
			wanted.Digest = seen.digest
		case seen.state == panelEdited && was != nil && was.Hash == wanted.Hash:
			wanted.Digest = was.Digest
		}
		now = append(now, wanted)
	}
	x.obj.Status.LibraryPanels = now
}

// panelsSettled reports whether the library panels are as they were last seen, as far as status tells.
func (x *dash) panelsSettled() bool {
	kept := x.obj.Status.LibraryPanels
	return len(kept) == len(x.content.panels) &&
		!slices.ContainsFunc(x.content.panels, func(wanted v1alpha1.KeptLibraryPanel) bool {
			p := panelOf(kept, wanted.UID)
			return p == nil || p.Hash != wanted.Hash
		})
}

// checkPanels says what keeps library panels from being as the source has them.
func (x *dash) checkPanels() error {
	for _, wanted := range x.content.panels {
		if x.panels[wanted.UID].otherwise {
			return lifecycle.Stalled(
				v1alpha1.ReasonRefused,
				"the dashboard is saved, but Grafana keeps its library panel %q otherwise than it was sent: compare "+
					"the two and change the source, or set libraryPanels: Inline. It is sent again at each resync",
				wanted.Name,
			)
		}
		if rival := x.panels[wanted.UID].rival; rival != "" {
			return lifecycle.Stalled(
				v1alpha1.ReasonNameConflict,
				"the dashboard is saved, but its library panel %q has another content in Dashboard %s, which is "+
					"older and counts: make them the same, give the panel another uid in one of the sources, or set "+
					"libraryPanels: Inline",
				wanted.Name,
				rival,
			)
		}
	}
	return nil
}

// driftedPanels says what was done to library panels and is left.
func (x *dash) driftedPanels() string {
	var edited, moved []string
	for _, wanted := range x.content.panels {
		switch seen := x.panels[wanted.UID]; {
		case !x.stands(seen):
		case seen.moved && x.folder == "":
			moved = append(moved, fmt.Sprintf(
				"library panel %q was moved in Grafana into %s, and Grafana moves none out of all folders: put the "+
					"dashboard into a folder, or set libraryPanels: Inline until the panel is gone",
				wanted.Name, seen.folder()))
		default:
			edited = append(edited, fmt.Sprintf("%q (%s)", wanted.Name, seen.done()))
		}
	}
	if len(edited) > 0 {
		moved = append(moved, "left to stand by driftPolicy Report are library panels "+strings.Join(edited, ", "))
	}
	return strings.Join(moved, "; ")
}
