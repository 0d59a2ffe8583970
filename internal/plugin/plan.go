package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard/fetch"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
)

// planOptions are the flags of plan.
type planOptions struct {
	files       []string
	recursive   bool
	prune       string
	clusterID   string
	addresses   []string
	privateURLs bool
	trustURLs   bool
	grafanaCom  string
	output      string
}

// codeError is an error of a command with exit codes of its own.
type codeError struct {
	error
	code int
}

func (e *codeError) Unwrap() error { return e.error }

// What plan exits with, as diff does.
const (
	exitDiffers = 2
	exitNoPlan  = 1
)

var errIncomplete = errors.New("the plan is not complete: what could not be found out is marked with ?")

func (o *options) planCommand() *cobra.Command {
	p := planOptions{}
	cmd := &cobra.Command{
		Use:   "plan -f FILE|DIR|-",
		Short: "Show what applying manifests would do in Grafana",
		Long: "Show what applying manifests would create, change, adopt or delete in Grafana, and what would be\n" +
			"left blocked, by organization. Nothing is written to the cluster or to Grafana.\n\n" +
			"The manifests are laid over what is in the cluster, and the operator's own code looks at the result:\n" +
			"with the credentials in the Secrets of the Instances, which you must be allowed to read.\n\n" +
			"Exits with 0 if there is nothing to do, with 2 if something would be done or is blocked, and with 1 if\n" +
			"something could not be found out, as where a Grafana is down.",
		Example: "  kubectl grafana plan -f tenants/\n" +
			"  kubectl kustomize overlays/prod | kubectl grafana plan -f - -o json\n" +
			"  kubectl grafana plan -f tenants/ --prune=app.kubernetes.io/part-of=tenants",
		Args: func(cmd *cobra.Command, args []string) error { return orNoPlan(cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error { return orNoPlan(o.runPlan(cmd.Context(), p)) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return orNoPlan(err) })
	f := cmd.Flags()
	f.StringArrayVarP(&p.files, "filename", "f", nil, "file, folder, kustomization, or - for the standard input")
	f.BoolVarP(&p.recursive, "recursive", "R", false, "read the folders in a folder, too")
	f.StringVar(&p.prune, "prune", "",
		"labels of objects that are deleted if they are in the namespaces of the manifests and not among them")
	f.StringVar(&p.clusterID, "cluster-id", "",
		"the operator's --cluster-id; default: the uid of namespace kube-system")
	f.StringArrayVar(&p.addresses, "address", nil,
		"where to reach the Grafana of an Instance from here, as NAMESPACE/NAME=URL; default: its spec.url")
	f.BoolVar(&p.privateURLs, "private-urls", false, "fetch dashboards from private addresses, as the operator's flag")
	f.BoolVar(&p.trustURLs, "trust-urls", false,
		"send credentials that are in the cluster where the manifests say, though the cluster does not yet")
	f.StringVar(&p.grafanaCom, "grafana-com-url", "",
		"server that takes the place of https://grafana.com, as the operator's flag")
	outputFlag(cmd, &p.output)
	return cmd
}

// orNoPlan is an error that says what to exit with: that nothing could be done, if it does not say otherwise.
func orNoPlan(err error) error {
	if coded := new(codeError); err != nil && !errors.As(err, &coded) {
		return &codeError{err, exitNoPlan}
	}
	return err
}

func (o *options) runPlan(ctx context.Context, p planOptions) error {
	if err := checkOutput(p.output); err != nil {
		return err
	}
	if len(p.files) == 0 {
		return errors.New("give -f: what is to be applied")
	}
	c := plan.Options{
		Scheme: scheme(), UserAgent: "kubectl-grafana", ClusterID: p.clusterID, TrustURLs: p.trustURLs,
		GrafanaCom: p.grafanaCom,
	}
	var err error
	if c.Manifests, err = o.readManifests(ctx, p.files, p.recursive); err != nil {
		return err
	}
	if c.Addresses, err = parseAddresses(p.addresses); err != nil {
		return err
	}
	if p.prune != "" {
		if c.Prune, err = labels.Parse(p.prune); err != nil {
			return fmt.Errorf("--prune: %w", err)
		}
	}
	cluster, err := o.connect()
	if err != nil {
		return err
	}
	if err := o.readForPlan(ctx, cluster, &c); err != nil {
		return err
	}
	fetcher := fetch.New(fetch.Options{AllowPrivate: p.privateURLs, UserAgent: "kubectl-grafana"})
	sources := fetch.NewSync(fetcher.Fetch)
	defer sources.Close()
	c.Sources = sources
	var done func()
	c.Progress, done = o.progress()
	made, err := plan.Make(ctx, c)
	done()
	if err != nil {
		return err
	}
	return o.showPlan(made, p.output)
}

// showPlan prints a plan, and says by its error what to exit with.
func (o *options) showPlan(p *plan.Plan, output string) error {
	if output == "json" {
		if err := o.printJSON(p); err != nil {
			return err
		}
	} else {
		o.printPlan(p)
	}
	switch {
	case !p.Complete():
		return &codeError{errIncomplete, exitNoPlan}
	case p.Changes():
		return &codeError{errNotWell, exitDiffers}
	}
	return nil
}

// parseAddresses reads NAMESPACE/NAME=URL.
func parseAddresses(args []string) (map[client.ObjectKey]*url.URL, error) {
	all := map[client.ObjectKey]*url.URL{}
	for _, arg := range args {
		object, address, ok := strings.Cut(arg, "=")
		namespace, name, named := strings.Cut(object, "/")
		u, err := url.Parse(address)
		if !ok || !named || err != nil || u.Host == "" || u.User != nil {
			return nil, fmt.Errorf("--address=%s: write it as NAMESPACE/NAME=URL", object)
		}
		all[client.ObjectKey{Namespace: namespace, Name: name}] = u
	}
	return all, nil
}

// readForPlan reads what of the cluster the plan is laid over.
func (o *options) readForPlan(ctx context.Context, c *cluster, to *plan.Options) error {
	to.Cluster, to.Namespace, to.Hidden = c.Client, c.namespace, map[string]error{}
	if to.ClusterID == "" {
		var ns corev1.Namespace
		if err := c.Get(ctx, client.ObjectKey{Name: "kube-system"}, &ns); err != nil {
			return fmt.Errorf("reading namespace kube-system, whose uid names this cluster in Grafana "+
				"(give --cluster-id instead if you may not): %w", err)
		}
		to.ClusterID = string(ns.UID)
	}
	namespaces := []string{c.namespace}
	for i := range to.Manifests {
		if ns := to.Manifests[i].GetNamespace(); ns != "" && !slices.Contains(namespaces, ns) {
			namespaces = append(namespaces, ns)
		}
	}
	for _, k := range kinds {
		some, err := o.readKind(ctx, c, k, namespaces)
		if err != nil {
			return err
		}
		to.Objects = append(to.Objects, some...)
	}
	return readParents(ctx, c, to)
}

// readKind reads the objects of a kind: all, or, where that may not be, those of some namespaces.
func (o *options) readKind(ctx context.Context, c *cluster, k kind, namespaces []string) ([]client.Object, error) {
	all, err := listAll(ctx, c, k)
	switch {
	case meta.IsNoMatchError(err): // the operator is not installed yet
		return nil, nil
	case apierrors.IsForbidden(err):
		o.notef("You may not read %s of all namespaces: the plan goes by those of %s.", k.plural,
			strings.Join(namespaces, ", "))
		err = nil
		for _, ns := range namespaces {
			some, nerr := listAll(ctx, c, k, client.InNamespace(ns))
			all, err = append(all, some...), errors.Join(err, nerr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.plural, err)
	}
	return all, nil
}

func listAll(ctx context.Context, c *cluster, k kind, opts ...client.ListOption) (all []client.Object, err error) {
	list := k.list()
	if err := c.List(ctx, list, opts...); err != nil {
		return nil, err
	}
	items, err := meta.ExtractList(list)
	for _, item := range items {
		all = append(all, item.(client.Object))
	}
	return all, err
}

// readParents reads what the manifests refer to in namespaces that were not read, up to the Instances.
func readParents(ctx context.Context, c *cluster, to *plan.Options) error {
	known := map[ref]bool{}
	var from []lifecycle.Object
	for _, obj := range to.Objects {
		known[refTo(obj.(lifecycle.Object))] = true
		from = append(from, obj.(lifecycle.Object))
	}
	for i := range to.Manifests {
		m := &to.Manifests[i]
		k, err := kindNamed(m.GetKind())
		if err != nil || m.GroupVersionKind().GroupVersion() != v1alpha1.GroupVersion {
			continue
		}
		obj := k.empty()
		if err := fromUnstructured(m, obj); err != nil {
			continue // the plan says what is wrong with it
		}
		if obj.GetNamespace() == "" {
			obj.SetNamespace(to.Namespace)
		}
		known[refTo(obj)] = true
		from = append(from, obj)
	}
	for len(from) > 0 {
		next := from[0]
		from = from[1:]
		for _, r := range references(next) {
			if known[r] {
				continue
			}
			known[r] = true
			k, err := kindNamed(r.Kind)
			if err != nil {
				return err
			}
			obj := k.empty()
			switch err := c.Get(ctx, r.key(), obj); {
			case err == nil:
				to.Objects, from = append(to.Objects, obj), append(from, obj)
			case apierrors.IsForbidden(err):
				to.Hidden[r.Kind+" "+r.key().String()] = fmt.Errorf("you may not read %s: %w", r, err)
			case !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err):
				return fmt.Errorf("reading %s: %w", r, err)
			}
		}
	}
	return nil
}

// progress tells how far a plan is, where somebody looks.
func (o *options) progress() (tell func(visited, known int), done func()) {
	f, ok := o.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, func() {}
	}
	tell = func(visited, known int) { _, _ = fmt.Fprintf(o.err, "\r%d of %d objects", visited, known) }
	return tell, func() { _, _ = fmt.Fprint(o.err, "\r\x1b[K") }
}
