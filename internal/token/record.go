// Package token says what the Secret of a token means: the record that stands on it, and the templates that fill it. It
// also slows down the making of keys that are lost again and again.
package token

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Record is what a Secret of ours says of the token, or the password, that it holds.
type Record struct {
	TokenID, Revision, AccountID, OrgID int64
	TTL                                 time.Duration
	Expires                             string // RFC 3339, for people; empty: never
	Rotated                             string // the last wish for a rotation that was fulfilled
	Superseded                          []int64
	Key                                 grafana.Key
	Digest                              string // of key and expiry, so that an edited one is noticed
}

// NamePattern is the form of a token's name in Grafana: the object's name, its short uid, and the revision.
var NamePattern = regexp.MustCompile(`^(.*)-([0-9a-f]{8})-(\d+)$`)

// MaxRevision is far more than any object gets to. A larger number was written by somebody else.
const MaxRevision = 1_000_000_000

// Intact reports whether the key is the one that was written, whole and not edited.
func (r Record) Intact() bool {
	return r.Key != "" && r.Digest == r.sum() && r.Revision > 0 && r.Revision <= MaxRevision
}

// sum is the digest of what templates show of the token and Grafana does not tell again.
func (r Record) sum() string {
	sum := sha256.Sum256([]byte(r.Key.Reveal() + "\n" + r.Expires))
	return hex.EncodeToString(sum[:16])
}

// ReadRecord reads what stands on a Secret; nothing where there is none, or where its revision cannot be.
func ReadRecord(secret *corev1.Secret) Record {
	if secret == nil {
		return Record{}
	}
	number := func(annotation string) int64 {
		n, _ := strconv.ParseInt(secret.Annotations[annotation], 10, 64)
		return n
	}
	r := Record{
		TokenID:    number(v1alpha1.AnnotationTokenID),
		Revision:   number(v1alpha1.AnnotationTokenRevision),
		AccountID:  number(v1alpha1.AnnotationServiceAccountID),
		OrgID:      number(v1alpha1.AnnotationOrgID),
		Expires:    secret.Annotations[v1alpha1.AnnotationTokenExpires],
		Rotated:    secret.Annotations[v1alpha1.AnnotationRotate],
		Superseded: parseIDs(secret.Annotations[v1alpha1.AnnotationSuperseded]),
		Key: grafana.Key(
			secret.Data[secret.Annotations[v1alpha1.AnnotationTokenKey]],
		),
		Digest: secret.Annotations[v1alpha1.AnnotationTokenDigest],
	}
	r.TTL, _ = time.ParseDuration(secret.Annotations[v1alpha1.AnnotationTokenTTL])
	if r.Revision > MaxRevision {
		return Record{}
	}
	return r
}

// Annotations of the record. A password has no account and what goes with one.
func (r Record) Annotations(dataKey string) map[string]string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	all := map[string]string{
		v1alpha1.AnnotationTokenRevision: number(r.Revision),
		v1alpha1.AnnotationTokenKey:      dataKey,
		v1alpha1.AnnotationTokenDigest:   r.sum(),
	}
	if r.AccountID != 0 {
		all[v1alpha1.AnnotationTokenID] = number(r.TokenID)
		all[v1alpha1.AnnotationServiceAccountID] = number(r.AccountID)
		all[v1alpha1.AnnotationOrgID] = number(r.OrgID)
		all[v1alpha1.AnnotationTokenTTL] = r.TTL.String()
	}
	for annotation, value := range map[string]string{
		v1alpha1.AnnotationTokenExpires: r.Expires, v1alpha1.AnnotationRotate: r.Rotated,
		v1alpha1.AnnotationSuperseded: formatIDs(r.Superseded),
	} {
		if value != "" {
			all[annotation] = value
		}
	}
	return all
}

func formatIDs(ids []int64) string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, strconv.FormatInt(id, 10))
	}
	return strings.Join(texts, ",")
}

func parseIDs(text string) []int64 {
	var ids []int64
	for _, part := range strings.Split(text, ",") {
		if id, err := strconv.ParseInt(part, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
