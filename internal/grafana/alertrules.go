package grafana

import "context"

// AlertRule is an alert rule of the organization.
type AlertRule struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	// FolderUID is the folder it is in. Grafana 10 does not mind if that does not exist.
	FolderUID string `json:"folderUID"`
}

// AlertRules lists the alert rules of the organization. Where alerting is switched off, there are none.
//
// GET /api/v1/provisioning/alert-rules
func (o *OrgClient) AlertRules(ctx context.Context) ([]AlertRule, error) {
	rules, err := do[[]AlertRule](ctx, o, get("/api/v1/provisioning/alert-rules"))
	if IsNotFound(err) {
		return nil, nil
	}
	return rules, err
}
