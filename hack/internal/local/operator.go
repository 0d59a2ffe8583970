package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Operator is the operator as it is shipped, ready to be started as a process, and more than once.
type Operator struct {
	// Logs are the outputs of all its processes.
	Logs []string

	dir, binary, kubeconfig string
}

// Operator builds the operator from the cluster's tree and lets it into the cluster, where it may do what its role says
// and no more.
func (c *Cluster) Operator(ctx context.Context) (*Operator, error) {
	o := &Operator{
		dir:        c.dir,
		binary:     filepath.Join(c.dir, "manager"),
		kubeconfig: filepath.Join(c.dir, "manager.kubeconfig"),
	}
	build := exec.CommandContext(ctx, "go", "build", "-C", c.tree, "-o", o.binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the operator: %w\n%s", err, out)
	}
	const user = "manager"
	if err := c.bind(ctx, user); err != nil {
		return nil, fmt.Errorf("giving the operator its role: %w", err)
	}
	manager, err := c.env.AddUser(envtest.User{Name: user}, nil)
	if err != nil {
		return nil, err
	}
	content, err := manager.KubeConfig()
	if err != nil {
		return nil, err
	}
	return o, os.WriteFile(o.kubeconfig, content, 0o600)
}

// bind gives a user the role of config/rbac.
func (c *Cluster) bind(ctx context.Context, user string) error {
	content, err := os.ReadFile(filepath.Join(c.tree, "config", "rbac", "role.yaml"))
	if err != nil {
		return err
	}
	var role rbacv1.ClusterRole
	if err := yaml.Unmarshal(content, &role); err != nil {
		return err
	}
	if err := c.Client.Create(ctx, &role); err != nil {
		return err
	}
	return c.Client.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
}

// Start starts a process of the operator. It logs all there is to tell, unless args, further flags, say otherwise.
func (o *Operator) Start(failed func(error), args ...string) (*Process, error) {
	log := filepath.Join(o.dir, fmt.Sprintf("manager-%d.log", len(o.Logs)+1))
	args = append(
		[]string{
			"--kubeconfig",
			o.kubeconfig,
			"--leader-elect=false",
			"--metrics-bind-address=0",
			"--health-probe-bind-address=0",
			"--zap-log-level=debug",
		},
		args...)
	p, err := Start(log, failed, o.binary, args...)
	if err == nil {
		o.Logs = append(o.Logs, log)
	}
	return p, err
}
