package hostile

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// Attempt is one thing that a hostile tenant tries.
type Attempt struct {
	Name string
	// fence is what is meant to stop it.
	Fence string
	Try   func(s *Scene)
	// succeeded says what is seen if it worked; empty: nothing. Harm and leaks are looked for after every attempt
	// besides; nil: these are all that it could be seen by.
	Succeeded func(s *Scene) string
	// answered: all that can be seen at once is in succeeded. What else came of it is looked for at the end of the
	// raid.
	Answered bool
}

// Fences. The first two can be taken down, to see that the attempts which they stop are worth something.
const (
	ByRBAC      = "Kubernetes' RBAC"
	ByConsent   = "allowedNamespaces"
	ByAdmission = "the API's schema"
	ByNamespace = "references that stay in their namespace"
	ByMark      = "proof of ownership"
	ByBounds    = "bounds"
	BySilence   = "what messages leave out"
	ByGrafana   = "Grafana's own permissions"
)

// Raid is a number of attempts that share one scene.
type Raid struct {
	Name     string
	Grafana  grafanatest.Options
	Attempts func() []Attempt
}

// tally counts attempts.
type tally struct {
	mu        sync.Mutex
	attempts  int
	succeeded map[string]string
}

func (c *tally) add(name, evidence string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	if evidence != "" {
		c.succeeded[name] = evidence
	}
}

// Play makes all attempts of raids, and fails for each that succeeds.
func Play(t *testing.T, all []Raid) {
	t.Helper()
	count := &tally{succeeded: map[string]string{}}
	t.Run("raids", func(t *testing.T) {
		for _, r := range all {
			t.Run(r.Name, func(t *testing.T) {
				t.Parallel()
				s := New(t, r.Grafana, FencesUp)
				for _, a := range r.Attempts() {
					evidence := s.Play(a)
					count.add(r.Name+": "+a.Name, evidence)
					t.Logf("%s: %s", a.Name, outcome(a, evidence))
				}
				if evidence := s.Harm() + s.Leak() + s.victimWorks(); evidence != "" {
					t.Errorf("after the raid: %s", evidence)
				}
			})
		}
	})
	for name, evidence := range count.succeeded {
		t.Errorf("%s SUCCEEDED: %s", name, evidence)
	}
	fmt.Printf("hostile: %d attempts, %d succeeded\n", count.attempts, len(count.succeeded))
}

func outcome(a Attempt, evidence string) string {
	if evidence != "" {
		return "SUCCEEDED: " + evidence
	}
	return "stopped by " + a.Fence
}

// Play makes one attempt and says what is seen of its success.
func (s *Scene) Play(a Attempt) string {
	s.T.Helper()
	s.Now = a.Name
	if a.Try != nil {
		a.Try(s)
	}
	if a.Succeeded != nil {
		if evidence := a.Succeeded(s); evidence != "" || a.Answered {
			return evidence
		}
	}
	if evidence := s.Harm(); evidence != "" {
		s.Before = s.Snapshot() // the next attempt is not to blame
		return evidence
	}
	return s.Leak()
}

// differences between two snapshots, sorted.
func differences(before, after map[string]string) (all []string) {
	for key, was := range before {
		switch is, there := after[key]; {
		case !there:
			all = append(all, key+" is gone")
		case is != was:
			all = append(all, fmt.Sprintf("%s became %.300s (was %.300s)", key, is, was))
		}
	}
	for key, is := range after {
		if _, known := before[key]; !known {
			all = append(all, fmt.Sprintf("%s appeared: %.300s", key, is))
		}
	}
	slices.Sort(all)
	return all
}
