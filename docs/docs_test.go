// Package docs_test checks the documentation against the code that it describes.
package docs_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	sigsyaml "sigs.k8s.io/yaml"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// read reads a file by its path from the root of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages are all pages of documentation, by their path from the root of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md"}
	found, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		all = append(all, "docs/"+name)
	}
	return all
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// compare fails for what only one of two lists has.
func compare(t *testing.T, what string, code, docs []string) {
	t.Helper()
	if len(code) == 0 {
		t.Errorf("found no %s in the code: does this test still read the right place?", what)
	}
	for _, c := range code {
		if !slices.Contains(docs, c) {
			t.Errorf("%s %s is in the code and not in the documentation", what, c)
		}
	}
	for _, d := range docs {
		if !slices.Contains(code, d) {
			t.Errorf("%s %s is in the documentation and not in the code", what, d)
		}
	}
}

// constants lists the values of string constants whose names have a prefix.
func constants(t *testing.T, path, prefix string) (values []string) {
	t.Helper()
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if strings.HasPrefix(name.Name, prefix) {
				values = append(values, unquote(t, spec.Values[i]))
			}
		}
		return true
	})
	return values
}

func unquote(t *testing.T, e ast.Expr) string {
	t.Helper()
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%v is no literal", e)
	}
	if literal.Kind != token.STRING {
		return literal.Value
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// section is the text under a heading, up to the next one of its level.
func section(t *testing.T, path, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, path), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no %q", path, heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	text, _, _ = strings.Cut(text, "\n"+level+" ")
	return text
}

// firsts lists what a pattern's first group matches.
func firsts(pattern, text string) (found []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func TestEveryReasonHasAnEntry(t *testing.T) {
	const code, page = "api/v1alpha1/conditions.go", "docs/conditions.md"
	compare(t, "reason", constants(t, code, "Reason"), firsts(`(?m)^### (.+)$`, section(t, page, "## Reasons")))
	compare(
		t,
		"condition",
		constants(t, code, "Condition"),
		firsts("(?m)^\\| `(.+?)` \\| [^=|]+ \\|", section(t, page, "## Conditions")),
	)
	compare(t, "event", emitted(t), firsts(`(?m)^\| ([A-Z]\w+) \|`, section(t, page, "## Events")))
}

// emitted lists the events that the operator tells of.
func emitted(t *testing.T) []string {
	t.Helper()
	return firsts(`v1alpha1\.Event(\w+)`, sources(t, "controllers", "internal/lifecycle"))
}

// sources is the code of folders, without its tests.
func sources(t *testing.T, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		files, err := filepath.Glob("../" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				all.WriteString(read(t, strings.TrimPrefix(file, "../")))
			}
		}
	}
	return all.String()
}

func TestEveryFlagIsDocumented(t *testing.T) {
	table := section(t, "docs/install.md", "## Flags")
	compare(t, "flag", flags(t, table), firsts("(?m)^\\| `--([a-z-]+)` \\|", table))
}

// flags lists the manager's flags: those of main.go, whose defaults must be in the table too, zap's, and
// controller-runtime's own.
func flags(t *testing.T, table string) []string {
	t.Helper()
	names := []string{"kubeconfig"}
	ast.Inspect(parse(t, "main.go"), func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !definesFlag(call) {
			return true
		}
		name, value := unquote(t, call.Args[1]), fmt.Sprint(call.Args[2])
		if literal, ok := call.Args[2].(*ast.BasicLit); ok {
			value = unquote(t, literal)
		}
		row := "| `--" + name + "` | `" + value + "` |"
		if value == "" {
			row = "| `--" + name + "` | |"
		}
		if !strings.Contains(table, row) {
			t.Errorf("the default of --%s is %q: want a row %s", name, value, row)
		}
		names = append(names, name)
		return true
	})
	zaps := flag.NewFlagSet("zap", flag.ContinueOnError)
	(&zap.Options{}).BindFlags(zaps)
	zaps.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	return names
}

// definesFlag reports whether a call is flag.StringVar or one of its kin.
func definesFlag(call *ast.CallExpr) bool {
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasSuffix(function.Sel.Name, "Var") {
		return false
	}
	pkg, ok := function.X.(*ast.Ident)
	return ok && pkg.Name == "flag"
}

func TestEveryMetricIsDocumented(t *testing.T) {
	const name = `(grafana_tenancy_\w+)`
	code := sources(t, ".", "controllers", "internal/lifecycle", "internal/connection", "internal/namespaces")
	compare(
		t,
		"metric",
		firsts(`(?:Name:\s+|NewDesc\()"`+name+`"`, code),
		firsts("(?m)^\\| `"+name+"` \\|", section(t, "docs/install.md", "## Metrics")),
	)
}

func TestMakeTargetsExist(t *testing.T) {
	targets := firsts(`(?m)^([a-z-]+):`, read(t, "Makefile"))
	for _, page := range pages(t) {
		for _, target := range firsts("(?m)(?:`|^|&& )make ([a-z][a-z-]*)", read(t, page)) {
			if !slices.Contains(targets, target) {
				t.Errorf("%s: there is no make %s", page, target)
			}
		}
	}
}

