package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// byUser is the index of the names of the Users that an object names.
const byUser = "user"

// otherUser are changes of a User after which it stands for somebody else.
var otherUser = builder.WithPredicates(lifecycle.Later, predicate.Funcs{UpdateFunc: func(e ctrlevent.UpdateEvent) bool {
	before, now := e.ObjectOld.(*v1alpha1.User).Status, e.ObjectNew.(*v1alpha1.User).Status
	return before.ID != now.ID || before.Login != now.Login
}})

// userNamed is a User that spec.members of an object in the scope names; nil: it is not there yet.
func (e *Env) userNamed(ctx context.Context, scope *orgScope, from client.Object, name string) (*v1alpha1.User, error) {
	var user v1alpha1.User
	err := e.Get(ctx, client.ObjectKey{Namespace: from.GetNamespace(), Name: name}, &user)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case instanceOf(&user) != scope.conn.Server:
		return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"spec.members: User %s is a login on another Grafana than the one that Organization %s is on: name one "+
				"that is there", name, scope.owner)
	case user.Status.ID == 0:
		return nil, nil
	}
	return &user, nil
}
