package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// step is an object on the way from the one that was asked about to the cause.
type step struct {
	ref       `json:",inline"`
	condition `json:",inline"`
}

// answer is what why says.
type answer struct {
	Ready  bool   `json:"ready"`
	Steps  []step `json:"steps"` // the object that was asked about first, the cause last
	Advice string `json:"advice,omitempty"`
	Docs   string `json:"docs,omitempty"`
}

func (o *options) whyCommand() *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "why KIND/NAME",
		Short: "Say why an object is not Ready, and what to do",
		Long: "Say why an object is not Ready: from what it waits for to what that waits for, until the first\n" +
			"cause, and what to do about that.\n\n" +
			"Exits with 0 if the object is Ready, with 1 if it is not, and with 2 if it cannot be read.",
		Example: "  kubectl grafana why gdash/checkout -n webshop\n" +
			"  kubectl grafana why serviceaccounttoken/ci -n webshop -o json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.why(cmd.Context(), args[0], output)
		},
		ValidArgsFunction: o.completeObjects(kindNames()...),
	}
	outputFlag(cmd, &output)
	return cmd
}

func (o *options) why(ctx context.Context, arg, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	k, name, err := parseObject(arg)
	if err != nil {
		return err
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	obj := k.empty()
	if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, obj); err != nil {
		return fmt.Errorf("reading %s %s/%s: %w", k.name, c.namespace, name, err)
	}
	a, err := explain(ctx, c, obj)
	if err != nil {
		return err
	}
	if output == "json" {
		err = o.printJSON(a)
	} else {
		o.printAnswer(a)
	}
	if err == nil && !a.Ready {
		err = errNotWell
	}
	return err
}

// explain follows what an object waits for to the first cause.
func explain(ctx context.Context, c client.Reader, obj lifecycle.Object) (*answer, error) {
	a := &answer{}
	var seen []ref
	for obj != nil {
		self := refTo(obj)
		a.Steps = append(a.Steps, step{self, conditionOf(obj)})
		seen = append(seen, self)
		if a.last().OK && len(a.Steps) == 1 {
			a.Ready = true
			return a, nil
		}
		next, err := a.follow(ctx, c, obj, seen)
		if err != nil {
			return nil, err
		}
		obj = next
	}
	a.advise()
	return a, nil
}

func (a *answer) last() *step { return &a.Steps[len(a.Steps)-1] }

// follow is the object that this one waits for; nil: it waits for none that can be read, or is the cause itself. What
// cannot be read becomes the last step.
func (a *answer) follow(
	ctx context.Context,
	c client.Reader,
	obj lifecycle.Object,
	seen []ref,
) (lifecycle.Object, error) {
	if !waitsForOthers(a.last().condition) {
		return nil, nil
	}
	for _, r := range references(obj) {
		k, err := kindNamed(r.Kind)
		if err != nil {
			return nil, err
		}
		next := k.empty()
		switch err := c.Get(ctx, r.key(), next); {
		case apierrors.IsNotFound(err):
			a.Steps = append(a.Steps, step{r, condition{State: stateMissing, Message: "it does not exist"}})
			return nil, nil
		case apierrors.IsForbidden(err):
			if blames(a.last().Message, r) {
				a.Steps = append(a.Steps, step{r, condition{State: stateHidden, Message: "you may not read it"}})
				return nil, nil
			}
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", r, err)
		case !usable(next, a.last().Reason) && !slices.Contains(seen, r):
			return next, nil
		}
	}
	return nil, nil
}

// blames reports whether a message names an object as what is waited for.
func blames(message string, r ref) bool {
	return strings.Contains(message, r.Kind+" "+r.Namespace+"/"+r.Name) ||
		strings.Contains(message, r.Kind+" "+r.Name)
}

// waitsForOthers reports whether the reason of a state may be that of another object.
func waitsForOthers(c condition) bool {
	switch c.Reason {
	case v1alpha1.ReasonParentGone, v1alpha1.ReasonServiceAccountDisabled:
		return true
	}
	return c.State == stateWaiting || c.State == stateDeleting && c.Reason == v1alpha1.ReasonParentNotAvailable
}

