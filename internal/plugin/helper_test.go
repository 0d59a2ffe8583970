package plugin_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"grafana-tenancy.dev/operator/internal/plugin"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func TestMain(m *testing.M) {
	if kubectl := os.Getenv("KUBEBUILDER_ASSETS"); kubectl != "" { // which builds kustomizations
		_ = os.Setenv("PATH", kubectl+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	os.Exit(suite.Main(m))
}

// terminal is where a person types commands.
type terminal struct {
	*suite.World
	kubeconfig string
}

// terminalOf gives a world a kubeconfig whose context has the world's namespace.
func terminalOf(w *suite.World) *terminal {
	w.T.Helper()
	file := filepath.Join(w.T.TempDir(), "kubeconfig")
	writeKubeconfig(w.T, file, w.Config, w.NS)
	return &terminal{World: w, kubeconfig: file}
}

func writeKubeconfig(t *testing.T, file string, c *rest.Config, namespace string) {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: c.Host, CertificateAuthorityData: c.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: c.BearerToken, Impersonate: c.Impersonate.UserName}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: namespace}
	config.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
}

// result is what a command did.
type result struct {
	code     int
	out, err string
}

// run runs a command, with answers to what it may ask.
func (t *terminal) run(answers string, args ...string) result {
	t.T.Helper()
	var out, errOut bytes.Buffer
	args = append([]string{"--kubeconfig", t.kubeconfig}, args...)
	code := plugin.Run(t.T.Context(), "test", args, strings.NewReader(answers), &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// wants fails unless a command ended with the code and printed all of the texts.
func (r result) wants(t *testing.T, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\n%s\n%s", r.code, code, r.out, r.err)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			t.Errorf("the output lacks %q:\n%s\n%s", text, r.out, r.err)
		}
	}
	return r
}

// lacks fails if a command printed one of the texts.
func (r result) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(r.out+r.err, text) {
			t.Errorf("the output has %q:\n%s\n%s", text, r.out, r.err)
		}
	}
}

// sparedByFlux fails if Flux, where it substitutes variables, would take something of an import for one of its own.
func sparedByFlux(t *testing.T, dir string) {
	t.Helper()
	seen := 0
	for name, text := range files(t, dir) {
		for object := range strings.SplitSeq(text, "\n---\n") {
			if !strings.HasSuffix(name, ".yaml") || !strings.Contains(object, "${") {
				continue
			}
			if seen++; !strings.Contains(object, "kustomize.toolkit.fluxcd.io/substitute: disabled") {
				t.Errorf("%s has what Flux takes for a variable:\n%s", name, object)
			}
		}
	}
	if seen == 0 {
		t.Error("nothing that is imported has what Flux takes for a variable")
	}
}
