package grafanatest

import (
	"math"
	"net/http"
)

// orgTargets are what an org's quotas limit, with Grafana's defaults.
var orgTargets = []struct {
	name  string
	limit int64
}{
	{
		"alert_rule",
		100,
	},
	{"api_key", 10},
	{"correlations", -1},
	{"dashboard", 100},
	{"data_source", 10},
	{"org_user", 10},
}

// orgsPerUser is the default limit of orgs that a user may be in.
const orgsPerUser = 10

func orgQuotas(c *call) *answer     { return c.quotas(c.id("org")) }
func currentQuotas(c *call) *answer { return c.quotas(c.who.orgID) }

func (c *call) quotas(orgID int64) *answer {
	if !c.server.options.quotas {
		return fail(http.StatusInternalServerError, "failed to get quota")
	}
	out := []obj{}
	for _, t := range orgTargets {
		out = append(
			out,
			obj{"org_id": orgID, "target": t.name, "limit": c.limit(orgID, t.name), "used": c.used(orgID, t.name)},
		)
	}
	return ok(out)
}

func setOrgQuota(c *call) *answer {
	if !c.server.options.quotas {
		return fail(http.StatusInternalServerError, "Failed to update org quotas")
	}
	var body struct{ Limit int64 }
	if !c.bind(&body) {
		return badData()
	}
	for _, t := range orgTargets {
		if t.name != c.params["target"] {
			continue
		}
		if o := c.db.orgs[c.id("org")]; o != nil {
			o.quotas[t.name] = body.Limit
		}
		return done("Organization quota updated")
	}
	return failID(http.StatusInternalServerError, "quota.invalid-target-table", "Invalid quota target")
}

// limit is what an org may have of something; negative: any number.
func (c *call) limit(orgID int64, target string) int64 {
	if o := c.db.orgs[orgID]; o != nil {
		if n, given := o.quotas[target]; given {
			return n
		}
	}
	for _, t := range orgTargets {
		if t.name == target {
			return t.limit
		}
	}
	return math.MaxInt64
}

func (c *call) used(orgID int64, target string) int64 {
	o := c.db.orgs[orgID]
	if o == nil {
		return 0
	}
	switch target {
	case "dashboard":
		return int64(len(o.dashboards))
	case "alert_rule":
		return int64(len(o.rules))
	case "data_source":
		return int64(len(o.sources))
	case "org_user":
		return int64(len(c.members(o)))
	case "api_key":
		n := int64(0)
		for _, t := range c.db.tokens {
			if t.orgID == orgID {
				n++
			}
		}
		return n
	}
	return 0
}

// quotaReached says whether an org may have no more of something.
func (c *call) quotaReached(target string) bool {
	if !c.server.options.quotas {
		return false
	}
	limit := c.limit(c.who.orgID, target)
	return limit >= 0 && c.used(c.who.orgID, target) >= limit
}

// orgQuotaReached says whether the caller may be in no more orgs.
func (c *call) orgQuotaReached() bool {
	return c.server.options.quotas && len(c.db.orgsOf(c.who.user)) >= orgsPerUser
}
