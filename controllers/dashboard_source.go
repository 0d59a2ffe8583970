package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// content is what a Dashboard asks for, by its hash. The text itself is read when it is needed.
type content struct {
	hash string
	// sources are the data sources that stand for others in it.
	sources []v1alpha1.ResolvedDataSource

	final  bool                        // nothing more is found out about them in this visit
	named  []string                    // the data sources that it names then, as status keeps them
	panels []v1alpha1.KeptLibraryPanel // those that are kept beside it
	uid    string                      // that the text names
	// invalidUID is what is wrong with the uid that it names, and unused the inputs that were given for nothing, as
	// unmapped are the data sources.
	invalidUID error
	unused     []string
	unmapped   []string
	// load brings the text.
	load func(context.Context) ([]byte, error)

	// postponed says that it is time to fetch it again, once the data sources are final: a visit asks for one thing.
	postponed bool

	text   []byte // while some of the data sources are still to be found; nil: it is read again then
	wishes dashboard.Wishes
	big    *sync.Mutex
	parsed *dashboard.Content // nil: not at hand
	raw    []byte             // in the place of parsed, if that is large
}

// large is from what size on a text is understood one at a time and not kept so, since that takes many times its size.
// A compressed one counts as large.
const large = 1 << 20

// sourceAsk is whose content is asked for.
type sourceAsk struct {
	obj      *v1alpha1.Dashboard
	panels   func(given string) string // see panelUIDs
	interval time.Duration             // of its resync
}

func (x *dash) ask() sourceAsk { return sourceAsk{x.obj, panelUIDs(x.obj, x.mark), x.interval()} }

// contentOf finds out what a Dashboard asks for, with these data sources in the place of others, which are final unless
// Grafana has to be asked about some of them. The cache holds no content; while status says what this generation's was,
// nobody needs it, and what cannot change without the object is not read before know is asked for it.
func (k dashboardKind) contentOf(
	ctx context.Context, ask sourceAsk, sources []v1alpha1.ResolvedDataSource, final bool,
) (*content, error) {
	obj := ask.obj
	c := &content{sources: sources, wishes: ask.wishes(sources), final: final, big: &k.parsing}
	switch from := obj.Spec.Source; {
	case from.URL != nil, from.GrafanaCom != nil:
		return c, k.fetched(ctx, obj, c, ask.interval)
	case from.ConfigMapRef != nil:
		c.load = func(ctx context.Context) ([]byte, error) { return k.fromConfigMap(ctx, obj) }
	default:
		c.load = func(ctx context.Context) ([]byte, error) { return k.fromObject(ctx, obj) }
	}
	fixed := obj.Spec.Source.ConfigMapRef == nil
	if !fixed {
		var err error
		if fixed, err = k.isContentOfSet(ctx, obj); err != nil {
			return c, err
		}
	}
	if fixed && knowsContent(obj, sources) {
		c.hash, c.named = obj.Status.ContentHash, obj.Status.NamedDataSources
		c.panels = recordedPanels(obj)
		return c, nil
	}
	if fixed { // it is read in the object's turn
		return c, nil
	}
	err := c.fill(ctx)
	return c, err
}

// with is the content with other data sources in the place of those.
func (k dashboardKind) with(
	ctx context.Context, ask sourceAsk, c *content, sources []v1alpha1.ResolvedDataSource,
) (*content, error) {
	if c.text == nil {
		next, err := k.contentOf(ctx, ask, sources, true)
		if err == nil {
			err = next.know(ctx)
		}
		return next, err
	}
	next := &content{sources: sources, wishes: ask.wishes(sources), final: true, big: c.big, load: c.load}
	err := next.take(c.text)
	return next, err
}

// wishes are what is to be otherwise than in the source.
func (a sourceAsk) wishes(sources []v1alpha1.ResolvedDataSource) dashboard.Wishes {
	w := dashboard.Wishes{
		Title: a.obj.Spec.Title, Inputs: map[string]string{}, DataSources: map[string]dashboard.DataSource{},
		LibraryPanels: a.panels,
	}
	for _, in := range a.obj.Spec.Inputs {
		w.Inputs[in.Name] = in.Value
	}
	for _, s := range sources {
		w.DataSources[s.From] = dashboard.DataSource{UID: s.UID, Name: s.Name, Type: s.Type}
	}
	return w
}

// knowsContent reports whether status tells the hash of what this generation's source holds, with these data sources in
// the place of others.
func knowsContent(obj *v1alpha1.Dashboard, sources []v1alpha1.ResolvedDataSource) bool {
	status := obj.Status
	return status.ContentGeneration == obj.Generation && slices.Equal(status.DataSources, sources) &&
		dashboard.CurrentHash(status.ContentHash)
}

// fill brings the text, unless it is at hand.
func (c *content) fill(ctx context.Context) error {
	if c.parsed != nil || c.raw != nil {
		return nil
	}
	text, err := c.load(ctx)
	if err != nil {
		return err
	}
	if !resolved(c.sources) {
		c.text = text
	}
	return c.take(text)
}

// know finds out the hash, unless status tells it.
func (c *content) know(ctx context.Context) error {
	if c.hash != "" {
		return nil
	}
	return c.fill(ctx)
}

