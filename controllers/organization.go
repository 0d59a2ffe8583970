package controllers

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=organizations,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=organizations/status,verbs=patch

type organizationKind struct{ *Env }

// orgState is what was seen of an organization.
type orgState struct {
	grafana.Org
	member     bool
	adopted    bool
	duplicates []grafana.Org // further organizations under our birth name: creates that landed late

	preferences    *grafana.Preferences // nil: not asked for, or not read
	quotas         map[string]int64     // nil: not asked for, or not read
	panels         *leftPanels          // nil: not looked for
	preferencesErr error
	quotasErr      error
}

// organization is an Organization in its Grafana.
type organization struct {
	lifecycle.Entrance
	*Env
	obj      *v1alpha1.Organization
	instance *v1alpha1.Instance
	conn     *connection.Conn
	mark     mark.Mark

	homeUID string // what homeDashboardRef names
	homeErr error
	kept    keptPanels // that Dashboards list
	// panelsLeft says that none was deleted of those that nobody needs.
	panelsLeft bool
	made       bool         // in this pass
	searched   bool         // Find has looked for the wanted name
	named      *grafana.Org // what has it, or a name that Grafana's database takes for the same
	lost       *grafana.Org // what has the recorded id, but neither our mark nor our name
}

func (k organizationKind) describe() lifecycle.Kind[*v1alpha1.Organization, orgState] {
	return lifecycle.Kind[*v1alpha1.Organization, orgState]{
		List:    &v1alpha1.OrganizationList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Instance{},
		Parent: func(obj *v1alpha1.Organization) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.InstanceRef, obj.Namespace)
		},
		Allowed: func(obj *v1alpha1.Organization) v1alpha1.AllowedNamespaces { return obj.Spec.AllowedNamespaces },
		Usability: func(obj *v1alpha1.Organization) any {
			return struct {
				id           int64
				name, labels string
			}{obj.Status.OrgID, obj.Status.Name, labels.FormatLabels(obj.Labels)}
		},
		Indexes: []lifecycle.Index[*v1alpha1.Organization]{{Field: byHomeDashboard, Of: homeDashboardOf}},
		Watches: []lifecycle.Watch{
			{Of: &v1alpha1.Dashboard{}, Requests: k.shownFirst, Changes: homeDashboardChanges},
			{Of: &v1alpha1.Dashboard{}, Requests: k.collector, Changes: keeperChanges},
		},
		Forget: k.panelLooks.drop,
	}
}

// Held reports whether an Organization may have one in Grafana.
func (k organizationKind) Held(obj *v1alpha1.Organization) bool {
	return obj.Status.OrgID != 0 || obj.Status.CreateStarted != nil
}

func (k organizationKind) Connect(
	ctx context.Context,
	obj *v1alpha1.Organization,
) (lifecycle.External[orgState], error) {
	key := lifecycle.ParentKey(obj.Spec.InstanceRef, obj.Namespace)
	deleting := !obj.DeletionTimestamp.IsZero()
	var instance v1alpha1.Instance
	switch {
	case deleting:
		if !lifecycle.StatusWritten(obj) && key.Namespace != obj.Namespace { // see placeForDeletion
			if err := k.ReadParent(ctx, key, obj.Namespace, &instance); err != nil {
				return nil, err
			}
		}
		err := k.Get(ctx, key, &instance)
		if apierrors.IsNotFound(err) {
			return nil, lifecycle.Stalled(
				v1alpha1.ReasonParentGone,
				"cannot delete it in Grafana: Instance %s does not exist. Create it again",
				key,
			)
		} else if err != nil {
			return nil, err
		}
	default:
		if err := k.ReadParent(ctx, key, obj.Namespace, &instance); err != nil {
			return nil, err
		}
	}
	in, err := k.Enter(obj, &instance)
	if err != nil {
		return nil, err
	}
	conn, err := k.connectionTo(ctx, key)
	if err != nil {
		return nil, whileHeld(&instance, err)
	}
	instance.Status.Resets = max(instance.Status.Resets, conn.Resets.Load()) // our copy can be behind what let us in
	x := &organization{
		Entrance: in, Env: k.Env, obj: obj, instance: &instance, conn: conn, mark: mark.Of(k.ClusterID, obj),
	}
	if x.kept, err = k.keptPanels(ctx, obj); err != nil {
		return nil, err
	}
	if !deleting {
		x.homeUID, x.homeErr = k.homeDashboard(ctx, obj)
	}
	if conn.Login == "" {
		return &onlyOrganization{organization: x}, nil
	}
	return x, nil
}

