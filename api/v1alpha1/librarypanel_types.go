package v1alpha1

// LibraryPanelPolicy says what becomes of the library panels that a dashboard carries.
// +kubebuilder:validation:Enum=Inline;Manage
type LibraryPanelPolicy string

const (
	// LibraryPanelsInline puts them into the dashboard.
	LibraryPanelsInline LibraryPanelPolicy = "Inline"
	// LibraryPanelsManage keeps them as library panels.
	LibraryPanelsManage LibraryPanelPolicy = "Manage"
)

// KeptLibraryPanel is a library panel that is kept for a dashboard.
type KeptLibraryPanel struct {
	// UID of the library panel in Grafana.
	UID string `json:"uid"`
	// Name of the library panel.
	// +optional
	Name string `json:"name,omitempty"`
	// Hash of what the source holds.
	// +optional
	Hash string `json:"hash,omitempty"`
	// Digest of what Grafana was last seen to keep for that; empty: that was not seen.
	// +optional
	Digest string `json:"digest,omitempty"`
}
