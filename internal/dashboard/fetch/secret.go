package fetch

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what a Secret looks like however it is printed.
const hidden = "***"

// Secret is the value of a header. It prints as *** through fmt and slog and as a value in JSON and other
// encodings; only Reveal gives it away.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns ***.
func (Secret) String() string { return hidden }

// GoString returns ***.
func (Secret) GoString() string { return hidden }

// Format writes ***, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns ***.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns ***; JSON and other encoders use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
