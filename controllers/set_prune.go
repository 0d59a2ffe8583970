package controllers

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// prune deletes the children of Organizations that are not selected any more, by the set's prunePolicy. Of those that
// do not let the namespace in any more nothing is deleted.
func (p *setPass[S, C]) prune(ctx context.Context) error {
	var left []C
	var failed error
	confirmed := false
	p.going = map[string]bool{}
	for _, child := range p.others {
		if !child.GetDeletionTimestamp().IsZero() {
			failed = errors.Join(failed, p.letGo(ctx, child))
			continue
		}
		verdict, err := p.isToGo(ctx, child)
		if err == nil && !verdict.goes() {
			left = append(left, child)
			continue
		}
		p.going[child.GetName()] = true
		if err == nil && !confirmed {
			if err := p.confirm(ctx); err != nil {
				return err
			}
			confirmed = true
		}
		if err == nil {
			err = p.remove(ctx, child, p.policyFor(verdict))
		}
		if err != nil {
			left = append(left, child)
			failed = errors.Join(failed, err)
		}
	}
	p.others = left
	return failed
}

// policyFor is what becomes in Grafana of what a child has that goes.
func (p *setPass[S, C]) policyFor(verdict verdictOnChild) v1alpha1.DeletionPolicy {
	if verdict != childPruned {
		return v1alpha1.DeletionOrphan
	}
	return p.spec.PrunePolicy
}

// letGo has what is being deleted already stay in Grafana, if its Organization is let go after all.
func (p *setPass[S, C]) letGo(ctx context.Context, child C) error {
	key := p.organizationOf(child)
	if p.tellsTooMuch(child, key) {
		return nil
	}
	verdict, err := p.choice.verdictFrom(ctx, p.Client, key)
	if verdict != childReleased || err != nil {
		return err
	}
	_, err = p.withPolicy(ctx, child, v1alpha1.DeletionOrphan)
	return client.IgnoreNotFound(err)
}

// confirm asks the API server whether the set is still the one that the cache has: it may be paused by now, say, or
// have another prunePolicy.
func (p *setPass[S, C]) confirm(ctx context.Context) error {
	live := p.empty.DeepCopyObject().(S)
	err := p.Live.Get(unlogged(ctx), client.ObjectKeyFromObject(p.set), live)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil || live.GetUID() != p.set.GetUID() || live.GetGeneration() != p.set.GetGeneration() ||
		!live.GetDeletionTimestamp().IsZero() {
		return errBehind
	}
	return nil
}

// isToGo says what becomes of a child. The cache may not have seen yet what became of its Organization, and a deletion
// cannot be taken back: so the API server has to say as well that it goes. What it cannot tell any more, of an
// Organization that has vanished, the Engine may know: it is the cache, with what is kept of those that have vanished.
func (p *setPass[S, C]) isToGo(ctx context.Context, child C) (verdictOnChild, error) {
	key := p.organizationOf(child)
	known, err := p.choice.verdictFrom(ctx, p.Engine, key)
	if err != nil {
		return childLeft, err
	}
	if p.tellsTooMuch(child, key) {
		if known == childWanted {
			return childLeft, nil
		}
		return childLost, nil
	}
	if !known.goes() {
		return childLeft, nil
	}
	if is, err := p.choice.verdictFrom(ctx, p.Live, key); is != childLost || err != nil {
		return is, err
	}
	return known, nil
}

// tellsTooMuch reports whether what becomes of a child would tell what Organizations another namespace has: it was
// never let into its own, and may not be this set's at all. It goes unless its Organization is selected, whatever else
// there is: it has nothing in Grafana.
func (p *setPass[S, C]) tellsTooMuch(child C, organization types.NamespacedName) bool {
	return organization.Namespace != child.GetNamespace() && !p.parts(child).held
}

func (p *setPass[S, C]) organizationOf(child C) types.NamespacedName {
	return lifecycle.ParentKey(*p.parts(child).organization, child.GetNamespace())
}

// remove deletes a child as it was read.
func (p *setPass[S, C]) remove(ctx context.Context, child C, policy v1alpha1.DeletionPolicy) error {
	child, err := p.withPolicy(ctx, child, policy)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	uid, version := child.GetUID(), child.GetResourceVersion()
	return client.IgnoreNotFound(p.Client.Delete(unlogged(ctx), child.DeepCopyObject().(C),
		client.Preconditions{UID: &uid, ResourceVersion: &version}))
}
