package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/rollout"
)

// setObject is a set, whatever it makes.
type setObject interface {
	lifecycle.Object
	Set() (*v1alpha1.SetSpec, *v1alpha1.SetStatus)
}

// setKind describes a kind of sets S, which make objects C.
type setKind[S setObject, C lifecycle.Object] struct {
	// empty and sets are an empty set and list of sets; child and children are those of what they make.
	empty    S
	sets     client.ObjectList
	child    C
	children client.ObjectList
	// parts are the parts of a child that all sets have to do with.
	parts func(C) childParts
	// compile reads what the set's template asks for. The set is as the API server has it.
	compile func(ctx context.Context, set S) (*setTemplate[C], error)
}

// childParts are the parts of a child that all sets have to do with.
type childParts struct {
	spec         any // all of it
	organization *v1alpha1.ObjectReference
	deletion     *v1alpha1.DeletionPolicy
	uid          *string // stays as it was when the child was made
	held         bool    // it is in its Organization, or is about to be
}

// setTemplate is what all children of a set have in common. Nothing of it changes.
type setTemplate[C lifecycle.Object] struct {
	revision string
	metadata v1alpha1.SetTemplateMetadata
	// resting children are not to become Ready: nothing is written for them.
	resting bool
	// fill gives a new child all of its spec but its organization and deletionPolicy.
	fill func(child C, values map[string]any) error
	// content is kept beside the children; nil: there is none.
	content *setContent
	// contentOf is the content that a child needs; "": none of the set's.
	contentOf func(child C) string
	// seen is what the members were found to need when they were last looked at, by the names of their children.
	seen map[string]finding
}

func newSetTemplate[C lifecycle.Object](metadata v1alpha1.SetTemplateMetadata, resting bool) *setTemplate[C] {
	return &setTemplate[C]{
		metadata: metadata, resting: resting,
		contentOf: func(C) string { return "" },
	}
}

// sighting tells a child, if there is one, and its Organization by their versions: of the same ones the template makes
// the same.
type sighting struct{ child, organization string }

// finding is what a member needs by a sighting.
type finding struct {
	of      sighting
	asAsked bool               // the child is as it should be
	want    string             // tells the child as it should be from others, where it is not
	failure *lifecycle.Problem // why none can be made
}

// setReconciler makes and changes the children of sets. It asks no Grafana: the children do.
type setReconciler[S setObject, C lifecycle.Object] struct {
	*Env
	setKind[S, C]

	mu    sync.Mutex
	known map[types.NamespacedName]knownSet[C]
}

func newSets[S setObject, C lifecycle.Object](e *Env, kind setKind[S, C]) *setReconciler[S, C] {
	return &setReconciler[S, C]{Env: e, setKind: kind, known: map[types.NamespacedName]knownSet[C]{}}
}

// knownSet is what a process remembers of a set.
type knownSet[C lifecycle.Object] struct {
	uid        types.UID
	generation int64
	template   *setTemplate[C]
	wrote      time.Time // its status
	refused    map[string]refusal
}

// refusal is what Kubernetes said of a child that it did not take.
type refusal struct {
	want    string // that child
	times   int    // in a row
	until   time.Time
	problem *lifecycle.Problem
}

// setPass is one look at a set.
type setPass[S setObject, C lifecycle.Object] struct {
	*setReconciler[S, C]
	set      S // as the cache has it
	before   S
	spec     *v1alpha1.SetSpec
	status   *v1alpha1.SetStatus
	template *setTemplate[C]
	choice   *choice

	members []*setMember[C]
	others  []C             // children of Organizations that are not selected
	going   map[string]bool // the names of those of them that are to go, or may have to
	// undone is why some children do not have the set's deletionPolicy yet, or were not deleted. The others do not wait
	// for them, but the generation was not observed until then.
	undone error
	again  time.Duration // until the next look, if nothing happens; 0: none is needed
}

// setMember is an Organization that is selected.
type setMember[C lifecycle.Object] struct {
	rollout.Member
	organization *v1alpha1.Organization
	name         string // of the child
	have         C      // the child; the zero C: there is none
	exists       bool
	want         C // the child as it should be; the zero C: that was not needed
	found        finding
	rendered     bool
	updated      bool
	failure      *lifecycle.Problem
	due          bool // what Kubernetes has refused may be tried again
}

