package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// node is an object in the tree of what contains what.
type node struct {
	ref       `json:",inline"`
	condition `json:",inline"`
	Children  []*node `json:"children,omitempty"`
}

func (o *options) treeCommand() *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "tree [INSTANCE|ORGANIZATION]",
		Short: "Show what there is, and whether it is Ready",
		Long: "Show Instances, Organizations and what is in them, each with its state and, if it is not Ready,\n" +
			"the reason. With a name, only the Instance or Organization of that name (in the namespace of -n,\n" +
			"if that is given).\n\n" +
			"Exits with 0 if all that is shown is Ready, with 1 if something is not, and with 2 if it cannot be read.",
		Example: "  kubectl grafana tree\n  kubectl grafana tree webshop\n" +
			"  kubectl grafana tree gorg/webshop -n grafana -o json",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.tree(cmd.Context(), append(args, "")[0], output)
		},
		ValidArgsFunction: o.completeRoots,
	}
	outputFlag(cmd, &output)
	return cmd
}

// outputFlag is the flag -o of a command that can answer in JSON.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "", "json: for programs; default: text for people")
	_ = cmd.RegisterFlagCompletionFunc(
		"output",
		cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveNoFileComp),
	)
}

func checkOutput(output string) error {
	if output != "" && output != "json" {
		return fmt.Errorf("--output=%s: only json can be asked for; leave it out for text", output)
	}
	return nil
}

func (o *options) printJSON(v any) error {
	e := json.NewEncoder(o.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (o *options) tree(ctx context.Context, name, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	all, err := o.readAll(ctx, c)
	if err != nil {
		return err
	}
	roots := grow(all)
	if name != "" {
		if roots, err = o.pick(roots, name); err != nil {
			return err
		}
	}
	if output == "json" {
		if err := o.printJSON(map[string]any{"items": append([]*node{}, roots...)}); err != nil {
			return err
		}
	} else {
		o.printTree(roots)
	}
	if !allOK(roots) {
		return errNotWell
	}
	return nil
}

// readAll reads all objects of all kinds: of the whole cluster, or, where that may not be, of the namespace.
func (o *options) readAll(ctx context.Context, c *cluster) (all []lifecycle.Object, err error) {
	var in []client.ListOption
	for _, k := range kinds {
		list := k.list()
		err := c.List(ctx, list, in...)
		if apierrors.IsForbidden(err) && in == nil {
			o.notef("You may not read %s of all namespaces: shown is namespace %s only.", k.plural, c.namespace)
			in = []client.ListOption{client.InNamespace(c.namespace)}
			list = k.list()
			err = c.List(ctx, list, in...)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", k.plural, err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			all = append(all, item.(lifecycle.Object))
		}
	}
	return all, nil
}

// grow puts all objects under what contains them, and those whose container was not read under one that stands for it.
func grow(all []lifecycle.Object) (roots []*node) {
	nodes := map[ref]*node{}
	for _, obj := range all {
		nodes[refTo(obj)] = &node{ref: refTo(obj), condition: conditionOf(obj)}
	}
	above := containers(all)
	for _, obj := range all {
		n := nodes[refTo(obj)]
		in, contained := above[n.ref]
		if !contained {
			roots = append(roots, n)
			continue
		}
		parent := nodes[in]
		if parent == nil {
			parent = &node{
				ref:       in,
				condition: condition{State: stateMissing, Message: "it does not exist, or was not read"},
			}
			nodes[in] = parent
			roots = append(roots, parent)
		}
		parent.Children = append(parent.Children, n)
	}
	return roots
}

// containers says what each object is shown under: its folder, where that is there and leads to the same organization,
// and else what contains it.
func containers(all []lifecycle.Object) map[ref]ref {
	above, folders := map[ref]ref{}, map[ref]ref{}
	organization := map[ref]ref{}
	for _, obj := range all {
		refs, self := references(obj), refTo(obj)
		if len(refs) == 0 {
			continue
		}
		above[self], organization[self] = refs[0], refs[0]
		if len(refs) > 1 && refs[1].Kind == "Folder" {
			folders[self] = refs[1]
		}
	}
	for self, folder := range folders {
		if in, there := organization[folder]; there && in == organization[self] && !circular(folders, self) {
			above[self] = folder
		}
	}
	return above
}

// circular reports whether folders lead from one back to it, or to others that lead back to themselves.
func circular(folders map[ref]ref, from ref) bool {
	at := from
	for range len(folders) + 1 {
		next, ok := folders[at]
		if !ok {
			return false
		}
		at = next
	}
	return true
}

// pick finds the Instances and Organizations of a name.
func (o *options) pick(roots []*node, arg string) (found []*node, err error) {
	want := []string{"Instance", "Organization"}
	name := arg
	if strings.Contains(arg, "/") {
		var k kind
		if k, name, err = parseObject(arg); err != nil {
			return nil, err
		}
		want = []string{k.name}
	}
	walk(roots, func(n *node) {
		if slices.Contains(want, n.Kind) && n.Name == name && (o.namespace == "" || n.Namespace == o.namespace) {
			found = append(found, n)
		}
	})
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no %s %s in what you may read", strings.Join(want, " or "), name)
	}
	return found, nil
}

func walk(nodes []*node, visit func(*node)) {
	for _, n := range nodes {
		visit(n)
		walk(n.Children, visit)
	}
}

func allOK(nodes []*node) bool {
	ok := true
	walk(nodes, func(n *node) { ok = ok && n.OK })
	return ok
}

func (o *options) printTree(roots []*node) {
	if len(roots) == 0 {
		o.printf("There are no objects of the operator here.\n")
		return
	}
	paint := o.painter()
	for _, n := range roots {
		o.printNode(n, "", "", paint)
	}
	counts, order := map[string]int{}, []string{}
	walk(roots, func(n *node) {
		if counts[n.State]++; counts[n.State] == 1 {
			order = append(order, n.State)
		}
	})
	parts := make([]string, 0, len(order))
	for _, state := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	o.printf("\n%s\n", strings.Join(parts, ", "))
}

func (o *options) printNode(n *node, first, rest string, paint func(state, text string) string) {
	line := fmt.Sprintf("%s%s  %s", first, n.ref, paint(n.State, n.State))
	if n.State != stateReady && n.Reason != "" && n.Reason != n.State {
		line += " " + n.Reason
	}
	if n.State != stateReady && n.Message != "" {
		line += ": " + oneLine(n.Message)
	}
	o.printf("%s\n", line)
	for i, child := range n.Children {
		if i == len(n.Children)-1 {
			o.printNode(child, rest+"└── ", rest+"    ", paint)
		} else {
			o.printNode(child, rest+"├── ", rest+"│   ", paint)
		}
	}
}

// maxLine keeps a long message from filling the screen; why has all of it.
const maxLine = 120

// oneLine is the beginning of a text, without line ends.
func oneLine(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxLine {
		return string(runes[:maxLine]) + "…"
	}
	return string(runes)
}

// painter colours states, where the output is a terminal.
func (o *options) painter() func(state, text string) string {
	if !o.coloured() {
		return func(_, text string) string { return text }
	}
	return func(state, text string) string {
		code := "33" // yellow
		switch state {
		case stateReady:
			code = "32" // green
		case stateStalled, stateMissing:
			code = "31" // red
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
}
