package controllers

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// TestCrashRandom lets people, Grafana, Kubernetes and bad luck do whatever they can to a tenant, in any order. Then
// peace returns, and the invariants must hold.
func TestCrashRandom(t *testing.T) {
	checks, seed := 50, uint64(1)
	if text := os.Getenv("CRASH_CHECKS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("CRASH_CHECKS: %v", err)
		}
		checks, seed = n, uint64(time.Now().UnixNano())
	}
	versions := crashVersions()
	setFlag(t, "rapid.checks", strconv.Itoa((checks+len(versions)-1)/len(versions)))
	setFlag(t, "rapid.seed", strconv.FormatUint(seed, 10))
	setFlag(t, "rapid.nofailfile", "true")
	summarize(
		t,
		"crash random: %s checks of each version of Grafana, seed %s",
		flag.Lookup("rapid.checks").Value,
		flag.Lookup("rapid.seed").Value,
	)
	for n, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				for range n {
					rapid.Uint64().Draw(rt, "nothing, so that the versions do not go through the same")
				}
				newLife(t, rt, version).live(rt)
			})
		})
	}
}

// setFlag sets a flag that was not given on the command line.
func setFlag(t *testing.T, name, value string) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// life is a tenant to which everything can happen.
type life struct {
	*world
	cast    map[string]func() lifecycle.Object // by name: all objects that are there, or may come again
	births  int                                // of objects, which makes their uids
	foreign map[int64]string                   // what others have in Grafana, by organization
	kept    []grafanatest.Tok
	asked   bool                  // objects ask to adopt
	allowed bool                  // and may
	backup  *grafanatest.Snapshot // of Grafana's database
	altered bool                  // a mark was removed or forged
	revived map[types.UID]bool    // objects that were gone when Grafana was restored to what it was before
}

// shrinkable sends the failures of a world to rapid, which looks for the shortest way to them.
type shrinkable struct {
	testing.TB
	rt *rapid.T
}

func (s shrinkable) Fatal(args ...any) { s.rt.Fatal(args...) }
func (s shrinkable) Helper()           {}

func newLife(t *testing.T, rt *rapid.T, version string) *life {
	l := unborn(shrinkable{t, rt}, version)
	l.configure(rt)
	if rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "at once") {
		writers := rapid.SampledFrom([]int32{mostAtOnce, mostAtOnce, 2, 1}).Draw(rt, "writers")
		l.letAtOnce(rapid.Uint64().Draw(rt, "order"), writers)
	}
	l.enlist()
	for _, name := range sortedKeys(l.cast) {
		if name != "main" {
			l.bear(name)
		}
	}
	if rapid.Bool().Draw(rt, "at rest") {
		if err := l.rest(); err != nil {
			rt.Fatal(err)
		}
	}
	l.look()
	return l
}

// unborn is a life in which there is only the Instance yet.
func unborn(tb testing.TB, version string) *life {
	l := &life{world: newWorld(tb, version), cast: map[string]func() lifecycle.Object{}, revived: map[types.UID]bool{}}
	l.seed()
	return l
}

// enlist says which objects there are in a life, besides the Instance.
func (l *life) enlist() {
	l.join(anchor, func() lifecycle.Object { return newOrganization("Anchor") })
	for _, suffix := range []string{"", "-2"} {
		l.join("org"+suffix, func() lifecycle.Object { return newOrganization("Tenant" + suffix) })
		l.join("account"+suffix, func() lifecycle.Object { return newAccount("CI" + suffix) })
		l.join("token"+suffix, func() lifecycle.Object { return newToken() })
	}
	l.join("dashboard", func() lifecycle.Object { return newDashboard("", oneDashboard) })
	l.join("dashboard-2", func() lifecycle.Object {
		d := newDashboard("errors", strings.Replace(oneDashboard, "Requests", "Errors", 1))
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
		i := newInstance()
		if i.Spec.OnReset = onReset; l.allowed {
			i.Spec.Adoption = v1alpha1.AdoptionAllow
		}
		return i
	}
	l.join("main", main)
	edit(l.world, newInstance(), func(i *v1alpha1.Instance) { i.Spec = main().(*v1alpha1.Instance).Spec })
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
	}
}

