package controllers

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// prune deletes the children of Organizations that are not selected any more, by the set's prunePolicy. Of those that
// do not let the namespace in any more nothing is deleted.
func (p *setPass[S, C]) prune(ctx context.Context) error {
	if len(p.others) == 0 {
		return nil
	}
	c, err := p.choice(ctx)
	if err != nil {
		return err
	}
	var left []C
	var failed error
	confirmed := false
	for _, child := range p.others {
		if !child.GetDeletionTimestamp().IsZero() {
			continue
		}
		is, err := p.isToGo(ctx, c, child)
		switch {
		case err != nil:
			return err
		case !is:
			left = append(left, child)
			continue
		}
		if !confirmed {
			if err := p.confirm(ctx); err != nil {
				return err
			}
			confirmed = true
		}
		if err := p.remove(ctx, child); err != nil {
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

// isToGo reports whether a child is to be deleted. The cache may not have seen yet what became of its Organization, and
// a deletion cannot be taken back: so the API server has to say the same.
func (p *setPass[S, C]) isToGo(ctx context.Context, c *choice, child C) (bool, error) {
	parts := p.parts(child)
	key := lifecycle.ParentKey(*parts.organization, child.GetNamespace())
	if key.Namespace != child.GetNamespace() && !parts.held {
		return false, nil // it was never let in: what became of it would tell whether there is such an Organization
	}
	for _, from := range []client.Reader{p.Client, p.Live} {
		verdict, err := c.verdictFrom(ctx, from, key)
		if verdict != childPruned || err != nil {
			return false, err
		}
	}
	return true, nil
}

// remove deletes a child as it was read.
func (p *setPass[S, C]) remove(ctx context.Context, child C) error {
	child, err := p.withPolicy(ctx, child, p.spec.PrunePolicy)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	uid, version := child.GetUID(), child.GetResourceVersion()
	return client.IgnoreNotFound(p.Client.Delete(unlogged(ctx), child.DeepCopyObject().(C),
		client.Preconditions{UID: &uid, ResourceVersion: &version}))
}
