package lifecycle

import (
	"context"
	"maps"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// The intent to create an object is written before the request that creates is sent, under the resourceVersion that was
// read: a stale copy is refused there. For the first create it is an annotation, which comes with the finalizer in one
// write and holds until the status says something. Anybody who may edit the object can forge it, so that it proves
// nothing: it says where to look, and how long a request may still land.

// writeIntent says that the object is about to be created.
func (p *pass[T, R]) writeIntent(ctx context.Context) error {
	own, keeps := p.ext.(IntentRecorder)
	if keeps {
		own.RecordIntent()
	}
	p.obj.CommonStatus().CreateStarted = p.now()
	if !keeps && !StatusWritten(p.obj) && !controllerutil.ContainsFinalizer(p.obj, v1alpha1.Finalizer) {
		return p.annotateIntent(ctx)
	}
	p.announce(v1alpha1.ReasonCreating, "it is being created in Grafana")
	return p.writeStatus(ctx)
}

// annotateIntent writes finalizer and intent.
func (p *pass[T, R]) annotateIntent(ctx context.Context) error {
	words := []string{p.obj.CommonStatus().CreateStarted.Format(time.RFC3339), string(p.obj.GetUID())}
	if p.kind.Key != nil {
		words = append(words, *p.kind.Key(p.obj))
	}
	return p.patchMeta(ctx, func(obj client.Object) {
		annotations := maps.Clone(obj.GetAnnotations())
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[v1alpha1.AnnotationCreateStarted] = strings.Join(words, " ")
		obj.SetAnnotations(annotations)
		controllerutil.AddFinalizer(obj, v1alpha1.Finalizer)
	})
}

// recallIntent has the status say what the annotation does, as long as nothing else has been written there.
func (p *pass[T, R]) recallIntent() {
	if held := p.kind.Held != nil && p.kind.Held(p.obj); held || !p.entry.statusLost(p.obj) {
		return
	}
	words := strings.Fields(p.obj.GetAnnotations()[v1alpha1.AnnotationCreateStarted])
	if len(words) < 2 || words[1] != string(p.obj.GetUID()) { // it was copied from another object
		return
	}
	started, err := time.Parse(time.RFC3339, words[0])
	if err != nil || started.After(p.Now().Add(maxClockSkew)) {
		return
	}
	p.obj.CommonStatus().CreateStarted = &metav1.Time{Time: started}
	if p.kind.Key != nil && len(words) > 2 {
		*p.kind.Key(p.obj) = words[2]
	}
	p.recalled = true
}

// maxClockSkew is how far apart the clocks of two processes may be. An intent from later than that was written by
// somebody else, and would hold the object for as long as they please.
const maxClockSkew = time.Minute

// find looks for what the object has in Grafana. With an intent that was recalled its status is first made what it was
// when the request was sent.
func (p *pass[T, R]) find(ctx context.Context) (err error) {
	if own, ok := p.ext.(Preparer); ok && p.recalled {
		own.Prepare()
	}
	p.have, err = p.ext.Find(ctx)
	return err
}
