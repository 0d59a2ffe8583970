package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"
)

// How many characters of a name are kept: room for both, and what the operator makes of them.
const (
	maxTenantName = 60
	maxChildName  = 80
)

var (
	notInName  = regexp.MustCompile(`[^a-z0-9]+`)
	hashedName = regexp.MustCompile(`-[0-9a-f]{8}$`)
	textForm   = regexp.MustCompile(`^[^\s\pC]([^\pC]*[^\s\pC])?$`)
	uidForm    = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
)

// kubeName is the name of the object for what is called so in Grafana. It depends on nothing else. One that is changed
// on the way, and one that looks so, gets a hash of what it was, so that no two become the same.
func kubeName(name string, longest int) string {
	plain := strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if plain == name && plain != "" && len(plain) <= longest && !hashedName.MatchString(name) {
		return plain
	}
	sum := sha256.Sum256([]byte(name))
	plain = cmp.Or(strings.Trim(plain[:min(len(plain), longest-9)], "-"), "x")
	return plain + "-" + hex.EncodeToString(sum[:4])
}

// fits reports whether a text is one that the kinds take for a name or title.
func fits(text string, longest int) bool {
	return textForm.MatchString(text) && utf8.RuneCountInString(text) <= longest
}
