package grafanatest

// adminSettings is the part of the server's configuration that clients look at.
func adminSettings(c *call) *answer { return ok(obj{"database": obj{"type": c.db.kind.setting()}}) }