// Every kind has a page, and all of these have the same headings.
func TestEveryKindHasAPage(t *testing.T) {
	headings := func(page string) []string { return firsts(`(?m)^(##+ .+)$`, withoutCode(read(t, page))) }
	want := headings("docs/instance.md")
	scheme := newScheme(t)
	for name := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		if !scheme.Recognizes(v1alpha1.GroupVersion.WithKind(name + "List")) {
			continue // it is a list itself, or one of the types that every group has
		}
		page := "docs/" + strings.ToLower(name) + ".md"
		if have := headings(page); !slices.Equal(have, want) {
			t.Errorf("%s has the headings\n%q\nand not\n%q", page, have, want)
		}
		if !strings.Contains(read(t, "docs/pictures/kinds.svg"), ">"+name+"<") {
			t.Errorf("docs/pictures/kinds.svg does not show %s", name)
		}
		for _, index := range []string{"README.md", "docs/README.md"} {
			if !strings.Contains(read(t, index), "["+name+"](") {
				t.Errorf("%s has no link to %s", index, page)
			}
		}
	}
}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return scheme
}

func TestExamplesDecode(t *testing.T) {
	decoder := serializer.NewCodecFactory(newScheme(t), serializer.EnableStrict).UniversalDeserializer()
	decoded := 0
	for _, page := range pages(t) {
		for _, block := range firsts("(?ms)^```yaml\n(.*?)^```", read(t, page)) {
			documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(block)))
			for {
				document, err := documents.Read()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v in\n%s", page, err, block)
				}
				if _, _, err := decoder.Decode(bytes.TrimSpace(document), nil, nil); err != nil {
					t.Errorf("%s: %v in\n%s", page, err, document)
				}
				decoded++
			}
		}
	}
	if decoded == 0 {
		t.Error("found no example")
	}
}

// kubectl reads YAML 1.1, which takes some words without quotes, such as the y of a position, for true and false.
func TestNoKeyOfASampleIsTakenForABoolean(t *testing.T) {
	var texts []string
	samples, err := filepath.Glob("../config/samples/*/*.yaml")
	if err != nil || len(samples) == 0 {
		t.Fatalf("found no sample: %v", err)
	}
	for _, sample := range samples {
		texts = append(texts, read(t, strings.TrimPrefix(sample, "../")))
	}
	for _, page := range pages(t) {
		texts = append(texts, firsts("(?ms)^```yaml\n(.*?)^```", read(t, page))...)
	}
	for _, text := range texts {
		for document := range strings.SplitSeq(text, "\n---") {
			var value any
			if err := sigsyaml.Unmarshal([]byte(document), &value); err != nil {
				t.Errorf("%v in\n%s", err, document)
			}
			if key := booleanKey(value); key != "" {
				t.Errorf("a key is taken for %s: quote it in\n%s", key, document)
			}
		}
	}
}

// booleanKey is a key that was a boolean in YAML; "": there is none.
func booleanKey(value any) string {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if key := booleanKey(item); key != "" {
				return key
			}
		}
	case map[string]any:
		for key, item := range v {
			if key == "true" || key == "false" {
				return key
			}
			if key := booleanKey(item); key != "" {
				return key
			}
		}
	}
	return ""
}

func TestLinksLead(t *testing.T) {
	for _, page := range pages(t) {
		for _, link := range firsts(`\]\(([^)\s]+)\)`, withoutSpans(withoutCode(read(t, page)))) {
			if err := follow(page, link); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// follow looks up a relative link and its anchor.
func follow(page, link string) error {
	if strings.Contains(link, "://") {
		return nil
	}
	path, anchor, _ := strings.Cut(link, "#")
	target := page
	if path != "" {
		target = filepath.Join(filepath.Dir(page), path)
	}
	text, err := os.ReadFile(filepath.Join("..", target))
	var missing *fs.PathError
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("link to %s: %w", link, missing.Err)
	case err != nil:
		return err
	case anchor != "" && !slices.Contains(anchors(string(text)), anchor):
		return fmt.Errorf("link to %s: there is no such heading", link)
	}
	return nil
}

// anchors are those that GitHub gives to headings.
func anchors(text string) (all []string) {
	dropped := regexp.MustCompile(`[^\pL\pN_ -]`)
	for _, heading := range firsts(`(?m)^#+ (.+)$`, withoutCode(text)) {
		all = append(all, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(heading), ""), " ", "-"))
	}
	return all
}

// withoutCode takes out fenced blocks.
func withoutCode(text string) string {
	return regexp.MustCompile("(?s)(?:^|\n) *```.*?\n *```").ReplaceAllString(text, "")
}

// withoutSpans takes out what is in backquotes.
func withoutSpans(text string) string {
	return regexp.MustCompile("`[^`\n]+`").ReplaceAllString(text, "code")
}
