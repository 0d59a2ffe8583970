package suite

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// inspector checks every status that any of our objects ever shows.
type inspector struct {
	reasons, types []string

	mu     sync.Mutex
	faults map[string][]string // by namespace
}

func newInspector(ctx context.Context, c cache.Cache) (*inspector, error) {
	in := &inspector{faults: map[string][]string{}}
	var err error
	if in.reasons, in.types, err = closedLists(); err != nil {
		return nil, err
	}
	for _, obj := range kinds() {
		informer, err := c.GetInformer(ctx, obj)
		if err != nil {
			return nil, err
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { in.inspect(o.(lifecycle.Object)) },
			UpdateFunc: func(_, o any) { in.inspect(o.(lifecycle.Object)) },
		}); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func kinds() []lifecycle.Object {
	return []lifecycle.Object{
		&v1alpha1.Instance{},
		&v1alpha1.Organization{},
		&v1alpha1.ServiceAccount{},
		&v1alpha1.ServiceAccountToken{},
		&v1alpha1.Folder{},
		&v1alpha1.Dashboard{},
		&v1alpha1.DataSource{},
		&v1alpha1.Membership{},
		&v1alpha1.User{},
		&v1alpha1.Team{},
		&v1alpha1.DashboardSet{},
		&v1alpha1.DataSourceSet{},
	}
}

// closedLists reads from the API's source which reasons and types of conditions there are.
func closedLists() (reasons, types []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), InRepository("api", "v1alpha1", "conditions.go"), nil, 0)
	if err != nil {
		return nil, nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			value, uerr := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if uerr != nil {
				err = uerr
			}
			switch {
			case strings.HasPrefix(name.Name, "Reason"):
				reasons = append(reasons, value)
			case strings.HasPrefix(name.Name, "Condition"):
				types = append(types, value)
			}
		}
		return true
	})
	return reasons, types, err
}

func (in *inspector) inspect(obj lifecycle.Object) {
	faults := in.faultsOf(obj)
	if len(faults) == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.faults[obj.GetNamespace()] = append(
		in.faults[obj.GetNamespace()],
		fmt.Sprintf(
			"%T %s: %s\n\tconditions: %+v",
			obj,
			client.ObjectKeyFromObject(obj),
			strings.Join(faults, "; "),
			obj.CommonStatus().Conditions,
		),
	)
}

// of returns what was wrong with the statuses in a namespace.
func (in *inspector) of(namespace string) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.faults[namespace])
}

// lasting are the conditions that are also there when they are not True.
var lasting = []string{
	v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionHealthy,
	v1alpha1.ConditionDataSourcesResolved, v1alpha1.ConditionProgressing,
}

// faultsOf says what is wrong with an object's status.
func (in *inspector) faultsOf(obj lifecycle.Object) (faults []string) {
	status := obj.CommonStatus()
	if len(status.Conditions) == 0 && status.ObservedGeneration <= 0 {
		return nil // not visited yet
	}
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	for _, c := range status.Conditions {
		fault(!slices.Contains(in.types, c.Type), "condition %s is not one of ours", c.Type)
		fault(!slices.Contains(in.reasons, c.Reason), "reason %q of %s is not on the list", c.Reason, c.Type)
		fault(
			c.ObservedGeneration > obj.GetGeneration(),
			"%s observed generation %d of %d",
			c.Type,
			c.ObservedGeneration,
			obj.GetGeneration(),
		)
		fault(c.Message == "" || len(c.Message) > 1100, "the message of %s has %d bytes", c.Type, len(c.Message))
		fault(c.Status != metav1.ConditionTrue && !slices.Contains(lasting, c.Type), "%s is there and %s",
			c.Type, c.Status)
	}
	fault(
		status.ObservedGeneration > obj.GetGeneration(),
		"observedGeneration %d of %d",
		status.ObservedGeneration,
		obj.GetGeneration(),
	)
	return append(faults, SlotSharer(status)...)
}

// SlotSharer says which conditions contradict each other.
func SlotSharer(status *v1alpha1.CommonStatus) (faults []string) {
	is := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	stalled, reconciling := is(v1alpha1.ConditionStalled), is(v1alpha1.ConditionReconciling)
	if ready == nil {
		return []string{"there is no Ready"}
	}
	if ready.Reason == v1alpha1.ReasonSuspended {
		return nil // the rest is as it was
	}
	done := ready.Status == metav1.ConditionTrue
	if done && (stalled || reconciling) {
		faults = append(faults, "Ready together with Stalled or Reconciling")
	}
	if !done && stalled == reconciling {
		faults = append(faults, "not Ready wants exactly one of Stalled and Reconciling")
	}
	if is(v1alpha1.ConditionDrifted) && !done {
		faults = append(faults, "Drifted, but not Ready")
	}
	return faults
}
