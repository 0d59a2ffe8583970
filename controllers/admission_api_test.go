package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// admissions are specs laid over the bare ones; words "" means that it is accepted.
var admissions = []struct {
	kind, words string
	fields      spec
}{
	{"Instance", "", nil},
	{"Instance", "", spec{"url": "https://grafana.example.com/grafana/"}},
	{"Instance", "", spec{"url": "http://[::1]:3000"}},
	{"Instance", "spec.url", spec{"url": nil}},
	{"Instance", "spec.url", spec{"url": ""}},
	{"Instance", "spec.url", spec{"url": "grafana:3000"}},
	{"Instance", "spec.url", spec{"url": "ftp://grafana/"}},
	{"Instance", "spec.url", spec{"url": "https://admin:admin@grafana"}},
	{"Instance", "spec.url", spec{"url": "https://grafana/?orgId=1"}},
	{"Instance", "spec.url", spec{"url": "https://grafana/#top"}},
	{"Instance", "spec.url", spec{"url": "https://gra fana"}},
	{"Instance", "must be a URL such as", spec{"url": "http://[::1"}},
	{"Instance", "spec.url", spec{"url": "http://" + strings.Repeat("x", 1100)}},
	{"Instance", "spec.credentials", spec{"credentials": nil}},
	{"Instance", "give exactly one of basicAuth and token", spec{"credentials": spec{}}},
	{
		"Instance",
		"give exactly one of basicAuth and token",
		spec{
			"credentials": spec{
				"basicAuth": spec{"secretRef": spec{"name": "a"}},
				"token":     spec{"name": "a", "key": "b"},
			},
		},
	},
	{"Instance", "", spec{"credentials": spec{"token": spec{"name": "a", "key": "b"}}}},
	{"Instance", "key", spec{"credentials": spec{"token": spec{"name": "a"}}}},
	{"Instance", "", spec{"credentials": basicAuth(spec{"session": "Never", "usernameKey": "u", "passwordKey": "p"})}},
	{"Instance", `"Auto", "Never"`, spec{"credentials": basicAuth(spec{"session": "Sometimes"})}},
	{"Instance", "unknown field", spec{"credentials": basicAuth(spec{"password": "secret"})}},
	{"Instance", "", spec{"tls": spec{"insecureSkipVerify": true, "serverName": "grafana"}}},
	{"Instance", "caFrom has no effect with insecureSkipVerify",
		spec{"tls": spec{"insecureSkipVerify": true, "caFrom": spec{"secretKeyRef": spec{"name": "a", "key": "b"}}}}},
	{"Instance", "give exactly one of configMapKeyRef and secretKeyRef", spec{"tls": spec{"caFrom": spec{}}}},
	{
		"Instance",
		"give exactly one of configMapKeyRef and secretKeyRef",
		spec{
			"tls": spec{
				"caFrom": spec{
					"secretKeyRef":    spec{"name": "a", "key": "b"},
					"configMapKeyRef": spec{"name": "a", "key": "b"},
				},
			},
		},
	},
	{"Instance", "", spec{"timeout": "1m30s"}},
	{"Instance", "must be between 1s and 10m", spec{"timeout": "0s"}},
	{"Instance", "must be between 1s and 10m", spec{"timeout": "11m"}},
	{"Instance", "spec.timeout", spec{"timeout": "soon"}},
	{"Instance", "spec.timeout", spec{"timeout": "500ms"}},
	{"Instance", "spec.timeout", spec{"timeout": 30}},
	{"Instance", "", spec{"resyncInterval": "30s"}},
	{"Instance", "must be at least 30s", spec{"resyncInterval": "29s"}},
	{"Instance", "spec.resyncInterval", spec{"resyncInterval": "-1h"}},
	{"Instance", "spec.resyncInterval", spec{"resyncInterval": "1d"}},
	{"Instance", "spec.resyncInterval", spec{"resyncInterval": "999999999h"}},
	{"Instance", "",
		spec{"limits": spec{"requestsPerSecond": 5, "burst": 1, "maxConcurrentReads": 1, "maxConcurrentWrites": 1}}},
	{"Instance", "spec.limits.requestsPerSecond", spec{"limits": spec{"requestsPerSecond": 0}}},
	{"Instance", "spec.limits.burst", spec{"limits": spec{"burst": -1}}},
	{"Instance", "spec.limits.maxConcurrentReads", spec{"limits": spec{"maxConcurrentReads": 100000}}},
	{"Instance", "spec.limits.maxConcurrentWrites", spec{"limits": spec{"maxConcurrentWrites": 0}}},
	{"Instance", "",
		spec{"allowedNamespaces": spec{"from": "Selector", "selector": spec{"matchLabels": spec{"a": "b"}}}}},
	{"Instance", "give a selector with from: Selector, and only with it",
		spec{"allowedNamespaces": spec{"from": "Selector"}}},
	{"Instance", "give a selector with from: Selector, and only with it",
		spec{"allowedNamespaces": spec{"from": "All", "selector": spec{}}}},
	{"Instance", `"Same", "All", "Selector"`, spec{"allowedNamespaces": spec{"from": "Some"}}},
	{"Instance", "", spec{"adoption": "Allow", "onReset": "Rebuild"}},
	{"Instance", "", spec{"adoption": "Forbid", "onReset": "Hold"}},
	{"Instance", `"Forbid", "Allow"`, spec{"adoption": "Adopt"}},
	{"Instance", `"Hold", "Rebuild"`, spec{"onReset": "Delete"}},
	{"Instance", "unknown field", spec{"adoptionPolicy": "Adopt"}},

	{"Organization", "", nil},
	{"Organization", "spec.instanceRef", spec{"instanceRef": nil}},
	{"Organization", "spec.instanceRef.name", spec{"instanceRef": spec{"name": ""}}},
	{"Organization", "spec.instanceRef.namespace",
		spec{"instanceRef": spec{"name": "a", "namespace": strings.Repeat("x", 64)}}},
	{"Organization", "", spec{"name": "Ein Team: Größe [7] – ß/&?"}},
	{"Organization", "", spec{"name": strings.Repeat("ä", 179)}},
	{"Organization", "spec.name", spec{"name": strings.Repeat("ä", 180)}},
	{"Organization", "spec.name", spec{"name": ""}},
	{"Organization", "spec.name", spec{"name": " Team"}},
	{"Organization", "spec.name", spec{"name": "Team\n"}},
	{"Organization", "spec.name", spec{"name": "a\x00b"}},
	{"Organization", "such names mark organizations that are being created", spec{"name": "Team [0123abcd]"}},
	{
		"Organization",
		"",
		spec{
			"preferences": spec{
				"theme":            "dark",
				"timezone":         "utc",
				"weekStart":        "monday",
				"language":         "de-DE",
				"homeDashboardUID": "home",
			},
		},
	},
	{"Organization", `"saturday"`, spec{"preferences": spec{"weekStart": "tuesday"}}},
	{"Organization", "give at most one of homeDashboardUID and homeDashboardRef",
		spec{"preferences": spec{"homeDashboardUID": "home", "homeDashboardRef": spec{"name": "home"}}}},
	{"Organization", "", spec{"quotas": spec{"data_source": -1, "dashboard": 0}}},
	{"Organization", "spec.quotas", spec{"quotas": spec{"dashboard": -2}}},
	{"Organization", "spec.quotas", spec{"quotas": spec{"dashboard": "many"}}},
	{"Organization", "a quota's target has lower-case letters and underscores", spec{"quotas": spec{"../../1": 1}}},
	{"Organization", "", spec{"deletionPolicy": "DeleteWithContents"}},
	{"Organization", `"Delete", "DeleteWithContents", "Orphan"`, spec{"deletionPolicy": "Keep"}},
	{"Organization", "must be at least 30s", spec{"resyncInterval": "1s"}},
	{"Organization", "", spec{"adoptionPolicy": "Adopt", "adoption": "Allow", "maxServiceAccountRole": "None"}},
	{"Organization", `"Never", "Adopt"`, spec{"adoptionPolicy": "Allow"}},
	{"Organization", `"Forbid", "Allow"`, spec{"adoption": "Always"}},
	{"Organization", `"None", "Viewer", "Editor", "Admin"`, spec{"maxServiceAccountRole": "GrafanaAdmin"}},
	{"Organization", `"None", "Viewer", "Editor", "Admin"`, spec{"maxServiceAccountRole": ""}},

	{"Organization", `"None", "Viewer", "Editor", "Admin"`, spec{"maxMemberRole": "Owner"}},

	{"Membership", "", nil},
	{"Membership", "", spec{"members": []any{}}},
	{"Membership", "",
		spec{"members": []any{spec{"login": "ada", "role": "None"}, spec{"email": "ada@x", "role": "Admin"}}}},
	{"Membership", "spec.members", spec{"members": nil}},
	{"Membership", "give exactly one of login, email and userRef", spec{"members": []any{spec{"role": "Admin"}}}},
	{
		"Membership",
		"give exactly one of login, email and userRef",
		spec{"members": []any{spec{"login": "a", "email": "a@x"}}},
	},
	{"Membership", "list each person once",
		spec{"members": []any{spec{"login": "ada"}, spec{"login": "ada", "role": "Admin"}}}},
	{"Membership", "list each person once",
		spec{"members": []any{spec{"email": "a@x"}, spec{"login": "ada"}, spec{"email": "a@x"}}}},
	{"Membership", `"None", "Viewer", "Editor", "Admin"`,
		spec{"members": []any{spec{"login": "ada", "role": "editor"}}}},
	{"Membership", "login", spec{"members": []any{spec{"login": "ada\nX-Grafana-Org-Id: 1"}}}},
	{"Membership", "login", spec{"members": []any{spec{"login": strings.Repeat("x", 191)}}}},
	{"Membership", "email", spec{"members": []any{spec{"email": "nobody"}}}},
	{"Membership", "email", spec{"members": []any{spec{"email": strings.Repeat("x", 190) + "@x"}}}},
	{"Membership", "at most 200 items", spec{"members": slices.Repeat([]any{spec{"login": "ada"}}, 201)}},
	{"Membership", "", spec{"mode": "Exclusive"}},
	{"Membership", "list at least one person", spec{"mode": "Exclusive", "members": []any{}}},
	{"Membership", `"Additive", "Exclusive"`, spec{"mode": "Authoritative"}},
	{"Membership", "", spec{"adoptionPolicy": "Adopt", "deletionPolicy": "Orphan"}},
	{"Membership", `"Delete", "Orphan"`, spec{"deletionPolicy": "DeleteWithContents"}},
	{"Membership", "unknown field", spec{"people": []any{}}},

	{"ServiceAccount", "", nil},
	{"ServiceAccount", "spec.organizationRef", spec{"organizationRef": nil}},
	{"ServiceAccount", "", spec{"name": "CI robot", "role": "None", "disabled": true}},
	{"ServiceAccount", "spec.name", spec{"name": strings.Repeat("x", 151)}},
	{"ServiceAccount", "spec.name", spec{"name": "a\tb"}},
	{"ServiceAccount", "names that begin with extsvc- are Grafana's own", spec{"name": "extsvc-mine"}},
	{"ServiceAccount", `"None", "Viewer", "Editor", "Admin"`, spec{"role": "admin"}},
	{"ServiceAccount", "spec.disabled", spec{"disabled": "yes"}},
	{"ServiceAccount", "", spec{"adoptionPolicy": "Adopt", "deletionPolicy": "Delete"}},
	{"ServiceAccount", `"Never", "Adopt"`, spec{"adoptionPolicy": "IfNotExists"}},
	{"ServiceAccount", `"Delete", "Orphan"`, spec{"deletionPolicy": "DeleteWithContents"}},

	{"ServiceAccountToken", "", nil},
	{"ServiceAccountToken", "unknown field", spec{"serviceAccountRef": spec{"name": "a", "namespace": "other"}}},
	{
		"ServiceAccountToken",
		"",
		spec{
			"ttl": "720h",
			"secret": spec{
				"name":        "a.b-c",
				"key":         "GRAFANA_TOKEN",
				"type":        "example.com/t",
				"labels":      spec{"a": ""},
				"annotations": spec{"b": "c"},
			},
		},
	},
	{"ServiceAccountToken", "must be at least 1m", spec{"ttl": "59s"}},
	{"ServiceAccountToken", "spec.ttl", spec{"ttl": "1.5h"}},
	{"ServiceAccountToken", "spec.secret.name", spec{"secret": spec{"name": "Not_A_Name"}}},
	{"ServiceAccountToken", "spec.secret.name", spec{"secret": spec{"name": "../x"}}},
	{"ServiceAccountToken", "spec.secret.key", spec{"secret": spec{"key": "a b"}}},
	{"ServiceAccountToken", "are the operator's own",
		spec{"secret": spec{"labels": spec{"app.kubernetes.io/managed-by": "me"}}}},
	{"ServiceAccountToken", "are the operator's own",
		spec{"secret": spec{"annotations": spec{v1alpha1.AnnotationTokenID: "1"}}}},
	{"ServiceAccountToken", "are Kubernetes' own",
		spec{"secret": spec{"annotations": spec{"kubernetes.io/service-account.name": "default"}}}},
	{"ServiceAccountToken", "use Opaque", spec{"secret": spec{"type": "kubernetes.io/service-account-token"}}},
	{"ServiceAccountToken", "spec.secret.labels", spec{"secret": spec{"labels": spec{"a": "b c"}}}},
	{"ServiceAccountToken", "", spec{"ttl": "1m", "rotation": spec{"before": "30s", "overlap": "0s"}}},
	{"ServiceAccountToken", "", spec{"ttl": "2160h", "rotation": spec{"before": "720h", "overlap": "48h"}}},
	{"ServiceAccountToken", "", spec{"rotation": spec{"overlap": "1h"}}},
	{"ServiceAccountToken", "rotation.before needs a ttl, and must be at least 30s shorter than it",
		spec{"rotation": spec{"before": "1h"}}},
	{"ServiceAccountToken", "rotation.before needs a ttl, and must be at least 30s shorter than it",
		spec{"ttl": "1m", "rotation": spec{"before": "31s"}}},
	{"ServiceAccountToken", "rotation.before needs a ttl, and must be at least 30s shorter than it",
		spec{"ttl": "1h", "rotation": spec{"before": "1h"}}},
	{"ServiceAccountToken", "spec.rotation.before", spec{"ttl": "1h", "rotation": spec{"before": "-1m"}}},
	{"ServiceAccountToken", "spec.rotation.overlap", spec{"rotation": spec{"overlap": "1d"}}},
	{"ServiceAccountToken", "unknown field", spec{"rotation": spec{"after": "1h"}}},
	{
		"ServiceAccountToken",
		"",
		spec{
			"secret": spec{
				"key":      "k",
				"template": spec{".env": "TOKEN={{ .token }}", "provider.tf": "", "a_b-C.9": "x"},
			},
		},
	},
	{"ServiceAccountToken", "the keys must be fit for a Secret", spec{"secret": spec{"template": spec{"a b": "x"}}}},
	{"ServiceAccountToken", "the keys must be fit for a Secret", spec{"secret": spec{"template": spec{"a/b": "x"}}}},
	{"ServiceAccountToken", "the keys must be fit for a Secret", spec{"secret": spec{"template": spec{"": "x"}}}},
	{"ServiceAccountToken", "the keys must be fit for a Secret",
		spec{"secret": spec{"template": spec{strings.Repeat("x", 254): "x"}}}},
	{"ServiceAccountToken", "give the template another name", spec{"secret": spec{"template": spec{"token": "x"}}}},
	{"ServiceAccountToken", "give the template another name",
		spec{"secret": spec{"key": "k", "template": spec{"k": "x"}}}},
	{"ServiceAccountToken", "spec.secret.template",
		spec{"secret": spec{"template": spec{"a": strings.Repeat("x", 16385)}}}},
	{"ServiceAccountToken", "spec.secret.template", spec{"secret": spec{"template": numbered(17)}}},

	{"Dashboard", "", nil},
	{"Dashboard", "give exactly one of json, model,", spec{"source": spec{}}},
	{"Dashboard", "give exactly one of json, model,",
		spec{"source": spec{"json": "{}", "configMapRef": spec{"name": "a", "key": "b"}}}},
	{"Dashboard", "give exactly one of json, model,",
		spec{"source": spec{"model": spec{"title": "a"}, "grafanaCom": spec{"id": 1, "revision": 1}}}},
	{"Dashboard", "",
		spec{"source": spec{"model": spec{"title": "a", "apiVersion": "b", "anything": []any{1, spec{"else": nil}}}}}},
	{"Dashboard", "spec.source.model", spec{"source": spec{"model": "{}"}}},
	{"Dashboard", "spec.source.gzipJson", spec{"source": spec{"gzipJson": "no base64, not even near it"}}},
	{"Dashboard", "spec.source.url.url", spec{"source": spec{"url": spec{"url": "https://user:secret@host/"}}}},
	{"Dashboard", "spec.source.url.url", spec{"source": spec{"url": spec{"url": "ftp://host/dashboard.json"}}}},
	{"Dashboard", "", spec{"source": spec{"url": spec{"url": "https://host/npm/@scope/dashboard.json?a=b"}}}},
	{"Dashboard", "spec.source.url.sha256", spec{"source": spec{"url": spec{"url": "https://host/", "sha256": "abc"}}}},
	{"Dashboard", "spec.source.grafanaCom.revision", spec{"source": spec{"grafanaCom": spec{"id": 1}}}},
	{"Dashboard", "spec.inputs",
		spec{"inputs": []any{spec{"name": "a", "value": "b"}, spec{"name": "a", "value": "c"}}}},
	{"Dashboard", "spec.source.json", spec{"source": spec{"json": ""}}},
	{"Dashboard", "", spec{"uid": strings.Repeat("a", 40), "folder": spec{"uid": "f"}, "driftPolicy": "Report"}},
	{"Dashboard", "spec.uid", spec{"uid": strings.Repeat("a", 41)}},
	{"Dashboard", "spec.uid", spec{"uid": "a/b"}},
	{"Dashboard", "give exactly one of uid, path and ref", spec{"folder": spec{}}},
	{"Dashboard", "give exactly one of uid, path and ref", spec{"folder": spec{"uid": "f", "path": []any{"F"}}}},
	{"Dashboard", "spec.folder.path", spec{"folder": spec{"path": []any{}}}},
	{"Dashboard", "spec.folder.path", spec{"folder": spec{"path": []any{" padded"}}}},
	{"Dashboard", "", spec{"folder": spec{"path": []any{"Übersicht", "a / b"}}}},
	{"Dashboard", "spec.folder.uid", spec{"folder": spec{"uid": "a b"}}},
	{"Dashboard", `"Correct", "Report"`, spec{"driftPolicy": "Ignore"}},
	{"Dashboard", "", spec{"adoptionPolicy": "Adopt", "deletionPolicy": "Orphan"}},
	{"Dashboard", `"Never", "Adopt"`, spec{"adoptionPolicy": "adopt"}},
	{"Dashboard", `"Delete", "Orphan"`, spec{"deletionPolicy": "DeleteWithContents"}},
	{"ServiceAccountToken", "unknown field", spec{"adoptionPolicy": "Adopt"}},
}

// What cannot work is refused when it is applied, with a word on what to do.
func TestAPIAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(t)
	for _, test := range admissions {
		t.Run(test.kind+" "+shorten(fmt.Sprint(test.fields)), func(t *testing.T) {
			err := a.create(a.object(test.kind, test.fields))
			if test.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, test.words)
		})
	}
}

// numbered are so many keys.
func numbered(n int) spec {
	all := spec{}
	for i := range n {
		all[fmt.Sprintf("k%d", i)] = "v"
	}
	return all
}

func shorten(s string) string { return s[:min(len(s), 100)] }
