package suite

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// Logbook keeps all that the operator logs, at every verbosity.
type Logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

// Logger writes into the logbook.
func (l *Logbook) Logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text.WriteString(prefix + " " + args + "\n")
	}, funcr.Options{Verbosity: 1 << 20, LogTimestamp: true})
}

func (l *Logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TokenKey is the form of a token's key.
var TokenKey = regexp.MustCompile(`glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}`)

// Leaks fails if a token's key was ever logged, in whatever disguise.
func (l *Logbook) Leaks() error {
	for line := range strings.Lines(l.String()) {
		if text := undisguised(line); TokenKey.MatchString(text) {
			return fmt.Errorf("the log holds a token's key: %.2000s", TokenKey.ReplaceAllString(text, "***"))
		}
	}
	return nil
}

// Secrets are texts that may appear in no output.
type Secrets []string

// tellingPart is how much of a secret is looked for: one that was cut off is as bad.
const tellingPart = 16

// In describes the secrets that a text holds, in whatever disguise.
func (s Secrets) In(text string) (found []string) {
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

// About returns the lines that mention a text, for a test that fails.
func (l *Logbook) About(text string) string {
	var lines []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, fmt.Sprintf("%.600s\n", strings.TrimSpace(line)))
		}
	}
	return strings.Join(lines[max(0, len(lines)-30):], "")
}