// take understands a text.
func (c *content) take(text []byte) error {
	return c.understand(text, func(parsed *dashboard.Content) (err error) {
		if c.hash, err = parsed.Hash(); err != nil {
			return err
		}
		c.uid, c.parsed, c.raw = parsed.UID, parsed, nil
		c.invalidUID, c.unused = parsed.InvalidUID, parsed.Unused
		c.named, c.unmapped = kept(parsed.DataSources), parsed.UnusedDataSources
		c.panels = wantedPanels(parsed)
		if isLarge(text) {
			c.parsed, c.raw = nil, text
		}
		return nil
	})
}

func isLarge(text []byte) bool { return len(text) > large || bytes.HasPrefix(text, []byte("\x1f\x8b")) }

// understand parses a text for whoever uses it.
func (c *content) understand(text []byte, use func(*dashboard.Content) error) error {
	if isLarge(text) {
		c.big.Lock()
		defer c.big.Unlock()
	}
	parsed, err := dashboard.Parse(text, c.wishes)
	if err == nil {
		err = use(parsed)
	}
	if err != nil {
		return lifecycle.Stalled(v1alpha1.ReasonInvalidSource, "the source is no dashboard: %v", err)
	}
	return nil
}

// hashOf is the hash of a dashboard as Grafana returned it, in the schema of a version of /apis, or the classic model.
// What people save there can be as large as any source.
func (e *Env) hashOf(model []byte, api string) string {
	if isLarge(model) {
		e.parsing.Lock()
		defer e.parsing.Unlock()
	}
	return dashboard.HashOfSpec(model, api)
}

// lostOf says what of a text that was sent is not in what Grafana has made of it.
func (e *Env) lostOf(sent, kept []byte) []string {
	if isLarge(sent) {
		e.parsing.Lock()
		defer e.parsing.Unlock()
	}
	return dashboard.Lost(sent, kept)
}

// model is what to send.
func (c *content) model(ctx context.Context, uid string, version int64) (model json.RawMessage, err error) {
	if err := c.fill(ctx); err != nil {
		return nil, err
	}
	encode := func(parsed *dashboard.Content) (err error) {
		model, err = parsed.Model(uid, version)
		return err
	}
	if c.parsed != nil {
		err = encode(c.parsed)
	} else {
		err = c.understand(c.raw, encode)
	}
	return model, err
}

// fromObject reads the content in the object itself, from the API server.
func (k dashboardKind) fromObject(ctx context.Context, obj *v1alpha1.Dashboard) ([]byte, error) {
	var live v1alpha1.Dashboard
	if err := k.Live.Get(unlogged(ctx), client.ObjectKeyFromObject(obj), &live); err != nil {
		return nil, err
	}
	resource := v1alpha1.GroupVersion.WithResource("dashboards").GroupResource()
	if live.UID != obj.UID && !obj.DeletionTimestamp.IsZero() {
		return nil, apierrors.NewNotFound(resource, obj.Name)
	}
	if live.UID != obj.UID || live.Generation != obj.Generation { // the watch brings that one
		return nil, apierrors.NewConflict(resource, obj.Name, errors.New("it has changed since it was read"))
	}
	return inlineText(live.Spec.Source, "spec.source")
}

// fromConfigMap reads the content in a ConfigMap.
func (k dashboardKind) fromConfigMap(ctx context.Context, obj *v1alpha1.Dashboard) ([]byte, error) {
	ref := obj.Spec.Source.ConfigMapRef
	var cm corev1.ConfigMap
	err := k.Live.Get(unlogged(ctx), types.NamespacedName{Namespace: obj.Namespace, Name: ref.Name}, &cm)
	if apierrors.IsNotFound(err) {
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonSourceNotFound,
			"ConfigMap %s/%s does not exist",
			obj.Namespace,
			ref.Name,
		)
	}
	if err != nil {
		return nil, err
	}
	if text, ok := cm.Data[ref.Key]; ok {
		return []byte(text), nil
	}
	if binary, ok := cm.BinaryData[ref.Key]; ok {
		return binary, nil
	}
	return nil, lifecycle.Stalled(
		v1alpha1.ReasonSourceNotFound,
		"ConfigMap %s/%s has no key %q",
		obj.Namespace,
		ref.Name,
		ref.Key,
	)
}

// dashboardConfigMaps are the names of the ConfigMaps that a Dashboard names.
func dashboardConfigMaps(obj *v1alpha1.Dashboard) []string {
	source := obj.Spec.Source
	if source.ConfigMapRef != nil {
		return []string{source.ConfigMapRef.Name}
	}
	if source.URL != nil && source.URL.CAFrom != nil && source.URL.CAFrom.ConfigMapKeyRef != nil {
		return []string{source.URL.CAFrom.ConfigMapKeyRef.Name}
	}
	return nil
}

// dashboardSecrets are those of its Secrets.
func dashboardSecrets(obj *v1alpha1.Dashboard) []string {
	url := obj.Spec.Source.URL
	if url == nil {
		return nil
	}
	var names []string
	if url.HeadersFrom != nil {
		names = append(names, url.HeadersFrom.Name)
	}
	if url.CAFrom != nil && url.CAFrom.SecretKeyRef != nil {
		names = append(names, url.CAFrom.SecretKeyRef.Name)
	}
	return names
}
