package controllers

import (
	"context"
	"errors"
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/rollout"
	"grafana-tenancy.dev/operator/internal/token"
)

// errBehind says that the cache has not seen yet what is there.
var errBehind = apierrors.NewConflict(
	v1alpha1.GroupVersion.WithResource("objects").GroupResource(), "", errors.New("it has changed since it was read"),
)

// bySet is the index of the uid of the set that an object was made by.
const bySet = "set"

// look finds out which Organizations are selected, and which children there are. The template is not needed for that.
func (p *setPass[S, C]) look(ctx context.Context) error {
	var err error
	if p.choice, err = p.readChoice(ctx); err != nil {
		return err
	}
	organizations, err := p.choice.selected(ctx)
	if err != nil {
		return err
	}
	have, err := p.childrenByName(ctx)
	if err != nil {
		return err
	}
	for _, o := range organizations {
		m := &setMember[C]{
			organization: o, name: childName(p.set, client.ObjectKeyFromObject(o)),
			Member: rollout.Member{Wave: p.choice.waveOf(o)},
		}
		if m.have, m.exists = have[m.name]; m.exists && p.isOf(m.have, o) {
			delete(have, m.name)
			m.New = m.have.GetGeneration() <= 1
		}
		p.members = append(p.members, m)
	}
	for _, child := range have {
		p.others = append(p.others, child)
	}
	return nil
}