// bear creates an object, with a uid that none had before.
func (l *life) bear(name string) {
	l.births++
	obj := l.cast[name]()
	obj.SetUID(types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(l.births)*0x9e3779b1, l.births)))
	l.create(obj)
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
		"the operator dies":                 func(*rapid.T) { l.advance(l.clock.Add(5 * time.Second)); l.start() },
		"the operator is away":              l.away,
		"Grafana goes down":                 func(*rapid.T) { l.grafana.SetDown(true) },
		"Grafana is back":                   func(*rapid.T) { l.grafana.SetDown(false) },
		"Grafana is up":                     func(*rapid.T) { l.grafana.SetDown(false) },
		"Grafana is up again":               func(*rapid.T) { l.grafana.SetDown(false) },
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
	} {
		all[name] = func(rt *rapid.T) { action(rt); l.look() }
	}
	for name, action := range all {
		all[name] = func(rt *rapid.T) { l.note("%s", name); action(rt) }
	}
	return all
}

// look takes down what people have in Grafana, which the operator must leave as it is.
func (l *life) look() {
	l.foreign = l.foreignByOrg()
	l.kept = nil
	for _, org := range l.grafana.Orgs() {
		for _, t := range l.grafana.Tokens(org.ID) {
			if strings.HasPrefix(t.Name, "kept") {
				l.kept = append(l.kept, t)
			}
		}
	}
}

// foreignByOrg is what people have in each organization, as text, but for those that are deleted with their contents.
func (l *life) foreignByOrg() map[int64]string {
	doomed := l.doomed()
	all := map[int64]string{}
	for _, org := range l.grafana.Orgs() {
		if doomed[org.ID] {
			continue
		}
		var things []any
		if isForeign(org.Name) || l.isPersons(org) && !l.allowed {
			things = append(things, org)
		}
		for _, a := range l.grafana.ServiceAccounts(org.ID) {
			if isForeign(a.Name) || isForeign(org.Name) || !bornAccount.MatchString(a.Login) && !l.allowed {
				things = append(things, a)
			}
		}
		for _, d := range l.grafana.Dashboards(org.ID) {
			if isForeign(d.Title) || isForeign(org.Name) || !bornDashboard(d) && !l.allowed {
				things = append(things, d)
			}
		}
		if len(things) > 0 {
			text, err := json.Marshal(things)
			if err != nil {
				l.tb.Fatal(err)
			}
			all[org.ID] = string(text)
		}
	}
	return all
}

// bornAccount is the login of an account that the operator has made.
var bornAccount = regexp.MustCompile(`-[0-9a-f]{8}-[0-9a-f]{8}(-[2-9])?$`)

// bornDashboard reports whether the operator has made a dashboard.
func bornDashboard(d grafanatest.Dash) bool {
	return len(d.Messages) > 0 && strings.HasPrefix(d.Messages[0], mark.AppliedBy)
}

// isPersons reports whether a person has made an organization.
func (l *life) isPersons(org grafanatest.Org) bool { return org.Address.Address1 == house }

const house = "Main street"

// doomed are the organizations that are deleted with their contents.
func (l *life) doomed() map[int64]bool {
	ids := map[int64]bool{}
	for _, obj := range l.objects() {
		o, ok := obj.(*v1alpha1.Organization)
		if !ok || alive(o) || o.Spec.DeletionPolicy != v1alpha1.OrganizationDeleteWithContents {
			continue
		}
		ids[o.Status.OrgID] = true
		for _, org := range l.grafana.Orgs() {
			ids[org.ID] = ids[org.ID] || markIn(org).UID == string(o.UID)
		}
	}
	return ids
}

func markIn(org grafanatest.Org) mark.Mark {
	return mark.Read(grafana.Address{Address2: org.Address.Address2, State: org.Address.State})
}

// unharmed fails if the operator has changed what is not its own.
func (l *life) unharmed(rt *rapid.T) {
	if err := l.harm(); err != nil {
		rt.Fatal(err)
	}
}

