package grafana

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// panels is Grafana's number for this kind of library element. There is no other any more.
const panels = 1

// LibraryPanel is a panel that dashboards of the organization share.
type LibraryPanel struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	// FolderUID is the folder it is in. "": none. A list of Grafana 12 tells the one that it was made in, also once it
	// was moved.
	FolderUID string `json:"folderUid"`
	// Version counts its changes.
	Version int64 `json:"version"`
	// Model is its content, to which Grafana adds what it needs; nil on a list.
	Model json.RawMessage `json:"model"`
	// Meta is what Grafana knows of it besides.
	Meta struct {
		// Users is how many dashboards use it; always 0 from Grafana 12 on.
		Users            int `json:"connectedDashboards"`
		Created, Updated time.Time
	} `json:"meta"`
	// Digest is another one whenever it was changed, or moved.
	Digest string `json:"-"`
}

// digested is the panel with its digest.
func (p LibraryPanel) digested() LibraryPanel {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s", p.Version, p.Name, p.Model))
	p.Digest = hex.EncodeToString(sum[:8])
	return p
}

func (p LibraryPanel) complete() bool { return p.UID != "" }

// panelAnswer is a library panel as it is answered alone.
type panelAnswer struct {
	Result LibraryPanel `json:"result"`
}

func (a panelAnswer) complete() bool { return a.Result.complete() }

// panel is the one that was answered. What is in no folder is called general by some versions.
func (a panelAnswer) panel() LibraryPanel {
	p := a.Result
	if p.FolderUID == "general" {
		p.FolderUID = ""
	}
	return p.digested()
}

type libraryPanelPage struct {
	Result struct {
		TotalCount int             `json:"totalCount"`
		Elements   *[]LibraryPanel `json:"elements"`
	} `json:"result"`
}

func (p libraryPanelPage) complete() bool { return p.Result.Elements != nil }

// LibraryPanels lists the library panels of the organization by name, without their models. Grafana leaves those of one
// name in whatever order, so that its pages may have one twice and leave out another: then all are asked for at once.
//
// GET /api/library-elements
func (o *OrgClient) LibraryPanels(ctx context.Context) ([]LibraryPanel, error) {
	all, total, err := o.libraryPanels(ctx, 100)
	if err == nil && len(all) < total {
		all, _, err = o.libraryPanels(ctx, total+100)
	}
	return all, err
}

// libraryPanels goes through the pages of a list. total is how many there are, as Grafana has counted them at last.
func (o *OrgClient) libraryPanels(ctx context.Context, perPage int) (all []LibraryPanel, total int, err error) {
	r := get("/api/library-elements").with("kind", strconv.Itoa(panels)).with("perPage", strconv.Itoa(perPage))
	all, seen, told := []LibraryPanel{}, map[string]bool{}, 0
	for page := 1; ; page++ {
		answer, err := do[libraryPanelPage](ctx, o, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, 0, err
		}
		found := *answer.Result.Elements
		for _, p := range found {
			if p = p.digested(); !seen[p.UID] {
				p.Model, seen[p.UID] = nil, true
				all = append(all, p)
			}
		}
		told += len(found)
		if total = answer.Result.TotalCount; len(found) == 0 || told >= total {
			return all, total, nil
		}
	}
}

// LibraryPanel returns the library panel with this uid. Of one that was moved into a folder which was deleted, Grafana
// 12 says that the folder is not there (IsPanelFolderGone), though lists show it and it can be changed and deleted.
//
// GET /api/library-elements/:uid
func (o *OrgClient) LibraryPanel(ctx context.Context, uid string) (LibraryPanel, error) {
	answer, err := do[panelAnswer](ctx, o, get("/api/library-elements/:uid", uid))
	return answer.panel(), err
}

// CreateLibraryPanel makes a library panel in its folder. A uid in use is IsTaken, and before Grafana 12.3 so is a
// name that another one in the folder has.
//
// POST /api/library-elements
func (o *OrgClient) CreateLibraryPanel(ctx context.Context, p LibraryPanel) (LibraryPanel, error) {
	answer, err := do[panelAnswer](ctx, o, post(map[string]any{
		"uid": p.UID, "name": p.Name, "kind": panels, "folderUid": p.FolderUID, "model": p.Model,
	}, "/api/library-elements"))
	return answer.panel(), err
}

// UpdateLibraryPanel gives a library panel a name and a model. It has to have the version that it was read with, else
// it is IsVersionMismatch, and stays in the folder that it was read in: Grafana takes one that is left out for none,
// and answers so, though it never moves a panel there. A name in use in the folder is IsTaken, before Grafana 12.3.
//
// PATCH /api/library-elements/:uid
func (o *OrgClient) UpdateLibraryPanel(ctx context.Context, p LibraryPanel) (LibraryPanel, error) {
	answer, err := do[panelAnswer](ctx, o, patch(map[string]any{
		"name": p.Name, "kind": panels, "folderUid": p.FolderUID, "model": p.Model, "version": p.Version,
	}, "/api/library-elements/:uid", p.UID))
	return answer.panel(), err
}

type panelConnections struct {
	Result *[]struct {
		DashboardUID string `json:"connectionUid"`
	} `json:"result"`
}

func (c panelConnections) complete() bool { return c.Result != nil }

// LibraryPanelUsers are the uids of the dashboards that use a library panel. Grafana 12 asks an index, which may lag
// behind: some may be gone, or not use it any more. Of a panel that does not exist, Grafana 12 may say that one may not
// (403), unless it was asked about it of late.
//
// GET /api/library-elements/:uid/connections/
func (o *OrgClient) LibraryPanelUsers(ctx context.Context, uid string) ([]string, error) {
	answer, err := do[panelConnections](ctx, o, get("/api/library-elements/:uid/connections/", uid))
	if err != nil {
		return nil, err
	}
	uids := []string{}
	for _, c := range *answer.Result {
		uids = append(uids, c.DashboardUID)
	}
	return uids, nil
}

// DeleteLibraryPanel deletes a library panel. Grafana 12 deletes one that dashboards use, older ones refuse that
// (IsPanelInUse). Of one that does not exist, Grafana 12 may say that one may not (403), unless it was asked about it
// of late.
//
// DELETE /api/library-elements/:uid
func (o *OrgClient) DeleteLibraryPanel(ctx context.Context, uid string) error {
	return exec(ctx, o, del("/api/library-elements/:uid", uid))
}
