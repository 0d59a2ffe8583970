package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=folders,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=folders/status,verbs=patch

type folderKind struct{ *Env }

// folderState is what was seen of a folder.
type folderState struct {
	grafana.Folder
	adopted     bool
	listed      bool                  // seen in a list, which may be some seconds old
	permissions *[]grafana.Permission // its own; nil: not asked for

	bornSeen  bool // its permissions were looked at, or set
	bornWrong bool // it was left without permissions, or with too many
	born      []grafana.Permission
}

// folder is a Folder in its organization. Its mark is the uid where that is derived from the object, else the title
// that it is born with, and from then on the uid with the time of creation.
type folder struct {
	*orgScope
	env *Env
	obj *v1alpha1.Folder
	uid string
	due bool // by its resync

	parent    string // the uid of the folder it belongs in; empty: none
	parentErr error  // why that is not known

	wanted         []grafana.Permission // of those subjects that are there
	waitErr        error                // that some are not there yet
	accountMissing bool                 // that a ServiceAccount is among them
	teamMissing    bool                 // that a Team is among them
	invalidErr     error                // why the spec's permissions cannot be used
	people         []grafana.Member     // of the organization
	peopleFresh    bool                 // they were listed in this pass

	foreign string // what is under the uid and not provably ours; for people
	untold  bool   // this Grafana tells no descriptions
	lost    bool   // the object's status was
}

func (k folderKind) describe() lifecycle.Kind[*v1alpha1.Folder, folderState] {
	return lifecycle.Kind[*v1alpha1.Folder, folderState]{
		List:    &v1alpha1.FolderList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.Organization{},
		Parent: func(obj *v1alpha1.Folder) types.NamespacedName {
			return lifecycle.ParentKey(obj.Spec.OrganizationRef, obj.Namespace)
		},
		Tenant: true,
		Usability: func(obj *v1alpha1.Folder) any {
			return struct {
				uid   string
				orgID int64
			}{obj.Status.UID, obj.Status.OrgID}
		},
		Indexes: []lifecycle.Index[*v1alpha1.Folder]{
			{Field: byFolder, Of: func(obj *v1alpha1.Folder) []string { return nameOf(obj.Spec.ParentRef) }},
			{Field: byServiceAccount, Of: permittedAccounts},
			{Field: byTeam, Of: permittedTeams},
		},
		Watches: []lifecycle.Watch{
			{Of: &v1alpha1.Folder{}, Requests: whatIsIn(k.Env, &v1alpha1.FolderList{}), Changes: k.UsabilityChanges()},
			{Of: &v1alpha1.ServiceAccount{}, Requests: k.permitting, Changes: k.UsabilityChanges()},
			{Of: &v1alpha1.Team{}, Requests: k.permittingTeam, Changes: k.UsabilityChanges()},
			{Of: &v1alpha1.Folder{}, Requests: k.leaving, Changes: leavingChanges},
			{Of: &v1alpha1.Dashboard{}, Requests: k.leaving, Changes: leavingChanges},
		},
	}
}

// Held reports whether a Folder may have one in Grafana.
func (k folderKind) Held(obj *v1alpha1.Folder) bool {
	return obj.Status.UID != "" || obj.Status.OrgID != 0 || obj.Status.CreateStarted != nil
}

func (k folderKind) Connect(ctx context.Context, obj *v1alpha1.Folder) (lifecycle.External[folderState], error) {
	scope, err := k.scopeIn(ctx, obj.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	x := &folder{orgScope: scope, env: k.Env, obj: obj}
	x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID, string(obj.UID))
	if obj.DeletionTimestamp.IsZero() {
		x.parent, x.parentErr = x.place(ctx)
	}
	return x, nil
}

// Settled reports whether the organization and the parent are those that status speaks of.
func (x *folder) Settled() bool {
	status := x.obj.Status
	return status.OrgID == x.org.ID() && status.UID == x.uid && !status.PermissionsPending &&
		x.parentErr == nil && status.ParentUID == x.parent
}

// StatusLost has look look, also at what was perhaps never created.
func (x *folder) StatusLost() { x.lost = true }

// FoundByObject reports whether the uid is the object's own.
func (x *folder) FoundByObject() (now, before bool) { return x.isDerived(), x.isDerived() }

// KnownByObject is false where the uid is another: what was taken over under it only status tells of.
func (x *folder) KnownByObject() bool { return x.isDerived() }

// ResyncDue has a list of all folders serve this one too.
func (x *folder) ResyncDue() { x.due = true }

// ResyncSlot has the folders of an organization looked at in one resync slot, so that one list serves them all.
func (x *folder) ResyncSlot() string { return x.owner.String() }

func (x *folder) Find(ctx context.Context) (*folderState, error) {
	if err := x.resolve(ctx, false); err != nil {
		return nil, err
	}
	have, err := x.look(ctx)
	if have == nil || err != nil || !x.obj.DeletionTimestamp.IsZero() {
		return have, err
	}
	return have, x.seePermissions(ctx, have)
}

