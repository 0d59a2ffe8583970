package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// leaving are the Folders that wait to be deleted and that a Dashboard or Folder is in, or refers to.
func (k folderKind) leaving(ctx context.Context, obj client.Object) (requests []ctrl.Request) {
	var folders v1alpha1.FolderList
	name, uid, org := placeOf(obj)
	if err := k.ListChildren(ctx, &folders, org); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the folders that a change concerns")
	}
	for _, f := range folders.Items {
		refers := f.Namespace == obj.GetNamespace() && slices.Contains(name, f.Name)
		if !f.DeletionTimestamp.IsZero() && (refers || uid != "" && uid == f.Status.UID) {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&f)})
		}
	}
	return requests
}

// placeOf is the name of the Folder that a Dashboard or Folder is to be in, if it names one, the uid of the one it is
// in, and its Organization.
func placeOf(obj client.Object) (name []string, uid string, org types.NamespacedName) {
	switch o := obj.(type) {
	case *v1alpha1.Folder:
		return nameOf(o.Spec.ParentRef), o.Status.ParentUID, lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	case *v1alpha1.Dashboard:
		return dashboardFolder(o), o.Status.FolderUID, lifecycle.ParentKey(o.Spec.OrganizationRef, o.Namespace)
	}
	return nil, "", org
}

// leavingChanges are those by which an object can cease to be in a Folder.
var leavingChanges = builder.WithPredicates(predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		_, before, _ := placeOf(e.ObjectOld)
		_, now, _ := placeOf(e.ObjectNew)
		return before != now || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
})

// Delete deletes the folder. find has just seen that it is ours, and the lifecycle proven the organization. Grafana
// deletes with a folder all that is in it.
func (x *folder) Delete(ctx context.Context, have *folderState) error {
	if err := x.refuseReferences(ctx); err != nil {
		return err
	}
	withContents := x.obj.Spec.DeletionPolicy == v1alpha1.FolderDeleteWithContents
	if err := x.refuseContents(ctx, have, withContents); err != nil {
		return err
	}
	err := x.org.DeleteFolder(ctx, x.uid, withContents)
	if grafana.IsFolderInUse(err) {
		return lifecycle.Stalled(v1alpha1.ReasonDeletionBlocked,
			"Grafana keeps folder %q (%v): delete in Grafana what is in it, or set deletionPolicy: Orphan to keep the "+
				"folder", have.Title, err)
	}
	return grafana.IgnoreNotFound(err)
}

// refuseReferences fails while there are objects that refer to this one and have something in it.
func (x *folder) refuseReferences(ctx context.Context) error {
	var going, staying []string
	count := func(obj lifecycle.Object, held bool, in string) {
		switch name := lifecycle.NameOf(obj) + " " + obj.GetName(); {
		case !held, obj.GetUID() == x.obj.UID:
		case obj.GetDeletionTimestamp().IsZero():
			staying = append(staying, name)
		case in == x.uid: // what is elsewhere, as in a loop of parents, does not come any more
			going = append(going, name)
		}
	}
	var folders v1alpha1.FolderList
	var dashboards v1alpha1.DashboardList
	for _, list := range []client.ObjectList{&folders, &dashboards} {
		if err := x.env.List(ctx, list, namedIn(byFolder, x.obj)...); err != nil {
			return err
		}
	}
	for i := range folders.Items {
		o := &folders.Items[i]
		count(o, folderKind{}.Held(o), o.Status.ParentUID)
	}
	for i := range dashboards.Items {
		o := &dashboards.Items[i]
		count(o, dashboardKind{}.Held(o), o.Status.FolderUID)
	}
	switch {
	case len(staying) > 0:
		return lifecycle.Stalled(v1alpha1.ReasonDeletionBlocked,
			"still referred to by %s: delete them or put them elsewhere first, or set deletionPolicy: Orphan to keep "+
				"the folder", listed(staying))
	case len(going) > 0:
		return &lifecycle.Problem{Reason: v1alpha1.ReasonDeleting,
			Message: "waiting for what is in it to be deleted: " + listed(going)}
	}
	return nil
}

