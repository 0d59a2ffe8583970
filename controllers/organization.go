package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=organizations,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=organizations/status,verbs=patch

type organizationKind struct{ *Env }

// orgState is what was seen of an organization.
type orgState struct {
	grafana.Org
	member  bool
	adopted bool
	strays  []grafana.Org // further organizations under our birth name: creates that landed late

	preferences    *grafana.Preferences // nil: not asked for, or not read
	quotas         map[string]int64     // nil: not asked for, or not read
	preferencesErr error
	quotasErr      error
}

// organization is an Organization in its Grafana.
type organization struct {
	*Env
	obj      *v1alpha1.Organization
	instance *v1alpha1.Instance
	conn     *Connection
	mark     mark

	homeUID string // what homeDashboardRef names
	homeErr error
	looked  bool         // Find has looked for the wanted name
	named   *grafana.Org // what has it, or a name that Grafana's database takes for the same
	lost    *grafana.Org // what has the recorded id, but neither our mark nor our name
}

func (k organizationKind) New() *v1alpha1.Organization { return &v1alpha1.Organization{} }

func (k organizationKind) Held(obj *v1alpha1.Organization) bool {
	return obj.Status.OrgID != 0 || obj.Status.CreateStarted != nil
}

func (k organizationKind) Abandon(context.Context, *v1alpha1.Organization) error { return nil }

func (k organizationKind) Dependents(ctx context.Context, obj *v1alpha1.Organization) ([]Object, error) {
	accounts, err := k.children(ctx, &v1alpha1.ServiceAccountList{}, obj)
	if err != nil {
		return nil, err
	}
	dashboards, err := k.children(ctx, &v1alpha1.DashboardList{}, obj)
	return slices.Concat(holding(serviceAccountKind{}, accounts), holding(dashboardKind{}, dashboards)), err
}

func (k organizationKind) Connect(ctx context.Context, obj *v1alpha1.Organization) (External[orgState], error) {
	key := parentKey(obj.Spec.InstanceRef, obj.Namespace)
	deleting := !obj.DeletionTimestamp.IsZero()
	var instance v1alpha1.Instance
	switch {
	case deleting:
		if !wasSeen(obj) && key.Namespace != obj.Namespace { // see placeForDeletion
			if err := k.parent(ctx, key, obj.Namespace, &instance, func() v1alpha1.AllowedNamespaces { return instance.Spec.AllowedNamespaces }); err != nil {
				return nil, err
			}
		}
		err := k.Get(ctx, key, &instance)
		if apierrors.IsNotFound(err) {
			return nil, stalled(v1alpha1.ReasonParentGone, "cannot delete it in Grafana: Instance %s does not exist. Create it again",
				key)
		} else if err != nil {
			return nil, err
		}
	default:
		if err := k.parent(ctx, key, obj.Namespace, &instance, func() v1alpha1.AllowedNamespaces { return instance.Spec.AllowedNamespaces }); err != nil {
			return nil, err
		}
		if !instance.DeletionTimestamp.IsZero() && !k.Held(obj) { // what holds something keeps the Instance, and is kept up
			return nil, waiting(v1alpha1.ReasonParentNotAvailable, "Instance %s is being deleted", key)
		}
	}
	conn, err := k.connectionTo(ctx, key)
	if err != nil {
		return nil, whileHeld(&instance, err)
	}
	instance.Status.Resets = max(instance.Status.Resets, conn.resets.Load()) // our copy can be behind what let us in
	x := &organization{Env: k.Env, obj: obj, instance: &instance, conn: conn, mark: markOf(k.ClusterID, obj)}
	if !deleting {
		x.homeUID, x.homeErr = k.homeDashboard(ctx, obj)
	}
	if conn.Login == "" {
		return &onlyOrganization{organization: x}, nil
	}
	return x, nil
}

// whileHeld adds to an error that nobody can act in the organization while its Instance is held: it may be gone, and what is in it. In an outage it is not: what was seen there still holds, and
// objects that nobody visits are not written to.
func whileHeld(instance *v1alpha1.Instance, err error) error {
	var p *problem
	if isHeld(instance) && errors.As(err, &p) {
		p.Unavailable = true
	}
	return err
}

