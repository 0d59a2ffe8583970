package crash

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/token"
)

// peace lets nothing more go wrong. People do what the conditions ask of them, and the operator has the time of several
// resyncs.
func (l *life) peace() error {
	l.armed = false
	l.Grafana.SetDown(false)
	for n := 0; n < 2 || n < 8 && !l.content(); n++ {
		l.resolve()
		l.look()
		if err := errors.Join(l.workFor(25*time.Minute), l.harm()); err != nil {
			return err
		}
	}
	l.tidy()
	l.look()
	if err := l.workFor(45 * time.Minute); err != nil {
		return err
	}
	l.Everybody() // in step, else one resync or other is always near
	if err := l.Rest(); err != nil {
		return err
	}
	return errors.Join(l.harm(), l.Check(l.World.Foreign(), Scenario{}), l.strayFolders(), l.atRest())
}

// content reports whether nothing is being deleted and everything Ready.
func (l *life) content() bool {
	return !slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
		return !alive(obj) || !meta.IsStatusConditionTrue(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	})
}

// resolve is what people have to do themselves: resume what is suspended, enable accounts, make the password right,
// delete what is in the way, confirm what was asked, and create parents again.
func (l *life) resolve() {
	secret := &corev1.Secret{ObjectMeta: Named("grafana")}
	l.Get(secret)
	l.Grafana.SetPassword("admin", string(secret.Data["admin-password"]))
	l.tidy()
	l.deleteCopies()
	for _, obj := range l.objects() {
		if !l.Get(obj) {
			continue
		}
		l.provideParent(obj)
		l.provideFolder(obj)
		l.answer(obj)
		if alive(obj) {
			Edit(l.World, obj, calm)
		} else {
			l.clearWay(obj)
		}
	}
}

// deleteCopies deletes Secrets of a token that do not say under which name they were made, since people have taken that
// off. They look like somebody's copies, which the operator leaves alone where neither spec nor status names them.
func (l *life) deleteCopies() {
	for _, obj := range l.objects() {
		t, ok := obj.(*v1alpha1.ServiceAccountToken)
		if !ok {
			continue
		}
		for _, s := range l.ownedSecrets(t) {
			if s.Name != t.SecretName() && s.Annotations[v1alpha1.AnnotationTokenSecret] != s.Name {
				l.Delete(&s)
			}
		}
	}
}

// answer does what a condition asks of people.
func (l *life) answer(obj lifecycle.Object) {
	ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return
	}
	switch o := obj.(type) {
	case *v1alpha1.Instance:
		if ready.Reason == v1alpha1.ReasonDatabaseReset {
			l.confirmReset(nil)
		}
	case *v1alpha1.Organization:
		switch ready.Reason {
		case v1alpha1.ReasonOwnershipLost:
			l.claim(o)
		case v1alpha1.ReasonDeletionBlocked:
			l.emptySecond(o)
		}
	case *v1alpha1.ServiceAccountToken: // after people have taken off, or falsified, what said whose it is
		secret := &corev1.Secret{ObjectMeta: Named(o.SecretName())}
		if ready.Reason == v1alpha1.ReasonSecretConflict && l.Get(secret) &&
			(metav1.GetControllerOf(secret) == nil || metav1.IsControlledBy(secret, o)) {
			l.Delete(secret)
		}
	}
}

// emptySecond takes out of the organizations that late creates have made for an Organization what people have put there
// since: it holds up their deletion.
func (l *life) emptySecond(o *v1alpha1.Organization) {
	for _, org := range l.Grafana.Orgs() {
		if org.ID == o.Status.OrgID || mark.BirthNamePattern.FindString(org.Name) == "" ||
			ownerOf(org) != mark.ShortUID(o) {
			continue
		}
		for _, t := range l.Grafana.Teams(org.ID) {
			l.asAdmin(http.MethodDelete, org.ID, "/api/teams/%d", t.ID)
		}
		for _, a := range l.Grafana.ServiceAccounts(org.ID) {
			l.asAdmin(http.MethodDelete, org.ID, "/api/serviceaccounts/%d", a.ID)
		}
		for _, d := range l.Grafana.Dashboards(org.ID) {
			l.asAdmin(http.MethodDelete, org.ID, "/api/dashboards/uid/%s", d.UID)
		}
		for _, s := range l.Grafana.Sources(org.ID) {
			l.asAdmin(http.MethodDelete, org.ID, "/api/datasources/uid/%s", s.UID)
		}
	}
}

// claim says whether the organization under the recorded id is an Organization's. If others have the id by now, as
// after a restore, it is let go. So it is where the organization carries the mark of another Organization that is
// there: whoever claimed it all the same would take what is in it from the other, which has nothing but its mark to
// find it by after a restore under another id, and would be given an empty one. Those that have an organization of
// their own mark look for it themselves.
func (l *life) claim(o *v1alpha1.Organization) {
	others := l.isOthers(o)
	if others && l.hasMarked(o) {
		return
	}
	if others {
		Edit(l.World, o, func(o *v1alpha1.Organization) { annotate(o, v1alpha1.AnnotationAbandon, "true") })
		if alive(o) {
			l.Delete(o)
		}
		return
	}
	Edit(l.World, o, func(o *v1alpha1.Organization) {
		annotate(o, v1alpha1.AnnotationConfirmOrgID, strconv.FormatInt(o.Status.OrgID, 10))
	})
}