// Reconcile brings the children of a set nearer to what it asks for.
func (r *setReconciler[S, C]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if !r.Shard.Has(req.NamespacedName) {
		r.leave(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	set := r.empty.DeepCopyObject().(S)
	if err := r.Client.Get(ctx, req.NamespacedName, set); err != nil {
		r.leave(req.NamespacedName)
		return lifecycle.ResultOf(ctx, err)
	}
	if !set.GetDeletionTimestamp().IsZero() { // its children go by the garbage collector
		return ctrl.Result{}, nil
	}
	p := &setPass[S, C]{setReconciler: r, set: set, before: set.DeepCopyObject().(S)}
	p.spec, p.status = set.Set()
	err := p.work(ctx)
	if err == nil || !apierrors.IsConflict(err) {
		err = p.finish(ctx, err)
	}
	if err != nil {
		return lifecycle.ResultOf(ctx, err)
	}
	return ctrl.Result{RequeueAfter: p.again}, nil
}

// work does what may be done now.
func (p *setPass[S, C]) work(ctx context.Context) error {
	if p.spec.Paused {
		return nil
	}
	unseen := p.look(ctx)
	if unseen == nil {
		p.undone = p.prune(ctx)
	}
	if apierrors.IsConflict(p.undone) {
		return p.undone
	}
	if err := p.spreadDeletionPolicy(ctx); apierrors.IsConflict(err) {
		return err
	} else if p.undone = errors.Join(p.undone, err); unseen != nil {
		return unseen
	}
	var err error
	if p.template, err = p.templateOf(ctx); err != nil {
		return err
	}
	if err := p.keepContent(ctx); err != nil {
		p.forget(client.ObjectKeyFromObject(p.set)) // what waits holds on to no content
		return err
	}
	if err := p.judge(ctx); err != nil {
		return err
	}
	if err := p.roll(ctx); err != nil {
		return err
	}
	if err := p.dropContents(ctx); err != nil {
		return err
	}
	return p.undone
}

// templateOf is what the present generation of the set asks for. It is read once: the cache holds no content.
func (p *setPass[S, C]) templateOf(ctx context.Context) (*setTemplate[C], error) {
	known := p.remembered()
	if known.uid == p.set.GetUID() && known.generation == p.set.GetGeneration() && known.template != nil {
		return known.template, nil
	}
	live := p.empty.DeepCopyObject().(S)
	if err := p.Live.Get(unlogged(ctx), client.ObjectKeyFromObject(p.set), live); err != nil {
		return nil, err
	}
	if live.GetUID() != p.set.GetUID() || live.GetGeneration() != p.set.GetGeneration() {
		return nil, errBehind // the watch brings that one
	}
	template, err := p.compile(ctx, live)
	if err != nil {
		return nil, err
	}
	known.uid, known.generation, known.template = p.set.GetUID(), p.set.GetGeneration(), template
	p.remember(known)
	return template, nil
}

func (p *setPass[S, C]) remembered() knownSet[C] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[client.ObjectKeyFromObject(p.set)]
}

func (p *setPass[S, C]) remember(known knownSet[C]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[client.ObjectKeyFromObject(p.set)] = known
}

// leave drops all that is known and told of a set that is gone, or another process's.
func (r *setReconciler[S, C]) leave(key types.NamespacedName) {
	r.forget(key)
	lifecycle.Unobserve(lifecycle.NameOf(r.empty), key)
}

func (r *setReconciler[S, C]) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, key)
}

// revisionOf is short, and another one for everything else.
func revisionOf(parts ...any) (string, error) {
	text, err := json.Marshal(parts)
	return digest(string(text))[:10], err
}

// maxNamePart is how much of the name of a set or an Organization is in the name of a child.
const maxNamePart = 63

// childName is the name of the child for an Organization. The hash tells apart what the rest does not.
func childName(set client.Object, organization types.NamespacedName) string {
	part := organization.Name[:min(len(organization.Name), maxNamePart)]
	return fmt.Sprintf("%s-%s-%s", set.GetName(), strings.TrimRight(part, ".-"),
		digest(organization.String())[:8])
}
