package grafana

import (
	"context"
	"fmt"
	"net/http"
	"path"
)

// resource is what a list of /apis has.
type resource interface {
	// listKind is the kind of a page of such a list.
	listKind() string
}

// resourcePage is a page of a list of /apis.
type resourcePage[T resource] struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
	Items []T `json:"items"`
}

func (p resourcePage[T]) complete() bool {
	var one T
	return p.Kind == one.listKind()
}

// listResources lists all objects of the organization on a route of /apis. A list that Grafana has forgotten half way
// is begun once more.
func listResources[T resource](ctx context.Context, o *OrgClient, route, version, accept string) ([]T, error) {
	namespace, err := o.namespace(ctx)
	if err != nil {
		return nil, err
	}
	r := get(route, version, namespace).with("limit", "500")
	r.accept, r.spare = accept, true
	all, err := allPages[T](ctx, o, r)
	if answered(err, http.StatusGone) {
		return allPages[T](ctx, o, r)
	}
	return all, err
}

func allPages[T resource](ctx context.Context, o *OrgClient, r request) ([]T, error) {
	all := []T{}
	for {
		page, err := do[resourcePage[T]](ctx, o, r)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		next := page.Metadata.Continue
		if next == "" {
			return all, nil
		}
		if next == r.query.Get("continue") {
			return nil, fmt.Errorf("Grafana's list of the %s of organization %d does not get beyond %d of them",
				path.Base(r.route), o.id, len(all))
		}
		r = r.with("continue", next)
	}
}

// IsNoList reports whether a failure says that what /apis has cannot be had: this Grafana has none (404) or no list
// without content (406), the credential may not list (403), a proxy keeps /apis to itself, or there is no such
// organization. What each object answers by itself then tells which. Other failures are those of the server.
func IsNoList(err error) bool {
	none := []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable}
	return answered(err, none...) ||
		IsNotGrafana(err) ||
		identified(err, WrongNamespace)
}
