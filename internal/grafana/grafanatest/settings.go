package grafanatest

import "fmt"

// adminSettings is the part of the server's settings that says how it keeps
// things. All of them are text, as in Grafana.
func adminSettings(c *call) *answer {
	opts := c.server.opts
	return ok(obj{
		"database":       obj{"type": opts.Database.setting()},
		"auth.anonymous": obj{"enabled": fmt.Sprint(c.server.options.anonymous)},
		"auth.basic":     obj{"enabled": fmt.Sprint(!opts.BasicAuthDisabled)},
		"quota":          obj{"enabled": fmt.Sprint(c.server.options.quotas)},
	})
}
