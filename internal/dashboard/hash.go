package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// HashVersion names the canonical form that hashes are of. A change to what Canonical makes of any dashboard needs
// another: hashes of different versions cannot be compared.
const HashVersion = "c1"

// Hash is a digest of the canonical form: HashVersion, a dash and hexadecimal digits.
func (c *Content) Hash() (string, error) {
	canonical, err := c.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return HashVersion + "-" + hex.EncodeToString(sum[:]), nil
}

// HashOf is the hash of a dashboard as Grafana returned it; "" if it is none.
func HashOf(model []byte) string {
	fields, _, err := decode(model)
	if err != nil {
		return ""
	}
	c, err := newContent(fields)
	if err != nil {
		return ""
	}
	hash, err := c.Hash()
	if err != nil {
		return ""
	}
	return hash
}

// CurrentHash reports whether a recorded hash is of this version of the canonical form.
func CurrentHash(hash string) bool { return strings.HasPrefix(hash, HashVersion+"-") }
