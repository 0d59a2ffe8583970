package importer

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
)

// Whatever something is called in Grafana, its object has a name that Kubernetes takes, in one label.
func TestNamesAreNames(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		got := kubeName(name, maxTenantName)
		if bad := validation.IsDNS1123Label(got); len(bad) > 0 || len(got) > maxTenantName {
			t.Fatalf("%q becomes %q: %v", name, got, bad)
		}
	})
}

// Names are kept where they can be, and no two that look alike become the same.
func TestNamesDiffer(t *testing.T) {
	t.Parallel()
	if got := kubeName("web-shop-2", maxTenantName); got != "web-shop-2" {
		t.Errorf("a good name becomes %q", got)
	}
	alike := []string{
		"web-shop",
		"Web shop",
		"web shop",
		"Web Shop",
		"web-shop-",
		"web--shop",
		"WEB-SHOP",
		"web_shop",
		"wéb-shop",
		"",
		"-",
		"世界",
		strings.Repeat(
			"a",
			200,
		),
		strings.Repeat("a", 201),
		kubeName("Web shop", maxTenantName),
		kubeName("", maxTenantName),
	}
	names := map[string]string{}
	for _, name := range alike {
		got := kubeName(name, maxTenantName)
		if other, taken := names[got]; taken {
			t.Errorf("%q and %q both become %q", name, other, got)
		}
		names[got] = name
	}
}
