package controllers_test

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileSource is a data source of the hostile tenant's.
func hostileSource(s *hostile.Scene,
	name, organization string,
	changes ...func(*v1alpha1.DataSource),
) *v1alpha1.DataSource {
	s.T.Helper()
	return hostile.Placed(s, &v1alpha1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.DataSourceSpec{
			OrganizationRef:    s.Of(organization),
			DataSourceSettings: v1alpha1.DataSourceSettings{Type: "testdata", Access: v1alpha1.AccessProxy},
		},
	}, changes)
}

// victimSource has the victim make a data source in the common organization, which is its default.
func victimSource(s *hostile.Scene) {
	suite.Ready(s.World, dataSource(s.World, "shared-metrics", "", func(o *v1alpha1.DataSource) {
		o.Namespace, o.Spec.OrganizationRef, o.Spec.UID = s.Theirs, s.Of("commons"), "commons-metrics"
		o.Spec.Name, o.Spec.IsDefault = "Common metrics", new(true)
		o.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{"password": fromSecret("database", "password")}
	}))
	s.Before = s.Snapshot()
	for key := range s.Before {
		s.TheirOwn[key] = true
	}
}

// hostileDataSources are what a tenant can try by a DataSource.
func hostileDataSources() []hostile.Attempt {
	attempts := []hostile.Attempt{
		{Name: "a data source in the victim's organization", Fence: hostile.ByConsent, Try: func(s *hostile.Scene) {
			victimSource(s)
			hostile.Judged(s, hostileSource(s, "uninvited", "victim"))
		}},
		{Name: "the victim's Secret through a data source", Fence: hostile.ByNamespace, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "thief", "mine", func(o *v1alpha1.DataSource) {
				o.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{"password": fromSecret("database", "password")}
			}))
		}, Succeeded: func(s *hostile.Scene) string { return stolen(s, "canary-of-the-database") }},
		{Name: "the victim's data source by its uid", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "by-uid", "commons", takingSource, func(o *v1alpha1.DataSource) {
				o.Spec.UID = "commons-metrics"
			}))
		}},
		{Name: "the victim's data source by its name", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "by-name", "commons", takingSource, func(o *v1alpha1.DataSource) {
				o.Spec.Name = "Common metrics"
			}))
		}},
		{Name: "the default of the common organization", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "default", "commons", takingSource, asDefault))
		}},
		{Name: "the victim's data source by an object of its name", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "shared-metrics", "commons", takingSource, func(o *v1alpha1.DataSource) {
				o.Spec.UID, o.Spec.DeletionPolicy = "commons-metrics", v1alpha1.DeletionDelete
			}))
		}},
		{Name: "the victim's data source by a deletion", Fence: hostile.ByMark, Try: func(s *hostile.Scene) {
			obj := hostileSource(s, "deleted", "commons", func(o *v1alpha1.DataSource) {
				o.Spec.UID, o.Spec.DeletionPolicy = "commons-metrics", v1alpha1.DeletionDelete
			})
			hostile.Judged(s, obj)
			s.Removed(obj)
		}},
		{Name: "the victim's mark on a data source", Fence: hostile.ByAdmission, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "forger", "mine", func(o *v1alpha1.DataSource) {
				o.Spec.JSONData = settings(
					fmt.Sprintf(`{"grafana-tenancy.dev/owner": "%s/shared-metrics x"}`, s.Theirs),
				)
			}))
		}},
		{Name: "a setting that fills the memory", Fence: hostile.ByBounds, Try: func(s *hostile.Scene) {
			hostile.Judged(s, hostileSource(s, "bomb", "mine", func(o *v1alpha1.DataSource) {
				text := strings.Repeat("\"{{ indent 60000 `x` }}\",", 1000)
				o.Spec.JSONData = settings(`{"a": [` + strings.TrimSuffix(text, ",") + `]}`)
			}))
		}},
	}
	return append(attempts, strangeSources()...)
}

func takingSource(o *v1alpha1.DataSource) { o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt }

// stolen says if a data source of the hostile tenant's has got a secret.
func stolen(s *hostile.Scene, secret string) string {
	for _, d := range s.Grafana.Sources(s.MyOrg) {
		for name, value := range d.Secrets {
			if value == secret {
				return fmt.Sprintf("data source %q has it under %q", d.Name, name)
			}
		}
	}
	return ""
}

// strangeSources are values that fields must not take.
func strangeSources() (all []hostile.Attempt) {
	for what, fields := range map[string]string{
		"a Secret that climbs":           `"uid": "../../orgs/1"`,
		"a header that breaks a line":    `"headers": [{"name": "X-A\r\nHost", "value": "x"}]`,
		"a password for all to see":      `"headers": [{"name": "Authorization", "value": "Basic eA=="}]`,
		"a user in the url":              `"url": "http://me:secret@127.0.0.1"`,
		"visits without pause":           `"resyncInterval": "0s"`,
		"a secret key that is no key":    `"secureJsonData": {"a\nb": {"secretKeyRef": {"name": "a", "key": "b"}}}`,
		"a name that breaks a line":      `"name": "a\nb"`,
		"a type that climbs":             `"type": "../x"`,
		"text turned round by its name":  `"name": "robot\u202etobor"`,
		"more headers than can be meant": `"headers": [` + strings.TrimSuffix(strings.Repeat(`{"name": "A", "value": "x"},`, 17), ",") + `]`,
	} {
		all = append(all, request("a data source with "+what, hostile.ByAdmission, func(s *hostile.Scene) error {
			return raw(s, "DataSource", inOrg(s, `"type": "loki", `+fields))
		}))
	}
	return all
}
