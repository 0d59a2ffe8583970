// Package datasource says what a DataSource wants in Grafana, and whose a data source there is. It asks nobody.
package datasource

import (
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// OwnerField is the field of jsonData that says whose a data source is. Every read brings it back, and Grafana's pages
// send it back as it was.
const OwnerField = "grafana-tenancy.dev/owner"

// Owner is the object that a data source belongs to. The zero Owner: nobody is named.
type Owner struct {
	Name    string // namespace/name
	UID     string
	Adopted bool // it was there before the object
}

// OwnerOf is what says that a data source is obj's.
func OwnerOf(obj client.Object, adopted bool) Owner {
	return Owner{Name: obj.GetNamespace() + "/" + obj.GetName(), UID: string(obj.GetUID()), Adopted: adopted}
}

func (o Owner) String() string {
	text := o.Name + " " + o.UID
	if o.Adopted {
		text += " adopted"
	}
	return text
}

// ReadOwner finds the Owner in a data source.
func ReadOwner(d grafana.DataSource) Owner {
	parts := strings.Split(textField(d, OwnerField), " ")
	if len(parts) < 2 || len(parts) > 3 || len(parts) == 3 && parts[2] != "adopted" {
		return Owner{}
	}
	return Owner{Name: parts[0], UID: parts[1], Adopted: len(parts) == 3}
}

// WithOwner is a data source that says whose it is.
func WithOwner(d grafana.DataSource, owner Owner) grafana.DataSource {
	return withField(d, OwnerField, owner.String())
}
