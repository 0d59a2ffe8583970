package grafana

import (
	"context"
	"strconv"
)

// LibraryPanel is a panel that dashboards of the organization share.
type LibraryPanel struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	// FolderUID is the folder it is in. "": none.
	FolderUID string `json:"folderUid"`
}

type libraryPanelPage struct {
	Result struct {
		TotalCount int             `json:"totalCount"`
		Elements   *[]LibraryPanel `json:"elements"`
	} `json:"result"`
}

func (p libraryPanelPage) complete() bool { return p.Result.Elements != nil }

// LibraryPanels lists the library panels of the organization by name.
//
// GET /api/library-elements
func (o *OrgClient) LibraryPanels(ctx context.Context) ([]LibraryPanel, error) {
	const panels = "1" // Grafana's number for this kind of library element
	r := get("/api/library-elements").with("kind", panels).with("perPage", "100")
	all := []LibraryPanel{}
	for page := 1; ; page++ {
		answer, err := do[libraryPanelPage](ctx, o, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, err
		}
		found := *answer.Result.Elements
		if all = append(all, found...); len(found) == 0 || len(all) >= answer.Result.TotalCount {
			return all, nil
		}
	}
}
