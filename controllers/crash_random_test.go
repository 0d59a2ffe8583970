package controllers

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
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
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// TestCrashRandom lets people, Grafana, Kubernetes and bad luck do whatever they can to a tenant, in any order. Then peace returns, and the invariants must hold.
func TestCrashRandom(t *testing.T) {
	checks, seed := 60, uint64(1)
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
	summarize(t, "crash random: %s checks of each version of Grafana, seed %s", flag.Lookup("rapid.checks").Value, flag.Lookup("rapid.seed").Value)
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
	cast    map[string]func() Object // by name: all objects that are there, or may come again
	births  int                      // of objects, which makes their uids
	foreign string                   // what others have in Grafana
	kept    []grafanatest.Tok
	lost    map[types.UID]bool // objects whose status was wiped
}

// shrinkable sends the failures of a world to rapid, which looks for the shortest way to them.
type shrinkable struct {
	testing.TB
	rt *rapid.T
}

func (s shrinkable) Fatal(args ...any) { s.rt.Fatal(args...) }
func (s shrinkable) Helper()           {}

func newLife(t *testing.T, rt *rapid.T, version string) *life {
	l := &life{world: newWorld(shrinkable{t, rt}, version), cast: map[string]func() Object{}, lost: map[types.UID]bool{}}
	l.seed()
	for _, suffix := range []string{"", "-2"} {
		l.join("org"+suffix, func() Object { return newOrganization("Tenant" + suffix) })
		l.join("account"+suffix, func() Object { return newAccount("CI" + suffix) })
		l.join("token"+suffix, func() Object { return newToken() })
	}
	l.join("dashboard", func() Object { return newDashboard("", oneDashboard) })
	l.join("dashboard-2", func() Object {
		d := newDashboard("errors", strings.Replace(oneDashboard, "Requests", "Errors", 1))
		d.Spec.OrganizationRef.Name = "org-2"
		return d
	})
	for _, name := range sortedKeys(l.cast) {
		l.bear(name)
	}
	if rapid.Bool().Draw(rt, "at rest") {
		if err := l.rest(); err != nil {
			rt.Fatal(err)
		}
	}
	l.look()
	return l
}

func (l *life) join(name string, fresh func() Object) {
	l.cast[name] = func() Object {
		obj := fresh()
		obj.SetName(name)
		return obj
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

// actions are all that can happen. What the operator does stands there several times, so that it comes to something between what others do.
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
	return all
}

// look takes down what people have in Grafana, which the operator must leave as it is.
func (l *life) look() {
	l.foreign = l.world.foreign()
	l.kept = nil
	for _, org := range l.grafana.Orgs() {
		for _, t := range l.grafana.Tokens(org.ID) {
			if strings.HasPrefix(t.Name, "kept") {
				l.kept = append(l.kept, t)
			}
		}
	}
}

// unharmed fails if the operator has changed what is not its own.
func (l *life) unharmed(rt *rapid.T) {
	if now := l.world.foreign(); now != l.foreign {
		rt.Fatalf("something foreign changed:\n  was %s\n  is  %s", l.foreign, now)
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
			rt.Fatalf("a person's token %q is gone, and its account is not", t.Name)
		}
	}
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
	l.only = rapid.SampledFrom([]string{"", "grafana P", "grafana DELETE", "kubernetes", "kubernetes create", "kubernetes update"}).Draw(rt, "only")
	l.spare = rapid.IntRange(0, 10).Draw(rt, "after points")
	l.work(rt)
}

// passTime lets time pass, in which the operator works.
func (l *life) passTime(rt *rapid.T) {
	if err := l.workFor(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute); err != nil {
		rt.Fatal(err)
	}
}

// workFor lets the operator do what is due in that time.
func (l *life) workFor(d time.Duration) error {
	end := l.clock.Add(d)
	for range rounds {
		if !l.step(end) {
			l.advance(end)
			return nil
		}
	}
	return fmt.Errorf("%d visits in %s: %v", rounds, d, l.due)
}

// away lets time pass in which there is no operator.
func (l *life) away(rt *rapid.T) {
	l.advance(l.clock.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute))
	l.land()
	l.start()
}

// reset empties Grafana. Nobody makes organizations after that: one that got the id of ours, without a mark, would be a person's to sort out.
func (l *life) reset(*rapid.T) { l.grafana.ResetDatabase() }

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
	return rapid.SampledFrom(sortedKeys(l.cast)).Draw(rt, "object")
}

