package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
)

// remove deletes the object in Grafana, or lets it go, and then releases the finalizer.
func (p *pass[T, R]) remove(ctx context.Context) error {
	if !controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer) {
		return nil
	}
	if p.obj.GetAnnotations()[v1alpha1.AnnotationAbandon] == "true" {
		if err := p.abandon(ctx); err != nil {
			return err
		}
		return p.release(ctx, Event{v1alpha1.EventAbandoned, "Let go as asked; what it made in Grafana stays there"})
	}
	if !p.mayHold() { // it may never have been let in, so that there is nothing to ask either
		return p.dropAfterDependents(ctx)
	}
	leave, err := p.connect(ctx)
	switch {
	case isGone(err):
		// Nothing of it is left or can come, and its children must know.
		p.searched, p.obj.CommonStatus().CreateStarted = true, nil
		return p.dropAfterDependents(ctx)
	case errors.Is(err, connection.ErrQueued):
		return err
	case err != nil:
		return fmt.Errorf("%w; annotate this object %s=true to let go of it as it is", err, v1alpha1.AnnotationAbandon)
	}
	defer leave()
	if p.have, err = p.ext.Find(ctx); err != nil {
		return err
	}
	if err := p.proveAbsence(ctx); err != nil {
		return err
	}
	// While it waits, a status that is lost stays so: by that the last word tells what is not known.
	p.searched = p.have != nil || !p.mayLose()
	if p.have == nil && !p.mayBeInFlight(p.obj.CommonStatus().CreateStarted) {
		p.ext.Record(nil)
		p.obj.CommonStatus().CreateStarted = nil // children go by it: nothing of it is there, or can come
	}
	if p.have != nil && p.ext.Record(p.have) { // its children go by that, too
		if err := p.keepStatus(ctx); err != nil {
			return err
		}
	}
	if err := p.waitForDependents(ctx); err != nil {
		return err
	}
	if p.obj.Stays() {
		return p.orphan(ctx)
	}
	return p.delete(ctx)
}

// proveAbsence fails if nothing was found, but in a place that is not the object's any more.
func (p *pass[T, R]) proveAbsence(ctx context.Context) error {
	if p.have != nil {
		return nil
	}
	if err := p.prove(ctx, false); !errors.Is(err, ErrLost) {
		return err
	}
	return nil
}

// maxDuplicates is how many things that carry the mark one pass deletes. There is one, and after lost answers two.
const maxDuplicates = 5

// delete deletes whatever carries the mark until nothing does, and holds the finalizer while a create may still land.
func (p *pass[T, R]) delete(ctx context.Context) error {
	n := 0
	for ; p.have != nil; n++ {
		if n == maxDuplicates {
			return &Problem{
				Reason:  v1alpha1.ReasonDeleting,
				Retry:   true,
				Message: "it was deleted, but Grafana still has it: looking again",
			}
		}
		if err := p.acquireWrite(); err != nil {
			return err
		}
		if err := p.prove(ctx, true); err != nil {
			return err
		}
		if err := p.write(ctx, func() error { return p.ext.Delete(ctx, p.have) }); err != nil {
			return fmt.Errorf("deleting: %w", err)
		}
		var err error
		if p.have, err = p.ext.Find(ctx); err != nil {
			return err
		}
	}
	if n > 0 {
		p.noteRemoved()
	}
	if err := p.waitForLanding(); err != nil {
		return err
	}
	p.ext.Record(nil)
	if !p.hasRemoved() {
		return p.release(ctx, p.notThere())
	}
	return p.release(ctx, Event{v1alpha1.EventDeleted, "Deleted in Grafana"})
}

// noteRemoved keeps, for what is told in the end, that this process has deleted the object in Grafana.
func (p *pass[T, R]) noteRemoved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removed[client.ObjectKeyFromObject(p.obj)] = p.obj.GetUID()
}

func (p *pass[T, R]) hasRemoved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.removed[client.ObjectKeyFromObject(p.obj)] == p.obj.GetUID()
}

// notThere says of an object that nothing was deleted for why that is.
func (p *pass[T, R]) notThere() Event {
	if own, ok := p.ext.(Describer); ok && own.Left() != "" {
		return Event{v1alpha1.EventLeft, "Left in Grafana: " + own.Left()}
	}
	if own, ok := p.ext.(Derived); p.recalled && (!ok || !own.KnownByObject()) {
		return Event{
			v1alpha1.EventLeft,
			"The object has lost its status, and nothing in Grafana is provably its own: " +
				"if it had made something, that is left there",
		}
	}
	return Event{v1alpha1.EventDeleted, "It is not in Grafana any more: nothing had to be deleted"}
}

func (p *pass[T, R]) orphan(ctx context.Context) error {
	if err := p.waitForLanding(); err != nil {
		return err
	}
	if p.have == nil {
		return p.release(ctx, p.notThere())
	}
	if err := p.acquireWrite(); err != nil {
		return err
	}
	if own, ok := p.ext.(Releaser[R]); ok {
		if err := p.write(ctx, func() error { return own.Release(ctx, p.have) }); err != nil {
			return fmt.Errorf("releasing: %w", err)
		}
	}
	return p.release(ctx, Event{v1alpha1.EventOrphaned, "Let go by its deletionPolicy; it stays in Grafana"})
}

func (p *pass[T, R]) abandon(ctx context.Context) error {
	if p.kind.Abandon == nil {
		return nil
	}
	return p.kind.Abandon(ctx, p.obj)
}

// mayHold reports whether the object may have something in Grafana. Of an empty status that the operator has not
// written itself it cannot be told, nor of an object that is in no other, which others hold on to.
func (p *pass[T, R]) mayHold() bool {
	held := p.kind.Held != nil && p.kind.Held(p.obj)
	return held || p.kind.Parent == nil || !StatusWritten(p.obj)
}

// statusLost reports whether an object was let in once, and its status says nothing of what the operator found or made:
// it was wiped, or never written. Only a look into Grafana ends that.
func (k *entry) statusLost(obj Object) bool {
	return controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer) && k.parent != nil && !StatusWritten(obj)
}

// dropAfterDependents releases an object that has nothing in Grafana.
func (p *pass[T, R]) dropAfterDependents(ctx context.Context) error {
	if err := p.waitForDependents(ctx); err != nil {
		return err
	}
	return p.release(ctx, Event{})
}

// waitForDependents fails while there are objects that need this one.
func (p *pass[T, R]) waitForDependents(ctx context.Context) error {
	dependents, err := p.Dependents(ctx, p.obj)
	if err != nil {
		return err
	}
	going, staying := map[string]int{}, map[string]int{}
	for _, d := range dependents {
		if d.GetDeletionTimestamp().IsZero() {
			staying[NameOf(d)]++
		} else {
			going[NameOf(d)]++
		}
	}
	switch {
	case len(staying) > 0:
		return Stalled(
			v1alpha1.ReasonDeletionBlocked,
			"still in use by %s: delete them first, or annotate this object %s=true to let go of it as it is",
			counts(staying),
			v1alpha1.AnnotationAbandon,
		)
	case len(going) > 0:
		return &Problem{
			Reason:  v1alpha1.ReasonDeleting,
			Message: fmt.Sprintf("waiting for %s to be deleted", counts(going)),
		}
	}
	return nil
}
