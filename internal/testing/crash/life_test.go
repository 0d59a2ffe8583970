package crash

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// life is a tenant to which everything can happen.
type life struct {
	*World
	cast     map[string]func() lifecycle.Object // by name: all objects that are there, or may come again
	births   int                                // of objects, which makes their uids
	foreign  map[int64]string                   // what others have in Grafana, by organization
	kept     []grafanatest.Tok
	guests   map[int64]string      // what the guest is, by organization
	asked    bool                  // objects ask to adopt
	allowed  bool                  // and may
	backup   *grafanatest.Snapshot // of Grafana's database
	altered  bool                  // a mark was removed or forged
	revived  map[types.UID]bool    // objects that were gone when Grafana was restored to what it was before
	restored bool                  // Grafana was, to what it was before

	contents []string // of dashboards
}

// unborn is a life in which there is only the Instance yet.
func unborn(tb testing.TB, version string) *life {
	l := &life{World: New(tb, version), cast: map[string]func() lifecycle.Object{}, revived: map[types.UID]bool{}}
	l.contents = []string{OneDashboard, OtherDashboard}
	if strings.HasPrefix(version, "12.") {
		l.contents = append(l.contents, withoutName(Schema2("timeseries")), withoutName(Schema2("stat")))
	}
	l.Seed()
	return l
}

// withoutName is a dashboard in schema v2 that names no uid, so that it can be the next content of any dashboard.
func withoutName(content string) string {
	return strings.Replace(content, `"metadata":{"name":"schema-2"}`, `"metadata":{}`, 1)
}

// enlist says which objects there are in a life, besides the Instance.
func (l *life) enlist() {
	l.join(anchor, func() lifecycle.Object { return Organization("Anchor") })
	for _, suffix := range []string{"", "-2"} {
		l.join("org"+suffix, func() lifecycle.Object {
			o := Organization("Tenant" + suffix)
			o.Labels = map[string]string{SetLabel: "yes"}
			return o
		})
		l.join("account"+suffix, func() lifecycle.Object { return Account("CI" + suffix) })
		l.join("token"+suffix, func() lifecycle.Object { return Token() })
	}
	l.enlistPeople()
	l.enlistTeams()
	l.enlistFolders()
	l.enlistSources()
	l.enlistSets()
	l.enlistPanels()
	l.join("dashboard", func() lifecycle.Object { return Dashboard("", OneDashboard) })
	l.join("dashboard-2", func() lifecycle.Object {
		d := Dashboard("errors", strings.Replace(OneDashboard, "Requests", "Errors", 1))
		d.Spec.OrganizationRef.Name = "org-2"
		return d
	})
}

// anchor is an Organization that people leave alone: a Grafana in which no organization can be recognized any more has
// been reset, as far as anybody can tell.
const anchor = "anchor"

// configure draws what an Instance allows, and whether objects ask for it.
func (l *life) configure(rt *rapid.T) {
	l.asked = rapid.Bool().Draw(rt, "adoption asked for")
	l.allowed = l.asked && rapid.Bool().Draw(rt, "adoption allowed")
	onReset := rapid.SampledFrom([]v1alpha1.ResetPolicy{v1alpha1.ResetRebuild, v1alpha1.ResetHold}).Draw(rt, "onReset")
	main := func() lifecycle.Object {
		i := Instance()
		if i.Spec.OnReset = onReset; l.allowed {
			i.Spec.Adoption = v1alpha1.AdoptionAllow
		}
		return i
	}
	l.join("main", main)
	Edit(l.World, Instance(), func(i *v1alpha1.Instance) { i.Spec = main().(*v1alpha1.Instance).Spec })
}

func (l *life) join(name string, fresh func() lifecycle.Object) {
	l.cast[name] = func() lifecycle.Object {
		obj := fresh()
		obj.SetName(name)
		l.ask(obj)
		return obj
	}
}

// ask lets an object ask for adoption, or allow it.
func (l *life) ask(obj lifecycle.Object) {
	if !l.asked {
		return
	}
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		if o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt; l.allowed {
			o.Spec.Adoption = v1alpha1.AdoptionAllow
		}
	case *v1alpha1.ServiceAccount:
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	case *v1alpha1.Dashboard:
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	case *v1alpha1.DataSource:
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	case *v1alpha1.Membership:
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	case *v1alpha1.Team:
		o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
	case *v1alpha1.Folder:
		if o.Spec.UID != "" {
			o.Spec.AdoptionPolicy = v1alpha1.AdoptionAdopt
		}
	}
}

