package controllers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// choice is what a set says about which Organizations it is for.
type choice struct {
	env       *Env
	namespace string
	selector  labels.Selector
	waves     []labels.Selector
	// instances that are meant, of which those count that let the set's namespace in; nil: all. Where one does not, or
	// is not there, what becomes of a child would tell which Instance its Organization is on: nothing is pruned.
	instances map[types.NamespacedName]bool
	hides     bool
}

func (p *setPass[S, C]) readChoice(ctx context.Context) (*choice, error) {
	c := &choice{env: p.Env, namespace: p.set.GetNamespace()}
	var err error
	if c.selector, err = selectorIn("spec.organizations.selector", &p.spec.Organizations.Selector); err != nil {
		return nil, err
	}
	for i := range p.spec.Rollout.Waves {
		wave, err := selectorIn("spec.rollout.waves", &p.spec.Rollout.Waves[i].Selector)
		if err != nil {
			return nil, err
		}
		c.waves = append(c.waves, wave)
	}
	if len(p.spec.Organizations.InstanceRefs) == 0 {
		return c, nil
	}
	c.instances = map[types.NamespacedName]bool{}
	for _, ref := range p.spec.Organizations.InstanceRefs {
		key := lifecycle.ParentKey(ref, c.namespace)
		var instance v1alpha1.Instance
		if err := p.Get(ctx, key, &instance); apierrors.IsNotFound(err) {
			c.instances[key], c.hides = false, true
			continue
		} else if err != nil {
			return nil, err
		}
		if c.instances[key], err = p.LetsIn(ctx, &instance, c.namespace); err != nil {
			return nil, err
		}
		c.hides = c.hides || !c.instances[key]
	}
	return c, nil
}

func selectorIn(field string, s *metav1.LabelSelector) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%s: %v", field, err)
	}
	return selector, nil
}

// verdictOnChild is what becomes of the child of an Organization.
type verdictOnChild int

const (
	childWanted verdictOnChild = iota
	// childLeft is as it is: its Organization does not let the namespace in, or is of an Instance that does not.
	childLeft
	// childPruned goes: its Organization is not selected any more, or is deleted in Grafana.
	childPruned
	// childReleased goes, and what it has stays in Grafana: its Organization is let go.
	childReleased
	// childLost goes, and what it has stays: nobody knows any more what its Organization was to become.
	childLost
)

func (v verdictOnChild) goes() bool { return v == childPruned || v == childReleased || v == childLost }

// verdict is what a set makes of an Organization.
func (c *choice) verdict(ctx context.Context, o *v1alpha1.Organization) (verdictOnChild, error) {
	if !o.DeletionTimestamp.IsZero() {
		if o.Stays() || o.Annotations[v1alpha1.AnnotationAbandon] == "true" {
			return childReleased, nil
		}
		return childPruned, nil
	}
	if in, err := c.env.LetsIn(ctx, o, c.namespace); !in || err != nil {
		return childLeft, err
	}
	if !c.selector.Matches(labels.Set(o.Labels)) {
		return childPruned, nil
	}
	if c.instances == nil {
		return childWanted, nil
	}
	switch in, named := c.instances[lifecycle.ParentKey(o.Spec.InstanceRef, o.Namespace)]; {
	case !named && !c.hides:
		return childPruned, nil
	case !in:
		return childLeft, nil
	}
	return childWanted, nil
}

// selected are the Organizations that a set is for, in the order of their names.
func (c *choice) selected(ctx context.Context) (all []*v1alpha1.Organization, err error) {
	var list v1alpha1.OrganizationList
	matching := client.MatchingLabelsSelector{Selector: c.selector}
	if err := c.env.Client.List(ctx, &list, matching, client.UnsafeDisableDeepCopy); err != nil { // only looked at
		return nil, err
	}
	for i := range list.Items {
		verdict, err := c.verdict(ctx, &list.Items[i])
		if err != nil {
			return nil, err
		}
		if verdict == childWanted {
			all = append(all, &list.Items[i])
		}
	}
	slices.SortFunc(all, func(a, b *v1alpha1.Organization) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// waveOf is the wave that an Organization is in.
func (c *choice) waveOf(o *v1alpha1.Organization) int {
	wave := slices.IndexFunc(c.waves, func(s labels.Selector) bool { return s.Matches(labels.Set(o.Labels)) })
	if wave < 0 {
		return len(c.waves)
	}
	return wave
}

// verdictFrom is what a set makes of an Organization as one has it who reads. What may not be read stays.
func (c *choice) verdictFrom(
	ctx context.Context, from client.Reader, key types.NamespacedName,
) (verdictOnChild, error) {
	var o v1alpha1.Organization
	switch err := from.Get(ctx, key, &o); {
	case apierrors.IsNotFound(err):
		return childLost, nil
	case apierrors.IsForbidden(err):
		return childLeft, nil
	case err != nil:
		return childLeft, err
	}
	return c.verdict(ctx, &o)
}

// ofTools are the beginnings of the annotations that tools keep: they can be long, and change without anybody's doing.
var ofTools = []string{
	v1alpha1.GroupVersion.Group + "/", "kubectl.kubernetes.io/", "argocd.argoproj.io/", "meta.helm.sh/",
}

// valuesOf are what templates can say of an Organization.
func valuesOf(o *v1alpha1.Organization) map[string]any {
	annotations := maps.Clone(o.Annotations)
	maps.DeleteFunc(annotations, func(key, _ string) bool {
		return slices.ContainsFunc(ofTools, func(tool string) bool { return strings.HasPrefix(key, tool) })
	})
	return map[string]any{
		"orgID": o.Status.OrgID, "orgName": o.Status.Name, "name": o.Name, "namespace": o.Namespace,
		"labels": o.Labels, "annotations": annotations,
	}
}
