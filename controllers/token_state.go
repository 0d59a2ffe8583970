package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/token"
)

// tokenState is what was seen of a token: in the Secret, which says which token is live, and in Grafana, which says
// whether it lives.
type tokenState struct {
	secrets    token.Secrets
	live       *grafana.Token  // what the Secret holds
	superseded []superseded    // what the Secret held before, for the overlap
	ended      []grafana.Token // past their overlap, or dead already: to be deleted
	orphans    []grafana.Token // what no Secret holds: to be revoked
	inFlight   []grafana.Token // newer than the Secret's: another manager may be about to write it
	unlisted   []int64         // known ones that Grafana may have, but lists no more
	listed     int             // how many the service account has
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

// outgoing are the tokens that the next revision supersedes.
func (s *tokenState) outgoing() []int64 {
	var ids []int64
	for _, t := range s.superseded {
		ids = append(ids, t.ID)
	}
	if s.live != nil {
		ids = append(ids, s.live.ID)
	}
	return ids
}

// superseded is a token in whose place another one has come, and which still works for those who have not read the
// Secret again.
type superseded struct {
	grafana.Token
	revision int64
	until    time.Time // by Grafana's clock
}

// Find compares the Secret with Grafana's list. It returns nil if a new token has to be made; for an object that is
// being deleted, if nothing of it is left.
func (x *accountToken) Find(ctx context.Context) (*tokenState, error) {
	secrets, err := x.env.secretsOf(ctx, x.obj)
	if err != nil {
		return nil, err
	}
	list, err := x.list(ctx, secrets)
	if err != nil {
		return nil, err
	}
	x.have = x.sort(secrets, list)
	x.seenAny = x.seenAny || !x.have.none()
	if !x.obj.DeletionTimestamp.IsZero() &&
		!x.seenAny { // of an account that is not there Grafana lists no tokens either
		if err := x.sameAccount(ctx); err != nil {
			return nil, err
		}
	}
	switch {
	case !x.obj.DeletionTimestamp.IsZero() && len(secrets.All()) == 0 && x.have.none():
		return nil, nil
	case !x.obj.DeletionTimestamp.IsZero(), x.have.live != nil && x.dueFor(x.have) == "":
		return x.have, nil
	case len(list) >= maxListed:
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonRefused,
			"service account %d has %d tokens, and Grafana lists no more: whether this object's is among the rest "+
				"cannot be seen. Delete some that are not needed",
			x.account.Status.ID,
			len(list),
		)
	}
	return nil, nil
}

// FoundByObject is true of what is made: its name has the object's uid.
func (x *accountToken) FoundByObject() (now, before bool) { return true, true }

// KnownByObject is false where Grafana does not list all tokens of the account: the id of one more is in status.
func (x *accountToken) KnownByObject() bool { return x.have != nil && x.have.listed < maxListed }

// Closed lets a key be made in the place of what is there.
func (x *accountToken) Closed() *lifecycle.Problem {
	if !x.have.none() {
		return nil
	}
	return x.orgScope.Closed()
}

// list has the tokens of the service account: at a resync, or at the visit that the operator's own Secret brings, from
// a list that serves many, if everything is there at rest; else as they are.
func (x *accountToken) list(ctx context.Context, secrets token.Secrets) ([]grafana.Token, error) {
	account, status := x.account.Status.ID, x.obj.Status
	_, echo := x.echoes.take(x.obj, x.env.Now())
	if (x.due || echo) && x.obj.DeletionTimestamp.IsZero() && status.CreateStarted == nil && status.TokenID != 0 &&
		meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
		list, known := x.conn.KnownTokens(x.org.ID(), account)
		if x.due {
			var fresh bool
			var err error
			if list, fresh, err = x.conn.ListOfTokens(ctx, x.org, account, connection.Due); fresh || err != nil {
				return list, err
			}
			known = true
		}
		if known && x.atRest(secrets, list) {
			return list, nil
		}
	}
	list, _, err := x.conn.ListOfTokens(ctx, x.org, account, connection.Now)
	return list, err
}

// atRest reports whether all that a list shows of ours is the live token, which has long to live yet: how long it has
// otherwise is told as of the moment of the list.
func (x *accountToken) atRest(secrets token.Secrets, list []grafana.Token) bool {
	highest := x.revision
	have := x.sort(secrets, list)
	x.revision = highest
	return have.live != nil && have.live.SecondsUntilExpiration == 0 && len(have.abandoned())+len(have.unlisted) == 0 &&
		x.dueFor(have) == "" && len(x.Diff(have)) == 0
}