// bear creates an object, with a uid that none had before.
func (l *life) bear(name string) {
	l.births++
	obj := l.cast[name]()
	obj.SetUID(types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(l.births)*0x9e3779b1, l.births)))
	l.Create(obj)
}

// live is one life, and the peace after it.
func (l *life) live(rt *rapid.T) {
	rt.Repeat(l.actions())
	if err := l.peace(); err != nil {
		rt.Fatal(err)
	}
}

// actions are all that can happen. What the operator does stands there several times, so that it comes to something
// between what others do.
func (l *life) actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){
		"": l.unharmed,
	}
	for _, name := range []string{"the operator works", "the operator works on", "the operator goes on working"} {
		all[name] = l.work
	}
	for _, name := range []string{"a fault comes", "another fault comes", "one more fault comes"} {
		all[name] = l.fail
	}
	for _, name := range []string{"an object is edited and a fault comes", "an object is edited and another fault comes"} {
		all[name] = func(rt *rapid.T) { l.editObject(rt); l.fail(rt) }
	}
	for _, name := range []string{"a token is edited and a fault comes", "a token is edited and another fault comes"} {
		all[name] = func(rt *rapid.T) { l.editToken(rt); l.fail(rt) }
	}
	for name, action := range map[string]func(*rapid.T){
		"time passes":                       l.passTime,
		"the operator dies":                 func(*rapid.T) { l.Advance(l.Clock.Add(5 * time.Second)); l.Start() },
		"the operator is away":              l.away,
		"Grafana goes down":                 func(*rapid.T) { l.Grafana.SetDown(true) },
		"Grafana is back":                   func(*rapid.T) { l.Grafana.SetDown(false) },
		"Grafana is up":                     func(*rapid.T) { l.Grafana.SetDown(false) },
		"Grafana is up again":               func(*rapid.T) { l.Grafana.SetDown(false) },
		"Grafana's database is reset":       l.reset,
		"Grafana's password is changed":     l.changePassword,
		"an object is edited":               l.editObject,
		"a token is edited":                 l.editToken,
		"an object is deleted":              l.deleteObject,
		"an object is created":              l.createObject,
		"an object is abandoned":            l.abandon,
		"a reset is confirmed":              l.confirmReset,
		"Grafana is backed up":              l.backUp,
		"Grafana is restored":               l.restore,
		"a mark is forged":                  l.forge,
		"somebody was there before":         l.precede,
		"an object is suspended or resumed": l.suspend,
		"a status is wiped":                 l.wipeStatus,
		"a Secret is deleted":               l.deleteSecret,
		"a Secret is edited":                l.editSecret,
		"an organization in Grafana":        l.touchOrganization,
		"a service account in Grafana":      l.touchAccount,
		"a token in Grafana":                l.touchToken,
		"a dashboard in Grafana":            l.touchDashboard,
		"a library panel in Grafana":        l.touchPanel,
		"a data source in Grafana":          l.touchSource,
		"a person in Grafana":               func(rt *rapid.T) { l.touchPeople(rt) },
		"a folder in Grafana":               l.touchFolder,
		"a team in Grafana":                 l.touchTeam,
		"an Organization is selected":       l.selectOrganization,
	} {
		all[name] = func(rt *rapid.T) { action(rt); l.look() }
	}
	for name, action := range all {
		all[name] = func(rt *rapid.T) { l.note("%s", name); action(rt) }
	}
	return all
}

// work lets the operator do the next things that are due.
func (l *life) work(rt *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(rt, "visits") {
		if !l.Step(l.Clock.Add(Horizon)) {
			return
		}
	}
}

// fail lets something go wrong soon, while the operator works.
func (l *life) fail(rt *rapid.T) {
	faults := []Fault{Unsent, Refused, DropAfter, FailAfter, Late, DeadBefore, DeadAfter, Usurped, Stale, Ancient}
	l.Arm(0, rapid.SampledFrom(faults).Draw(rt, "fault"))
	l.Only = rapid.SampledFrom(
		[]string{"", "grafana P", "grafana DELETE", "kubernetes", "kubernetes create", "kubernetes update"},
	).Draw(rt, "only")
	l.spare = rapid.IntRange(0, 10).Draw(rt, "after points")
	l.work(rt)
}

// passTime lets time pass, in which the operator works.
func (l *life) passTime(rt *rapid.T) {
	if err := l.workFor(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute); err != nil {
		rt.Fatal(err)
	}
}

// maxVisits is more than an operator that does not go round in circles makes in an hour.
const maxVisits = 3 * rounds

