// Package options stands in for the file of k8s.io/kubernetes/pkg/kubeapiserver/options
// that "exists to force the desired plugin implementations to be linked", as it
// says: the admission plugins that look at more than pods, nodes, volumes,
// ingresses and certificates. ServiceAccount is here to be switched off by
// envtest. The others are of k8s.io/apiserver, which registers them itself.
package options

import (
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
	"k8s.io/kubernetes/plugin/pkg/admission/serviceaccount"
)

// AllOrderedPlugins are all plugins, in the order in which they are asked.
var AllOrderedPlugins = []string{
	lifecycle.PluginName,
	serviceaccount.PluginName,
	mutatingpolicy.PluginName,
	mutatingwebhook.PluginName,
	validatingpolicy.PluginName,
	validatingwebhook.PluginName,
	resourcequota.PluginName,
}

// RegisterAllAdmissionPlugins adds those that k8s.io/apiserver does not.
func RegisterAllAdmissionPlugins(plugins *admission.Plugins) {
	resourcequota.Register(plugins)
	serviceaccount.Register(plugins)
}

// DefaultOffAdmissionPlugins are none.
func DefaultOffAdmissionPlugins() sets.Set[string] { return sets.New[string]() }

func registerAllAdmissionPluginFlags(*pflag.FlagSet) {}
