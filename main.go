// Command manager is grafana-tenancy-operator: it makes Grafana organizations, and what is in them, as Kubernetes
// objects describe them.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"unicode"

	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// options are the command's flags.
type options struct {
	metricsAddress  string
	probeAddress    string
	leaderElect     bool
	shard           string
	watchNamespaces string
	roleBinding     string
	maxConcurrent   int
	clusterID       string
	privateURLs     bool
	grafanaCom      string
	tellVersion     bool
	log             zap.Options
}

func parseFlags() options {
	o := options{
		log: zap.Options{StacktraceLevel: zapcore.DPanicLevel},
	} // an error that is told in a condition needs no stack trace
	flag.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080",
		"address that metrics are served on; 0 switches them off")
	flag.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081",
		"address that /healthz and /readyz are served on")
	flag.BoolVar(&o.leaderElect, "leader-elect", false, "make sure that only one of several managers is active")
	flag.StringVar(&o.shard, "shard", "0/1",
		"part of the Instances to work on, with all that is in them, as i/n: the first of two managers that share "+
			"them has 0/2, and the second 1/2; with --leader-elect each has a lease of its own")
	flag.StringVar(&o.watchNamespaces, "watch-namespaces", "",
		"comma-separated namespaces to watch, each of which needs a RoleBinding for the operator; empty: all of them")
	flag.StringVar(&o.roleBinding, "role-binding", "",
		"name of the RoleBinding in each of those namespaces, which is kept until the operator has cleaned up after "+
			"the last object there; empty: it is not kept")
	flag.IntVar(&o.maxConcurrent, "max-concurrent-reconciles", 32,
		"how many objects of a kind are worked on at once; each Instance's limits apply as well")
	flag.StringVar(&o.clusterID, "cluster-id", "",
		"name of this cluster in the marks on Grafana's organizations; default: the uid of the namespace kube-system")
	flag.BoolVar(&o.privateURLs, "allow-private-dashboard-urls", false,
		"let Dashboards fetch their content from private, loopback and link-local addresses too")
	flag.StringVar(
		&o.grafanaCom,
		"grafana-com-url",
		"",
		"server that takes the place of https://grafana.com for Dashboards with a grafanaCom source, such as a "+
			"mirror; it may have a private address",
	)
	flag.BoolVar(&o.tellVersion, "version", false, "print the version and exit")
	o.log.BindFlags(flag.CommandLine)
	flag.Parse()
	if bodies := zapcore.Level(-8); o.log.Level != nil && o.log.Level.Enabled(bodies) {
		o.log.Level = bodies + 1 // from there on client-go logs the bodies of requests and answers, Secrets' among them
	}
	return o
}

// namespaces are those to watch; none: all of them.
func (o *options) namespaces() []string {
	return strings.FieldsFunc(o.watchNamespaces, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

func main() {
	o := parseFlags()
	if o.tellVersion {
		fmt.Println(about())
		return
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.log)))
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		ctrl.Log.WithName("setup").Error(err, "the manager stops")
		os.Exit(1)
	}
}