// look finds the folder under our uid, if it is ours or may be taken over.
func (x *folder) look(ctx context.Context) (*folderState, error) {
	status, adopts := x.obj.Status, x.obj.Spec.AdoptionPolicy == v1alpha1.AdoptionAdopt
	deleting := !x.obj.DeletionTimestamp.IsZero()
	x.lost = x.lost || status.UID == "" && status.CreateStarted != nil
	here := status.UID != "" && status.OrgID == x.org.ID()
	if !here && !deleting && !adopts && !x.lost {
		return nil, nil // never created here: Create is the look at the uid as well
	}
	if have, err := x.fromList(ctx); have != nil || err != nil {
		return have, err
	}
	have, found, err := x.read(ctx)
	if have != nil || err != nil || found == nil || deleting || !adopts {
		return have, err
	}
	return x.adopt(ctx, *found)
}

// fromList finds the folder on a list of all, if it is there just as it is asked for. The list may be some seconds old:
// of one that is not Ready there is more to know.
func (x *folder) fromList(ctx context.Context) (*folderState, error) {
	if !x.due || !meta.IsStatusConditionTrue(x.obj.Status.Conditions, v1alpha1.ConditionReady) {
		return nil, nil
	}
	list, err := x.conn.ListOfFolders(ctx, x.org)
	if err != nil {
		return nil, err
	}
	f, listed := list[x.uid]
	have := &folderState{Folder: f, adopted: x.obj.Status.Adopted, listed: true}
	replaced := !f.Created.IsZero() && !x.owned(f) || x.rowOf(f) != x.obj.Status.ID
	if !listed || replaced || len(x.folderDiff(have)) > 0 {
		return nil, nil
	}
	x.untold = f.Description == nil
	return have, nil
}

// rowOf is the id by which a list tells a folder from another one in its place, where it does not tell when they were
// made; 0 where it does.
func (x *folder) rowOf(f grafana.Folder) int64 {
	if x.conn.DashboardAPIServed() != "" {
		return 0
	}
	return f.ID
}

// read reads the folder under our uid, whoever's it is, and says whether it is ours.
func (x *folder) read(ctx context.Context) (have *folderState, found *grafana.Folder, err error) {
	x.foreign = ""
	f, err := x.org.Folder(ctx, x.uid)
	if err != nil {
		return nil, nil, grafana.IgnoreNotFound(err)
	}
	if !x.owned(f) {
		x.foreign = fmt.Sprintf("there is a folder %q, and nothing proves that it is this object's", f.UID)
		return nil, &f, nil
	}
	if x.lost && x.isDerived() && x.isRecent(f.Created) { // perhaps it was left without permissions
		x.obj.Status.PermissionsPending = true
	}
	if x.obj.Spec.Description != nil && x.obj.DeletionTimestamp.IsZero() && x.conn.DashboardAPIServed() != "" {
		f.Description, err = x.org.FolderDescription(ctx, x.uid)
	}
	x.untold = f.Description == nil
	return &folderState{Folder: f, adopted: x.obj.Status.Adopted}, &f, err
}

// owned reports whether a folder is ours: its uid is derived from the object, or it was made when status says, or it
// has the title that we have it born with.
func (x *folder) owned(f grafana.Folder) bool {
	status := x.obj.Status
	recorded := status.UID == f.UID && status.OrgID == x.org.ID() && madeThen(status, f.Created)
	return f.UID == x.uid &&
		(recorded || x.isDerived() || strings.HasSuffix(f.Title, mark.BirthSuffix(x.obj)))
}

func (x *folder) isDerived() bool { return x.uid == string(x.obj.UID) }

// madeThen reports whether a status speaks of a folder that was created at that time. Some versions tell it with every
// read, and in the answer to the create, a little differently.
func madeThen(status v1alpha1.FolderStatus, created time.Time) bool {
	at, err := time.Parse(time.RFC3339, status.CreatedAt)
	return err == nil && created.Sub(at).Abs() <= clockSlack
}

// Prepare fixes the uid before the request that creates under it.
func (x *folder) Prepare() lifecycle.Event {
	status := &x.obj.Status
	*status = v1alpha1.FolderStatus{
		CommonStatus: status.CommonStatus, UID: x.uid, OrgID: x.org.ID(), PermissionsPending: true,
	}
	return lifecycle.EventCreated
}

func (x *folder) Create(ctx context.Context) (*folderState, error) {
	title := x.obj.WantedTitle()
	if !x.isDerived() {
		title = mark.BirthName(title, x.obj)
	}
	f, err := x.createFolder(ctx, grafana.Folder{
		UID: x.uid, Title: title, ParentUID: x.parent, Description: x.obj.Spec.Description,
	})
	switch {
	case err == nil:
		x.untold = x.conn.DashboardAPIServed() == ""
		have := &folderState{Folder: f}
		_ = x.seePermissions(ctx, have) // else they are looked at later
		return have, nil
	case grafana.IsTaken(err):
		have, found, rerr := x.read(ctx)
		if have != nil || rerr != nil {
			return have, rerr
		}
		x.obj.Status.UID, x.obj.Status.OrgID = "", 0 // it was never ours
		return nil, x.taken(ctx, found, err)
	case isRefused(err):
		x.obj.Status.UID, x.obj.Status.OrgID = "", 0
	}
	return nil, x.refused(err)
}

