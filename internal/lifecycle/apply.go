package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// apply makes Grafana what the object says.
func (p *pass[T, R]) apply(ctx context.Context) error {
	if p.obj.CommonSpec().Suspend {
		return errSuspended
	}
	if p.kind.Parent == nil { // its own Secrets are held for it before anything is asked
		if err := p.addFinalizer(ctx); err != nil {
			return err
		}
	}
	leave, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if p.have, err = p.ext.Find(ctx); err != nil {
		return err
	}
	if err := p.waitForEarlier(); err != nil {
		return err
	}
	if p.have == nil {
		p.settle()
	}
	p.searched = true
	if p.have == nil {
		if err := p.create(ctx); err != nil {
			return err
		}
	}
	if p.ext.Record(p.have) {
		if err := p.keepStatus(ctx); err != nil { // never go on with an identity that only this process knows
			return err
		}
		if len(p.events) == 0 && p.kind.Parent != nil {
			p.event(v1alpha1.EventFound, "Found in Grafana, and taken for this object's")
		}
	}
	if err := p.update(ctx); err != nil {
		return err
	}
	p.settle()
	if last, ok := p.ext.(Checker[R]); ok {
		return last.Check(ctx, p.have)
	}
	return nil
}

// create makes the object. The intent is written first.
func (p *pass[T, R]) create(ctx context.Context) error {
	if in, ok := p.ext.(Closable); ok && in.Closed() != nil {
		return in.Closed()
	}
	if err := p.acquireWrite(); err != nil {
		return err
	}
	if c, ok := p.ext.(ConflictChecker); ok {
		if err := c.CheckConflict(ctx); err != nil {
			return err
		}
	}
	if err := p.prove(ctx, false); err != nil {
		return err
	}
	status := p.obj.CommonStatus()
	earlier := status.CreateStarted
	created := EventCreated
	if own, ok := p.ext.(Preparer); ok {
		created = own.Prepare()
	}
	status.CreateStarted = p.now()
	if err := p.writeIntent(ctx); err != nil {
		status.CreateStarted = earlier // nothing was sent
		return err
	}
	err := p.write(ctx, func() (err error) {
		p.have, err = p.ext.Create(ctx)
		return err
	})
	if err == nil {
		p.events = append(p.events, created)
	}
	left := grafana.IsUnsure(err) || grafana.IsTaken(err) || errors.Is(err, ErrLeft)
	if !left && !p.mayBeInFlight(earlier) {
		// This was the only request, and it was answered; what is taken may be so by an earlier one of ours.
		status.CreateStarted = nil
		if err != nil && p.admitted {
			p.noteStatusless(statusless{uid: p.obj.GetUID()})
		}
	}
	return err
}

// writeIntent has Kubernetes know that there may be something in Grafana, under the resourceVersion that was read: a
// stale copy of the object is refused there, before anything is sent. The finalizer says as much, if this pass has
// written it, what it stands for can be found by the object alone, and the object is still the one that it was written
// on: it holds nothing of one that was deleted by a request that had not seen it.
func (p *pass[T, R]) writeIntent(ctx context.Context) error {
	// Of another namespace nothing is held that has no status: see holds.
	if now, _ := p.foundByObject(); now && p.admitted && !StatusWritten(p.obj) &&
		p.entry.parentOf(p.obj).Namespace == p.obj.GetNamespace() {
		if err := p.confirmMine(ctx); err != nil { // as with a status
			return err
		}
		if err := p.confirmUnchanged(ctx); err != nil {
			return err
		}
		p.noteStatusless(statusless{p.obj.GetUID(), p.obj.CommonStatus().CreateStarted})
		return nil
	}
	p.announce(v1alpha1.ReasonCreating, "it is being created in Grafana")
	return p.writeStatus(ctx)
}

// update puts right what differs.
func (p *pass[T, R]) update(ctx context.Context) error {
	diff := p.ext.Diff(p.have)
	if len(diff) == 0 {
		return nil
	}
	p.diff = diff
	if err := p.acquireWrite(); err != nil {
		return err
	}
	if err := p.prove(ctx, false); err != nil {
		return err
	}
	if own, ok := p.ext.(ChangePreparer[R]); ok && own.PrepareChange(p.have) {
		if err := p.writeStatus(ctx); err != nil {
			return err
		}
	}
	err := p.write(ctx, func() error { return p.ext.Update(ctx, p.have) })
	p.ext.Record(p.have)
	if err != nil {
		return err // it says which step failed; the others may not have been tried
	}
	if own, ok := p.ext.(PartialUpdater); ok {
		left := own.Undone()
		diff = slices.DeleteFunc(slices.Clone(diff), func(d string) bool { return slices.Contains(left, d) })
	}
	if len(diff) > 0 {
		p.event(v1alpha1.EventUpdated, "Updated in Grafana: "+strings.Join(diff, ", "))
	}
	return nil
}
