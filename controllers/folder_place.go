package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// byFolder is the index of the name of the Folder that an object is in.
const byFolder = "folder"

// nameOf is the name in a reference, for an index.
func nameOf(ref *v1alpha1.LocalObjectReference) []string {
	if ref == nil {
		return nil
	}
	return []string{ref.Name}
}

// namedIn are the objects of a namespace that an index has under a name.
func namedIn(field string, obj client.Object) []client.ListOption {
	return []client.ListOption{client.InNamespace(obj.GetNamespace()), client.MatchingFields{field: obj.GetName()}}
}

// whatIsIn are the objects of a list's kind that name a Folder as the one they are in.
func whatIsIn(e *Env, list client.ObjectList) handler.MapFunc {
	return func(ctx context.Context, folder client.Object) []ctrl.Request {
		return e.Requests(ctx, list.DeepCopyObject().(client.ObjectList), namedIn(byFolder, folder)...)
	}
}

// folderNamed is the uid of the folder that an object in the scope refers to in a field. is: the folder that the object
// is in already, which keeps it up while that waits to be deleted.
func (e *Env) folderNamed(
	ctx context.Context, scope *orgScope, from lifecycle.Object, ref v1alpha1.LocalObjectReference, field, is string,
) (string, error) {
	key := types.NamespacedName{Namespace: from.GetNamespace(), Name: ref.Name}
	var f v1alpha1.Folder
	if err := e.ReadParent(ctx, key, key.Namespace, &f); err != nil {
		return "", err
	}
	in := lifecycle.ParentKey(f.Spec.OrganizationRef, f.Namespace)
	switch {
	case in != scope.owner:
		return "", lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
			"%s: Folder %s is in Organization %s, and this object in %s: name one that is there, too",
			field, key.Name, in, scope.owner)
	case !f.DeletionTimestamp.IsZero() && f.Status.UID != is:
		return "", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "Folder %s is being deleted", key)
	case !meta.IsStatusConditionTrue(f.Status.Conditions, v1alpha1.ConditionAvailable),
		f.Status.UID == "", f.Status.OrgID != scope.org.ID():
		return "", lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "Folder %s is not Available yet", key)
	}
	return f.Status.UID, nil
}

// place is the uid of the folder that the folder belongs in; empty: none.
func (x *folder) place(ctx context.Context) (string, error) {
	ref := x.obj.Spec.ParentRef
	if ref == nil {
		return "", nil
	}
	if !x.conn.NestedFolders.Load() {
		return "", lifecycle.Stalled(v1alpha1.ReasonUnsupportedVersion,
			"spec.parentRef: this Grafana has no folders in folders: leave it out, or update to Grafana 11 or newer")
	}
	if err := x.loop(ctx); err != nil {
		return "", err
	}
	return x.env.folderNamed(ctx, x.orgScope, x.obj, *ref, "spec.parentRef", x.obj.Status.ParentUID)
}

// longestLoop is how many parents are followed. Grafana has room for a handful.
const longestLoop = 50

// loop fails if the folder is, by parentRef, in itself.
func (x *folder) loop(ctx context.Context) error {
	path, at := []string{x.obj.Name}, x.obj
	for at.Spec.ParentRef != nil && len(path) <= longestLoop {
		path = append(path, at.Spec.ParentRef.Name)
		if at.Spec.ParentRef.Name == x.obj.Name {
			return lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
				"spec.parentRef: a folder cannot be in itself (%s): change the parentRef of one of these",
				strings.Join(path, " is in "))
		}
		next := &v1alpha1.Folder{}
		key := client.ObjectKey{Namespace: x.obj.Namespace, Name: at.Spec.ParentRef.Name}
		if err := x.env.Get(ctx, key, next); err != nil {
			return client.IgnoreNotFound(err)
		}
		at = next
	}
	return nil
}

// move puts the folder where it belongs.
func (x *folder) move(ctx context.Context, have *folderState) error {
	if x.parentErr != nil || have.ParentUID == x.parent {
		return nil
	}
	err := x.org.MoveFolder(ctx, x.uid, x.parent)
	switch {
	case grafana.IsNotFound(err):
		return x.parentMissing()
	case err != nil:
		return fmt.Errorf("moving the folder: %w", err)
	}
	have.ParentUID = x.parent
	return nil
}

// parentMissing says that the folder it belongs in is gone in Grafana: its Folder finds that out, and makes it again.
func (x *folder) parentMissing() error { return folderGone(x.obj, x.obj.Spec.ParentRef) }

// folderGone says that the folder that an object refers to is gone in Grafana, and has its Folder looked at.
func folderGone(obj client.Object, ref *v1alpha1.LocalObjectReference) *lifecycle.Problem {
	p := &lifecycle.Problem{Reason: v1alpha1.ReasonFolderNotFound, Retry: true,
		Message: "it, or the folder it belongs in, has just been deleted in Grafana: looking again"}
	if ref != nil {
		key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: ref.Name}
		p.Suspect = &lifecycle.Suspect{Kind: "Folder", Key: key}
		p.Message = fmt.Sprintf("the folder of Folder %s has just been deleted in Grafana: it is made again", ref.Name)
	}
	return p
}

