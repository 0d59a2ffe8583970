package dashboard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// appendJSON writes a decoded value with sorted keys. encoding/json would do, but for the numbers: it would need a
// second tree to write them in another form.
func appendJSON(b []byte, value any, number func([]byte, json.Number) ([]byte, error)) ([]byte, error) {
	var err error
	switch v := value.(type) {
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v), nil
	case json.Number:
		return number(b, v)
	case []any:
		b = append(b, '[')
		for i, element := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, element, number); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case map[string]any:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, key), ':')
			if b, err = appendJSON(b, v[key], number); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	}
	return append(b, "null"...), nil // decode makes nothing else
}

func sortedKeys(fields map[string]any) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// asWritten leaves a number as the author wrote it.
func asWritten(b []byte, n json.Number) ([]byte, error) { return append(b, n...), nil }

// asKept writes a number as what Grafana keeps of it: a float64.
func asKept(b []byte, n json.Number) ([]byte, error) {
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("it has a number that Grafana cannot keep: %.60s", n)
	}
	if f == 0 {
		f = 0 // not -0
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64), nil
}

// appendString quotes no more than JSON asks for, so that queries stay readable. s is valid UTF-8, as all that was
// decoded.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[done:]...), '"')
}