func (l *life) harm() error {
	doomed := l.doomed()
	now := l.foreignByOrg()
	for id, was := range l.foreign {
		if is := now[id]; is != was && !doomed[id] {
			return fmt.Errorf("something foreign changed in organization %d:\n  was %s\n  is  %s", id, was, is)
		}
	}
	accounts, tokens := map[int64]bool{}, map[int64]bool{}
	for _, org := range l.grafana.Orgs() {
		for _, a := range l.grafana.ServiceAccounts(org.ID) {
			accounts[a.ID] = true
		}
		for _, t := range l.grafana.Tokens(org.ID) {
			tokens[t.ID] = !t.Revoked
		}
	}
	for _, t := range l.kept {
		if accounts[t.SAID] && !t.Revoked && !tokens[t.ID] {
			return fmt.Errorf("a person's token %q is gone, and its account is not", t.Name)
		}
	}
	return nil
}

// work lets the operator do the next things that are due.
func (l *life) work(rt *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(rt, "visits") {
		if !l.step(l.clock.Add(horizon)) {
			return
		}
	}
}

// fail lets something go wrong soon, while the operator works.
func (l *life) fail(rt *rapid.T) {
	faults := []fault{unsent, refused, dropAfter, failAfter, late, deadBefore, deadAfter, usurped, stale, ancient}
	l.arm(0, rapid.SampledFrom(faults).Draw(rt, "fault"))
	l.only = rapid.SampledFrom(
		[]string{"", "grafana P", "grafana DELETE", "kubernetes", "kubernetes create", "kubernetes update"},
	).Draw(
		rt,
		"only",
	)
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
	end := l.clock.Add(d)
	for range maxVisits {
		if !l.step(end) {
			l.advance(end)
			return nil
		}
	}
	return fmt.Errorf("%d visits in %s: %v", maxVisits, d, l.due)
}

// away lets time pass in which there is no operator.
func (l *life) away(rt *rapid.T) {
	l.advance(l.clock.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute))
	l.land()
	l.start()
}

// reset empties Grafana. Nobody makes organizations after that: one that got the id of ours, without a mark, would be a
// person's to sort out.
func (l *life) reset(*rapid.T) { l.grafana.ResetDatabase() }

// backUp copies Grafana's database, at a moment at which nothing is being created.
func (l *life) backUp(rt *rapid.T) {
	if slices.ContainsFunc(
		l.objects(),
		func(obj lifecycle.Object) bool { return obj.CommonStatus().CreateStarted != nil },
	) ||
		!l.lateAt.IsZero() ||
		l.altered ||
		!l.anchored() {
		rt.Skip("what is there could not be recognized later")
	}
	snapshot := l.grafana.Snapshot()
	l.backup = &snapshot
}

// anchored reports whether the anchor is in Grafana.
func (l *life) anchored() bool {
	o := l.cast[anchor]().(*v1alpha1.Organization)
	return l.get(o) && o.Status.OrgID != 0 &&
		slices.ContainsFunc(
			l.grafana.Orgs(),
			func(org grafanatest.Org) bool { return markIn(org) == mark.Of("cluster-1", o) },
		)
}

// restore puts the database back to what it was. What objects had in it that are gone by now is there again, and
// nobody's.
func (l *life) restore(rt *rapid.T) {
	if l.backup == nil || !l.lateAt.IsZero() {
		rt.Skip("there is no backup")
	}
	l.grafana.Restore(*l.backup)
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
	}
	return false
}

func (l *life) changePassword(rt *rapid.T) {
	password := rapid.SampledFrom([]string{"admin", "changed"}).Draw(rt, "password")
	if rapid.Bool().Draw(rt, "in Grafana") {
		l.grafana.SetPassword("admin", password)
		l.grafana.EndSessions()
	}
	if rapid.Bool().Draw(rt, "in the Secret") {
		l.changeSecret("grafana", func(s *corev1.Secret) { s.Data["admin-password"] = []byte(password) })
	}
}

func (l *life) changeSecret(name string, change func(*corev1.Secret)) {
	secret := &corev1.Secret{ObjectMeta: named(name)}
	l.get(secret)
	change(secret)
	if err := l.kube.Update(l.tb.Context(), secret); err != nil {
		l.tb.Fatal(err)
	}
	l.everybody()
}

func (l *life) name(rt *rapid.T) string {
	names := slices.DeleteFunc(sortedKeys(l.cast), func(name string) bool { return name == anchor })
	return rapid.SampledFrom(names).Draw(rt, "object")
}

// pick draws an object that is there.
func (l *life) pick(rt *rapid.T, fit func(lifecycle.Object) bool) lifecycle.Object {
	obj := l.cast[l.name(rt)]()
	if !l.get(obj) || !fit(obj) {
		rt.Skip("not there, or not fit")
	}
	return obj
}

