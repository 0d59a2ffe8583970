// Package importer writes manifests for what is in a Grafana already, so that the operator takes it over as it is.
package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/plan/admission"
)

// Options say what is read, and where the manifests go.
type Options struct {
	// Grafana is read with the login of a server admin.
	Grafana *grafana.Client
	// Organizations to read, by name or id; none: all.
	Organizations []string
	// Join makes the login an Admin of the organizations in which it is none.
	Join bool

	// Dir is the folder that is written to, and Force has files in it overwritten.
	Dir   string
	Force bool
	// Namespace of the objects.
	Namespace string
	// InstanceRef names the Instance that the Organizations are on.
	InstanceRef v1alpha1.ObjectReference
	// Instance is written as well; nil: it exists.
	Instance *v1alpha1.Instance
	// Owners are the Organizations of the cluster that are on it, in Namespace.
	Owners []v1alpha1.Organization

	// Notef tells a person how it goes, and what is left out.
	Notef func(format string, args ...any)
}

// Failed says which organizations could not be imported, and why.
type Failed struct {
	Organizations []string
	// All says that no other was imported.
	All bool
}

func (f *Failed) Error() string {
	return "these organizations could not be imported:\n  " + strings.Join(f.Organizations, "\n  ")
}

// run is one import.
type run struct {
	Options
	me    grafana.User
	roles map[int64]string // of the login, by organization
	apis  []string         // the versions in which this Grafana has dashboards in /apis

	all         []grafana.OrgName // that there are
	definitions map[string]*admission.Definition
}

// Import reads organizations, and writes a folder for each. An organization that cannot be read does not keep it from
// the others: it is in the error, a *Failed, at the end.
func Import(ctx context.Context, o Options) error {
	r := &run{Options: o, roles: map[int64]string{}}
	var err error
	if r.definitions, err = admission.Definitions(); err != nil {
		return err
	}
	if o.Instance != nil {
		if errs, _, err := r.refused(ctx, o.Instance); err != nil || len(errs) > 0 {
			return cmp.Or(err, fmt.Errorf("there can be no Instance for it: %w", errs.ToAggregate()))
		}
	}
	wanted, failed, err := r.begin(ctx)
	if err != nil {
		return err
	}
	dirs := map[string]string{}
	for i, org := range wanted {
		o.Notef("%d of %d: organization %d %q", i+1, len(wanted), org.ID, org.Name)
		t, err := r.read(ctx, org)
		if err == nil && dirs[t.name] != "" {
			err = fmt.Errorf("it would be called %s, as organization %q is", t.name, dirs[t.name])
		}
		if err == nil {
			err = r.write(t)
		}
		if err == nil {
			dirs[t.name] = org.Name
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			o.Notef("  failed: %v", err)
			failed = append(failed, fmt.Sprintf("%q: %v", org.Name, err))
			continue
		}
		o.Notef("  %s", t.summary())
	}
	if len(failed) > 0 && len(dirs) == 0 {
		return &Failed{failed, true}
	}
	if err := r.writeRoot(dirs); err != nil {
		return err
	}
	if len(failed) > 0 {
		return &Failed{failed, false}
	}
	return nil
}

// begin finds out who asks and which organizations there are.
func (r *run) begin(ctx context.Context) (wanted []grafana.OrgName, failed []string, err error) {
	if r.me, err = r.Grafana.Me(ctx); err != nil {
		return nil, nil, fmt.Errorf("asking Grafana whose login this is: %w", err)
	}
	if r.apis, err = r.Grafana.DashboardAPIVersions(ctx); err != nil {
		return nil, nil, err
	}
	mine, err := r.Grafana.MyOrgs(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range mine {
		r.roles[m.OrgID] = m.Role
	}
	all, err := r.Grafana.ListOrgs(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("listing the organizations, which needs the login of a server admin: %w", err)
	}
	slices.SortFunc(all, func(a, b grafana.OrgName) int { return int(a.ID - b.ID) })
	r.all = all
	if len(r.Organizations) == 0 {
		return all, nil, nil
	}
	for _, name := range r.Organizations {
		i := slices.IndexFunc(all, func(o grafana.OrgName) bool { return o.Name == name })
		if i < 0 {
			i = slices.IndexFunc(all, func(o grafana.OrgName) bool { return strconv.FormatInt(o.ID, 10) == name })
		}
		switch {
		case i < 0:
			failed = append(failed, fmt.Sprintf("%q: there is no organization of this name or id", name))
		case !slices.Contains(wanted, all[i]):
			wanted = append(wanted, all[i])
		}
	}
	return wanted, failed, nil
}

// read reads all of an organization that there are kinds for.
func (r *run) read(ctx context.Context, org grafana.OrgName) (*tenant, error) {
	why := misnamed(org.Name, maxOrgName)
	switch {
	case why != "":
		return nil, fmt.Errorf("an Organization cannot have this name, since %s: rename it in Grafana", why)
	case r.roles[org.ID] != "Admin" && !r.Join:
		return nil, fmt.Errorf("the login %s is not an Admin in it, and so cannot read all of it: make it one, or "+
			"give --join", r.me.Login)
	case r.roles[org.ID] == "":
		if err := r.Grafana.JoinOrg(ctx, org.ID, r.me.Login, "Admin"); err != nil {
			return nil, fmt.Errorf("joining it: %w", err)
		}
	case r.roles[org.ID] != "Admin":
		if err := r.Grafana.SetMemberRole(ctx, org.ID, r.me.ID, "Admin"); err != nil {
			return nil, fmt.Errorf("becoming an Admin of it: %w", err)
		}
	}
	name, err := r.nameOf(ctx, org)
	if err != nil {
		return nil, fmt.Errorf("reading whose it is: %w", err)
	}
	t := newTenant(r, name, org)
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"people", t.readPeople}, {"teams", t.readTeams}, {"service accounts", t.readAccounts},
		{"data sources", t.readDataSources}, {"folders", t.readFolders}, {"dashboards", t.readDashboards},
		{"preferences", t.readOrganization},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("reading its %s: %w", step.what, err)
		}
	}
	return t, nil
}

// longestOwner is how long the name of an Organization can be for the names of what is in it to be built on it.
const longestOwner = 150

// nameOf is the name of an organization's object: of the one that it belongs to already, whatever it is called by now,
// or one that is made of its own. Anybody who is an Admin in it can write a mark, so the object has to know of it, too.
func (r *run) nameOf(ctx context.Context, org grafana.OrgName) (string, error) {
	at := slices.IndexFunc(r.Owners, func(o v1alpha1.Organization) bool { return o.Status.OrgID == org.ID })
	if at < 0 || len(r.Owners[at].Name) > longestOwner {
		return kubeName(org.Name, maxTenantName), nil
	}
	whole, err := r.Grafana.OrgByID(ctx, org.ID)
	if err != nil {
		return "", err
	}
	if mark.Read(whole.Address).UID == string(r.Owners[at].UID) {
		return r.Owners[at].Name, nil
	}
	return kubeName(org.Name, maxTenantName), nil
}

// checkFree fails if a folder is there already, and may not be written to.
func (r *run) checkFree(dir string) error {
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && r.Force:
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s exists already: remove it, or give --force to overwrite the files in it", filepath.Clean(dir))
}
