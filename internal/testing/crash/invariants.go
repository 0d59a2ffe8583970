package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Check finds out whether the two worlds agree: every object of ours is in Grafana exactly once and as the spec says,
// nothing else of ours is there, and nothing foreign has changed.
func (w *World) Check(foreign string, s Scenario) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	expected := map[string]bool{}
	for _, obj := range w.objects() {
		if reason, ok := s.Stalled[KindOf(obj)]; ok && obj.GetName() != "other" {
			w.checkStalled(obj, reason, fail)
			if o, ok := obj.(*v1alpha1.Organization); ok && o.Status.OrgID != 0 {
				expected[fmt.Sprint("org ", o.Status.OrgID)] = true // what it holds stays its own
			}
			if o, ok := obj.(*v1alpha1.ServiceAccountToken); ok && o.Status.TokenID != 0 {
				expected[fmt.Sprint("token ", o.Status.TokenID)] = true
			}
			continue
		}
		w.checkStatus(obj, fail)
		switch o := obj.(type) {
		case *v1alpha1.Organization:
			w.checkOrganization(o, expected, fail)
		case *v1alpha1.ServiceAccount:
			w.checkServiceAccount(o, expected, fail)
		case *v1alpha1.ServiceAccountToken:
			w.checkToken(o, expected, fail)
		case *v1alpha1.Folder:
			w.checkFolder(o, fail)
		case *v1alpha1.Dashboard:
			w.checkDashboard(o, expected, fail)
		case *v1alpha1.DataSource:
			w.checkDataSource(o, expected, fail)
		case *v1alpha1.Membership:
			w.checkMembership(o, fail)
		case *v1alpha1.User:
			w.checkUser(o, fail)
		case *v1alpha1.Team:
			w.checkTeam(o, expected, fail)
		case *v1alpha1.DashboardSet:
			w.checkSet(o, o.Status, fail)
		case *v1alpha1.DataSourceSet:
			w.checkSet(o, o.Status, fail)
		}
	}
	if !s.Kept {
		w.checkStrays(expected, fail)
		w.checkUnnamed(fail)
	}
	if !s.OwnKeys {
		w.checkKeys(fail)
	}
	for _, shape := range w.Grafana.Unrecorded() {
		fail("sent what is in no recording from a real Grafana (see make record): %s", shape)
	}
	if now := w.Foreign(); now != foreign {
		fail("something foreign changed:\n  was %s\n  is  %s", foreign, now)
	}
	return errors.Join(errs...)
}

type failer func(format string, args ...any)

func (w *World) checkStatus(obj lifecycle.Object, fail failer) {
	status := obj.CommonStatus()
	name := KindOf(obj) + " " + obj.GetName()
	if !obj.GetDeletionTimestamp().IsZero() {
		fail("%s is still being deleted: %v", name, status.Conditions)
		return
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil || ready.Status != "True":
		fail("%s is not Ready: %v", name, status.Conditions)
	case status.ObservedGeneration != obj.GetGeneration():
		fail("%s is Ready at generation %d, which is not %d", name, status.ObservedGeneration, obj.GetGeneration())
	case status.CreateStarted != nil:
		fail("%s has not forgotten its intent", name)
	}
}

func (w *World) checkStalled(obj lifecycle.Object, reason string, fail failer) {
	ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == "True" || ready.Reason != reason {
		fail("%s %s should be stalled by %s: %v", KindOf(obj), obj.GetName(), reason, obj.CommonStatus().Conditions)
	}
}

func (w *World) checkOrganization(o *v1alpha1.Organization, expected map[string]bool, fail failer) {
	var found []grafanatest.Org
	for _, org := range w.Grafana.Orgs() {
		if mark.Read(
			grafana.Address{Address2: org.Address.Address2, State: org.Address.State},
		) == mark.Of(
			"cluster-1",
			o,
		) {
			found = append(found, org)
		}
	}
	if len(found) != 1 {
		fail("Organization %s is in Grafana %d times", o.Name, len(found))
		return
	}
	expected[fmt.Sprint("org ", found[0].ID)] = true
	if found[0].ID != o.Status.OrgID || found[0].Name != o.WantedName() || o.Status.Name != o.WantedName() {
		fail(
			"Organization %s: Grafana has %d %q, status %d %q",
			o.Name,
			found[0].ID,
			found[0].Name,
			o.Status.OrgID,
			o.Status.Name,
		)
	}
	if p := o.Spec.Preferences; p != nil && found[0].Preferences.Theme != p.Theme {
		fail("Organization %s has theme %q", o.Name, found[0].Preferences.Theme)
	}
}

func (w *World) checkServiceAccount(o *v1alpha1.ServiceAccount, expected map[string]bool, fail failer) {
	var found []grafanatest.SA
	for _, sa := range w.Grafana.ServiceAccounts(o.Status.OrgID) {
		if isAccountOf(o, sa) {
			found = append(found, sa)
		}
	}
	if len(found) != 1 {
		fail("ServiceAccount %s is in Grafana %d times", o.Name, len(found))
		return
	}
	expected[fmt.Sprint("account ", found[0].ID)] = true
	if sa := found[0]; sa.ID != o.Status.ID || sa.Name != o.WantedName() || sa.Role != string(o.Spec.Role) ||
		sa.Disabled != o.Spec.Disabled {
		fail("ServiceAccount %s: Grafana has %+v", o.Name, sa)
	}
}

