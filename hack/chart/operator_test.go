package chart_test

import (
	"fmt"
	"path/filepath"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"grafana-tenancy.dev/operator/hack/internal/local"
)

// runOperator does what a kubelet would: it runs the operator with the arguments and the environment of the Deployment
// in the cluster, as its service account. Other are only where it is reached from, and that it runs outside of the
// cluster, where there is no namespace for a lease.
func (w *world) runOperator() *local.Process {
	w.t.Helper()
	w.awaitKinds()
	var deployment appsv1.Deployment
	w.get(&deployment, namespace, releaseName)
	pod := deployment.Spec.Template.Spec
	for _, e := range pod.Containers[0].Env {
		w.t.Setenv(e.Name, e.Value)
	}
	args := slices.Concat(pod.Containers[0].Args, []string{"--kubeconfig=" + w.accountConfig(pod.ServiceAccountName),
		"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0"})
	log := filepath.Join(w.dir, fmt.Sprintf("manager-of-generation-%d.log", deployment.Generation))
	process, err := local.Start(log, func(err error) { w.t.Error(err) }, w.manager, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		process.Stop()
		if w.t.Failed() {
			w.t.Logf("the operator's last words:\n%s", process.Tail())
		}
	})
	return process
}

// accountConfig writes a kubeconfig for a service account of the release's namespace.
func (w *world) accountConfig(name string) string {
	w.t.Helper()
	var account corev1.ServiceAccount
	w.get(&account, namespace, name)
	var token authenticationv1.TokenRequest
	if err := w.client.SubResource("token").Create(w.t.Context(), &account, &token); err != nil {
		w.t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(w.kubeconfig)
	if err != nil {
		w.t.Fatal(err)
	}
	for user := range config.AuthInfos {
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	path := filepath.Join(w.dir, name+".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		w.t.Fatal(err)
	}
	return path
}