func alive(obj lifecycle.Object) bool { return obj.GetDeletionTimestamp().IsZero() }

func (l *life) editObject(rt *rapid.T) {
	edit(l.world, l.pick(rt, alive), func(obj lifecycle.Object) { change(rt, obj) })
}

func (l *life) editToken(rt *rapid.T) {
	t := newToken()
	t.Name = rapid.SampledFrom([]string{"token", "token-2"}).Draw(rt, "token")
	if !l.get(t) || !alive(t) {
		rt.Skip("not there")
	}
	edit(l.world, t, func(t *v1alpha1.ServiceAccountToken) { changeToken(rt, t) })
}

// change is what a person can change in a spec.
func change(rt *rapid.T, obj lifecycle.Object) {
	suffix := strings.TrimLeft(obj.GetName(), "abcdefghijklmnopqrstuvwxyz")
	switch o := obj.(type) {
	case *v1alpha1.Instance:
		o.Spec.OnReset = rapid.SampledFrom(
			[]v1alpha1.ResetPolicy{v1alpha1.ResetRebuild, v1alpha1.ResetHold},
		).Draw(
			rt,
			"onReset",
		)
	case *v1alpha1.Organization:
		o.Spec.DeletionPolicy = rapid.SampledFrom(
			[]v1alpha1.OrganizationDeletionPolicy{
				"",
				v1alpha1.OrganizationDelete,
				v1alpha1.OrganizationOrphan,
				v1alpha1.OrganizationDeleteWithContents,
			},
		).Draw(
			rt,
			"deletionPolicy",
		)
		o.Spec.MaxServiceAccountRole = rapid.SampledFrom(
			[]v1alpha1.Role{"", "", v1alpha1.RoleViewer, v1alpha1.RoleEditor},
		).Draw(
			rt,
			"maxServiceAccountRole",
		)
		name := rapid.SampledFrom([]string{"Tenant", "Renamed", "100%_"}).Draw(rt, "name") + suffix
		o.Spec.Name = name
		theme := rapid.SampledFrom([]string{"", "dark", "light"}).Draw(rt, "theme")
		if o.Spec.Preferences = nil; theme != "" {
			o.Spec.Preferences = &v1alpha1.Preferences{Theme: theme}
		}
	case *v1alpha1.ServiceAccount:
		o.Spec.Name = rapid.SampledFrom([]string{"CI", "Deploy", "ci", "50%_"}).Draw(rt, "name") + suffix
		o.Spec.Role = rapid.SampledFrom(
			[]v1alpha1.Role{v1alpha1.RoleNone, v1alpha1.RoleViewer, v1alpha1.RoleEditor, v1alpha1.RoleAdmin},
		).Draw(
			rt,
			"role",
		)
		o.Spec.Disabled = rapid.IntRange(0, 3).Draw(rt, "disabled") == 3
		o.Spec.DeletionPolicy = drawPolicy(rt)
	case *v1alpha1.ServiceAccountToken:
		o.Spec.DeletionPolicy = drawPolicy(rt)
		changeToken(rt, o)
	case *v1alpha1.Dashboard:
		o.Spec.DeletionPolicy = drawPolicy(rt)
		text := rapid.SampledFrom([]string{oneDashboard, otherDashboard}).Draw(rt, "json")
		if suffix != "" {
			text = strings.Replace(text, "Requests", "Errors", 1)
		}
		o.Spec.Source.JSON = &text
	}
}

func drawPolicy(rt *rapid.T) v1alpha1.DeletionPolicy {
	return rapid.SampledFrom(
		[]v1alpha1.DeletionPolicy{"", v1alpha1.DeletionDelete, v1alpha1.DeletionOrphan},
	).Draw(
		rt,
		"deletionPolicy",
	)
}

