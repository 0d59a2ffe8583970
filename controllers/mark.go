package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// mark says which object an organization in Grafana belongs to. It stands in the organization's address, which Grafana's pages do not show and which a rename leaves alone.
type mark struct {
	cluster string
	owner   string // namespace/name, or a digest of it where it is too long
	uid     string
}

const (
	markPrefix = "grafana-tenancy.dev"
	// maxAddress is how long a field of the address can be.
	maxAddress = 255
)

func markOf(clusterID string, obj client.Object) mark {
	m := mark{cluster: clusterID, owner: obj.GetNamespace() + "/" + obj.GetName(), uid: string(obj.GetUID())}
	if len(m.String()) > maxAddress {
		sum := sha256.Sum256([]byte(m.owner))
		m.owner = "sha256/" + hex.EncodeToString(sum[:16])
	}
	return m
}

// String is the text of the mark as it stands in the address.
func (m mark) String() string {
	return fmt.Sprintf("%s owner=%s uid=%s cluster=%s", markPrefix, m.owner, m.uid, m.cluster)
}

var markPattern = regexp.MustCompile(`^grafana-tenancy\.dev owner=(\S+) uid=(\S+) cluster=(\S+)$`)

// readMark finds the mark in an address. The zero mark means that there is none.
func readMark(a grafana.Address) mark {
	for _, field := range []string{a.Address2, a.State} {
		if m := markPattern.FindStringSubmatch(field); m != nil {
			return mark{owner: m[1], uid: m[2], cluster: m[3]}
		}
	}
	return mark{}
}

// writeMark puts the mark into an address: into its second line, or into the state if a person uses that line.
func writeMark(a grafana.Address, m mark) grafana.Address {
	if a.Address2 == "" || strings.HasPrefix(a.Address2, markPrefix+" ") {
		a.Address2 = m.String()
	} else {
		a.State = m.String()
	}
	return a
}

// withoutMark replaces the mark in an address, since Grafana does not let a field be emptied.
func withoutMark(a grafana.Address) grafana.Address {
	for _, field := range []*string{&a.Address2, &a.State} {
		if markPattern.MatchString(*field) {
			*field = markPrefix + " released"
		}
	}
	return a
}

// predecessor reports whether other is the mark of an earlier life of the same object: deleted and applied again, or restored from a backup.
func (m mark) predecessor(other mark) bool {
	return other.cluster == m.cluster && other.owner == m.owner && other.uid != m.uid
}

// uid8 is the short form of an object's uid that names in Grafana carry.
func uid8(obj client.Object) string {
	uid := strings.ReplaceAll(string(obj.GetUID()), "-", "")
	return uid[:min(8, len(uid))]
}

// birthName is the name that an organization is created under. It says whose it is from the first moment.
func birthName(name string, obj client.Object) string { return name + birthSuffix(obj) }

// newborn is the form of every birth name, of whatever object.
var newborn = regexp.MustCompile(` \[[0-9a-f]{8}\]$`)

func birthSuffix(obj client.Object) string { return " [" + uid8(obj) + "]" }
