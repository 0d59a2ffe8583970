package dashboard

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// model is what of a text is the dashboard.
type model struct {
	fields map[string]any
	uid    any    // as it is written; nil: none is
	api    string // see Content
}

// unwrap finds the dashboard's own model in what people have: the model itself, the bodies of Grafana's HTTP API that
// have it under "dashboard", and the resources of Grafana 12 that have it under "spec". What has a title is the model.
func unwrap(fields map[string]any) (model, error) {
	if inner, ok := fields["dashboard"].(map[string]any); ok && !titled(fields) {
		fields = inner
	}
	m := model{fields: fields, uid: fields["uid"]}
	apiVersion, ok := fields["apiVersion"].(string)
	if ok && (!titled(fields) || strings.HasPrefix(apiVersion, group) && isObject(fields["spec"])) {
		var err error
		if m, err = fromResource(fields, apiVersion); err != nil {
			return m, err
		}
	}
	if m.api == "" && isObject(m.fields["elements"]) && isObject(m.fields["layout"]) {
		return m, errSpecAlone
	}
	return m, nil
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

var errSpecAlone = errors.New(
	`it is in Grafana's schema v2 (with "elements" and "layout") and does not say in which version of it: give the whole resource, with "apiVersion", "kind" and "spec" (in Grafana: Export, Export as code, model V2 Resource)`,
)

// fromResource takes the model out of a resource, whose name is the uid.
func fromResource(resource map[string]any, apiVersion string) (model, error) {
	kind, _ := resource["kind"].(string)
	version, ours := strings.CutPrefix(apiVersion, group)
	spec, hasSpec := resource["spec"].(map[string]any)
	metadata, _ := resource["metadata"].(map[string]any)
	m := model{fields: spec, uid: metadata["name"]}
	switch {
	case !ours || kind != "Dashboard" && kind != "DashboardWithAccessInfo":
		return m, fmt.Errorf(
			"it is a Kubernetes object of kind %.60q and apiVersion %.60q, not a dashboard: a resource has to be "+
				"a Dashboard of %sv1beta1, or the like",
			kind,
			apiVersion,
			group,
		)
	case !knownVersion.MatchString(version):
		return m, fmt.Errorf(
			"its apiVersion %.60q is not known: export it in the classic model, or as V1 Resource",
			apiVersion,
		)
	case !hasSpec:
		return m, errors.New(`it is a Dashboard resource without a "spec"`)
	case strings.HasPrefix(version, "v2"):
		m.api = version
	default: // the classic model
		if uid := spec["uid"]; uid != nil && uid != "" {
			m.uid = uid
		}
	}
	return m, nil
}

var knownVersion = regexp.MustCompile(`^v[012]((alpha|beta)\d{1,3})?$`)