// homeDashboard is the uid of the dashboard that preferences.homeDashboardRef names.
func (k organizationKind) homeDashboard(ctx context.Context, obj *v1alpha1.Organization) (string, error) {
	if obj.Spec.Preferences == nil || obj.Spec.Preferences.HomeDashboardRef == nil {
		return "", nil
	}
	key := parentKey(*obj.Spec.Preferences.HomeDashboardRef, obj.Namespace)
	var d v1alpha1.Dashboard
	err := k.Get(ctx, key, &d)
	own := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Name}
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		return "", err
	case err != nil, parentKey(d.Spec.OrganizationRef, d.Namespace) != own, d.Status.OrgID != obj.Status.OrgID, d.Status.Version == 0:
		return "", waiting(v1alpha1.ReasonDashboardNotFound, "the home dashboard, Dashboard %s, is not in this organization yet", key)
	}
	return d.Status.UID, nil
}

func (x *organization) Connection() (*Connection, string) {
	return x.conn, x.obj.Namespace + "/" + x.obj.Name
}

// Prove has nothing to ask: an organization is contained in nothing, and Get and Delete read its own mark.
func (x *organization) Prove(context.Context, bool) error { return nil }

// Prepare forgets an id under which there is nothing any more: in a restored database the next organization may well get the same, and its status must not look like the one from before.
func (x *organization) Prepare() event {
	x.obj.Status.OrgID = 0
	return eventCreated
}

// Settled is never said of an organization: all that is in it depends on it.
func (x *organization) Settled() bool { return false }

// Recheck has no reason of its own.
func (x *organization) Recheck(*orgState) time.Duration { return 0 }

func (x *organization) Get(ctx context.Context) (*orgState, error) {
	if x.obj.Status.OrgID == 0 {
		return nil, nil
	}
	org, err := x.conn.OrgByID(ctx, x.obj.Status.OrgID)
	if err != nil {
		return nil, absent(err)
	}
	ours, err := x.owned(ctx, org)
	switch {
	case err != nil:
		return nil, err
	case ours:
		return x.load(ctx, org)
	case !x.fromBefore() && !x.neverOurs(org):
		others, err := x.ofAnother(ctx, org)
		if !others {
			x.lost = &org
		}
		return nil, err
	}
	return nil, nil
}

// fromBefore reports whether what status records is of a database that is no more.
func (x *organization) fromBefore() bool {
	return x.obj.Status.OrgID != 0 && x.obj.Status.Resets != x.instance.Status.Resets
}

// owned reports whether an organization is ours: it carries our mark, or that of an earlier life of this object, or, while it carries none, our birth name or, under the recorded id, the name
// that we last gave it, or the confirmation of a person.
func (x *organization) owned(ctx context.Context, org grafana.Org) (bool, error) {
	confirmed := org.ID == x.obj.Status.OrgID && confirms(x.obj, org.ID)
	switch m := readMark(org.Address); {
	case m == x.mark:
		return true, nil
	case x.mark.predecessor(m):
		return x.inherits(ctx, org)
	case m != (mark{}):
		if !confirmed {
			return false, nil
		}
		others, err := x.ofAnother(ctx, org)
		return !others, err
	}
	if confirmed || strings.HasSuffix(org.Name, birthSuffix(x.obj)) {
		return true, nil
	}
	recorded := !x.fromBefore() && org.ID == x.obj.Status.OrgID && org.Name == x.obj.Status.Name && !x.neverOurs(org)
	if recorded && !x.conn.knowsDatabase() { // another Grafana that was set up alike has the same
		return false, x.databaseUnknown("its organization carries no mark")
	}
	return recorded, nil
}

// neverOurs reports whether others have made what has the recorded id, as they can after a restore: an organization of
// ours gets its mark before its name, and Grafana blanks no field of an address. The mark is in the second line, unless a
// person uses that one.
func (x *organization) neverOurs(org grafana.Org) bool {
	status := x.obj.Status
	named := status.Name != "" && !strings.HasSuffix(status.Name, birthSuffix(x.obj))
	return named && !status.Adopted && org.Address.Address2 == ""
}

// databaseUnknown waits until the Instance has found out whether its database is the one that status speaks of.
func (x *organization) databaseUnknown(what string) error {
	return &problem{Reason: v1alpha1.ReasonParentNotAvailable, Retry: true, suspect: &suspect{kind: "Instance", key: x.conn.Instance},
		Message: fmt.Sprintf("%s: waiting for Instance %s to find out whether Grafana has still the same database", what, x.conn.Instance)}
}

// confirms reports whether a person has said that the organization of this id is the object's.
func confirms(obj *v1alpha1.Organization, id int64) bool {
	return obj.Annotations[v1alpha1.AnnotationConfirmOrgID] == strconv.FormatInt(id, 10)
}

// inherits reports whether an organization with the mark of an earlier life of this object can be taken over: it is not recorded as another object's. An Admin of an organization can write into
// its address what they like, and so pass theirs off as somebody's.
func (x *organization) inherits(ctx context.Context, org grafana.Org) (bool, error) {
	holder, err := x.holder(ctx, org)
	return holder == nil, err
}

