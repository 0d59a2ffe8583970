package controllers

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
)

// content is what a Dashboard's content is known by. The content itself is read when it is needed.
type content struct {
	hash   string
	parsed *dashboard.Content // nil: not at hand
	// load brings the content.
	load func(context.Context) (*dashboard.Content, error)
}

// contentOf finds out what a Dashboard asks for. The cache holds no content; while status says what this generation's was, nobody needs it.
func (k dashboardKind) contentOf(ctx context.Context, obj *v1alpha1.Dashboard, interval time.Duration) (*content, error) {
	from := obj.Spec.Source
	c := &content{}
	switch {
	case from.URL != nil, from.GrafanaCom != nil:
		return k.fetched(ctx, obj, interval)
	case from.ConfigMapRef != nil:
		c.load = func(ctx context.Context) (*dashboard.Content, error) { return k.fromConfigMap(ctx, obj) }
	default:
		c.load = func(ctx context.Context) (*dashboard.Content, error) { return k.fromObject(ctx, obj) }
		if knowsContent(obj) {
			c.hash = obj.Status.ContentHash
			return c, nil
		}
	}
	return c, c.fill(ctx)
}

// knowsContent reports whether status tells the hash of what this generation's source holds.
func knowsContent(obj *v1alpha1.Dashboard) bool {
	return obj.Status.ContentGeneration == obj.Generation && dashboard.CurrentHash(obj.Status.ContentHash)
}

// fill brings the content, unless it is at hand.
func (c *content) fill(ctx context.Context) error {
	if c.parsed != nil {
		return nil
	}
	parsed, err := c.load(ctx)
	if err != nil {
		return err
	}
	return c.take(parsed)
}

// take keeps the content and its hash.
func (c *content) take(parsed *dashboard.Content) (err error) {
	c.parsed = parsed
	if c.hash, err = parsed.Hash(); err != nil {
		return noDashboard(err)
	}
	return nil
}

func noDashboard(err error) error {
	return stalled(v1alpha1.ReasonInvalidSource, "the source is no dashboard: %v", err)
}

// parseSource understands what a source holds.
func parseSource(text []byte, obj *v1alpha1.Dashboard) (*dashboard.Content, error) {
	inputs := map[string]string{}
	for _, in := range obj.Spec.Inputs {
		inputs[in.Name] = in.Value
	}
	content, err := dashboard.Parse(text, inputs)
	if err != nil {
		return nil, noDashboard(err)
	}
	return content, nil
}

// fromObject reads the content in the object itself, from the API server.
func (k dashboardKind) fromObject(ctx context.Context, obj *v1alpha1.Dashboard) (*dashboard.Content, error) {
	var live v1alpha1.Dashboard
	if err := k.Live.Get(quiet(ctx), client.ObjectKeyFromObject(obj), &live); err != nil {
		return nil, err
	}
	if live.UID != obj.UID || live.Generation != obj.Generation { // the watch brings that one
		return nil, apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("dashboards").GroupResource(), obj.Name, errors.New("it has changed since it was read"))
	}
	switch from := live.Spec.Source; {
	case from.JSON != nil:
		return parseSource([]byte(*from.JSON), obj)
	case from.Model != nil:
		return parseSource(from.Model.Raw, obj)
	default:
		packed, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(*from.GzipJSON), ""))
		if err != nil {
			return nil, noDashboard(fmt.Errorf("spec.source.gzipJson is not base64: %w", err))
		}
		return parseSource(packed, obj)
	}
}

// fromConfigMap reads the content in a ConfigMap.
func (k dashboardKind) fromConfigMap(ctx context.Context, obj *v1alpha1.Dashboard) (*dashboard.Content, error) {
	ref := obj.Spec.Source.ConfigMapRef
	var cm corev1.ConfigMap
	err := k.Live.Get(quiet(ctx), types.NamespacedName{Namespace: obj.Namespace, Name: ref.Name}, &cm)
	if apierrors.IsNotFound(err) {
		return nil, stalled(v1alpha1.ReasonSourceNotFound, "ConfigMap %s/%s does not exist", obj.Namespace, ref.Name)
	}
	if err != nil {
		return nil, err
	}
	if text, ok := cm.Data[ref.Key]; ok {
		return parseSource([]byte(text), obj)
	}
	if binary, ok := cm.BinaryData[ref.Key]; ok {
		return parseSource(binary, obj)
	}
	return nil, stalled(v1alpha1.ReasonSourceNotFound, "ConfigMap %s/%s has no key %q", obj.Namespace, ref.Name, ref.Key)
}
