package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
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
	// adoptedSuffix follows the mark of an organization that was taken over.
	adoptedSuffix = " adopted"
)

func markOf(clusterID string, obj client.Object) mark {
	m := mark{cluster: clusterID, owner: obj.GetNamespace() + "/" + obj.GetName(), uid: string(obj.GetUID())}
	if len(m.String())+len(" released") > maxAddress {
		sum := sha256.Sum256([]byte(m.owner))
		m.owner = "sha256/" + hex.EncodeToString(sum[:16])
	}
	return m
}

// String is the text of the mark as it stands in the address.
func (m mark) String() string {
	return fmt.Sprintf("%s owner=%s uid=%s cluster=%s", markPrefix, m.owner, m.uid, m.cluster)
}

var markPattern = regexp.MustCompile(`^grafana-tenancy\.dev owner=(\S+) uid=(\S+) cluster=(\S+?)( adopted)?$`)

// readMark finds the mark in an address. The zero mark means that there is none.
func readMark(a grafana.Address) mark {
	for _, field := range []string{a.Address2, a.State} {
		if m := markPattern.FindStringSubmatch(field); m != nil {
			return mark{owner: m[1], uid: m[2], cluster: m[3]}
		}
	}
	return mark{}
}

// saysAdopted reports whether the mark in an address says that the organization was taken over.
func saysAdopted(a grafana.Address) bool {
	for _, field := range []string{a.Address2, a.State} {
		if m := markPattern.FindStringSubmatch(field); m != nil {
			return m[4] != ""
		}
	}
	return false
}

// writeMark puts the mark into an address: into its second line, or into the state if a person uses that line.
func writeMark(a grafana.Address, m mark, adopted bool) grafana.Address {
	text := m.String()
	if adopted {
		text += adoptedSuffix
	}
	if a.Address2 == "" || strings.HasPrefix(a.Address2, markPrefix+" ") {
		a.Address2 = text
	} else {
		a.State = text
	}
	return a
}

// releasedMark reads from an address whose the organization was before it was let go. The zero mark: nobody's.
func releasedMark(a grafana.Address) mark {
	for _, field := range []string{a.Address2, a.State} {
		if m := releasedPattern.FindStringSubmatch(field); m != nil {
			return mark{owner: m[1], uid: m[2], cluster: m[3]}
		}
	}
	return mark{}
}

var releasedPattern = regexp.MustCompile(`^grafana-tenancy\.dev released owner=(\S+) uid=(\S+) cluster=(\S+)$`)

// withoutMark says in an address that the organization is nobody's any more, and whose it was: an object of the same name can have it back.
func withoutMark(a grafana.Address) grafana.Address {
	for _, field := range []*string{&a.Address2, &a.State} {
		if m := markPattern.FindStringSubmatch(*field); m != nil {
			*field = fmt.Sprintf("%s released owner=%s uid=%s cluster=%s", markPrefix, m[1], m[2], m[3])
		}
	}
	return a
}

// predecessor reports whether other is the mark of an earlier life of the same object: deleted and applied again, or restored from a backup.
func (m mark) predecessor(other mark) bool {
	return other.cluster == m.cluster && other.owner == m.owner && other.uid != m.uid
}

// checkClusterID fails if a cluster's id does not fit into a mark.
func checkClusterID(id string) error {
	if !regexp.MustCompile(`^\S{1,100}$`).MatchString(id) {
		return fmt.Errorf("the cluster id %q cannot be used in marks: give a --cluster-id of at most 100 characters, none of them a blank", id)
	}
	return nil
}

// mayCollide reports whether there may be databases that take two names for one: MySQL and MariaDB mind neither case nor accents
// nor blanks at the end, nor what cannot be seen; to them ß is ss, hiragana is katakana, and one emoji is any other.
func mayCollide(a, b string) bool { return folded(a) == folded(b) }

func folded(name string) string {
	bare := strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Cc, unicode.Cf): // what is left of an accent, or cannot be seen
			return -1
		case r > 0xFFFF:
			return unicode.ReplacementChar
		case 'ァ' <= r && r <= 'ヶ':
			return r - 'ァ' + 'ぁ'
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, norm.NFKD.String(name))
	return strings.TrimRight(ligatures.Replace(bare), " ")
}

var ligatures = strings.NewReplacer("ß", "ss", "œ", "oe")

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
