package controllers

import (
	"fmt"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
)

func (x *dash) Diff(have *dashboardState) []string {
	diff := append(x.contentDiff(have), x.panelDiff()...)
	if have.bare {
		diff = append(diff, "permissions, which Grafana had failed to give it")
	}
	return diff
}

// contentDiff is what has to be saved.
func (x *dash) contentDiff(have *dashboardState) (diff []string) {
	if x.reported(have) {
		return nil
	}
	if have.hash != x.content.hash {
		what := "content"
		if have.edit != nil {
			what = fmt.Sprintf(
				"content (version %d, made in Grafana by %q, is in its history)",
				have.edit.Version,
				have.edit.By,
			)
		}
		diff = append(diff, what)
	}
	if have.FolderUID != x.folder {
		diff = append(diff, "folder")
	}
	return diff
}

// reported says whether the difference is an edit made in Grafana that policy lets stand: the source and the folder are
// as they were last saved.
func (x *dash) reported(have *dashboardState) bool {
	differs := have.hash != x.content.hash || have.FolderUID != x.folder
	return x.obj.Spec.DriftPolicy == v1alpha1.DriftReport && have.edit != nil && differs &&
		x.unchanged() && x.folder == x.obj.Status.FolderUID
}

// unchanged reports whether the source is as it was last saved. A hash that another version of the operator has made
// tells nothing: then the object itself must have changed.
func (x *dash) unchanged() bool {
	status := x.obj.Status
	return x.content.hash == status.ContentHash ||
		status.ContentHash != "" && !dashboard.CurrentHash(status.ContentHash) &&
			status.ContentGeneration == x.obj.Generation
}
