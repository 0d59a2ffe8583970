package plan

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// ReasonCredentialWithheld is the Reason of an object that is Unknown since nothing was asked: with a credential of the
// cluster where only the manifests have it sent, or with one of the manifests where another was refused.
const ReasonCredentialWithheld = "CredentialWithheld"

// sending is what an object has sent of Secrets, and where to.
type sending struct {
	to      string       // scheme, host and port; of an Instance with the path
	proof   string       // by what the server there is known
	cas     []subjectKey // what the certificates are in that it is known by
	secrets []secretKey
}

// secretKey is what is sent of a Secret, and as what; without a key, all of it. A user name is less of a secret than a
// password is.
type secretKey struct{ name, key, as string }

// sendingOf is what the operator sends for an object, other than to where it has asked first.
func sendingOf(obj client.Object) sending {
	s := sending{}
	switch obj := obj.(type) {
	case *v1alpha1.Instance:
		s.to = baseOf(obj.Spec.URL)
		if basic := obj.Spec.Credentials.BasicAuth; basic != nil {
			s.secrets = append(s.secrets,
				secretKey{basic.SecretRef.Name, cmp.Or(basic.UsernameKey, "admin-user"), "user name"},
				secretKey{basic.SecretRef.Name, cmp.Or(basic.PasswordKey, "admin-password"), "password"})
		}
		if token := obj.Spec.Credentials.Token; token != nil {
			s.secrets = append(s.secrets, secretKey{token.Name, token.Key, "token"})
		}
		if tls := obj.Spec.TLS; tls != nil {
			if ref := tls.ClientCertificateSecretRef; ref != nil {
				s.secrets = append(s.secrets, secretKey{ref.Name, corev1.TLSPrivateKeyKey, "key"})
			}
			s.prove(obj.Namespace, tls.CAFrom, tls.ServerName, tls.InsecureSkipVerify)
		}
	case *v1alpha1.Dashboard:
		if from := obj.Spec.Source.URL; from != nil && from.HeadersFrom != nil {
			s.to, s.secrets = originOf(from.URL), []secretKey{{from.HeadersFrom.Name, "", "headers"}}
			s.prove(obj.Namespace, from.CAFrom, "", false)
		}
	}
	return s
}

// prove notes by what a server is known. Without any of that it is by the system's certificates.
func (s *sending) prove(namespace string, ca *v1alpha1.CASource, name string, anything bool) {
	if ca == nil && name == "" && !anything {
		return
	}
	text, _ := json.Marshal([]any{ca, name, anything})
	s.proof = string(text)
	switch {
	case ca == nil:
	case ca.SecretKeyRef != nil:
		s.cas = append(s.cas, subjectKey{"Secret", client.ObjectKey{Namespace: namespace, Name: ca.SecretKeyRef.Name}})
	case ca.ConfigMapKeyRef != nil:
		key := client.ObjectKey{Namespace: namespace, Name: ca.ConfigMapKeyRef.Name}
		s.cas = append(s.cas, subjectKey{"ConfigMap", key})
	}
}

// originOf is the scheme, host and port of a url; empty: it has none.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// baseOf is the scheme, host, port and path of a url: what is under another path of a server can be somebody else's,
// such as what Grafana itself passes on to a data source. Empty: it has no host.
func baseOf(text string) string {
	origin := originOf(text)
	if u, err := url.Parse(text); err == nil && origin != "" {
		return origin + strings.TrimRight(u.EscapedPath(), "/")
	}
	return origin
}