// isOthers reports whether the organization under an Organization's recorded id is others': foreign, or marked for
// another Organization that is there.
func (l *life) isOthers(o *v1alpha1.Organization) bool {
	return slices.ContainsFunc(l.Grafana.Orgs(), func(org grafanatest.Org) bool {
		return org.ID == o.Status.OrgID && (IsForeign(org.Name) || l.isMarkedForAnother(org, o.UID))
	})
}

// isMarkedForAnother reports whether an organization carries the mark of an object that is there, and not the one of
// this uid. A forged mark has the uid of none.
func (l *life) isMarkedForAnother(org grafanatest.Org, uid types.UID) bool {
	return slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
		return obj.GetUID() != uid && markIn(org).UID == string(obj.GetUID())
	})
}

// hasMarked reports whether an organization carries an Organization's mark.
func (l *life) hasMarked(o *v1alpha1.Organization) bool {
	return slices.ContainsFunc(l.Grafana.Orgs(),
		func(org grafanatest.Org) bool { return markIn(org) == mark.Of("cluster-1", o) })
}

// calm undoes in a spec what keeps an object from being Ready for good.
func calm(obj lifecycle.Object) {
	setSuspend(obj, false)
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		o.Spec.MaxServiceAccountRole = ""
	case *v1alpha1.Dashboard:
		calmPanels(o)
	case *v1alpha1.DataSource:
		o.Spec.IsDefault = nil // there is one, which two of them could ask for
	case *v1alpha1.DashboardSet:
		calmDashboardSet(o)
	case *v1alpha1.Membership:
		calmMembership(o)
	case *v1alpha1.Folder:
		calmFolder(o)
	case *v1alpha1.ServiceAccount:
		o.Spec.Disabled = false
	case *v1alpha1.ServiceAccountToken:
		o.Spec.DeletionPolicy = "" // the Secret of one that stays has no owner, by which it is found in the end
		if o.Spec.TTL != nil {
			o.Spec.TTL.Duration = 720 * time.Hour
		}
	}
}

// provideParent creates the parent of an object again.
func (l *life) provideParent(obj lifecycle.Object) {
	parent := ParentOf(obj).Name
	if fresh, ok := l.cast[parent]; ok && !l.Get(fresh()) {
		l.bear(parent)
	}
}

// clearWay deletes what keeps an object from being deleted.
func (l *life) clearWay(obj lifecycle.Object) {
	for _, child := range l.children(obj) {
		if alive(child) {
			l.Delete(child)
		}
	}
	if f, ok := obj.(*v1alpha1.Folder); ok {
		l.clearFolder(f)
	}
	o, ok := obj.(*v1alpha1.Organization)
	if !ok {
		return
	}
	org := o.Status.OrgID
	for _, f := range l.Grafana.Folders(org) {
		if l.holder(org, f) == nil {
			l.asAdmin(http.MethodDelete, org, "/api/folders/%s", f.UID)
		}
	}
	for _, a := range l.Grafana.ServiceAccounts(org) {
		if IsForeign(a.Name) || !bornAccount.MatchString(a.Login) || len(l.revived) > 0 {
			l.asAdmin(http.MethodDelete, org, "/api/serviceaccounts/%d", a.ID)
		}
	}
	for _, d := range l.Grafana.Dashboards(org) {
		if IsForeign(d.Title) || !bornDashboard(d) || len(l.revived) > 0 {
			l.asAdmin(http.MethodDelete, org, "/api/dashboards/uid/%s", d.UID)
		}
	}
	for _, t := range l.Grafana.Teams(org) {
		l.asAdmin(http.MethodDelete, org, "/api/teams/%d", t.ID)
	}
	for _, s := range l.Grafana.Sources(org) {
		if len(l.revived) > 0 || datasource.ReadOwner(sourceOf(s)) == (datasource.Owner{}) {
			l.asAdmin(http.MethodDelete, org, "/api/datasources/uid/%s", s.UID)
		}
	}
}

// asAdmin does something in an organization as its own Admin.
func (l *life) asAdmin(method string, org int64, path string, args ...any) {
	l.do(method, org, nil, path, args...)
}

// gone are the last versions of all objects that are no more.
func (l *life) gone() map[types.UID]lifecycle.Object {
	all := map[types.UID]lifecycle.Object{}
	for _, versions := range l.History {
		for _, v := range versions {
			all[v.GetUID()] = v.(lifecycle.Object)
		}
	}
	for _, obj := range l.objects() {
		delete(all, obj.GetUID())
	}
	return all
}

