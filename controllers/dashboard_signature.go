package controllers

import (
	"fmt"
	"regexp"
	"strconv"

	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/mark"
)

// signature is what the message of a version that an operator has saved says: for which object, as which version, with
// which content, and whether it is of a dashboard that was taken over.
// Grafana lets others carry a message along, in a save through /apis say. Then it is on a version that it was not
// written for.
type signature struct {
	owner string // namespace/name
	uid   string
	as    int64 // 0: it does not say, as those of older operators
	// content is the beginning of the content's hash; empty: it does not say, as those of older operators.
	content string
	adopted bool
}

var signaturePattern = regexp.MustCompile(`^` + regexp.QuoteMeta(mark.AppliedBy) +
	`(\S+) \((\S+)\)(?: as version (\d+)(?: of ([^\s,]+))?)?(, adopted)?$`)

func (s signature) String() string {
	message := fmt.Sprintf("%s%s (%s) as version %d of %s", mark.AppliedBy, s.owner, s.uid, s.as, s.content)
	if s.adopted {
		message += ", adopted"
	}
	return message
}

// contentMark is how a signature names a content by its hash.
func contentMark(hash string) string { return hash[:min(len(hash), 11)] }

// readSignature finds the signature in a message; the zero one: it is none.
func readSignature(message string) signature {
	m := signaturePattern.FindStringSubmatch(message)
	if m == nil {
		return signature{}
	}
	as, _ := strconv.ParseInt(m[3], 10, 64)
	return signature{owner: m[1], uid: m[2], as: as, content: m[4], adopted: m[5] != ""}
}

// stands reports whether an operator can have written the signature on this version: not one that was carried along.
// A save that changes nothing makes no new version in Grafana 12.
func (s signature) stands(v grafana.DashboardVersion) bool {
	return s != signature{} && (s.as == 0 || s.as == v.Version || s.as == v.Version+1)
}

// signature of a version that we save.
func (x *dash) signature(version int64, adopted bool) signature {
	return signature{owner: x.obj.Namespace + "/" + x.obj.Name, uid: string(x.obj.UID), as: version,
		content: contentMark(x.content.hash), adopted: adopted}
}

// isOurs reports whether a signature is of this object or an earlier life of it. It stands in an organization that is
// ours.
func (x *dash) isOurs(s signature) bool {
	return s.uid == string(x.obj.UID) || s.owner == x.obj.Namespace+"/"+x.obj.Name
}
