package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/controllers"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/plugin/importer"
)

// importOptions are the flags of import.
type importOptions struct {
	instance     string
	url          string
	user         string
	passwordFile string
	to           string
	namespace    string
	all          bool
	join         bool
	force        bool
}

func (o *options) importCommand() *cobra.Command {
	i := importOptions{}
	cmd := &cobra.Command{
		Use:   "import (--instance=NAME | --url=URL) --to=DIR (--all | ORGANIZATION...)",
		Short: "Write manifests for organizations that are in a Grafana already",
		Long: "Write manifests for organizations that are in a Grafana already, by which the operator takes\n" +
			"them over as they are. Organizations are given by name or id. The folder gets one for each, with a\n" +
			"kustomization.yaml. Nothing is written to Grafana, but for --join, or to the cluster.\n\n" +
			"With --url, the login of a Grafana server admin is taken from GRAFANA_USER and GRAFANA_PASSWORD,\n" +
			"or from --user and --password-file. It should be the one that the operator will have.\n\n" +
			"Exits with 0 if all that was asked for was imported, with 1 if some organizations were not, which are " +
			"listed, and with 2 if nothing was.",
		Example: "  kubectl grafana import --instance=grafana -n grafana --to=tenants --all\n" +
			"  kubectl grafana import --url=https://grafana.example.com --to=tenants 'Web shop' 7",
		RunE: func(cmd *cobra.Command, args []string) error { return o.runImport(cmd.Context(), i, args) },
	}
	f := cmd.Flags()
	f.StringVar(
		&i.instance,
		"instance",
		"",
		"Instance of the cluster, in the namespace of -n, whose Secret you may read",
	)
	f.StringVar(&i.url, "url", "", "url of a Grafana for which there is no Instance yet: one is written, too")
	f.StringVar(&i.user, "user", "", "login, with --url; default: $GRAFANA_USER, or admin")
	f.StringVar(&i.passwordFile, "password-file", "", "file with the password, with --url; default: $GRAFANA_PASSWORD")
	f.StringVar(&i.to, "to", "", "folder to write to")
	f.StringVar(&i.namespace, "to-namespace", "", "namespace of the objects; default: that of the Instance")
	f.BoolVar(&i.all, "all", false, "import all organizations")
	f.BoolVar(&i.join, "join", false, "make the login an Admin of the organizations in which it is none, to read them")
	f.BoolVar(&i.force, "force", false, "overwrite files of an earlier import; what else is there stays")
	return cmd
}

// check says what is wrong with the flags.
func (i importOptions) check(organizations []string) error {
	switch {
	case (i.instance == "") == (i.url == ""):
		return errors.New("give exactly one of --instance and --url: where to read from")
	case i.url == "" && i.user+i.passwordFile != "":
		return errors.New("--user and --password-file go with --url: an Instance has its login in its Secret")
	case i.to == "":
		return errors.New("give --to: the folder to write to")
	case i.all == (len(organizations) > 0):
		return errors.New("name the organizations to import, or give --all")
	}
	return nil
}

func (o *options) runImport(ctx context.Context, i importOptions, organizations []string) error {
	if err := i.check(organizations); err != nil {
		return err
	}
	c := importer.Options{
		Organizations: organizations, Join: i.join, Dir: i.to, Force: i.force, Notef: o.notef, Namespace: i.namespace,
	}
	config, err := o.source(ctx, i, &c)
	if err != nil {
		return err
	}
	if c.Grafana, err = grafana.New(config); err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = c.Grafana.Close(closing) // the session ends by itself, if not now
	}()
	err = importer.Import(ctx, c)
	var failed *importer.Failed
	if errors.As(err, &failed) && !failed.All {
		o.notef("%v", failed)
		return errNotWell
	}
	return err
}