// refuseContents fails if the folder, or one in it, holds something that is not being deleted as well. What an object
// that lives stands for stays even with contents: that one is made again, and what it had in Grafana is lost.
func (x *folder) refuseContents(ctx context.Context, have *folderState, withContents bool) error {
	found, err := x.contents(ctx, withContents)
	if err != nil {
		return err
	}
	owners, err := x.owners(ctx)
	if err != nil {
		return err
	}
	var owned, staying, waiting []string
	for _, c := range found {
		switch owner, known := owners[c.uid]; {
		case known && owner.GetDeletionTimestamp().IsZero():
			owned = append(owned, x.nameOf(owner, c))
		case known && !owner.Stays():
			waiting = append(waiting, c.name)
		default:
			staying = append(staying, c.name)
		}
	}
	for _, names := range [][]string{owned, staying, waiting} {
		slices.Sort(names) // the same things are told in the same words at each look
	}
	var p *lifecycle.Problem
	switch {
	case len(owned) > 0:
		p = lifecycle.Stalled(v1alpha1.ReasonDeletionBlocked,
			"folder %q holds what other objects have in it: %s. Delete these or put them elsewhere, or set "+
				"deletionPolicy: Orphan to keep the folder", have.Title, listed(owned))
	case withContents:
		return nil
	case len(staying) > 0:
		p = lifecycle.Stalled(v1alpha1.ReasonDeletionBlocked,
			"folder %q holds what this object does not stand for: %s. Delete that or put it elsewhere, set "+
				"deletionPolicy: DeleteWithContents to delete it all, or Orphan to keep the folder",
			have.Title, listed(staying))
	case len(waiting) > 0:
		return &lifecycle.Problem{Reason: v1alpha1.ReasonDeleting, Retry: true,
			Message: "waiting for what is in it to be deleted: " + listed(waiting)}
	default:
		return nil
	}
	p.RetryAfter = afterBlocked(x.obj, p.Message)
	return p
}

// nameOf names what an object has in the folder. What objects of other namespaces are called nobody learns here.
func (x *folder) nameOf(owner lifecycle.Object, c thing) string {
	if owner.GetNamespace() == x.obj.Namespace {
		return lifecycle.NameOf(owner) + " " + owner.GetName()
	}
	return c.name + " of another namespace"
}

// owners are the Dashboards and Folders that have something in this organization, by its uid.
func (x *folder) owners(ctx context.Context) (map[string]lifecycle.Object, error) {
	owners := map[string]lifecycle.Object{}
	var folders v1alpha1.FolderList
	var dashboards v1alpha1.DashboardList
	for _, list := range []client.ObjectList{&folders, &dashboards} {
		if err := x.env.ListChildren(ctx, list, x.owner); err != nil {
			return nil, err
		}
	}
	unknown := map[string][]lifecycle.Object{} // what they may have, since nothing is known of them yet, or any more
	add := func(obj lifecycle.Object, uid, given string, org int64) error {
		switch {
		case uid != "" && org == x.org.ID():
			owners[uid] = obj
		case !lifecycle.StatusWritten(obj): // so that it may be anybody's
			var problem *lifecycle.Problem
			err := x.env.ReadParent(ctx, x.owner, obj.GetNamespace(), &v1alpha1.Organization{})
			if errors.As(err, &problem) {
				return nil
			} else if err != nil {
				return err
			}
			uid = cmp.Or(given, string(obj.GetUID()))
			unknown[uid] = append(unknown[uid], obj)
		}
		return nil
	}
	for i := range folders.Items {
		f := &folders.Items[i]
		if err := add(f, f.Status.UID, f.Spec.UID, f.Status.OrgID); err != nil {
			return nil, err
		}
	}
	for i := range dashboards.Items {
		d := &dashboards.Items[i]
		if err := add(d, d.Status.UID, d.Spec.UID, d.Status.OrgID); err != nil {
			return nil, err
		}
	}
	for uid, all := range unknown {
		if _, known := owners[uid]; known {
			continue
		}
		living := slices.IndexFunc(all, func(o lifecycle.Object) bool { return o.GetDeletionTimestamp().IsZero() })
		owners[uid] = all[max(living, 0)]
	}
	return owners, nil
}

// thing is something in a folder.
type thing struct{ uid, name string }

