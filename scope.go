package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/namespaces"
)

// scope is the namespaces that this process works in: those of --watch-namespaces that it may read.
type scope struct {
	checker *namespaces.Checker
	found   namespaces.Scope // empty: all namespaces of the cluster
}

// newScope fails if not one of the namespaces can be read. No names: all namespaces are watched.
func newScope(ctx context.Context, c client.Reader, kinds []schema.GroupVersionKind, names []string) (*scope, error) {
	s := &scope{checker: &namespaces.Checker{
		Reader: c, Kinds: kinds, Log: ctrl.Log.WithName("namespaces"),
	}}
	var err error
	if s.found, err = s.checker.Check(ctx, names); err != nil {
		return nil, err
	}
	if len(names) > 0 && len(s.readable()) == 0 {
		return nil, fmt.Errorf("none of the namespaces of --watch-namespaces can be read (%s): "+
			"give the operator a RoleBinding in them", strings.Join(names, ", "))
	}
	return s, nil
}

func (s *scope) readable() []string { return s.found.Readable() }

// lookAgain is how often namespaces that cannot be read are looked at.
const lookAgain = 30 * time.Second

// awaitMore returns when the process should begin anew, since a namespace can be read that could not: a cache takes in
// no namespace while it runs.
func (s *scope) awaitMore(ctx context.Context) {
	if len(s.found) == 0 {
		<-ctx.Done()
		return
	}
	if more := s.checker.AwaitMore(ctx, s.found, lookAgain); len(more) > 0 {
		s.checker.Log.Info("the process ends, to be started again with more namespaces that can be read by now",
			"namespaces", more)
	}
}
