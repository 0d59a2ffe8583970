// Package template fills in the templates that tenants write, with a fixed list of harmless functions, and bounds on
// what they make.
package template

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// maxRendered is the most that a template, or a function in it, may make, in bytes.
const maxRendered = 64 << 10

// maxCalls is how many functions a template may call: each can handle as much as maxRendered.
const maxCalls = 100

var errTooLong = errors.New("the result is longer than 64 KiB")

// templateFuncs are all that a template can call besides templateBuiltins. Whatever makes text is bounded, since its
// result can be fed to the next.
var templateFuncs = texttemplate.FuncMap{
	"default":    defaulted,
	"quote":      toJSON[string],
	"toJson":     toJSON[any],
	"b64enc":     func(s string) (string, error) { return bounded(base64.StdEncoding.EncodeToString([]byte(s))) },
	"urlquery":   func(s string) (string, error) { return bounded(url.QueryEscape(s)) },
	"lower":      strings.ToLower,
	"upper":      strings.ToUpper,
	"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
	"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
	"indent":     indented,
	"index":      entry,
	"nindent": func(n int, s string) (string, error) {
		text, err := indented(n, s)
		return "\n" + text, err
	},
}

// templateBuiltins are the functions of text/template that are allowed: those that compare. print and its like make
// text without bound.
var templateBuiltins = []string{"and", "or", "not", "eq", "ne"}

func bounded(s string) (string, error) {
	if len(s) > maxRendered {
		return "", errTooLong
	}
	return s, nil
}

func toJSON[T any](value T) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", errors.New("this cannot be written as JSON")
	}
	return bounded(string(text))
}

func indented(n int, s string) (string, error) {
	if n < 0 || n > maxRendered || n*(1+strings.Count(s, "\n")) > maxRendered {
		return "", errTooLong
	}
	pad := strings.Repeat(" ", n)
	return bounded(pad + strings.ReplaceAll(s, "\n", "\n"+pad))
}

func defaulted(other, value any) any {
	if value == nil || value == "" {
		return other
	}
	return value
}

// entry is an entry of a map, which must be there: nothing would stand in its place without a word.
func entry(of map[string]string, key string) (string, error) {
	value, has := of[key]
	if !has {
		return "", &MissingLabel{key}
	}
	return value, nil
}

// MissingLabel says that a template names a label that is not there.
type MissingLabel struct{ Key string }

func (m *MissingLabel) Error() string { return fmt.Sprintf("there is no label %q", m.Key) }

// noEntry is how text/template says that a map has no such entry, with the beginning of what asked for it.
var noEntry = regexp.MustCompile(`at <(.*)>: map has no entry for key "(.*)"$`)

// explain says in other words that a template names what is not there.
func explain(err error, values map[string]any) error {
	missing := new(MissingLabel)
	if errors.As(err, &missing) {
		return missing
	}
	m := noEntry.FindStringSubmatch(err.Error())
	switch {
	case m == nil:
		return err
	case values["labels"] != nil && strings.HasPrefix(strings.TrimPrefix(m[1], "$"), ".labels."):
		return &MissingLabel{m[2]}
	}
	return fmt.Errorf("there is no .%s to fill in, but .%s", m[2],
		strings.Join(slices.Sorted(maps.Keys(values)), ", ."))
}

// Template is a text in which something is to be filled in.
type Template struct {
	name  string
	tree  *texttemplate.Template
	calls int
}

// Parse reads a template, and refuses one that could run or grow without end. Its name is in all errors.
func Parse(name string, text v1alpha1.TemplateText) (*Template, error) {
	tree, err := texttemplate.New(name).Option("missingkey=error").Funcs(templateFuncs).Parse(string(text))
	if err != nil {
		return nil, err
	}
	if len(tree.Templates()) > 1 {
		return nil, fmt.Errorf("%s: a template cannot define others", name)
	}
	t := &Template{name: name, tree: tree}
	if tree.Tree != nil {
		if err := allowed(tree.Root, &t.calls); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return t, nil
}

// Calls is how many functions the template calls: each can handle as much text as the template may make.
func (t *Template) Calls() int { return t.calls }

// Fill makes the text for these values.
func (t *Template) Fill(values map[string]any) ([]byte, error) {
	var out limitedWriter
	if err := t.tree.Execute(&out, values); err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, explain(err, values))
	}
	return out.text, nil
}

// Render makes the data that the templates describe.
func Render(texts map[string]v1alpha1.TemplateText, values map[string]any) (map[string][]byte, error) {
	data := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		t, err := Parse(name, texts[name])
		if err != nil {
			return nil, err
		}
		if data[name], err = t.Fill(values); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// limitedWriter takes so much and no more.
type limitedWriter struct{ text []byte }

func (l *limitedWriter) Write(p []byte) (int, error) {
	if len(l.text)+len(p) > maxRendered {
		return 0, errTooLong
	}
	l.text = append(l.text, p...)
	return len(p), nil
}

// allowed refuses what could run or grow without end: loops, calls of other templates, functions that are not on the
// list.
func allowed(node parse.Node, calls *int) error {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		return allAllowed(n.Nodes, calls)
	case *parse.ActionNode:
		return allowed(n.Pipe, calls)
	case *parse.IfNode:
		return allAllowed([]parse.Node{n.Pipe, n.List, n.ElseList}, calls)
	case *parse.WithNode:
		return allAllowed([]parse.Node{n.Pipe, n.List, n.ElseList}, calls)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			if err := allAllowed(c.Args, calls); err != nil {
				return err
			}
		}
		return nil
	case *parse.IdentifierNode:
		if *calls++; *calls > maxCalls {
			return fmt.Errorf("it calls more than %d functions", maxCalls)
		}
		if _, ok := templateFuncs[n.Ident]; ok || slices.Contains(templateBuiltins, n.Ident) {
			return nil
		}
		return fmt.Errorf("%s cannot be used here", n.Ident)
	case *parse.ChainNode:
		return allowed(n.Node, calls)
	case *parse.TextNode,
		*parse.CommentNode,
		*parse.FieldNode,
		*parse.VariableNode,
		*parse.DotNode,
		*parse.NilNode,
		*parse.BoolNode,
		*parse.NumberNode,
		*parse.StringNode:
		return nil
	}
	return fmt.Errorf("%s cannot be used here", node)
}

func allAllowed(nodes []parse.Node, calls *int) error {
	for _, n := range nodes {
		if err := allowed(n, calls); err != nil {
			return err
		}
	}
	return nil
}
