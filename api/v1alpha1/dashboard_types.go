package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// DashboardSpec describes a dashboard of an organization.
// +kubebuilder:validation:XValidation:rule="self.organizationRef == oldSelf.organizationRef",message="organizationRef cannot be changed: delete this Dashboard and create another one"
// +kubebuilder:validation:XValidation:rule="has(self.uid) == has(oldSelf.uid) && (!has(self.uid) || self.uid == oldSelf.uid)",message="uid cannot be changed: delete this Dashboard and create another one"
type DashboardSpec struct {
	CommonSpec `json:",inline"`

	// OrganizationRef names the Organization that the dashboard is in. It cannot be changed.
	OrganizationRef ObjectReference `json:"organizationRef"`

	// Source of the dashboard's content.
	Source DashboardSource `json:"source"`

	// Inputs are the values for the inputs of a dashboard that was exported for sharing, which Grafana asks for when one imports it.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=name
	// +optional
	Inputs []DashboardInput `json:"inputs,omitempty"`

	// DataSources say which data sources of the organization stand for those that the dashboard names, in its panels, queries, annotations and variables. What is not mapped stays as it is; condition
	// DataSourcesResolved says which of all that are named the organization does not have.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=from
	// +optional
	DataSources []DashboardDataSource `json:"datasources,omitempty"`

	// Title of the dashboard. Default: the one in its source.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=500
	// +kubebuilder:validation:Pattern=`^\S(.*\S)?$`
	// +optional
	Title string `json:"title,omitempty"`

	// UID of the dashboard in Grafana, which its address has in it. Default: the uid in the content when it is first created, else one derived from this object. It cannot be changed.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	UID string `json:"uid,omitempty"`

	// Folder that the dashboard is in. Default: none, which Grafana shows as General or Dashboards. Moving it keeps its uid and history.
	// +optional
	Folder *DashboardFolder `json:"folder,omitempty"`

	// LibraryPanels says what becomes of the library panels that the source carries, as one that was exported for sharing does: Inline (the default) puts them into the dashboard; Manage keeps them as
	// library panels in its folder, which all Dashboards of this namespace share that carry them there. A dashboard of schema v2 carries none.
	// +kubebuilder:default=Inline
	// +optional
	LibraryPanels LibraryPanelPolicy `json:"libraryPanels,omitempty"`

	// DriftPolicy is Correct (the default: an edit made in Grafana is overwritten at the next resync; it stays in Grafana's history) or Report (it is left to stand, and condition
	// Drifted says so, until this object changes).
	// +kubebuilder:default=Correct
	// +optional
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`

	// AdoptionPolicy says what happens if the organization has a dashboard of this uid already that the operator did not create: Never (the default) leaves it alone, Adopt takes it over if the
	// Organization allows adoption. Its content is then replaced; what it was stays in its history.
	// +kubebuilder:default=Never
	// +optional
	AdoptionPolicy AdoptionPolicy `json:"adoptionPolicy,omitempty"`

	// DeletionPolicy says what becomes of it in Grafana when this object is deleted: Delete deletes it there too, Orphan leaves it. Default: Delete; Orphan if it was adopted.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// DriftPolicy says what becomes of an edit made in Grafana.
// +kubebuilder:validation:Enum=Correct;Report
type DriftPolicy string

const (
	// DriftCorrect overwrites it.
	DriftCorrect DriftPolicy = "Correct"
	// DriftReport leaves it and says so.
	DriftReport DriftPolicy = "Report"
)

// DashboardSource is where the content comes from: exactly one of its fields. Each takes a dashboard as Grafana shows it under "JSON model", as it exports it for sharing (see inputs), as its HTTP
// API returns it, or as a resource of kind Dashboard, of which those of schema v2 are saved as such. Ids and versions in it are ignored.
// +kubebuilder:validation:XValidation:rule="[has(self.json), has(self.model), has(self.gzipJson), has(self.configMapRef), has(self.url), has(self.grafanaCom)].exists_one(given, given)",message="give exactly one of json, model, gzipJson, configMapRef, url and grafanaCom"
type DashboardSource struct {
	// JSON is the dashboard's JSON as text. An object of Kubernetes can hold about 1.5 MB: for a larger dashboard use gzipJson or url.
	// +kubebuilder:validation:MinLength=2
	// +optional
	JSON *string `json:"json,omitempty"`

	// Model is the dashboard written out as fields, so that kustomize can patch it.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Model *runtime.RawExtension `json:"model,omitempty"`

	// GzipJSON is the dashboard's JSON, compressed with gzip and written in base64, as "gzip -c dashboard.json | base64" makes it. At most 16 MiB when it is unpacked.
	// +kubebuilder:validation:MinLength=24
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9+/=\s]+$`
	// +optional
	GzipJSON *string `json:"gzipJson,omitempty"`

	// ConfigMapRef names a ConfigMap, in the same namespace, and the key in its data or binaryData that holds the dashboard's JSON, plain or compressed with gzip. A change there takes effect at
	// once.
	// +optional
	ConfigMapRef *KeyReference `json:"configMapRef,omitempty"`

	// URL is fetched at every resync.
	// +optional
	URL *DashboardURL `json:"url,omitempty"`

	// GrafanaCom is a revision of a dashboard on grafana.com.
	// +optional
	GrafanaCom *GrafanaComDashboard `json:"grafanaCom,omitempty"`
}

