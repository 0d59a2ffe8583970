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
// the same. It may differ for nothing, if it was in another once, and is saved once more then.
func (x *dash) compareForm(have *dashboardState) {
	if have.StoredAs != "" && have.StoredAs != x.api && have.Version != x.obj.Status.Version {
		have.hash = ""
	}
}

// saveResource sends a content in schema v2.
func (x *dash) saveResource(
	ctx context.Context, spec json.RawMessage, message string, base *dashboardState,
) (savedDashboard, error) {
	save := grafana.SaveDashboardResource{UID: x.uid, FolderUID: x.folder, Message: message, Spec: spec}
	saved := savedDashboard{}
	if base != nil {
		save.ResourceVersion, saved.URL = base.ResourceVersion, base.URL
	}
	if err := x.checkTwin(ctx, save); err != nil {
		return saved, err
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
			" does not have: "+few(lost))
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

// checkTwin refuses a content whose version of the schema Grafana does not have, if the one that it has would lose
// something of it. Grafana leaves out what it does not know, without a word.
func (x *dash) checkTwin(ctx context.Context, save grafana.SaveDashboardResource) error {
	wanted := x.content.api()
	if x.api == wanted {
		return nil
	}
	save.DryRun = true
	var lost []string
	_, err := x.org.SaveDashboardResource(ctx, x.api, save, func(kept []byte) {
		lost = x.env.lostOf(save.Spec, kept)
	})
	if err != nil {
		return fmt.Errorf("trying it in %s: %w", x.api, x.explain(ctx, err))
	}
	if len(lost) > 0 {
		return lifecycle.Stalled(v1alpha1.ReasonUnsupportedVersion,
			"the source is a dashboard of dashboard.grafana.app/%s, and this Grafana has %s, which does not have all "+
				"that is in it: %s. Take that out, or export it from a Grafana of this version",
			wanted, x.api, few(lost))
	}
	return nil
}

// few names the first of what may be many, for people.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
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
