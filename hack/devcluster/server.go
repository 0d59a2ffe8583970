package main

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/filters"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/notfoundhandler"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/kubernetes"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/admission/install"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/authentication/install"
	_ "k8s.io/kubernetes/pkg/apis/authorization/install"
	_ "k8s.io/kubernetes/pkg/apis/certificates/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/events/install"
	_ "k8s.io/kubernetes/pkg/apis/flowcontrol/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	"k8s.io/kubernetes/pkg/controlplane/apiserver"
	"k8s.io/kubernetes/pkg/controlplane/apiserver/options"
	"k8s.io/kubernetes/pkg/generated/openapi"
	appsrest "k8s.io/kubernetes/pkg/registry/apps/rest"
	networkingrest "k8s.io/kubernetes/pkg/registry/networking/rest"
	policyrest "k8s.io/kubernetes/pkg/registry/policy/rest"
)

// servedVersions are the API groups that there are besides those of CRDs and
// APIServices.
func servedVersions() *storage.ResourceConfig {
	served := storage.NewResourceConfig()
	served.EnableVersions(
		corev1.SchemeGroupVersion,
		admissionregistrationv1.SchemeGroupVersion,
		authenticationv1.SchemeGroupVersion,
		authorizationv1.SchemeGroupVersion,
		certificatesv1.SchemeGroupVersion,
		coordinationv1.SchemeGroupVersion,
		eventsv1.SchemeGroupVersion,
		flowcontrolv1.SchemeGroupVersion,
		rbacv1.SchemeGroupVersion,
	)
	// Nothing acts on these. They are kept and checked, so that what an operator is deployed with can be applied.
	served.EnableResources(
		appsv1.SchemeGroupVersion.WithResource("deployments"),
		networkingv1.SchemeGroupVersion.WithResource("networkpolicies"),
		policyv1.SchemeGroupVersion.WithResource("poddisruptionbudgets"),
	)
	return served
}

// configs are those of the three servers in one, each of which passes on to the
// next what it does not know: API aggregation, built-in kinds, and CRDs.
type configs struct {
	aggregator *aggregator.Config
	builtin    *apiserver.Config
	extensions *apiextensions.Config
}

func newConfigs(o options.CompletedOptions) (c configs, err error) {
	schemes := []*runtime.Scheme{legacyscheme.Scheme, apiextensions.Scheme, aggregatorscheme.Scheme}
	generic, informers, storage, err := apiserver.BuildGenericConfig(o, schemes, servedVersions(),
		openapi.GetOpenAPIDefinitions, nil)
	if err != nil {
		return c, err
	}
	services := webhook.NewDefaultServiceResolver()
	builtin, admission, err := apiserver.CreateConfig(o, generic, informers, nil, storage, services, nil)
	if err != nil {
		return c, err
	}
	c.builtin = builtin
	auth := webhook.NewDefaultAuthenticationInfoResolverWrapper(builtin.ProxyTransport, generic.EgressSelector,
		generic.LoopbackClientConfig, generic.TracerProvider)
	c.extensions, err = apiserver.CreateAPIExtensionsConfig(*generic, informers, admission, o, 1, services, auth)
	if err != nil {
		return c, err
	}
	c.aggregator, err = apiserver.CreateAggregatorConfig(*generic, o, informers, services, builtin.ProxyTransport, nil,
		admission)
	if err != nil {
		return c, err
	}
	// It would watch Services.
	c.aggregator.ExtraConfig.DisableRemoteAvailableConditionController = true
	return c, nil
}

// newServer returns the three servers in one.
func newServer(o options.CompletedOptions) (*aggregator.APIAggregator, error) {
	c, err := newConfigs(o)
	if err != nil {
		return nil, err
	}
	notFound := notfoundhandler.New(c.builtin.Generic.Serializer, filters.NoMuxAndDiscoveryIncompleteKey)
	extensions, err := c.extensions.Complete().New(genericapiserver.NewEmptyDelegateWithCustomHandler(notFound))
	if err != nil {
		return nil, fmt.Errorf("creating the server of CRDs: %w", err)
	}
	completed := c.builtin.Complete()
	builtin, err := completed.New("kube-apiserver", extensions.GenericAPIServer)
	if err != nil {
		return nil, fmt.Errorf("creating the server of built-in kinds: %w", err)
	}
	client, err := kubernetes.NewForConfig(c.builtin.Generic.LoopbackClientConfig)
	if err != nil {
		return nil, err
	}
	groups, err := completed.GenericStorageProviders(client.Discovery())
	if err != nil {
		return nil, err
	}
	groups = append(groups, appsrest.StorageProvider{}, networkingrest.RESTStorageProvider{},
		policyrest.RESTStorageProvider{})
	if err := builtin.InstallAPIs(groups...); err != nil {
		return nil, err
	}
	crds := extensions.Informers.Apiextensions().V1().CustomResourceDefinitions()
	crdsServed := c.extensions.GenericConfig.MergedResourceConfig.ResourceEnabled(
		apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"))
	return apiserver.CreateAggregatorServer(c.aggregator.Complete(), builtin.GenericAPIServer, crds, crdsServed,
		apiserver.DefaultGenericAPIServicePriorities())
}
