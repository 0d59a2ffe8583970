// Package mark says which object an organization in Grafana belongs to.
package mark

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// Mark says which object an organization in Grafana belongs to. It stands in the organization's address, which
// Grafana's pages do not show and which a rename leaves alone.
type Mark struct {
	Cluster string
	Owner   string // namespace/name, or a digest of it where it is too long
	UID     string
}

const (
	// Prefix begins every mark.
	Prefix = "grafana-tenancy.dev"
	// maxAddress is how long a field of the address can be.
	maxAddress = 255
	// adoptedSuffix follows the mark of an organization that was taken over.
	adoptedSuffix = " adopted"
)

// Of is the mark of an object in a cluster.
func Of(clusterID string, obj client.Object) Mark {
	m := Mark{Cluster: clusterID, Owner: obj.GetNamespace() + "/" + obj.GetName(), UID: string(obj.GetUID())}
	if len(m.String())+len(" "+released) > maxAddress {
		sum := sha256.Sum256([]byte(m.Owner))
		m.Owner = "sha256/" + hex.EncodeToString(sum[:16])
	}
	return m
}

// String is the text of the mark as it stands in the address.
func (m Mark) String() string {
	return fmt.Sprintf("%s owner=%s uid=%s cluster=%s", Prefix, m.Owner, m.UID, m.Cluster)
}

var markPattern = regexp.MustCompile(`^grafana-tenancy\.dev owner=(\S+) uid=(\S+) cluster=(\S+?)( adopted)?$`)

// Read finds the mark in an address. The zero mark means that there is none.
func Read(a grafana.Address) Mark {
	for _, field := range []string{a.Address2, a.State} {
		if m := markPattern.FindStringSubmatch(field); m != nil {
			return Mark{Owner: m[1], UID: m[2], Cluster: m[3]}
		}
	}
	return Mark{}
}

// SaysAdopted reports whether the mark in an address, or what is left of one, says that the organization was taken
// over.
func SaysAdopted(a grafana.Address) bool {
	for _, field := range []string{a.Address2, a.State} {
		if m := markPattern.FindStringSubmatch(field); m != nil {
			return m[4] != ""
		}
	}
	for _, field := range []string{a.Address2, a.State} {
		if m := releasedPattern.FindStringSubmatch(field); m != nil {
			return m[1] == returned
		}
	}
	return false
}

// Write puts the mark into an address: into its second line, or into the state if a person uses that line.
func Write(a grafana.Address, m Mark, adopted bool) grafana.Address {
	text := m.String()
	if adopted {
		text += adoptedSuffix
	}
	if a.Address2 == "" || strings.HasPrefix(a.Address2, Prefix+" ") {
		a.Address2 = text
	} else {
		a.State = text
	}
	return a
}

// ReadReleased reads from an address whose the organization was before it was let go. The zero mark: nobody's.
func ReadReleased(a grafana.Address) Mark {
	for _, field := range []string{a.Address2, a.State} {
		if m := releasedPattern.FindStringSubmatch(field); m != nil {
			return Mark{Owner: m[2], UID: m[3], Cluster: m[4]}
		}
	}
	return Mark{}
}

// released stands in the mark of an organization that was created and let go, returned in that of one that had been
// taken over: who has it back next must not delete it either. They are of one length, for which a mark leaves room.
const released, returned = "released", "returned"

var releasedPattern = regexp.MustCompile(
	`^grafana-tenancy\.dev (released|returned) owner=(\S+) uid=(\S+) cluster=(\S+)$`,
)

// Release says in an address that the organization is nobody's any more, whose it was, and whether it had been taken
// over: an object of the same name can have it back.
func Release(a grafana.Address, adopted bool) grafana.Address {
	word := released
	if adopted {
		word = returned
	}
	for _, field := range []*string{&a.Address2, &a.State} {
		if m := markPattern.FindStringSubmatch(*field); m != nil {
			*field = fmt.Sprintf("%s %s owner=%s uid=%s cluster=%s", Prefix, word, m[1], m[2], m[3])
		}
	}
	return a
}

// Predecessor reports whether other is the mark of an earlier life of the same object: deleted and applied again, or
// restored from a backup.
func (m Mark) Predecessor(other Mark) bool {
	return other.Cluster == m.Cluster && other.Owner == m.Owner && other.UID != m.UID
}

// CheckClusterID fails if a cluster's id does not fit into a mark.
func CheckClusterID(id string) error {
	if !regexp.MustCompile(`^\S{1,100}$`).MatchString(id) {
		return fmt.Errorf(
			"the cluster id %q cannot be used in marks: give a --cluster-id of at most 100 characters, none of "+
				"them a blank",
			id,
		)
	}
	return nil
}

// MayCollide reports whether there may be databases that take two names for one: MySQL and MariaDB mind neither case
// nor accents nor blanks at the end, nor what cannot be seen; to them ß is ss, hiragana is katakana, and one emoji is
// any other.
func MayCollide(a, b string) bool { return folded(a) == folded(b) }

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

// ShortUID is the short form of an object's uid that names in Grafana carry.
func ShortUID(obj client.Object) string {
	uid := strings.ReplaceAll(string(obj.GetUID()), "-", "")
	return uid[:min(8, len(uid))]
}

// BirthName is the name that an organization is created under. It says whose it is from the first moment.
func BirthName(name string, obj client.Object) string { return name + BirthSuffix(obj) }

// BirthNamePattern is the form of every birth name, of whatever object.
var BirthNamePattern = regexp.MustCompile(` \[[0-9a-f]{8}\]$`)

// BirthSuffix ends the birth name of every organization of an object.
func BirthSuffix(obj client.Object) string { return " [" + ShortUID(obj) + "]" }

// MaxLogins is how many logins are tried for the service account of an object.
const MaxLogins = 9

// InLogin reports whether the login of a service account ends in an object's short uid, or in that and a counter.
func InLogin(login, short string) bool {
	at := strings.LastIndex(login, "-"+short)
	if at < 0 {
		return false
	}
	counter, has := strings.CutPrefix(login[at+1+len(short):], "-")
	n, err := strconv.Atoi(counter)
	return !has && counter == "" || has && err == nil && n > 1 && n <= MaxLogins
}

// AppliedBy begins the message of every version of a dashboard that an operator saves.
const AppliedBy = "Applied by " + v1alpha1.ManagedBy + " from "
