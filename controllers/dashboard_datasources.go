package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// What stands for a data source that a dashboard names is found by what DataSources say of Grafana, which costs no
// request, and else on Grafana's list. Names are those that data sources have in Grafana: one that a DataSource wants
// may be somebody else's.

// recordedSources are the data sources that stand for others in a Dashboard, as status has them for this generation.
func recordedSources(obj *v1alpha1.Dashboard) (sources []v1alpha1.ResolvedDataSource) {
	was := obj.Status.DataSources
	for i, m := range obj.Spec.DataSources {
		s := v1alpha1.ResolvedDataSource{From: m.From}
		if obj.Status.ContentGeneration == obj.Generation && i < len(was) && was[i].From == m.From {
			s = was[i]
		}
		sources = append(sources, s)
	}
	return sources
}

// resolved reports whether all of them were found.
func resolved(sources []v1alpha1.ResolvedDataSource) bool {
	return !slices.ContainsFunc(sources, func(s v1alpha1.ResolvedDataSource) bool { return s.UID == "" })
}

// asksGrafana reports whether Grafana may have to be asked which data sources stand for others.
func asksGrafana(obj *v1alpha1.Dashboard) bool {
	return slices.ContainsFunc(
		obj.Spec.DataSources,
		func(m v1alpha1.DashboardDataSource) bool { return m.To.Ref == nil },
	)
}

// knownSources are the data sources that stand for others in a Dashboard, as far as Kubernetes tells.
func (k dashboardKind) knownSources(
	ctx context.Context, scope *orgScope, obj *v1alpha1.Dashboard,
) ([]v1alpha1.ResolvedDataSource, error) {
	sources := recordedSources(obj)
	if len(sources) == 0 {
		return nil, nil
	}
	objects, err := k.sourcesByObjects(ctx, scope)
	if err != nil {
		return nil, err
	}
	for i, m := range obj.Spec.DataSources {
		s := &sources[i]
		switch to := m.To; {
		case to.Ref != nil:
			if err := k.sourceNamed(ctx, scope, obj, to.Ref.Name, s); err != nil {
				return nil, err
			}
		case to.UID != "":
			s.UID = to.UID
			take(s, objects, func(d grafana.DataSource) bool { return d.UID == to.UID })
		case to.Name != "" && !take(s, objects, func(d grafana.DataSource) bool { return d.Name == to.Name }):
			if slices.ContainsFunc(objects, func(d grafana.DataSource) bool { return d.UID == s.UID }) {
				*s = v1alpha1.ResolvedDataSource{From: m.From} // it has another name by now
			}
		}
	}
	return sources, nil
}

// take has the first data source for which is holds stand for something, and reports whether there is one.
func take(s *v1alpha1.ResolvedDataSource, all []grafana.DataSource, is func(grafana.DataSource) bool) bool {
	i := slices.IndexFunc(all, is)
	if i >= 0 {
		s.UID, s.Name, s.Type = all[i].UID, all[i].Name, all[i].Type
	}
	return i >= 0
}

// sourceNamed is the data source that an object in the scope maps to by a DataSource. Once it was found it stays, also
// while the DataSource is gone, or has lost its status.
func (k dashboardKind) sourceNamed(
	ctx context.Context, scope *orgScope, obj *v1alpha1.Dashboard, name string, s *v1alpha1.ResolvedDataSource,
) error {
	key := types.NamespacedName{Namespace: obj.Namespace, Name: name}
	var d v1alpha1.DataSource
	switch err := k.Get(ctx, key, &d); {
	case apierrors.IsNotFound(err) && s.UID != "":
		return nil
	case apierrors.IsNotFound(err):
		return lifecycle.Waiting(v1alpha1.ReasonParentNotFound, "DataSource %s does not exist yet", key)
	case err != nil:
		return err
	}
	in := lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace)
	switch {
	case in != scope.owner:
		return lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"spec.datasources: DataSource %s is in Organization %s, and this object in %s: name one that is there, too",
			name, in, scope.owner)
	case isThere(&d, scope):
		s.UID, s.Name, s.Type = d.Status.UID, d.Status.Name, d.Status.Type
	case s.UID == "":
		return lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "DataSource %s is not Available yet", key)
	}
	return nil
}

// isThere reports whether a DataSource says that it is in Grafana, in the organization of a scope.
func isThere(d *v1alpha1.DataSource, scope *orgScope) bool {
	return d.Status.UID != "" && d.Status.OrgID == scope.org.ID() &&
		meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionAvailable)
}