// sort tells the tokens of ours apart by what has to be done with them.
func (x *accountToken) sort(secrets token.Secrets, list []grafana.Token) *tokenState {
	have := &tokenState{secrets: secrets}
	held := token.ReadRecord(secrets.Held())
	numbers := []int64{held.Revision}
	for _, t := range list {
		revision, uid := x.revisionOf(t.Name)
		if revision == 0 || uid != mark.ShortUID(x.obj) && secrets.Kept[t.ID] && t.ID != held.TokenID {
			continue // somebody else's, or what an earlier life of this object left in a Secret
		}
		if revision == held.Revision && t.ID == held.TokenID {
			x.revision = max(x.revision, revision)
		}
		numbers = append(numbers, revision)
		x.sortOne(have, held, t, revision)
	}
	x.count(numbers)
	have.listed = len(list)
	if len(list) >= maxListed {
		have.unlisted = x.beyond(list, held)
	}
	x.retire(have)
	return have
}

// sortOne puts a token of ours where it belongs. Its id alone says nothing: Grafana's database can have been restored.
func (x *accountToken) sortOne(have *tokenState, held token.Record, t grafana.Token, revision int64) {
	works := !t.HasExpired && !t.IsRevoked
	switch {
	case works && t.ID == held.TokenID && revision == held.Revision && x.usable(held):
		have.live = &t
	case works && revision < held.Revision && slices.Contains(held.Superseded, t.ID):
		have.superseded = append(have.superseded, superseded{Token: t, revision: revision})
	case revision > held.Revision && x.inFlightFor(t) > 0:
		have.inFlight = append(have.inFlight, t)
	case !works:
		have.ended = append(have.ended, t)
	default:
		have.orphans = append(have.orphans, t)
	}
}

// maxJump is how much higher than all others a revision can be. There are never as many passes between two that Secret,
// status or Grafana know of: somebody made a larger one up, and it is no reason to go on from there.
const maxJump = 1000

// count finds the highest revision among numbers that were seen.
func (x *accountToken) count(numbers []int64) {
	slices.Sort(numbers)
	for _, n := range numbers {
		if n <= x.revision+maxJump {
			x.revision = max(x.revision, n)
		}
	}
}

// maxListed is how many tokens of a service account Grafana lists.
const maxListed = 300

// beyond are the tokens that Secret and status know of, and that are not on a list that is full.
func (x *accountToken) beyond(list []grafana.Token, held token.Record) []int64 {
	known := []int64{x.obj.Status.TokenID}
	for _, t := range x.obj.Status.Superseded {
		known = append(known, t.TokenID)
	}
	if x.usable(held) {
		known = append(append(known, held.TokenID), held.Superseded...)
	}
	slices.Sort(known)
	return slices.DeleteFunc(slices.Compact(known), func(id int64) bool {
		return id == 0 || slices.ContainsFunc(list, func(t grafana.Token) bool { return t.ID == id })
	})
}

// usable reports whether what a Secret holds is a whole key of the right account.
func (x *accountToken) usable(r token.Record) bool {
	return r.AccountID == x.account.Status.ID && r.OrgID == x.org.ID() && r.Intact()
}

// lease is how long another manager may go on after it has lost its leadership.
const lease = 15 * time.Second

// inFlightFor is how much longer another manager may be about to write the token into the Secret.
func (x *accountToken) inFlightFor(t grafana.Token) time.Duration {
	return t.Created.Add(x.conn.Timeout + lease).Sub(x.conn.Now())
}

// maxNameInToken leaves room for the mark in the 190 characters that a token's name can have.
const maxNameInToken = 150

func (x *accountToken) name(revision int64) string {
	name := x.obj.Name[:min(len(x.obj.Name), maxNameInToken)]
	return fmt.Sprintf("%s-%s-%d", name, mark.ShortUID(x.obj), revision)
}

// revisionOf reads from a token's name which revision it is, and the uid8 of the object that it was made for, if that
// has or had our name; else the revision is 0.
func (x *accountToken) revisionOf(name string) (int64, string) {
	m := token.NamePattern.FindStringSubmatch(name)
	if len(m) == 0 || m[1] != x.obj.Name[:min(len(x.obj.Name), maxNameInToken)] {
		return 0, ""
	}
	revision, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil || revision > token.MaxRevision {
		return 0, ""
	}
	return revision, m[2]
}
