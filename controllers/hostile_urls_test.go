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
)

// hostileURLs are sources by which the operator would reach for a tenant what the tenant cannot, or say what is there.
func hostileURLs() []attempt {
	var all []attempt
	add := func(name string, address func(s *scene) string) { all = append(all, forbidden(name, address)) }
	for name, host := range map[string]string{
		"loopback": "127.0.0.1", "another loopback address": "127.8.9.10", "localhost": "localhost", "loopback by IPv6": "[::1]", "loopback in IPv6's guise": "[::ffff:127.0.0.1]",
		"loopback as a number": "2130706433", "loopback in hexadecimal": "0x7f.1", "no address at all": "0.0.0.0",
	} {
		add(
			"fetch from a neighbour at "+name,
			func(s *scene) string { return "http://" + host + ":" + s.neighbour() + "/inside" },
		)
	}
	add(
		"fetch from the API server",
		func(s *scene) string { return strings.TrimRight(s.config.Host, "/") + "/api/v1/secrets" },
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
		add("fetch from "+name, func(*scene) string { return address })
	}
	return append(all, attempt{
		name:  "send the victim's Secret to a server by headersFrom",
		fence: byNamespace,
		succeeded: func(s *scene) string {
			d := s.hostileDashboard("", "mine", "", func(o *v1alpha1.Dashboard) {
				o.GenerateName = "headers-"
				o.Spec.Source = v1alpha1.DashboardSource{
					URL: &v1alpha1.DashboardURL{
						URL:         s.grafana.URL,
						HeadersFrom: &v1alpha1.LocalObjectReference{Name: "database"},
					},
				}
			})
			if m := messageOf(judged(s, d)); !contains(m, "Secret "+s.mine+"/database does not exist") {
				return "it says: " + m
			}
			return ""
		},
	}, attempt{
		name: "read an own Secret through an error", fence: bySilence, try: func(s *scene) {
			if err := s.real.Create(
				s.t.Context(),
				&corev1.Secret{
					ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "odd-headers"},
					StringData: map[string]string{"X-Odd": "canary-of-headers\x01\x7f"},
				},
			); err != nil {
				s.t.Fatal(err)
			}
		}, succeeded: func(s *scene) string {
			d := s.hostileDashboard("", "mine", "", func(o *v1alpha1.Dashboard) {
				o.GenerateName = "odd-"
				o.Spec.Source = v1alpha1.DashboardSource{
					URL: &v1alpha1.DashboardURL{
						URL:         "http://127.0.0.1:1/",
						HeadersFrom: &v1alpha1.LocalObjectReference{Name: "odd-headers"},
					},
				}
			})
			if m := messageOf(judged(s, d)); contains(m, "canary") {
				return "it says: " + m
			}
			return ""
		},
	})
}

// forbidden is a source that the operator must not even ask, and of which it says nothing but that.
func forbidden(name string, address func(s *scene) string) attempt {
	return attempt{name: name, fence: byBounds, succeeded: func(s *scene) string {
		d := judged(s, s.hostileDashboard("", "mine", "", func(o *v1alpha1.Dashboard) {
			o.GenerateName = "url-"
			o.Spec.Source = v1alpha1.DashboardSource{URL: &v1alpha1.DashboardURL{URL: address(s)}}
		}))
		if n := s.visitors.Load(); n > 0 {
			return fmt.Sprintf("the neighbour was asked %d times", n)
		}
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
		if ready.Reason != v1alpha1.ReasonSourceUnavailable || !isTrue(d, v1alpha1.ConditionStalled) {
			return fmt.Sprintf("%s: %s", ready.Reason, ready.Message)
		}
		return ""
	}}
}

// neighbour is a server in the operator's own pod, of which nobody else is to hear; it returns the port.
func (s *scene) neighbour() string {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.visitors.Add(1) }))
	s.t.Cleanup(server.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	return port
}
