package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/pkg/controlplane/apiserver/options"
)

func init() {
	utilruntime.Must(logsapi.AddFeatureGates(utilfeature.DefaultMutableFeatureGate))
}

// newAPIServerCommand is kube-apiserver as Kubernetes' own generic control
// plane: all of it but the kinds that need nodes to mean anything. Its admission
// plugins are those of overlay.
func newAPIServerCommand() *cobra.Command {
	o := options.NewOptions()
	o.Authentication.ServiceAccounts.OptionalTokenGetter = newTokenGetter
	cmd := &cobra.Command{
		Use:          "kube-apiserver",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error {
			rest.SetDefaultWarningHandler(rest.NoWarnings{}) // of what it asks itself
			gates := o.GenericServerRunOptions.ComponentGlobalsRegistry
			if err := gates.Set(); err != nil {
				return err
			}
			if err := logsapi.ValidateAndApply(o.Logs, utilfeature.DefaultFeatureGate); err != nil {
				return err
			}
			return serve(genericapiserver.SetupSignalContext(), o)
		},
	}
	var flags flag.NamedFlagSets
	o.AddFlags(&flags)
	ignoreFlags(flags.FlagSet("ignored"))
	for _, set := range flags.FlagSets {
		cmd.Flags().AddFlagSet(set)
	}
	return cmd
}

// ignoreFlags takes the flags that envtest gives every kube-apiserver and that
// say something of pods and Services.
func ignoreFlags(flags *pflag.FlagSet) {
	flags.Bool("allow-privileged", false, "ignored")
	flags.String("service-cluster-ip-range", "", "ignored")
}

// serve serves until ctx is done.
func serve(ctx context.Context, o *options.Options) error {
	completed, err := o.Complete(ctx, nil, nil)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	server, err := newServer(completed)
	if err != nil {
		return err
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}
