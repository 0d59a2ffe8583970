// Package plan foresees what applying manifests would do in a Grafana. The operator's own reconcilers work on a copy of
// the cluster, with the manifests laid over it, and on a draft of each Grafana: nothing is written to either.
package plan

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

const group = "grafana-tenancy.dev"

// Options of a plan.
type Options struct {
	// Scheme knows our kinds and those of Kubernetes.
	Scheme *runtime.Scheme
	// Cluster is read where the manifests do not say: Secrets, ConfigMaps, Namespaces.
	Cluster client.Reader
	// Objects are those of our kinds that are in the cluster.
	Objects []client.Object
	// Manifests are what is to be applied. What has no namespace is in Namespace.
	Manifests []unstructured.Unstructured
	Namespace string
	// Prune has those of Objects be deleted that are in the namespaces of the manifests, match it, and are not among
	// them. nil: nothing is.
	Prune labels.Selector
	// ClusterID is the operator's.
	ClusterID string
	// Sources fetches dashboards that are kept elsewhere.
	Sources controllers.Sources
	// Transport replaces the network. nil: the network.
	Transport grafana.RoundTripper
	// UserAgent is sent to Grafana.
	UserAgent string
	// Now is the clock. nil: time.Now.
	Now func() time.Time
	// Hidden are objects of our kinds that may not be read.
	Hidden map[string]error // by kind and namespace/name, as "Instance grafana/grafana"
	// Addresses are where to reach the Grafanas of Instances whose spec.url leads nowhere from here.
	Addresses map[client.ObjectKey]*url.URL
	// TrustURLs sends credentials of the cluster to where only the manifests have them sent: what an Instance or a
	// Dashboard names that is not in the cluster like that. false: nothing is asked there, and they are Unknown.
	TrustURLs bool
	// GrafanaCom is the server that takes the place of https://grafana.com, as the operator's; empty: none does.
	GrafanaCom string
	// Progress is called before each visit. nil: nobody is told.
	Progress func(visited, known int)
}

// Make foresees what applying the manifests would do.
func Make(ctx context.Context, o Options) (*Plan, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	w := newWorker(o)
	if err := w.register(); err != nil {
		return nil, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		w.env.Connections.Close(closing)
	}()
	w.store.hidden = o.Hidden
	for _, obj := range o.Objects {
		if kind := lifecycle.NameOf(obj); !w.foresees(kind) {
			w.unforeseen[subjectKey{kind, client.ObjectKeyFromObject(obj)}] = obj
			continue
		}
		w.store.put(obj.DeepCopyObject().(client.Object))
		w.live[subjectKey{w.store.kindOf(obj), client.ObjectKeyFromObject(obj)}] = obj
	}
	if err := w.apply(ctx); err != nil {
		return nil, err
	}
	w.prune()
	w.choose()
	if err := w.work(ctx); err != nil {
		return nil, fmt.Errorf("the plan was not finished: %w", err)
	}
	return w.plan(), nil
}

// Plan is what applying manifests would do.
type Plan struct {
	Instances []*Instance `json:"instances"`
	// Others are objects that lead to no Instance.
	Others  []*Object      `json:"others,omitempty"`
	Summary map[Action]int `json:"summary"`
}

// Instance is what would be done in one Grafana.
type Instance struct {
	Object
	// Organizations, and what is in none of them, such as users.
	Organizations []*Organization `json:"organizations,omitempty"`
	Objects       []*Object       `json:"objects,omitempty"`
}

// Organization is what would be done in one organization.
type Organization struct {
	Object
	Objects []*Object `json:"objects,omitempty"`
}

// Action is what would become of something in Grafana.
type Action string

// Actions.
const (
	None    Action = "none"
	Create  Action = "create"
	Change  Action = "change"
	Adopt   Action = "adopt"   // what is there becomes the object's
	Delete  Action = "delete"  // in Grafana
	Release Action = "release" // it is let go, and stays in Grafana
	Blocked Action = "blocked" // nothing is done until what Message says has changed
	Unknown Action = "unknown" // it could not be found out
)

// Object is what would be done for one object.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Label is what it is called in Grafana, where that is told.
	Label string `json:"label,omitempty"`
	// Given says that the object is in the manifests; Pruned, that it is deleted since it is not.
	Given  bool   `json:"given"`
	Pruned bool   `json:"pruned,omitempty"`
	Action Action `json:"action"`
	// Fields are what would be put right.
	Fields []string `json:"fields,omitempty"`
	// Ready says whether the object would be Ready in the end, and Reason and Message why not.
	Ready   bool   `json:"ready"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Notes are what people would be told besides.
	Notes []string `json:"notes,omitempty"`
	// Requests that would be sent, in order, each once.
	Requests []string `json:"requests,omitempty"`
}

// Changes reports whether anything would be done in Grafana, or is left undone.
func (p *Plan) Changes() bool {
	for action, n := range p.Summary {
		if action != None && action != Unknown && n > 0 {
			return true
		}
	}
	return false
}

// Complete reports whether all could be found out.
func (p *Plan) Complete() bool { return p.Summary[Unknown] == 0 }

// each calls see for every object of the plan.
func (p *Plan) each(see func(*Object)) {
	for _, i := range p.Instances {
		see(&i.Object)
		for _, obj := range i.Objects {
			see(obj)
		}
		for _, o := range i.Organizations {
			see(&o.Object)
			for _, obj := range o.Objects {
				see(obj)
			}
		}
	}
	for _, obj := range p.Others {
		see(obj)
	}
}

// Objects lists every object of the plan.
func (p *Plan) Objects() (all []Object) {
	p.each(func(o *Object) { all = append(all, *o) })
	return all
}

// isOurs reports whether a manifest is of one of our kinds.
func isOurs(m *unstructured.Unstructured) bool {
	return m.GroupVersionKind().GroupVersion() == v1alpha1.GroupVersion
}
