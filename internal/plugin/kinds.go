package plugin

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// kind is one of the operator's kinds, and the names that people give it.
type kind struct {
	name, plural, short string
	empty               func() lifecycle.Object
	list                func() client.ObjectList
}

// kinds are all of them, what contains others first.
var kinds = []kind{
	{
		"Instance", "instances", "ginst",
		func() lifecycle.Object { return &v1alpha1.Instance{} },
		func() client.ObjectList { return &v1alpha1.InstanceList{} },
	},
	{
		"Organization", "organizations", "gorg",
		func() lifecycle.Object { return &v1alpha1.Organization{} },
		func() client.ObjectList { return &v1alpha1.OrganizationList{} },
	},
	{
		"User", "users", "guser",
		func() lifecycle.Object { return &v1alpha1.User{} },
		func() client.ObjectList { return &v1alpha1.UserList{} },
	},
	{
		"Membership", "memberships", "gmember",
		func() lifecycle.Object { return &v1alpha1.Membership{} },
		func() client.ObjectList { return &v1alpha1.MembershipList{} },
	},
	{
		"Team", "teams", "gteam",
		func() lifecycle.Object { return &v1alpha1.Team{} },
		func() client.ObjectList { return &v1alpha1.TeamList{} },
	},
	{
		"ServiceAccount", "serviceaccounts", "gsa",
		func() lifecycle.Object { return &v1alpha1.ServiceAccount{} },
		func() client.ObjectList { return &v1alpha1.ServiceAccountList{} },
	},
	{
		"ServiceAccountToken", "serviceaccounttokens", "gtoken",
		func() lifecycle.Object { return &v1alpha1.ServiceAccountToken{} },
		func() client.ObjectList { return &v1alpha1.ServiceAccountTokenList{} },
	},
	{
		"DataSource", "datasources", "gds",
		func() lifecycle.Object { return &v1alpha1.DataSource{} },
		func() client.ObjectList { return &v1alpha1.DataSourceList{} },
	},
	{
		"Folder", "folders", "gfolder",
		func() lifecycle.Object { return &v1alpha1.Folder{} },
		func() client.ObjectList { return &v1alpha1.FolderList{} },
	},
	{
		"Dashboard", "dashboards", "gdash",
		func() lifecycle.Object { return &v1alpha1.Dashboard{} },
		func() client.ObjectList { return &v1alpha1.DashboardList{} },
	},
	{
		"DashboardSet", "dashboardsets", "gdashset",
		func() lifecycle.Object { return &v1alpha1.DashboardSet{} },
		func() client.ObjectList { return &v1alpha1.DashboardSetList{} },
	},
	{
		"DataSourceSet", "datasourcesets", "gdsset",
		func() lifecycle.Object { return &v1alpha1.DataSourceSet{} },
		func() client.ObjectList { return &v1alpha1.DataSourceSetList{} },
	},
}

// kindNamed is the kind that a person means by a name: gorg, organization, organizations.grafana-tenancy.dev.
func kindNamed(name string) (kind, error) {
	name = strings.TrimSuffix(strings.ToLower(name), "."+v1alpha1.GroupVersion.Group)
	for _, k := range kinds {
		if strings.EqualFold(name, k.name) || name == k.plural || name == k.short {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("%q is none of the operator's kinds, which are %s", name, strings.Join(kindNames(), ", "))
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.short)
	}
	return names
}

// kindOf is the kind of an object.
func kindOf(obj lifecycle.Object) kind {
	i := slices.IndexFunc(kinds, func(k kind) bool { return fmt.Sprintf("%T", k.empty()) == fmt.Sprintf("%T", obj) })
	return kinds[i]
}

// parseObject takes KIND/NAME apart.
func parseObject(arg string) (k kind, name string, err error) {
	before, name, ok := strings.Cut(arg, "/")
	if !ok || name == "" {
		return kind{}, "", fmt.Errorf("%q names no object: write it as KIND/NAME, such as gdash/checkout", arg)
	}
	k, err = kindNamed(before)
	return k, name, err
}

// ref names an object of a kind.
type ref struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func (r ref) String() string { return r.Kind + " " + r.Namespace + "/" + r.Name }

