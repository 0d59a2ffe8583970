package crash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// ours draws an organization of ours in Grafana.
func (l *life) ours(rt *rapid.T) grafanatest.Org {
	orgs := slices.DeleteFunc(
		l.Grafana.Orgs(),
		func(o grafanatest.Org) bool { return IsForeign(o.Name) || strings.HasPrefix(o.Name, "Anchor") },
	)
	if len(orgs) == 0 {
		rt.Skip("none there")
	}
	return orgs[rapid.IntRange(0, len(orgs)-1).Draw(rt, "organization")]
}

// do is what a server admin does in Grafana.
func (l *life) do(method string, org int64, body any, path string, args ...any) []byte {
	_, answer := l.Grafana.Do(method, fmt.Sprintf(path, args...), org, body)
	return answer
}

// touchOrganization is what people do with organizations in Grafana. They leave one alone that bears its birth name or
// no mark yet: without both, it is nobody's.
func (l *life) touchOrganization(rt *rapid.T) {
	org := l.ours(rt)
	switch rapid.SampledFrom(
		[]string{"delete", "rename", "remove the operator", "remove the mark", "add an account", "add a dashboard"},
	).Draw(
		rt,
		"change",
	) {
	case "delete":
		l.do(http.MethodDelete, 1, nil, "/api/orgs/%d", org.ID)
	case "rename":
		if !marked(org) || !l.recorded(org) {
			rt.Skip("it would be nobody's")
		}
		l.do(http.MethodPut, 1, map[string]any{"name": fmt.Sprint("Somebody's idea ", org.ID)}, "/api/orgs/%d", org.ID)
	case "remove the operator":
		l.removeOperator(org.ID)
	case "remove the mark":
		if !l.known(org) {
			rt.Skip("it would be nobody's")
		}
		l.altered = true
		l.do(
			http.MethodPut,
			1,
			map[string]any{"address1": org.Address.Address1, "address2": "a person's", "state": "a person's"},
			"/api/orgs/%d/address",
			org.ID,
		)
	case "add an account":
		l.do(
			http.MethodPost,
			org.ID,
			map[string]any{"name": "Foreign account", "role": "Viewer"},
			"/api/serviceaccounts",
		)
	case "add a dashboard":
		l.do(
			http.MethodPost,
			org.ID,
			map[string]any{"dashboard": map[string]any{"uid": "foreign", "title": "Foreign dashboard"}},
			"/api/dashboards/db",
		)
	}
}

// forge writes into an organization's address what its own Admin can make up there, who knows the mark that it had, and
// may rename it as well.
func (l *life) forge(rt *rapid.T) {
	org := l.ours(rt)
	if !l.known(org) {
		rt.Skip("it would be nobody's")
	}
	l.altered = true
	m := mark.Mark{
		Owner:   Namespace + "/" + rapid.SampledFrom([]string{"org", "org-2"}).Draw(rt, "owner"),
		UID:     "f0f0f0f0-0000-4000-8000-000000000000",
		Cluster: rapid.SampledFrom([]string{"cluster-1", "cluster-2"}).Draw(rt, "cluster"),
	}
	address := mark.Write(grafana.Address{}, m, rapid.Bool().Draw(rt, "adopted"))
	if rapid.Bool().Draw(rt, "released") {
		address = mark.Release(address, mark.SaysAdopted(address))
	}
	l.do(
		http.MethodPut,
		1,
		map[string]any{"address1": org.Address.Address1, "address2": address.Address2},
		"/api/orgs/%d/address",
		org.ID,
	)
	if name := rapid.SampledFrom([]string{"", "Tenant", "Tenant-2", "Mine [f0f0f0f0]"}).Draw(rt, "name"); name != "" {
		l.do(http.MethodPut, 1, map[string]any{"name": name}, "/api/orgs/%d", org.ID)
	}
}

// precede makes what objects of ours may want to have, as people do.
func (l *life) precede(rt *rapid.T) {
	suffix := rapid.SampledFrom([]string{"", "-2"}).Draw(rt, "suffix")
	switch rapid.SampledFrom([]string{"organization", "account", "dashboard", "data source"}).Draw(rt, "what") {
	case "organization":
		var made struct{ OrgID int64 }
		_ = json.Unmarshal(
			l.do(
				http.MethodPost,
				1,
				map[string]any{"name": rapid.SampledFrom([]string{"Tenant", "Renamed"}).Draw(rt, "name") + suffix},
				"/api/orgs",
			),
			&made,
		)
		if made.OrgID == 0 {
			rt.Skip("there is one")
		}
		l.do(http.MethodPut, 1, map[string]any{"address1": house}, "/api/orgs/%d/address", made.OrgID)
		if rapid.Bool().Draw(rt, "without the operator") {
			l.removeOperator(made.OrgID)
		}
	case "account":
		role := rapid.SampledFrom([]string{"Viewer", "Admin"}).Draw(rt, "role")
		l.do(
			http.MethodPost,
			l.ours(rt).ID,
			map[string]any{"name": rapid.SampledFrom([]string{"CI", "Deploy"}).Draw(rt, "name") + suffix, "role": role},
			"/api/serviceaccounts",
		)
	case "dashboard":
		// Clocks may differ by some seconds: one that takes the place of ours within these is taken for ours.
		l.Advance(l.Clock.Add(10 * time.Second))
		l.do(
			http.MethodPost,
			l.ours(rt).ID,
			map[string]any{"dashboard": map[string]any{"uid": "errors", "title": "Somebody's errors"}},
			"/api/dashboards/db",
		)
	case "data source":
		l.precedeSource(rt, suffix)
	}
}

