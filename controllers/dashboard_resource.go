package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// A dashboard in schema v2 is saved through /apis: the classic route answers that it has saved it, and loses its
// panels. What is in the classic model goes by the classic route, also as a resource of /apis: all versions of Grafana
// have it, and keep what is sent, where /apis adds defaults and changes schemaVersion.

// api is the version of /apis whose schema the content is in; "": it is in the classic model.
func (c *content) api() string { return dashboard.APIOf(c.hash) }

// twins are versions of /apis that have the same schema, but for what is newer in one of them.
var twins = map[string]string{"v2": "v2beta1", "v2beta1": "v2"}

// chooseAPI finds out in which version of /apis a dashboard is saved and read.
func (x *dash) chooseAPI() error {
	wanted, served := x.content.api(), x.conn.DashboardAPIs()
	for _, version := range []string{wanted, twins[wanted]} {
		if wanted == "" || slices.Contains(served, version) {
			x.api = version
			return nil
		}
	}
	has := "does not have dashboards in /apis, or does not show them: Grafana 12 has, if nothing on the way to it " +
		"keeps /apis from the operator"
	if len(served) > 0 {
		has = "has " + strings.Join(served, ", ")
	}
	return lifecycle.Stalled(v1alpha1.ReasonUnsupportedVersion,
		"the source is a dashboard of dashboard.grafana.app/%s, and this Grafana %s. Export it in the classic model, "+
			"which all versions take (in Grafana: Export, Export as code, model Classic)", wanted, has)
}

// compareForm has a dashboard differ that somebody has saved in another schema since: what it is converted to can look
// the same.
func (x *dash) compareForm(ctx context.Context, have *dashboardState) error {
	if x.api == "" || have.StoredAs == x.api || have.Version == x.obj.Status.Version {
		return nil
	}
	stored, err := x.org.DashboardStoredAs(ctx, have.UID, x.conn.DashboardAPIs())
	if stored != x.api {
		have.hash = ""
	}
	return grafana.IgnoreNotFound(err)
}

// saveResource sends a content in schema v2.
func (x *dash) saveResource(
	ctx context.Context, spec json.RawMessage, message string, base *dashboardState,
) (savedDashboard, error) {
	save := grafana.SaveDashboardResource{UID: x.uid, FolderUID: x.folder, Message: message, Spec: spec}
	saved := savedDashboard{}
	if base != nil {
		var err error
		if save.ResourceVersion, err = x.basis(ctx, base); err != nil {
			return saved, err
		}
		saved.URL = base.URL
	}
	var lost []string
	d, err := x.org.SaveDashboardResource(ctx, x.api, save, func(kept []byte) {
		if hash := x.env.hashOf(kept, x.content.api()); hash != x.content.hash {
			saved.stored, lost = hash, x.env.lostOf(spec, kept)
		}
	})
	if err != nil {
		return saved, x.explain(ctx, err)
	}
	if len(lost) > 0 {
		x.env.Warn(x.obj, v1alpha1.EventLeftOut, "Grafana has left out of the dashboard what its "+x.api+
			" does not have: "+strings.Join(lost, ", "))
	}
	if d.UID != x.uid {
		return saved, lifecycle.Stalled(v1alpha1.ReasonNameConflict,
			"Grafana saved it under uid %q instead of %q", d.UID, x.uid)
	}
	saved.Version = d.Version
	if x.complete(ctx, d) == nil { // else when it is next saved
		saved.URL = d.URL
	}
	return saved, nil
}

// basis is the resourceVersion of what a save is based on. A list is not new, and a Grafana that was upgraded and keeps
// its dashboards in the old tables gives the same ones again to what is made anew.
func (x *dash) basis(ctx context.Context, base *dashboardState) (string, error) {
	if base.StoredAs != "" {
		return base.ResourceVersion, nil
	}
	d, err := x.org.DashboardResource(ctx, x.api, x.uid, func([]byte) {})
	switch {
	case grafana.IgnoreNotFound(err) != nil:
		return "", err
	case err != nil, d.Version != base.Version, !d.Created.Equal(base.Created), d.ResourceVersion == "":
		return "", errLookAgain
	}
	return d.ResourceVersion, nil
}

// checkTwin refuses a content whose version of the schema Grafana does not have, if the one that it has would lose
// something of it, before anything is made for it. Grafana leaves out what it does not know, without a word.
func (x *dash) checkTwin(ctx context.Context, base *dashboardState) error {
	wanted := x.content.api()
	if x.api == wanted {
		return nil
	}
	spec, err := x.content.model(ctx, x.uid, 0)
	if err != nil {
		return err
	}
	save := grafana.SaveDashboardResource{UID: x.uid, Message: "tried", Spec: spec, DryRun: true}
	if base != nil {
		if save.ResourceVersion, err = x.basis(ctx, base); err != nil {
			return err
		}
	}
	var lost []string
	_, err = x.org.SaveDashboardResource(ctx, x.api, save, func(kept []byte) { lost = x.env.lostOf(spec, kept) })
	switch {
	case base == nil && grafana.IsTaken(err): // as is found out by the save itself
		return nil
	case err != nil:
		return fmt.Errorf("trying it in %s: %w", x.api, err)
	case len(lost) > 0:
		return lifecycle.Stalled(v1alpha1.ReasonUnsupportedVersion,
			"the source is a dashboard of dashboard.grafana.app/%s, and this Grafana has %s, which does not have all "+
				"that is in it: %s. Take that out, or export it from a Grafana of this version",
			wanted, x.api, strings.Join(lost, ", "))
	}
	return nil
}

// complete adds what /apis does not tell of a dashboard: its address, and the login of who saved it last.
func (x *dash) complete(ctx context.Context, d *grafana.Dashboard) error {
	if d.StoredAs == "" {
		return nil
	}
	known, err := x.org.ReadDashboard(ctx, d.UID, nil)
	if err != nil {
		return grafana.IgnoreNotFound(err)
	}
	d.URL = known.URL
	if known.UpdatedBy != "Anonymous" { // which is anybody
		d.UpdatedBy = known.UpdatedBy
	}
	return nil
}
