// Package plugin is kubectl grafana: what a person, or a script, does with the operator's objects from a terminal.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// What the command exits with.
const (
	exitDone    = 0
	exitNotWell = 1 // it was done as asked, and found something that is not as it should be
	exitFailed  = 2 // it could not be done
)

// errNotWell is returned by a command that has said already what is not as it should be.
var errNotWell = errors.New("not all is as it should be")

// options are the flags of all commands, and what they are run with.
type options struct {
	kubeconfig string
	context    string
	namespace  string

	in       io.Reader
	out, err io.Writer
}

// Run runs the command with its arguments, and returns what to exit with.
func Run(ctx context.Context, version string, args []string, in io.Reader, out, errOut io.Writer) int {
	o := &options{in: in, out: out, err: errOut}
	root := o.command(version)
	root.SetArgs(args)
	var coded *codeError
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitDone
	case errors.As(err, &coded):
		if !errors.Is(err, errNotWell) {
			_, _ = fmt.Fprintln(errOut, "error:", err)
		}
		return coded.code
	case errors.Is(err, errNotWell):
		return exitNotWell
	default:
		_, _ = fmt.Fprintln(errOut, "error:", err)
		return exitFailed
	}
}

func (o *options) command(version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-grafana",
		Short: "See, explain and take over the Grafana organizations of this cluster",
		Long: "See, explain and take over the Grafana organizations of this cluster.\n\n" +
			"Exit codes: 0, all is well; 1, it was done, and something is not as it should be;\n" +
			"2, it could not be done. Those of plan are diff's.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl grafana"},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "path of the kubeconfig file")
	flags.StringVar(&o.context, "context", "", "context of the kubeconfig to use")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace; default: that of the context")
	root.SetIn(o.in)
	root.SetOut(o.out)
	root.SetErr(o.err)
	root.AddCommand(o.treeCommand(), o.whyCommand(), o.planCommand(), o.importCommand(), o.rotateCommand(),
		o.adoptCommand(), o.abandonCommand())
	return root
}

// scheme knows all kinds that the commands read and write.
func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}

// cluster is the way to Kubernetes.
type cluster struct {
	client.Client
	namespace string // that of the flag, or else of the context
}

func (o *options) connect() (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		rules, &clientcmd.ConfigOverrides{CurrentContext: o.context})
	namespace, _, err := config.Namespace()
	if err != nil {
		return nil, err
	}
	if o.namespace != "" {
		namespace = o.namespace
	}
	rc, err := config.ClientConfig()
	if err != nil {
		return nil, err
	}
	rc.WarningHandler = rest.NoWarnings{}
	c, err := client.New(rc, client.Options{Scheme: scheme()})
	if err != nil {
		return nil, err
	}
	return &cluster{Client: c, namespace: namespace}, nil
}

// coloured reports whether what is printed is for a terminal that shows colours.
func (o *options) coloured() bool {
	f, ok := o.out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// printf writes to the standard output. An error of it is that of a reader who has gone.
func (o *options) printf(format string, args ...any) { _, _ = fmt.Fprintf(o.out, format, args...) }

// notef tells the person something that is no part of the answer.
func (o *options) notef(format string, args ...any) { _, _ = fmt.Fprintf(o.err, format+"\n", args...) }
