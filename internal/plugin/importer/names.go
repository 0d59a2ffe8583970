package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"grafana-tenancy.dev/operator/internal/mark"
)

// How many characters of a name are kept: room for both, and what the operator makes of them.
const (
	maxTenantName = 60
	maxChildName  = 80
)

var (
	notInName  = regexp.MustCompile(`[^a-z0-9]+`)
	hashedName = regexp.MustCompile(`-[0-9a-f]{8}$`)
	invisible  = regexp.MustCompile(`\pC`)
	textForm   = regexp.MustCompile(`^[^\s\pC]([^\pC]*[^\s\pC])?$`)
	uidForm    = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
)

// latin has the letters that Unicode does not take for others with a mark.
var latin = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th",
	"ı", "i")

// plainName is a text in lower case without what stands above and below its letters: ü becomes u, ß becomes ss.
func plainName(text string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(latin.Replace(strings.ToLower(text))))
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(bare), "-"), "-")
}

// kubeName is the name of the object for what is called so in Grafana. It depends on nothing else. One that is changed
// on the way, and one that looks so, gets a hash of what it was, so that no two become the same.
func kubeName(name string, longest int) string {
	plain := plainName(name)
	if plain == name && plain != "" && len(plain) <= longest && !hashedName.MatchString(name) {
		return plain
	}
	sum := sha256.Sum256([]byte(name))
	plain = cmp.Or(strings.Trim(plain[:min(len(plain), longest-9)], "-"), "x")
	return plain + "-" + hex.EncodeToString(sum[:4])
}

// fits reports whether a text is one that the kinds take for a name or title.
func fits(text string, longest int) bool { return misfit(text, longest) == "" }

// misfit says why the kinds do not take a text for a name or title; empty: they take it.
func misfit(text string, longest int) string {
	switch {
	case text == "":
		return "it is empty"
	case invisible.MatchString(text):
		return "it has a control character in it"
	case !textForm.MatchString(text):
		return "it begins or ends with a blank"
	case utf8.RuneCountInString(text) > longest:
		return fmt.Sprintf("it has %d characters, and can have %d", utf8.RuneCountInString(text), longest)
	}
	return ""
}

// misnamed is misfit for what the operator makes under a birth name.
func misnamed(text string, longest int) string {
	if mark.BirthNamePattern.MatchString(text) {
		return "it ends as the operator's names for what it is about to make do"
	}
	return misfit(text, longest)
}

// misfitUID says why the kinds do not take a uid; empty: they take it.
func misfitUID(uid string) string {
	if uidForm.MatchString(uid) {
		return ""
	}
	return fmt.Sprintf("its uid %q is not of up to 40 letters, digits, _ and -", uid)
}