// withheld says why nothing is asked for an object: that would send a credential of the cluster to where the object in
// the cluster does not have it sent, and whoever has written the manifests may not know it. Empty: it is asked.
func (w *worker) withheld(ctx context.Context, v *subject) string {
	obj := w.store.objects[v.kind][v.key]
	_, fetches := obj.(*v1alpha1.Dashboard)
	live := w.live[v.subjectKey]
	to := w.Addresses[v.key]
	addressed := v.kind == "Instance" && to != nil
	if why := w.refusedBefore(ctx, obj); why != "" {
		return why
	}
	if w.TrustURLs || addressed && (live == nil || to.Scheme != "https") ||
		fetches && obj.GetDeletionTimestamp() != nil {
		return ""
	}
	now, was := sendingOf(obj), sending{}
	if live != nil {
		was = sendingOf(live)
	}
	if addressed { // where to is the planner's own word; by what the server there is known is not
		now.to, was.to, was.secrets = originOf(to.String()), originOf(to.String()), now.secrets
	}
	for _, sent := range now.secrets {
		secret := client.ObjectKey{Namespace: v.key.Namespace, Name: sent.name}
		if !w.isClusters(ctx, secret, sent.key) {
			continue
		}
		var why string
		switch {
		case live == nil:
			why = "is not in the cluster yet"
		case now.to != was.to:
			why = "in the cluster does not send it there"
		case now.proof != was.proof, slices.ContainsFunc(now.cas, func(k subjectKey) bool { return w.others[k] }):
			why = "in the cluster knows the server there by other certificates"
		case !slices.Contains(was.secrets, sent):
			why = "in the cluster does not send that one"
		default:
			continue
		}
		return fmt.Sprintf(
			"nothing was asked: that would send what Secret %s has in the cluster to %s, and the %s %s. "+
				"If you trust the manifests with it, give --trust-urls",
			secret,
			now.to,
			v.kind,
			why,
		)
	}
	return ""
}

// refusedBefore says why a credential that the manifests bring along is not tried: the Grafana has refused one of
// another Instance in this plan, and few of them lock the operator's own login out. Empty: none was.
func (w *worker) refusedBefore(ctx context.Context, obj client.Object) string {
	first, refused := w.refusals[w.baseOf(obj)]
	if !refused || first == client.ObjectKeyFromObject(obj) {
		return ""
	}
	for _, sent := range sendingOf(obj).secrets {
		secret := client.ObjectKey{Namespace: obj.GetNamespace(), Name: sent.name}
		if slices.Contains([]string{"password", "token"}, sent.as) && w.isClusters(ctx, secret, sent.key) {
			return ""
		}
	}
	return fmt.Sprintf("nothing was asked: this Grafana has refused the credential of Instance %s in this plan, and "+
		"few that are wrong lock a login out. Put that one right first", first)
}

// baseOf is where the Grafana of an Instance is reached; empty: it is none.
func (w *worker) baseOf(obj client.Object) string {
	instance, is := obj.(*v1alpha1.Instance)
	if !is {
		return ""
	}
	if to := w.Addresses[client.ObjectKeyFromObject(obj)]; to != nil {
		return baseOf(to.String())
	}
	return baseOf(instance.Spec.URL)
}

// isClusters reports whether the value under a key of a Secret, or, without a key, any, is one of the cluster's, and
// not from the manifests. What the operator would put there has the cluster's keys in it.
func (w *worker) isClusters(ctx context.Context, key client.ObjectKey, name string) bool {
	found, err := w.store.find(ctx, "Secret", key)
	if err != nil { // one that is not there, or may not be read, is not sent either; others may be in a moment
		return !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err)
	}
	for has, value := range found.(*corev1.Secret).Data {
		given, theirs := w.values[key][has]
		theirs = theirs && bytes.Equal(given, value)
		if (name == "" || name == has) && !theirs {
			return true
		}
	}
	return false
}

// withhold has an object be unknown for a reason.
func (w *worker) withhold(v *subject, why string) {
	v.withheld = why
	v.last = lifecycle.Outcome{
		Kind:    v.kind,
		Key:     v.key,
		Ready:   metav1.ConditionFalse,
		Reason:  ReasonCredentialWithheld,
		Message: why,
		Tried:   true,
	}
	v.visits++
	v.seenAt, v.after, v.believed = w.tick, 0, false
	if v.kind == "Instance" {
		w.env.Connections.SetAvailable(v.key, false)
	}
}

// withheldAbove says why nothing was asked in the Instance that an object is in; empty: it was.
func (w *worker) withheldAbove(v *subject) string {
	obj, there := w.find(v.subjectKey)
	if !there || v.kind == "Instance" {
		return ""
	}
	key := w.instanceOf(obj)
	if i := w.subjects[subjectKey{"Instance", key}]; i != nil && i.withheld != "" {
		return fmt.Sprintf("Instance %s: %s", key, i.withheld)
	}
	return ""
}