func changeToken(rt *rapid.T, o *v1alpha1.ServiceAccountToken) {
	hours := rapid.SampledFrom([]int{0, 1, 24, 720}).Draw(rt, "ttl")
	if o.Spec.TTL = nil; hours > 0 {
		o.Spec.TTL = &metav1.Duration{Duration: time.Duration(hours) * time.Hour}
	}
	minutes := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Minute} }
	if o.Spec.Rotation = nil; rapid.Bool().Draw(rt, "rotation") {
		o.Spec.Rotation = &v1alpha1.TokenRotation{
			Before:  minutes(rapid.IntRange(0, 40).Draw(rt, "before")),
			Overlap: minutes(rapid.IntRange(0, 30).Draw(rt, "overlap")),
		}
	}
	if wish := rapid.IntRange(0, 9).Draw(rt, "rotate"); wish > 0 {
		metav1.SetMetaDataAnnotation(&o.ObjectMeta, v1alpha1.AnnotationRotate, fmt.Sprint(wish))
	}
	changeTokenSecret(rt, o)
}

func changeTokenSecret(rt *rapid.T, o *v1alpha1.ServiceAccountToken) {
	spec := &o.Spec.Secret
	spec.Name = rapid.SampledFrom([]string{"", "moved-" + o.Name, "moved-again-" + o.Name}).Draw(rt, "secret")
	spec.Type = rapid.SampledFrom([]string{"Opaque", "example.com/token"}).Draw(rt, "type")
	spec.Key = rapid.SampledFrom([]string{"token", "GRAFANA_TOKEN"}).Draw(rt, "key")
	team := rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "label")
	if spec.Labels = nil; team != "" {
		spec.Labels = map[string]v1alpha1.LabelValue{"team": v1alpha1.LabelValue(team)}
	}
	if spec.Template = nil; rapid.Bool().Draw(rt, "template") {
		spec.Template = map[string]v1alpha1.TemplateText{
			"auth": "{{ .token }} of {{ .login }} in {{ .orgName }} until {{ .expiresAt }}",
		}
	}
}

func (l *life) deleteObject(rt *rapid.T) { l.delete(l.pick(rt, alive)) }

// children are the objects in another.
func (l *life) children(parent lifecycle.Object) []lifecycle.Object {
	return slices.DeleteFunc(l.objects(), func(obj lifecycle.Object) bool {
		return kindOf(obj) == "Instance" || parentOf(obj) != client.ObjectKeyFromObject(parent)
	})
}

func (l *life) createObject(rt *rapid.T) {
	name := l.name(rt)
	if l.get(l.cast[name]()) {
		rt.Skip("it is there")
	}
	l.bear(name)
}

// abandon has an object let go, if it is being deleted or will be.
func (l *life) abandon(rt *rapid.T) {
	obj := l.pick(rt, func(lifecycle.Object) bool { return true })
	edit(l.world, obj, func(obj lifecycle.Object) { annotate(obj, v1alpha1.AnnotationAbandon, "true") })
	if alive(obj) && rapid.Bool().Draw(rt, "delete it") {
		l.delete(obj)
	}
}

func annotate(obj lifecycle.Object, name, value string) {
	all := maps.Clone(obj.GetAnnotations())
	if all == nil {
		all = map[string]string{}
	}
	all[name] = value
	obj.SetAnnotations(all)
}

// confirmReset is what a person does when the Instance asks for it, or before.
func (l *life) confirmReset(*rapid.T) {
	i := newInstance()
	if l.get(i) {
		edit(l.world, i, func(i *v1alpha1.Instance) {
			annotate(i, v1alpha1.AnnotationConfirmReset, strconv.FormatInt(i.Status.Resets+1, 10))
		})
	}
}

func (l *life) suspend(rt *rapid.T) {
	on := rapid.Bool().Draw(rt, "suspend")
	edit(l.world, l.pick(rt, alive), func(obj lifecycle.Object) { setSuspend(obj, on) })
}

func setSuspend(obj lifecycle.Object, on bool) {
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		o.Spec.Suspend = on
	case *v1alpha1.ServiceAccount:
		o.Spec.Suspend = on
	case *v1alpha1.ServiceAccountToken:
		o.Spec.Suspend = on
	case *v1alpha1.Dashboard:
		o.Spec.Suspend = on
	}
}

