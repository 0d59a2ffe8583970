// Command devcluster is a Kubernetes control plane in one binary: etcd,
// kube-apiserver, kube-controller-manager and kubectl, chosen by the name that
// it is called by. README.md says what is left out of them.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(newAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(newControllerManagerCommand()))
	case "kubectl":
		// kubectl words its own errors.
		if err := cli.RunNoErrOutput(newKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	default:
		fmt.Fprintf(os.Stderr, "%s: call this by a link named etcd, kube-apiserver, kube-controller-manager "+
			"or kubectl\n", name)
		os.Exit(2)
	}
}
