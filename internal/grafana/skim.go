package grafana

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// skim reads JSON from another reader and puts null in the place of the values of one member, whatever object has it.
// Those can be as large as they like: they are never in memory.
type skim struct {
	from   *bufio.Reader
	member []byte // with its quotes
	out    bytes.Buffer
	name   []byte // the begin of the last text, enough to tell whether it is that name
	err    error
}

// longestText is how much of a text is kept. None that anybody looks for is nearly as long.
const longestText = 64 << 10

// skimmed is how much of a page is read ahead.
const skimmed = 32 << 10

func newSkim(from io.Reader, member string) *skim {
	return &skim{from: bufio.NewReaderSize(from, skimmed), member: []byte(`"` + member + `"`)}
}

// Read implements io.Reader.
func (s *skim) Read(p []byte) (int, error) {
	for s.err == nil && s.out.Len() < len(p) {
		s.err = s.step()
	}
	if s.out.Len() == 0 && s.err != nil {
		return 0, s.err
	}
	return s.out.Read(p)
}

// step copies one text or one other character, or passes over a value.
func (s *skim) step() error {
	c, err := s.from.ReadByte()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		return s.text()
	case ':':
		if bytes.Equal(s.name, s.member) {
			s.out.WriteString(":null")
			return s.pass()
		}
	}
	s.out.WriteByte(c)
	return nil
}

// text copies a text, whose first quote was read. One that is too long is cut, but not within an escape.
func (s *skim) text() error {
	s.name = append(s.name[:0], '"')
	s.out.WriteByte('"')
	const longestEscape = len(`\u0000`)
	cut, escaped := false, false
	for n, since := 0, longestEscape; ; n++ {
		c, err := s.from.ReadByte()
		if err != nil {
			return noEnd(err)
		}
		end := c == '"' && !escaped
		if since++; c == '\\' && !escaped {
			since = 1
		}
		cut = cut || n >= longestText && (since > longestEscape || since == 1)
		if end || !cut {
			s.out.WriteByte(c)
		}
		if len(s.name) <= len(s.member) {
			s.name = append(s.name, c)
		}
		if end {
			return nil
		}
		escaped = c == '\\' && !escaped
	}
}

// pass reads a value and keeps nothing of it. What ends it stays.
func (s *skim) pass() error {
	var v value
	for {
		if _, err := s.from.Peek(1); err != nil {
			return noEnd(err)
		}
		ahead, _ := s.from.Peek(s.from.Buffered())
		n, ended := v.pass(ahead)
		_, _ = s.from.Discard(n)
		if ended {
			return nil
		}
	}
}

// value is how far a value has been passed over.
type value struct {
	depth           int
	quoted, escaped bool
}

// pass goes on with what comes next, and says how much of it belongs to the value and whether that ends there.
func (v *value) pass(next []byte) (n int, ended bool) {
	for i, c := range next {
		switch {
		case v.escaped:
			v.escaped = false
		case v.quoted:
			v.quoted, v.escaped = c != '"', c == '\\'
		case c == '"':
			v.quoted = true
		case c == '{', c == '[':
			v.depth++
		case v.depth == 0 && (c == '}' || c == ']' || c == ','):
			return i, true
		case c == '}', c == ']':
			v.depth--
		}
	}
	return len(next), false
}

// noEnd says that the JSON stops where something must follow.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