// pick draws an object that is there.
func (l *life) pick(rt *rapid.T, fit func(Object) bool) Object {
	obj := l.cast[l.name(rt)]()
	if !l.get(obj) || !fit(obj) {
		rt.Skip("not there, or not fit")
	}
	return obj
}

func alive(obj Object) bool { return obj.GetDeletionTimestamp().IsZero() }

func (l *life) editObject(rt *rapid.T) {
	edit(l.world, l.pick(rt, alive), func(obj Object) { change(rt, obj) })
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
func change(rt *rapid.T, obj Object) {
	suffix := strings.TrimLeft(obj.GetName(), "abcdefghijklmnopqrstuvwxyz")
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		name := rapid.SampledFrom([]string{"Tenant", "Renamed", "100%_"}).Draw(rt, "name") + suffix
		if o.Status.OrgID != 0 { // else its status may have been wiped, and it is found by its name or never
			o.Spec.Name = name
		}
		theme := rapid.SampledFrom([]string{"", "dark", "light"}).Draw(rt, "theme")
		if o.Spec.Preferences = nil; theme != "" {
			o.Spec.Preferences = &v1alpha1.Preferences{Theme: theme}
		}
	case *v1alpha1.ServiceAccount:
		o.Spec.Name = rapid.SampledFrom([]string{"CI", "Deploy", "ci", "50%_"}).Draw(rt, "name") + suffix
		o.Spec.Role = rapid.SampledFrom([]v1alpha1.Role{v1alpha1.RoleNone, v1alpha1.RoleViewer, v1alpha1.RoleEditor, v1alpha1.RoleAdmin}).Draw(rt, "role")
		o.Spec.Disabled = rapid.IntRange(0, 3).Draw(rt, "disabled") == 3
	case *v1alpha1.ServiceAccountToken:
		changeToken(rt, o)
	case *v1alpha1.Dashboard:
		text := rapid.SampledFrom([]string{oneDashboard, otherDashboard}).Draw(rt, "json")
		if suffix != "" {
			text = strings.Replace(text, "Requests", "Errors", 1)
		}
		o.Spec.Source.JSON = &text
	}
}

func changeToken(rt *rapid.T, o *v1alpha1.ServiceAccountToken) {
	hours := rapid.SampledFrom([]int{0, 1, 24, 720}).Draw(rt, "ttl")
	if o.Spec.TTL = nil; hours > 0 {
		o.Spec.TTL = &metav1.Duration{Duration: time.Duration(hours) * time.Hour}
	}
	minutes := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Minute} }
	if o.Spec.Rotation = nil; rapid.Bool().Draw(rt, "rotation") {
		o.Spec.Rotation = &v1alpha1.TokenRotation{Before: minutes(rapid.IntRange(0, 40).Draw(rt, "before")), Overlap: minutes(rapid.IntRange(0, 30).Draw(rt, "overlap"))}
	}
	if wish := rapid.IntRange(0, 9).Draw(rt, "rotate"); wish > 0 {
		o.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint(wish)}
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
		spec.Template = map[string]v1alpha1.TemplateText{"auth": "{{ .token }} of {{ .login }} in {{ .orgName }} until {{ .expiresAt }}"}
	}
}

// deleteObject leaves out objects that have lost their status, until it is there again: without it they know of nothing that would have to be deleted.
func (l *life) deleteObject(rt *rapid.T) {
	l.delete(l.pick(rt, func(obj Object) bool {
		return alive(obj) && !l.isLost(obj) && !slices.ContainsFunc(l.children(obj), l.isLost)
	}))
}

// isLost reports whether an object has lost its status and not found again what it stands for.
func (l *life) isLost(obj Object) bool {
	if !l.lost[obj.GetUID()] {
		return false
	}
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		return o.Status.OrgID == 0
	case *v1alpha1.ServiceAccount:
		return o.Status.ID == 0 || slices.ContainsFunc(l.children(obj), l.isLost)
	case *v1alpha1.ServiceAccountToken:
		return o.Status.TokenID == 0
	case *v1alpha1.Dashboard:
		return o.Status.UID == ""
	}
	return false
}

