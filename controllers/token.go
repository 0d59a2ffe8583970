package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/token"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens/status,verbs=patch

type tokenKind struct {
	*Env
	reissues *token.ReissueLimiter
	echoes   *echoes[struct{}]
}

func newTokenKind(e *Env) tokenKind {
	return tokenKind{Env: e, reissues: token.NewReissueLimiter(), echoes: &echoes[struct{}]{}}
}

// accountToken is a ServiceAccountToken. Its mark is the name in Grafana, which never changes:
// <name>-<uid8>-<revision>.
type accountToken struct {
	*orgScope
	secretKeeper
	env      *Env
	reissues *token.ReissueLimiter
	echoes   *echoes[struct{}]
	obj      *v1alpha1.ServiceAccountToken
	account  *v1alpha1.ServiceAccount

	due      bool        // by its resync
	first    bool        // status knows of no key yet
	revision int64       // the highest that was seen anywhere
	have     *tokenState // as last seen
	seenAny  bool        // tokens of ours were seen, so that it is the right account
}

func (k tokenKind) describe() lifecycle.Kind[*v1alpha1.ServiceAccountToken, tokenState] {
	return lifecycle.Kind[*v1alpha1.ServiceAccountToken, tokenState]{
		List:    &v1alpha1.ServiceAccountTokenList{},
		Connect: k.Connect,
		Held:    k.Held,
		In:      &v1alpha1.ServiceAccount{},
		Parent:  accountOf,
		Tenant:  true,
		References: []lifecycle.Reference[*v1alpha1.ServiceAccountToken]{
			{To: &corev1.Secret{}, Names: func(o *v1alpha1.ServiceAccountToken) []string { return secretNames(o) }},
		},
		Watches: []lifecycle.Watch{
			{Of: &v1alpha1.Organization{}, Requests: k.inOrganization, Changes: k.UsabilityChanges()},
		},
		Abandon: k.Abandon,
		Forget: func(key types.NamespacedName) {
			forgetToken(key)
			k.echoes.forget(key)
		},
	}
}

// accountOf names the ServiceAccount of a token.
func accountOf(obj *v1alpha1.ServiceAccountToken) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Spec.ServiceAccountRef.Name}
}

// inOrganization are the tokens of an Organization's accounts.
func (k tokenKind) inOrganization(ctx context.Context, org client.Object) []ctrl.Request {
	var requests []ctrl.Request
	for _, account := range k.RequestsIn(ctx, &v1alpha1.ServiceAccountList{}, client.ObjectKeyFromObject(org)) {
		requests = append(requests, k.RequestsIn(ctx, &v1alpha1.ServiceAccountTokenList{}, account.NamespacedName)...)
	}
	return requests
}

// Held reports whether a ServiceAccountToken may have one in Grafana.
func (k tokenKind) Held(obj *v1alpha1.ServiceAccountToken) bool {
	return obj.Status.TokenID != 0 || obj.Status.Revision != 0 || obj.Status.CreateStarted != nil
}

