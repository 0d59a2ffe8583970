package grafana

import (
	"context"
	"strconv"
)

// LibraryPanel is a panel that dashboards of the organization share.
type LibraryPanel struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
}

type libraryPanelPage struct {
	Result struct {
		Elements *[]LibraryPanel `json:"elements"`
	} `json:"result"`
}

func (p libraryPanelPage) complete() bool { return p.Result.Elements != nil }

// LibraryPanels lists the library panels of the organization by name, at most limit.
//
// GET /api/library-elements
func (o *OrgClient) LibraryPanels(ctx context.Context, limit int) ([]LibraryPanel, error) {
	const panels = "1" // Grafana's number for this kind of library element
	r := get("/api/library-elements").with("kind", panels).with("perPage", strconv.Itoa(limit))
	answer, err := do[libraryPanelPage](ctx, o, r)
	if err != nil {
		return nil, err
	}
	return *answer.Result.Elements, nil
}
