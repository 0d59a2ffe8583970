package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// tally counts tests.
type tally struct {
	passed  int
	failed  []string
	skipped map[string][]string // why → tests
}

// event is what go test -json tells.
type event struct{ Action, Package, Test, Output string }

// outcome is how a test ended, and what it said.
type outcome struct {
	action string
	output strings.Builder
}

// test runs go test and counts the tests that have no tests within them.
func (t *tally) test(ctx context.Context, args ...string) error {
	fmt.Println("go test", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-timeout", "60m"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	outcomes, err := readEvents(out)
	if err != nil {
		return err
	}
	ended := cmd.Wait() // its failures are counted below
	if failed := t.count(outcomes); ended != nil && failed == 0 {
		t.failed = append(t.failed, fmt.Sprintf("go test %s: %v: %s", args[0], ended, outcomes[""].output.String()))
	}
	return nil
}

func readEvents(out io.Reader) (map[string]*outcome, error) {
	outcomes := map[string]*outcome{"": {}}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // not a word of go test's
		}
		o := outcomes[e.Test]
		if o == nil {
			o = &outcome{}
			outcomes[e.Test] = o
		}
		switch e.Action {
		case "pass", "fail", "skip":
			o.action = e.Action
			if e.Test != "" {
				fmt.Printf("%s %s\n", e.Action, e.Test)
			}
		case "output":
			o.output.WriteString(e.Output)
		}
	}
	return outcomes, lines.Err()
}

// count adds the outcomes, and returns how many of them are failures.
func (t *tally) count(outcomes map[string]*outcome) (failures int) {
	inner := map[string]string{} // test → the worst of those within it
	for name, o := range outcomes {
		for outer := name; strings.Contains(outer, "/"); {
			outer = outer[:strings.LastIndex(outer, "/")]
			if inner[outer] != "fail" {
				inner[outer] = o.action
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(outcomes)) {
		within, some := inner[name]
		switch o := outcomes[name]; {
		case name == "", some && (o.action != "fail" || within == "fail"):
		case o.action == "pass":
			t.passed++
		case o.action == "skip":
			t.skip(name, o.output.String())
		default: // also what was under way when all ended
			failures++
			t.failed = append(t.failed, name)
			fmt.Printf("\n%s\n%s", name, o.output.String())
		}
	}
	return failures
}

func (t *tally) skip(name, output string) {
	why := "?"
	if _, words, said := strings.Cut(output, "not on a real Grafana: "); said {
		why, _, _ = strings.Cut(words, "\n")
	}
	if t.skipped == nil {
		t.skipped = map[string][]string{}
	}
	t.skipped[why] = append(t.skipped[why], name)
}

// explain lists what failed, and why which tests were not for this Grafana.
func (t *tally) explain() {
	for _, why := range slices.Sorted(maps.Keys(t.skipped)) {
		fmt.Printf("not run, since %s: %s\n", why, strings.Join(t.skipped[why], ", "))
	}
	for _, name := range t.failed {
		fmt.Println("failed:", name)
	}
}
