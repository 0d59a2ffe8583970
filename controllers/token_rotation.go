package controllers

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/token"
)

// rotateRequest is the value by which a person asks for a rotation; empty: nobody does.
func (x *accountToken) rotateRequest() string { return x.obj.Annotations[v1alpha1.AnnotationRotate] }

// dueFor says why another token has to take the place of the live one, though that one works; empty: it has not.
func (x *accountToken) dueFor(have *tokenState) string {
	held := token.ReadRecord(have.secrets.Held())
	switch {
	case held.TTL != x.ttl():
		return "spec.ttl has changed"
	case x.rotateRequest() != "" && x.rotateRequest() != held.Rotated:
		return "the annotation " + v1alpha1.AnnotationRotate + " asks for it"
	case have.live.Expiration != nil && x.untilRotation(have) <= 0:
		return "it will expire"
	}
	return ""
}

func (x *accountToken) ttl() time.Duration {
	if x.obj.Spec.TTL == nil {
		return 0
	}
	return x.obj.Spec.TTL.Duration
}

// untilRotation goes by Grafana's clock, since that is what the key expires by.
func (x *accountToken) untilRotation(have *tokenState) time.Duration {
	return have.live.Left(x.conn.Now()) - x.lead(token.ReadRecord(have.secrets.Held()).Revision)
}

// lead is how long before it expires a revision is rotated: what the spec says, and up to a tenth of the time from one
// rotation to the next, which spreads those that were made together. The part is always the same for the same token, so
// that a pass does not depend on luck.
func (x *accountToken) lead(revision int64) time.Duration {
	before := x.obj.RotateBefore()
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%s/%d", x.obj.UID, revision)
	part := float64(h.Sum32()%1000) / 1000
	return before + time.Duration(part*float64(x.ttl()-before)/10)
}

// retire gives each superseded token its end: the overlap after the next one was made. If Grafana has lost the live
// one, they stay until there is another one, since their users have nothing else.
func (x *accountToken) retire(have *tokenState) {
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
		waits := t.until.IsZero() && x.usable(token.ReadRecord(have.secrets.Held()))
		if !waits && !x.conn.Now().Before(t.until) {
			have.ended = append(have.ended, t.Token)
		} else {
			have.superseded = append(have.superseded, t)
		}
	}
}