// wipeStatus empties a status, as a restored backup does. An organization that has lost its mark as well could not be
// found again by anybody.
func (l *life) wipeStatus(rt *rapid.T) {
	obj := l.pick(rt, func(obj lifecycle.Object) bool {
		o, ok := obj.(*v1alpha1.Organization)
		return alive(obj) && (!ok || slices.ContainsFunc(l.grafana.Orgs(), func(org grafanatest.Org) bool {
			return org.ID == o.Status.OrgID && markIn(org) == mark.Of("cluster-1", o)
		}))
	})
	switch o := obj.(type) {
	case *v1alpha1.Instance:
		o.Status = v1alpha1.InstanceStatus{}
	case *v1alpha1.Organization:
		o.Status = v1alpha1.OrganizationStatus{}
	case *v1alpha1.ServiceAccount:
		o.Status = v1alpha1.ServiceAccountStatus{}
	case *v1alpha1.ServiceAccountToken:
		o.Status = v1alpha1.ServiceAccountTokenStatus{}
	case *v1alpha1.Dashboard:
		o.Status = v1alpha1.DashboardStatus{}
	}
	if err := l.kube.Status().Update(l.tb.Context(), obj); err != nil {
		l.tb.Fatal(err)
	}
	l.remember(obj)
	l.everybody()
}

func marked(org grafanatest.Org) bool {
	return strings.Contains(org.Address.Address2+org.Address.State, "uid=")
}

func (l *life) deleteSecret(rt *rapid.T) {
	l.delete(&corev1.Secret{ObjectMeta: named(l.tokenSecret(rt))})
}

// tokenSecret draws a Secret of ours.
func (l *life) tokenSecret(rt *rapid.T) string {
	var list corev1.SecretList
	if err := l.kube.List(l.tb.Context(), &list, client.InNamespace(tenantNamespace)); err != nil {
		l.tb.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		if metav1.GetControllerOf(&list.Items[i]) != nil {
			names = append(names, list.Items[i].Name)
		}
	}
	if len(names) == 0 {
		rt.Skip("none there")
	}
	slices.Sort(names)
	return names[rapid.IntRange(0, len(names)-1).Draw(rt, "secret")]
}

func (l *life) editSecret(rt *rapid.T) {
	l.changeSecret(l.tokenSecret(rt), func(s *corev1.Secret) { spoil(rt, s) })
}