// isAccountOf reports whether an account in Grafana is a ServiceAccount's: by its login, or, of one that was taken
// over, as it is recorded.
func isAccountOf(o *v1alpha1.ServiceAccount, a grafanatest.SA) bool {
	created := a.Created.UTC().Format(time.RFC3339)
	return mark.InLogin(a.Login, mark.ShortUID(o)) ||
		a.ID == o.Status.ID && a.Login == o.Status.Login && created == o.Status.CreatedAt
}

func (w *World) checkToken(o *v1alpha1.ServiceAccountToken, expected map[string]bool, fail failer) {
	secret := &corev1.Secret{}
	secret.Namespace, secret.Name = o.Namespace, o.SecretName()
	account := &v1alpha1.ServiceAccount{}
	account.Namespace, account.Name = o.Namespace, o.Spec.ServiceAccountRef.Name
	if !w.Get(secret) || !w.Get(account) {
		fail("ServiceAccountToken %s has no Secret or no account", o.Name)
		return
	}
	if owned := w.ownedSecrets(
		o,
	); len(owned) != 1 || owned[0].Name != o.SecretName() ||
		string(owned[0].Type) != o.Spec.Secret.Type {
		fail("ServiceAccountToken %s has %d Secrets, the first %+v", o.Name, len(owned), owned)
	}
	if o.Status.ProvenAt == nil || len(o.Status.Superseded) > 0 {
		fail("ServiceAccountToken %s: proven at %v, superseded %v", o.Name, o.Status.ProvenAt, o.Status.Superseded)
	}
	org, sa, id, alive := w.Grafana.KeyAlive(string(secret.Data[o.Spec.Secret.Key]))
	if !alive || org != account.Status.OrgID || sa != account.Status.ID || id != o.Status.TokenID {
		fail(
			"ServiceAccountToken %s: its key is of token %d of account %d in org %d, alive: %v; status has %d",
			o.Name,
			id,
			sa,
			org,
			alive,
			o.Status.TokenID,
		)
	}
	for k, v := range o.Spec.Secret.Labels {
		if secret.Labels[k] != string(v) {
			fail("ServiceAccountToken %s: its Secret has no label %s", o.Name, k)
		}
	}
	w.checkData(o, secret, fail)
	expected[fmt.Sprint("token ", id)] = true
}

// checkData fails if a Secret has not exactly the data that the spec describes.
func (w *World) checkData(o *v1alpha1.ServiceAccountToken, secret *corev1.Secret, fail failer) {
	key := string(secret.Data[o.Spec.Secret.Key])
	if n := len(o.Spec.Secret.Template) + 1; len(secret.Data) != n {
		fail("ServiceAccountToken %s: its Secret has %d keys, not %d", o.Name, len(secret.Data), n)
	}
	for name := range o.Spec.Secret.Template {
		text := string(secret.Data[name])
		if name == ".env" &&
			(!strings.Contains(text, key) || !strings.Contains(text, "ORG=Tenant\n") || !strings.Contains(text, "URL=http://grafana.test\n")) {
			fail("ServiceAccountToken %s: %s is %d bytes long and not what is asked for", o.Name, name, len(text))
		}
	}
}

func (w *World) checkDashboard(o *v1alpha1.Dashboard, expected map[string]bool, fail failer) {
	for _, d := range w.Grafana.Dashboards(o.Status.OrgID) {
		if d.UID != o.Status.UID {
			continue
		}
		expected[fmt.Sprint("dashboard ", o.Status.OrgID, d.UID)] = true
		want, err := w.wanted(o)
		if err != nil {
			fail("Dashboard %s: %v", o.Name, err)
			return
		}
		w.checkPanels(o, want, expected, fail)
		a, _ := want.Hash()
		b := dashboard.HashOfSpec(d.Model, d.API)
		if a != b || a != o.Status.ContentHash || d.Version != o.Status.Version {
			fail(
				"Dashboard %s: Grafana has version %d, hash %s; status %d, %s; wanted %s",
				o.Name,
				d.Version,
				b,
				o.Status.Version,
				o.Status.ContentHash,
				a,
			)
		}
		return
	}
	fail("Dashboard %s is not in Grafana", o.Name)
}

// wanted is what a Dashboard asks for.
func (w *World) wanted(o *v1alpha1.Dashboard) (*dashboard.Content, error) {
	inputs, text := map[string]string{}, ""
	for _, in := range o.Spec.Inputs {
		inputs[in.Name] = in.Value
	}
	switch from := o.Spec.Source; {
	case from.JSON != nil:
		text = *from.JSON
	case from.Model != nil:
		text = string(from.Model.Raw)
	case from.ConfigMapRef != nil:
		text = w.keptContent(from.ConfigMapRef)
	case from.URL != nil:
		text = w.Served[from.URL.URL]
	case from.GrafanaCom != nil:
		text = w.Served[fmt.Sprintf("https://grafana.com/api/dashboards/%d/revisions/%d/download", from.GrafanaCom.ID, from.GrafanaCom.Revision)]
	}
	return dashboard.Parse([]byte(text), dashboard.Wishes{
		Title: o.Spec.Title, Inputs: inputs, DataSources: w.standIns(o), LibraryPanels: panelUIDs(o),
	})
}

