package controllers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileURLs are sources by which the operator would reach for a tenant what the tenant cannot, or say what is there.
func hostileURLs() []hostile.Attempt {
	var all []hostile.Attempt
	add := func(name string, address func(s *hostile.Scene) string) { all = append(all, forbidden(name, address)) }
	for name, host := range map[string]string{
		"loopback": "127.0.0.1", "another loopback address": "127.8.9.10", "localhost": "localhost", "loopback by IPv6": "[::1]", "loopback in IPv6's guise": "[::ffff:127.0.0.1]",
		"loopback as a number": "2130706433", "loopback in hexadecimal": "0x7f.1", "no address at all": "0.0.0.0",
	} {
		add(
			"fetch from a neighbour at "+name,
			func(s *hostile.Scene) string { return "http://" + host + ":" + neighbour(s) + "/inside" },
		)
	}
	add(
		"fetch from the API server",
		func(s *hostile.Scene) string { return strings.TrimRight(s.Config.Host, "/") + "/api/v1/secrets" },
	)
	for name, address := range map[string]string{
		"the cloud's metadata":             "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
		"the cloud's metadata by IPv6":     "http://[fd00:ec2::254]/latest/meta-data/",
		"the cluster's services":           "https://10.0.0.1/api",
		"a private network":                "http://192.168.1.1/",
		"a private network through NAT64":  "http://[64:ff9b::c0a8:0101]/",
		"a carrier's network":              "http://100.64.0.1/",
		"a neighbour on the link":          "http://[fe80::1]/",
		"a private network of IPv6's own":  "http://[fd12:3456::1]/",
		"a private network through a 6to4": "http://[2002:c0a8:0101::1]/",
	} {
		add("fetch from "+name, func(*hostile.Scene) string { return address })
	}
	return append(all, hostile.Attempt{
		Name:  "send the victim's Secret to a server by headersFrom",
		Fence: hostile.ByNamespace,
		Succeeded: func(s *hostile.Scene) string {
			d := s.MyDashboard("", "mine", "", func(o *v1alpha1.Dashboard) {
				o.GenerateName = "headers-"
				o.Spec.Source = v1alpha1.DashboardSource{
					URL: &v1alpha1.DashboardURL{
						URL:         s.Grafana.URL,
						HeadersFrom: &v1alpha1.LocalObjectReference{Name: "database"},
					},
				}
			})
			if m := suite.MessageOf(
				hostile.Judged(s, d),
			); !suite.Contains(
				m,
				"Secret "+s.Mine+"/database does not exist",
			) {
				return "it says: " + m
			}
			return ""
		},
	}, hostile.Attempt{
		Name: "read an own Secret through an error", Fence: hostile.BySilence, Try: func(s *hostile.Scene) {
			if err := s.Real.Create(
				s.T.Context(),
				&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Namespace: s.Mine, Name: "odd-headers"},
					StringData: map[string]string{"X-Odd": "canary-of-headers\x01\x7f"},
				},
			); err != nil {
				s.T.Fatal(err)
			}
		}, Succeeded: func(s *hostile.Scene) string {
			d := s.MyDashboard("", "mine", "", func(o *v1alpha1.Dashboard) {
				o.GenerateName = "odd-"
				o.Spec.Source = v1alpha1.DashboardSource{
					URL: &v1alpha1.DashboardURL{
						URL:         "http://127.0.0.1:1/",
						HeadersFrom: &v1alpha1.LocalObjectReference{Name: "odd-headers"},
					},
				}
			})
			if m := suite.MessageOf(hostile.Judged(s, d)); suite.Contains(m, "canary") {
				return "it says: " + m
			}
			return ""
		},
	})
}

// forbidden is a source that the operator must not even ask, and of which it says nothing but that.
func forbidden(name string, address func(s *hostile.Scene) string) hostile.Attempt {
	return hostile.Attempt{Name: name, Fence: hostile.ByBounds, Succeeded: func(s *hostile.Scene) string {
		d := hostile.Judged(s, s.MyDashboard("", "mine", "", func(o *v1alpha1.Dashboard) {
			o.GenerateName = "url-"
			o.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: address(s)}}
		}))
		if n := s.Visitors.Load(); n > 0 {
			return fmt.Sprintf("the neighbour was asked %d times", n)
		}
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
		if ready.Reason != v1alpha1.ReasonSourceUnavailable || !suite.IsTrue(d, v1alpha1.ConditionStalled) {
			return fmt.Sprintf("%s: %s", ready.Reason, ready.Message)
		}
		return ""
	}}
}

// neighbour is a server in the operator's own pod, of which nobody else is to hear; it returns the port.
func neighbour(s *hostile.Scene) string {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.Visitors.Add(1) }))
	s.T.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	return port
}
