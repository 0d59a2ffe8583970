package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=serviceaccounttokens/status,verbs=patch

type tokenKind struct {
	*Env
	brake *brake
}

func newTokenKind(e *Env) tokenKind {
	return tokenKind{Env: e, brake: &brake{tokens: map[types.UID]*rate.Limiter{}}}
}

// tokenState is what was seen of a token: in the Secret, which says which token is live, and in Grafana, which says whether it lives.
type tokenState struct {
	secrets    tokenSecrets
	live       *grafana.Token  // what the Secret holds
	superseded []superseded    // what the Secret held before, for the overlap
	ended      []grafana.Token // past their overlap, or dead already: to be deleted
	orphans    []grafana.Token // what no Secret holds: to be revoked
	inFlight   []grafana.Token // newer than the Secret's: another manager may be about to write it
	unlisted   []int64         // known ones that Grafana may have, but lists no more
}

// none reports whether Grafana has no token of ours.
func (s *tokenState) none() bool {
	return s.live == nil && len(s.abandoned())+len(s.unlisted) == 0
}

// abandoned are all tokens of ours but the live one.
func (s *tokenState) abandoned() []grafana.Token {
	all := slices.Concat(s.ended, s.orphans, s.inFlight)
	for _, t := range s.superseded {
		all = append(all, t.Token)
	}
	return all
}

// token is a ServiceAccountToken. Its mark is the name in Grafana, which never changes: <name>-<uid8>-<revision>.
type token struct {
	*place
	env     *Env
	brake   *brake
	obj     *v1alpha1.ServiceAccountToken
	account *v1alpha1.ServiceAccount

	first    bool        // status knows of no key yet
	revision int64       // the highest that was seen anywhere
	have     *tokenState // as last seen
	met      bool        // tokens of ours were seen, so that it is the right account
}

// lease is how long another manager may go on after it has lost its leadership.
const lease = 15 * time.Second

func (k tokenKind) New() *v1alpha1.ServiceAccountToken { return &v1alpha1.ServiceAccountToken{} }

func (k tokenKind) Held(obj *v1alpha1.ServiceAccountToken) bool {
	return obj.Status.TokenID != 0 || obj.Status.Revision != 0 || obj.Status.CreateStarted != nil
}

func (k tokenKind) Dependents(context.Context, *v1alpha1.ServiceAccountToken) ([]Object, error) {
	return nil, nil
}

// Abandon takes our owner reference off the Secret, so that it stays.
func (k tokenKind) Abandon(ctx context.Context, obj *v1alpha1.ServiceAccountToken) error {
	secrets, err := k.tokenSecrets(ctx, obj)
	if err != nil {
		return err
	}
	for _, s := range secrets.all() {
		if err := k.disown(ctx, obj, s); err != nil {
			return err
		}
	}
	return nil
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
	case deleting && account.Status.ID == 0 && account.Status.CreateStarted == nil && !account.DeletionTimestamp.IsZero() && wasSeen(&account):
		return nil, errGone
	case !deleting && !account.DeletionTimestamp.IsZero() && !k.Held(obj): // what holds something keeps the account: see placeIn
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is being deleted", key)
	case account.Status.ID == 0, !deleting && !isTrue(account.Status.Conditions, v1alpha1.ConditionAvailable):
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is not Available yet", key)
	}
	place, err := k.placeIn(ctx, account.Spec.OrganizationRef, obj, k.Held(obj))
	if err != nil {
		return nil, err
	}
	if place.org.ID() != account.Status.OrgID {
		return nil, waiting(v1alpha1.ReasonParentNotAvailable, "ServiceAccount %s is not in its organization yet", key)
	}
	return &token{place: place, env: k.Env, brake: k.brake, obj: obj, account: &account, first: obj.Status.Revision == 0, revision: obj.Status.Revision}, nil
}

