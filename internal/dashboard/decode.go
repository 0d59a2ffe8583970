package dashboard

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxSize of a dashboard in bytes, also of what is unpacked: Grafana takes no more.
const MaxSize = 16 << 20

// A small file can be a great tree of values in memory. No dashboard comes near these.
const (
	maxValues = 1 << 20
	maxDepth  = 1000
)

var errTooLarge = fmt.Errorf("it is larger than %d MiB, the most that Grafana takes", MaxSize>>20)

// decode reads one JSON object, whose numbers stay as they were written, and says how many bytes it had.
func decode(source []byte) (fields map[string]any, size int, err error) {
	text, err := unpack(source)
	if err != nil {
		return nil, 0, err
	}
	if err := measure(text); err != nil {
		return nil, 0, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, 0, describe(err, text)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, 0, errors.New("there is something behind the dashboard's closing brace")
	}
	fields, isObject := value.(map[string]any)
	if !isObject {
		return nil, 0, fmt.Errorf("it is %s, not a JSON object", kindOf(value))
	}
	return fields, len(text), nil
}

// unpack takes off what is around the JSON: gzip and a byte order mark.
func unpack(source []byte) ([]byte, error) {
	if bytes.HasPrefix(source, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(bytes.NewReader(source))
		if err == nil {
			source, err = io.ReadAll(io.LimitReader(unzipped, MaxSize+1))
		}
		if err != nil {
			return nil, fmt.Errorf("it is gzipped, and cannot be unpacked: %w", err)
		}
	}
	if len(source) > MaxSize {
		return nil, errTooLarge
	}
	if bytes.HasPrefix(source, []byte{0xff, 0xfe}) || bytes.HasPrefix(source, []byte{0xfe, 0xff}) {
		return nil, errors.New("it is in UTF-16: save it in UTF-8")
	}
	return bytes.TrimPrefix(source, []byte("\ufeff")), nil
}

// measure refuses what would be too much in memory, before it is there.
func measure(text []byte) error {
	values, depth, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			values++
			depth++
		case c == '}', c == ']':
			depth--
		case c == ',', c == ':':
			values++
		}
		if depth > maxDepth {
			return fmt.Errorf("it is nested more than %d deep, as no dashboard is", maxDepth)
		}
	}
	if values > maxValues {
		return fmt.Errorf("it has more than %d values, as no dashboard has", maxValues)
	}
	return nil
}

// describe says where in the text the JSON breaks off.
func describe(err error, text []byte) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early")
	case !errors.As(err, &syntax):
		return err
	}
	if start := bytes.TrimLeft(text, " \t\r\n"); start[0] != '{' && start[0] != '[' {
		return fmt.Errorf("it is not JSON: it begins with %.20q", start)
	}
	before := text[:min(int(syntax.Offset), len(text))]
	return fmt.Errorf("line %d: %w", 1+bytes.Count(before, []byte("\n")), err)
}

// kindOf names what a decoded value is, for errors.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return "a " + strings.TrimPrefix(strings.ToLower(fmt.Sprintf("%T", value)), "json.")
}
