package lifecycle

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// Object is one of our kinds.
type Object interface {
	client.Object
	CommonSpec() v1alpha1.CommonSpec
	CommonStatus() *v1alpha1.CommonStatus
	// Stays reports whether what it stands for is left in Grafana when the object is deleted.
	Stays() bool
}

// Kind describes a kind of object T that stands for an R in Grafana: all that the lifecycle, and through it the other
// kinds, have to know of it. What is not said has the default that is named with it.
type Kind[T Object, R any] struct {
	// List is an empty list of the kind's objects.
	List client.ObjectList
	// Connect finds the way to what obj stands for: its parents, their consent, the connection. It asks Kubernetes
	// only, never Grafana. For an object that is being deleted consent is not asked, and ErrGone says that what
	// contained it is no more. What comes with an error tells the connection at most, by which the resync goes.
	Connect func(ctx context.Context, obj T) (External[R], error)
	// Held reports whether obj may have something in Grafana, as far as its status says. Default: it never has.
	Held func(obj T) bool

	// In is an empty object of the kind that contains this one, and Parent the one that contains obj. Default: nothing
	// contains it. The one such kind stands for the servers that connections lead to.
	In     Object
	Parent func(obj T) types.NamespacedName
	// Tenant says that tenants work with the kind, whose conditions do not tell them where Grafana is. Default: only
	// the platform's people do.
	Tenant bool
	// Allowed says from which other namespaces obj may be referred to. Default: from none.
	Allowed func(obj T) v1alpha1.AllowedNamespaces
	// Usability is what objects that are in obj, or refer to it, depend on, beside what every kind has: it being
	// Available, its deletion and its generation. Those in it are visited when it changes, as == tells. Default:
	// nothing, and nothing refers to it.
	Usability func(obj T) any
	// WhenHeld has obj visited whenever one that it contains begins or ceases to hold something in Grafana. Default:
	// only when one is deleted.
	WhenHeld bool

	// References are the Secrets and ConfigMaps that obj names. It is visited when one of them changes.
	References []Reference[T]
	// Indexes are further ways to look objects up, and Watches further reasons to visit them.
	Indexes []Index[T]
	Watches []Watch

	// Abandon takes off in Kubernetes what would pull down with obj what it made. Grafana is not asked. Default:
	// nothing.
	Abandon func(ctx context.Context, obj T) error
	// Forget drops what is remembered of an object that is gone. Default: nothing is.
	Forget func(key types.NamespacedName)
	// Slim drops what the cache shall not keep of obj. Default: all of it is kept.
	Slim func(obj T)
	// MayHelp reports whether an extra visit can find out anything, when others had trouble with the object. Default:
	// yes.
	MayHelp func(key types.NamespacedName) bool
}

// Reference is a field that names Secrets or ConfigMaps in the object's own namespace.
type Reference[T Object] struct {
	// To is an empty Secret or ConfigMap.
	To client.Object
	// Names that obj has there.
	Names func(obj T) []string
}

// Index is a field by which objects of a kind are looked up.
type Index[T Object] struct {
	Field string
	Of    func(obj T) []string
}

// Watch is a further reason to visit objects of a kind: changes of another object.
type Watch struct {
	// Of is an empty object of the kind that is watched.
	Of client.Object
	// Requests are the objects that a change of it concerns.
	Requests handler.MapFunc
	// Changes tells the changes that matter.
	Changes builder.Predicates
}
