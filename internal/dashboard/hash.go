package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// HashVersion names the canonical form that hashes are of. A change to what Canonical makes of any dashboard needs
// another: hashes of different versions cannot be compared.
const HashVersion = "c1"

// Hash is a digest of the canonical form: HashVersion, a dash and hexadecimal digits, and another dash and the API if
// it has one.
func (c *Content) Hash() (string, error) {
	canonical, err := c.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	hash := HashVersion + "-" + hex.EncodeToString(sum[:])
	if c.API != "" {
		hash += "-" + c.API
	}
	return hash, nil
}

// HashOf is the hash of a dashboard as Grafana returned it, in the classic model; "" if it is none.
func HashOf(model []byte) string { return HashOfSpec(model, "") }

// HashOfSpec is the hash of a dashboard as a version of /apis returned it.
func HashOfSpec(text []byte, api string) string {
	fields, _, err := decode(text)
	if err != nil {
		return ""
	}
	c, err := newContent(model{fields: fields, uid: fields["uid"], api: api})
	if err != nil {
		return ""
	}
	hash, err := c.Hash()
	if err != nil {
		return ""
	}
	return hash
}

// APIOf is the API of the content that a hash is of.
func APIOf(hash string) string {
	if parts := strings.Split(hash, "-"); len(parts) == 3 {
		return parts[2]
	}
	return ""
}

// CurrentHash reports whether a recorded hash is of this version of the canonical form.
func CurrentHash(hash string) bool { return strings.HasPrefix(hash, HashVersion+"-") }
