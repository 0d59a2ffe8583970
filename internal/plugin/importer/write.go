package importer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

var scheme = runtime.NewScheme()

func init() {
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
}

// kustomization is what is written of a kustomization.yaml.
type kustomization struct {
	APIVersion         string            `json:"apiVersion"`
	Kind               string            `json:"kind"`
	Namespace          string            `json:"namespace,omitempty"`
	Resources          []string          `json:"resources"`
	ConfigMapGenerator []generator       `json:"configMapGenerator,omitempty"`
	GeneratorOptions   *generatorOptions `json:"generatorOptions,omitempty"`
}

type generator struct {
	Name  string   `json:"name"`
	Files []string `json:"files"`
}

// generatorOptions: the operator follows a ConfigMap by its name, and applies what changes in it at once.
// Flux replaces ${NAME} in what it applies, where it is told to: in a dashboard these are Grafana's own.
type generatorOptions struct {
	DisableNameSuffixHash bool              `json:"disableNameSuffixHash"`
	Annotations           map[string]string `json:"annotations"`
}

var forDashboards = &generatorOptions{
	DisableNameSuffixHash: true,
	Annotations:           map[string]string{fluxSubstitute: "disabled"},
}

const fluxSubstitute = "kustomize.toolkit.fluxcd.io/substitute"

const (
	kustomizationFile = "kustomization.yaml"
	organizationFile  = "organization.yaml"
	secretsFile       = "secrets.example.yaml" // named in no kustomization
)

func newKustomization(namespace string) *kustomization {
	return &kustomization{
		APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization", Namespace: namespace,
		Resources: []string{},
	}
}

// write writes the folder of an organization.
func (r *run) write(t *tenant) error {
	dir := filepath.Join(r.Dir, t.name)
	if err := r.checkFree(dir); err != nil {
		return err
	}
	lists := append([]list{{organizationFile, []client.Object{t.organization}}}, t.lists...)
	k := newKustomization(r.Namespace)
	for _, l := range lists {
		if err := writeObjects(filepath.Join(dir, l.file), l.objects); err != nil {
			return err
		}
		k.Resources = append(k.Resources, l.file)
	}
	for _, d := range t.dashboards {
		file := filepath.Join("dashboards", d.file)
		if err := writeFile(filepath.Join(dir, file), d.content); err != nil {
			return err
		}
		k.ConfigMapGenerator = append(k.ConfigMapGenerator, generator{d.configMap, []string{d.key + "=" + file}})
		k.GeneratorOptions = forDashboards
	}
	if err := writeSecrets(dir, t.secrets); err != nil {
		return err
	}
	return writeYAML(filepath.Join(dir, kustomizationFile), k)
}

// writeRoot writes what leads to the folders of all organizations that are there, of earlier imports too.
func (r *run) writeRoot(dirs map[string]string) error {
	k := newKustomization("")
	if r.Instance != nil {
		if err := writeObjects(filepath.Join(r.Dir, "instance.yaml"), []client.Object{r.Instance}); err != nil {
			return err
		}
		secret := corev1.Secret{StringData: map[string]string{"admin-user": "", "admin-password": ""}}
		secret.Namespace, secret.Name = r.Instance.Namespace, r.Instance.Spec.Credentials.BasicAuth.SecretRef.Name
		if err := writeSecrets(r.Dir, []corev1.Secret{secret}); err != nil {
			return err
		}
		k.Resources = append(k.Resources, "instance.yaml")
	}
	found, err := filepath.Glob(filepath.Join(r.Dir, "*", kustomizationFile))
	if err != nil || len(found) == 0 {
		return err
	}
	slices.Sort(found)
	for _, file := range found {
		name := filepath.Base(filepath.Dir(file))
		k.Resources = append(k.Resources, name)
		if dirs[name] == "" {
			r.tellOld(name, dirs)
		}
	}
	return writeYAML(filepath.Join(r.Dir, kustomizationFile), k)
}

// tellOld tells of a folder of an earlier import that makes no sense any more. dirs are those of this one, with the
// organizations that they are of.
func (r *run) tellOld(dir string, dirs map[string]string) {
	file := filepath.Join(r.Dir, dir, organizationFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return // it is not of an import
	}
	var was v1alpha1.Organization
	if yaml.Unmarshal(text, &was) != nil || was.Spec.InstanceRef != r.InstanceRef {
		return
	}
	name := was.WantedName()
	for now, of := range dirs {
		if of == name {
			r.Notef("%s is of organization %q, which is in %s now: remove one of the two folders.", dir, name, now)
			return
		}
	}
	if !slices.ContainsFunc(r.all, func(o grafana.OrgName) bool { return o.Name == name }) {
		r.Notef("%s is of an organization %q that is not there: applying it would make it anew. If it was renamed or "+
			"deleted in Grafana, remove the folder.", dir, name)
	}
}

// writeSecrets writes what the Secrets look like that a person has to make.
func writeSecrets(dir string, secrets []corev1.Secret) error {
	if len(secrets) == 0 {
		return nil
	}
	objects := make([]client.Object, len(secrets))
	for i := range secrets {
		objects[i] = &secrets[i]
	}
	return writeObjects(filepath.Join(dir, secretsFile), objects)
}

// separator is between the objects of a file, and begins one that a person may put behind another.
const separator = "---\n"

func writeObjects(file string, objects []client.Object) error {
	var text bytes.Buffer
	for i, obj := range objects {
		if i > 0 || filepath.Base(file) == secretsFile {
			text.WriteString(separator)
		}
		one, err := manifest(obj)
		if err != nil {
			return err
		}
		text.Write(one)
	}
	return writeFile(file, text.Bytes())
}

// manifest is an object as a person writes it: without what only a cluster adds, or what says nothing.
// Flux is kept from what it would take for variables of its own, such as the ${__value.raw} of a data source.
func manifest(obj client.Object) ([]byte, error) {
	gvk, err := apiutil.GVKForObject(obj, scheme)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return nil, err
	}
	fields["apiVersion"], fields["kind"] = gvk.GroupVersion().String(), gvk.Kind
	delete(fields, "status")
	if meta, ok := fields["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp")
		if bytes.Contains(text, []byte("${")) {
			meta["annotations"] = map[string]string{fluxSubstitute: "disabled"}
		}
	}
	if spec, ok := fields["spec"].(map[string]any); ok {
		for name, value := range spec {
			if m, ok := value.(map[string]any); ok && len(m) == 0 {
				delete(spec, name)
			}
		}
	}
	if text, err = json.Marshal(fields); err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(text)
}

func writeYAML(file string, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	return writeFile(file, text)
}

func writeFile(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}