// children are the objects in another.
func (l *life) children(parent Object) []Object {
	return slices.DeleteFunc(l.objects(), func(obj Object) bool {
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

func (l *life) suspend(rt *rapid.T) {
	on := rapid.Bool().Draw(rt, "suspend")
	edit(l.world, l.pick(rt, alive), func(obj Object) { setSuspend(obj, on) })
}

func setSuspend(obj Object, on bool) {
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

// wipeStatus empties a status, as a restored backup does. An organization that is called otherwise at that moment than its object says could not be found again by anybody.
func (l *life) wipeStatus(rt *rapid.T) {
	obj := l.pick(rt, func(obj Object) bool {
		if o, ok := obj.(*v1alpha1.Organization); ok {
			return alive(obj) && slices.ContainsFunc(l.grafana.Orgs(), func(org grafanatest.Org) bool {
				return org.ID == o.Status.OrgID && org.Name == o.WantedName() && marked(org)
			})
		}
		parent := l.cast[parentOf(obj).Name]()
		return alive(obj) && l.get(parent) && alive(parent)
	})
	l.lost[obj.GetUID()] = true
	switch o := obj.(type) {
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

// spoil is what a person does to a Secret of ours. What the operator notes there of its own labels, annotations and data stays: without it, nobody could tell what else there is its own.
func spoil(rt *rapid.T, s *corev1.Secret) {
	switch rapid.SampledFrom([]string{"empty", "overwrite", "annotation", "annotations", "labels"}).Draw(rt, "change") {
	case "empty":
		s.Data = nil
	case "overwrite":
		for k := range s.Data {
			s.Data[k] = []byte("overwritten")
		}
	case "annotation":
		names := slices.DeleteFunc(sortedKeys(s.Annotations), isInventory)
		if len(names) > 0 {
			s.Annotations[rapid.SampledFrom(names).Draw(rt, "annotation")] = rapid.SampledFrom([]string{"", "1", "9"}).Draw(rt, "value")
		}
	case "annotations":
		maps.DeleteFunc(s.Annotations, func(k, _ string) bool { return !isInventory(k) })
	case "labels":
		s.Labels = nil
	}
}

func isInventory(annotation string) bool {
	return slices.Contains([]string{v1alpha1.AnnotationAppliedLabels, v1alpha1.AnnotationAppliedAnnotations, v1alpha1.AnnotationAppliedData}, annotation)
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
	orgs := slices.DeleteFunc(l.grafana.Orgs(), func(o grafanatest.Org) bool { return isForeign(o.Name) })
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

// touchOrganization is what people do with organizations in Grafana. They leave one alone that bears its birth name or no mark yet: without both, it is nobody's.
func (l *life) touchOrganization(rt *rapid.T) {
	org := l.ours(rt)
	switch rapid.SampledFrom([]string{"delete", "rename", "remove the operator", "remove the mark", "add an account", "add a dashboard"}).Draw(rt, "change") {
	case "delete":
		l.do(http.MethodDelete, 1, nil, "/api/orgs/%d", org.ID)
	case "rename":
		if !marked(org) || !l.recorded(org) {
			rt.Skip("it would be nobody's")
		}
		l.do(http.MethodPut, 1, map[string]any{"name": fmt.Sprint("Somebody's idea ", org.ID)}, "/api/orgs/%d", org.ID)
	case "remove the operator":
		l.do(http.MethodPost, 1, map[string]any{"login": "boss", "password": "secret"}, "/api/admin/users")
		l.do(http.MethodPost, 1, map[string]any{"loginOrEmail": "boss", "role": "Admin"}, "/api/orgs/%d/users", org.ID)
		l.do(http.MethodDelete, 1, nil, "/api/orgs/%d/users/1", org.ID)
	case "remove the mark":
		if !l.known(org) {
			rt.Skip("it would be nobody's")
		}
		l.do(http.MethodPut, 1, map[string]any{"address1": "", "address2": "a person's", "state": "a person's"}, "/api/orgs/%d/address", org.ID)
	case "add an account":
		l.do(http.MethodPost, org.ID, map[string]any{"name": "Foreign account", "role": "Viewer"}, "/api/serviceaccounts")
	case "add a dashboard":
		l.do(http.MethodPost, org.ID, map[string]any{"dashboard": map[string]any{"uid": "foreign", "title": "Foreign dashboard"}}, "/api/dashboards/db")
	}
}

// recorded reports whether an organization is in a status.
func (l *life) recorded(org grafanatest.Org) bool {
	return slices.ContainsFunc(l.objects(), func(obj Object) bool {
		o, ok := obj.(*v1alpha1.Organization)
		return ok && o.Status.OrgID == org.ID
	})
}

// known reports whether id and name of an organization are in a status.
func (l *life) known(org grafanatest.Org) bool {
	return slices.ContainsFunc(l.objects(), func(obj Object) bool {
		o, ok := obj.(*v1alpha1.Organization)
		return ok && o.Status.OrgID == org.ID && o.Status.Name == org.Name && o.WantedName() == org.Name
	})
}

func (l *life) touchAccount(rt *rapid.T) {
	org := l.ours(rt)
	accounts := slices.DeleteFunc(l.grafana.ServiceAccounts(org.ID), func(a grafanatest.SA) bool { return isForeign(a.Name) })
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
	tokens := slices.DeleteFunc(l.grafana.Tokens(org.ID), func(t grafanatest.Tok) bool { return strings.HasPrefix(t.Name, "kept") })
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
	l.do(http.MethodPost, org.ID, map[string]any{"name": fmt.Sprint("kept-", before)}, "/api/serviceaccounts/%d/tokens", accounts[0].ID)
	if keys := l.grafana.Keys(); len(keys) > before {
		l.create(&corev1.Secret{ObjectMeta: named(fmt.Sprint("kept-", before)), Data: map[string][]byte{"key": []byte(keys[before])}})
	}
}

func (l *life) touchDashboard(rt *rapid.T) {
	org := l.ours(rt)
	dashboards := slices.DeleteFunc(l.grafana.Dashboards(org.ID), func(d grafanatest.Dash) bool { return isForeign(d.Title) })
	if len(dashboards) == 0 {
		rt.Skip("none there")
	}
	d := dashboards[rapid.IntRange(0, len(dashboards)-1).Draw(rt, "dashboard")]
	if rapid.Bool().Draw(rt, "delete") {
		l.do(http.MethodDelete, org.ID, nil, "/api/dashboards/uid/%s", d.UID)
		return
	}
	l.do(http.MethodPost, org.ID, map[string]any{"overwrite": true, "dashboard": map[string]any{"uid": d.UID, "title": "Mine " + d.UID}}, "/api/dashboards/db")
}

// peace lets nothing more go wrong. People do what the conditions ask of them, and the operator has the time of several resyncs.
func (l *life) peace() error {
	l.armed = false
	l.grafana.SetDown(false)
	for range 3 {
		l.resolve()
		l.look()
		if err := l.workFor(25 * time.Minute); err != nil {
			return err
		}
	}
	if err := l.workFor(45 * time.Minute); err != nil {
		return err
	}
	l.everybody() // in step, else one resync or other is always near
	if err := l.rest(); err != nil {
		return err
	}
	return errors.Join(l.check(l.foreign, scenario{}), l.atRest())
}

// resolve is what people have to do themselves: resume what is suspended, enable accounts, make the password right, delete what is in the way of a deletion, and create parents again.
func (l *life) resolve() {
	secret := &corev1.Secret{ObjectMeta: named("grafana")}
	l.get(secret)
	l.grafana.SetPassword("admin", string(secret.Data["admin-password"]))
	for _, obj := range l.objects() {
		if _, ok := obj.(*v1alpha1.Instance); ok || !l.get(obj) {
			continue
		}
		l.provideParent(obj)
		if !alive(obj) {
			l.clearWay(obj)
			continue
		}
		edit(l.world, obj, calm)
	}
}

// calm undoes in a spec what keeps an object from being Ready for good.
func calm(obj Object) {
	setSuspend(obj, false)
	switch o := obj.(type) {
	case *v1alpha1.ServiceAccount:
		o.Spec.Disabled = false
	case *v1alpha1.ServiceAccountToken:
		if o.Spec.TTL != nil {
			o.Spec.TTL.Duration = 720 * time.Hour
		}
	}
}

// provideParent creates the parent of an object again.
func (l *life) provideParent(obj Object) {
	parent := parentOf(obj).Name
	if fresh, ok := l.cast[parent]; ok && !l.get(fresh()) {
		l.bear(parent)
	}
}

// clearWay deletes what keeps an object from being deleted.
func (l *life) clearWay(obj Object) {
	for _, child := range l.children(obj) {
		if alive(child) {
			l.delete(child)
		}
	}
	o, ok := obj.(*v1alpha1.Organization)
	if !ok {
		return
	}
	for _, a := range l.grafana.ServiceAccounts(o.Status.OrgID) {
		if isForeign(a.Name) {
			l.do(http.MethodDelete, o.Status.OrgID, nil, "/api/serviceaccounts/%d", a.ID)
		}
	}
	for _, d := range l.grafana.Dashboards(o.Status.OrgID) {
		if isForeign(d.Title) {
			l.do(http.MethodDelete, o.Status.OrgID, nil, "/api/dashboards/uid/%s", d.UID)
		}
	}
}
