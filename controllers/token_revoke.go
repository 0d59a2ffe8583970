package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/token"
)

// refused is the end of a pass in which no token could be made. If the Secret is gone, as after the deletion by which
// people get rid of a key that has leaked, what it held is revoked all the same.
func (x *accountToken) refused(ctx context.Context, cause error) error {
	var p *lifecycle.Problem
	if !errors.As(cause, &p) || !p.Stalled || x.have.secrets.Held() != nil ||
		len(x.have.ended)+len(x.have.orphans) == 0 {
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

// revokeElsewhere revokes the tokens of ours that another service account of the organization has, which was in the
// place of this one before. After the Secret is written nobody would know of it.
func (x *accountToken) revokeElsewhere(ctx context.Context) error {
	held := token.ReadRecord(x.have.secrets.Held())
	if held.AccountID == 0 || held.AccountID == x.account.Status.ID || held.OrgID != x.org.ID() {
		return nil
	}
	list, err := x.org.Tokens(ctx, held.AccountID)
	if err != nil {
		return err
	}
	for _, t := range list {
		if revision, uid := x.revisionOf(t.Name); revision == 0 || uid != mark.ShortUID(x.obj) {
			continue
		}
		if err := x.Prove(ctx, true); err != nil {
			return err
		}
		if err := grafana.IgnoreNotFound(x.org.DeleteToken(ctx, held.AccountID, t.ID)); err != nil {
			return err
		}
	}
	return nil
}

// revokeUnwritten revokes a token whose key reached no Secret, unless the write may have taken effect after all.
func (x *accountToken) revokeUnwritten(ctx context.Context, made grafana.NewToken, cause error) error {
	x.conn.ForgetTokens(x.org.ID(), x.account.Status.ID)
	if mayHaveTakenEffect(cause) {
		return leftInGrafana{cause}
	}
	if err := grafana.IgnoreNotFound(x.org.DeleteToken(ctx, x.account.Status.ID, made.ID)); err != nil {
		return &lifecycle.Problem{
			Reason:  v1alpha1.ReasonCreating,
			Message: fmt.Sprintf("%v (and revoking the token that was to go there: %v)", cause, err),
			Retry:   true,
			Err:     errors.Join(lifecycle.ErrLeft, cause, err),
		}
	}
	return cause
}

// leftInGrafana is a failure after which a token is there. A deletion that comes before the next pass has to know.
type leftInGrafana struct{ error }

func (e leftInGrafana) Unwrap() []error { return []error{e.error, lifecycle.ErrLeft} }

// revokeLost revokes the tokens that no Secret needs any more.
func (x *accountToken) revokeLost(ctx context.Context, have *tokenState) error {
	if err := x.revoke(ctx, &have.ended); err != nil {
		return err
	}
	before := len(have.orphans)
	err := x.revoke(ctx, &have.orphans)
	tokenOrphans.WithLabelValues(x.obj.Namespace, x.obj.Name).Add(float64(before - len(have.orphans)))
	return err
}

// revoke deletes tokens of ours and takes them off the list.
func (x *accountToken) revoke(ctx context.Context, tokens *[]grafana.Token) error {
	if len(*tokens) > 0 {
		defer x.conn.ForgetTokens(x.org.ID(), x.account.Status.ID)
	}
	for len(*tokens) > 0 {
		if err := grafana.IgnoreNotFound(x.org.DeleteToken(ctx, x.account.Status.ID, (*tokens)[0].ID)); err != nil {
			return fmt.Errorf("revoking token %d: %w", (*tokens)[0].ID, err)
		}
		*tokens = slices.Delete(*tokens, 0, 1)
	}
	return nil
}
