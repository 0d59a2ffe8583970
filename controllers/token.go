package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens/status,verbs=patch

type tokenKind struct{ *Env }

// tokenState is what was seen of a token: in the Secret, which says which token is live, and in Grafana, which says whether it lives.
type tokenState struct {
	secret   *corev1.Secret // nil: there is none of ours
	live     *grafana.Token // what the Secret holds
	stale    []grafana.Token
	inFlight []grafana.Token // newer than the Secret's: another manager may be about to write it
}

// token is a ServiceAccountToken. Its mark is the name in Grafana, which never changes: <name>-<uid8>-<revision>.
type token struct {
	*place
	env     *Env
	obj     *v1alpha1.ServiceAccountToken
	account *v1alpha1.ServiceAccount

	revision int64 // the highest that was seen anywhere
	secret   *corev1.Secret
}

// lease is how long another manager may go on after it has lost its leadership.
const lease = 15 * time.Second

func (k tokenKind) New() *v1alpha1.ServiceAccountToken { return &v1alpha1.ServiceAccountToken{} }

func (k tokenKind) Held(obj *v1alpha1.ServiceAccountToken) bool {
	return obj.Status.TokenID != 0 || obj.Status.CreateStarted != nil
}

func (k tokenKind) Dependents(context.Context, *v1alpha1.ServiceAccountToken) ([]Object, error) {
	return nil, nil
}

// Abandon takes our owner reference off the Secret, so that it stays.
func (k tokenKind) Abandon(ctx context.Context, obj *v1alpha1.ServiceAccountToken) error {
	secret, err := k.tokenSecret(ctx, obj)
	if err != nil || secret == nil {
		return err
	}
	return k.disown(ctx, obj, secret)
}

func (k tokenKind) Connect(ctx context.Context, obj *v1alpha1.ServiceAccountToken) (External[tokenState], error) {
	key := types.NamespacedName{Namespace: obj.Namespace, Name: obj.Spec.ServiceAccountRef.Name}
	var account v1alpha1.ServiceAccount
	err := k.Get(ctx, key, &account)
	deleting := !obj.DeletionTimestamp.IsZero()
	switch {
	case apierrors.IsNotFound(err) && deleting:
		return nil, stalled(v1alpha1.ReasonParentGone, "cannot revoke it in Grafana: ServiceAccount %s does not exist. Create it again",
			key)
	case apierrors.IsNotFound(err):
		return nil, waiting(v1alpha1.ReasonParentNotFound, "ServiceAccount %s does not exist yet", key)
	case err != nil:
		return nil, err
	case deleting && account.Status.ID == 0 && account.Status.CreateStarted == nil && !account.DeletionTimestamp.IsZero():
		return nil, errGone
	case !deleting && !account.DeletionTimestamp.IsZero():
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is being deleted", key)
	case account.Status.ID == 0, !deleting && !isTrue(account.Status.Conditions, v1alpha1.ConditionAvailable):
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is not Available yet", key)
	}
	place, err := k.placeIn(ctx, account.Spec.OrganizationRef, obj)
	if err != nil {
		return nil, err
	}
	if place.org.ID() != account.Status.OrgID {
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is not in its organization yet", key)
	}
	return &token{place: place, env: k.Env, obj: obj, account: &account, revision: obj.Status.Revision}, nil
}

// Get compares the Secret with Grafana's list. It returns nil if a new token has to be made; for an object that is being deleted, if nothing of it is left.
func (x *token) Get(ctx context.Context) (*tokenState, error) {
	var err error
	if x.secret, err = x.env.tokenSecret(ctx, x.obj); err != nil {
		return nil, err
	}
	list, err := x.org.Tokens(ctx, x.account.Status.ID)
	if err != nil {
		return nil, err
	}
	have := &tokenState{secret: x.secret}
	record := readRecord(x.secret)
	x.revision = max(x.revision, record.revision)
	for i, t := range list {
		revision, ours := x.revisionOf(t.Name)
		if !ours {
			continue
		}
		x.revision = max(x.revision, revision)
		switch {
		case t.ID == record.tokenID && x.usable(t, record):
			have.live = &list[i]
		case revision > record.revision && x.mayBeInFlight(t):
			have.inFlight = append(have.inFlight, t)
		default:
			have.stale = append(have.stale, t)
		}
	}
	switch {
	case !x.obj.DeletionTimestamp.IsZero() && x.secret == nil && have.none():
		return nil, nil
	case !x.obj.DeletionTimestamp.IsZero(), have.live != nil:
		return have, nil
	case len(list) >= maxListed:
		return nil, stalled(v1alpha1.ReasonRefused, "service account %d has %d tokens, and Grafana lists no more: whether this object's is among the rest cannot be seen. Delete some that are not needed",
			x.account.Status.ID, len(list))
	}
	return nil, nil
}

