package grafanatest

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
