package lifecycle

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
)

// kubernetes takes events, or refuses them.
type kubernetes struct {
	events.EventSink
	refusal error
	sent    int
}

func (k *kubernetes) Create(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	k.sent++
	return e, k.refusal
}

func (k *kubernetes) Patch(_ context.Context, e *eventsv1.Event, _ []byte) (*eventsv1.Event, error) {
	k.sent++
	return e, k.refusal
}

func eventIn(namespace string) *eventsv1.Event {
	return &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "e"}}
}

// terminating is how Kubernetes refuses an object in a namespace that is being deleted.
func terminating() error {
	err := apierrors.NewForbidden(corev1.Resource("events"), "e", errors.New("being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	return err
}

func TestEventsOfANamespaceThatIsBeingDeletedAreNotSent(t *testing.T) {
	for name, refusal := range map[string]error{
		"being deleted": terminating(),
		"gone":          apierrors.NewNotFound(corev1.Resource("namespaces"), "ending"),
	} {
		t.Run(name, func(t *testing.T) {
			clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			kube := &kubernetes{refusal: refusal}
			sink := &eventSink{EventSink: kube, now: func() time.Time { return clock }}
			expect := func(sent int, what string) {
				t.Helper()
				if kube.sent != sent {
					t.Errorf("%s: %d requests, want %d", what, kube.sent, sent)
				}
			}
			send := func(namespace string) {
				t.Helper()
				if _, err := sink.Create(t.Context(), eventIn(namespace)); err != nil {
					t.Error(err)
				}
			}
			send("ending")
			expect(1, "nobody knew")
			send("ending")
			if _, err := sink.Patch(t.Context(), eventIn("ending"), nil); err != nil {
				t.Error(err)
			}
			expect(1, "it is known")
			kube.refusal = nil
			send("other")
			expect(2, "another namespace")
			clock = clock.Add(endingFor)
			send("ending")
			if _, err := sink.Patch(t.Context(), eventIn("ending"), nil); err != nil {
				t.Error(err)
			}
			expect(4, "one of the same name may have come after it")
		})
	}
}

func TestEndedNamespacesAreForgotten(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	sink := &eventSink{EventSink: &kubernetes{refusal: terminating()}, now: func() time.Time { return clock }}
	for _, namespace := range []string{"a", "b", "c"} {
		if _, err := sink.Create(t.Context(), eventIn(namespace)); err != nil {
			t.Error(err)
		}
		clock = clock.Add(endingFor / 2)
	}
	if len(sink.ending) != 2 {
		t.Errorf("remembered: %v", sink.ending)
	}
}

func TestOtherRefusalsOfEventsAreErrors(t *testing.T) {
	for _, refusal := range []error{
		errors.New("no quorum"),
		apierrors.NewForbidden(corev1.Resource("events"), "e", errors.New("no")),
		apierrors.NewNotFound(corev1.Resource("events"), "e"),
	} {
		kube := &kubernetes{refusal: refusal}
		sink := &eventSink{EventSink: kube, now: time.Now}
		for range 2 {
			if _, err := sink.Create(t.Context(), eventIn("team")); !errors.Is(err, refusal) {
				t.Errorf("%v", err)
			}
		}
		if kube.sent != 2 {
			t.Errorf("%v: %d requests", refusal, kube.sent)
		}
	}
}
