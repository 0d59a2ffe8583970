package controllers

import (
	"context"
	"encoding/json"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Prepare fixes the uid before the request that creates under it.
func (x *dash) Prepare() lifecycle.Event {
	x.obj.Status.UID, x.obj.Status.OrgID = x.uid, x.org.ID()
	x.obj.Status.Version, x.obj.Status.FolderUID, x.obj.Status.SavedAt = 0, "", nil
	x.obj.Status.ContentHash, x.obj.Status.ContentGeneration = "", 0
	x.obj.Status.StoredHash, x.obj.Status.PermissionsPending = "", true
	x.obj.Status.DataSources, x.obj.Status.NamedDataSources = nil, nil
	x.notePanels()
	return lifecycle.EventCreated
}

// PrepareChange puts into status which library panels the dashboard has come to carry.
func (x *dash) PrepareChange(*dashboardState) bool { return x.notePanels() }

func (x *dash) Create(ctx context.Context) (*dashboardState, error) {
	if err := x.checkTwin(ctx, nil); err != nil {
		return nil, err
	}
	if err := x.makeFolders(ctx); err != nil {
		return nil, err
	}
	if err := x.keepPanels(ctx); err != nil {
		return nil, err
	}
	rolesSeen := x.conn.PermissionsSeen(x.org.ID(), needsRoles)
	saved, err := x.save(ctx, nil)
	if err == nil {
		have := &dashboardState{
			Dashboard: grafana.Dashboard{UID: x.uid, Version: saved.Version, FolderUID: x.folder, URL: saved.URL},
			hash:      x.content.hash, stored: saved.stored,
		}
		x.rolesSeen = rolesSeen
		_ = x.seePermissions(ctx, have) // else they are looked at later
		return have, nil
	}
	if grafana.IsVersionMismatch(err) || x.api != "" && grafana.IsTaken(err) { // there is a dashboard under this uid
		have, rerr := x.read(ctx, false)
		if have != nil || rerr != nil {
			return have, rerr
		}
		x.obj.Status.UID, x.obj.Status.OrgID = "", 0 // it was never ours
		return nil, x.taken(ctx)
	}
	if grafana.IsTitleTaken(err) { // by another uid, so that no earlier request of ours has made it
		x.obj.Status.UID, x.obj.Status.OrgID = "", 0
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonAlreadyExists,
			"another dashboard of this title is in the folder, and this Grafana does not allow two: change the "+
				"title or the folder of one of them (%v)",
			err,
		)
	}
	return nil, err
}

// savedDashboard is what is told of a save.
type savedDashboard struct {
	Version int64
	URL     string
	stored  string // the hash of what Grafana has made of it, where that is another and was told
}

// save sends our content, based on what is there; nil creates.
func (x *dash) save(ctx context.Context, base *dashboardState) (savedDashboard, error) {
	version, adopted := int64(0), false
	if base != nil {
		version, adopted = base.Version, base.adopted
	}
	model, err := x.content.model(ctx, x.uid, version)
	if err != nil {
		return savedDashboard{}, err
	}
	if was := x.api; x.chooseAPI() != nil || x.api != was { // it was read just now
		return savedDashboard{}, errLookAgain
	}
	message := x.signature(version+1, adopted).String()
	var saved savedDashboard
	if x.api != "" {
		saved, err = x.saveResource(ctx, model, message, base)
	} else {
		saved, err = x.saveClassic(ctx, model, message)
	}
	if err != nil {
		return saved, err
	}
	x.obj.Status.SavedAt = seconds(x.conn.Now())
	x.warnOfUnused()
	x.env.fetches.saved(client.ObjectKeyFromObject(x.obj))
	return saved, nil
}

// saveClassic sends a content in the classic model, which has the version that it is based on.
func (x *dash) saveClassic(ctx context.Context, model json.RawMessage, message string) (savedDashboard, error) {
	saved, err := x.org.SaveDashboard(ctx, grafana.SaveDashboard{
		Model: model, FolderUID: x.folder, Message: message,
	})
	if err != nil {
		if len(x.content.panels) > 0 { // Grafana 10 fails if one is not there, which the list may not show yet
			x.conn.ForgetLibraryPanels(x.org.ID())
		}
		return savedDashboard{}, x.explain(ctx, err)
	}
	if saved.UID != x.uid {
		return savedDashboard{}, lifecycle.Stalled(
			v1alpha1.ReasonNameConflict,
			"Grafana saved it under uid %q instead of %q: another dashboard of this title is in the way",
			saved.UID,
			x.uid,
		)
	}
	return savedDashboard{Version: saved.Version, URL: saved.URL}, nil
}

// warnOfUnused tells people of inputs that they gave for nothing: what stood there is gone, perhaps on the way here, as
// where Flux replaces ${NAME} before the object is applied.
func (x *dash) warnOfUnused() {
	if unmapped := x.content.unmapped; len(unmapped) > 0 {
		x.env.Warn(x.obj, v1alpha1.EventUnusedInput, "spec.datasources maps what the dashboard does not name: "+
			quoted(unmapped))
	}
	if len(x.content.unused) == 0 {
		return
	}
	x.env.Warn(x.obj, v1alpha1.EventUnusedInput, "the dashboard declares these inputs, but nothing in it uses them: "+
		strings.Join(x.content.unused, ", ")+". Was ${…} replaced on the way here?")
}