// childrenByName are the objects that the set has made. They are the cache's own, and only looked at.
func (p *setPass[S, C]) childrenByName(ctx context.Context) (map[string]C, error) {
	list := p.children.DeepCopyObject().(client.ObjectList)
	if err := p.Client.List(ctx, list, client.InNamespace(p.set.GetNamespace()),
		client.MatchingFields{bySet: string(p.set.GetUID())}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	all := map[string]C{}
	return all, meta.EachListItem(list, func(o runtime.Object) error {
		child := o.(C)
		all[child.GetName()] = child
		return nil
	})
}

// isOf reports whether a child is for an Organization.
func (p *setPass[S, C]) isOf(child C, o *v1alpha1.Organization) bool {
	return lifecycle.ParentKey(*p.parts(child).organization, child.GetNamespace()) == client.ObjectKeyFromObject(o)
}

// judge says how the child of each selected Organization stands.
func (p *setPass[S, C]) judge(ctx context.Context) error {
	p.keepRefusals()
	seen := make(map[string]finding, len(p.members))
	for _, m := range p.members {
		if err := p.judgeOne(ctx, m, seen); err != nil {
			return err
		}
	}
	p.template.seen = seen
	return nil
}

func (p *setPass[S, C]) judgeOne(ctx context.Context, m *setMember[C], seen map[string]finding) error {
	if m.exists && !p.isOf(m.have, m.organization) {
		m.fail(
			rollout.Barred,
			v1alpha1.ReasonChildConflict,
			"%s %s is that of another Organization",
			p.childKind(),
			m.name,
		)
		return nil
	}
	if m.exists && !m.have.GetDeletionTimestamp().IsZero() {
		m.State = rollout.Going
		return nil
	}
	known := isKnown(m.organization)
	if !known && (!m.exists || !isReadyNow(m.have)) {
		m.State = rollout.Waiting
		return nil
	}
	m.found = p.find(m)
	seen[m.name] = m.found
	switch {
	case !known && !m.found.asAsked:
		m.State = rollout.Waiting
	case m.found.failure != nil:
		m.State, m.failure = rollout.Barred, m.found.failure
	case m.found.asAsked:
		m.updated = true
		p.judgeReady(m)
	case m.exists:
		m.State = rollout.Outdated
		p.recallRefusal(m)
	default:
		m.State = rollout.Missing
		p.recallRefusal(m)
		return p.findForeign(ctx, m)
	}
	return nil
}

// find finds out what a member needs. What it needed is known as long as nothing of it has changed.
func (p *setPass[S, C]) find(m *setMember[C]) finding {
	now := m.sighting()
	if before, ok := p.template.seen[m.name]; ok && before.of == now {
		return before
	}
	if err := p.render(m); err != nil {
		return finding{of: now, failure: lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%v", err)}
	}
	if m.exists && p.isAsAsked(m) {
		return finding{of: now, asAsked: true}
	}
	want, err := revisionOf(p.parts(m.want).spec, m.want.GetLabels(), m.want.GetAnnotations())
	if err != nil {
		return finding{of: now, failure: lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%v", err)}
	}
	return finding{of: now, want: want}
}

func (m *setMember[C]) sighting() sighting {
	now := sighting{organization: m.organization.ResourceVersion}
	if m.exists {
		now.child = m.have.GetResourceVersion()
	}
	return now
}

// judgeReady says how a child stands that is as it should be.
func (p *setPass[S, C]) judgeReady(m *setMember[C]) {
	switch stalled := meta.FindStatusCondition(m.have.CommonStatus().Conditions, v1alpha1.ConditionStalled); {
	case p.template.resting:
		m.State = rollout.Resting
	case isReadyNow(m.have):
		m.State = rollout.Ready
	case stalled != nil && stalled.Status == metav1.ConditionTrue &&
		stalled.ObservedGeneration == m.have.GetGeneration():
		m.fail(rollout.Failed, stalled.Reason, "%s", stalled.Message)
	default:
		m.State = rollout.Pending
	}
}

// isKnown reports whether it is known what an Organization is in Grafana.
func isKnown(o *v1alpha1.Organization) bool {
	return meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionAvailable) && o.Status.OrgID != 0
}

// findForeign fails the member if an object of the name that its child needs is not the set's.
func (p *setPass[S, C]) findForeign(ctx context.Context, m *setMember[C]) error {
	there := p.child.DeepCopyObject().(C)
	err := p.Client.Get(ctx, types.NamespacedName{Namespace: p.set.GetNamespace(), Name: m.name}, there)
	if err == nil {
		p.failForeign(m, there)
	}
	return client.IgnoreNotFound(err)
}

func (p *setPass[S, C]) failForeign(m *setMember[C], there C) {
	m.fail(rollout.Barred, v1alpha1.ReasonChildConflict, "%s %s is not this set's: delete or rename it", p.childKind(),
		there.GetName())
}

func (p *setPass[S, C]) childKind() string { return lifecycle.NameOf(p.child) }

func (m *setMember[C]) fail(state rollout.State, reason, format string, args ...any) {
	m.State, m.failure = state, lifecycle.Stalled(reason, format, args...)
}

// isReadyNow reports whether Grafana was seen to hold what the object asks for now.
func isReadyNow(obj lifecycle.Object) bool {
	ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == obj.GetGeneration() &&
		obj.CommonStatus().ObservedGeneration == obj.GetGeneration()
}

// render makes the child that an Organization should have. The uid of one that is there cannot be changed.
func (p *setPass[S, C]) render(m *setMember[C]) error {
	if m.rendered {
		return nil
	}
	m.want = p.child.DeepCopyObject().(C)
	m.want.SetNamespace(p.set.GetNamespace())
	m.want.SetName(m.name)
	if err := p.template.fill(m.want, valuesOf(m.organization)); err != nil {
		return err
	}
	parts := p.parts(m.want)
	*parts.organization = v1alpha1.ObjectReference{Name: m.organization.Name, Namespace: m.organization.Namespace}
	*parts.deletion = p.spec.DeletionPolicy
	if m.exists {
		*parts.uid = *p.parts(m.have).uid
		m.want.SetLabels(m.have.GetLabels())
		m.want.SetAnnotations(m.have.GetAnnotations())
	}
	p.dress(m.want)
	m.rendered = true
	return nil
}

// dress gives a child the labels and annotations of the template, and takes those off that an earlier one gave it. What
// others have put there stays.
func (p *setPass[S, C]) dress(child C) {
	was, md := child.GetAnnotations(), p.template.metadata
	labels := token.Overlay(child.GetLabels(), was[v1alpha1.AnnotationAppliedLabels], md.Labels)
	labels[v1alpha1.LabelSet] = p.set.GetName()
	annotations := token.Overlay(was, was[v1alpha1.AnnotationAppliedAnnotations], md.Annotations)
	for name, keys := range map[string]string{
		v1alpha1.AnnotationAppliedLabels:      token.JoinKeys(md.Labels),
		v1alpha1.AnnotationAppliedAnnotations: token.JoinKeys(md.Annotations),
	} {
		if annotations[name] = keys; keys == "" {
			delete(annotations, name)
		}
	}
	child.SetLabels(labels)
	child.SetAnnotations(annotations)
}

// isAsAsked reports whether a child is as it should be. Its deletionPolicy is of no consequence in Grafana, and was
// seen to.
func (p *setPass[S, C]) isAsAsked(m *setMember[C]) bool {
	have, want := p.parts(m.have), p.parts(m.want)
	wanted := *want.deletion
	defer func() { *want.deletion = wanted }()
	*want.deletion = *have.deletion
	return equality.Semantic.DeepEqual(have.spec, want.spec) &&
		maps.Equal(m.have.GetLabels(), m.want.GetLabels()) &&
		maps.Equal(m.have.GetAnnotations(), m.want.GetAnnotations())
}
