package controllers

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/rollout"
)

// roll makes and changes as many children as may be. What Kubernetes has refused takes up room already.
func (p *setPass[S, C]) roll(ctx context.Context) error {
	var now []*setMember[C]
	for _, m := range p.members {
		if m.due {
			now = append(now, m)
		}
	}
	for _, i := range rollout.Next(p.rollout(), p.maxUnavailable()) {
		now = append(now, p.members[i])
	}
	for _, m := range now {
		if err := p.apply(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// rollout are the members as they are.
func (p *setPass[S, C]) rollout() []rollout.Member {
	all := make([]rollout.Member, 0, len(p.members))
	for _, m := range p.members {
		all = append(all, m.Member)
	}
	return all
}

// spreadDeletionPolicy gives the policy of the set to all children at once, but for those that go by another one: it
// changes nothing in Grafana, and the set may be deleted any time. What was changed is looked at when the cache has it.
func (p *setPass[S, C]) spreadDeletionPolicy(ctx context.Context) error {
	have, err := p.childrenByName(ctx)
	if err != nil {
		return err
	}
	changed := false
	for name, child := range have {
		if p.going[name] || !child.GetDeletionTimestamp().IsZero() {
			continue
		}
		now, cerr := p.withPolicy(ctx, child, p.spec.DeletionPolicy)
		changed = changed || now.GetResourceVersion() != child.GetResourceVersion()
		err = errors.Join(err, cerr)
	}
	if err == nil && changed {
		return errBehind
	}
	return err
}

// withPolicy is a child with a deletionPolicy.
func (p *setPass[S, C]) withPolicy(ctx context.Context, child C, policy v1alpha1.DeletionPolicy) (C, error) {
	if *p.parts(child).deletion == policy {
		return child, nil
	}
	changed := child.DeepCopyObject().(C)
	*p.parts(changed).deletion = policy
	return changed, p.patch(ctx, child, changed)
}

// patch changes a child, unless it has changed since it was read.
func (p *setPass[S, C]) patch(ctx context.Context, child, changed C) error {
	before := child.DeepCopyObject().(C)
	return p.Client.Patch(unlogged(ctx), changed, lifecycle.UnderVersion(before))
}

// apply makes or changes one child.
func (p *setPass[S, C]) apply(ctx context.Context, m *setMember[C]) (err error) {
	if err := p.render(m); err != nil {
		return err
	}
	if m.exists {
		changed := m.have.DeepCopyObject().(C)
		reflect.ValueOf(p.parts(changed).spec).Elem().Set(reflect.ValueOf(p.parts(m.want).spec).Elem())
		changed.SetLabels(m.want.GetLabels())
		changed.SetAnnotations(m.want.GetAnnotations())
		err = p.patch(ctx, m.have, changed)
	} else {
		m.want.SetOwnerReferences([]metav1.OwnerReference{ownedBy(p.set)})
		err = p.Client.Create(unlogged(ctx), m.want)
	}
	switch {
	case err == nil:
		m.State, m.updated, m.failure = rollout.Pending, true, nil
		delete(p.remembered().refused, m.name)
	case apierrors.IsAlreadyExists(err):
		return p.made(ctx, m)
	case apierrors.IsConflict(err), apierrors.IsNotFound(err): // the cache is behind: it counts as one that was changed
		m.State = rollout.Pending
		p.lookAgain(time.Second)
	case apierrors.IsInvalid(err):
		p.noteRefusal(m, v1alpha1.ReasonInvalidSpec, causesOf(err))
	case apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		p.noteRefusal(m, v1alpha1.ReasonRefused, err.Error())
	default:
		return err
	}
	return nil
}

// firstRetry and lastRetry bound for how long a child is not tried again that Kubernetes did not take.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// noteRefusal keeps that Kubernetes did not take a child. Each time it is left for twice as long.
func (p *setPass[S, C]) noteRefusal(m *setMember[C], reason, message string) {
	m.fail(rollout.Failed, reason, "Kubernetes does not take %s %s: %s", p.childKind(), m.want.GetName(), message)
	known := p.remembered()
	now := refusal{want: m.found.want, times: 1, problem: m.failure}
	if was := known.refused[m.name]; was.want == now.want {
		now.times += was.times
	}
	now.until = p.Now().Add(min(firstRetry<<min(now.times-1, 20), lastRetry))
	known.refused[m.name] = now
	p.lookAgain(now.until.Sub(p.Now()))
}

// recallRefusal fails a member whose child was refused as it would be now.
func (p *setPass[S, C]) recallRefusal(m *setMember[C]) {
	was, refused := p.remembered().refused[m.name]
	if !refused || was.want != m.found.want {
		return
	}
	m.State, m.failure = rollout.Failed, was.problem
	if left := was.until.Sub(p.Now()); left > 0 {
		p.lookAgain(left)
	} else {
		m.due = true
	}
}

// keepRefusals forgets what was refused for Organizations that are not selected any more.
func (p *setPass[S, C]) keepRefusals() {
	known, kept := p.remembered(), map[string]refusal{}
	for _, m := range p.members {
		if was, refused := known.refused[m.name]; refused {
			kept[m.name] = was
		}
	}
	known.refused = kept
	p.remember(known)
}

// made finds out whose an object is that the cache does not have yet.
func (p *setPass[S, C]) made(ctx context.Context, m *setMember[C]) error {
	there := p.child.DeepCopyObject().(C)
	if err := p.Live.Get(unlogged(ctx), client.ObjectKeyFromObject(m.want), there); err != nil {
		return err
	}
	if !metav1.IsControlledBy(there, p.set) {
		p.failForeign(m, there)
		return nil
	}
	m.State, m.updated = rollout.Pending, true
	return nil
}

// causesOf is what is wrong with an object, without its name.
func causesOf(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return err.Error()
	}
	cause := status.Status().Details.Causes[0]
	return fmt.Sprintf("%s: %s", cause.Field, cause.Message)
}

// ownedBy says that a set has made an object. That it goes before the set is not asked for: nobody waits for it.
func ownedBy[S setObject](set S) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: lifecycle.NameOf(set), Name: set.GetName(), UID: set.GetUID(),
		Controller: new(true),
	}
}