// CheckConflict looks at the uid and the title again if they were taken before. Else Create is the look. Grafana 12
// does not mind a parent that does not exist.
func (x *folder) CheckConflict(ctx context.Context) error {
	if x.parentErr != nil {
		return x.parentErr
	}
	if x.invalidErr != nil {
		return x.invalidErr
	}
	was := meta.FindStatusCondition(x.obj.Status.Conditions, v1alpha1.ConditionReady)
	before := []string{v1alpha1.ReasonAlreadyExists, v1alpha1.ReasonNameConflict}
	if was != nil && slices.Contains(before, was.Reason) {
		have, found, err := x.read(ctx)
		if err != nil {
			return err
		}
		if have == nil && found != nil {
			return x.taken(ctx, found, nil)
		}
		other, err := x.titled(ctx)
		if err != nil {
			return err
		}
		if other != nil {
			return x.titleTaken(other.Title)
		}
	}
	if x.parent == "" {
		return nil
	}
	_, err := x.org.Folder(ctx, x.parent)
	if grafana.IsNotFound(err) {
		return x.parentMissing()
	}
	return err
}

// titled is another folder in the same place whose title this Grafana's database takes, or may take, for the wanted
// one, where there cannot be two; nil: there is none.
func (x *folder) titled(ctx context.Context) (*grafana.Folder, error) {
	if x.conn.DashboardAPIServed() != "" {
		return nil, nil
	}
	beside, err := x.org.Folders(ctx, x.parent)
	for _, f := range beside {
		if f.UID != x.uid && mark.MayCollide(f.Title, x.obj.WantedTitle()) {
			return &f, nil
		}
	}
	return nil, grafana.IgnoreNotFound(err)
}

func (x *folder) titleTaken(title string) error {
	return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists,
		"another folder %q is in the same place, and this Grafana does not allow two of one title, or of two that its "+
			"database takes for one: give one of them another title, or put it elsewhere", title)
}

// taken says what is in the way of our folder: what has its uid, else what has its title.
func (x *folder) taken(ctx context.Context, found *grafana.Folder, cause error) error {
	if found == nil {
		other, err := x.titled(ctx)
		switch {
		case err != nil:
			return err
		case other == nil && cause != nil && grafana.IsVersionMismatch(cause):
			return errLookAgain
		case other == nil:
			return x.titleTaken(x.obj.WantedTitle())
		}
		return x.titleTaken(other.Title)
	}
	held, err := x.isHeld(ctx, *found)
	switch {
	case err != nil:
		return err
	case found.UID != x.uid:
		return lifecycle.Stalled(v1alpha1.ReasonNameConflict,
			"a folder with uid %q exists in organization %d, and this Grafana's database takes %q for the same: "+
				"set another spec.uid in a new Folder", found.UID, x.org.ID(), x.uid)
	case held:
		return lifecycle.Stalled(v1alpha1.ReasonNameConflict,
			"the folder with uid %q in organization %d belongs to another Folder object: set another spec.uid in a "+
				"new one", x.uid, x.org.ID())
	}
	cure := ""
	if x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {
		cure = ", or have this object take it over with adoptionPolicy: Adopt"
	}
	return lifecycle.Stalled(v1alpha1.ReasonAlreadyExists,
		"a folder with uid %q exists in organization %d and was not created by this object: set another spec.uid in a "+
			"new Folder, or delete that one in Grafana%s", x.uid, x.org.ID(), cure)
}

// isHeld reports whether a folder is another Folder object's, or about to be.
func (x *folder) isHeld(ctx context.Context, f grafana.Folder) (bool, error) {
	var list v1alpha1.FolderList
	err := x.env.ListChildren(ctx, &list, x.owner)
	return slices.ContainsFunc(list.Items, func(o v1alpha1.Folder) bool {
		return o.UID != x.obj.UID && (f.UID == string(o.UID) || strings.HasSuffix(f.Title, mark.BirthSuffix(&o)) ||
			o.Status.UID == f.UID && o.Status.OrgID == x.org.ID() && madeThen(o.Status, f.Created))
	}), err
}

// adopt takes over the folder of the wanted uid, if it is nobody's and the Organization allows it.
func (x *folder) adopt(ctx context.Context, f grafana.Folder) (*folderState, error) {
	held, err := x.isHeld(ctx, f)
	switch {
	case err != nil:
		return nil, err
	case f.UID != x.uid, held:
		return nil, x.taken(ctx, &f, nil)
	case x.object.Spec.Adoption != v1alpha1.AdoptionAllow:
		return nil, lifecycle.Stalled(v1alpha1.ReasonAdoptionNotPermitted,
			"a folder with uid %q exists in Grafana, and Organization %s does not allow that it is adopted: have its "+
				"spec.adoption set to Allow, or choose another uid", x.uid, x.owner)
	}
	return &folderState{Folder: f, adopted: true}, nil
}
