package lifecycle

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienteventsv1 "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// NewEventRecorder makes a recorder that sends nothing into a namespace that is being deleted, where Kubernetes takes
// no new objects: client-go would log each refusal as an error. It records until ctx ends; then close it.
func NewEventRecorder(
	ctx context.Context, config *rest.Config, scheme *runtime.Scheme,
) (_ events.EventRecorder, closeRecorder func(), err error) {
	api, err := clienteventsv1.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	broadcaster := events.NewBroadcaster(&eventSink{EventSink: &events.EventSinkImpl{Interface: api}, now: time.Now})
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return nil, nil, err
	}
	return broadcaster.NewRecorder(scheme, v1alpha1.ManagedBy), broadcaster.Shutdown, nil
}

// eventSink passes over the events of namespaces that are being deleted. Whether one is, only Kubernetes' refusal tells
// an operator that may not read Namespaces.
type eventSink struct {
	events.EventSink
	now func() time.Time

	mu     sync.Mutex
	ending map[string]time.Time // when each namespace was last seen to be
}

// endingFor is how long a namespace is taken for one that is being deleted: one of the same name can come after it.
const endingFor = time.Minute

// Create sends an event unless its namespace is being deleted.
func (s *eventSink) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	if s.isEnding(event.Namespace) {
		return event, nil
	}
	created, err := s.EventSink.Create(ctx, event)
	if isNamespaceEnding(err) {
		s.ended(event.Namespace)
		return event, nil
	}
	return created, err
}

// Patch counts an event once more, unless its namespace is being deleted.
func (s *eventSink) Patch(ctx context.Context, event *eventsv1.Event, patch []byte) (*eventsv1.Event, error) {
	if s.isEnding(event.Namespace) {
		return event, nil
	}
	return s.EventSink.Patch(ctx, event, patch)
}

func (s *eventSink) isEnding(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ending := s.ending[namespace]
	return ending && s.now().Sub(at) < endingFor
}

func (s *eventSink) ended(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for name, at := range s.ending {
		if now.Sub(at) >= endingFor {
			delete(s.ending, name)
		}
	}
	if s.ending == nil {
		s.ending = map[string]time.Time{}
	}
	s.ending[namespace] = now
}

// isNamespaceEnding reports whether Kubernetes refused an object since its namespace is being deleted, or is gone.
func isNamespaceEnding(err error) bool {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return true
	}
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) &&
		status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}