func isRefused(err error) bool { return grafana.IsTooDeep(err) || grafana.IsReservedTitle(err) }

// refused says what to do where Grafana cannot have such a folder.
func (x *folder) refused(err error) error {
	if !isRefused(err) {
		return err
	}
	return lifecycle.Stalled(v1alpha1.ReasonFolderRefused,
		"Grafana does not allow folder %q (%v): give it another title or parentRef", x.obj.WantedTitle(), err)
}

func (x *folder) Record(have *folderState) bool {
	status := &x.obj.Status
	if have == nil {
		*status = v1alpha1.FolderStatus{CommonStatus: status.CommonStatus}
		return false
	}
	fresh := status.UID != have.UID || status.OrgID != x.org.ID()
	if !have.listed {
		status.ID = x.rowOf(have.Folder)
	}
	if !have.listed && !madeThen(*status, have.Created) {
		status.CreatedAt = have.Created.UTC().Format(time.RFC3339)
		fresh = fresh || !x.isDerived() // else the uid tells it
	}
	status.UID, status.OrgID, status.ParentUID, status.Adopted = have.UID, x.org.ID(), have.ParentUID, have.adopted
	return fresh
}

func (x *folder) Diff(have *folderState) []string {
	diff := x.folderDiff(have)
	if have.bornWrong || x.permissionsDiffer(have) {
		diff = append(diff, "permissions")
	}
	return diff
}

// folderDiff is what differs but for the permissions.
func (x *folder) folderDiff(have *folderState) []string {
	diff := x.textDiff(have)
	if x.parentErr == nil && have.ParentUID != x.parent {
		diff = append(diff, "parent")
	}
	return diff
}

func (x *folder) textDiff(have *folderState) (diff []string) {
	if have.Title != x.obj.WantedTitle() {
		diff = append(diff, "title")
	}
	if want := x.obj.Spec.Description; want != nil && have.Description != nil && *have.Description != *want {
		diff = append(diff, "description")
	}
	return diff
}

// Update sets the permissions first, so that nobody sees meanwhile what they shall not.
func (x *folder) Update(ctx context.Context, have *folderState) error {
	if have.listed { // a write wants a proof, and the version
		now, _, err := x.read(ctx)
		if err != nil {
			return err
		}
		if now == nil {
			return errLookAgain
		}
		now.permissions, *have = have.permissions, *now
	}
	if err := x.setPermissions(ctx, have); err != nil {
		return fmt.Errorf("setting the permissions: %w", err)
	}
	if err := x.setText(ctx, have); err != nil {
		return fmt.Errorf("changing the folder: %w", err)
	}
	return x.move(ctx, have)
}

// setText sets title and description.
func (x *folder) setText(ctx context.Context, have *folderState) error {
	if len(x.textDiff(have)) == 0 {
		return nil
	}
	change := grafana.FolderChange{
		Title: x.obj.WantedTitle(), Description: x.obj.Spec.Description, Version: have.Version,
	}
	changed, err := x.org.UpdateFolder(ctx, x.uid, change)
	switch {
	case grafana.IsTaken(err) && !grafana.IsVersionMismatch(err):
		return x.taken(ctx, nil, err)
	case err != nil:
		return x.refused(err)
	}
	have.Title, have.Version = changed.Title, changed.Version
	if have.Description != nil {
		have.Description = change.Description
	}
	return nil
}

func (x *folder) Check(ctx context.Context, have *folderState) error {
	return errors.Join(x.parentErr, x.invalidErr, x.waitErr, x.checkBorn(ctx, have))
}

// checkBorn fails until a new folder was seen to have its permissions, or was given those of the spec.
func (x *folder) checkBorn(ctx context.Context, have *folderState) error {
	if !x.obj.Status.PermissionsPending || x.invalidErr != nil {
		return nil
	}
	if !have.bornSeen {
		if err := x.seePermissions(ctx, have); err != nil {
			return err
		}
	}
	if !have.bornSeen || have.bornWrong {
		return &lifecycle.Problem{Reason: v1alpha1.ReasonCreating, Retry: true,
			Message: "Grafana has failed to give it its permissions: they are put right"}
	}
	x.obj.Status.PermissionsPending = false
	return nil
}

// InSync says of a description that this Grafana does not keep it.
func (x *folder) InSync() string {
	if x.obj.Spec.Description != nil && x.untold {
		return "Grafana holds what is asked for, but for the description: this one keeps none, or does not tell it"
	}
	return "Grafana holds what is asked for"
}

// Left says what was left in Grafana when nothing was found that is provably ours; empty: nothing is there.
func (x *folder) Left() string { return x.foreign }
