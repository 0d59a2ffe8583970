package grafanatest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"
)

// alertRule is an alert rule. It goes with its org.
type alertRule struct {
	id      int64
	uid     string
	body    newRule // never changed
	updated time.Time
}

// newRule is the body that makes an alert rule.
type newRule struct {
	UID          string `json:"uid"`
	Title        string
	RuleGroup    string
	FolderUID    string
	Condition    string
	Data         []ruleQuery
	NoDataState  string
	ExecErrState string
	For          string
	IsPaused     bool
}

// ruleQuery is one of the queries of an alert rule.
type ruleQuery struct {
	RefID             string         `json:"refId"`
	QueryType         string         `json:"queryType"`
	RelativeTimeRange map[string]any `json:"relativeTimeRange"`
	DatasourceUID     string         `json:"datasourceUid"`
	Model             map[string]any `json:"model"`
}

// alerting wraps the routes of alerting, which are not there where it is
// switched off.
func alerting(h handler) handler {
	return func(c *call) *answer {
		if c.server.opts.AlertingDisabled {
			return notFound()
		}
		return h(c)
	}
}

func createRule(c *call) *answer {
	var body newRule
	if !c.bind(&body) {
		return badData()
	}
	o := c.org()
	if a := c.checkRule(o, body); a != nil {
		return a
	}
	if body.UID == "" {
		body.UID = c.db.newUID()
	}
	c.db.lastRule++
	r := &alertRule{id: c.db.lastRule, uid: body.UID, body: body, updated: c.now}
	o.rules[r.uid] = r
	return reply(http.StatusCreated, c.showRule(r))
}

func (c *call) checkRule(o *org, body newRule) *answer {
	switch {
	case o == nil:
		return denied(c, "alert.provisioning:write")
	case slices.Contains([]string{body.Title, body.RuleGroup, body.FolderUID, body.Condition}, "") || len(body.Data) == 0:
		return fail(http.StatusBadRequest, "invalid alert rule")
	case !legalUID(body.UID) || len(body.UID) > longestUID || o.rules[body.UID] != nil:
		return fail(http.StatusBadRequest, "invalid alert rule: its uid is taken, or none")
	case c.quotaReached("alert_rule"):
		return fail(http.StatusForbidden, "quota has been exceeded")
	}
	return nil
}

func (c *call) showRule(r *alertRule) obj {
	data := []obj{}
	for _, q := range r.body.Data {
		model := map[string]any{"intervalMs": 1000, "maxDataPoints": 43200}
		maps.Copy(model, q.Model)
		data = append(data, obj{
			"refId":             q.RefID,
			"queryType":         q.QueryType,
			"relativeTimeRange": q.RelativeTimeRange,
			"datasourceUid":     q.DatasourceUID,
			"model":             model,
		})
	}
	shown := obj{
		"id":                    r.id,
		"uid":                   r.uid,
		"orgID":                 c.who.orgID,
		"folderUID":             r.body.FolderUID,
		"ruleGroup":             r.body.RuleGroup,
		"title":                 r.body.Title,
		"condition":             r.body.Condition,
		"data":                  data,
		"updated":               r.updated.UTC().Format(time.RFC3339Nano),
		"noDataState":           r.body.NoDataState,
		"execErrState":          r.body.ExecErrState,
		"for":                   r.body.For,
		"provenance":            "api",
		"isPaused":              r.body.IsPaused,
		"notification_settings": nil,
	}
	if c.quirks.newRuleFields {
		shown["keep_firing_for"], shown["record"] = "0s", nil
	}
	return shown
}

func listRules(c *call) *answer {
	out := []obj{}
	if o := c.org(); o != nil {
		for _, r := range sorted(o.rules, func(a, b *alertRule) int {
			return cmp.Or(cmp.Compare(a.body.FolderUID, b.body.FolderUID), cmp.Compare(a.body.RuleGroup,
				b.body.RuleGroup), cmp.Compare(a.id, b.id))
		}) {
			out = append(out, c.showRule(r))
		}
	}
	return ok(out)
}

// deleteRule does not mind if there is none.
func deleteRule(c *call) *answer {
	if o := c.org(); o != nil {
		delete(o.rules, c.params["uid"])
	}
	return raw(http.StatusNoContent, "application/json", nil)
}

// rulesIn counts the alert rules in a folder and in those below it.
func (o *org) rulesIn(uid string) int {
	n := 0
	for _, r := range o.rules {
		if r.body.FolderUID == uid {
			n++
		}
	}
	for _, f := range o.folders {
		if f.parent == uid {
			n += o.rulesIn(f.uid)
		}
	}
	return n
}
