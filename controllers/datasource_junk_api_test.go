package controllers_test

import "maps"

func init() {
	secret := spec{"secretKeyRef": spec{"name": "a", "key": "b"}}
	file := spec{"configMapKeyRef": spec{"name": "a", "key": "b"}}
	whole["DataSource"] = []struct{ spec, status spec }{
		{
			lay(wholeCommon, spec{
				"organizationRef": spec{"name": "a", "namespace": "b"},
				"name":            "n",
				"uid":             "u",
				"type":            "t",
				"url":             "http://u",
				"access":          "proxy",
				"user":            "u",
				"database":        "d",
				"basicAuth":       spec{"user": "u", "passwordSecretRef": spec{"name": "a", "key": "b"}},
				"withCredentials": true,
				"headers":         []any{spec{"name": "X-A", "value": "v"}},
				"jsonData":        spec{},
				"secureJsonData":  spec{"a": secret},
				"isDefault":       true,
				"health":          true,
				"adoptionPolicy":  "Adopt",
			}),
			lay(wholeStatus, spec{
				"uid":         "u",
				"name":        "n",
				"type":        "t",
				"id":          1,
				"orgID":       1,
				"version":     1,
				"contentHash": "h",
				"storedHash":  "h",
				"secretsHash": "h",
				"default":     true,
				"adopted":     true,
			}),
		},
		{spec{
			"organizationRef": spec{"name": "a"}, "type": "t",
			"headers":        []any{spec{"name": "X-A", "valueFrom": secret}, spec{"name": "X-B", "valueFrom": file}},
			"secureJsonData": spec{"a": file},
		}, spec{}},
	}
	for i, one := range whole["DataSource"] { // the template of a set has all of it, but what the set gives
		settings := maps.Clone(one.spec)
		delete(settings, "organizationRef")
		delete(settings, "deletionPolicy")
		set := whole["DashboardSet"][i]
		set.spec = maps.Clone(set.spec)
		set.spec["template"] = spec{"spec": settings}
		if i == 0 {
			set.spec["template"] = spec{"spec": settings, "metadata": spec{
				"labels": spec{"a": "b"}, "annotations": spec{"a": "b"},
			}}
		}
		whole["DataSourceSet"] = append(whole["DataSourceSet"], set)
	}
}
