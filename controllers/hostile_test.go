package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// attempt is one thing that a hostile tenant tries.
type attempt struct {
	name string
	// fence is what is meant to stop it.
	fence string
	try   func(s *scene)
	// succeeded says what is seen if it worked; empty: nothing. Harm and leaks are looked for after every attempt
	// besides; nil: these are all that it could be seen by.
	succeeded func(s *scene) string
	// answered: all that can be seen at once is in succeeded. What else came of it is looked for at the end of the
	// raid.
	answered bool
}

// Fences. The first two can be taken down, to see that the attempts which they stop are worth something.
const (
	byRBAC      = "Kubernetes' RBAC"
	byConsent   = "allowedNamespaces"
	byAdmission = "the API's schema"
	byNamespace = "references that stay in their namespace"
	byMark      = "proof of ownership"
	byBounds    = "bounds"
	bySilence   = "what messages leave out"
	byGrafana   = "Grafana's own permissions"
)

// raid is a number of attempts that share one scene.
type raid struct {
	name     string
	grafana  grafanatest.Options
	attempts func() []attempt
}

func raids() []raid {
	old := grafanatest.Options{Version: "10.4.3"}
	return []raid{
		{
			name: "requests",
			attempts: func() []attempt {
				return slices.Concat(requestsToKubernetes(), hostileFields(),
					hostileTemplates())
			},
		},
		{name: "references", attempts: hostileReferences},
		{name: "ownership", attempts: hostileClaims},
		{name: "ownership on 10.4.3", grafana: old, attempts: claimedDashboards},
		{name: "adoption and roles", attempts: hostileAdoptions},
		{name: "Secrets", attempts: hostileSecrets},
		{name: "floods", attempts: hostileFloods},
		{name: "a forged predecessor", attempts: forgedPredecessor},
		{name: "a forged mark", attempts: forgedMark},
		{name: "a forged birth", attempts: forgedBirth},
		{name: "words", attempts: tellingWords},
		{name: "urls", attempts: hostileURLs},
	}
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

// TestHostile lets a tenant with edit rights in one namespace try, by all that it can say to Kubernetes and with the
// keys that it gets, to read, write, rename or delete something beyond it.
func TestHostile(t *testing.T) { playRaids(t, raids()) }

// playRaids makes all attempts of raids, and fails for each that succeeds.
func playRaids(t *testing.T, all []raid) {
	t.Helper()
	count := &tally{succeeded: map[string]string{}}
	t.Run("raids", func(t *testing.T) {
		for _, r := range all {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, r.grafana, fencesUp)
				for _, a := range r.attempts() {
					evidence := s.play(a)
					count.add(r.name+": "+a.name, evidence)
					t.Logf("%s: %s", a.name, outcome(a, evidence))
				}
				if evidence := s.harm() + s.leak() + s.victimWorks(); evidence != "" {
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

func outcome(a attempt, evidence string) string {
	if evidence != "" {
		return "SUCCEEDED: " + evidence
	}
	return "stopped by " + a.fence
}

// play makes one attempt and says what is seen of its success.
func (s *scene) play(a attempt) string {
	s.t.Helper()
	s.now = a.name
	if a.try != nil {
		a.try(s)
	}
	if a.succeeded != nil {
		if evidence := a.succeeded(s); evidence != "" || a.answered {
			return evidence
		}
	}
	if evidence := s.harm(); evidence != "" {
		s.before = s.snapshot() // the next attempt is not to blame
		return evidence
	}
	return s.leak()
}

// With the fences down that can be taken down, the same attempts succeed: the tenant may do everything in Kubernetes
// (where it only rehearses), and the victim's Organization lets everybody in.
func TestHostileFindsHoles(t *testing.T) {
	t.Parallel()
	for name, raid := range map[string]struct {
		fence    string
		attempts func() []attempt
	}{"Kubernetes": {byRBAC, requestsToKubernetes}, "references": {byConsent, hostileReferences}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, grafanatest.Options{}, fencesDown)
			var stopped []string
			n := 0
			for _, a := range raid.attempts() {
				if a.fence != raid.fence {
					continue
				}
				n++
				if s.play(a) == "" {
					stopped = append(stopped, a.name)
				}
			}
			if len(stopped) > 0 || n == 0 {
				t.Errorf(
					"of %d attempts, these do not succeed where nothing stops them, and so prove nothing:\n%s",
					n,
					strings.Join(stopped, "\n"),
				)
			}
		})
	}
}

// Whatever changes for others is noticed as harm, and whatever the tenant should not know as a leak.
func TestHostileNoticesHarmAndLeaks(t *testing.T) {
	t.Parallel()
	s := newScene(t, grafanatest.Options{}, fencesUp)
	for name, harm := range map[string]func(){
		"a dashboard is edited": func() {
			s.ask("POST", "/api/dashboards/db", s.victimOrg, `{"overwrite": true, "dashboard": {"uid": "victim-overview", "title": "Mine now"}}`)
		},
		"an organization appears": func() { s.ask("POST", "/api/orgs", 0, `{"name": "Surplus"}`) },
		"an organization is renamed": func() {
			s.ask("PUT", fmt.Sprintf("/api/orgs/%d", s.foreignOrg), 0, `{"name": "Foreign no more"}`)
		},
		"a token is revoked": func() {
			s.ask("DELETE", fmt.Sprintf("/api/serviceaccounts/%d/tokens/%d", s.robot.Status.ID, s.ci.Status.TokenID), s.victimOrg, nil)
		},
		"a Secret is changed": func() {
			secret := s.victimSecret("database")
			change(s.world, secret, func() { secret.Data["password"] = []byte("mine") })
		},
		"an annotation is set": func() {
			change(s.world, s.board, func() { s.board.Annotations = map[string]string{"note": "mine"} })
		},
		"the tenant can read a password": func() {
			s.configMap("copy", map[string]string{"x": "the password is " + s.canaries[0]})
			s.move("copy")
		},
	} {
		if before := s.harm() + s.leak(); before != "" {
			t.Fatalf("%s: before, %s", name, before)
		}
		harm()
		if s.harm()+s.leak() == "" {
			t.Errorf("%s: not noticed", name)
		}
		s.forget()
	}
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
