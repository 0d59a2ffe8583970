package suite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Timeout is how long a test waits for something that must happen. It is long, since a machine can be slow,
// and costs nothing where all is well.
const Timeout = 2 * time.Minute

// poll asks until check is content or ctx ends, less and less often.
func poll(ctx context.Context, check func() error) error {
	pause := 5 * time.Millisecond
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 100*time.Millisecond)
		}
	}
}

// Eventually waits until check is content.
func (w *World) Eventually(what string, check func() error) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(w.T.Context(), Timeout)
	defer cancel()
	if err := poll(ctx, check); err != nil {
		w.T.Fatalf("%s: %v", what, err)
	}
}

// Until waits for a state of an object, at its present generation at least.
func Until[T lifecycle.Object](w *World, obj T, what string, reached func(ready metav1.Condition) bool) T {
	w.T.Helper()
	generation := obj.GetGeneration()
	w.Eventually(fmt.Sprintf("%T %s: %s", obj, obj.GetName(), what), func() error {
		if err := w.Client.Get(w.T.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		status := obj.CommonStatus()
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration < generation && ready.Reason != v1alpha1.ReasonSuspended ||
			!reached(*ready) {
			return fmt.Errorf(
				"generation %d, observed %d, conditions %+v",
				generation,
				status.ObservedGeneration,
				status.Conditions,
			)
		}
		return nil
	})
	return obj
}

// Ready waits until an object is Ready at its present generation.
func Ready[T lifecycle.Object](w *World, obj T) T {
	w.T.Helper()
	return Until(w, obj, "Ready", func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && obj.CommonStatus().ObservedGeneration >= obj.GetGeneration()
	})
}

// Stalled waits until an object is stalled for a reason, and checks that the message has all of the texts in it.
func Stalled[T lifecycle.Object](w *World, obj T, reason string, texts ...string) T {
	w.T.Helper()
	return Unready(w, obj, v1alpha1.ConditionStalled, reason, texts...)
}

// Waiting waits until an object waits for a reason, and checks that the message has all of the texts in it.
func Waiting[T lifecycle.Object](w *World, obj T, reason string, texts ...string) T {
	w.T.Helper()
	return Unready(w, obj, v1alpha1.ConditionReconciling, reason, texts...)
}

// Unready waits until an object is not Ready for a reason, with a condition that says so, and checks the message.
func Unready[T lifecycle.Object](w *World, obj T, with, reason string, texts ...string) T {
	w.T.Helper()
	Until(w, obj, with+" by "+reason, func(c metav1.Condition) bool {
		return c.Status != metav1.ConditionTrue && c.Reason == reason &&
			meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, with)
	})
	Says(w, obj, texts...)
	return obj
}

// Says checks the message of an object's Ready condition.
func Says(w *World, obj lifecycle.Object, texts ...string) {
	w.T.Helper()
	message := MessageOf(obj)
	for _, text := range texts {
		if !strings.Contains(message, text) {
			w.T.Errorf("%T %s: the message lacks %q: %s", obj, obj.GetName(), text, message)
		}
	}
}

// MessageOf is the message of an object's Ready condition.
func MessageOf(obj lifecycle.Object) string {
	if c := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

// IsTrue reports whether an object has a condition that is True.
func IsTrue(obj lifecycle.Object, condition string) bool {
	return meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, condition)
}