// DashboardURL is where the dashboard's JSON, plain or compressed with gzip, can be fetched. Addresses that are private, loopback or link-local are refused unless the operator runs with
// --allow-private-dashboard-urls. If it cannot be fetched, what is in Grafana stays.
type DashboardURL struct {
	// URL, http or https, without a user. At most 16 MiB are fetched.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^/?#@\s]+([/?]\S*)?$`
	URL string `json:"url"`

	// SHA256 of what is served, in hexadecimal. Anything else is refused.
	// +kubebuilder:validation:Pattern=`^[a-f0-9]{64}$`
	// +optional
	SHA256 string `json:"sha256,omitempty"`

	// HeadersFrom names a Secret, in the same namespace, each key of which is the name of a header, such as Authorization, and its value what is sent in it. They are sent to the host of the url
	// only, not to where it may redirect.
	// +optional
	HeadersFrom *LocalObjectReference `json:"headersFrom,omitempty"`

	// CAFrom is where the PEM certificates are that the server's must verify against. Default: those of the operator's image.
	// +optional
	CAFrom *CASource `json:"caFrom,omitempty"`
}

// GrafanaComDashboard is one revision of a dashboard on grafana.com; it never changes, so that it is fetched only when it is needed.
type GrafanaComDashboard struct {
	// ID of the dashboard, as its address on grafana.com has it.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9007199254740991
	ID int64 `json:"id"`

	// Revision of the dashboard.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9007199254740991
	Revision int64 `json:"revision"`
}

// DashboardInput is the value for one of a dashboard's inputs.
type DashboardInput struct {
	// Name of the input, such as DS_PROMETHEUS: every ${DS_PROMETHEUS} in the dashboard becomes the value.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Value; for a data source its uid.
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value"`
}

// DashboardDataSource says which data source stands for one that a dashboard names.
type DashboardDataSource struct {
	// From is what the dashboard names: the uid or the name of a data source, as it stands there; an input, as ${DS_PROMETHEUS}, which then needs no value in inputs; a variable of type
	// datasource, as ${datasource}, whose choice it becomes; or, in schema v2, a type, as prometheus, which stands for those of that type that name no data source.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	From string `json:"from"`

	// To is the data source that stands for it.
	To DataSourceTarget `json:"to"`
}

// DataSourceTarget is a data source of the dashboard's organization: by exactly one of its fields.
// +kubebuilder:validation:XValidation:rule="[has(self.ref), has(self.uid), has(self.name), has(self.default)].exists_one(given, given)",message="give exactly one of ref, uid, name and default"
type DataSourceTarget struct {
	// Ref names a DataSource of the same namespace and organization. The dashboard waits until it is in Grafana, and follows it.
	// +optional
	Ref *LocalObjectReference `json:"ref,omitempty"`

	// UID of a data source.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	UID string `json:"uid,omitempty"`

	// Name of a data source. While there is none of that name, what the dashboard names stays as it is.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=190
	// +optional
	Name string `json:"name,omitempty"`

	// Default is true for the organization's default data source. While there is none, what the dashboard names stays as it is.
	// +kubebuilder:validation:Enum=true
	// +optional
	Default bool `json:"default,omitempty"`
}