// none reports whether Grafana has no token of ours.
func (s *tokenState) none() bool { return s.live == nil && len(s.stale)+len(s.inFlight) == 0 }

// maxListed is how many tokens of a service account Grafana lists.
const maxListed = 300

// usable reports whether what the Secret holds is a live key of the right account, as the spec wants it.
func (x *token) usable(t grafana.Token, r record) bool {
	return !t.HasExpired && !t.IsRevoked && r.accountID == x.account.Status.ID && r.orgID == x.org.ID() && r.ttl == x.ttl() && r.intact()
}

// mayBeInFlight reports whether another manager may still be about to write the token into the Secret.
func (x *token) mayBeInFlight(t grafana.Token) bool { return x.inFlightFor(t) > 0 }

func (x *token) inFlightFor(t grafana.Token) time.Duration {
	return t.Created.Add(x.conn.Timeout + lease).Sub(x.env.Now())
}

func (x *token) ttl() time.Duration {
	if x.obj.Spec.TTL == nil {
		return 0
	}
	return x.obj.Spec.TTL.Duration
}

// maxNameInToken leaves room for the mark in the 190 characters that a token's name can have.
const maxNameInToken = 150

func (x *token) name(revision int64) string {
	name := x.obj.Name[:min(len(x.obj.Name), maxNameInToken)]
	return fmt.Sprintf("%s-%s-%d", name, uid8(x.obj), revision)
}

// revisionOf reads the revision from a token's name, if the name is ours.
func (x *token) revisionOf(name string) (int64, bool) {
	at := strings.LastIndexByte(name, '-')
	if at < 0 || !strings.HasSuffix(name[:at], "-"+uid8(x.obj)) {
		return 0, false
	}
	revision, err := strconv.ParseInt(name[at+1:], 10, 64)
	return revision, err == nil && revision > 0
}

// Find has nowhere else to look.
func (x *token) Find(context.Context) (*tokenState, error) { return nil, nil }

// Rival fails if the Secret cannot be written: that is found out before a token is made.
func (x *token) Rival(ctx context.Context) error {
	return x.env.rehearse(ctx, x.obj, x.secret)
}

// Prepare has nothing to say: the revision is counted from Grafana's names.
func (x *token) Prepare() {}

// Create makes the next revision and writes its key into the Secret. If that fails for good, the token is revoked at once; if nobody knows, the next pass sees.
func (x *token) Create(ctx context.Context) (*tokenState, error) {
	if err := x.Prove(ctx, true); err != nil {
		return nil, err
	}
	revision := x.revision + 1
	made, err := x.org.CreateToken(ctx, x.account.Status.ID, x.name(revision), x.ttl())
	switch {
	case grafana.IsTaken(err):
		return nil, &problem{Reason: v1alpha1.ReasonCreating, Message: "another manager made this revision: looking again", Retry: true, err: err}
	case grafana.IsNotFound(err):
		return nil, &problem{Reason: v1alpha1.ReasonParentNotAvailable, Message: fmt.Sprintf("service account %d is gone: waiting for it to be made again", x.account.Status.ID), Retry: true, err: err,
			suspect: &suspect{kind: "ServiceAccount", key: types.NamespacedName{Namespace: x.account.Namespace, Name: x.account.Name}}}
	case err != nil:
		return nil, fmt.Errorf("making a token: %w", err)
	}
	r := record{tokenID: made.ID, revision: revision, accountID: x.account.Status.ID, orgID: x.org.ID(), ttl: x.ttl(), key: made.Key}
	written, err := x.env.writeSecret(ctx, x.obj, x.secret, r)
	if err != nil {
		return nil, x.revokeUnwritten(ctx, made, err)
	}
	x.secret, x.revision = written, revision
	have, err := x.Get(ctx)
	if have == nil && err == nil {
		err = &problem{Reason: v1alpha1.ReasonCreating, Message: "the token that was just made is not in Grafana's list: looking again", Retry: true}
	}
	return have, err
}