// source finds out where to read from, and with which login.
func (o *options) source(ctx context.Context, i importOptions, c *importer.Options) (config grafana.Config, err error) {
	if i.instance != "" {
		return o.sourceOfInstance(ctx, i.instance, c)
	}
	namespace := o.namespace
	if namespace == "" {
		namespace = "grafana"
	}
	if c.Namespace == "" {
		c.Namespace = namespace
	}
	c.InstanceRef = instanceRef("grafana", namespace, c.Namespace)
	c.Instance = &v1alpha1.Instance{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "grafana"}}
	c.Instance.Spec = v1alpha1.InstanceSpec{
		URL: i.url, Adoption: v1alpha1.AdoptionAllow, Credentials: v1alpha1.Credentials{
			BasicAuth: &v1alpha1.BasicAuth{SecretRef: v1alpha1.LocalObjectReference{Name: "grafana-admin"}},
		},
	}
	if c.Namespace != namespace {
		c.Instance.Spec.AllowedNamespaces = v1alpha1.AllowedNamespaces{
			From:     v1alpha1.FromSelector,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: c.Namespace}},
		}
	}
	login, err := i.login()
	return grafana.Config{URL: i.url, BasicAuth: login, UserAgent: "kubectl-grafana"}, err
}

func (i importOptions) login() (*grafana.BasicAuth, error) {
	login := &grafana.BasicAuth{Username: i.user, Password: grafana.Key(os.Getenv("GRAFANA_PASSWORD")), Session: true}
	for _, user := range []string{os.Getenv("GRAFANA_USER"), "admin"} {
		if login.Username == "" {
			login.Username = user
		}
	}
	if i.passwordFile != "" {
		text, err := os.ReadFile(i.passwordFile)
		if err != nil {
			return nil, fmt.Errorf("--password-file: %w", err)
		}
		login.Password = grafana.Key(strings.TrimRight(string(text), "\r\n"))
	}
	if login.Password == "" {
		return nil, errors.New("there is no password: set GRAFANA_PASSWORD, or give --password-file")
	}
	return login, nil
}

func (o *options) sourceOfInstance(ctx context.Context, name string, c *importer.Options) (grafana.Config, error) {
	cluster, err := o.connect()
	if err != nil {
		return grafana.Config{}, err
	}
	obj := &v1alpha1.Instance{}
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: cluster.namespace, Name: name}, obj); err != nil {
		return grafana.Config{}, fmt.Errorf("reading Instance %s/%s: %w", cluster.namespace, name, err)
	}
	if obj.Spec.Credentials.BasicAuth == nil {
		return grafana.Config{}, fmt.Errorf(
			"Instance %s/%s has a token, which cannot tell what organizations there are: "+
				"import with --url and the login of a server admin",
			obj.Namespace,
			name,
		)
	}
	if c.Namespace == "" {
		c.Namespace = obj.Namespace
	}
	c.InstanceRef = instanceRef(name, obj.Namespace, c.Namespace)
	if obj.Spec.Adoption != v1alpha1.AdoptionAllow {
		o.notef(
			"Instance %s/%s does not allow adoption: set its spec.adoption to Allow before you apply what is written.",
			obj.Namespace,
			name,
		)
	}
	if c.Owners, err = o.organizationsOn(ctx, cluster, obj, c.Namespace); err != nil {
		return grafana.Config{}, err
	}
	config, err := controllers.ClientConfig(ctx, cluster, obj)
	config.UserAgent = "kubectl-grafana"
	return config, err
}

// organizationsOn are the Organizations of a namespace that are on an Instance.
func (o *options) organizationsOn(
	ctx context.Context, cluster *cluster, instance *v1alpha1.Instance, namespace string,
) ([]v1alpha1.Organization, error) {
	var all v1alpha1.OrganizationList
	switch err := cluster.List(ctx, &all, client.InNamespace(namespace)); {
	case apierrors.IsForbidden(err):
		o.notef("You may not read the Organizations of namespace %s: what was renamed in Grafana gets another name.",
			namespace)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the Organizations of namespace %s: %w", namespace, err)
	}
	return slices.DeleteFunc(all.Items, func(o v1alpha1.Organization) bool {
		return o.Spec.InstanceRef.Name != instance.Name ||
			cmp.Or(o.Spec.InstanceRef.Namespace, namespace) != instance.Namespace
	}), nil
}

func instanceRef(name, namespace, from string) v1alpha1.ObjectReference {
	ref := v1alpha1.ObjectReference{Name: name}
	if namespace != from {
		ref.Namespace = namespace
	}
	return ref
}
