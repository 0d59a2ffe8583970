// Package dashboard understands the content of a Grafana dashboard: what of it is somebody's work, and what Grafana adds.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
)

// Content is a dashboard as its author wrote it.
type Content struct {
	// UID that the content itself names; empty if none.
	UID string
	// Title of the dashboard.
	Title string

	fields map[string]any
}

var uidPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)

// Parse reads a dashboard's JSON. Its errors say what is wrong with it in terms of the source.
func Parse(source []byte) (*Content, error) {
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber() // numbers are sent as they were written
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, describe(err, source)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the dashboard's closing brace")
	}
	if fields == nil {
		return nil, errors.New("it is null, not a dashboard")
	}
	title, _ := fields["title"].(string)
	if title = strings.TrimSpace(title); title == "" {
		return nil, errors.New(`it has no "title": a dashboard needs one`)
	}
	fields["title"] = title // as Grafana keeps it
	c := &Content{Title: title, fields: fields}
	if uid, present := fields["uid"]; present && uid != nil {
		c.UID, _ = uid.(string)
		if uid != "" && !uidPattern.MatchString(c.UID) {
			return nil, fmt.Errorf(`its "uid" %.60q is none: at most 40 letters, digits, "-" and "_"`, fmt.Sprint(uid))
		}
	}
	return c, nil
}

// describe says where in the source the JSON breaks off.
func describe(err error, source []byte) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := source[:min(int(syntax.Offset), len(source))]
		return fmt.Errorf("line %d: %w", 1+bytes.Count(before, []byte("\n")), err)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("it is a JSON %s, not an object", kind.Value)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return err
}

// Model is the JSON to send to Grafana: the content under this uid, without the id of another place. version is the one that the save is based on; 0 for a new dashboard.
func (c *Content) Model(uid string, version int64) (json.RawMessage, error) {
	fields := maps.Clone(c.fields)
	delete(fields, "id")
	delete(fields, "version")
	fields["uid"] = uid
	if version != 0 {
		fields["version"] = version
	}
	return json.Marshal(fields)
}

// Canonical is the content in a form that two equal dashboards share: sorted keys, numbers as Grafana keeps them (float64), without id, uid and version, which Grafana sets.
func (c *Content) Canonical() ([]byte, error) {
	fields := maps.Clone(c.fields)
	for _, own := range []string{"id", "uid", "version", "iteration"} {
		delete(fields, own)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var rounded any
	if err := json.Unmarshal(text, &rounded); err != nil {
		return nil, fmt.Errorf("it has a number that Grafana cannot keep: %w", err)
	}
	return json.Marshal(rounded)
}

// Hash is a digest of the canonical form.
func (c *Content) Hash() (string, error) {
	canonical, err := c.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}
