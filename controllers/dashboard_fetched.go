package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Sources fetches dashboards in the background.
type Sources interface {
	// Take returns the outcome of a fetch once it is there. Until then it is false, and wake is called when it is.
	Take(key, group string, r fetch.Request, wake func()) (fetch.Fetched, error, bool)
	// Forget drops what belongs to a key.
	Forget(key string)
}

// fetches remembers what was last fetched for each Dashboard; the content only until it is saved, and as long as there
// is room.
type fetches struct {
	mu   sync.Mutex
	all  map[types.NamespacedName]lastFetch
	held int // bytes of content
}

// maxHeld bounds the content that waits for its turn to be saved. What has no room any more is fetched again.
const maxHeld = 32 << 20

// lastFetch is what was fetched for one generation of a Dashboard.
type lastFetch struct {
	uid                types.UID
	generation         int64
	at                 time.Time
	etag, lastModified string
	hash               string // with these data sources in it; empty: nothing is known
	sources            []v1alpha1.ResolvedDataSource
	named              []string                    // in that content
	panels             []v1alpha1.KeptLibraryPanel // that it carries
	renewed            int32                       // how often these had got other uids
	wanted             bool                        // the content itself is needed
	body               []byte                      // that is to be saved
}

// FetchedBytes is how much fetched content waits for its turn to be saved.
func (e *Env) FetchedBytes() int {
	e.fetches.mu.Lock()
	defer e.fetches.mu.Unlock()
	return e.fetches.held
}

func (f *fetches) keep(obj *v1alpha1.Dashboard, last lastFetch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[types.NamespacedName]lastFetch{}
	}
	last.uid, last.generation, last.renewed = obj.UID, obj.Generation, obj.Status.LibraryPanelsRenewed
	f.put(client.ObjectKeyFromObject(obj), last)
}

// put makes room for a content: what came before is fetched again when its turn comes.
func (f *fetches) put(key types.NamespacedName, last lastFetch) {
	f.held += len(last.body) - len(f.all[key].body)
	f.all[key] = last
	for other, o := range f.all {
		if f.held <= maxHeld {
			return
		}
		if other != key {
			f.held -= len(o.body)
			o.body = nil
			f.all[other] = o
		}
	}
}

// saved lets go of the content.
func (f *fetches) saved(key types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if last, has := f.all[key]; has {
		last.body = nil
		f.put(key, last)
	}
}

// of is what was last fetched for this generation. After a start nothing is known but what status says: that is good
// for the first visit.
func (f *fetches) of(
	obj *v1alpha1.Dashboard, sources []v1alpha1.ResolvedDataSource, now time.Time, interval time.Duration,
) lastFetch {
	f.mu.Lock()
	last := f.all[client.ObjectKeyFromObject(obj)]
	f.mu.Unlock()
	switch {
	case last.uid == obj.UID && last.generation == obj.Generation:
		if !slices.Equal(last.sources, sources) || last.renewed != obj.Status.LibraryPanelsRenewed {
			last.sources, last.hash, last.named, last.panels = sources, "", nil, nil
			if knowsContent(obj, sources) {
				last.hash, last.named, last.wanted = obj.Status.ContentHash, obj.Status.NamedDataSources, false
				last.panels = recordedPanels(obj)
			}
		}
		return last
	case last.uid != obj.UID && knowsContent(obj, sources) && !lacksSource(obj):
		last = lastFetch{
			hash: obj.Status.ContentHash, sources: sources, named: obj.Status.NamedDataSources,
			panels: recordedPanels(obj),
			at:     now.Add(time.Second - fresh(interval)),
		}
		f.keep(obj, last)
		return last
	}
	return lastFetch{sources: sources}
}