// holder is another Organization that records an organization as its own; nil: there is none.
func (x *organization) holder(ctx context.Context, org grafana.Org) (*v1alpha1.Organization, error) {
	return x.another(ctx, func(o *v1alpha1.Organization) bool {
		return o.Status.OrgID == org.ID && o.Status.Resets == x.instance.Status.Resets
	})
}

// ofAnother reports whether an organization is marked, or named at birth, for another object that there is, which records it too: as after a restore under other ids.
func (x *organization) ofAnother(ctx context.Context, org grafana.Org) (bool, error) {
	m := readMark(org.Address)
	holder, err := x.another(ctx, func(o *v1alpha1.Organization) bool {
		theirs := m.uid == string(o.UID) || m == (mark{}) && strings.HasSuffix(org.Name, birthSuffix(o))
		return theirs && o.Status.OrgID == org.ID && o.Status.Resets == x.instance.Status.Resets
	})
	return holder != nil, err
}

// another is another Organization on the Instance of which this is true; nil: there is none.
func (x *organization) another(ctx context.Context, is func(*v1alpha1.Organization) bool) (*v1alpha1.Organization, error) {
	var list v1alpha1.OrganizationList
	if err := x.listChildren(ctx, &list, x.conn.Instance); err != nil {
		return nil, err
	}
	for i := range list.Items {
		if o := &list.Items[i]; o.UID != x.obj.UID && is(o) {
			return o, nil
		}
	}
	return nil, nil
}

// load reads what belongs to an organization that is ours. What cannot be read is told by Judge and keeps nobody from the organization.
func (x *organization) load(ctx context.Context, org grafana.Org) (*orgState, error) {
	have := &orgState{Org: org, adopted: x.obj.Status.Adopted || saysAdopted(org.Address)}
	x.conn.remember(org.ID, readMark(org.Address))
	var err error
	if have.member, err = x.conn.member(ctx, org.ID); err != nil {
		return nil, err
	}
	if x.obj.Status.CreateStarted != nil {
		born, err := x.born(ctx)
		if err != nil {
			return nil, err
		}
		have.strays = slices.DeleteFunc(born, func(o grafana.Org) bool { return o.ID == org.ID })
	}
	if !x.obj.DeletionTimestamp.IsZero() {
		return have, x.keepOpen(ctx, have)
	}
	if have.member && x.obj.Spec.Preferences != nil {
		var p grafana.Preferences
		if p, err = x.conn.Org(org.ID).Preferences(ctx); err == nil {
			have.preferences = &p
		} else {
			have.preferencesErr = fmt.Errorf("reading the preferences: %w", err)
		}
	}
	if len(x.obj.Spec.Quotas) > 0 {
		have.quotas, have.quotasErr = x.readQuotas(ctx, org.ID)
	}
	return have, nil
}

func (x *organization) Find(ctx context.Context) (*orgState, error) {
	if x.obj.Status.CreateStarted != nil {
		born, err := x.born(ctx)
		if err != nil {
			return nil, err
		}
		if len(born) > 0 {
			return x.load(ctx, born[0])
		}
	}
	for _, name := range slices.Compact([]string{x.obj.WantedName(), x.obj.Status.Name}) {
		if name == "" {
			continue
		}
		org, err := x.conn.OrgByName(ctx, name)
		if err != nil {
			return nil, err
		}
		if name == x.obj.WantedName() {
			x.looked, x.named = true, org
		}
		if org == nil {
			continue
		}
		ours, err := x.marked(ctx, *org)
		switch {
		case err != nil:
			return nil, err
		case ours:
			return x.load(ctx, *org)
		}
	}
	if !x.conn.knowsDatabase() {
		return nil, x.databaseUnknown("it is not in Grafana")
	}
	if have, err := x.findMarked(ctx); have != nil || err != nil { // status may be lost or of another time, and the name have changed since
		return have, err
	}
	if x.lost != nil {
		return nil, x.lostMark()
	}
	return x.adopt(ctx)
}

// marked reports whether an organization carries our mark, that of an earlier life, or what is left of that after Orphan.
func (x *organization) marked(ctx context.Context, org grafana.Org) (bool, error) {
	m := readMark(org.Address)
	switch {
	case m == x.mark:
		return true, nil
	case x.mark.predecessor(m), m == (mark{}) && x.mark.predecessor(releasedMark(org.Address)):
		return x.inherits(ctx, org)
	}
	return false, nil
}

