package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/token"
)

// CheckConflict fails if no token can be made, or none be kept: that is found out before.
func (x *accountToken) CheckConflict(ctx context.Context) error {
	x.obj.Status.Revision = x.revision // if it fails, a deletion must know that there are tokens
	if x.revision+1 >= token.MaxRevision {
		return lifecycle.Stalled(
			v1alpha1.ReasonRefused,
			"service account %d has a token %q, whose number is the highest that there can be: delete it in Grafana",
			x.account.Status.ID,
			x.name(x.revision),
		)
	}
	if err := x.dryRun(ctx); err != nil {
		return x.refused(ctx, err)
	}
	if err := x.revokeElsewhere(ctx); err != nil || x.have.live != nil {
		return err
	}
	if wait := x.reissues.Wait(x.obj.UID, x.env.Now()); wait > 0 {
		return &lifecycle.Problem{
			Reason:     v1alpha1.ReasonCreating,
			Stalled:    true,
			RetryAfter: wait,
			Message: fmt.Sprintf(
				"another key is needed, since %s, and %d were made in a short time: it is made within %s. Find "+
					"out what makes keys be lost",
				x.lossOf(token.ReadRecord(x.have.secrets.Held())),
				token.ReissueBurst,
				token.ReissuePace,
			),
		}
	}
	return nil
}

// dryRun finds out whether the Secret of the next revision can be written.
func (x *accountToken) dryRun(ctx context.Context) error {
	return x.rehearse(ctx, x.have.secrets, x.nextRecord())
}

// values are what templates can use.
func (x *accountToken) values(r token.Record) map[string]any {
	return map[string]any{
		"token": r.Key.Reveal(), "expiresAt": r.Expires, "login": x.account.Status.Login,
		"url": x.conn.URL(), "orgID": x.org.ID(), "orgName": x.object.Status.Name,
	}
}

// Prepare tells why a key is made: the first one, one ahead of time, or one in the place of a loss.
func (x *accountToken) Prepare() lifecycle.Event {
	switch {
	case x.have.live != nil:
		return lifecycle.Event{
			Reason:  v1alpha1.EventRotated,
			Message: fmt.Sprintf("Another key took the place of token %d, since %s", x.have.live.ID, x.dueFor(x.have)),
		}
	case x.first:
		return lifecycle.EventCreated
	}
	return lifecycle.Event{
		Reason:  v1alpha1.EventReissued,
		Message: "Another key was made, since " + x.lossOf(token.ReadRecord(x.have.secrets.Held())),
	}
}

// lossOf says why what the Secret holds is of no use.
func (x *accountToken) lossOf(held token.Record) string {
	switch {
	case x.have.secrets.Held() == nil:
		return "the Secret was gone"
	case !held.Intact():
		return "what the Secret held was not what the operator had written"
	case held.AccountID != x.account.Status.ID, held.OrgID != x.org.ID():
		return "the service account was made again"
	}
	return fmt.Sprintf("token %d was gone, revoked or expired in Grafana", held.TokenID)
}

// Create makes the next revision and writes its key into the Secret. If that fails for good, the token is revoked at
// once; if nobody knows, the next pass sees.
func (x *accountToken) Create(ctx context.Context) (*tokenState, error) {
	if err := x.proveAccount(ctx); err != nil {
		return nil, err
	}
	rotation := x.have.live != nil
	r := x.nextRecord()
	seen, session := *x.have, x.conn.SessionID()
	made, err := x.org.CreateToken(ctx, x.account.Status.ID, x.name(r.Revision), r.TTL)
	if err != nil {
		x.conn.ForgetTokens(x.org.ID(), x.account.Status.ID) // it may be there all the same, or come later
		return nil, x.refused(ctx, x.notMade(err))
	}
	r.TokenID, r.Key = made.ID, made.Key
	if x.have.secrets.Wanted, err = x.writeSecret(ctx, x.have.secrets.Wanted, r); err != nil {
		return nil, x.revokeUnwritten(ctx, made, err)
	}
	x.revision = r.Revision
	if rotation {
		tokenRotations.WithLabelValues(x.obj.Namespace, x.obj.Name).Inc()
	}
	have, err := x.born(ctx, &seen, made, session)
	x.echoes.expect(x.obj, x.env.Now(), struct{}{})
	if have == nil && err == nil {
		err = &lifecycle.Problem{
			Reason:  v1alpha1.ReasonCreating,
			Message: "the token that was just made is not in Grafana's list: looking again",
			Retry:   true,
		}
	}
	if err != nil {
		err = leftInGrafana{err}
	}
	return have, err
}