// lacksSource reports whether the last word on a Dashboard is that its source could not be fetched, or not be
// understood.
func lacksSource(obj *v1alpha1.Dashboard) bool {
	ready := meta.FindStatusCondition(obj.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil &&
		(ready.Reason == v1alpha1.ReasonSourceUnavailable || ready.Reason == v1alpha1.ReasonInvalidSource)
}

// fresh is for how long something fetched is good. A resync comes once an interval; other visits between two of them do
// not fetch again so soon.
func fresh(interval time.Duration) time.Duration { return interval / 4 }

func (f *fetches) drop(key types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held -= len(f.all[key].body)
	delete(f.all, key)
}

// fetched brings the content of a Dashboard that is on another server. It is fetched once an interval; a revision of
// grafana.com's only when its text is needed.
func (k dashboardKind) fetched(ctx context.Context, obj *v1alpha1.Dashboard, c *content, interval time.Duration) error {
	last, err := k.lastFetched(obj, c, interval)
	if err != nil {
		return err
	}
	known := last.hash != "" && !last.wanted
	c.hash, c.named, c.panels = last.hash, last.named, last.panels
	c.load = func(context.Context) ([]byte, error) { return k.textOf(obj, last) }
	old := obj.Spec.Source.URL != nil && k.Now().Sub(last.at) >= fresh(interval)
	if known && (!old || !c.final) {
		c.postponed = old
		return nil
	}
	request, err := k.request(ctx, obj)
	if err != nil {
		return err
	}
	if known {
		request.ETag, request.LastModified = last.etag, last.lastModified
	}
	key := client.ObjectKeyFromObject(obj)
	got, err, done := k.Sources.Take(
		key.String(),
		obj.Namespace,
		request,
		func() { k.Visit(lifecycle.Suspect{Kind: "Dashboard", Key: key}) },
	)
	switch {
	case !done && known:
		return nil // what was there is good until something else is
	case !done:
		return k.fetching(obj)
	case err != nil:
		err = notFetched(err)
	case !got.NotModified:
		err = c.take(got.Body)
	}
	if err != nil {
		last.wanted = true // until that is there nothing is known, and the last word stands
		k.fetches.keep(obj, last)
		return err
	}
	next := lastFetch{
		at: k.Now(), etag: got.ETag, lastModified: got.LastModified, hash: c.hash, sources: c.sources, named: c.named,
		panels: c.panels,
	}
	switch {
	case got.NotModified:
		next.body = last.body
	case last.wanted, c.hash != obj.Status.ContentHash, !slices.Equal(c.panels, recordedPanels(obj)):
		next.body = got.Body
	}
	k.fetches.keep(obj, next)
	return nil
}

// textOf is the text that was fetched. If it is not at hand any more, the next visit fetches it.
func (k dashboardKind) textOf(obj *v1alpha1.Dashboard, last lastFetch) ([]byte, error) {
	if last.body != nil {
		return last.body, nil
	}
	last.wanted = true
	k.fetches.keep(obj, last)
	return nil, &lifecycle.Problem{
		Reason:     v1alpha1.ReasonFetching,
		RetryAfter: time.Second,
		Message:    "the dashboard has to be saved: fetching its source",
	}
}

// lastFetched is what was last fetched, with the content's data sources in it.
func (k dashboardKind) lastFetched(obj *v1alpha1.Dashboard, c *content, interval time.Duration) (lastFetch, error) {
	last := k.fetches.of(obj, c.sources, k.Now(), interval)
	if last.hash != "" || last.body == nil {
		return last, nil
	}
	err := c.take(last.body)
	if err == nil {
		last.hash, last.named, last.panels = c.hash, c.named, c.panels
		k.fetches.keep(obj, last)
	}
	return last, err
}

// fetching ends the visit of an object that has to wait for its content. What is said of it already stands until there
// is something new to say.
func (k dashboardKind) fetching(obj *v1alpha1.Dashboard) error {
	if obj.Status.ObservedGeneration == obj.Generation {
		return connection.ErrQueued
	}
	return &lifecycle.Problem{Reason: v1alpha1.ReasonFetching, RetryAfter: time.Minute, Message: "fetching the source"}
}

// notFetched says what a failed fetch means.
func notFetched(err error) error {
	p := &lifecycle.Problem{
		Reason:  v1alpha1.ReasonSourceUnavailable,
		Message: fmt.Sprintf("the source cannot be fetched: %v. What is in Grafana stays as it is", err),
		Err:     err,
	}
	if fetch.Permanent(err) {
		p.Stalled = true
	} else {
		p.Retry, p.RetryAfter = true, fetch.RetryAfter(err)
	}
	return p
}

// request says what to fetch, and how.
func (k dashboardKind) request(ctx context.Context, obj *v1alpha1.Dashboard) (fetch.Request, error) {
	if com := obj.Spec.Source.GrafanaCom; com != nil {
		base := strings.TrimRight(cmp.Or(k.GrafanaCom, defaultGrafanaCom), "/")
		return fetch.Request{
			URL:     fmt.Sprintf("%s/api/dashboards/%d/revisions/%d/download", base, com.ID, com.Revision),
			Trusted: k.GrafanaCom != "",
		}, nil
	}
	from := obj.Spec.Source.URL
	request := fetch.Request{URL: from.URL, SHA256: from.SHA256}
	r := &resolver{ctx: ctx, live: k.Live, namespace: obj.Namespace}
	if ref := from.HeadersFrom; ref != nil {
		var secret corev1.Secret
		if err := r.get("spec.source.url.headersFrom", ref.Name, &secret); err != nil {
			return request, unresolved(err)
		}
		request.Headers = map[string]fetch.Secret{}
		for name, value := range secret.Data {
			request.Headers[name] = fetch.Secret(strings.TrimSpace(string(value)))
		}
	}
	if from.CAFrom != nil {
		pem, err := r.ca("spec.source.url.caFrom", from.CAFrom)
		if err != nil {
			return request, unresolved(err)
		}
		request.CA = pem
	}
	return request, nil
}

// defaultGrafanaCom is where grafanaCom dashboards are fetched.
const defaultGrafanaCom = "https://grafana.com"

// unresolved says that what a source names is not there.
func unresolved(err error) error {
	var p *lifecycle.Problem
	if errors.As(err, &p) {
		p.Reason = v1alpha1.ReasonSourceUnavailable
	}
	return err
}
