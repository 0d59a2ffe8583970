package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// record is what a Secret of ours says of the token that it holds.
type record struct {
	tokenID, revision, accountID, orgID int64
	ttl                                 time.Duration
	expires                             string // RFC 3339, for people; empty: never
	rotated                             string // the last wish for a rotation that was fulfilled
	superseded                          []int64
	key                                 grafana.Key
	digest                              string // of key and expiry, so that an edited one is noticed
}

// maxRevision is far more than any object gets to. A larger number was written by somebody else.
const maxRevision = 1_000_000_000

func (r record) intact() bool {
	return r.key != "" && r.digest == r.sum() && r.revision > 0 && r.revision <= maxRevision
}

// sum is the digest of what templates show of the token and Grafana does not tell again.
func (r record) sum() string {
	sum := sha256.Sum256([]byte(r.key.Reveal() + "\n" + r.expires))
	return hex.EncodeToString(sum[:16])
}

// readRecord reads what stands on a Secret; nothing where there is none, or where its revision cannot be.
func readRecord(secret *corev1.Secret) record {
	if secret == nil {
		return record{}
	}
	number := func(annotation string) int64 {
		n, _ := strconv.ParseInt(secret.Annotations[annotation], 10, 64)
		return n
	}
	r := record{
		tokenID: number(v1alpha1.AnnotationTokenID), revision: number(v1alpha1.AnnotationTokenRevision),
		accountID: number(v1alpha1.AnnotationServiceAccountID), orgID: number(v1alpha1.AnnotationOrgID),
		expires: secret.Annotations[v1alpha1.AnnotationTokenExpires], rotated: secret.Annotations[v1alpha1.AnnotationRotate],
		superseded: parseIDs(secret.Annotations[v1alpha1.AnnotationSuperseded]),
		key:        grafana.Key(secret.Data[secret.Annotations[v1alpha1.AnnotationTokenKey]]), digest: secret.Annotations[v1alpha1.AnnotationTokenDigest],
	}
	r.ttl, _ = time.ParseDuration(secret.Annotations[v1alpha1.AnnotationTokenTTL])
	if r.revision > maxRevision {
		return record{}
	}
	return r
}

// annotations of the record.
func (r record) annotations(dataKey string) map[string]string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	all := map[string]string{
		v1alpha1.AnnotationTokenID: number(r.tokenID), v1alpha1.AnnotationTokenRevision: number(r.revision),
		v1alpha1.AnnotationServiceAccountID: number(r.accountID), v1alpha1.AnnotationOrgID: number(r.orgID),
		v1alpha1.AnnotationTokenTTL: r.ttl.String(), v1alpha1.AnnotationTokenKey: dataKey, v1alpha1.AnnotationTokenDigest: r.sum(),
	}
	for annotation, value := range map[string]string{
		v1alpha1.AnnotationTokenExpires: r.expires, v1alpha1.AnnotationRotate: r.rotated, v1alpha1.AnnotationSuperseded: formatIDs(r.superseded),
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