// removeOperator takes the operator's login out of an organization.
func (l *life) removeOperator(org int64) {
	l.do(http.MethodPost, 1, map[string]any{"login": "boss", "password": "secret"}, "/api/admin/users")
	l.do(http.MethodPost, 1, map[string]any{"loginOrEmail": "boss", "role": "Admin"}, "/api/orgs/%d/users", org)
	l.do(http.MethodDelete, 1, nil, "/api/orgs/%d/users/1", org)
}

// recorded reports whether an organization is in a status.
func (l *life) recorded(org grafanatest.Org) bool {
	return slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
		o, ok := obj.(*v1alpha1.Organization)
		return ok && o.Status.OrgID == org.ID
	})
}

// known reports whether id and name of an organization are in a status, and will be believed as long as Grafana is not
// reset.
func (l *life) known(org grafanatest.Org) bool {
	i := Instance()
	return l.Get(i) && i.Status.Resets == 0 && l.anchored() &&
		slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
			o, ok := obj.(*v1alpha1.Organization)
			return ok && o.Status.OrgID == org.ID && o.Status.Resets == 0 && o.Status.Name == org.Name &&
				o.WantedName() == org.Name
		})
}

func (l *life) touchAccount(rt *rapid.T) {
	org := l.ours(rt)
	accounts := slices.DeleteFunc(
		l.Grafana.ServiceAccounts(org.ID),
		func(a grafanatest.SA) bool { return IsForeign(a.Name) },
	)
	if len(accounts) == 0 {
		rt.Skip("none there")
	}
	a := accounts[rapid.IntRange(0, len(accounts)-1).Draw(rt, "account")]
	change := rapid.SampledFrom([]string{"delete", "rename", "role", "disable"}).Draw(rt, "change")
	if change == "delete" {
		l.do(http.MethodDelete, org.ID, nil, "/api/serviceaccounts/%d", a.ID)
		return
	}
	body := map[string]map[string]any{"rename": {"name": fmt.Sprint("Somebody's idea ", a.ID)}, "role": {"role": "None"}, "disable": {"isDisabled": !a.Disabled}}[change]
	l.do(http.MethodPatch, org.ID, body, "/api/serviceaccounts/%d", a.ID)
}

func (l *life) touchToken(rt *rapid.T) {
	org := l.ours(rt)
	if rapid.Bool().Draw(rt, "add one") {
		l.addToken(rt, org)
		return
	}
	tokens := slices.DeleteFunc(
		l.Grafana.Tokens(org.ID),
		func(t grafanatest.Tok) bool { return strings.HasPrefix(t.Name, "kept") },
	)
	if len(tokens) == 0 {
		rt.Skip("none there")
	}
	t := tokens[rapid.IntRange(0, len(tokens)-1).Draw(rt, "token")]
	if rapid.Bool().Draw(rt, "revoke") {
		l.Grafana.RevokeToken(org.ID, t.ID)
		return
	}
	l.do(http.MethodDelete, org.ID, nil, "/api/serviceaccounts/%d/tokens/%d", t.SAID, t.ID)
}

// addToken makes a token of a person's own, who keeps its key in a Secret.
func (l *life) addToken(rt *rapid.T, org grafanatest.Org) {
	accounts := l.Grafana.ServiceAccounts(org.ID)
	if len(accounts) == 0 {
		rt.Skip("no account")
	}
	before := len(l.Grafana.Keys())
	l.do(
		http.MethodPost,
		org.ID,
		map[string]any{"name": fmt.Sprint("kept-", before)},
		"/api/serviceaccounts/%d/tokens",
		accounts[0].ID,
	)
	if keys := l.Grafana.Keys(); len(keys) > before {
		l.Create(
			&corev1.Secret{
				ObjectMeta: Named(fmt.Sprint("kept-", before)),
				Data:       map[string][]byte{"key": []byte(keys[before])},
			},
		)
	}
}

func (l *life) touchDashboard(rt *rapid.T) {
	org := l.ours(rt)
	dashboards := slices.DeleteFunc(
		l.Grafana.Dashboards(org.ID),
		func(d grafanatest.Dash) bool { return IsForeign(d.Title) },
	)
	if len(dashboards) == 0 {
		rt.Skip("none there")
	}
	d := dashboards[rapid.IntRange(0, len(dashboards)-1).Draw(rt, "dashboard")]
	if rapid.Bool().Draw(rt, "delete") {
		l.do(http.MethodDelete, org.ID, nil, "/api/dashboards/uid/%s", d.UID)
		return
	}
	l.do(
		http.MethodPost,
		org.ID,
		map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": d.UID, "title": "Mine " + d.UID}},
		"/api/dashboards/db",
	)
}
