package controllers_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// logbook keeps all that the operator logs, at every verbosity.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text.WriteString(prefix + " " + args + "\n")
	}, funcr.Options{Verbosity: 1 << 20, LogTimestamp: true})
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var tokenKey = regexp.MustCompile(`glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}`)

// leaks fails if a token's key was ever logged, in whatever disguise.
func (l *logbook) leaks() error {
	for line := range strings.Lines(l.String()) {
		if text := undisguised(line); tokenKey.MatchString(text) {
			return fmt.Errorf("the log holds a token's key: %.2000s", tokenKey.ReplaceAllString(text, "***"))
		}
	}
	return nil
}

// secrets are texts that may appear in no output.
type secrets []string

// tellingPart is how much of a secret is looked for: one that was cut off is as bad.
const tellingPart = 16

// in describes the secrets that a text holds, in whatever disguise.
func (s secrets) in(text string) (found []string) {
	text = undisguised(text)
	for _, secret := range s {
		if strings.Contains(text, secret[:min(len(secret), tellingPart)]) {
			found = append(found, fmt.Sprintf("%s… (of %d bytes)", secret[:min(len(secret), 8)], len(secret)))
		}
	}
	return found
}

// undisguised is a text, followed by what is written in it in other ways.
func undisguised(text string) string {
	out := strings.Builder{}
	if strings.Contains(text, "|") {
		out.WriteString(hexDump.ReplaceAllStringFunc(text, undump))
	} else {
		out.WriteString(text)
	}
	for _, run := range runs(text, letters+digits+"+/", 20) {
		for shift := range 4 { // where it began cannot be seen from within
			raw, _ := base64.RawStdEncoding.DecodeString(run[shift:]) // all that comes before what cannot be read
			out.WriteString("\n" + string(raw))
		}
	}
	for _, run := range runs(text, digits+"abcdefABCDEF", 32) {
		for shift := range 2 {
			raw, _ := hex.DecodeString(run[shift:])
			out.WriteString("\n" + string(raw))
		}
	}
	for _, run := range runs(text, digits+", xabcdef", 40) { // as fmt writes bytes
		out.WriteString("\n" + string(bytesOf(run)))
	}
	return out.String()
}

// hexDump is a row of one, as client-go logs every protobuf body.
var hexDump = regexp.MustCompile(`[0-9a-f]{8}  ((?:[0-9a-f]{2} {1,2}){1,16}) *\|.{1,32}\|(?:\\n|\n)?`)

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// runs are the longest pieces of a text, of some length at least, that consist of certain characters. (A regular
// expression takes a hundred times as long.)
func runs(text, of string, least int) (found []string) {
	var in [256]bool
	for _, c := range []byte(of) {
		in[c] = true
	}
	begin := 0
	for i := range len(text) + 1 {
		if i < len(text) && in[text[i]] {
			continue
		}
		if i-begin >= least {
			found = append(found, text[begin:i])
		}
		begin = i + 1
	}
	return found
}

// undump reads a row of a hex dump.
func undump(row string) string {
	raw, err := hex.DecodeString(strings.ReplaceAll(hexDump.FindStringSubmatch(row)[1], " ", ""))
	if err != nil {
		return row
	}
	return string(raw)
}

// bytesOf reads a list of numbers as bytes; what is none ends up as some other byte.
func bytesOf(list string) (raw []byte) {
	for _, number := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		b, _ := strconv.ParseUint(number, 0, 8)
		raw = append(raw, byte(b))
	}
	return raw
}

// about returns the lines that mention a text, for a test that fails.
func (l *logbook) about(text string) string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, fmt.Sprintf("%.600s\n", strings.TrimSpace(line)))
		}
	}
	return strings.Join(lines[max(0, len(lines)-30):], "")
}

func TestLogbookFindsKeys(t *testing.T) {
	l := &logbook{}
	l.logger().V(
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
	if err := l.leaks(); err != nil {
		t.Errorf("no key was logged, but: %v", err)
	}
	key := "glsa_" + strings.Repeat("aZ09", 8) + "_0123abcd"
	for how, text := range disguises(key) {
		l := &logbook{}
		l.logger().V(9).Info("it happened", "body", text)
		if err := l.leaks(); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("a key was logged as %s, but: %v", how, err)
		}
	}
}

func TestSecretsAreFound(t *testing.T) {
	const password = "an-uncommon-password"
	for how, text := range disguises(password) {
		if found := (secrets{"another secret", password}).in(
			"before " + text + " after",
		); len(found) != 1 ||
			strings.Contains(found[0], password) {
			t.Errorf("a password was written as %s, but found: %v", how, found)
		}
	}
	if found := (secrets{password}).in(
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
