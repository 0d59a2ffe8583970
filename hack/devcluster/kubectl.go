package main

import (
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubectl/pkg/cmd/annotate"
	"k8s.io/kubectl/pkg/cmd/apiresources"
	"k8s.io/kubectl/pkg/cmd/apply"
	"k8s.io/kubectl/pkg/cmd/auth"
	"k8s.io/kubectl/pkg/cmd/config"
	"k8s.io/kubectl/pkg/cmd/create"
	"k8s.io/kubectl/pkg/cmd/delete"
	"k8s.io/kubectl/pkg/cmd/describe"
	"k8s.io/kubectl/pkg/cmd/diff"
	"k8s.io/kubectl/pkg/cmd/edit"
	"k8s.io/kubectl/pkg/cmd/events"
	"k8s.io/kubectl/pkg/cmd/explain"
	"k8s.io/kubectl/pkg/cmd/get"
	"k8s.io/kubectl/pkg/cmd/kustomize"
	"k8s.io/kubectl/pkg/cmd/label"
	"k8s.io/kubectl/pkg/cmd/patch"
	"k8s.io/kubectl/pkg/cmd/replace"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/cmd/wait"
)

// newKubectlCommand is kubectl without the commands for pods and nodes, and
// without plugins and preferences.
func newKubectlCommand() *cobra.Command {
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	cmd := &cobra.Command{Use: "kubectl", SilenceUsage: true}
	flags := genericclioptions.NewConfigFlags(true).WithDiscoveryBurst(300).WithDiscoveryQPS(50).
		WithWarningPrinter(streams)
	flags.AddFlags(cmd.PersistentFlags())
	matching := util.NewMatchVersionFlags(flags)
	matching.AddFlags(cmd.PersistentFlags())
	f := util.NewFactory(matching)
	cmd.AddCommand(
		annotate.NewCmdAnnotate("kubectl", f, streams),
		apiresources.NewCmdAPIResources(f, streams),
		apiresources.NewCmdAPIVersions(f, streams),
		apply.NewCmdApply("kubectl", f, streams),
		auth.NewCmdAuth(f, streams),
		config.NewCmdConfig(f, clientcmd.NewDefaultPathOptions(), streams),
		create.NewCmdCreate(f, streams),
		delete.NewCmdDelete(f, streams),
		describe.NewCmdDescribe("kubectl", f, streams),
		diff.NewCmdDiff(f, streams),
		edit.NewCmdEdit(f, streams),
		events.NewCmdEvents(f, streams),
		explain.NewCmdExplain("kubectl", f, streams),
		get.NewCmdGet("kubectl", f, streams),
		kustomize.NewCmdKustomize(streams),
		label.NewCmdLabel(f, streams),
		patch.NewCmdPatch(f, streams),
		replace.NewCmdReplace(f, streams),
		wait.NewCmdWait(f, streams),
	)
	return cmd
}
