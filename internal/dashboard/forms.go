package dashboard

import (
	"errors"
	"fmt"
	"strings"
)

// unwrap finds the dashboard's own model in what people have: the model itself, the bodies of Grafana's HTTP API that
// have it under "dashboard", and the resources of Grafana 12 that have it under "spec". What has a title is the model.
func unwrap(fields map[string]any) (map[string]any, error) {
	if inner, ok := fields["dashboard"].(map[string]any); ok && !titled(fields) {
		fields = inner
	}
	if apiVersion, ok := fields["apiVersion"].(string); ok && !titled(fields) {
		var err error
		if fields, err = fromResource(fields, apiVersion); err != nil {
			return nil, err
		}
	}
	if isObject(fields["elements"]) && isObject(fields["layout"]) {
		return nil, errSchemaV2
	}
	return fields, nil
}

func titled(fields map[string]any) bool {
	_, has := fields["title"]
	return has
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}

const group = "dashboard.grafana.app/"

var errSchemaV2 = errors.New(
	`it is in Grafana's schema v2 (with "elements" and "layout"), which cannot be saved by the API that all versions of Grafana have: export it in the classic model (in Grafana: Export, Export as code, model Classic or V1 Resource)`,
)

// fromResource takes the model out of a resource, whose name is the uid.
func fromResource(resource map[string]any, apiVersion string) (map[string]any, error) {
	kind, _ := resource["kind"].(string)
	version, ours := strings.CutPrefix(apiVersion, group)
	spec, hasSpec := resource["spec"].(map[string]any)
	switch {
	case !ours || kind != "Dashboard" && kind != "DashboardWithAccessInfo":
		return nil, fmt.Errorf(
			"it is a Kubernetes object of kind %.60q and apiVersion %.60q, not a dashboard: a resource has to be "+
				"a Dashboard of %sv1beta1, or the like",
			kind,
			apiVersion,
			group,
		)
	case strings.HasPrefix(version, "v2"):
		return nil, errSchemaV2
	case !strings.HasPrefix(version, "v0") && !strings.HasPrefix(version, "v1"):
		return nil, fmt.Errorf(
			"its apiVersion %.60q is not known: export it in the classic model, or as V1 Resource",
			apiVersion,
		)
	case !hasSpec:
		return nil, errors.New(`it is a Dashboard resource without a "spec"`)
	}
	metadata, _ := resource["metadata"].(map[string]any)
	if uid := spec["uid"]; uid == nil || uid == "" {
		spec["uid"] = metadata["name"]
	}
	return spec, nil
}
