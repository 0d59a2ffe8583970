package controllers

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// superseded is a token in whose place another one has come, and which still works for those who have not read the Secret again.
type superseded struct {
	grafana.Token
	revision int64
	until    time.Time // by Grafana's clock
}

// wish is the value by which a person asks for a rotation; empty: nobody does.
func (x *token) wish() string { return x.obj.Annotations[v1alpha1.AnnotationRotate] }

// dueFor says why another token has to take the place of the live one, though that one works; empty: it has not.
func (x *token) dueFor(have *tokenState) string {
	held := readRecord(have.secrets.held())
	switch {
	case held.ttl != x.ttl():
		return "spec.ttl has changed"
	case x.wish() != "" && x.wish() != held.rotated:
		return "the annotation " + v1alpha1.AnnotationRotate + " asks for it"
	case have.live.Expiration != nil && x.untilRotation(have) <= 0:
		return "it will expire"
	}
	return ""
}

// untilRotation goes by Grafana's clock, since that is what the key expires by.
func (x *token) untilRotation(have *tokenState) time.Duration {
	return have.live.Left(x.conn.Now()) - x.lead(readRecord(have.secrets.held()).revision)
}

// lead is how long before it expires a revision is rotated: what the spec says, and up to a tenth of the time from one rotation to the next, which spreads those that were made together. The
// part is always the same for the same token, so that a pass does not depend on luck.
func (x *token) lead(revision int64) time.Duration {
	before := x.obj.RotateBefore()
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%s/%d", x.obj.UID, revision)
	part := float64(h.Sum32()%1000) / 1000
	return before + time.Duration(part*float64(x.ttl()-before)/10)
}

// retire gives each superseded token its end: the overlap after the next one was made. If Grafana has lost the live one, they stay until there is another one, since their users have nothing else.
func (x *token) retire(have *tokenState) {
	slices.SortFunc(have.superseded, func(a, b superseded) int { return int(a.revision - b.revision) })
	all := have.superseded
	have.superseded = nil
	for i, t := range all {
		switch {
		case i+1 < len(all):
			t.until = all[i+1].Created.Add(x.obj.Overlap())
		case have.live != nil:
			t.until = have.live.Created.Add(x.obj.Overlap())
		}
		waits := t.until.IsZero() && x.usable(readRecord(have.secrets.held()))
		if !waits && !x.conn.Now().Before(t.until) {
			have.ended = append(have.ended, t.Token)
		} else {
			have.superseded = append(have.superseded, t)
		}
	}
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
