package controllers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// maxSecrets is how many bytes the secrets of a data source may have: not every database of Grafana's keeps more, once
// they are encrypted.
const maxSecrets = 32 << 10

// readSecrets reads what the object's secrets are, and notes of which state of which objects they come.
func (x *source) readSecrets(ctx context.Context, facts datasource.Facts) error {
	all, err := datasource.Secrets(x.obj, facts)
	if err != nil {
		return lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%v", err)
	}
	x.secrets = map[string]grafana.Key{}
	size, states := 0, sha256.New()
	for _, s := range all {
		value, state, err := x.valueOf(ctx, s)
		if err != nil {
			return err
		}
		if size += len(value); size > maxSecrets {
			return lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%s: with it the secrets have more than %d bytes, "+
				"which not every database of Grafana's keeps", s.Field, maxSecrets)
		}
		x.secrets[s.Name] = grafana.Key(value)
		_, _ = fmt.Fprintf(states, "%q %s\n", s.Name, state) // a hash takes all
	}
	if len(all) > 0 {
		x.secretsHash = hex.EncodeToString(states.Sum(nil))
	}
	return nil
}

// valueOf reads one secret. Its state says nothing of what is in it, but for what stands in the spec itself.
func (x *source) valueOf(ctx context.Context, s datasource.Secret) (value, state string, err error) {
	if s.From == (v1alpha1.ValueSource{}) {
		return s.Text, fmt.Sprintf("%q", s.Text), nil
	}
	var secret corev1.Secret
	var cm corev1.ConfigMap
	obj, kind, ref := client.Object(&secret), "Secret", s.From.SecretKeyRef
	if ref == nil {
		obj, kind, ref = &cm, "ConfigMap", s.From.ConfigMapKeyRef
	}
	key := types.NamespacedName{Namespace: x.obj.Namespace, Name: ref.Name}
	err = x.env.Live.Get(unlogged(ctx), key, obj)
	value = string(secret.Data[ref.Key]) + cm.Data[ref.Key] // one of them
	switch {
	case apierrors.IsNotFound(err):
		err = lifecycle.Stalled(v1alpha1.ReasonSecretNotFound, "%s: %s %s does not exist: create it", s.Field, kind,
			key)
	case err != nil:
		err = redact("read", key.String(), err)
	case value == "":
		err = lifecycle.Stalled(v1alpha1.ReasonSecretNotFound, "%s: %s %s has nothing under key %q", s.Field, kind, key,
			ref.Key)
	case !utf8.ValidString(value):
		err = lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%s: what %s %s has under key %q is no text", s.Field, kind,
			key, ref.Key)
	}
	if len(strings.Fields(value)) == 1 { // no certificate
		x.doubt = cmp.Or(x.doubt, blanksAround(ref.Key, []byte(value)))
	}
	state = fmt.Sprintf("%s %s %s %s %q", kind, ref.Name, obj.GetUID(), obj.GetResourceVersion(), ref.Key)
	return value, state, err
}

// dataSourceSecrets are the names of the Secrets that a DataSource names.
func dataSourceSecrets(obj *v1alpha1.DataSource) (names []string) {
	for _, from := range valueSources(obj) {
		if from.SecretKeyRef != nil {
			names = append(names, from.SecretKeyRef.Name)
		}
	}
	return names
}

// dataSourceConfigMaps are those of its ConfigMaps.
func dataSourceConfigMaps(obj *v1alpha1.DataSource) (names []string) {
	for _, from := range valueSources(obj) {
		if from.ConfigMapKeyRef != nil {
			names = append(names, from.ConfigMapKeyRef.Name)
		}
	}
	return names
}

func valueSources(obj *v1alpha1.DataSource) (all []v1alpha1.ValueSource) {
	if basic := obj.Spec.BasicAuth; basic != nil {
		all = append(all, v1alpha1.ValueSource{SecretKeyRef: &basic.PasswordSecretRef})
	}
	for _, from := range obj.Spec.SecureJSONData {
		all = append(all, from)
	}
	for _, h := range obj.Spec.Headers {
		if h.ValueFrom != nil {
			all = append(all, *h.ValueFrom)
		}
	}
	return all
}
