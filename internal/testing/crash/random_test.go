package crash

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCrashRandomAgain: what comes of a seed is the same each time, also of passes that are made side by side.
func TestCrashRandomAgain(t *testing.T) {
	for _, version := range Versions() {
		life := rapid.Custom(func(rt *rapid.T) string {
			l := newLife(t, rt, version)
			l.live(rt)
			if l.crowd != nil {
				return "what hangs on real time"
			}
			return fmt.Sprintf("%x", l.tale.Sum64())
		})
		for seed := range 6 {
			if first, again := life.Example(seed), life.Example(seed); first != again {
				t.Errorf("%s, seed %d: %s once, and then %s", version, seed, first, again)
			}
		}
	}
}

// TestCrashRandom lets people, Grafana, Kubernetes and bad luck do whatever they can to a tenant, in any order. Then
// peace returns, and the invariants must hold.
func TestCrashRandom(t *testing.T) {
	checks, seed := 50, uint64(1)
	if text := os.Getenv("CRASH_CHECKS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("CRASH_CHECKS: %v", err)
		}
		checks, seed = n, uint64(time.Now().UnixNano())
	}
	versions := Versions()
	setFlag(t, "rapid.checks", strconv.Itoa((checks+len(versions)-1)/len(versions)))
	setFlag(t, "rapid.seed", strconv.FormatUint(seed, 10))
	setFlag(t, "rapid.nofailfile", "true")
	summarize(
		t,
		"crash random: %s checks of each version of Grafana, seed %s",
		flag.Lookup("rapid.checks").Value,
		flag.Lookup("rapid.seed").Value,
	)
	for n, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				for range n {
					rapid.Uint64().Draw(rt, "nothing, so that the versions do not go through the same")
				}
				newLife(t, rt, version).live(rt)
			})
		})
	}
}

// setFlag sets a flag that was not given on the command line.
func setFlag(t *testing.T, name, value string) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// shrinkable sends the failures of a world to rapid, which looks for the shortest way to them.
type shrinkable struct {
	testing.TB
	rt *rapid.T
}

func (s shrinkable) Fatal(args ...any) { s.rt.Fatal(args...) }

func (s shrinkable) Helper() {}

func newLife(t *testing.T, rt *rapid.T, version string) *life {
	l := unborn(shrinkable{t, rt}, version)
	l.configure(rt)
	if rapid.SampledFrom([]bool{false, false, true}).Draw(rt, "at once") {
		writers := rapid.SampledFrom([]int32{mostAtOnce, mostAtOnce, 2, 1}).Draw(rt, "writers")
		l.letAtOnce(rapid.Uint64().Draw(rt, "order"), writers)
	}
	l.enlist()
	for _, name := range sortedKeys(l.cast) {
		if name != "main" {
			l.bear(name)
		}
	}
	if rapid.Bool().Draw(rt, "at rest") {
		if err := l.Rest(); err != nil {
			rt.Fatal(err)
		}
	}
	l.look()
	return l
}
