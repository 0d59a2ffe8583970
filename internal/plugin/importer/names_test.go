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

// A name stays readable where its letters have marks.
func TestNamesAreReadable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Größe & Übermaß": "grosse-ubermass-", "Łódź": "lodz-", "Ærø": "aero-", "Crème brûlée": "creme-brulee-",
		"Cafe\u0301": "cafe-", "ﬁne ①": "fine-1-", "日本支社": "x-", "data.platform": "data-platform-",
	} {
		got := kubeName(name, maxTenantName)
		if rest, ok := strings.CutPrefix(got, want); !ok || len(rest) != 8 {
			t.Errorf("%q becomes %q, want %s and a hash", name, got, want)
		}
	}
}

// What a name cannot be is said with the reason.
func TestMisfits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Web shop": "", "": "is empty", " a": "with a blank", "a\u00a0": "", "a\tb": "control character",
		"a\u200bb": "control character", "12345678901": "has 11 characters, and can have 10",
		"a [0a1b2c3d]": "it ends as",
	} {
		if got := misnamed(text, 10); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
