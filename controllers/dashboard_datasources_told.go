package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// tellDataSources says in a condition whether the organization has all data sources that the dashboard names.
func (x *dash) tellDataSources(ctx context.Context) {
	conditions := &x.obj.Status.Conditions
	if len(x.obj.Status.NamedDataSources)+len(x.content.sources) == 0 {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionDataSourcesResolved)
		return
	}
	found, known := x.found(ctx)
	if !known {
		return
	}
	found.Type, found.ObservedGeneration = v1alpha1.ConditionDataSourcesResolved, x.obj.Generation
	found.LastTransitionTime = metav1.NewTime(x.env.Now().UTC().Truncate(time.Second))
	meta.SetStatusCondition(conditions, found)
}

// RecheckAfter has it told soon which data sources there are, if Grafana could not be asked.
func (x *dash) RecheckAfter(*dashboardState) time.Duration {
	switch {
	case x.unlisted == nil:
		return 0
	case grafana.IsUnavailable(x.unlisted):
		return time.Minute
	}
	return 5 * time.Minute
}

// found looks for the data sources that the dashboard names, and for those that stand for others: among DataSources,
// and on Grafana's list only if they do not tell.
func (x *dash) found(ctx context.Context) (c metav1.Condition, known bool) {
	all, err := x.env.sourcesByObjects(ctx, x.orgScope)
	if err != nil {
		return c, false // it stands as it is
	}
	missing := x.notAmong(all)
	if len(missing) > 0 {
		list, err := x.conn.ListOfDataSources(ctx, x.org, x.ageOfSources())
		if err != nil {
			x.unlisted = err
			return metav1.Condition{
				Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonDataSourcesUnknown,
				Message: "Grafana could not be asked which data sources there are: " + shortened(grafana.Public(err)),
			}, true
		}
		missing = x.notAmong(slices.Concat(all, list))
	}
	wanting := x.wanting()
	if len(missing)+len(wanting) > 0 {
		return metav1.Condition{
			Status:  metav1.ConditionFalse,
			Reason:  v1alpha1.ReasonDataSourcesMissing,
			Message: sayMissing(missing, wanting),
		}, true
	}
	return metav1.Condition{
		Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDataSourcesFound,
		Message: "the organization has all data sources that the dashboard names",
	}, true
}

// notAmong are the data sources that the dashboard names and that are not among these.
func (x *dash) notAmong(all []grafana.DataSource) (missing []string) {
	names := slices.Clone(x.obj.Status.NamedDataSources)
	for _, s := range x.content.sources {
		if s.UID != "" && !slices.Contains(names, s.UID) && !slices.Contains(names, s.Name) {
			names = append(names, s.UID)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(d grafana.DataSource) bool { return d.UID == name || d.Name == name }) {
			missing = append(missing, name)
		}
	}
	return missing
}

// wanting are the mappings to which there is no data source.
func (x *dash) wanting() (wanting []string) {
	for i, s := range x.content.sources {
		to := x.obj.Spec.DataSources[i].To
		switch {
		case s.UID != "":
		case to.Default:
			wanting = append(wanting, "no default data source, to stand for "+short(s.From))
		default:
			wanting = append(
				wanting,
				fmt.Sprintf("no data source named %s, to stand for %s", short(to.Name), short(s.From)),
			)
		}
	}
	return wanting
}

// mostTold is how many names a message has.
const mostTold = 5

func sayMissing(missing, wanting []string) string {
	var said []string
	if len(missing) > 0 {
		said = append(said, "the organization has no data source with this uid or name, which the dashboard names "+
			"or is mapped to: "+quoted(missing)+". Create it, or have spec.datasources say which one stands for it")
	}
	if len(wanting) > 0 {
		said = append(said, "the organization has "+enumerated(wanting, "; "))
	}
	message := strings.Join(said, ". ")
	const longest = 1000 // bytes
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest], "") + "…"
	}
	return message
}

// quoted lists names for people.
func quoted(names []string) string {
	texts := make([]string, 0, len(names))
	for _, name := range names {
		texts = append(texts, short(name))
	}
	return enumerated(texts, ", ")
}

func enumerated(texts []string, between string) string {
	n := min(len(texts), mostTold)
	list := strings.Join(texts[:n], between)
	if more := len(texts) - n; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// short quotes a name, or what there is room for of it.
func short(name string) string {
	const longest = 40
	if len(name) > longest {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(name[:longest], ""))
	}
	return fmt.Sprintf("%q", name)
}