// Get compares the Secret with Grafana's list. It returns nil if a new token has to be made; for an object that is being deleted, if nothing of it is left.
func (x *token) Get(ctx context.Context) (*tokenState, error) {
	secrets, err := x.env.tokenSecrets(ctx, x.obj)
	if err != nil {
		return nil, err
	}
	list, err := x.org.Tokens(ctx, x.account.Status.ID)
	if err != nil {
		return nil, err
	}
	x.have = x.sort(secrets, list)
	x.met = x.met || !x.have.none()
	if !x.obj.DeletionTimestamp.IsZero() && !x.met { // of an account that is not there Grafana lists no tokens either
		if err := x.sameAccount(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case !x.obj.DeletionTimestamp.IsZero() && len(secrets.all()) == 0 && x.have.none():
		return nil, nil
	case !x.obj.DeletionTimestamp.IsZero(), x.have.live != nil && x.dueFor(x.have) == "":
		return x.have, nil
	case len(list) >= maxListed:
		return nil, stalled(v1alpha1.ReasonRefused, "service account %d has %d tokens, and Grafana lists no more: whether this object's is among the rest cannot be seen. Delete some that are not needed",
			x.account.Status.ID, len(list))
	}
	return nil, nil
}

// sort tells the tokens of ours apart by what has to be done with them.
func (x *token) sort(secrets tokenSecrets, list []grafana.Token) *tokenState {
	have := &tokenState{secrets: secrets}
	held := readRecord(secrets.held())
	numbers := []int64{held.revision}
	for _, t := range list {
		revision, uid := x.revisionOf(t.Name)
		if revision == 0 || uid != uid8(x.obj) && secrets.kept[t.ID] && t.ID != held.tokenID {
			continue // somebody else's, or what an earlier life of this object left in a Secret
		}
		if revision == held.revision && t.ID == held.tokenID {
			x.revision = max(x.revision, revision)
		}
		numbers = append(numbers, revision)
		x.sortOne(have, held, t, revision)
	}
	x.count(numbers)
	if len(list) >= maxListed {
		have.unlisted = x.beyond(list, held)
	}
	x.retire(have)
	return have
}

// maxJump is how much higher than all others a revision can be. There are never as many passes between two that Secret, status or Grafana know of: somebody made a larger one up, and it is no
// reason to go on from there.
const maxJump = 1000

// count finds the highest revision among numbers that were seen.
func (x *token) count(numbers []int64) {
	slices.Sort(numbers)
	for _, n := range numbers {
		if n <= x.revision+maxJump {
			x.revision = max(x.revision, n)
		}
	}
}

// beyond are the tokens that Secret and status know of, and that are not on a list that is full.
func (x *token) beyond(list []grafana.Token, held record) []int64 {
	known := []int64{x.obj.Status.TokenID}
	for _, t := range x.obj.Status.Superseded {
		known = append(known, t.TokenID)
	}
	if x.usable(held) {
		known = append(append(known, held.tokenID), held.superseded...)
	}
	slices.Sort(known)
	return slices.DeleteFunc(slices.Compact(known), func(id int64) bool {
		return id == 0 || slices.ContainsFunc(list, func(t grafana.Token) bool { return t.ID == id })
	})
}

// sortOne puts a token of ours where it belongs. Its id alone says nothing: Grafana's database can have been restored.
func (x *token) sortOne(have *tokenState, held record, t grafana.Token, revision int64) {
	works := !t.HasExpired && !t.IsRevoked
	switch {
	case works && t.ID == held.tokenID && revision == held.revision && x.usable(held):
		have.live = &t
	case works && revision < held.revision && slices.Contains(held.superseded, t.ID):
		have.superseded = append(have.superseded, superseded{Token: t, revision: revision})
	case revision > held.revision && x.inFlightFor(t) > 0:
		have.inFlight = append(have.inFlight, t)
	case !works:
		have.ended = append(have.ended, t)
	default:
		have.orphans = append(have.orphans, t)
	}
}

// maxListed is how many tokens of a service account Grafana lists.
const maxListed = 300

// usable reports whether what a Secret holds is a whole key of the right account.
func (x *token) usable(r record) bool {
	return r.accountID == x.account.Status.ID && r.orgID == x.org.ID() && r.intact()
}

// inFlightFor is how much longer another manager may be about to write the token into the Secret.
func (x *token) inFlightFor(t grafana.Token) time.Duration {
	return t.Created.Add(x.conn.Timeout + lease).Sub(x.conn.Now())
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

// revisionOf reads from a token's name which revision it is, and the uid8 of the object that it was made for, if that has or had our name; else the revision is 0.
func (x *token) revisionOf(name string) (int64, string) {
	m := tokenName.FindStringSubmatch(name)
	if len(m) == 0 || m[1] != x.obj.Name[:min(len(x.obj.Name), maxNameInToken)] {
		return 0, ""
	}
	revision, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil || revision > maxRevision {
		return 0, ""
	}
	return revision, m[2]
}

var tokenName = regexp.MustCompile(`^(.*)-([0-9a-f]{8})-(\d+)$`)

// Find has nowhere else to look.
func (x *token) Find(context.Context) (*tokenState, error) { return nil, nil }

// proveAccount fails unless organization and service account are those that their objects stand for, at this moment: an id can have come to be another's, with any role.
func (x *token) proveAccount(ctx context.Context) error {
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	return x.sameAccount(ctx)
}

func (x *token) sameAccount(ctx context.Context) error {
	account, err := x.org.ServiceAccountByID(ctx, x.account.Status.ID)
	if absent(err) != nil {
		return err
	}
	recorded := account.Login == x.account.Status.Login && account.Login != ""
	if err != nil || !recorded || x.account.Status.CreatedAt != "" && x.account.Status.CreatedAt != createdAt(account) {
		return x.accountLost(err)
	}
	return nil
}

// accountLost waits for the service account to be made again.
func (x *token) accountLost(err error) error {
	return &problem{Reason: v1alpha1.ReasonParentNotAvailable, Message: fmt.Sprintf("service account %d is gone, or is another one: waiting for ServiceAccount %s", x.account.Status.ID, x.account.Name), Retry: true, err: err,
		suspect: &suspect{kind: "ServiceAccount", key: types.NamespacedName{Namespace: x.account.Namespace, Name: x.account.Name}}}
}

// Rival fails if no token can be made, or none be kept: that is found out before.
func (x *token) Rival(ctx context.Context) error {
	x.obj.Status.Revision = x.revision // if it fails, a deletion must know that there are tokens
	if x.revision+1 >= maxRevision {
		return stalled(v1alpha1.ReasonRefused, "service account %d has a token %q, whose number is the highest that there can be: delete it in Grafana", x.account.Status.ID, x.name(x.revision))
	}
	if err := x.rehearse(ctx); err != nil {
		return x.refused(ctx, err)
	}
	if err := x.revokeElsewhere(ctx); err != nil || x.have.live != nil {
		return err
	}
	if wait := x.brake.wait(x.obj.UID, x.env.Now()); wait > 0 {
		return &problem{Reason: v1alpha1.ReasonCreating, Stalled: true, RetryAfter: wait,
			Message: fmt.Sprintf("another key is needed, since %s, and %d were made in a short time: it is made within %s. Find out what makes keys be lost", x.lossOf(readRecord(x.have.secrets.held())), reissueBurst, reissuePace)}
	}
	return nil
}

// refused is the end of a pass in which no token could be made. If the Secret is gone, as after the deletion by which people get rid of a key that has leaked, what it held is revoked all the same.
func (x *token) refused(ctx context.Context, cause error) error {
	var p *problem
	if !errors.As(cause, &p) || !p.Stalled || x.have.secrets.held() != nil || len(x.have.ended)+len(x.have.orphans) == 0 {
		return cause
	}
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	if err := x.revokeLost(ctx, x.have); err != nil {
		return err
	}
	return cause
}

// revokeElsewhere revokes the tokens of ours that another service account of the organization has, which was in the place of this one before. After the Secret is written nobody would know of it.
func (x *token) revokeElsewhere(ctx context.Context) error {
	held := readRecord(x.have.secrets.held())
	if held.accountID == 0 || held.accountID == x.account.Status.ID || held.orgID != x.org.ID() {
		return nil
	}
	list, err := x.org.Tokens(ctx, held.accountID)
	if err != nil {
		return err
	}
	for _, t := range list {
		if revision, uid := x.revisionOf(t.Name); revision == 0 || uid != uid8(x.obj) {
			continue
		}
		if err := x.Prove(ctx, true); err != nil {
			return err
		}
		if err := absent(x.org.DeleteToken(ctx, held.accountID, t.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Prepare tells why a key is made: the first one, one ahead of time, or one in the place of a loss.
func (x *token) Prepare() event {
	switch {
	case x.have.live != nil:
		return event{v1alpha1.EventRotated, fmt.Sprintf("Another key took the place of token %d, since %s", x.have.live.ID, x.dueFor(x.have))}
	case x.first:
		return eventCreated
	}
	return event{v1alpha1.EventReissued, "Another key was made, since " + x.lossOf(readRecord(x.have.secrets.held()))}
}

// lossOf says why what the Secret holds is of no use.
func (x *token) lossOf(held record) string {
	switch {
	case x.have.secrets.held() == nil:
		return "the Secret was gone"
	case !held.intact():
		return "what the Secret held was not what the operator had written"
	case held.accountID != x.account.Status.ID, held.orgID != x.org.ID():
		return "the service account was made again"
	}
	return fmt.Sprintf("token %d was gone, revoked or expired in Grafana", held.tokenID)
}

// Create makes the next revision and writes its key into the Secret. If that fails for good, the token is revoked at once; if nobody knows, the next pass sees.
func (x *token) Create(ctx context.Context) (*tokenState, error) {
	if err := x.proveAccount(ctx); err != nil {
		return nil, err
	}
	rotation := x.have.live != nil
	r := x.nextRecord()
	made, err := x.org.CreateToken(ctx, x.account.Status.ID, x.name(r.revision), r.ttl)
	if err != nil {
		return nil, x.refused(ctx, x.notMade(err))
	}
	r.tokenID, r.key = made.ID, made.Key
	if x.have.secrets.wanted, err = x.writeSecret(ctx, x.have.secrets.wanted, r); err != nil {
		return nil, x.revokeUnwritten(ctx, made, err)
	}
	x.revision = r.revision
	if rotation {
		tokenRotations.WithLabelValues(x.obj.Namespace, x.obj.Name).Inc()
	}
	have, err := x.Get(ctx)
	if have == nil && err == nil {
		err = &problem{Reason: v1alpha1.ReasonCreating, Message: "the token that was just made is not in Grafana's list: looking again", Retry: true}
	}
	return have, err
}

// nextRecord is what will be said of the next revision, but for its id and key. Its expiry is reckoned from before the request, so that it is never told too late.
func (x *token) nextRecord() record {
	held := readRecord(x.have.secrets.held())
	r := record{
		revision: x.revision + 1, accountID: x.account.Status.ID, orgID: x.org.ID(), ttl: x.ttl(),
		rotated: cmp.Or(x.wish(), held.rotated), superseded: x.have.outgoing(),
	}
	if r.ttl > 0 {
		r.expires = x.conn.Now().Add(r.ttl).UTC().Format(time.RFC3339)
	}
	return r
}

// notMade says what it means that Grafana made no token.
func (x *token) notMade(err error) error {
	switch {
	case grafana.IsTaken(err):
		x.obj.Status.Revision = x.revision + 1 // if it is on no list of ours, the next one is taken
		return &problem{Reason: v1alpha1.ReasonCreating, Message: fmt.Sprintf("a token %q, or one that Grafana's database takes for it, is there already: looking again", x.name(x.revision+1)), Retry: true, err: err}
	case grafana.IsNotFound(err):
		return x.accountLost(err)
	case grafana.IsLifetimeRefused(err):
		return x.lifetimeRefused(err)
	}
	if answer := new(grafana.Error); errors.As(err, &answer) && answer.Status >= 400 && answer.Status < 500 {
		return fmt.Errorf("making a token: %w. If it is a limit on tokens, as managed services have one for each service account: "+
			"expired tokens count too, and the operator deletes only its own", err)
	}
	return fmt.Errorf("making a token: %w", err)
}

// lifetimeRefused names Grafana's setting that the ttl is against.
func (x *token) lifetimeRefused(err error) error {
	var answer *grafana.Error
	setting := "[auth] api_key_max_seconds_to_live"
	if errors.As(err, &answer) && answer.MessageID == grafana.ExpirationDayLimit {
		setting = "[service_accounts] token_expiration_day_limit"
	}
	wanted := "a token that never expires: set spec.ttl"
	if ttl := x.ttl(); ttl > 0 {
		wanted = fmt.Sprintf("a token that lives for %s: shorten spec.ttl", ttl)
	}
	p := stalled(v1alpha1.ReasonLifetimeRefused, "Grafana's setting %s does not allow %s (%v)", setting, wanted, err)
	p.err = err
	return p
}

// revokeUnwritten revokes a token whose key reached no Secret, unless the write may have taken effect after all.
func (x *token) revokeUnwritten(ctx context.Context, made grafana.NewToken, cause error) error {
	if mayHaveTakenEffect(cause) {
		return cause
	}
	if err := absent(x.org.DeleteToken(ctx, x.account.Status.ID, made.ID)); err != nil {
		return fmt.Errorf("%w (and revoking the token that was to go there: %w)", cause, err)
	}
	return cause
}

func (x *token) Record(have *tokenState) bool {
	status := &x.obj.Status
	switch {
	case have == nil:
		*status = v1alpha1.ServiceAccountTokenStatus{CommonStatus: status.CommonStatus, Revision: status.Revision}
		return false
	case have.live == nil:
		return false
	}
	revision := readRecord(have.secrets.held()).revision
	if status.Revision != revision || status.TokenID != have.live.ID {
		status.ProvenAt = nil
	}
	status.TokenID, status.TokenName, status.Revision, status.SecretName = have.live.ID, have.live.Name, revision, have.secrets.held().Name
	status.ExpiresAt, status.NextRotation, status.Superseded = nil, nil, nil
	if at := have.live.Expiration; at != nil {
		status.ExpiresAt, status.NextRotation = seconds(*at), seconds(at.Add(-x.lead(revision)))
	}
	for _, t := range have.superseded {
		status.Superseded = append(status.Superseded, v1alpha1.SupersededToken{TokenID: t.ID, RevokedAfter: *seconds(t.until)})
	}
	observeToken(x.obj)
	return false // the Secret is the record; status is for people
}

func seconds(t time.Time) *metav1.Time {
	whole := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &whole
}

func (x *token) Diff(have *tokenState) []string {
	var diff []string
	if x.secretDiffers(have.secrets) {
		diff = append(diff, "Secret "+x.obj.SecretName())
	}
	for _, former := range have.secrets.others {
		diff = append(diff, "former Secret "+former.Name+", which is deleted")
	}
	if len(have.ended)+len(have.orphans) > 0 {
		diff = append(diff, "old tokens")
	}
	return diff
}

// Update moves the key to where the spec wants it, before it does away with anything.
func (x *token) Update(ctx context.Context, have *tokenState) error {
	if x.secretDiffers(have.secrets) {
		if err := x.rehearse(ctx); err != nil {
			return err
		}
		written, err := x.writeSecret(ctx, have.secrets.wanted, readRecord(have.secrets.held()))
		if err != nil {
			return err
		}
		have.secrets.wanted = written
	}
	if err := x.env.deleteSecrets(ctx, &have.secrets.others); err != nil {
		return err
	}
	return x.revokeLost(ctx, have)
}

// revokeLost revokes the tokens that no Secret needs any more.
func (x *token) revokeLost(ctx context.Context, have *tokenState) error {
	if err := x.revoke(ctx, &have.ended); err != nil {
		return err
	}
	before := len(have.orphans)
	err := x.revoke(ctx, &have.orphans)
	tokenOrphans.WithLabelValues(x.obj.Namespace, x.obj.Name).Add(float64(before - len(have.orphans)))
	return err
}

// revoke deletes tokens of ours and takes them off the list.
func (x *token) revoke(ctx context.Context, tokens *[]grafana.Token) error {
	for len(*tokens) > 0 {
		if err := absent(x.org.DeleteToken(ctx, x.account.Status.ID, (*tokens)[0].ID)); err != nil {
			return fmt.Errorf("revoking token %d: %w", (*tokens)[0].ID, err)
		}
		*tokens = slices.Delete(*tokens, 0, 1)
	}
	return nil
}

// Judge has Grafana itself say, once, that the key works, and is not content with a key that is not where the spec wants it.
func (x *token) Judge(ctx context.Context, have *tokenState) error {
	if x.account.Spec.Disabled {
		return stalled(v1alpha1.ReasonServiceAccountDisabled, "the key is in the Secret, but ServiceAccount %s is disabled, so that it does not work", x.account.Name)
	}
	if err := x.proveKey(ctx, have); err != nil {
		return err
	}
	if have.secrets.taken != nil {
		return conflict(have.secrets)
	}
	return nil
}

// proveKey asks Grafana, once for each key. Where the answer says nothing about the key, as from a proxy that does not let the
// question through, it is enough that the token is on Grafana's list and that its key is in the Secret as it was made.
func (x *token) proveKey(ctx context.Context, have *tokenState) error {
	if x.obj.Status.ProvenAt != nil {
		return nil
	}
	err := x.org.ProveKey(ctx, readRecord(have.secrets.held()).key)
	switch {
	case grafana.IsUnavailable(err):
		return err
	case grafana.IsUnauthorized(err) && !grafana.IsNotGrafana(err):
		return &problem{Reason: v1alpha1.ReasonKeyRefused, Retry: true, err: err,
			Message: fmt.Sprintf("the key is in Secret %s, but Grafana does not accept it: %v. If it stays so, something on the way to Grafana holds the key back; to have another one made, delete the Secret", have.secrets.held().Name, err)}
	}
	if err == nil {
		x.obj.Status.ProvenAt = seconds(x.env.Now())
		observeToken(x.obj)
	}
	return nil
}

// Settled is never said of a token: that its key works is worth a question after every start.
func (x *token) Settled() bool { return false }

// proofTries is how long a new key is asked about every minute where the answer says nothing. Then it is at the resync.
const proofTries = 10 * time.Minute

// Recheck comes back when the token has to be rotated, when an older one has to be revoked, and when a token that may be another manager's can no longer be.
func (x *token) Recheck(have *tokenState) time.Duration {
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
func (x *token) Delete(ctx context.Context, have *tokenState) error {
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
	secrets := have.secrets.all()
	return x.env.deleteSecrets(ctx, &secrets)
}

// unlisted are tokens of which no more than the id is known.
func unlisted(ids []int64) []grafana.Token {
	var tokens []grafana.Token
	for _, id := range ids {
		tokens = append(tokens, grafana.Token{ID: id})
	}
	return tokens
}

// Release leaves the Secret and its token, and revokes what no Secret holds.
func (x *token) Release(ctx context.Context, have *tokenState) error {
	held := have.secrets.held()
	rest := append(have.abandoned(), unlisted(slices.DeleteFunc(have.unlisted, func(id int64) bool { return id == readRecord(held).tokenID }))...)
	if err := x.revoke(ctx, &rest); err != nil {
		return err
	}
	others := slices.DeleteFunc(have.secrets.all(), func(s *corev1.Secret) bool { return s == held })
	if err := x.env.deleteSecrets(ctx, &others); err != nil || held == nil {
		return err
	}
	return x.env.disown(ctx, x.obj, held)
}
