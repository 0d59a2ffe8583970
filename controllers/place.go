package controllers

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// place is the organization that an object is in, and the way to it.
type place struct {
	conn   *Connection
	org    *grafana.OrgClient
	mark   mark
	owner  types.NamespacedName // the Organization
	object *v1alpha1.Organization
}

// placeIn finds the place of an object that refers to an Organization.
func (e *Env) placeIn(ctx context.Context, ref v1alpha1.ObjectReference, obj Object) (*place, error) {
	key := parentKey(ref, obj.GetNamespace())
	if !obj.GetDeletionTimestamp().IsZero() {
		return e.placeForDeletion(ctx, key, obj)
	}
	var org v1alpha1.Organization
	if err := e.parent(ctx, key, obj.GetNamespace(), &org, func() v1alpha1.AllowedNamespaces { return org.Spec.AllowedNamespaces }); err != nil {
		return nil, err
	}
	if !org.DeletionTimestamp.IsZero() {
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "Organization %s is being deleted", key)
	}
	if !isTrue(org.Status.Conditions, v1alpha1.ConditionAvailable) || org.Status.OrgID == 0 {
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "Organization %s is not Available yet", key)
	}
	return e.placeOf(ctx, &org)
}

// placeForDeletion finds the place of an object that is being deleted. Nobody's consent is needed for that, unless it is not known whether the object was ever let in.
func (e *Env) placeForDeletion(ctx context.Context, key types.NamespacedName, obj Object) (*place, error) {
	var org v1alpha1.Organization
	if !wasSeen(obj) && key.Namespace != obj.GetNamespace() {
		if err := e.parent(ctx, key, obj.GetNamespace(), &org, func() v1alpha1.AllowedNamespaces { return org.Spec.AllowedNamespaces }); err != nil {
			return nil, err
		}
	}
	err := e.Get(ctx, key, &org)
	switch {
	case apierrors.IsNotFound(err):
		return nil, stalled(v1alpha1.ReasonParentGone, "cannot delete it in Grafana: Organization %s does not exist. Create it again",
			key)
	case err != nil:
		return nil, err
	}
	switch {
	case org.Status.OrgID == 0 && org.Status.CreateStarted == nil && !org.DeletionTimestamp.IsZero() && wasSeen(&org):
		return nil, errGone // the organization is not in Grafana any more, and nothing in it
	case org.Status.OrgID == 0:
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "waiting for Organization %s, to delete it there", key)
	}
	return e.placeOf(ctx, &org)
}

func (e *Env) placeOf(ctx context.Context, org *v1alpha1.Organization) (*place, error) {
	conn, err := e.connectionTo(ctx, parentKey(org.Spec.InstanceRef, org.Namespace))
	if err != nil {
		var p *problem
		if errors.As(err, &p) { // whose Grafana it is concerns nobody in here
			p.Message = "waiting for the Grafana of Organization " + client.ObjectKeyFromObject(org).String() + ", which is not available"
		}
		return nil, err
	}
	owner := types.NamespacedName{Namespace: org.Namespace, Name: org.Name}
	return &place{conn: conn, org: conn.Org(org.Status.OrgID), mark: markOf(e.ClusterID, org), owner: owner, object: org}, nil
}

// connectionTo is the way to an Instance. While it does not answer, the object waits for it and asks nothing.
func (e *Env) connectionTo(ctx context.Context, key types.NamespacedName) (*Connection, error) {
	if conn := e.Connections.available(key); conn != nil {
		return conn, nil
	}
	p := waiting(v1alpha1.ReasonParentNotAvailable, "waiting for Instance %s, which is not Available", key)
	p.waitsFor = &key
	if !e.Connections.probed(key) { // as after a start: there is something to say once there was a probe
		err := e.Get(ctx, key, &v1alpha1.Instance{})
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		p.quiet = err == nil
	}
	return nil, p
}

// Connection and the group that the object's calls are fair among.
func (p *place) Connection() (*Connection, string) { return p.conn, p.owner.String() }

// Prove fails unless the organization is seen to be the Organization's.
func (p *place) Prove(ctx context.Context, live bool) error {
	err := p.conn.prove(ctx, p.org.ID(), p.mark, live)
	if errors.Is(err, errNotOurs) {
		if is := meta.FindStatusCondition(p.object.Status.Conditions, v1alpha1.ConditionStalled); is != nil && is.Reason == v1alpha1.ReasonOwnershipLost {
			err = errLost
		}
		return &problem{Reason: v1alpha1.ReasonParentNotAvailable, Retry: true, err: err, suspect: &suspect{kind: "Organization", key: p.owner},
			Message: "waiting for Organization " + p.owner.String() + ": the organization that it recorded is not its own any more"}
	}
	return err
}

// errLost says that the Organization has looked for its mark in all of Grafana, and that there is none.
var errLost = errors.New("no organization carries the mark")

// doubt is called when a write in here failed: perhaps the organization is not what it was. The next pass sees for itself before it writes again.
func (p *place) doubt() { p.conn.forgetProof(p.org.ID()) }

// forbidden is called when Grafana refused something here: perhaps the operator's login is not in the organization any more, which its Organization finds out and puts right.
func (p *place) forbidden() *suspect {
	p.conn.forgetMember(p.org.ID())
	return &suspect{kind: "Organization", key: p.owner}
}