// contents are what is in the folder and the folders in it, and would be lost with it. Folders that were made for paths
// of Dashboards count for nothing. Where contents go with it, library panels do not count either: no object stands for
// one.
func (x *folder) contents(ctx context.Context, withContents bool) (found []thing, err error) {
	all, err := x.org.AllFolders(ctx, x.conn.DashboardAPIServed() != "")
	if err != nil {
		return nil, err
	}
	within := map[string]bool{x.uid: true}
	for more := true; more; {
		more = false
		for _, f := range all {
			if !within[f.UID] && within[f.ParentUID] {
				within[f.UID], more = true, true
				if !strings.HasPrefix(f.UID, folderPrefix(x.mark)) {
					found = append(found, thing{f.UID, fmt.Sprintf("folder %q", f.Title)})
				}
			}
		}
	}
	dashboards, err := x.dashboards(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range dashboards {
		if within[d.FolderUID] {
			found = append(found, thing{d.UID, fmt.Sprintf("dashboard %q", d.Title)})
		}
	}
	rules, err := x.org.AlertRules(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if within[r.FolderUID] {
			found = append(found, thing{name: fmt.Sprintf("alert rule %q", r.Title)})
		}
	}
	if withContents {
		return found, nil
	}
	panels, err := x.panels(ctx, within, dashboards)
	return append(found, panels...), err
}

// panels are the library panels in these folders. One that was kept for a Dashboard counts only if a dashboard
// elsewhere uses it, which would lose it.
func (x *folder) panels(
	ctx context.Context,
	within map[string]bool,
	dashboards []grafana.Hit,
) (found []thing, err error) {
	all, err := x.org.LibraryPanels(ctx)
	if err != nil {
		return nil, err
	}
	var kept []grafana.LibraryPanel
	for _, p := range all {
		switch {
		case !within[p.FolderUID]:
		case strings.HasPrefix(p.UID, panelPrefix(x.mark)):
			kept = append(kept, p)
		default:
			found = append(found, thing{name: fmt.Sprintf("library panel %q", p.Name)})
		}
	}
	if len(kept) == 0 {
		return found, nil
	}
	inside, titles := map[string]bool{}, map[string]string{} // one that was not there a moment ago is not
	for _, d := range dashboards {
		inside[d.UID], titles[d.UID] = within[d.FolderUID], d.Title
	}
	users, unread, err := x.usersOfPanels(ctx, kept)
	if err != nil {
		return nil, err
	}
	for uid, err := range unread {
		if !inside[uid] {
			found = append(found, thing{name: fmt.Sprintf(
				"library panels that dashboard %q elsewhere may use, which cannot be read (%v)",
				cmp.Or(titles[uid], uid),
				err,
			)})
		}
	}
	for _, p := range kept {
		if slices.ContainsFunc(users[p.UID], func(uid string) bool { return !inside[uid] }) {
			found = append(
				found,
				thing{name: fmt.Sprintf("library panel %q, which a dashboard elsewhere uses", p.Name)},
			)
		}
	}
	return found, nil
}

// usersOfPanels are the uids of the dashboards that use library panels which are kept for Dashboards, by the uids of
// these. An older Grafana knows.
func (x *folder) usersOfPanels(
	ctx context.Context, panels []grafana.LibraryPanel,
) (users map[string][]string, unread map[string]error, err error) {
	if !x.conn.KeepsUsedPanels.Load() {
		return x.conn.PanelUsers(ctx, x.org, keptPanelsIn)
	}
	users = map[string][]string{}
	for _, p := range panels {
		used, err := x.org.LibraryPanelUsers(ctx, p.UID)
		if grafana.IgnoreNotFound(err) != nil {
			return nil, nil, err
		}
		users[p.UID] = used
	}
	return users, nil, nil
}

// dashboards are all of the organization. On Grafana 12 the search, which tells their titles, may lag behind.
func (x *folder) dashboards(ctx context.Context) ([]grafana.Hit, error) {
	hits, err := x.org.Search(ctx, "dash-db")
	version := x.conn.DashboardAPIServed()
	if err != nil || version == "" {
		return hits, err
	}
	list, err := x.org.ListDashboards(ctx, version)
	if grafana.IsNoList(err) {
		return hits, nil
	}
	titles := map[string]string{}
	for _, h := range hits {
		titles[h.UID] = h.Title
	}
	all := make([]grafana.Hit, len(list))
	for i, d := range list {
		all[i] = grafana.Hit{UID: d.UID, Title: titles[d.UID], FolderUID: d.FolderUID}
		if all[i].Title == "" {
			all[i].Title = d.UID
		}
	}
	return all, err
}