// usable reports whether what refers to an object has not to wait for it.
func usable(obj lifecycle.Object, reason string) bool {
	if account, ok := obj.(*v1alpha1.ServiceAccount); ok && reason == v1alpha1.ReasonServiceAccountDisabled {
		return !account.Spec.Disabled
	}
	if obj.GetDeletionTimestamp() != nil {
		return false
	}
	conditions := obj.CommonStatus().Conditions
	if meta.FindStatusCondition(conditions, v1alpha1.ConditionAvailable) != nil {
		return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionAvailable)
	}
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady)
}

// advise says what to do about the last step.
func (a *answer) advise() {
	cause := a.last()
	before := ""
	if len(a.Steps) > 1 {
		before = a.Steps[len(a.Steps)-2].Reason
	}
	switch {
	case cause.State == stateMissing:
		a.Advice = fmt.Sprintf("Apply %s, or correct the reference to it in %s: a reference to what contains an "+
			"object cannot be changed, so that the object has to be made anew.", cause.ref, a.Steps[len(a.Steps)-2].ref)
	case cause.State == stateHidden:
		a.Advice = fmt.Sprintf("Ask who looks after namespace %s to run: kubectl grafana why %s/%s -n %s",
			cause.Namespace, strings.ToLower(cause.Kind), cause.Name, cause.Namespace)
	case before == v1alpha1.ReasonServiceAccountDisabled:
		a.Advice = "Set spec.disabled: false on " + cause.String() + ", or delete the token."
	case cause.State == stateNew:
		a.Advice = "Is the operator running, and does it watch namespace " + cause.Namespace + "? Its log says " +
			"what holds it up."
	default:
		k, _ := kindNamed(cause.Kind)
		object := fmt.Sprintf("%s/%s -n %s", k.short, cause.Name, cause.Namespace)
		a.Advice = strings.ReplaceAll(advice[cause.Reason], "KIND/NAME", object)
		a.Docs = "docs/conditions.md#" + strings.ToLower(cause.Reason)
	}
}

func (o *options) printAnswer(a *answer) {
	paint := o.painter()
	for i, s := range a.Steps {
		indent := strings.Repeat("  ", i)
		o.printf("%s%s  %s", indent, s.ref, paint(s.State, s.State))
		if s.Reason != "" && s.Reason != s.State {
			o.printf(" %s", s.Reason)
		}
		o.printf("\n")
		if s.Message != "" && s.State != stateReady {
			o.printf("%s  %s\n", indent, strings.Join(strings.Fields(s.Message), " "))
		}
	}
	if a.Advice != "" {
		o.printf("\nWhat to do: %s\n", a.Advice)
	}
	if a.Docs != "" {
		o.printf("More: %s\n", a.Docs)
	}
}

// completeRoots completes the names of Instances and Organizations.
func (o *options) completeRoots(
	cmd *cobra.Command,
	args []string,
	_ string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return o.complete(cmd.Context(), o.namespace, "ginst", "gorg"), cobra.ShellCompDirectiveNoFileComp
}

// completeObjects completes KIND/NAME for objects of some kinds in the namespace.
func (o *options) completeObjects(
	short ...string,
) func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := o.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return o.complete(cmd.Context(), c.namespace, short...), cobra.ShellCompDirectiveNoFileComp
	}
}

// complete lists objects as KIND/NAME. What may not be read is left out.
func (o *options) complete(ctx context.Context, namespace string, short ...string) (names []cobra.Completion) {
	c, err := o.connect()
	if err != nil {
		return nil
	}
	for _, s := range short {
		k, err := kindNamed(s)
		list := k.list()
		if errors.Join(err, c.List(ctx, list, client.InNamespace(namespace))) != nil {
			continue
		}
		_ = meta.EachListItem(list, func(item runtime.Object) error {
			names = append(names, s+"/"+item.(lifecycle.Object).GetName())
			return nil
		})
	}
	return names
}