// spoil is what a person does to a Secret of ours.
func spoil(rt *rapid.T, s *corev1.Secret) {
	switch rapid.SampledFrom([]string{"empty", "overwrite", "annotation", "annotations", "labels"}).Draw(rt, "change") {
	case "empty":
		s.Data = nil
	case "overwrite":
		for k := range s.Data {
			s.Data[k] = []byte("overwritten")
		}
	case "annotation":
		names := sortedKeys(s.Annotations)
		if len(names) > 0 {
			s.Annotations[rapid.SampledFrom(names).Draw(rt, "annotation")] = rapid.SampledFrom(
				[]string{"", "1", "9"},
			).Draw(
				rt,
				"value",
			)
		}
	case "annotations":
		s.Annotations = nil
	case "labels":
		s.Labels = nil
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// ours draws an organization of ours in Grafana.
func (l *life) ours(rt *rapid.T) grafanatest.Org {
	orgs := slices.DeleteFunc(
		l.grafana.Orgs(),
		func(o grafanatest.Org) bool { return isForeign(o.Name) || strings.HasPrefix(o.Name, "Anchor") },
	)
	if len(orgs) == 0 {
		rt.Skip("none there")
	}
	return orgs[rapid.IntRange(0, len(orgs)-1).Draw(rt, "organization")]
}

// do is what a server admin does in Grafana.
func (l *life) do(method string, org int64, body any, path string, args ...any) []byte {
	_, answer := l.grafana.Do(method, fmt.Sprintf(path, args...), org, body)
	return answer
}

// touchOrganization is what people do with organizations in Grafana. They leave one alone that bears its birth name or
// no mark yet: without both, it is nobody's.
func (l *life) touchOrganization(rt *rapid.T) {
	org := l.ours(rt)
	switch rapid.SampledFrom(
		[]string{"delete", "rename", "remove the operator", "remove the mark", "add an account", "add a dashboard"},
	).Draw(
		rt,
		"change",
	) {
	case "delete":
		l.do(http.MethodDelete, 1, nil, "/api/orgs/%d", org.ID)
	case "rename":
		if !marked(org) || !l.recorded(org) {
			rt.Skip("it would be nobody's")
		}
		l.do(http.MethodPut, 1, map[string]any{"name": fmt.Sprint("Somebody's idea ", org.ID)}, "/api/orgs/%d", org.ID)
	case "remove the operator":
		l.removeOperator(org.ID)
	case "remove the mark":
		if !l.known(org) {
			rt.Skip("it would be nobody's")
		}
		l.altered = true
		l.do(
			http.MethodPut,
			1,
			map[string]any{"address1": org.Address.Address1, "address2": "a person's", "state": "a person's"},
			"/api/orgs/%d/address",
			org.ID,
		)
	case "add an account":
		l.do(
			http.MethodPost,
			org.ID,
			map[string]any{"name": "Foreign account", "role": "Viewer"},
			"/api/serviceaccounts",
		)
	case "add a dashboard":
		l.do(
			http.MethodPost,
			org.ID,
			map[string]any{"dashboard": map[string]any{"uid": "foreign", "title": "Foreign dashboard"}},
			"/api/dashboards/db",
		)
	}
}

// forge writes into an organization's address what its own Admin can make up there, who knows the mark that it had, and
// may rename it as well.
func (l *life) forge(rt *rapid.T) {
	org := l.ours(rt)
	if !l.known(org) {
		rt.Skip("it would be nobody's")
	}
	l.altered = true
	m := mark.Mark{
		Owner:   tenantNamespace + "/" + rapid.SampledFrom([]string{"org", "org-2"}).Draw(rt, "owner"),
		UID:     "f0f0f0f0-0000-4000-8000-000000000000",
		Cluster: rapid.SampledFrom([]string{"cluster-1", "cluster-2"}).Draw(rt, "cluster"),
	}
	address := mark.Write(grafana.Address{}, m, rapid.Bool().Draw(rt, "adopted"))
	if rapid.Bool().Draw(rt, "released") {
		address = mark.Release(address)
	}
	l.do(
		http.MethodPut,
		1,
		map[string]any{"address1": org.Address.Address1, "address2": address.Address2},
		"/api/orgs/%d/address",
		org.ID,
	)
	if name := rapid.SampledFrom([]string{"", "Tenant", "Tenant-2", "Mine [f0f0f0f0]"}).Draw(rt, "name"); name != "" {
		l.do(http.MethodPut, 1, map[string]any{"name": name}, "/api/orgs/%d", org.ID)
	}
}

// precede makes what objects of ours may want to have, as people do.
func (l *life) precede(rt *rapid.T) {
	suffix := rapid.SampledFrom([]string{"", "-2"}).Draw(rt, "suffix")
	switch rapid.SampledFrom([]string{"organization", "account", "dashboard"}).Draw(rt, "what") {
	case "organization":
		var made struct{ OrgID int64 }
		_ = json.Unmarshal(
			l.do(
				http.MethodPost,
				1,
				map[string]any{"name": rapid.SampledFrom([]string{"Tenant", "Renamed"}).Draw(rt, "name") + suffix},
				"/api/orgs",
			),
			&made,
		)
		if made.OrgID == 0 {
			rt.Skip("there is one")
		}
		l.do(http.MethodPut, 1, map[string]any{"address1": house}, "/api/orgs/%d/address", made.OrgID)
		if rapid.Bool().Draw(rt, "without the operator") {
			l.removeOperator(made.OrgID)
		}
	case "account":
		role := rapid.SampledFrom([]string{"Viewer", "Admin"}).Draw(rt, "role")
		l.do(
			http.MethodPost,
			l.ours(rt).ID,
			map[string]any{"name": rapid.SampledFrom([]string{"CI", "Deploy"}).Draw(rt, "name") + suffix, "role": role},
			"/api/serviceaccounts",
		)
	case "dashboard":
		l.do(
			http.MethodPost,
			l.ours(rt).ID,
			map[string]any{"dashboard": map[string]any{"uid": "errors", "title": "Somebody's errors"}},
			"/api/dashboards/db",
		)
	}
}

// removeOperator takes the operator's login out of an organization.
func (l *life) removeOperator(org int64) {
	l.do(http.MethodPost, 1, map[string]any{"login": "boss", "password": "secret"}, "/api/admin/users")
	l.do(http.MethodPost, 1, map[string]any{"loginOrEmail": "boss", "role": "Admin"}, "/api/orgs/%d/users", org)
	l.do(http.MethodDelete, 1, nil, "/api/orgs/%d/users/1", org)
}

// recorded reports whether an organization is in a status.
func (l *life) recorded(org grafanatest.Org) bool {
	return slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
		o, ok := obj.(*v1alpha1.Organization)
		return ok && o.Status.OrgID == org.ID
	})
}

