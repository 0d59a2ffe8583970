package controllers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// settings is all that a connection is made from.
type settings struct {
	config      grafana.Config
	fingerprint string // changes whenever any of it does; kept in memory only, since passwords are in it
	credential  string // resourceVersion of the Secret with the credential
	hint        string // what looks wrong with the credential
}

// resolver reads what an Instance names, and notes all values that it took from there. What else changes in a Secret,
// such as our own finalizer, makes no other connection.
type resolver struct {
	ctx       context.Context
	live      client.Reader
	namespace string
	used      []value
}

// value is what stands under one key of a Secret or ConfigMap.
type value struct {
	Field, Key string
	Value      []byte
}

// resolve reads the Secrets and ConfigMaps that an Instance names.
func (e *Env) resolve(ctx context.Context, obj *v1alpha1.Instance) (*settings, error) {
	r := &resolver{ctx: ctx, live: e.Live, namespace: obj.Namespace}
	s := &settings{
		config: grafana.Config{
			URL: obj.Spec.URL, Timeout: timeoutOf(obj), Transport: e.Transport, UserAgent: e.UserAgent, Now: e.Now,
		},
	}
	if err := r.credentials(obj.Spec.Credentials, s); err != nil {
		return nil, err
	}
	if obj.Spec.TLS != nil {
		config, err := r.tls(obj.Spec.TLS)
		if err != nil {
			return nil, err
		}
		s.config.TLS = config
	}
	if l := obj.Spec.Limits; l.RequestsPerSecond > 0 {
		s.config.Rate = grafana.Rate{RequestsPerSecond: float64(l.RequestsPerSecond), Burst: int(max(l.Burst, 1))}
	}
	text, err := json.Marshal(
		[]any{obj.UID, obj.Spec.URL, obj.Spec.Credentials, obj.Spec.TLS, obj.Spec.Timeout, obj.Spec.Limits, r.used},
	)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	s.fingerprint = hex.EncodeToString(sum[:])
	return s, nil
}

// ClientConfig is how the Grafana of an Instance is reached: with what its Secrets and ConfigMaps hold.
func ClientConfig(ctx context.Context, live client.Reader, obj *v1alpha1.Instance) (grafana.Config, error) {
	e := &Env{Engine: &lifecycle.Engine{Live: live}}
	s, err := e.resolve(ctx, obj)
	if err != nil {
		return grafana.Config{}, err
	}
	return s.config, nil
}

func timeoutOf(obj *v1alpha1.Instance) time.Duration {
	if obj.Spec.Timeout == nil {
		return 30 * time.Second
	}
	return obj.Spec.Timeout.Duration
}

// connect makes the connection. Nothing is sent yet.
func (e *Env) connect(obj *v1alpha1.Instance, s *settings) (*connection.Conn, error) {
	key := client.ObjectKeyFromObject(obj)
	s.config.Observe = connection.ObserveCall(key)
	if e.Through != nil {
		s.config.Through = func(network grafana.RoundTripper) grafana.RoundTripper { return e.Through(obj, network) }
	}
	api, err := grafana.New(s.config)
	if err != nil {
		return nil, err
	}
	config := connection.Config{
		Server: key, Timeout: timeoutOf(obj), Hint: s.hint, Fingerprint: s.fingerprint, Clock: e.Now,
		MaxReads: int(obj.Spec.Limits.MaxConcurrentReads), MaxWrites: int(obj.Spec.Limits.MaxConcurrentWrites),
		FixedWriters: e.FixedWriters && obj.Spec.Limits.MaxConcurrentWrites > 0,
	}
	if s.config.BasicAuth != nil {
		config.Login = s.config.BasicAuth.Username
	}
	return connection.New(api, config), nil
}

func (r *resolver) credentials(c v1alpha1.Credentials, s *settings) error {
	if c.Token != nil {
		key, version, err := r.secret("spec.credentials.token", c.Token.Name, c.Token.Key)
		s.config.Token, s.credential, s.hint = grafana.Key(key), version, blanksAround(c.Token.Key, key)
		return err
	}
	basic := c.BasicAuth
	username, _, err := r.secret(
		"spec.credentials.basicAuth",
		basic.SecretRef.Name,
		orDefault(basic.UsernameKey, "admin-user"),
	)
	if err != nil {
		return err
	}
	password, version, err := r.secret(
		"spec.credentials.basicAuth",
		basic.SecretRef.Name,
		orDefault(basic.PasswordKey, "admin-password"),
	)
	if err != nil {
		return err
	}
	s.credential = version
	s.hint = blanksAround(orDefault(basic.UsernameKey, "admin-user"), username) +
		blanksAround(orDefault(basic.PasswordKey, "admin-password"), password)
	s.config.BasicAuth = &grafana.BasicAuth{
		Username: string(username),
		Password: grafana.Key(password),
		Session:  basic.Session != v1alpha1.SessionNever,
	}
	return nil
}

