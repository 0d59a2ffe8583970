package crash

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

func (l *life) editObject(rt *rapid.T) {
	Edit(l.World, l.pick(rt, alive), func(obj lifecycle.Object) { l.change(rt, obj) })
}

func (l *life) editToken(rt *rapid.T) {
	t := Token()
	t.Name = rapid.SampledFrom([]string{"token", "token-2"}).Draw(rt, "token")
	if !l.Get(t) || !alive(t) {
		rt.Skip("not there")
	}
	Edit(l.World, t, func(t *v1alpha1.ServiceAccountToken) { changeToken(rt, t) })
}

// change is what a person can change in a spec.
func (l *life) change(rt *rapid.T, obj lifecycle.Object) {
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
		text := rapid.SampledFrom(l.contents).Draw(rt, "json")
		if o.Name == "filed" {
			text = strings.Replace(text, "Requests", "Filed", 1)
		}
		if suffix != "" {
			text = strings.Replace(text, "Requests", "Errors", 1)
		}
		if o.Name == "sharing" {
			text = strings.Replace(text, "Requests", "Sharing", 1)
		}
		o.Spec.Source.JSON, o.Spec.LibraryPanels = &text, drawPanels(rt)
	case *v1alpha1.DataSource:
		changeSource(rt, o)
	case *v1alpha1.DashboardSet:
		l.changeDashboardSet(rt, o)
	case *v1alpha1.DataSourceSet:
		changeDataSourceSet(rt, o)
	case *v1alpha1.Membership:
		changeMembership(rt, o)
	case *v1alpha1.Team:
		changeTeam(rt, o, suffix)
	case *v1alpha1.Folder:
		changeFolder(rt, o, suffix)
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

func (l *life) deleteObject(rt *rapid.T) { l.Delete(l.pick(rt, alive)) }

// children are the objects in another.
func (l *life) children(parent lifecycle.Object) []lifecycle.Object {
	return slices.DeleteFunc(l.objects(), func(obj lifecycle.Object) bool {
		return KindOf(obj) == "Instance" || ParentOf(obj) != client.ObjectKeyFromObject(parent)
	})
}

func (l *life) createObject(rt *rapid.T) {
	name := l.name(rt)
	if l.Get(l.cast[name]()) {
		rt.Skip("it is there")
	}
	l.bear(name)
}

// abandon has an object let go, if it is being deleted or will be.
func (l *life) abandon(rt *rapid.T) {
	obj := l.pick(rt, func(lifecycle.Object) bool { return true })
	Edit(l.World, obj, func(obj lifecycle.Object) { annotate(obj, v1alpha1.AnnotationAbandon, "true") })
	if alive(obj) && rapid.Bool().Draw(rt, "delete it") {
		l.Delete(obj)
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
	i := Instance()
	if l.Get(i) {
		Edit(l.World, i, func(i *v1alpha1.Instance) {
			annotate(i, v1alpha1.AnnotationConfirmReset, strconv.FormatInt(i.Status.Resets+1, 10))
		})
	}
}

func (l *life) suspend(rt *rapid.T) {
	on := rapid.Bool().Draw(rt, "suspend")
	Edit(l.World, l.pick(rt, alive), func(obj lifecycle.Object) { setSuspend(obj, on) })
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
	case *v1alpha1.DataSource:
		o.Spec.Suspend = on
	case *v1alpha1.DashboardSet:
		o.Spec.Paused = on
	case *v1alpha1.DataSourceSet:
		o.Spec.Paused = on
	case *v1alpha1.Membership:
		o.Spec.Suspend = on
	case *v1alpha1.Team:
		o.Spec.Suspend = on
	case *v1alpha1.Folder:
		o.Spec.Suspend = on
	}
}

// wipeStatus empties a status, as a restored backup does. An organization that has lost its mark as well could not be
// found again by anybody.
func (l *life) wipeStatus(rt *rapid.T) {
	obj := l.pick(rt, func(obj lifecycle.Object) bool {
		o, ok := obj.(*v1alpha1.Organization)
		return alive(obj) && (!ok || slices.ContainsFunc(l.Grafana.Orgs(), func(org grafanatest.Org) bool {
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
	case *v1alpha1.DataSource:
		o.Status = v1alpha1.DataSourceStatus{}
	case *v1alpha1.DashboardSet:
		o.Status = v1alpha1.SetStatus{}
	case *v1alpha1.DataSourceSet:
		o.Status = v1alpha1.SetStatus{}
	case *v1alpha1.Membership:
		o.Status = v1alpha1.MembershipStatus{}
	case *v1alpha1.Team:
		o.Status = v1alpha1.TeamStatus{}
	case *v1alpha1.Folder:
		o.Status = v1alpha1.FolderStatus{}
	}
	if err := l.Kube.Status().Update(l.TB.Context(), obj); err != nil {
		l.TB.Fatal(err)
	}
	l.Remember(obj)
	l.Everybody()
}

func marked(org grafanatest.Org) bool {
	return strings.Contains(org.Address.Address2+org.Address.State, "uid=")
}

func (l *life) deleteSecret(rt *rapid.T) {
	l.Delete(&corev1.Secret{ObjectMeta: Named(l.tokenSecret(rt))})
}

// tokenSecret draws a Secret of ours.
func (l *life) tokenSecret(rt *rapid.T) string {
	var list corev1.SecretList
	if err := l.Kube.List(l.TB.Context(), &list, client.InNamespace(Namespace)); err != nil {
		l.TB.Fatal(err)
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