// Abandon takes our owner reference off the Secret, so that it stays.
func (k tokenKind) Abandon(ctx context.Context, obj *v1alpha1.ServiceAccountToken) error {
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

func (k tokenKind) Connect(
	ctx context.Context,
	obj *v1alpha1.ServiceAccountToken,
) (lifecycle.External[tokenState], error) {
	key := accountOf(obj)
	var account v1alpha1.ServiceAccount
	err := k.Get(ctx, key, &account)
	deleting := !obj.DeletionTimestamp.IsZero()
	switch {
	case apierrors.IsNotFound(err) && deleting:
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonParentGone,
			"cannot revoke it in Grafana: ServiceAccount %s does not exist. Create it again",
			key,
		)
	case apierrors.IsNotFound(err):
		return nil, lifecycle.Waiting(v1alpha1.ReasonParentNotFound, "ServiceAccount %s does not exist yet", key)
	case err != nil:
		return nil, err
	case deleting && account.Status.ID == 0 && account.Status.CreateStarted == nil &&
		!account.DeletionTimestamp.IsZero() && lifecycle.StatusWritten(&account):
		return nil, lifecycle.ErrGone
	}
	in, err := k.Enter(obj, &account)
	switch {
	case err != nil:
		return nil, err
	case account.Status.ID == 0,
		!deleting && !meta.IsStatusConditionTrue(account.Status.Conditions, v1alpha1.ConditionAvailable):
		return nil, lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is not Available yet", key)
	}
	scope, err := k.scopeIn(ctx, account.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	if in.Closed() != nil {
		scope.Entrance = in
	}
	if scope.org.ID() != account.Status.OrgID {
		return nil, lifecycle.Waiting(
			v1alpha1.ReasonParentNotAvailable,
			"ServiceAccount %s is not in its organization yet",
			key,
		)
	}
	x := &accountToken{
		orgScope: scope,
		env:      k.Env,
		reissues: k.reissues,
		echoes:   k.echoes,
		obj:      obj,
		account:  &account,
		first:    obj.Status.Revision == 0,
		revision: obj.Status.Revision,
	}
	x.secretKeeper = secretKeeper{k.Env, obj, obj.Spec.Secret, "spec.secret", x.values}
	return x, nil
}

// ResyncSlot is the same for all tokens of a ServiceAccount.
func (x *accountToken) ResyncSlot() string {
	return "tokens of " + x.account.Namespace + "/" + x.account.Name
}

// ResyncDue lets one list serve all of them.
func (x *accountToken) ResyncDue() { x.due = true }

func (x *accountToken) Record(have *tokenState) bool {
	status := &x.obj.Status
	switch {
	case have == nil:
		*status = v1alpha1.ServiceAccountTokenStatus{CommonStatus: status.CommonStatus, Revision: status.Revision}
		return false
	case have.live == nil:
		return false
	}
	revision := token.ReadRecord(have.secrets.Held()).Revision
	if status.Revision != revision || status.TokenID != have.live.ID {
		status.ProvenAt = nil
	}
	status.TokenID, status.TokenName, status.Revision = have.live.ID, have.live.Name, revision
	status.SecretName = have.secrets.Held().Name
	status.ExpiresAt, status.NextRotation, status.Superseded = nil, nil, nil
	if at := have.live.Expiration; at != nil {
		status.ExpiresAt, status.NextRotation = seconds(*at), seconds(at.Add(-x.lead(revision)))
	}
	for _, t := range have.superseded {
		status.Superseded = append(
			status.Superseded,
			v1alpha1.SupersededToken{TokenID: t.ID, RevokedAfter: *seconds(t.until)},
		)
	}
	observeToken(x.obj)
	return false // the Secret is the record; status is for people
}

func (x *accountToken) Diff(have *tokenState) []string {
	var diff []string
	if x.secretDiffers(have.secrets) {
		diff = append(diff, "Secret "+x.obj.SecretName())
	}
	for _, former := range have.secrets.Others {
		diff = append(diff, "former Secret "+former.Name+", which is deleted")
	}
	if len(have.ended)+len(have.orphans) > 0 {
		diff = append(diff, "old tokens")
	}
	return diff
}

// Update moves the key to where the spec wants it, before it does away with anything.
func (x *accountToken) Update(ctx context.Context, have *tokenState) error {
	if x.secretDiffers(have.secrets) {
		if err := x.dryRun(ctx); err != nil {
			return err
		}
		written, err := x.writeSecret(ctx, have.secrets.Wanted, token.ReadRecord(have.secrets.Held()))
		if err != nil {
			return err
		}
		have.secrets.Wanted = written
	}
	if err := x.env.deleteSecrets(ctx, &have.secrets.Others); err != nil {
		return err
	}
	return x.revokeLost(ctx, have)
}

// Check has Grafana itself say, once, that the key works, and is not content with a key that is not where the spec
// wants it.
func (x *accountToken) Check(ctx context.Context, have *tokenState) error {
	if x.account.Spec.Disabled {
		return lifecycle.Stalled(
			v1alpha1.ReasonServiceAccountDisabled,
			"the key is in the Secret, but ServiceAccount %s is disabled, so that it does not work",
			x.account.Name,
		)
	}
	if err := x.proveKey(ctx, have); err != nil {
		return err
	}
	if have.secrets.Taken != nil {
		return conflict(have.secrets, x.obj)
	}
	return nil
}

// proveKey asks Grafana, once for each key. Where the answer says nothing about the key, as from a proxy that does not
// let the question through, it is enough that the token is on Grafana's list and that its key is in the Secret as it
// was made.
func (x *accountToken) proveKey(ctx context.Context, have *tokenState) error {
	if x.obj.Status.ProvenAt != nil {
		return nil
	}
	err := x.org.ProveKey(ctx, token.ReadRecord(have.secrets.Held()).Key)
	switch {
	case grafana.IsUnavailable(err):
		return err
	case grafana.IsUnauthorized(err) && !grafana.IsNotGrafana(err):
		return &lifecycle.Problem{
			Reason: v1alpha1.ReasonKeyRefused,
			Retry:  true,
			Err:    err,
			Message: fmt.Sprintf(
				"the key is in Secret %s, but Grafana does not accept it: %v. If it stays so, something on the "+
					"way to Grafana holds the key back; to have another one made, delete the Secret",
				have.secrets.Held().Name,
				err,
			),
		}
	}
	if err == nil {
		x.obj.Status.ProvenAt = seconds(x.env.Now())
		observeToken(x.obj)
	}
	return nil
}

// proofTries is how long a new key is asked about every minute where the answer says nothing. Then it is at the resync.
const proofTries = 10 * time.Minute

// RecheckAfter comes back when the token has to be rotated, when an older one has to be revoked, and when a token that
// may be another manager's can no longer be.
func (x *accountToken) RecheckAfter(have *tokenState) time.Duration {
	var next time.Duration
	soonest := func(d time.Duration) {
		if d = max(d, 0) + time.Second; next == 0 || d < next {
			next = d
		}
	}
	if have.live != nil && have.live.Expiration != nil {
		soonest(x.untilRotation(have))
	}
	if x.obj.Status.ProvenAt == nil && have.live != nil && x.conn.Now().Sub(have.live.Created) < proofTries {
		soonest(time.Minute)
	}
	for _, t := range have.superseded {
		soonest(t.until.Sub(x.conn.Now()))
	}
	for _, t := range have.inFlight {
		soonest(x.inFlightFor(t))
	}
	return next
}

// Delete revokes every token of ours, and then deletes the Secret, whose key is dead.
func (x *accountToken) Delete(ctx context.Context, have *tokenState) error {
	all := have.abandoned()
	if have.live != nil {
		all = append(all, *have.live)
	}
	all = append(all, unlisted(have.unlisted)...)
	if err := x.revoke(ctx, &all); err != nil {
		return err
	}
	if err := x.revokeElsewhere(ctx); err != nil {
		return err
	}
	x.obj.Status.TokenID, x.obj.Status.Superseded = 0, nil // nothing that the list does not show is left
	secrets := have.secrets.All()
	return x.env.deleteSecrets(ctx, &secrets)
}

// Release leaves the Secret and its token, and revokes what no Secret holds.
func (x *accountToken) Release(ctx context.Context, have *tokenState) error {
	held := have.secrets.Held()
	rest := append(
		have.abandoned(),
		unlisted(
			slices.DeleteFunc(have.unlisted, func(id int64) bool { return id == token.ReadRecord(held).TokenID }),
		)...)
	if err := x.revoke(ctx, &rest); err != nil {
		return err
	}
	others := slices.DeleteFunc(have.secrets.All(), func(s *corev1.Secret) bool { return s == held })
	if err := x.env.deleteSecrets(ctx, &others); err != nil || held == nil {
		return err
	}
	return x.env.disown(ctx, x.obj, held)
}

// unlisted are tokens of which no more than the id is known.
func unlisted(ids []int64) []grafana.Token {
	var tokens []grafana.Token
	for _, id := range ids {
		tokens = append(tokens, grafana.Token{ID: id})
	}
	return tokens
}

func seconds(t time.Time) *metav1.Time {
	whole := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &whole
}
