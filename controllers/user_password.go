package controllers

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/token"
)

// password is the one that a login is to have, and where it is.
type password struct {
	secrets token.Secrets // of the object's own; none where it is taken from another
	key     grafana.Key   // empty: it has to be made
	version string        // which one it is
	problem error         // why there is none
}

// passwordSecretNames are those of the Secrets that a password is in, or is to be in.
func passwordSecretNames(o *v1alpha1.User) []string {
	names := secretNames(o)
	if ref := o.GivenPassword(); ref != nil {
		names = append(names, ref.Name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// Abandon takes our owner reference off the Secret, so that it stays.
func (k userKind) Abandon(ctx context.Context, obj *v1alpha1.User) error {
	secrets, err := k.secretsOf(ctx, obj)
	if err != nil {
		return err
	}
	for _, s := range secrets.All() {
		if err := k.disown(ctx, obj, s); err != nil {
			return err
		}
	}
	return nil
}

// ownSecrets makes sure that Kubernetes deletes the Secrets with the object. Those of one that was to be left, or that
// people have taken the reference off, it would leave.
func (x *user) ownSecrets(ctx context.Context) error {
	secrets, err := x.env.secretsOf(ctx, x.obj)
	if err != nil {
		return err
	}
	for _, s := range secrets.All() {
		if metav1.IsControlledBy(s, x.obj) {
			continue
		}
		if err := x.own(s); err != nil {
			return err
		}
		if err := x.env.Update(unlogged(ctx), s); client.IgnoreNotFound(err) != nil {
			return redact("update", s.Namespace+"/"+s.Name, err)
		}
	}
	return nil
}

// readPassword finds out which password there is to be.
func (x *user) readPassword(ctx context.Context) (p password) {
	if p.secrets, p.problem = x.env.secretsOf(ctx, x.obj); p.problem != nil {
		return p
	}
	if ref := x.obj.GivenPassword(); ref != nil {
		p.secrets.Others = slices.DeleteFunc(
			p.secrets.Others,
			func(s *corev1.Secret) bool { return s.Name == ref.Name },
		)
		p.key, p.version, p.problem = x.givenPassword(ctx, ref)
		return p
	}
	if p.secrets.Wanted == nil && p.secrets.Taken != nil {
		p.problem = conflict(p.secrets, x.obj)
		return p
	}
	if held := token.ReadRecord(p.secrets.Held()); held.Intact() && !x.rotates(held) {
		p.key, p.version = held.Key, strconv.FormatInt(held.Revision, 10)
	}
	return p
}

// rotates reports whether a person asks for another password.
func (x *user) rotates(held token.Record) bool {
	asked := x.obj.Annotations[v1alpha1.AnnotationRotate]
	return asked != "" && asked != held.Rotated
}

// givenPassword is one that somebody else has put into a Secret.
func (x *user) givenPassword(ctx context.Context, ref *v1alpha1.KeyReference) (grafana.Key, string, error) {
	name := x.obj.Namespace + "/" + ref.Name
	secret, err := x.env.liveSecret(ctx, x.obj.Namespace, ref.Name)
	if err != nil {
		return "", "", err
	}
	const field = "spec.password.secretKeyRef"
	if secret == nil {
		return "", "", lifecycle.Stalled(v1alpha1.ReasonSecretNotFound, "%s: Secret %s does not exist", field, name)
	}
	switch text := string(secret.Data[ref.Key]); {
	case text == "":
		return "", "", lifecycle.Stalled(
			v1alpha1.ReasonSecretNotFound, "%s: Secret %s has nothing under key %q", field, name, ref.Key)
	case strings.TrimSpace(text) != text, !utf8.ValidString(text), len(text) < 4:
		return "", "", lifecycle.Stalled(
			v1alpha1.ReasonInvalidSpec,
			"%s: what Secret %s has under key %q is no password: it needs at least 4 characters, and no blank or line "+
				"end around them",
			field, name, ref.Key,
		)
	default:
		return grafana.Key(text), fmt.Sprintf("%s %s %s", secret.UID, secret.ResourceVersion, ref.Key), nil
	}
}

// passwordDiff names what differs of password and Secret.
func (x *user) passwordDiff(p password) (diff []string) {
	if p.key == "" || p.version != x.obj.Status.PasswordVersion {
		diff = append(diff, "password")
	}
	if x.obj.SecretName() != "" && x.secretDiffers(p.secrets) {
		diff = append(diff, "Secret "+x.obj.SecretName())
	}
	for _, former := range p.secrets.Others {
		diff = append(diff, "former Secret "+former.Name+", which is deleted")
	}
	return diff
}

// hasPassword reports whether the login was seen to take a password that it was to have. Who was there before has one
// until then that others may know.
func (x *user) hasPassword() bool { return x.obj.Status.PasswordVersion != "" }

// PrepareChange forgets which password Grafana has before another one is sent: it may be taken and never answered, and
// then the one before is not to be taken for set when it is asked for again.
func (x *user) PrepareChange(have *userState) bool {
	p, known := have.password, x.obj.Status.PasswordVersion
	if p.problem != nil || p.key == "" || known == "" || p.version == known {
		return false
	}
	x.obj.Status.PasswordVersion = ""
	return true
}

// setPassword has the password where it belongs, and then in Grafana.
func (x *user) setPassword(ctx context.Context, have *userState) error {
	p := &have.password
	if p.problem != nil {
		return nil // which Check tells
	}
	if err := x.checkPasswordCanChange(ctx, *p); err != nil {
		return err
	}
	if err := x.keepPassword(ctx, p); err != nil {
		return err
	}
	if p.version != x.obj.Status.PasswordVersion {
		if err := x.conn.SetUserPassword(ctx, have.ID, p.key); err != nil {
			return x.whyUnset(err)
		}
		x.obj.Status.PasswordVersion = p.version
	}
	return x.env.deleteSecrets(ctx, &p.secrets.Others)
}

// errPasswordFixed says that a login keeps the password that it was made with.
var errPasswordFixed = lifecycle.Stalled(v1alpha1.ReasonRefused, "Grafana changes no password while its login form is "+
	"switched off: the one before works on. Have the form switched on, or ask for no other password")

// checkPasswordCanChange fails if another password is to be made and Grafana would not take it: it would stand in the
// Secret in the place of the one that works.
func (x *user) checkPasswordCanChange(ctx context.Context, p password) error {
	if p.key != "" {
		return nil
	}
	settings, err := x.conn.Settings(ctx)
	if err == nil && settings.PasswordsFixed {
		return errPasswordFixed
	}
	return err
}

// whyUnset says of a password that Grafana did not set what may be wrong with it. One that the operator has made meets
// any policy: then it is Grafana that fails.
func (x *user) whyUnset(err error) error {
	if grafana.IsPasswordFixed(err) {
		return errPasswordFixed
	}
	ref := x.obj.GivenPassword()
	if ref == nil || !grafana.IsPasswordUnset(err) {
		return err
	}
	return &lifecycle.Problem{
		Reason: v1alpha1.ReasonRefused, Stalled: true, RetryAfter: time.Minute,
		Message: fmt.Sprintf(
			"Grafana does not set what Secret %s/%s has under key %q, most likely since its password policy does "+
				"not let it: %v. Put another password there",
			x.obj.Namespace, ref.Name, ref.Key, err,
		),
	}
}

// keepPassword makes the password if it has to, and writes the Secret. Whatever happens afterwards, what Grafana may
// come to have stands there.
func (x *user) keepPassword(ctx context.Context, p *password) error {
	if x.obj.SecretName() == "" || p.key != "" && !x.secretDiffers(p.secrets) {
		return nil
	}
	r := token.ReadRecord(p.secrets.Held())
	if p.key == "" {
		last, _ := strconv.ParseInt(x.obj.Status.PasswordVersion, 10, 64)
		r = token.Record{
			Revision: max(r.Revision, last) + 1,
			Rotated:  cmp.Or(x.obj.Annotations[v1alpha1.AnnotationRotate], r.Rotated),
		}
	}
	if err := x.rehearse(ctx, p.secrets, r); err != nil {
		return err
	}
	if p.key == "" {
		if wait := x.made.Wait(x.obj.UID, x.env.Now()); wait > 0 {
			return &lifecycle.Problem{
				Reason: v1alpha1.ReasonCreating, Stalled: true, RetryAfter: wait,
				Message: fmt.Sprintf(
					"another password is needed, and %d were made in a short time: it is made within %s. Find "+
						"out what changes Secret %s",
					token.ReissueBurst,
					token.ReissuePace,
					x.secretName(p.secrets.Wanted),
				),
			}
		}
		r.Key = newPassword()
	}
	written, err := x.writeSecret(ctx, p.secrets.Wanted, r)
	if err != nil {
		return err
	}
	x.wrote = true
	p.secrets.Wanted, p.key, p.version = written, r.Key, strconv.FormatInt(r.Revision, 10)
	return nil
}

// values are what templates can use.
func (x *user) values(r token.Record) map[string]any {
	return map[string]any{
		"password": r.Key.Reveal(), "login": x.obj.WantedLogin(), "email": x.obj.Spec.Email,
		"name": x.obj.WantedName(), "url": x.conn.URL(),
	}
}

// newPassword is one of 190 bits, in which a policy finds what it may ask for: letters of both cases, digits, others.
func newPassword() grafana.Key {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	for {
		text := make([]byte, 32)
		_, _ = rand.Read(text) // which never fails
		for i := range text {
			text[i] = letters[int(text[i])%len(letters)]
		}
		s := string(text)
		if strings.ContainsAny(s, letters[:26]) && strings.ContainsAny(s, letters[26:52]) &&
			strings.ContainsAny(s, letters[52:62]) && strings.ContainsAny(s, letters[62:]) && s[0] != '-' {
			return grafana.Key(s)
		}
	}
}