// revokeUnwritten revokes a token whose key reached no Secret, unless the write may have taken effect after all.
func (x *token) revokeUnwritten(ctx context.Context, made grafana.NewToken, cause error) error {
	if mayHaveTakenEffect(cause) {
		return fmt.Errorf("writing Secret %s: %w", x.obj.SecretName(), cause)
	}
	if err := absent(x.org.DeleteToken(ctx, x.account.Status.ID, made.ID)); err != nil {
		return fmt.Errorf("writing Secret %s: %w (and revoking the token that was to go there: %w)", x.obj.SecretName(), cause, err)
	}
	return fmt.Errorf("writing Secret %s: %w", x.obj.SecretName(), cause)
}

func (x *token) Record(have *tokenState) bool {
	status := &x.obj.Status
	if have == nil || have.live == nil {
		if have == nil {
			status.TokenID, status.TokenName, status.ExpiresAt, status.SecretName = 0, "", nil, ""
		}
		return false
	}
	status.TokenID, status.TokenName, status.SecretName, status.ExpiresAt = have.live.ID, have.live.Name, x.obj.SecretName(), nil
	status.Revision = readRecord(have.secret).revision
	if have.live.Expiration != nil {
		expires := metav1.NewTime(have.live.Expiration.UTC().Truncate(time.Second))
		status.ExpiresAt = &expires
	}
	return false // the Secret is the record; status is for people
}

func (x *token) Diff(have *tokenState) []string {
	var diff []string
	if secretDiffers(x.obj, have.secret) {
		diff = append(diff, "Secret")
	}
	if len(have.stale) > 0 {
		diff = append(diff, "old tokens")
	}
	return diff
}

func (x *token) Update(ctx context.Context, have *tokenState) error {
	if secretDiffers(x.obj, have.secret) {
		written, err := x.env.writeSecret(ctx, x.obj, have.secret, readRecord(have.secret))
		if err != nil {
			return err
		}
		have.secret = written
	}
	return x.revoke(ctx, &have.stale)
}

// revoke deletes tokens of ours and takes them off the list.
func (x *token) revoke(ctx context.Context, tokens *[]grafana.Token) error {
	for len(*tokens) > 0 {
		if err := absent(x.org.DeleteToken(ctx, x.account.Status.ID, (*tokens)[0].ID)); err != nil {
			return err
		}
		*tokens = slices.Delete(*tokens, 0, 1)
	}
	return nil
}

func (x *token) Judge(*tokenState) error {
	if x.account.Spec.Disabled {
		return stalled(v1alpha1.ReasonServiceAccountDisabled, "the key is in the Secret, but ServiceAccount %s is disabled, so that it does not work", x.account.Name)
	}
	return nil
}

// Recheck comes back when the token expires, and when a token that may be another manager's can no longer be.
func (x *token) Recheck(have *tokenState) time.Duration {
	var next time.Duration
	soonest := func(d time.Duration) {
		if d = max(d, time.Second); next == 0 || d < next {
			next = d
		}
	}
	if have.live != nil && have.live.Expiration != nil {
		soonest(have.live.Expiration.Sub(x.env.Now()) + time.Second)
	}
	for _, t := range have.inFlight {
		soonest(x.inFlightFor(t) + time.Second)
	}
	return next
}

// Delete revokes every token of ours, and then deletes the Secret, whose key is dead.
func (x *token) Delete(ctx context.Context, have *tokenState) error {
	all := slices.Concat(have.stale, have.inFlight)
	if have.live != nil {
		all = append(all, *have.live)
	}
	if held := readRecord(have.secret); held.tokenID != 0 && held.accountID == x.account.Status.ID { // Grafana may not list it
		all = append(all, grafana.Token{ID: held.tokenID})
	}
	if err := x.revoke(ctx, &all); err != nil {
		return err
	}
	return x.env.deleteSecret(ctx, have.secret)
}

// Release leaves the Secret and its token, and revokes what no Secret holds.
func (x *token) Release(ctx context.Context, have *tokenState) error {
	stale := slices.Concat(have.stale, have.inFlight)
	if err := x.revoke(ctx, &stale); err != nil {
		return err
	}
	if have.secret == nil {
		return nil
	}
	return x.env.disown(ctx, x.obj, have.secret)
}
