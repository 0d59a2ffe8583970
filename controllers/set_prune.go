package controllers

import (
	"context"
	"errors"

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
	for _, child := range p.others {
		if !child.GetDeletionTimestamp().IsZero() {
			continue
		}
		verdict, err := p.isToGo(ctx, child)
		switch {
		case err != nil:
			return err
		case !verdict.goes():
			left = append(left, child)
			continue
		}
		if !confirmed {
			if err := p.confirm(ctx); err != nil {
				return err
			}
			confirmed = true
		}
		policy := p.spec.PrunePolicy
		if verdict != childPruned {
			policy = v1alpha1.DeletionOrphan
		}
		if err := p.remove(ctx, child, policy); err != nil {
			left = append(left, child)
			failed = errors.Join(failed, err)
		}
	}
	p.others = left
	return failed
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
// Organization that has vanished, is known here.
func (p *setPass[S, C]) isToGo(ctx context.Context, child C) (verdictOnChild, error) {
	parts := p.parts(child)
	key := lifecycle.ParentKey(*parts.organization, child.GetNamespace())
	if key.Namespace != child.GetNamespace() && !parts.held {
		return childLeft, nil // it was never let in: what became of it would tell whether there is such an Organization
	}
	known, err := p.choice.verdictFrom(ctx, p.Engine, key)
	if !known.goes() || err != nil {
		return childLeft, err
	}
	if is, err := p.choice.verdictFrom(ctx, p.Live, key); is != childLost || err != nil {
		return is, err
	}
	return known, nil
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