// blanksAround says so of a value that begins or ends with a blank, most often the line end of `echo`. It is used as
// it is, since Grafana may have been given the same.
func blanksAround(key string, value []byte) string {
	switch trimmed := bytes.TrimSpace(value); {
	case len(trimmed) == len(value):
		return ""
	case bytes.HasSuffix(value, []byte("\n")), bytes.HasSuffix(value, []byte("\r")):
		return fmt.Sprintf(". The value of key %s ends with a line end: is that part of it?", key)
	}
	return fmt.Sprintf(". The value of key %s begins or ends with a blank: is that part of it?", key)
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (r *resolver) tls(spec *v1alpha1.TLS) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         spec.ServerName,
		InsecureSkipVerify: spec.InsecureSkipVerify,
	} //nolint:gosec // only where the spec asks for it, and its documentation says what that means
	if spec.CAFrom != nil {
		pem, err := r.ca("spec.tls.caFrom", spec.CAFrom)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, lifecycle.Stalled(
				v1alpha1.ReasonTLSFailed,
				"spec.tls.caFrom: there is no PEM certificate in it",
			)
		}
	}
	if ref := spec.ClientCertificateSecretRef; ref != nil {
		certificate, _, err := r.secret("spec.tls.clientCertificateSecretRef", ref.Name, corev1.TLSCertKey)
		if err != nil {
			return nil, err
		}
		key, _, err := r.secret("spec.tls.clientCertificateSecretRef", ref.Name, corev1.TLSPrivateKeyKey)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, lifecycle.Stalled(
				v1alpha1.ReasonTLSFailed,
				"spec.tls.clientCertificateSecretRef: %s and %s are no certificate and its key",
				corev1.TLSCertKey,
				corev1.TLSPrivateKeyKey,
			)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (r *resolver) ca(field string, from *v1alpha1.CASource) ([]byte, error) {
	if ref := from.SecretKeyRef; ref != nil {
		pem, _, err := r.secret(field, ref.Name, ref.Key)
		return pem, err
	}
	ref := from.ConfigMapKeyRef
	var cm corev1.ConfigMap
	if err := r.get(field, ref.Name, &cm); err != nil {
		return nil, err
	}
	if text, ok := cm.Data[ref.Key]; ok {
		return r.use(field, ref.Key, []byte(text)), nil
	}
	return nil, r.noKey(field, "ConfigMap", ref.Name, ref.Key)
}

// secret reads one key of a Secret, which must not be empty.
func (r *resolver) secret(field, name, key string) (value []byte, version string, err error) {
	var secret corev1.Secret
	if err := r.get(field, name, &secret); err != nil {
		return nil, "", err
	}
	if len(secret.Data[key]) == 0 {
		return nil, "", r.noKey(field, "Secret", name, key)
	}
	return r.use(field, key, secret.Data[key]), secret.ResourceVersion, nil
}

// use notes a value.
func (r *resolver) use(field, key string, text []byte) []byte {
	r.used = append(r.used, value{field, key, text})
	return text
}

func (r *resolver) noKey(field, kind, name, key string) error {
	return lifecycle.Stalled(
		v1alpha1.ReasonSecretNotFound,
		"%s: %s %s/%s has nothing under key %q",
		field,
		kind,
		r.namespace,
		name,
		key,
	)
}

func (r *resolver) get(field, name string, obj client.Object) error {
	err := r.live.Get(unlogged(r.ctx), types.NamespacedName{Namespace: r.namespace, Name: name}, obj)
	if apierrors.IsNotFound(err) {
		kind := "Secret"
		if _, ok := obj.(*corev1.ConfigMap); ok {
			kind = "ConfigMap"
		}
		return lifecycle.Stalled(
			v1alpha1.ReasonSecretNotFound,
			"%s: %s %s/%s does not exist",
			field,
			kind,
			r.namespace,
			name,
		)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}
