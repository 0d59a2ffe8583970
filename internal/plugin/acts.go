package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// act is something that a person asks of the operator about one object, by way of a field or an annotation of it.
type act struct {
	kinds []string // short names
	// ask says what will happen, or why it cannot.
	ask func(ctx context.Context, c client.Reader, obj lifecycle.Object) (string, error)
	// patch is the merge patch that says so to the operator.
	patch func() map[string]any
	done  string
}

// confirmed is said at the end of the help of what asks before it acts.
const confirmed = "\n\nIt says what will happen, and asks; with --yes it does not.\n" +
	"Exits with 0 if it was done, with 1 if the answer was no, and with 2 if it cannot be done."

func (o *options) rotateCommand() *cobra.Command {
	return o.actCommand(&cobra.Command{
		Use:     "rotate TOKEN | KIND/NAME",
		Short:   "Have another key made for a ServiceAccountToken, or another password for a User",
		Long:    "Have another key made for a ServiceAccountToken now, or another password for a User." + confirmed,
		Example: "  kubectl grafana rotate ci -n webshop\n  kubectl grafana rotate guser/ada -n grafana --yes",
	}, act{
		kinds: []string{"gtoken", "guser"}, ask: askRotate, done: "another one is asked for",
		patch: func() map[string]any {
			return annotation(v1alpha1.AnnotationRotate, time.Now().UTC().Format(time.RFC3339Nano))
		},
	})
}

func (o *options) adoptCommand() *cobra.Command {
	return o.actCommand(&cobra.Command{
		Use:   "adopt KIND/NAME",
		Short: "Have an object take over what is in Grafana under its name or uid",
		Long: "Have an object take over what is in Grafana under its name or uid: it sets\n" +
			"spec.adoptionPolicy: Adopt. What contains the object must allow that, with spec.adoption: Allow." +
			confirmed,
		Example: "  kubectl grafana adopt gorg/webshop -n grafana",
	}, act{
		kinds: []string{"gorg", "guser", "gmember", "gteam", "gsa", "gds", "gfolder", "gdash"}, ask: askAdopt,
		done: "it takes over what is there",
		patch: func() map[string]any {
			return map[string]any{"spec": map[string]any{"adoptionPolicy": v1alpha1.AdoptionAdopt}}
		},
	})
}

func (o *options) abandonCommand() *cobra.Command {
	return o.actCommand(&cobra.Command{
		Use:   "abandon KIND/NAME",
		Short: "Let go of an object whose deletion cannot end",
		Long: "Let go of an object that is being deleted: what it made in Grafana stays, and nothing is asked there." +
			confirmed,
		Example: "  kubectl grafana abandon gorg/webshop -n grafana",
	}, act{
		kinds: kindNames(), ask: askAbandon, done: "it is let go",
		patch: func() map[string]any { return annotation(v1alpha1.AnnotationAbandon, "true") },
	})
}

func annotation(name, value string) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: value}}}
}

func (o *options) actCommand(cmd *cobra.Command, a act) *cobra.Command {
	yes := false
	cmd.Args = cobra.ExactArgs(1)
	cmd.ValidArgsFunction = o.completeObjects(a.kinds...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return o.act(cmd.Context(), args[0], a, yes) }
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (o *options) act(ctx context.Context, arg string, a act, yes bool) error {
	if !strings.Contains(arg, "/") && a.kinds[0] == "gtoken" {
		arg = "gtoken/" + arg
	}
	k, name, err := parseObject(arg)
	if err != nil {
		return err
	}
	if !strings.Contains(" "+strings.Join(a.kinds, " ")+" ", " "+k.short+" ") {
		return fmt.Errorf("%s: this is for %s", arg, strings.Join(a.kinds, ", "))
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	obj := k.empty()
	if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, obj); err != nil {
		return fmt.Errorf("reading %s %s/%s: %w", k.name, c.namespace, name, err)
	}
	question, err := a.ask(ctx, c, obj)
	if err != nil {
		return err
	}
	if !yes {
		if err := o.confirm(question); err != nil {
			return err
		}
	}
	patch, err := json.Marshal(a.patch())
	if err != nil {
		return err
	}
	if err := c.Patch(ctx, obj, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("changing %s: %w", refTo(obj), err)
	}
	o.printf("%s: %s\n", refTo(obj), a.done)
	return nil
}

// confirm asks a person.
func (o *options) confirm(question string) error {
	_, _ = fmt.Fprintf(o.err, "%s Go on? [y/N] ", question)
	answer, err := bufio.NewReader(o.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	case "":
		if err != nil {
			_, _ = fmt.Fprintln(o.err)
			return errors.New("nobody answers: give --yes where nobody can be asked")
		}
	}
	o.notef("Nothing was done.")
	return errNotWell
}

func askRotate(_ context.Context, _ client.Reader, obj lifecycle.Object) (string, error) {
	if obj.GetDeletionTimestamp() != nil {
		return "", fmt.Errorf("%s is being deleted", refTo(obj))
	}
	if t, ok := obj.(*v1alpha1.ServiceAccountToken); ok {
		return fmt.Sprintf("%s gets another key, in Secret %s; the present one works for %s more.", refTo(obj),
			t.SecretName(), t.Overlap()), nil
	}
	u := obj.(*v1alpha1.User)
	if u.GivenPassword() != nil {
		return "", fmt.Errorf("%s has its password from Secret %s: write another one there", refTo(obj),
			u.GivenPassword().Name)
	}
	return fmt.Sprintf("%s gets another password, in Secret %s, and the person's sessions end.", refTo(obj),
		u.SecretName()), nil
}

func askAdopt(ctx context.Context, c client.Reader, obj lifecycle.Object) (string, error) {
	question := fmt.Sprintf("%s takes over what is in Grafana under its name or uid, and has it made as its spec says.",
		refTo(obj))
	in := references(obj)[0]
	k, err := kindNamed(in.Kind)
	if err != nil {
		return "", err
	}
	container := k.empty()
	if err := c.Get(ctx, in.key(), container); err != nil {
		return fmt.Sprintf("%s (Whether %s allows it could not be read.)", question, in), nil
	}
	allows := v1alpha1.AdoptionForbid
	switch o := container.(type) {
	case *v1alpha1.Instance:
		allows = o.Spec.Adoption
	case *v1alpha1.Organization:
		allows = o.Spec.Adoption
	}
	if allows != v1alpha1.AdoptionAllow {
		question += fmt.Sprintf(" %s does not allow that yet: it waits until spec.adoption is Allow there.", in)
	}
	return question, nil
}

func askAbandon(_ context.Context, _ client.Reader, obj lifecycle.Object) (string, error) {
	if obj.GetDeletionTimestamp() == nil {
		return "", fmt.Errorf(
			"%s is not being deleted: delete it first (kubectl delete --wait=false), and abandon it if "+
				"that does not end",
			refTo(obj),
		)
	}
	question := fmt.Sprintf("%s is let go without asking Grafana: what it made there stays.", refTo(obj))
	if _, ok := obj.(*v1alpha1.ServiceAccountToken); ok {
		question += " Its key goes on working, and its Secret stays."
	}
	return question, nil
}
