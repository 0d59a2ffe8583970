package controllers_test

import (
	"encoding/hex"
	"fmt"
	"regexp"
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

// leaks fails if a token's key was ever logged, be it in a hex dump.
func (l *logbook) leaks() error {
	for line := range strings.Lines(l.String()) {
		if text := undump(line); tokenKey.MatchString(text) {
			return fmt.Errorf("the log holds a token's key: %.2000s", tokenKey.ReplaceAllString(text, "***"))
		}
	}
	return nil
}

var dumped = regexp.MustCompile(`[0-9a-f]{8}  ((?:[0-9a-f]{2} {1,2}){1,16}) *\|.{1,32}\|(?:\\n)?`)

// undump reads a hex dump, as client-go writes one of every protobuf body, as the text that it stands for.
func undump(line string) string {
	return dumped.ReplaceAllStringFunc(line, func(row string) string {
		digits := strings.ReplaceAll(dumped.FindStringSubmatch(row)[1], " ", "")
		raw, err := hex.DecodeString(digits)
		if err != nil {
			return row
		}
		return string(raw)
	})
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
	l.logger().V(9).Info("all is well", "key", "glsa_short")
	if err := l.leaks(); err != nil {
		t.Errorf("no key was logged, but: %v", err)
	}
	key := "glsa_" + strings.Repeat("a", 32) + "_0123abcd"
	for how, text := range map[string]string{"plain": key, "a hex dump": hex.Dump([]byte("k8s\x00 \"and\" \\ | " + key + "|\n"))} {
		l := &logbook{}
		l.logger().V(9).Info("it happened", "body", text)
		if err := l.leaks(); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("a key was logged as %s, but: %v", how, err)
		}
	}
}
