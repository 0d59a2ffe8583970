package grafana

import (
	"context"
	"net/http"
)

// AlertRule is an alert rule of the organization.
type AlertRule struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	// FolderUID is the folder it is in. Grafana 10 does not mind if that does not exist.
	FolderUID string `json:"folderUID"`
}

func (r AlertRule) complete() bool { return r.UID != "" }

// AlertRules lists the alert rules of the organization. Where alerting is switched off, there are none: Grafana
// has no such route then, and says so in its settings. The 404 alone could be a proxy's, that hides the route.
//
// GET /api/v1/provisioning/alert-rules, GET /api/frontend/settings
func (o *OrgClient) AlertRules(ctx context.Context) ([]AlertRule, error) {
	rules, err := do[list[AlertRule]](ctx, o, get("/api/v1/provisioning/alert-rules"))
	if !answered(err, http.StatusNotFound) {
		return rules, err
	}
	if settings, serr := o.client.Settings(ctx); serr != nil || settings.Alerting {
		return nil, err
	}
	return nil, nil
}