// sourcesByObjects are the data sources of an organization of which DataSources tell.
func (e *Env) sourcesByObjects(ctx context.Context, scope *orgScope) (sources []grafana.DataSource, err error) {
	var all v1alpha1.DataSourceList
	if err := e.ListChildren(ctx, &all, scope.owner); err != nil {
		return nil, err
	}
	for _, d := range all.Items {
		if isThere(&d, scope) {
			sources = append(sources, grafana.DataSource{UID: d.Status.UID, Name: d.Status.Name, Type: d.Status.Type})
		}
	}
	return sources, nil
}

// resolveSources finds on Grafana's list the data sources that stand for others and that no DataSource tells of.
func (x *dash) resolveSources(ctx context.Context) error {
	if x.content == nil || len(x.content.sources) == 0 {
		return nil
	}
	objects, err := x.env.sourcesByObjects(ctx, x.orgScope)
	if err != nil {
		return err
	}
	sources := slices.Clone(x.content.sources)
	for i, m := range x.obj.Spec.DataSources {
		is := onList(m.To)
		if is == nil || m.To.UID != "" && sources[i].Name != "" && !x.due ||
			slices.ContainsFunc(objects, is) && !m.To.Default {
			continue
		}
		list, err := x.conn.ListOfDataSources(ctx, x.org, x.ageOfSources())
		switch {
		case err == nil && !take(&sources[i], list, is) && m.To.UID == "":
			sources[i] = v1alpha1.ResolvedDataSource{From: m.From}
		case err != nil && sources[i].UID == "":
			return fmt.Errorf("looking for the data source that stands for %s: %w", short(m.From), err)
		}
	}
	if slices.Equal(sources, x.content.sources) && !x.content.postponed {
		return nil
	}
	return x.takeSources(ctx, sources)
}

// takeSources has other data sources stand for those in the content. What was fetched for it may be in another schema.
func (x *dash) takeSources(ctx context.Context, sources []v1alpha1.ResolvedDataSource) (err error) {
	x.content, err = dashboardKind{x.env}.with(ctx, x.ask(), x.content, sources)
	if err != nil {
		return err
	}
	return x.chooseAPI()
}

// onList says how a data source is found on a list; nil: it is on none.
func onList(to v1alpha1.DataSourceTarget) func(grafana.DataSource) bool {
	switch {
	case to.Default:
		return func(d grafana.DataSource) bool { return d.IsDefault }
	case to.Name != "":
		return func(d grafana.DataSource) bool { return d.Name == to.Name }
	case to.UID != "":
		return func(d grafana.DataSource) bool { return d.UID == to.UID }
	}
	return nil
}

// ageOfSources is how old a list of data sources may be: what people change in Grafana is seen at the resync.
func (x *dash) ageOfSources() connection.Age {
	if x.due {
		return connection.Due
	}
	return connection.Recent
}

// recordSources notes in status which data sources stand for others in the content, and which it names. A condition
// that spoke of others says nothing of these.
func (x *dash) recordSources() {
	status := &x.obj.Status
	if !slices.Equal(status.NamedDataSources, x.content.named) || !slices.Equal(status.DataSources, x.content.sources) {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionDataSourcesResolved)
	}
	status.DataSources, status.NamedDataSources = x.content.sources, x.content.named
}

// kept are the names that status keeps.
func kept(named []string) []string {
	const most, longest = 50, 190 // Grafana's names are no longer
	var names []string
	for _, name := range named {
		if len(name) <= longest && len(names) < most {
			names = append(names, name)
		}
	}
	return names
}

// sourceFacts are what Dashboards depend on of a DataSource.
type sourceFacts struct {
	uid, name, kind      string
	orgID                int64
	isDefault, available bool
}

func factsOf(d *v1alpha1.DataSource) sourceFacts {
	return sourceFacts{
		d.Status.UID, d.Status.Name, d.Status.Type, d.Status.OrgID, d.Status.Default,
		meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionAvailable),
	}
}

// byDataSource is the index of the data sources that a Dashboard depends on.
const byDataSource = "dataSource"

func sourceKey(org types.NamespacedName, uidOrName string) string {
	return "in " + org.String() + "/" + uidOrName
}
func defaultKey(org types.NamespacedName) string { return "default of " + org.String() }
func refKey(namespace, name string) string       { return "object " + namespace + "/" + name }

// dashboardDataSources are the keys of a Dashboard.
func dashboardDataSources(obj *v1alpha1.Dashboard) (keys []string) {
	org := lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
	for _, m := range obj.Spec.DataSources {
		switch {
		case m.To.Ref != nil:
			keys = append(keys, refKey(obj.Namespace, m.To.Ref.Name))
		case m.To.Default:
			keys = append(keys, defaultKey(org))
		default:
			keys = append(keys, sourceKey(org, m.To.UID+m.To.Name))
		}
	}
	for _, named := range obj.Status.NamedDataSources {
		keys = append(keys, sourceKey(org, named))
	}
	return keys
}