func (r ref) key() client.ObjectKey { return client.ObjectKey{Namespace: r.Namespace, Name: r.Name} }

// refTo names an object.
func refTo(obj lifecycle.Object) ref { return ref{kindOf(obj).name, obj.GetNamespace(), obj.GetName()} }

// references are what an object refers to: first what contains it, then what else it may have to wait for.
func references(obj lifecycle.Object) (all []ref) {
	from := obj.GetNamespace()
	local := func(kind string, r *v1alpha1.LocalObjectReference) {
		if r != nil {
			all = append(all, ref{kind, from, r.Name})
		}
	}
	in := func(kind string, r v1alpha1.ObjectReference) {
		key := lifecycle.ParentKey(r, from)
		all = append(all, ref{kind, key.Namespace, key.Name})
	}
	switch o := obj.(type) {
	case *v1alpha1.Organization:
		in("Instance", o.Spec.InstanceRef)
		if p := o.Spec.Preferences; p != nil && p.HomeDashboardRef != nil {
			in("Dashboard", *p.HomeDashboardRef)
		}
	case *v1alpha1.User:
		local("Instance", &o.Spec.InstanceRef)
	case *v1alpha1.Membership:
		in("Organization", o.Spec.OrganizationRef)
		for _, m := range o.Spec.Members {
			local("User", m.UserRef)
		}
	case *v1alpha1.Team:
		in("Organization", o.Spec.OrganizationRef)
		for _, m := range o.Spec.Members {
			local("User", m.UserRef)
		}
	case *v1alpha1.ServiceAccount:
		in("Organization", o.Spec.OrganizationRef)
	case *v1alpha1.ServiceAccountToken:
		local("ServiceAccount", &o.Spec.ServiceAccountRef)
	case *v1alpha1.DataSource:
		in("Organization", o.Spec.OrganizationRef)
	case *v1alpha1.Folder:
		in("Organization", o.Spec.OrganizationRef)
		local("Folder", o.Spec.ParentRef)
		for _, p := range o.Spec.Permissions {
			local("Team", p.TeamRef)
			local("ServiceAccount", p.ServiceAccountRef)
		}
	case *v1alpha1.Dashboard:
		in("Organization", o.Spec.OrganizationRef)
		if f := o.Spec.Folder; f != nil {
			local("Folder", f.Ref)
		}
	}
	return all
}

// State of an object, in one word.
const (
	stateReady     = "Ready"
	stateDrifted   = "Drifted"   // Ready, with an edit that is left to stand
	stateSuspended = "Suspended" // nothing is written
	stateWaiting   = "Waiting"   // it goes on by itself
	stateStalled   = "Stalled"   // somebody has to change something
	stateDeleting  = "Deleting"
	stateNew       = "New"     // the operator has not looked at this generation of it
	stateMissing   = "Missing" // it is referred to, and does not exist
	stateHidden    = "Hidden"  // it is referred to, and may not be read
)

// condition is how an object stands: a word, whether that is as it should be, and what the operator says of it.
type condition struct {
	State   string `json:"state"`
	OK      bool   `json:"ok"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// conditionOf reads how an object stands.
func conditionOf(obj lifecycle.Object) condition {
	status := obj.CommonStatus()
	is := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return condition{State: stateNew, Message: "the operator has not looked at it yet"}
	}
	c := condition{Reason: ready.Reason, Message: ready.Message, OK: ready.Status == metav1.ConditionTrue}
	switch {
	case obj.GetDeletionTimestamp() != nil:
		c.State, c.OK = stateDeleting, false
	case ready.Reason == v1alpha1.ReasonSuspended:
		c.State = stateSuspended
	case ready.ObservedGeneration < obj.GetGeneration():
		c = condition{State: stateNew, Message: "the operator has not looked at its present spec yet"}
	case is(v1alpha1.ConditionDrifted):
		drifted := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionDrifted)
		c = condition{State: stateDrifted, OK: true, Reason: drifted.Reason, Message: drifted.Message}
	case c.OK:
		c.State = stateReady
	case is(v1alpha1.ConditionStalled):
		c.State = stateStalled
	default:
		c.State = stateWaiting
	}
	return c
}