// DashboardFolder names a folder: by its uid, by the titles that lead to it, or by the Folder that stands for it.
// +kubebuilder:validation:XValidation:rule="[has(self.uid), has(self.path), has(self.ref)].exists_one(given, given)",message="give exactly one of uid, path and ref"
type DashboardFolder struct {
	// UID of the folder. It must exist in the organization.
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9_-]{1,40}$`
	// +optional
	UID string `json:"uid,omitempty"`

	// Path is the titles of folders, the outermost first. Those that are missing are made; they are shared by all dashboards that name them, and never deleted. More than one title needs a Grafana
	// with nested folders: 11.0 and newer have them.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=189
	// +kubebuilder:validation:items:Pattern=`^\S(.*\S)?$`
	// +listType=atomic
	// +optional
	Path []string `json:"path,omitempty"`

	// Ref names a Folder of the same namespace and organization. The dashboard waits until it is Available, and follows it.
	// +optional
	Ref *LocalObjectReference `json:"ref,omitempty"`
}

// DashboardStatus is what was seen of a dashboard; never its content.
type DashboardStatus struct {
	CommonStatus `json:",inline"`

	// UID of the dashboard in Grafana.
	// +optional
	UID string `json:"uid,omitempty"`

	// URL of the dashboard, a path below Grafana's own.
	// +optional
	URL string `json:"url,omitempty"`

	// Version that Grafana gave to what was last saved or seen.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	Version int64 `json:"version,omitempty"`

	// ContentHash of what the source holds and was last saved, so that nothing is sent that has not changed.
	// +optional
	ContentHash string `json:"contentHash,omitempty"`

	// StoredHash is of what Grafana has made of that content, where it keeps it in another form: with a refresh that was too short, say, raised.
	// +optional
	StoredHash string `json:"storedHash,omitempty"`

	// ContentGeneration is the generation of this object whose source contentHash is of.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	ContentGeneration int64 `json:"contentGeneration,omitempty"`

	// DataSources are the data sources that stand for others by spec.datasources, as they were found last.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=from
	// +optional
	DataSources []ResolvedDataSource `json:"datasources,omitempty"`

	// NamedDataSources are the data sources that the dashboard names, by uid or name: the first 50, but for those that every Grafana has and those that variables choose.
	// +kubebuilder:validation:MaxItems=50
	// +listType=atomic
	// +optional
	NamedDataSources []string `json:"namedDatasources,omitempty"`

	// LibraryPanels are those that the source carries and that are kept for this dashboard, or are about to be made.
	// +kubebuilder:validation:MaxItems=1000
	// +listType=map
	// +listMapKey=uid
	// +optional
	LibraryPanels []KeptLibraryPanel `json:"libraryPanels,omitempty"`

	// LibraryPanelsRenewed counts how often all of them got other uids: Grafana 10 keeps those that are in a folder in a folder when the outer one is deleted, shows them to nobody, and takes no other one of the same uid.
	// +optional
	LibraryPanelsRenewed int32 `json:"libraryPanelsRenewed,omitempty"`

	// SavedAt is when it was last saved, by Grafana's clock.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:XValidation:rule="self > timestamp('1970-01-01T00:00:00Z')",message="must be a time"
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$`
	// +optional
	SavedAt *metav1.Time `json:"savedAt,omitempty"`

	// FolderUID is the folder that it was last saved in; empty: none.
	// +optional
	FolderUID string `json:"folderUID,omitempty"`

	// PermissionsPending says that it, or a folder for it, was made and was not seen yet to have its permissions.
	// +optional
	PermissionsPending bool `json:"permissionsPending,omitempty"`

	// OrgID is Grafana's id of the organization it is in.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	// +optional
	OrgID int64 `json:"orgID,omitempty"`

	// CreatedAt is when Grafana says that the dashboard was created; kept for one that was adopted.
	// +optional
	CreatedAt string `json:"createdAt,omitempty"`

	// Adopted says that the dashboard was there before and was taken over.
	// +optional
	Adopted bool `json:"adopted,omitempty"`

	// Drift is the edit made in Grafana that driftPolicy Report lets stand.
	// +optional
	Drift *DashboardDrift `json:"drift,omitempty"`
}

// ResolvedDataSource is the data source that stands for what a dashboard names.
type ResolvedDataSource struct {
	// From is what the dashboard names.
	From string `json:"from"`
	// UID of the data source; empty: there is none.
	// +optional
	UID string `json:"uid,omitempty"`
	// Name of the data source.
	// +optional
	Name string `json:"name,omitempty"`
	// Type of the data source.
	// +optional
	Type string `json:"type,omitempty"`
}

// DashboardDrift names an edit made in Grafana.
type DashboardDrift struct {
	// Version that the edit made.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Version int64 `json:"version"`

	// By is the login of who made it, where Grafana says so.
	// +optional
	By string `json:"by,omitempty"`
}

// Dashboard is a dashboard of an organization.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=gdash,categories=grafana
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="UID",type=string,JSONPath=`.status.uid`
// +kubebuilder:printcolumn:name="Organization",type=string,JSONPath=`.spec.organizationRef.name`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Drifted",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Drifted")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Dashboard struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec DashboardSpec `json:"spec"`
	// +kubebuilder:default:={"observedGeneration":-1}
	Status DashboardStatus `json:"status,omitempty"`
}

// DashboardList is a list of Dashboards.
// +kubebuilder:object:root=true
type DashboardList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Dashboard `json:"items"`
}

// Stays reports whether the dashboard is left in Grafana when the object is deleted.
func (d *Dashboard) Stays() bool {
	return d.Spec.DeletionPolicy == DeletionOrphan || d.Spec.DeletionPolicy == "" && d.Status.Adopted
}

// CommonSpec is the part of the spec that all kinds share.
func (d *Dashboard) CommonSpec() CommonSpec { return d.Spec.CommonSpec }

// CommonStatus is the part of the status that all kinds share.
func (d *Dashboard) CommonStatus() *CommonStatus { return &d.Status.CommonStatus }
