package grafanatest

import "strings"

// folded is a text as a search compares it: without case, and in MariaDB without
// accents.
func (c *call) folded(text string) string {
	if c.db.kind == MariaDB {
		return fold(text)
	}
	return strings.ToLower(text)
}

// like matches text against a pattern of SQL's LIKE: % is any text, _ any one
// character.
func like(text, pattern string) bool { return likeRunes([]rune(text), []rune(pattern)) }

func likeRunes(text, pattern []rune) bool {
	for i, p := range pattern {
		switch {
		case p == '%':
			for j := i; j <= len(text); j++ {
				if likeRunes(text[j:], pattern[i+1:]) {
					return true
				}
			}
			return false
		case i >= len(text) || p != '_' && p != text[i]:
			return false
		}
	}
	return len(text) == len(pattern)
}
