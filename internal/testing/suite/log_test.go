package suite

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func TestLogbookFindsKeys(t *testing.T) {
	l := &Logbook{}
	l.Logger().V(
		9,
	).Info(
		"all is well",
		"key",
		"glsa_short",
		"digest",
		strings.Repeat("0123abcd", 8),
		"in base64",
		base64.StdEncoding.EncodeToString(make([]byte, 99)),
	)
	if err := l.Leaks(); err != nil {
		t.Errorf("no key was logged, but: %v", err)
	}
	key := "glsa_" + strings.Repeat("aZ09", 8) + "_0123abcd"
	for how, text := range disguises(key) {
		l := &Logbook{}
		l.Logger().V(9).Info("it happened", "body", text)
		if err := l.Leaks(); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("a key was logged as %s, but: %v", how, err)
		}
	}
}

func TestSecretsAreFound(t *testing.T) {
	const password = "an-uncommon-password"
	for how, text := range disguises(password) {
		if found := (Secrets{"another secret", password}).In(
			"before " + text + " after",
		); len(found) != 1 ||
			strings.Contains(found[0], password) {
			t.Errorf("a password was written as %s, but found: %v", how, found)
		}
	}
	if found := (Secrets{password}).In(
		fmt.Sprintf("it begins with %s, and %x", password[:tellingPart-1], password[:tellingPart-1]),
	); found != nil {
		t.Errorf("there is none, but found: %v", found)
	}
}

// disguises writes a secret in the ways that one gets into an output.
func disguises(secret string) map[string]string {
	ways := map[string]string{
		"it is":         "the secret is " + secret + ", nothing else",
		"a hex dump":    hex.Dump([]byte("k8s\x00 \"and\" \\ | " + secret + "|\n")),
		"bytes":         fmt.Sprint(map[string][]byte{"token": []byte(secret)}),
		"bytes in Go":   fmt.Sprintf("%#v", []byte(secret)),
		"bytes in JSON": strings.ReplaceAll(fmt.Sprintf("%d", []byte(secret)), " ", ","),
		"hexadecimal":   fmt.Sprintf("1%x", secret),
	}
	for before := range 4 {
		ways[fmt.Sprintf("base64 after %d bytes", before)] = base64.StdEncoding.EncodeToString(
			[]byte("adm:"[:before] + secret),
		)
		ways[fmt.Sprintf("base64 after %d characters", before)] = "/a/b"[:before] + base64.StdEncoding.EncodeToString(
			[]byte(secret),
		)
	}
	return ways
}