// findMarked finds the organization that carries our mark, whatever its name.
func (x *organization) findMarked(ctx context.Context) (*orgState, error) {
	for range 2 { // what is remembered of the marks can be older than a restore
		read, err := x.conn.marks.find(ctx, x.conn, x.mark)
		if err != nil {
			return nil, err
		}
		for _, id := range append(x.conn.carriers(x.mark), read) {
			if have, err := x.ifMarked(ctx, id); have != nil || err != nil {
				return have, err
			}
		}
		if read == 0 {
			return nil, nil
		}
		x.conn.marks.forget()
	}
	return nil, nil
}

// ifMarked is the organization of this id if it carries our mark.
func (x *organization) ifMarked(ctx context.Context, id int64) (*orgState, error) {
	if id == 0 {
		return nil, nil
	}
	org, err := x.conn.OrgByID(ctx, id)
	if err != nil {
		return nil, absent(err)
	}
	ours, err := x.marked(ctx, org)
	if err != nil || !ours {
		return nil, err
	}
	free, err := x.inherits(ctx, org)
	if err != nil {
		return nil, err
	}
	if !free {
		return nil, x.copiedMark(org)
	}
	return x.load(ctx, org)
}

// adopt takes over what has the wanted name, if it is nobody's and both sides consent.
func (x *organization) adopt(ctx context.Context) (*orgState, error) {
	if x.named == nil || !x.adoptable(*x.named) || x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		return nil, nil
	}
	if x.instance.Spec.Adoption != v1alpha1.AdoptionAllow {
		return nil, stalled(v1alpha1.ReasonAdoptionNotPermitted, "organization %q exists in Grafana, and the Instance does not allow that it is adopted: set its spec.adoption to Allow, or choose another name", x.named.Name)
	}
	if holder, err := x.holder(ctx, *x.named); holder != nil || err != nil {
		return nil, cmp.Or(err, x.recorded(*x.named, holder))
	}
	if err := x.olderClaim(ctx, true); err != nil { // those that do not ask for it cannot get it
		return nil, err
	}
	have, err := x.load(ctx, *x.named)
	if have != nil {
		have.adopted = true
	}
	return have, err
}

// born lists the organizations under our birth name, oldest first.
func (x *organization) born(ctx context.Context) ([]grafana.Org, error) {
	all, err := x.conn.ListOrgs(ctx)
	if err != nil {
		return nil, err
	}
	var born []grafana.Org
	for _, o := range all {
		if !strings.HasSuffix(o.Name, birthSuffix(x.obj)) {
			continue
		}
		org, err := x.conn.OrgByID(ctx, o.ID)
		if absent(err) != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		ours, err := x.owned(ctx, org)
		if err != nil {
			return nil, err
		}
		if ours {
			born = append(born, org)
		}
	}
	slices.SortFunc(born, func(a, b grafana.Org) int { return int(a.ID - b.ID) })
	return born, nil
}

// adoptable reports whether an organization is nobody's, and exactly what the object asks for.
func (x *organization) adoptable(org grafana.Org) bool {
	return org.Name == x.obj.WantedName() && x.obj.DeletionTimestamp.IsZero() && readMark(org.Address) == (mark{}) && !newborn.MatchString(org.Name)
}

func (x *organization) Rival(ctx context.Context) error {
	if err := x.checkName(); err != nil {
		return err
	}
	if x.named != nil {
		return x.taken(*x.named)
	}
	return x.olderClaim(ctx, false)
}

// olderClaim fails if another Organization of the same name on the same Instance, or another that would adopt it, was there before.
func (x *organization) olderClaim(ctx context.Context, adopting bool) error {
	var list v1alpha1.OrganizationList
	if err := x.listChildren(ctx, &list, x.conn.Instance); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.UID == x.obj.UID || !x.claims(o) || o.Spec.Suspend || !o.DeletionTimestamp.IsZero() || !older(o, x.obj) ||
			adopting && o.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
			continue
		}
		permitted, err := x.permits(ctx, x.instance.Spec.AllowedNamespaces, x.instance.Namespace, o.Namespace)
		if err != nil {
			return err
		}
		if permitted {
			return x.claimed(o)
		}
	}
	return nil
}

// claims reports whether another Organization is about to have the name of this one, or one that Grafana's database may take
// for it: of that it is known once one of the two has it.
func (x *organization) claims(o *v1alpha1.Organization) bool {
	if o.WantedName() == x.obj.WantedName() {
		return o.Status.OrgID == 0
	}
	return mayCollide(o.WantedName(), x.obj.WantedName()) && o.Status.Name != o.WantedName() && !isTrue(o.Status.Conditions, v1alpha1.ConditionStalled)
}