// known reports whether id and name of an organization are in a status, and will be believed as long as Grafana is not
// reset.
func (l *life) known(org grafanatest.Org) bool {
	i := newInstance()
	return l.get(i) && i.Status.Resets == 0 && l.anchored() &&
		slices.ContainsFunc(l.objects(), func(obj lifecycle.Object) bool {
			o, ok := obj.(*v1alpha1.Organization)
			return ok && o.Status.OrgID == org.ID && o.Status.Resets == 0 && o.Status.Name == org.Name &&
				o.WantedName() == org.Name
		})
}

func (l *life) touchAccount(rt *rapid.T) {
	org := l.ours(rt)
	accounts := slices.DeleteFunc(
		l.grafana.ServiceAccounts(org.ID),
		func(a grafanatest.SA) bool { return isForeign(a.Name) },
	)
	if len(accounts) == 0 {
		rt.Skip("none there")
	}
	a := accounts[rapid.IntRange(0, len(accounts)-1).Draw(rt, "account")]
	change := rapid.SampledFrom([]string{"delete", "rename", "role", "disable"}).Draw(rt, "change")
	if change == "delete" {
		l.do(http.MethodDelete, org.ID, nil, "/api/serviceaccounts/%d", a.ID)
		return
	}
	body := map[string]map[string]any{"rename": {"name": fmt.Sprint("Somebody's idea ", a.ID)}, "role": {"role": "None"}, "disable": {"isDisabled": !a.Disabled}}[change]
	l.do(http.MethodPatch, org.ID, body, "/api/serviceaccounts/%d", a.ID)
}

func (l *life) touchToken(rt *rapid.T) {
	org := l.ours(rt)
	if rapid.Bool().Draw(rt, "add one") {
		l.addToken(rt, org)
		return
	}
	tokens := slices.DeleteFunc(
		l.grafana.Tokens(org.ID),
		func(t grafanatest.Tok) bool { return strings.HasPrefix(t.Name, "kept") },
	)
	if len(tokens) == 0 {
		rt.Skip("none there")
	}
	t := tokens[rapid.IntRange(0, len(tokens)-1).Draw(rt, "token")]
	if rapid.Bool().Draw(rt, "revoke") {
		l.grafana.RevokeToken(org.ID, t.ID)
		return
	}
	l.do(http.MethodDelete, org.ID, nil, "/api/serviceaccounts/%d/tokens/%d", t.SAID, t.ID)
}

// addToken makes a token of a person's own, who keeps its key in a Secret.
func (l *life) addToken(rt *rapid.T, org grafanatest.Org) {
	accounts := l.grafana.ServiceAccounts(org.ID)
	if len(accounts) == 0 {
		rt.Skip("no account")
	}
	before := len(l.grafana.Keys())
	l.do(
		http.MethodPost,
		org.ID,
		map[string]any{"name": fmt.Sprint("kept-", before)},
		"/api/serviceaccounts/%d/tokens",
		accounts[0].ID,
	)
	if keys := l.grafana.Keys(); len(keys) > before {
		l.create(
			&corev1.Secret{
				ObjectMeta: named(fmt.Sprint("kept-", before)),
				Data:       map[string][]byte{"key": []byte(keys[before])},
			},
		)
	}
}

func (l *life) touchDashboard(rt *rapid.T) {
	org := l.ours(rt)
	dashboards := slices.DeleteFunc(
		l.grafana.Dashboards(org.ID),
		func(d grafanatest.Dash) bool { return isForeign(d.Title) },
	)
	if len(dashboards) == 0 {
		rt.Skip("none there")
	}
	d := dashboards[rapid.IntRange(0, len(dashboards)-1).Draw(rt, "dashboard")]
	if rapid.Bool().Draw(rt, "delete") {
		l.do(http.MethodDelete, org.ID, nil, "/api/dashboards/uid/%s", d.UID)
		return
	}
	l.do(
		http.MethodPost,
		org.ID,
		map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": d.UID, "title": "Mine " + d.UID}},
		"/api/dashboards/db",
	)
}