// born is what there is of the token once its key is in the Secret. The answer that it was made tells its id and name;
// of one that never expires, and that is the only one of ours, there is no more to know: it is not looked for again, if
// the session in which it was asked for has lasted.
func (x *accountToken) born(
	ctx context.Context, before *tokenState, made grafana.NewToken, session string,
) (*tokenState, error) {
	account := x.account.Status.ID
	if !before.none() || x.ttl() != 0 || session == "" || session != x.conn.SessionID() ||
		before.listed+1 >= maxListed {
		x.conn.ForgetTokens(x.org.ID(), account)
		return x.Find(ctx)
	}
	secrets, err := x.env.secretsOf(ctx, x.obj)
	if err != nil {
		return nil, err
	}
	one := grafana.Token{ID: made.ID, Name: made.Name, Created: x.conn.Now().UTC().Truncate(time.Second)}
	x.conn.NoteToken(x.org.ID(), account, one)
	if x.have = x.sort(secrets, []grafana.Token{one}); x.have.live == nil { // somebody has been at the Secret
		return x.Find(ctx)
	}
	return x.have, nil
}

// nextRecord is what will be said of the next revision, but for its id and key. Its expiry is reckoned from before the
// request, so that it is never told too late.
func (x *accountToken) nextRecord() token.Record {
	held := token.ReadRecord(x.have.secrets.Held())
	r := token.Record{
		Revision: x.revision + 1, AccountID: x.account.Status.ID, OrgID: x.org.ID(), TTL: x.ttl(),
		Rotated: cmp.Or(x.rotateRequest(), held.Rotated), Superseded: x.have.outgoing(),
	}
	if r.TTL > 0 {
		r.Expires = x.conn.Now().Add(r.TTL).UTC().Format(time.RFC3339)
	}
	return r
}

// notMade says what it means that Grafana made no token.
func (x *accountToken) notMade(err error) error {
	switch {
	case grafana.IsTaken(err):
		x.obj.Status.Revision = x.revision + 1 // if it is on no list of ours, the next one is taken
		return &lifecycle.Problem{
			Reason: v1alpha1.ReasonCreating,
			Message: fmt.Sprintf(
				"a token %q, or one that Grafana's database takes for it, is there already: looking again",
				x.name(x.revision+1),
			),
			Retry: true,
			Err:   err,
		}
	case grafana.IsNotFound(err):
		return x.accountLost(err)
	case grafana.IsLifetimeRefused(err):
		return x.lifetimeRefused(err)
	}
	if answer := new(grafana.Error); errors.As(err, &answer) && answer.Status >= 400 && answer.Status < 500 {
		return fmt.Errorf(
			"making a token: %w. If it is a limit on tokens, as managed services have one for each service account: "+
				"expired tokens count too, and the operator deletes only its own",
			err,
		)
	}
	return fmt.Errorf("making a token: %w", err)
}

// lifetimeRefused names Grafana's setting that the ttl is against.
func (x *accountToken) lifetimeRefused(err error) error {
	var answer *grafana.Error
	setting := "[auth] api_key_max_seconds_to_live"
	if errors.As(err, &answer) && answer.MessageID == grafana.ExpirationDayLimit {
		setting = "[service_accounts] token_expiration_day_limit"
	}
	wanted := "a token that never expires: set spec.ttl"
	if ttl := x.ttl(); ttl > 0 {
		wanted = fmt.Sprintf("a token that lives for %s: shorten spec.ttl", ttl)
	}
	p := lifecycle.Stalled(
		v1alpha1.ReasonLifetimeRefused,
		"Grafana's setting %s does not allow %s (%v)",
		setting,
		wanted,
		err,
	)
	p.Err = err
	return p
}

// proveAccount fails unless organization and service account are those that their objects stand for, at this moment: an
// id can have come to be another's, with any role.
func (x *accountToken) proveAccount(ctx context.Context) error {
	if err := x.Prove(ctx, true); err != nil {
		return err
	}
	return x.sameAccount(ctx)
}

func (x *accountToken) sameAccount(ctx context.Context) error {
	account, err := x.org.ServiceAccountByID(ctx, x.account.Status.ID)
	if grafana.IgnoreNotFound(err) != nil {
		return err
	}
	recorded := account.Login == x.account.Status.Login && account.Login != ""
	if err != nil || !recorded || x.account.Status.CreatedAt != "" && x.account.Status.CreatedAt != createdAt(account) {
		return x.accountLost(err)
	}
	return nil
}

// accountLost waits for the service account to be made again. As long as that is Available in its own eyes it is looked
// at, too, and this is tried again; where it has found out itself, it will say when it is back.
func (x *accountToken) accountLost(err error) error {
	return &lifecycle.Problem{
		Reason: v1alpha1.ReasonParentNotAvailable,
		Message: fmt.Sprintf(
			"service account %d is gone, or is another one: waiting for ServiceAccount %s",
			x.account.Status.ID,
			x.account.Name,
		),
		Retry: meta.IsStatusConditionTrue(x.account.Status.Conditions, v1alpha1.ConditionAvailable),
		Err:   err,
		Suspect: &lifecycle.Suspect{
			Kind: "ServiceAccount",
			Key:  types.NamespacedName{Namespace: x.account.Namespace, Name: x.account.Name},
		},
	}
}