// whileHeld adds to an error that nobody can act in the organization while its Instance is held: it may be gone, and
// what is in it. In an outage it is not: what was seen there still holds, and objects that nobody visits are not
// written to.
func whileHeld(instance *v1alpha1.Instance, err error) error {
	var p *lifecycle.Problem
	if isHeld(instance) && errors.As(err, &p) {
		p.Unavailable = true
	}
	return err
}

func (x *organization) Connection() (*connection.Conn, string) {
	return x.conn, x.obj.Namespace + "/" + x.obj.Name
}

// Prepare forgets an id under which there is nothing any more: in a restored database the next organization may well
// get the same, and its status must not look like the one from before.
func (x *organization) Prepare() lifecycle.Event {
	x.obj.Status.OrgID = 0
	return lifecycle.EventCreated
}

func (x *organization) Create(ctx context.Context) (*orgState, error) {
	name := mark.BirthName(x.obj.WantedName(), x.obj)
	id, err := x.conn.CreateOrg(ctx, name)
	if grafana.IsTaken(err) { // an earlier request took effect after all: the next pass finds it
		return nil, &lifecycle.Problem{
			Reason:  v1alpha1.ReasonCreating,
			Message: fmt.Sprintf("organization %q exists already: looking again", name),
			Retry:   true,
			Err:     err,
		}
	}
	if err != nil {
		return nil, err
	}
	x.made = true
	return &orgState{Org: grafana.Org{ID: id, Name: name}, member: true}, nil
}

func (x *organization) Record(have *orgState) bool {
	status := &x.obj.Status
	if have == nil {
		status.OrgID, status.Name, status.Adopted, status.Joined = 0, "", false, false
		return false
	}
	fresh := status.OrgID != have.ID
	x.recordPanels(have, fresh && !x.made)
	status.OrgID, status.Adopted, status.Resets = have.ID, have.adopted, x.instance.Status.Resets
	if have.Name == x.obj.WantedName() ||
		status.Name == "" { // a name that somebody else gave it is not ours to remember
		status.Name = have.Name
	}
	return fresh
}

func (x *organization) Diff(have *orgState) []string {
	var diff []string
	add := func(what string, differs bool) {
		if differs {
			diff = append(diff, what)
		}
	}
	add("mark", !x.isMarked(have))
	add("name", have.Name != x.obj.WantedName())
	add("membership of the operator", !have.member)
	add("strays", len(have.duplicates) > 0)
	add("preferences", have.preferencesErr == nil && x.preferencesDiffer(have))
	add("quotas", have.quotasErr == nil && x.quotasDiffer(have))
	add(unneededPanels, have.panels != nil && len(have.panels.unused) > 0)
	return diff
}

// Update makes sure of the mark first: whoever comes later must know whose the organization is. Preferences and quotas
// come last and hold up nobody.
func (x *organization) Update(ctx context.Context, have *orgState) error {
	for _, step := range []struct {
		what string
		do   func(context.Context, *orgState) error
	}{
		{"marking the organization", x.setMark}, {"renaming the organization", x.setName},
		{"joining the organization", x.join},
		{"deleting a second organization of this object", x.deleteDuplicates},
	} {
		if err := step.do(ctx, have); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	x.dropPanels(ctx, have)
	return errors.Join(x.setPreferences(ctx, have), x.setQuotas(ctx, have))
}

// keepOpen puts back, on an organization that is being deleted, what its children need until they are gone: the mark,
// by which they prove it, and the operator's membership.
func (x *organization) keepOpen(ctx context.Context, have *orgState) error {
	if x.conn.Login == "" || x.obj.Status.OrgID != have.ID {
		return nil
	}
	if err := x.setMark(ctx, have); err != nil {
		return err
	}
	return x.join(ctx, have)
}

func (x *organization) join(ctx context.Context, have *orgState) error {
	if have.member {
		return nil
	}
	if err := x.conn.JoinOrg(ctx, have.ID, x.conn.Login, "Admin"); err != nil {
		return err
	}
	have.member = true
	x.obj.Status.Joined = have.adopted
	return nil
}

func (x *organization) deleteDuplicates(ctx context.Context, have *orgState) error {
	for _, duplicate := range have.duplicates {
		if err := x.deleteOwned(ctx, duplicate.ID); err != nil {
			return err
		}
	}
	have.duplicates = nil
	return nil
}

func (x *organization) Check(_ context.Context, have *orgState) error {
	return errors.Join(x.CheckSelector(x.obj.Spec.AllowedNamespaces), x.homeErr, have.preferencesErr, have.quotasErr)
}