// older orders claims of objects that hold nothing yet.
func older(a, b Object) bool {
	at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !at.Equal(&bt) {
		return at.Before(&bt)
	}
	return a.GetNamespace()+"/"+a.GetName() < b.GetNamespace()+"/"+b.GetName()
}

func (x *organization) Create(ctx context.Context) (*orgState, error) {
	name := birthName(x.obj.WantedName(), x.obj)
	id, err := x.conn.CreateOrg(ctx, name)
	if grafana.IsTaken(err) { // an earlier request took effect after all: the next pass finds it
		return nil, &problem{Reason: v1alpha1.ReasonCreating, Message: fmt.Sprintf("organization %q exists already: looking again", name), Retry: true, err: err}
	}
	if err != nil {
		return nil, err
	}
	return &orgState{Org: grafana.Org{ID: id, Name: name}, member: true}, nil
}

func (x *organization) Record(have *orgState) bool {
	status := &x.obj.Status
	if have == nil {
		status.OrgID, status.Name, status.Adopted, status.Joined = 0, "", false, false
		return false
	}
	fresh := status.OrgID != have.ID
	status.OrgID, status.Adopted, status.Resets = have.ID, have.adopted, x.instance.Status.Resets
	if have.Name == x.obj.WantedName() || status.Name == "" { // a name that somebody else gave it is not ours to remember
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
	add("strays", len(have.strays) > 0)
	add("preferences", have.preferencesErr == nil && x.preferencesDiffer(have))
	add("quotas", have.quotasErr == nil && x.quotasDiffer(have))
	return diff
}

// Update makes sure of the mark first: whoever comes later must know whose the organization is. Preferences and quotas come last and hold up nobody.
func (x *organization) Update(ctx context.Context, have *orgState) error {
	for _, step := range []struct {
		what string
		do   func(context.Context, *orgState) error
	}{
		{"marking the organization", x.setMark}, {"renaming the organization", x.setName}, {"joining the organization", x.join},
		{"deleting a second organization of this object", x.deleteStrays},
	} {
		if err := step.do(ctx, have); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return errors.Join(x.setPreferences(ctx, have), x.setQuotas(ctx, have))
}

// keepOpen puts back, on an organization that is being deleted, what its children need until they are gone: the mark, by
// which they prove it, and the operator's membership.
func (x *organization) keepOpen(ctx context.Context, have *orgState) error {
	if x.conn.Login == "" || x.obj.Status.OrgID != have.ID {
		return nil
	}
	if err := x.setMark(ctx, have); err != nil {
		return err
	}
	return x.join(ctx, have)
}

func (x *organization) isMarked(have *orgState) bool {
	return readMark(have.Address) == x.mark && saysAdopted(have.Address) == have.adopted
}

func (x *organization) setMark(ctx context.Context, have *orgState) error {
	if x.isMarked(have) {
		return nil
	}
	address := writeMark(have.Address, x.mark, have.adopted)
	if err := x.conn.SetOrgAddress(ctx, have.ID, address); err != nil {
		p := *classify(err, x.conn.Instance)
		p.Unavailable = true
		return &p
	}
	have.Address = address
	x.conn.remember(have.ID, x.mark)
	return nil
}

func (x *organization) setName(ctx context.Context, have *orgState) error {
	name := x.obj.WantedName()
	if have.Name == name {
		return nil
	}
	if err := x.checkName(); err != nil {
		return err
	}
	if !x.looked {
		var err error
		if x.named, err = x.conn.OrgByName(ctx, name); err != nil {
			return err
		}
	}
	if x.named != nil && x.named.ID != have.ID { // its own name may differ by no more than the case
		return x.taken(*x.named)
	}
	if err := x.conn.prove(ctx, have.ID, x.mark, true); err != nil {
		return err
	}
	err := x.conn.RenameOrg(ctx, have.ID, name)
	if grafana.IsTaken(err) {
		return x.taken(grafana.Org{Name: name})
	}
	if err == nil {
		have.Name = name
	}
	return err
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

func (x *organization) deleteStrays(ctx context.Context, have *orgState) error {
	for _, stray := range have.strays {
		if err := x.deleteOwned(ctx, stray.ID); err != nil {
			return err
		}
	}
	have.strays = nil
	return nil
}

func (x *organization) Judge(_ context.Context, have *orgState) error {
	return errors.Join(x.checkSelector(x.obj.Spec.AllowedNamespaces), x.homeErr, have.preferencesErr, have.quotasErr)
}

// absent makes success of a "not found".
func absent(err error) error {
	if grafana.IsNotFound(err) {
		return nil
	}
	return err
}
