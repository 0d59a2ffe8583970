package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// SaveDashboardResource is a dashboard to save through /apis.
type SaveDashboardResource struct {
	// UID of the dashboard.
	UID string
	// ResourceVersion of the dashboard that the save is based on (IsVersionMismatch: it has another by now). Empty:
	// there is none yet (IsTaken: there is).
	ResourceVersion string
	// FolderUID is where it goes. "": no folder, also for a dashboard that was in one.
	FolderUID string
	// Message goes into the list of versions.
	Message string
	// Spec is the content, in the schema of the version of /apis.
	Spec json.RawMessage
	// DryRun has Grafana check it, and answer as if it had saved it.
	DryRun bool
}

// dashboardResource is a dashboard as it is in /apis.
type dashboardResource struct {
	APIVersion string           `json:"apiVersion,omitempty"`
	Kind       string           `json:"kind"`
	Metadata   resourceMetadata `json:"metadata"`
	Spec       json.RawMessage  `json:"spec"`
	Status     *struct {
		Conversion struct {
			StoredVersion string `json:"storedVersion"`
		} `json:"conversion"`
	} `json:"status,omitempty"`
}

func (r dashboardResource) complete() bool { return r.Metadata.Name != "" && len(r.Spec) > 0 }

type resourceMetadata struct {
	Name            string              `json:"name"`
	ResourceVersion string              `json:"resourceVersion,omitempty"`
	Generation      int64               `json:"generation,omitempty"`
	Created         stamp               `json:"creationTimestamp,omitzero"`
	Annotations     resourceAnnotations `json:"annotations"`
}

type resourceAnnotations struct {
	Folder  string `json:"grafana.app/folder,omitempty"`
	Message string `json:"grafana.app/message,omitempty"`
	Updated stamp  `json:"grafana.app/updatedTimestamp,omitzero"`
	// Grant has a new dashboard get the permissions that one has that is saved without /apis.
	Grant string `json:"grafana.app/grant-permissions,omitempty"`
}

// DashboardStoredAs is the version of /apis in which a dashboard was last saved, of those that DashboardAPIVersions
// found; "": it is in the classic model. Grafana tells a version that is of the past to whoever asks in the one that
// it is stored in, if it was once stored in another: so two of those that have the classic model are asked.
//
// GET /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards/:name
func (o *OrgClient) DashboardStoredAs(ctx context.Context, uid string, versions []string) (string, error) {
	told := ""
	for _, version := range versions {
		if strings.HasPrefix(version, "v2") {
			continue
		}
		d, err := o.DashboardResource(ctx, version, uid, func([]byte) {})
		switch {
		case err != nil:
			return "", err
		case !strings.HasPrefix(d.StoredAs, "v2"):
			return "", nil
		case told != "":
			return told, nil
		}
		told = d.StoredAs
	}
	return told, nil
}

// DashboardResource returns the dashboard with this uid as a version of /apis has it, without its content, which read
// is given to look at as long as it is there. It has neither URL nor UpdatedBy, nor is it told that it is Provisioned.
// StoredAs can be a version that it was once stored in, where it is stored in the one that is asked.
//
// GET /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards/:name
func (o *OrgClient) DashboardResource(
	ctx context.Context, apiVersion, uid string, read func(spec []byte),
) (*Dashboard, error) {
	namespace, err := o.namespace(ctx)
	if err != nil {
		return nil, err
	}
	r := get("/apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards/:name", apiVersion, namespace, uid)
	r.large = true
	return o.dashboardResource(ctx, r, apiVersion, read)
}

// SaveDashboardResource creates or updates a dashboard through a version of /apis. It returns what Grafana has made of
// it, as DashboardResource does.
//
// POST /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards,
// PUT /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards/:name
func (o *OrgClient) SaveDashboardResource(
	ctx context.Context, apiVersion string, save SaveDashboardResource, read func(spec []byte),
) (*Dashboard, error) {
	namespace, err := o.namespace(ctx)
	if err != nil {
		return nil, err
	}
	body := dashboardResource{
		APIVersion: "dashboard.grafana.app/" + apiVersion, Kind: "Dashboard", Spec: save.Spec,
		Metadata: resourceMetadata{
			Name: save.UID, ResourceVersion: save.ResourceVersion,
			Annotations: resourceAnnotations{Folder: save.FolderUID, Message: save.Message},
		},
	}
	const route = "/apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards"
	var r request
	if save.ResourceVersion == "" {
		body.Metadata.Annotations.Grant = "default"
		r = post(body, route, apiVersion, namespace)
	} else {
		r = put(body, route+"/:name", apiVersion, namespace, save.UID)
	}
	r.large = true
	if save.DryRun {
		r = r.with("dryRun", "All")
	}
	return o.dashboardResource(ctx, r, apiVersion, read)
}

// dashboardResource sends a request that is answered with a dashboard.
func (o *OrgClient) dashboardResource(
	ctx context.Context, r request, apiVersion string, read func([]byte),
) (*Dashboard, error) {
	d := &Dashboard{}
	err := use(ctx, o, r, func(answer dashboardResource) error {
		m := answer.Metadata
		*d = Dashboard{
			UID: m.Name, Version: m.Generation, ResourceVersion: m.ResourceVersion, FolderUID: m.Annotations.Folder,
			Created: m.Created.Time, Updated: m.Annotations.Updated.Time, StoredAs: apiVersion,
		}
		if d.Updated.IsZero() {
			d.Updated = d.Created
		}
		if s := answer.Status; s != nil && s.Conversion.StoredVersion != "" {
			d.StoredAs = s.Conversion.StoredVersion
		}
		var content struct {
			Title string `json:"title"`
		}
		if err := json.Unmarshal(answer.Spec, &content); err != nil {
			return fmt.Errorf("dashboard %q in organization %d: its content cannot be read: %w", m.Name, o.id, err)
		}
		d.Title = content.Title
		read(answer.Spec)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// stamp is a time that may be missing or no time: then it is zero.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(data []byte) error {
	var text string
	_ = json.Unmarshal(data, &text)
	s.Time, _ = time.Parse(time.RFC3339, text)
	return nil
}
