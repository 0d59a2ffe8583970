package grafanatest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
)

// longestSlug is the length from which on a slug is a hash instead.
const longestSlug = 50

var transliterations = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "Ä", "ae", "Ö", "oe", "Ü", "ue", "ß", "ss", "&", "and",
)

// slug is the last part of a dashboard's or folder's URL: the title in lower
// case, with dashes for what is neither letter nor digit, and some of it in
// hexadecimal.
func (q quirks) slug(title string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(transliterations.Replace(title)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		case r == '<' || r == '>' || r == ';':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = true
			fmt.Fprintf(&b, "%x", r)
		default:
			dash = true
		}
	}
	s := b.String()
	if s != "" && len(s) <= longestSlug {
		return s
	}
	if q.shortSlugs {
		sum := sha1.Sum([]byte(title))
		return hex.EncodeToString(sum[:])[:7]
	}
	return uuidOf(title)
}

// oidNamespace is the namespace of RFC 4122 for object identifiers.
var oidNamespace = []byte{
	0x6b,
	0xa7,
	0xb8,
	0x12,
	0x9d,
	0xad,
	0x11,
	0xd1,
	0x80,
	0xb4,
	0x00,
	0xc0,
	0x4f,
	0xd4,
	0x30,
	0xc8,
}

// uuidOf is the UUID (version 5) of a name.
func uuidOf(name string) string {
	sum := sha1.Sum(append(oidNamespace[:len(oidNamespace):len(oidNamespace)], name...))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
