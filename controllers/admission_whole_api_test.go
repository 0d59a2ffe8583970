package controllers_test

import (
	"maps"
	"strings"
)

// whole are objects that together have every field that there is.
var whole = map[string][]struct{ spec, status spec }{
	"Instance": {
		{
			spec{
				"url":               "http://grafana:3000",
				"timeout":           "30s",
				"resyncInterval":    "1h",
				"allowedNamespaces": wholeSelector,
				"adoption":          "Allow",
				"onReset":           "Hold",
				"credentials": spec{
					"basicAuth": spec{
						"secretRef":   spec{"name": "a"},
						"usernameKey": "u",
						"passwordKey": "p",
						"session":     "Auto",
					},
				},
				"tls": spec{
					"caFrom":                     spec{"configMapKeyRef": spec{"name": "a", "key": "b"}},
					"clientCertificateSecretRef": spec{"name": "c"},
					"serverName":                 "s",
					"insecureSkipVerify":         false,
				},
				"limits": spec{"requestsPerSecond": 1, "burst": 1, "maxConcurrentReads": 1, "maxConcurrentWrites": 1},
			},
			lay(wholeStatus, spec{
				"version":      "12.4.0",
				"edition":      "Open Source",
				"database":     "ok",
				"capabilities": []any{"Session"},
				"resets":       1,
				"databaseID":   "user 1",
				"loginFailure": spec{"time": "2026-01-02T03:04:05Z", "attempts": 1, "secretResourceVersion": "7"},
			}),
		},
		{spec{
			"url": "http://grafana:3000", "credentials": spec{"token": spec{"name": "a", "key": "b"}},
			"tls": spec{"caFrom": spec{"secretKeyRef": spec{"name": "a", "key": "b"}}},
		}, spec{}},
	},
	"Organization": {
		{lay(wholeCommon, spec{
			"instanceRef": spec{
				"name":      "a",
				"namespace": "b",
			},
			"name":                  "n",
			"allowedNamespaces":     wholeSelector,
			"quotas":                spec{"dashboard": 1},
			"maxServiceAccountRole": "Editor",
			"maxMemberRole":         "Editor",
			"adoptionPolicy":        "Adopt",
			"adoption":              "Allow",
			"preferences": spec{
				"theme":            "dark",
				"timezone":         "utc",
				"weekStart":        "monday",
				"language":         "en-US",
				"homeDashboardUID": "u",
			},
		}), lay(wholeStatus, spec{
			"orgID": 1, "name": "n", "adopted": true, "joined": true, "resets": 1, "libraryPanels": true,
		})},
		{
			spec{
				"instanceRef": spec{"name": "a"},
				"preferences": spec{"homeDashboardRef": spec{"name": "a", "namespace": "b"}},
			},
			spec{},
		},
	},
	"Membership": {
		{lay(wholeCommon, spec{
			"organizationRef": spec{"name": "a", "namespace": "b"},
			"members": []any{
				spec{"login": "a", "role": "Editor"}, spec{"email": "a@b", "role": "Viewer"},
				spec{"userRef": spec{"name": "a"}, "role": "Viewer"},
			},
			"mode":           "Additive",
			"adoptionPolicy": "Adopt",
			"deletionPolicy": "Orphan",
		}), lay(wholeStatus, spec{
			"createStarted": "2026-01-01T00:00:00Z",
			"orgID":         1,
			"present":       "1/2",
			"missing":       []any{"a"},
			"added": []any{
				spec{"userID": 1, "login": "a", "role": "Editor", "changingTo": "Viewer"},
				spec{"userID": 2, "email": "a@b", "role": "Viewer"},
				spec{"userID": 3, "login": "a", "user": "a", "role": "Viewer"},
			},
		})},
	},
	"Team": {
		{lay(wholeCommon, spec{
			"organizationRef": spec{"name": "a", "namespace": "b"}, "name": "A", "email": "a@b",
			"members": []any{
				spec{"login": "a", "role": "Admin"}, spec{"email": "a@b", "role": "Member"},
				spec{"userRef": spec{"name": "a"}, "role": "Member"},
			},
			"mode": "Exclusive", "adoptionPolicy": "Adopt", "deletionPolicy": "Orphan",
			"preferences": spec{
				"theme": "dark", "timezone": "utc", "weekStart": "monday", "language": "en-US", "homeDashboardUID": "u",
			},
		}), lay(wholeStatus, spec{
			"createStarted": "2026-01-01T00:00:00Z", "id": 1, "uid": "u", "orgID": 1, "adopted": true,
			"present": "1/2", "missing": []any{"a"},
			"added": []any{
				spec{"userID": 1, "login": "a", "askedAt": "2026-01-01T00:00:00Z"}, spec{"userID": 2, "email": "a@b"},
				spec{"userID": 3, "user": "a"},
			},
		})},
	},
	"User": {
		{lay(wholeCommon, spec{
			"instanceRef": spec{"name": "a"}, "login": "a", "email": "a@b", "name": "A", "disabled": true,
			"grafanaAdmin": true, "adoptionPolicy": "Adopt", "deletionPolicy": "Disable",
			"password": spec{"secret": spec{
				"name": "a", "key": "b", "type": "Opaque", "labels": spec{"a": "b"}, "annotations": spec{"a": "b"},
				"template": spec{"a": "b"},
			}},
		}), lay(wholeStatus, spec{
			"createStarted":   "2026-01-01T00:00:00Z",
			"id":              1,
			"login":           "a",
			"uid":             "u",
			"createdAt":       "t",
			"adopted":         true,
			"secretName":      "a",
			"passwordVersion": "1",
		})},
		{spec{
			"instanceRef": spec{"name": "a"}, "password": spec{"secretKeyRef": spec{"name": "a", "key": "b"}},
		}, spec{}},
	},
	"ServiceAccount": {
		{
			lay(wholeCommon, spec{
				"organizationRef": spec{"name": "a", "namespace": "b"},
				"name":            "n",
				"role":            "Viewer",
				"disabled":        true,
				"adoptionPolicy":  "Adopt",
			}),
			lay(wholeStatus,
				spec{"id": 1, "login": "l", "orgID": 1, "createdAt": "2026-01-02T03:04:05Z", "adopted": true}),
		},
	},
	"ServiceAccountToken": {
		{lay(wholeCommon, spec{
			"serviceAccountRef": spec{"name": "a"},
			"ttl":               "1h",
			"rotation":          spec{"before": "10m", "overlap": "5m"},
			"secret": spec{
				"name":        "a",
				"key":         "k",
				"type":        "Opaque",
				"labels":      spec{"a": "b"},
				"annotations": spec{"c": "d"},
				"template":    spec{"e": "f"},
			},
		}), lay(wholeStatus, spec{
			"tokenID":      1,
			"tokenName":    "n",
			"revision":     1,
			"expiresAt":    "2026-01-02T03:04:05Z",
			"nextRotation": "2026-01-02T03:04:05Z",
			"secretName":   "s",
			"provenAt":     "2026-01-02T03:04:05Z",
			"superseded":   []any{spec{"tokenID": 1, "revokedAfter": "2026-01-02T03:04:05Z"}},
		})},
	},
	"Folder": {
		{
			lay(wholeCommon, spec{
				"organizationRef": spec{"name": "a", "namespace": "b"},
				"title":           "t",
				"description":     "d",
				"uid":             "u",
				"parentRef":       spec{"name": "p"},
				"permissions": []any{
					spec{"role": "Viewer", "permission": "View"}, spec{"user": "ann", "permission": "Edit"},
					spec{"serviceAccountRef": spec{"name": "a"}, "permission": "Admin"},
					spec{"teamRef": spec{"name": "a"}, "permission": "Edit"},
				},
				"adoptionPolicy": "Adopt",
			}),
			lay(wholeStatus, spec{
				"uid":                "u",
				"parentUID":          "p",
				"orgID":              1,
				"id":                 1,
				"createdAt":          "2026-01-02T03:04:05Z",
				"adopted":            true,
				"permissionsPending": true,
			}),
		},
	},
	"Dashboard": {
		{
			lay(wholeCommon, spec{
				"organizationRef": spec{"name": "a", "namespace": "b"},
				"source":          spec{"json": "{}"},
				"uid":             "u",
				"folder":          spec{"uid": "f"},
				"libraryPanels":   "Manage",
				"driftPolicy":     "Report",
				"adoptionPolicy":  "Adopt",
				"inputs":          []any{spec{"name": "a", "value": "b"}},
				"title":           "t",
				"datasources": []any{
					spec{"from": "a", "to": spec{"ref": spec{"name": "b"}}}, spec{"from": "b", "to": spec{"uid": "c"}},
					spec{"from": "c", "to": spec{"name": "d"}}, spec{"from": "d", "to": spec{"default": true}},
				},
			}),
			lay(wholeStatus, spec{
				"datasources":          []any{spec{"from": "a", "uid": "u", "name": "n", "type": "t"}},
				"namedDatasources":     []any{"u"},
				"libraryPanels":        []any{spec{"uid": "u", "name": "n", "hash": "h", "digest": "d"}},
				"libraryPanelsRenewed": 1,
				"uid":                  "u",
				"url":                  "/d/u",
				"version":              1,
				"contentHash":          "h",
				"contentGeneration":    1,
				"savedAt":              "2026-01-02T03:04:05Z",
				"folderUID":            "f",
				"orgID":                1,
				"createdAt":            "2026-01-02T03:04:05Z",
				"adopted":              true,
				"drift":                spec{"version": 2, "by": "admin"},
				"storedHash":           "h",
				"permissionsPending":   true,
			}),
		},
		{
			spec{
				"organizationRef": spec{"name": "a"},
				"source":          spec{"configMapRef": spec{"name": "a", "key": "b"}},
				"folder":          spec{"path": []any{"a", "b"}},
			},
			spec{},
		},
		{
			spec{
				"organizationRef": spec{"name": "a"}, "source": spec{"model": spec{}},
				"folder": spec{"ref": spec{"name": "a"}},
			},
			spec{},
		},
		{spec{"organizationRef": spec{"name": "a"}, "source": spec{"gzipJson": "H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA=="}},
			spec{}},
		{spec{"organizationRef": spec{"name": "a"}, "source": spec{"grafanaCom": spec{"id": 1, "revision": 2}}},
			spec{}},
		{
			spec{
				"organizationRef": spec{"name": "a"},
				"source": spec{
					"url": spec{
						"url":         "https://a/b",
						"sha256":      strings.Repeat("0a", 32),
						"headersFrom": spec{"name": "a"},
						"caFrom":      spec{"secretKeyRef": spec{"name": "a", "key": "b"}},
					},
				},
			},
			spec{},
		},
		{
			spec{
				"organizationRef": spec{"name": "a"},
				"source": spec{
					"url": spec{"url": "https://a/b", "caFrom": spec{"configMapKeyRef": spec{"name": "a", "key": "b"}}},
				},
			},
			spec{},
		},
	},
	"DashboardSet": {
		{
			spec{
				"organizations": spec{
					"selector":     wholeSelector["selector"],
					"instanceRefs": []any{spec{"name": "a", "namespace": "b"}},
				},
				"rollout": spec{
					"maxUnavailable":   "10%",
					"waves":            []any{spec{"selector": wholeSelector["selector"]}},
					"progressDeadline": "1h",
				},
				"prunePolicy": "Orphan", "deletionPolicy": "Orphan", "paused": true,
				"template": spec{
					"metadata": spec{"labels": spec{"a": "b"}, "annotations": spec{"a": "b"}},
					"spec": spec{
						"suspend": true, "resyncInterval": "1h", "source": spec{"json": "{}"},
						"inputs": []any{spec{"name": "a", "value": "b"}},
						"datasources": []any{
							spec{
								"from": "a",
								"to":   spec{"ref": spec{"name": "a"}},
							},
							spec{"from": "b", "to": spec{"uid": "a"}},
							spec{"from": "c", "to": spec{"name": "a"}},
							spec{"from": "d", "to": spec{"default": true}},
						},
						"title": "t", "uid": "u", "folder": spec{"ref": spec{"name": "a"}}, "driftPolicy": "Report",
						"libraryPanels":  "Manage",
						"adoptionPolicy": "Adopt",
					},
				},
			},
			lay(wholeStatus, spec{
				"currentRevision": "r", "organizations": 1, "updated": 1, "ready": 1, "failed": 1,
				"lastProgressTime": "2026-01-02T03:04:05Z",
				"failures":         []any{spec{"organization": "a/b", "reason": "r", "message": "m"}},
			}),
		},
		{wholeSet(spec{"model": spec{}}, spec{"uid": "a"}), spec{}},
		{wholeSet(spec{"gzipJson": "H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA=="}, spec{"path": []any{"a"}}), spec{}},
		{wholeSet(spec{"configMapRef": spec{"name": "a", "key": "b"}}, nil), spec{}},
		{wholeSet(spec{"grafanaCom": spec{"id": 1, "revision": 2}}, nil), spec{}},
		{wholeSet(spec{"url": spec{
			"url": "https://a/b", "sha256": strings.Repeat("0a", 32), "headersFrom": spec{"name": "a"},
			"caFrom": spec{"secretKeyRef": spec{"name": "a", "key": "b"}},
		}}, nil), spec{}},
		{wholeSet(spec{"url": spec{
			"url": "https://a/b", "caFrom": spec{"configMapKeyRef": spec{"name": "a", "key": "b"}},
		}}, nil), spec{}},
	},
}

var (
	wholeSelector = spec{"from": "Selector", "selector": spec{
		"matchLabels": spec{
			"a": "b",
		},
		"matchExpressions": []any{spec{"key": "c", "operator": "In", "values": []any{"d"}}},
	}}
	wholeCommon = spec{"suspend": true, "resyncInterval": "1h", "deletionPolicy": "Orphan"}
	wholeStatus = spec{
		"observedGeneration": 1,
		"createStarted":      "2026-01-02T03:04:05Z",
		"conditions": []any{
			spec{
				"type":               "Ready",
				"status":             "True",
				"reason":             "InSync",
				"message":            "m",
				"observedGeneration": 1,
				"lastTransitionTime": "2026-01-02T03:04:05Z",
			},
		},
	}
)

func lay(under, over spec) spec {
	all := maps.Clone(under)
	maps.Copy(all, over)
	return all
}

// wholeSet is the spec of a DashboardSet with a source and a folder.
func wholeSet(source, folder spec) spec {
	template := spec{"source": source}
	if folder != nil {
		template["folder"] = folder
	}
	return spec{
		"organizations": spec{"selector": spec{"matchLabels": spec{"a": "b"}}}, "template": spec{"spec": template},
	}
}
