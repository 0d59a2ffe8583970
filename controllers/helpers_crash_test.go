package controllers_test

import (
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// inBothVersions has a world with an organization.
func inBothVersions(t *testing.T, test func(t *testing.T, w *crash.World)) {
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			w := crash.New(t, version)
			w.Seed()
			crash.WithOrg(w)
			rested(w)
			test(t, w)
		})
	}
}

// made creates an object and has it visited.
func made(w *crash.World, kind string, o client.Object) {
	w.Create(o)
	w.Visit(kind + " tenant/" + o.GetName())
}

func objectNamed[T client.Object](o T, name string) T {
	o.SetName(name)
	return o
}

// somebody is one who can log in.
func somebody(w *crash.World, login string) (found grafanatest.Person) {
	for _, p := range w.Grafana.People() {
		if p.Login == login {
			found = p
		}
	}
	return found
}

// requestsOf are the requests that something brings about, as METHOD and path with numbers left out, but for those of
// the session. The proof of an organization that a minute's memory would spare is among them.
func requestsOf(w *crash.World, do func()) map[string]int {
	w.Grafana.ResetLog()
	do()
	counts := map[string]int{}
	for _, r := range w.Grafana.Requests() {
		if r.Path == "/login" || strings.HasPrefix(r.Path, "/api/user/auth-tokens") {
			continue
		}
		var path []string
		for _, part := range strings.Split(r.Path, "/") {
			if strings.Trim(part, "0123456789") == "" && part != "" {
				part = "N"
			}
			path = append(path, part)
		}
		counts[r.Method+" "+strings.Join(path, "/")]++
	}
	return counts
}

// anotherDatabase puts another one in the place of Grafana's, in which the organization is somebody else's.
func anotherDatabase(w *crash.World) {
	w.Grafana.ResetDatabase()
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Theirs"})
	w.Grafana.Do(http.MethodPost, "/api/orgs", 1, map[string]any{"name": "Theirs too"})
}

// instead answers requests of one method to paths that begin so in Grafana's place.
func instead(w *crash.World, method, path string, status int, body string) {
	w.Answers = func(r *http.Request) *http.Response {
		if r.Method != method || !strings.HasPrefix(r.URL.Path, path) {
			return nil
		}
		return answer(r, status, body, true)
	}
}