// leftBehind has the uids, in full and short, of the objects that are no more and whose things were to stay, or were
// there again after a restore.
func (l *life) leftBehind() map[string]bool {
	left := map[string]bool{}
	for uid, obj := range l.gone() {
		if obj.Stays() || obj.GetAnnotations()[v1alpha1.AnnotationAbandon] == "true" || l.revived[uid] {
			left[string(uid)], left[mark.ShortUID(obj)] = true, true
			if o, ok := obj.(*v1alpha1.Organization); ok && o.Status.OrgID != 0 {
				left[fmt.Sprint("org ", o.Status.OrgID)] = true // its mark can have been forged before it was let go
			}
		}
	}
	return left
}

// holdings tells what is in Grafana and in a status. An id alone says nothing: after a restore others can have it by
// now.
func (l *life) holdings() map[string]bool {
	held := map[string]bool{}
	for _, obj := range l.objects() {
		switch o := obj.(type) {
		case *v1alpha1.Organization:
			held[fmt.Sprint("org ", o.Status.OrgID)] = true
		case *v1alpha1.ServiceAccount:
			for _, a := range l.Grafana.ServiceAccounts(o.Status.OrgID) {
				held[fmt.Sprint("account ", a.ID)] = held[fmt.Sprint("account ", a.ID)] || isAccountOf(o, a)
			}
		case *v1alpha1.ServiceAccountToken:
			held[fmt.Sprint("token ", o.Status.TokenID)] = true
		case *v1alpha1.Dashboard:
			for _, d := range l.Grafana.Dashboards(o.Status.OrgID) {
				if d.UID == o.Status.UID && (o.Status.Adopted || bornDashboard(d)) {
					held[fmt.Sprint("dashboard ", o.Status.OrgID, d.UID)] = true
				}
			}
		}
	}
	return held
}

// tidy deletes what objects that are no more have left in Grafana, and what people have put there themselves, unless an
// object has it now.
func (l *life) tidy() {
	left, held := l.leftBehind(), l.holdings()
	for _, org := range l.Grafana.Orgs() {
		switch {
		case IsForeign(org.Name):
		case held[fmt.Sprint("org ", org.ID)] && (marked(org) || !l.isPersons(org)): // else others have the id by now
			l.tidyOrganization(org.ID, left, held)
		case l.isMarkedForAnother(org, ""): // the operator is to find it, and not who let go what has its id
		case l.isPersons(org), left[ownerOf(org)], left[fmt.Sprint("org ", org.ID)]:
			for _, a := range l.Grafana.ServiceAccounts(org.ID) {
				l.asAdmin(http.MethodDelete, org.ID, "/api/serviceaccounts/%d", a.ID)
			}
			l.do(http.MethodDelete, 1, nil, "/api/orgs/%d", org.ID)
		}
	}
	l.Everybody()
}

// ownerOf is the uid of the object that an organization was made for, in full or short.
func ownerOf(org grafanatest.Org) string {
	address := grafana.Address{Address2: org.Address.Address2, State: org.Address.State}
	if m := mark.Read(address); m != (mark.Mark{}) {
		return m.UID
	}
	if m := mark.ReadReleased(address); m != (mark.Mark{}) {
		return m.UID
	}
	return strings.Trim(mark.BirthNamePattern.FindString(org.Name), " []")
}

func (l *life) tidyOrganization(org int64, left, held map[string]bool) {
	l.tidyPeople(org)
	l.tidyTeams(org)
	l.tidyFolders(org, left)
	l.tidySources(org, left)
	for _, a := range l.Grafana.ServiceAccounts(org) {
		parts := regexp.MustCompile(`-([0-9a-f]{8})(-[2-9])?$`).FindStringSubmatch(a.Login)
		persons := !bornAccount.MatchString(a.Login) && !IsForeign(a.Name)
		if !held[fmt.Sprint("account ", a.ID)] && (persons || len(parts) > 1 && left[parts[1]]) {
			l.asAdmin(http.MethodDelete, org, "/api/serviceaccounts/%d", a.ID)
		}
	}
	for _, t := range l.Grafana.Tokens(org) {
		if parts := token.NamePattern.FindStringSubmatch(
			t.Name,
		); !held[fmt.Sprint("token ", t.ID)] && parts != nil &&
			left[parts[2]] {
			l.asAdmin(http.MethodDelete, org, "/api/serviceaccounts/%d/tokens/%d", t.SAID, t.ID)
		}
	}
	for _, d := range l.Grafana.Dashboards(org) {
		leftBy := slices.ContainsFunc(d.Messages, func(m string) bool {
			_, mark, _ := strings.Cut(m, "(")
			uid, _, _ := strings.Cut(mark, ")")
			return left[uid]
		})
		persons := !bornDashboard(d) && !IsForeign(d.Title)
		if !held[fmt.Sprint("dashboard ", org, d.UID)] && (persons || leftBy) {
			l.asAdmin(http.MethodDelete, org, "/api/dashboards/uid/%s", d.UID)
		}
	}
	l.tidyPanels(org) // of dashboards that are gone by now, since Grafana 10 keeps one in use
}
