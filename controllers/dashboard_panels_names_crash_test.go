package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// inAnotherNamespace puts a Dashboard into another namespace than its Organization's.
func inAnotherNamespace(d *v1alpha1.Dashboard) {
	d.Namespace, d.Spec.OrganizationRef.Namespace = "elsewhere", crash.Namespace
}

// openToAll has the Organization let all namespaces in.
func openToAll(w *crash.World) {
	crash.Edit(w, crash.Organization(""), func(o *v1alpha1.Organization) {
		o.Spec.AllowedNamespaces.From = v1alpha1.FromAll
	})
	rested(w)
}

// Where a folder cannot have two library panels of one name, neither of two namespaces takes it from the other.
func TestLibraryPanelNameThatAnotherNamespaceHas(t *testing.T) {
	w := crash.New(t, "10.4.3")
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	openToAll(w)
	w.Create(crash.Sharing(crash.WithPanels("Requests", "one", "first")))
	rested(w)
	theirs := crash.Sharing(crash.WithPanels("Errors", "one", "first"), inAnotherNamespace)
	w.Create(theirs)
	for range 3 {
		for r := range requestsOf(w, func() { resync(w) }) {
			if strings.HasPrefix(r, "PATCH /api/library-elements") {
				t.Error(r)
			}
		}
	}
	if err := panelsAre("Shared one")(w); err != nil {
		t.Error(err)
	}
	w.Get(theirs)
	c := conditionOf(theirs, v1alpha1.ConditionReady)
	if c == nil || c.Reason != v1alpha1.ReasonAlreadyExists || strings.Contains(c.Message, crash.Namespace+"/") {
		t.Errorf("it is told %+v", c)
	}
}

// A library panel that makes way has no longer a name than Grafana's databases take.
func TestLibraryPanelOfALongNameMakesWay(t *testing.T) {
	w := crash.New(t, "10.4.3")
	w.Seed()
	crash.WithOrg(w)
	rested(w)
	long := strings.Repeat("ü", 150)
	named := func(uid string) string {
		return strings.ReplaceAll(crash.WithPanels("Requests", uid, "first"), "Shared "+uid, long)
	}
	w.Create(crash.Sharing(named("one")))
	rested(w)
	theirUse(w, "one")
	changeOf("dashboard", named("two"))(w)
	rested(w)
	if err := readiness(w, "dashboard"); err != nil {
		t.Error(err)
	}
	all := w.Grafana.LibraryPanels(3)
	for _, p := range all {
		if n := utf8.RuneCountInString(p.Name); n > 150 {
			t.Errorf("%d characters: %s", n, p.Name)
		}
	}
	if len(all) != 2 {
		t.Errorf("there are %+v", all)
	}
}

func withDescription(description string) string {
	return fmt.Sprintf(`{"title":"Requests","schemaVersion":39,"panels":[{"id":1,"libraryPanel":{"uid":"one",`+
		`"name":"Shared one"}}],"__elements":{"one":{"name":"Shared one","uid":"one","kind":1,"model":{"type":"text",`+
		`"title":"Shared"%s}}}}`, description)
}

// A description that the source does not have any more goes, although Grafana keeps what a change does not name.
func TestLibraryPanelDescriptionThatIsDropped(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(withDescription(`,"description":"old words"`)))
		rested(w)
		changeOf("dashboard", withDescription(""))(w)
		rested(w)
		if err := panelHas("one", `"description":""`)(w); err != nil {
			t.Error(err)
		}
		panelEdited(w, "one", map[string]any{"model": map[string]any{
			"type": "text", "title": "Shared", "description": "their words",
		}})
		rested(w)
		if err := panelHas("one", `"description":""`)(w); err != nil {
			t.Error(err)
		}
	})
}

// A library panel that Grafana keeps otherwise than it was sent is told, and looked at again.
func TestLibraryPanelThatGrafanaKeepsOtherwise(t *testing.T) {
	inBothVersions(t, func(t *testing.T, w *crash.World) {
		w.Create(crash.Sharing(twoPanels))
		rested(w)
		uid := crash.PanelUID(crash.Sharing(""), "one")
		instead(w, http.MethodPatch, "/api/library-elements/"+uid, 200, fmt.Sprintf(
			`{"result":{"uid":%q,"name":"Shared one","kind":1,"version":2,"model":{"type":"text","title":"Other"}}}`,
			uid,
		))
		changeOf("dashboard", crash.WithPanels("Requests", "one", "changed", "two", "second"))(w)
		w.Visit("Dashboard tenant/dashboard")
		d := crash.Sharing("")
		w.Get(d)
		c := conditionOf(d, v1alpha1.ConditionReady)
		if c == nil || c.Reason != v1alpha1.ReasonRefused || !strings.Contains(c.Message, `"Shared one"`) {
			t.Errorf("it is told %s", suite.MessageOf(d))
		}
		w.Answers = nil
		resync(w)
		for _, err := range []error{readiness(w, "dashboard"), panelHas("one", "changed")(w)} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}
