package grafana

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
)

// hidden is what a Key looks like however it is printed.
const hidden = "***"

// Key is a secret: a service account token's key, or a password. It prints as *** through fmt and slog
// and as a value in JSON and other encodings; only Reveal gives it away. It decodes from JSON as a
// string does.
type Key string

// Reveal returns the secret itself.
func (k Key) Reveal() string { return string(k) }

// String returns ***.
func (Key) String() string { return hidden }

// GoString returns ***.
func (Key) GoString() string { return hidden }

// Format writes ***, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns ***.
func (Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns ***; JSON and other encoders use it.
func (Key) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// intact reports whether k has the form glsa_<secret>_<checksum> and its checksum fits, so that a key
// that was cut or changed on its way is noticed before it is relied on.
func (k Key) intact() bool {
	const prefix = "glsa_"
	end := strings.LastIndexByte(string(k), '_')
	if !strings.HasPrefix(string(k), prefix) || end <= len(prefix) {
		return false
	}
	var sum [4]byte
	binary.LittleEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(k[:end])))
	return string(k[end+1:]) == hex.EncodeToString(sum[:])
}
