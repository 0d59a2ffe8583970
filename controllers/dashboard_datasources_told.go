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
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// tellDataSources says in a condition whether the organization has all data sources that the dashboard names: whenever
// its content was at hand, and as long as some are missing.
func (x *dash) tellDataSources(ctx context.Context) {
	conditions := &x.obj.Status.Conditions
	was := meta.FindStatusCondition(*conditions, v1alpha1.ConditionDataSourcesResolved)
	if !x.content.wasRead && (was == nil || was.Status == metav1.ConditionTrue) {
		return
	}
	if !x.content.wasRead && (was.Status == metav1.ConditionUnknown || len(x.obj.Status.MissingDataSources) == mostMissing) {
		if x.content.fill(ctx) != nil {
			return // it stands until the content can be had
		}
	}
	named := x.obj.Status.MissingDataSources
	if x.content.wasRead {
		named = x.content.named
	}
	if len(named)+len(x.obj.Spec.DataSources) == 0 {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionDataSourcesResolved)
		x.obj.Status.MissingDataSources = nil
		return
	}
	found := x.resolved(ctx, named)
	found.Type, found.ObservedGeneration = v1alpha1.ConditionDataSourcesResolved, x.obj.Generation
	found.LastTransitionTime = metav1.NewTime(x.env.Now().UTC().Truncate(time.Second))
	found.Message = shortened(found.Message)
	meta.SetStatusCondition(conditions, found)
}

// mostMissing is how many missing data sources are kept in status.
const mostMissing = 50

// resolved looks for the data sources of these names.
func (x *dash) resolved(ctx context.Context, named []string) metav1.Condition {
	have := x.sourcesHere(connection.Due)
	var missing []string
	for _, name := range named {
		d, err := have.find(ctx, func(d grafana.DataSource) bool { return d.UID == name || d.Name == name })
		if err != nil {
			return metav1.Condition{
				Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonDataSourcesUnknown,
				Message: "Grafana could not be asked which data sources there are: " + grafana.Public(err),
			}
		}
		if d == nil {
			missing = append(missing, name)
		}
	}
	x.obj.Status.MissingDataSources = missing[:min(len(missing), mostMissing)]
	wanting := x.wanting()
	if len(missing)+len(wanting) > 0 {
		return metav1.Condition{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonDataSourcesMissing, Message: sayMissing(missing, wanting),
		}
	}
	message := "the organization has all data sources that the dashboard names"
	if unmapped := x.content.unmapped; len(unmapped) > 0 {
		message += "; spec.datasources maps what it does not name: " + quoted(unmapped)
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDataSourcesFound, Message: message}
}

// wanting are the mappings to which there is no data source.
func (x *dash) wanting() (wanting []string) {
	for i, s := range x.content.sources {
		to := x.obj.Spec.DataSources[i].To
		switch {
		case s.UID != "":
		case to.Default:
			wanting = append(wanting, fmt.Sprintf("no default data source, to stand for %q", s.From))
		default:
			wanting = append(wanting, fmt.Sprintf("no data source named %q, to stand for %q", to.Name, s.From))
		}
	}
	return wanting
}

func sayMissing(missing, wanting []string) string {
	var said []string
	if len(missing) > 0 {
		said = append(said, "the organization has no data source with this uid or name, which the dashboard names: "+
			quoted(missing)+". Create it, or have spec.datasources say which one stands for it")
	}
	if len(wanting) > 0 {
		said = append(said, "the organization has "+strings.Join(wanting, "; "))
	}
	return strings.Join(said, ". ")
}

// quoted lists names for people.
func quoted(names []string) string {
	const most = 10
	texts := make([]string, 0, most)
	for _, name := range names[:min(len(names), most)] {
		texts = append(texts, fmt.Sprintf("%.60q", name))
	}
	more := ""
	if n := len(names) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(slices.Clip(texts), ", ") + more
}
