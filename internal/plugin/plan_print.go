package plugin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
)

func fromUnstructured(m *unstructured.Unstructured, obj lifecycle.Object) error {
	text, err := json.Marshal(m.Object)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, obj)
}

// planSigns begin the lines of a plan.
var planSigns = map[plan.Action]string{
	plan.Create: "+", plan.Change: "~", plan.Adopt: ">", plan.Delete: "-", plan.Release: "<", plan.Blocked: "!",
	plan.Unknown: "?", plan.None: " ",
}

// planOrder is that of the summary, with what is said there.
var planOrder = []struct {
	action plan.Action
	says   string
}{
	{plan.Create, "to create"}, {plan.Adopt, "to adopt"}, {plan.Change, "to change"}, {plan.Delete, "to delete"},
	{plan.Release, "to let go of"}, {plan.Blocked, "blocked"}, {plan.Unknown, "not known"}, {plan.None, "unchanged"},
}

func (o *options) printPlan(p *plan.Plan) {
	paint := o.planPainter()
	for _, i := range p.Instances {
		o.printInstance(i, paint)
	}
	if len(p.Others) > 0 {
		o.printf("On no Instance that is known\n")
		for _, obj := range p.Others {
			o.printPlanned(obj, "  ", paint)
		}
	}
	var parts []string
	for _, of := range planOrder {
		if n := p.Summary[of.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, of.says))
		}
	}
	if len(parts) == 0 {
		parts = []string{"There are no objects of the operator in the manifests"}
	}
	o.printf("%s.\n", strings.Join(parts, ", "))
}

// printInstance prints what would be done in one Grafana, if there is anything to tell.
func (o *options) printInstance(i *plan.Instance, paint func(plan.Action, string) string) {
	if !hasNews(i) {
		return
	}
	o.printf("Instance %s/%s\n", i.Namespace, i.Name)
	o.printPlanned(&i.Object, "  ", paint)
	rest := followers{in: &i.Object}
	for _, obj := range rest.without(i.Objects) {
		o.printPlanned(obj, "  ", paint)
	}
	for _, org := range i.Organizations {
		own := rest.without([]*plan.Object{&org.Object})
		objects := rest.without(org.Objects)
		inOrg := followers{in: &org.Object}
		if len(own) > 0 {
			objects = inOrg.without(objects)
		}
		if !slices.ContainsFunc(append(own, objects...), tells) {
			continue
		}
		label := ""
		if org.Label != "" {
			label = fmt.Sprintf(" %q", org.Label)
		}
		o.printf("  Organization %s/%s%s\n", org.Namespace, org.Name, label)
		for _, obj := range append(own, objects...) {
			o.printPlanned(obj, "    ", paint)
		}
		o.printFollowers(inOrg, "      ", paint)
	}
	o.printFollowers(rest, "    ", paint)
}

// followers are objects of which nothing is to be said but that what they are in is not known, or blocked.
type followers struct {
	in *plan.Object
	n  map[plan.Action]int
}

// without counts the followers among objects, and returns the others.
func (f *followers) without(objects []*plan.Object) (others []*plan.Object) {
	left := func(a plan.Action) bool { return a == plan.Unknown || a == plan.Blocked }
	reasons := []string{v1alpha1.ReasonParentNotAvailable, plan.ReasonCredentialWithheld}
	for _, obj := range objects {
		if f.in.Ready || !left(f.in.Action) || !left(obj.Action) || !slices.Contains(reasons, obj.Reason) ||
			len(obj.Notes) > 0 {
			others = append(others, obj)
			continue
		}
		if f.n == nil {
			f.n = map[plan.Action]int{}
		}
		f.n[obj.Action]++
	}
	return others
}

func (o *options) printFollowers(f followers, indent string, paint func(plan.Action, string) string) {
	for _, action := range []plan.Action{plan.Blocked, plan.Unknown} {
		objects := "objects"
		if f.n[action] == 1 {
			objects = "object"
		}
		if n := f.n[action]; n > 0 {
			line := fmt.Sprintf("%s %d %s in it: %s", planSigns[action], n, objects, action)
			o.printf("%s%s\n", indent, paint(action, line))
		}
	}
}

func tells(obj *plan.Object) bool { return obj.Action != plan.None || !obj.Ready || len(obj.Notes) > 0 }

func hasNews(i *plan.Instance) bool {
	news := tells(&i.Object) || slices.ContainsFunc(i.Objects, tells)
	for _, org := range i.Organizations {
		news = news || tells(&org.Object) || slices.ContainsFunc(org.Objects, tells)
	}
	return news
}

// printPlanned prints what would be done for an object, if anything is to be said.
func (o *options) printPlanned(obj *plan.Object, indent string, paint func(plan.Action, string) string) {
	if !tells(obj) {
		return
	}
	line := fmt.Sprintf("%s %s %s/%s: %s", planSigns[obj.Action], obj.Kind, obj.Namespace, obj.Name, obj.Action)
	if len(obj.Fields) > 0 {
		line += " " + strings.Join(obj.Fields, ", ")
	}
	switch {
	case obj.Pruned:
		line += " (not in the manifests any more)"
	case !obj.Given:
		line += " (not in the manifests)"
	}
	o.printf("%s%s\n", indent, paint(obj.Action, line))
	if obj.Message != "" {
		reason := obj.Reason
		if reason != "" {
			reason += ": "
		}
		o.printf("%s    %s%s\n", indent, reason, obj.Message)
	}
	for _, note := range obj.Notes {
		o.printf("%s    %s\n", indent, note)
	}
}

// planPainter colours lines, where the output is a terminal.
func (o *options) planPainter() func(plan.Action, string) string {
	if !o.coloured() {
		return func(_ plan.Action, text string) string { return text }
	}
	const green, yellow, red = "32", "33", "31"
	codes := map[plan.Action]string{
		plan.Create: green, plan.Adopt: green, plan.Change: yellow, plan.Release: yellow, plan.Delete: red,
		plan.Blocked: red, plan.Unknown: red,
	}
	return func(action plan.Action, text string) string {
		if codes[action] == "" {
			return text
		}
		return "\x1b[" + codes[action] + "m" + text + "\x1b[0m"
	}
}
