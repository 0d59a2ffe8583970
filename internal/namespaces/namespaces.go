// Package namespaces finds out in which of the namespaces that an operator is told to watch it may do so. A cache over
// several namespaces is only complete when all of them can be read, so that one that cannot would stop the work in
// all others.
package namespaces

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

var readable = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "grafana_tenancy_namespace_readable",
	Help: "1 if the operator may read a namespace of --watch-namespaces, else 0.",
}, []string{"namespace"})

func init() { ctrlmetrics.Registry.MustRegister(readable) }

// Checker asks which namespaces can be read.
type Checker struct {
	// Reader asks the API server, past every cache.
	Reader client.Reader
	// Kinds are what is read in each namespace.
	Kinds []schema.GroupVersionKind
	Log   logr.Logger
}

// Scope is what a Checker found out: why each namespace cannot be read; nil if it can be.
type Scope map[string]error

// Readable lists the namespaces that can be read, sorted.
func (s Scope) Readable() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if s[name] == nil {
			names = append(names, name)
		}
	}
	return names
}

// Check finds out which of the namespaces can be read, and logs which cannot. It fails if that cannot be told of one.
func (c *Checker) Check(ctx context.Context, names []string) (Scope, error) {
	scope := Scope{}
	for _, name := range names {
		refusal, err := c.refusal(ctx, name, c.Kinds)
		if err != nil {
			return nil, fmt.Errorf("finding out whether namespace %s can be read: %w", name, err)
		}
		c.note(name, refusal)
		scope[name] = refusal
	}
	return scope, nil
}

// refusal is why kinds cannot be read in a namespace.
func (c *Checker) refusal(ctx context.Context, name string, kinds []schema.GroupVersionKind) (refusal, err error) {
	for _, kind := range kinds {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		err := c.Reader.List(ctx, &list, client.InNamespace(name), client.Limit(1))
		switch {
		case apierrors.IsForbidden(err):
			return err, nil
		case err != nil:
			return nil, err
		}
	}
	return nil, nil
}

func (c *Checker) note(name string, refusal error) {
	if refusal == nil {
		readable.WithLabelValues(name).Set(1)
		return
	}
	readable.WithLabelValues(name).Set(0)
	c.Log.Info("namespace "+name+" cannot be read, and is left out: give the operator a RoleBinding there, "+
		"or take the namespace out of --watch-namespaces", "namespace", name, "refusal", refusal.Error())
}

// AwaitMore looks again at each interval, and returns the namespaces that could not be read and can be by now. It logs
// those that cannot be read any more. It returns nil when ctx ends.
func (c *Checker) AwaitMore(ctx context.Context, scope Scope, interval time.Duration) (more []string) {
	_ = wait.PollUntilContextCancel(ctx, interval, false, func(ctx context.Context) (bool, error) {
		for name, was := range scope {
			kinds := c.Kinds
			if was == nil {
				kinds = kinds[:1] // rights come and go together, and there may be many namespaces
			}
			refusal, err := c.refusal(ctx, name, kinds)
			switch {
			case err != nil: // the API server does not answer now
			case was != nil && refusal == nil:
				more = append(more, name)
			case was == nil && refusal != nil:
				c.note(name, refusal)
				scope[name] = refusal
			}
		}
		slices.Sort(more)
		return len(more) > 0, nil
	})
	return more
}
