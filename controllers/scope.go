package controllers

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// orgScope is the organization that an object is in, and the way to it.
type orgScope struct {
	lifecycle.Entrance
	conn   *connection.Conn
	org    *grafana.OrgClient
	mark   mark.Mark
	owner  types.NamespacedName // the Organization
	object *v1alpha1.Organization
}

// scopeIn finds the place of an object that refers to an Organization. One that is being deleted lets nobody new in.
func (e *Env) scopeIn(
	ctx context.Context,
	ref v1alpha1.ObjectReference,
	obj lifecycle.Object,
) (*orgScope, error) {
	key := lifecycle.ParentKey(ref, obj.GetNamespace())
	if !obj.GetDeletionTimestamp().IsZero() {
		return e.scopeForDeletion(ctx, key, obj)
	}
	var org v1alpha1.Organization
	if err := e.ReadParent(ctx, key, obj.GetNamespace(), &org); err != nil {
		return nil, err
	}
	in, err := e.Enter(obj, &org)
	if err != nil {
		return nil, err
	}
	if !meta.IsStatusConditionTrue(org.Status.Conditions, v1alpha1.ConditionAvailable) || org.Status.OrgID == 0 {
		return nil, lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "Organization %s is not Available yet", key)
	}
	scope, err := e.scopeOf(ctx, &org)
	if err != nil {
		return nil, err
	}
	scope.Entrance = in
	return scope, nil
}

// scopeForDeletion finds the place of an object that is being deleted. Nobody's consent is needed for that, unless it
// is not known whether the object was ever let in: then something is in its status, if only an intent.
func (e *Env) scopeForDeletion(ctx context.Context, key types.NamespacedName, obj lifecycle.Object) (*orgScope, error) {
	var org v1alpha1.Organization
	if letIn := lifecycle.StatusWritten(obj) || e.Holds(obj); !letIn && key.Namespace != obj.GetNamespace() {
		if err := e.ReadParent(ctx, key, obj.GetNamespace(), &org); err != nil {
			return nil, err
		}
	}
	err := e.Get(ctx, key, &org)
	switch {
	case apierrors.IsNotFound(err):
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonParentGone,
			"cannot delete it in Grafana: Organization %s does not exist. Create it again",
			key,
		)
	case err != nil:
		return nil, err
	}
	switch {
	case org.Status.OrgID == 0 && org.Status.CreateStarted == nil &&
		!org.DeletionTimestamp.IsZero() && lifecycle.StatusWritten(&org):
		return nil, lifecycle.ErrGone // the organization is not in Grafana any more, and nothing in it
	case org.Status.OrgID == 0:
		return nil, lifecycle.Waiting(
			v1alpha1.ReasonParentNotAvailable,
			"waiting for Organization %s, to delete it there",
			key,
		)
	}
	return e.scopeOf(ctx, &org)
}

func (e *Env) scopeOf(ctx context.Context, org *v1alpha1.Organization) (*orgScope, error) {
	conn, err := e.connectionTo(ctx, lifecycle.ParentKey(org.Spec.InstanceRef, org.Namespace))
	if err != nil {
		var p *lifecycle.Problem
		if errors.As(err, &p) { // whose Grafana it is concerns nobody in here
			p.Message = fmt.Sprintf(
				"waiting for the Grafana of Organization %s, which is not available", client.ObjectKeyFromObject(org),
			)
		}
		return nil, err
	}
	owner := types.NamespacedName{Namespace: org.Namespace, Name: org.Name}
	return &orgScope{
		conn:   conn,
		org:    conn.Org(org.Status.OrgID),
		mark:   mark.Of(e.ClusterID, org),
		owner:  owner,
		object: org,
	}, nil
}

// connectionTo is the way to an Instance. While it does not answer, the object waits for it and asks nothing.
func (e *Env) connectionTo(ctx context.Context, key types.NamespacedName) (*connection.Conn, error) {
	if conn := e.Connections.Available(key); conn != nil {
		return conn, nil
	}
	p := lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "waiting for Instance %s, which is not Available", key)
	p.WaitsFor = &key
	if !e.Connections.Probed(key) { // as after a start: there is something to say once there was a probe
		err := e.Get(ctx, key, &v1alpha1.Instance{})
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		p.KeepConditions = err == nil
	}
	return nil, p
}

var roleRank = map[v1alpha1.Role]int{
	v1alpha1.RoleNone:   0,
	v1alpha1.RoleViewer: 1,
	v1alpha1.RoleEditor: 2,
	v1alpha1.RoleAdmin:  3,
}

// highestRole is the highest that the Organization allows in a namespace: what it says, if it does.
func (p *orgScope) highestRole(said v1alpha1.Role, namespace string) v1alpha1.Role {
	switch {
	case said != "":
		return said
	case namespace == p.owner.Namespace:
		return v1alpha1.RoleAdmin
	}
	return v1alpha1.RoleEditor
}

// Connection and the group that the object's calls are fair among.
func (p *orgScope) Connection() (*connection.Conn, string) { return p.conn, p.owner.String() }

// OrgID is Grafana's id of the organization.
func (p *orgScope) OrgID() int64 { return p.org.ID() }

// Prove fails unless the organization is seen to be the Organization's.
func (p *orgScope) Prove(ctx context.Context, live bool) error {
	err := p.conn.Prove(ctx, p.org.ID(), p.mark, live)
	if errors.Is(err, connection.ErrNotOurs) {
		if is := meta.FindStatusCondition(
			p.object.Status.Conditions,
			v1alpha1.ConditionStalled,
		); is != nil &&
			is.Reason == v1alpha1.ReasonOwnershipLost {
			err = lifecycle.ErrLost
		}
		return &lifecycle.Problem{
			Reason:  v1alpha1.ReasonParentNotAvailable,
			Retry:   true,
			Err:     err,
			Suspect: &lifecycle.Suspect{Kind: "Organization", Key: p.owner},
			Message: "waiting for Organization " + p.owner.String() +
				": the organization that it recorded is not its own any more",
		}
	}
	return err
}

// WriteFailed is called when a write in here failed: perhaps the organization is not what it was. The next pass sees
// for itself before it writes again.
func (p *orgScope) WriteFailed() { p.conn.ForgetProof(p.org.ID()) }

// Forbidden is called when Grafana refused something here: perhaps the operator's login is not in the organization any
// more, which its Organization finds out and puts right.
func (p *orgScope) Forbidden() *lifecycle.Suspect {
	p.conn.ForgetMember(p.org.ID())
	return &lifecycle.Suspect{Kind: "Organization", Key: p.owner}
}