// checkStrays fails for everything in Grafana that is neither foreign nor expected.
func (w *World) checkStrays(expected map[string]bool, fail failer) {
	for _, org := range w.Grafana.Orgs() {
		if IsForeign(org.Name) {
			continue
		}
		kept := strings.Contains(org.Name, "kept") // what deletionPolicy Orphan has left
		if !expected[fmt.Sprint("org ", org.ID)] && !kept {
			fail("organization %d %q is nobody's", org.ID, org.Name)
		}
		for _, sa := range w.Grafana.ServiceAccounts(org.ID) {
			if !expected[fmt.Sprint("account ", sa.ID)] && !IsForeign(sa.Name) && !strings.Contains(sa.Name, "kept") {
				fail("service account %d %q of organization %d is nobody's", sa.ID, sa.Name, org.ID)
			}
		}
		for _, t := range w.Grafana.Tokens(org.ID) {
			if !expected[fmt.Sprint("token ", t.ID)] && !strings.Contains(t.Name, "kept") {
				fail("token %d %q of organization %d is nobody's", t.ID, t.Name, org.ID)
			}
		}
		for _, d := range w.Grafana.Dashboards(org.ID) {
			if !expected[fmt.Sprint("dashboard ", org.ID, d.UID)] && !IsForeign(d.Title) &&
				!strings.Contains(d.Title, "kept") {
				fail("dashboard %q of organization %d is nobody's", d.UID, org.ID)
			}
		}
		for _, s := range w.Grafana.Sources(org.ID) {
			if !expected[fmt.Sprint("source ", org.ID, s.UID)] && !IsForeign(s.Name) &&
				!strings.Contains(s.Name, "kept") {
				fail("data source %q of organization %d is nobody's", s.Name, org.ID)
			}
		}
		w.checkStrayTeams(org.ID, expected, fail)
		w.checkStrayPanels(org.ID, expected, fail)
	}
}

// checkKeys fails for every key that lives and is in no Secret.
func (w *World) checkKeys(fail failer) {
	var secrets corev1.SecretList
	if err := w.Kube.List(w.TB.Context(), &secrets, client.InNamespace(Namespace)); err != nil {
		w.TB.Fatal(err)
	}
	held := map[string]bool{}
	for _, s := range secrets.Items {
		for _, v := range s.Data {
			held[string(v)] = true
		}
	}
	for _, key := range w.Grafana.Keys() {
		if _, _, id, alive := w.Grafana.KeyAlive(key); alive && !held[key] {
			fail("the key of token %d lives, and no Secret holds it", id)
		}
	}
}

// IsForeign reports whether something in Grafana is other people's, by its name.
func IsForeign(name string) bool { return strings.HasPrefix(name, "Foreign") || name == "Main Org." }

// Foreign is all that other people have in Grafana, as text.
func (w *World) Foreign() string {
	all := w.strangers()
	for _, org := range w.Grafana.Orgs() {
		if IsForeign(org.Name) {
			org.Members = slices.DeleteFunc(
				org.Members,
				func(m grafanatest.Member) bool { return !isStranger(m.Login) },
			)
			all = append(
				all,
				org,
				w.Grafana.ServiceAccounts(org.ID),
				w.Grafana.Dashboards(org.ID),
				w.Grafana.Sources(org.ID),
				w.Grafana.Teams(org.ID),
				w.Grafana.LibraryPanels(org.ID),
			)
			continue
		}
		all = append(all, w.foreignPanels(org.ID)...)
		for _, t := range w.foreignTeams(org.ID) {
			all = append(all, t)
		}
		for _, sa := range w.Grafana.ServiceAccounts(org.ID) {
			if IsForeign(sa.Name) {
				all = append(all, sa)
			}
		}
		for _, d := range w.Grafana.Dashboards(org.ID) {
			if IsForeign(d.Title) {
				all = append(all, d)
			}
		}
		for _, s := range w.Grafana.Sources(org.ID) {
			if IsForeign(s.Name) {
				all = append(all, s)
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		w.TB.Fatal(err)
	}
	return string(text)
}

// atRest fails if a further visit to everything writes anything anywhere.
func (w *World) atRest() error {
	w.armed = false
	writes, mutations := w.Writes, w.mutation
	w.Everybody()
	if err := w.Rest(); err != nil {
		return err
	}
	if w.Writes != writes || w.mutation != mutations {
		return fmt.Errorf(
			"not at rest: a further visit made %d writes to Kubernetes and %d to Grafana",
			w.Writes-writes,
			w.mutation-mutations,
		)
	}
	return nil
}
