package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// byDataSource is the index of the data sources that a Dashboard waits for or maps to, as sourceKey and refKey name
// them.
const byDataSource = "dataSource"

// sourceKey names a data source of an organization by its uid or name, and theDefault the default one.
func sourceKey(org types.NamespacedName, uidOrName string) string { return org.String() + "/" + uidOrName }

func theDefault(org types.NamespacedName) string { return org.String() + "//" }

// refKey names a DataSource.
func refKey(namespace, name string) string { return "ref/" + namespace + "/" + name }

// dashboardDataSources are the keys of a Dashboard.
func dashboardDataSources(obj *v1alpha1.Dashboard) (keys []string) {
	org := lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
	for _, m := range obj.Spec.DataSources {
		switch {
		case m.To.Ref != nil:
			keys = append(keys, refKey(obj.Namespace, m.To.Ref.Name))
		case m.To.Default:
			keys = append(keys, theDefault(org))
		default:
			keys = append(keys, sourceKey(org, m.To.UID+m.To.Name))
		}
	}
	for _, missing := range obj.Status.MissingDataSources {
		keys = append(keys, sourceKey(org, missing))
	}
	return keys
}

// usersOfSource are the Dashboards that may depend on a DataSource.
func (k dashboardKind) usersOfSource(ctx context.Context, obj client.Object) (requests []ctrl.Request) {
	d := obj.(*v1alpha1.DataSource)
	org := lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace)
	keys := []string{
		refKey(d.Namespace, d.Name), theDefault(org), sourceKey(org, d.Status.UID), sourceKey(org, d.WantedName()),
	}
	for _, key := range keys {
		requests = append(requests,
			k.Requests(ctx, &v1alpha1.DashboardList{}, client.MatchingFields{byDataSource: key})...)
	}
	return requests
}

// knownSources are the data sources that stand for others in a Dashboard, as far as Kubernetes tells: those that it
// names by objects, and what was found of the rest for this generation.
func (k dashboardKind) knownSources(
	ctx context.Context, scope *orgScope, obj *v1alpha1.Dashboard,
) (sources []v1alpha1.ResolvedDataSource, err error) {
	for i, m := range obj.Spec.DataSources {
		s := v1alpha1.ResolvedDataSource{From: m.From}
		was := obj.Status.DataSources
		if m.To.Ref != nil {
			if s, err = k.sourceNamed(ctx, scope, obj, m); err != nil {
				return nil, err
			}
		} else if obj.Status.ContentGeneration == obj.Generation && i < len(was) && was[i].From == m.From {
			s = was[i]
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// sourceNamed is the data source that an object in the scope maps to by a DataSource. Its uid is known before it is
// there.
func (k dashboardKind) sourceNamed(
	ctx context.Context, scope *orgScope, obj *v1alpha1.Dashboard, m v1alpha1.DashboardDataSource,
) (s v1alpha1.ResolvedDataSource, err error) {
	key := types.NamespacedName{Namespace: obj.Namespace, Name: m.To.Ref.Name}
	var d v1alpha1.DataSource
	if err := k.ReadParent(ctx, key, key.Namespace, &d); err != nil {
		return s, err
	}
	if in := lifecycle.ParentKey(d.Spec.OrganizationRef, d.Namespace); in != scope.owner {
		return s, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"spec.datasources: DataSource %s is in Organization %s, and this object in %s: name one that is there, too",
			key.Name, in, scope.owner)
	}
	return v1alpha1.ResolvedDataSource{From: m.From, UID: uidOfSource(&d), Name: d.WantedName(), Type: d.Spec.Type}, nil
}

// resolveSources finds the data sources that stand for others by uid, by name, or as the default.
func (x *dash) resolveSources(ctx context.Context) error {
	if x.content == nil {
		return nil
	}
	have := x.sourcesHere(x.ageOfSources())
	sources := slices.Clone(x.content.sources)
	for i, m := range x.obj.Spec.DataSources {
		if m.To.Ref != nil {
			continue
		}
		found, err := have.find(ctx, func(d grafana.DataSource) bool {
			return m.To.Default && d.IsDefault || m.To.UID != "" && d.UID == m.To.UID ||
				m.To.Name != "" && d.Name == m.To.Name
		})
		if err != nil {
			return err
		}
		sources[i] = v1alpha1.ResolvedDataSource{From: m.From, UID: m.To.UID}
		if found != nil {
			sources[i].UID, sources[i].Name, sources[i].Type = found.UID, found.Name, found.Type
		}
	}
	if slices.Equal(sources, x.content.sources) {
		return nil
	}
	var err error
	x.content, err = dashboardKind{x.env}.contentOf(ctx, x.obj, sources, x.interval())
	return err
}

// ageOfSources is how old a list of data sources may be: what people change in Grafana is seen at the resync.
func (x *dash) ageOfSources() connection.Age {
	if x.due {
		return connection.Due
	}
	return connection.Recent
}

// sourcesHere are the data sources of the dashboard's organization: those of DataSources, about which nobody has to be
// asked, and those of Grafana's list.
type sourcesHere struct {
	x       *dash
	age     connection.Age
	objects []grafana.DataSource
	listed  []grafana.DataSource
	asked   bool
}

func (x *dash) sourcesHere(age connection.Age) *sourcesHere { return &sourcesHere{x: x, age: age} }

// find is the first for which is holds; nil: there is none.
func (s *sourcesHere) find(ctx context.Context, is func(grafana.DataSource) bool) (*grafana.DataSource, error) {
	if s.objects == nil {
		if err := s.readObjects(ctx); err != nil {
			return nil, err
		}
	}
	if i := slices.IndexFunc(s.objects, is); i >= 0 {
		return &s.objects[i], nil
	}
	if !s.asked {
		listed, err := s.x.conn.ListOfDataSources(ctx, s.x.org, s.age)
		if err != nil {
			return nil, err
		}
		s.listed, s.asked = listed, true
	}
	if i := slices.IndexFunc(s.listed, is); i >= 0 {
		return &s.listed[i], nil
	}
	return nil, nil
}

func (s *sourcesHere) readObjects(ctx context.Context) error {
	var all v1alpha1.DataSourceList
	if err := s.x.env.ListChildren(ctx, &all, s.x.owner); err != nil {
		return err
	}
	s.objects = []grafana.DataSource{}
	for _, d := range all.Items {
		available := meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionAvailable)
		if available && d.Status.OrgID == s.x.org.ID() && d.DeletionTimestamp.IsZero() {
			s.objects = append(s.objects, grafana.DataSource{
				UID: d.Status.UID, Name: d.WantedName(), Type: d.Spec.Type, IsDefault: d.Status.Default,
			})
		}
	}
	return nil
}
