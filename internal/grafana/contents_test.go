package grafana

import (
	"net/http"
	"testing"
)

func TestContentsThatCannotBeListedAreNotTakenForNone(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
	}{
		"a page that is missing": {404, "<html>no such page</html>"},
		"text of a proxy":        {404, "not found"},
		"a route that is hidden": {404, `{"message":"Not Found"}`},
		"null":                   {200, `null`},
		"other JSON":             {200, `{}`},
		"no result":              {200, `{"result":{}}`},
		"a failure":              {500, `{"message":"database is locked"}`},
	} {
		o := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, test.status, test.body) }).Org(2)
		if rules, err := o.AlertRules(t.Context()); err == nil {
			t.Errorf("%s: alert rules %v", name, rules)
		}
		if panels, err := o.LibraryPanels(t.Context()); err == nil {
			t.Errorf("%s: library panels %v", name, panels)
		}
	}
}

func TestLastAdminIsToldFromOtherRefusals(t *testing.T) {
	for body, want := range map[string]bool{
		`{"message":"Cannot remove last organization admin"}`:                            true,
		`{"message":"Bad Request","messageId":"some.other","statusCode":400}`:            false,
		`a proxy does not like the request`:                                              false,
		`<html><body>400 The plain HTTP request was sent to an HTTPS port</body></html>`: false,
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 400, body) })
		if err := c.RemoveMember(t.Context(), 2, 3); IsLastAdmin(err) != want || !answered(err, 400) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if IsLastAdmin(nil) {
		t.Error("success is taken for a refusal")
	}
}
