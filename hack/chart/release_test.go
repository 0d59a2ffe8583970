package chart_test

import (
	"io"
	"log/slog"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/kube"
)

// helm is Helm on the world's cluster. It does not wait for the Deployment, since no pod runs there.
func (w *world) helm() *action.Configuration {
	w.t.Helper()
	settings := cli.New()
	settings.KubeConfig = w.kubeconfig
	settings.SetNamespace(namespace)
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.NewTextHandler(io.Discard, nil)))
	if err := config.Init(settings.RESTClientGetter(), namespace, "secret"); err != nil {
		w.t.Fatal(err)
	}
	return config
}

// install is `helm install --create-namespace`.
func (w *world) install(path, set string, more ...func(*action.Install)) error {
	install := action.NewInstall(w.helm())
	install.ReleaseName, install.Namespace, install.CreateNamespace = releaseName, namespace, true
	install.WaitStrategy = kube.HookOnlyStrategy
	for _, change := range more {
		change(install)
	}
	_, err := install.Run(load(w.t, path), values(w.t, set))
	return err
}

// upgrade is `helm upgrade`.
func (w *world) upgrade(path, set string) {
	w.t.Helper()
	upgrade := action.NewUpgrade(w.helm())
	upgrade.Namespace, upgrade.WaitStrategy = namespace, kube.HookOnlyStrategy
	if _, err := upgrade.Run(releaseName, load(w.t, path), values(w.t, set)); err != nil {
		w.t.Fatal(err)
	}
}

// rollback is `helm rollback` to the release's revision.
func (w *world) rollback(revision int) {
	w.t.Helper()
	rollback := action.NewRollback(w.helm())
	rollback.Version, rollback.WaitStrategy = revision, kube.HookOnlyStrategy
	if err := rollback.Run(releaseName); err != nil {
		w.t.Fatal(err)
	}
}

// uninstall is `helm uninstall`.
func (w *world) uninstall() {
	w.t.Helper()
	uninstall := action.NewUninstall(w.helm())
	uninstall.WaitStrategy = kube.HookOnlyStrategy
	if _, err := uninstall.Run(releaseName); err != nil {
		w.t.Fatal(err)
	}
}

// archive is `helm package`.
func archive(t *testing.T, dir, version string) string {
	t.Helper()
	pack := action.NewPackage()
	pack.Version, pack.AppVersion, pack.Destination = version, "v"+version, t.TempDir()
	path, err := pack.Run(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
