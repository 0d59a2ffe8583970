package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// weave puts all mutants into the code at once, so that it is built once: each changed function stands beside the one
// that it was made from, which goes over to it if the environment says so. It returns what the compiler is to take, by
// the name of the file whose place it takes.
func weave(all []mutant) (map[string][]byte, error) {
	woven := map[string][]byte{}
	for i, m := range all {
		if _, done := woven[m.file]; done {
			continue
		}
		source, err := os.ReadFile(m.file)
		if err != nil {
			return nil, err
		}
		edits := edits{source: source}
		for j, other := range all[i:] {
			if other.file != m.file {
				continue
			}
			if err := edits.add(i+j, other); err != nil {
				return nil, fmt.Errorf("%s: %w", other.name, err)
			}
		}
		woven[m.file] = edits.apply()
		pkg := edits.file.Name.Name
		woven[filepath.Join(filepath.Dir(m.file), "mutant.go")] = fmt.Appendf(
			nil,
			"package %s\n\nimport \"os\"\n\nvar theMutant = os.Getenv(%q)\n",
			pkg,
			chosenBy,
		)
	}
	return woven, nil
}

// chosenBy is the variable that holds the number of the mutant that a process runs.
const chosenBy = "MUTANT"

// edits are the insertions into one file.
type edits struct {
	source []byte
	file   *ast.File
	texts  map[int][]string // by offset
}

// add makes a changed copy of the function that m is in.
func (e *edits) add(number int, m mutant) error {
	if n := bytes.Count(e.source, []byte(m.old)); n != 1 {
		return fmt.Errorf("what it replaces is in %s %d times, not once: bring the mutant up to date", m.file, n)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, m.file, e.source, 0)
	if err != nil {
		return err
	}
	if e.file = file; e.texts == nil {
		e.texts = map[int][]string{}
	}
	offset := func(p token.Pos) int { return files.Position(p).Offset }
	at := bytes.Index(e.source, []byte(m.old))
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || offset(f.Body.Pos()) > at || offset(f.End()) < at+len(m.old) {
			continue
		}
		call, err := callOf(f, fmt.Sprintf("%sMutant%d", f.Name.Name, number))
		if err != nil {
			return err
		}
		inside := offset(f.Body.Lbrace) + 1
		e.texts[inside] = append(e.texts[inside], fmt.Sprintf("\nif theMutant == \"%d\" {\n%s\n}\n", number, call))
		text := string(e.source)
		head, signature := text[offset(f.Pos()):offset(f.Name.Pos())], text[offset(f.Name.End()):at]
		e.texts[offset(f.End())] = append(
			e.texts[offset(f.End())],
			fmt.Sprintf(
				"\n\n%s%sMutant%d%s%s%s\n",
				head,
				f.Name.Name,
				number,
				signature,
				m.new,
				text[at+len(m.old):offset(f.End())],
			),
		)
		return nil
	}
	return fmt.Errorf("what it replaces is not within one function of %s", m.file)
}

// callOf is the statement that calls a function of that name with what f was called with.
func callOf(f *ast.FuncDecl, name string) (string, error) {
	var args []string
	for _, field := range f.Type.Params.List {
		if len(field.Names) == 0 { // it uses none, so that any will do
			args = append(args, "*new("+types.ExprString(field.Type)+")")
		}
		for _, n := range field.Names {
			arg := n.Name
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	if f.Recv != nil {
		if len(f.Recv.List[0].Names) == 0 {
			return "", fmt.Errorf("%s has a receiver without a name", f.Name.Name)
		}
		name = f.Recv.List[0].Names[0].Name + "." + name
	}
	call := name + "(" + strings.Join(args, ", ") + ")"
	if f.Type.Results == nil {
		return call + "\nreturn", nil
	}
	return "return " + call, nil
}

// apply makes the insertions.
func (e *edits) apply() []byte {
	var out []byte
	last := 0
	offsets := make([]int, 0, len(e.texts))
	for at := range e.texts {
		offsets = append(offsets, at)
	}
	slices.Sort(offsets)
	for _, at := range offsets {
		out = append(out, e.source[last:at]...)
		out = append(out, strings.Join(e.texts[at], "")...)
		last = at
	}
	return append(out, e.source[last:]...)
}