// workFor lets the operator do what is due in that time.
func (l *life) workFor(d time.Duration) error {
	end := l.Clock.Add(d)
	for range maxVisits {
		if !l.Step(end) {
			l.Advance(end)
			return nil
		}
	}
	return fmt.Errorf("%d visits in %s: %v", maxVisits, d, l.Due)
}

// away lets time pass in which there is no operator.
func (l *life) away(rt *rapid.T) {
	l.Advance(l.Clock.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute))
	l.land()
	l.Start()
}

// reset empties Grafana. Nobody makes organizations after that: one that got the id of ours, without a mark, would be a
// person's to sort out.
func (l *life) reset(*rapid.T) { l.Grafana.ResetDatabase() }

// backUp copies Grafana's database, at a moment at which nothing is being created.
func (l *life) backUp(rt *rapid.T) {
	if slices.ContainsFunc(l.objects(),
		func(obj lifecycle.Object) bool { return obj.CommonStatus().CreateStarted != nil }) ||
		!l.lateAt.IsZero() ||
		l.altered ||
		!l.anchored() {
		rt.Skip("what is there could not be recognized later")
	}
	snapshot := l.Grafana.Snapshot()
	l.backup = &snapshot
}

// anchored reports whether the anchor is in Grafana.
func (l *life) anchored() bool {
	o := l.cast[anchor]().(*v1alpha1.Organization)
	return l.Get(o) && o.Status.OrgID != 0 &&
		slices.ContainsFunc(l.Grafana.Orgs(),
			func(org grafanatest.Org) bool { return markIn(org) == mark.Of("cluster-1", o) })
}

// restore puts the database back to what it was. What objects had in it that are gone by now is there again, and
// nobody's.
func (l *life) restore(rt *rapid.T) {
	if l.backup == nil || !l.lateAt.IsZero() {
		rt.Skip("there is no backup")
	}
	l.Grafana.Restore(*l.backup)
	l.restored = true
	for uid := range l.gone() {
		l.revived[uid] = true
	}
	for _, obj := range l.objects() {
		seenGone := !alive(obj) || holdsNothing(obj) // perhaps
		l.revived[obj.GetUID()] = l.revived[obj.GetUID()] || seenGone
	}
}

// holdsNothing reports whether an object's status says that it has nothing in Grafana, so that it can be deleted
// unseen.
func holdsNothing(obj lifecycle.Object) bool {
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		return o.Status.OrgID == 0
	case *v1alpha1.ServiceAccount:
		return o.Status.ID == 0
	case *v1alpha1.ServiceAccountToken:
		return o.Status.TokenID == 0
	case *v1alpha1.Dashboard:
		return o.Status.UID == ""
	case *v1alpha1.DataSource:
		return o.Status.UID == ""
	case *v1alpha1.Membership:
		return len(o.Status.Added) == 0
	case *v1alpha1.Team:
		return o.Status.ID == 0
	case *v1alpha1.Folder:
		return o.Status.UID == ""
	}
	return false
}

func (l *life) changePassword(rt *rapid.T) {
	password := rapid.SampledFrom([]string{"admin", "changed"}).Draw(rt, "password")
	if rapid.Bool().Draw(rt, "in Grafana") {
		l.Grafana.SetPassword("admin", password)
		l.Grafana.EndSessions()
	}
	if rapid.Bool().Draw(rt, "in the Secret") {
		l.changeSecret("grafana", func(s *corev1.Secret) { s.Data["admin-password"] = []byte(password) })
	}
}

func (l *life) changeSecret(name string, change func(*corev1.Secret)) {
	secret := &corev1.Secret{ObjectMeta: Named(name)}
	l.Get(secret)
	change(secret)
	if err := l.Kube.Update(l.TB.Context(), secret); err != nil {
		l.TB.Fatal(err)
	}
	l.Everybody()
}

func (l *life) name(rt *rapid.T) string {
	names := slices.DeleteFunc(sortedKeys(l.cast), func(name string) bool { return name == anchor })
	return rapid.SampledFrom(names).Draw(rt, "object")
}

// pick draws an object that is there.
func (l *life) pick(rt *rapid.T, fit func(lifecycle.Object) bool) lifecycle.Object {
	obj := l.cast[l.name(rt)]()
	if !l.Get(obj) || !fit(obj) {
		rt.Skip("not there, or not fit")
	}
	return obj
}

func alive(obj lifecycle.Object) bool { return obj.GetDeletionTimestamp().IsZero() }

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
