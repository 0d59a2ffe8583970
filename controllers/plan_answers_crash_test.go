package controllers_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan"
	"grafana-tenancy.dev/operator/internal/testing/crash"
)

// What Grafana does not tell is not known, and nothing is said to be made in its place.
func TestPlanWhereGrafanaDoesNotTell(t *testing.T) {
	folder := newFolder("")
	folder.Spec.UID = "place"
	for _, version := range crash.Versions() {
		w := crash.New(t, version)
		w.Seed()
		w.SignUp("ada")
		crash.WithOrg(w)
		w.MustRest()
		org := crash.Organization("")
		w.Get(org)
		w.Grafana.Do(http.MethodPost, "/api/dashboards/db", org.Status.OrgID, map[string]any{
			"dashboard": map[string]any{"uid": "board", "title": "Theirs", "panels": []any{}}})
		w.Grafana.Do(http.MethodPost, "/api/folders", org.Status.OrgID,
			map[string]any{"uid": "place", "title": "Theirs"})
		for _, status := range []int{
			http.StatusServiceUnavailable, http.StatusForbidden, http.StatusTooManyRequests, http.StatusNotFound,
		} {
			for _, c := range []struct {
				path string
				obj  lifecycle.Object
			}{
				{"/dashboards/uid/board", crash.Dashboard("board", crash.OneDashboard)},
				{"/folders/place", folder},
				{"/users/lookup", crash.NewMembership("people", crash.WithRole("ada", v1alpha1.RoleViewer))},
			} {
				network := w.Grafana.RoundTripper()
				p := planWith(t, w, plan.Options{
					Manifests: []unstructured.Unstructured{manifestOf(t, c.obj)},
					Transport: through(func(r *http.Request) (*http.Response, error) {
						if !strings.Contains(r.URL.Path, c.path) {
							return network.RoundTrip(r)
						}
						return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/html"}},
							Body: http.NoBody, Request: r}, nil
					}),
				})
				for _, o := range p.Objects() {
					if o.Kind == crash.KindOf(c.obj) && o.Action == plan.Create {
						t.Errorf(
							"%s: where %s answers %d, %s is %s (%s: %s)",
							version,
							c.path,
							status,
							o.Kind,
							o.Action,
							o.Reason,
							o.Message,
						)
					}
				}
				if p.Complete() && p.Summary[plan.Blocked] == 0 {
					t.Errorf("%s: where %s answers %d, the plan is complete", version, c.path, status)
				}
			}
		}
	}
}

// What is only drafted has no number in Grafana yet, and none in a plan.
func TestPlanTellsNoNumberOfWhatIsDrafted(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.SignUp("ada")
	w.MustRest()
	second := crash.Dashboard("board", crash.OneDashboard)
	second.Name = "second"
	token := crash.Token()
	p := planWith(t, w, plan.Options{Manifests: []unstructured.Unstructured{
		manifestOf(t, crash.Organization("Tenant")), manifestOf(t, crash.Dashboard("board", crash.OneDashboard)),
		manifestOf(t, second), manifestOf(t, crash.Account("CI")), manifestOf(t, token),
		manifestOf(t, crash.NewTeam("Shop", "nobody")), manifestOf(t, newFolder("")),
		manifestOf(t, crash.NewMembership("people", crash.WithRole("ada", v1alpha1.RoleViewer))),
	}})
	blocked := false
	for _, o := range p.Objects() {
		told := o.Message + strings.Join(o.Notes, " ") + strings.Join(o.Requests, " ") + o.Label
		if strings.Contains(told, "112589990684") {
			t.Errorf("%s %s: %s", o.Kind, o.Name, told)
		}
		blocked = blocked || strings.Contains(o.Message, "organization (new)")
	}
	if !blocked {
		t.Errorf("nothing says that it is taken in the new organization: %v", p.Summary)
	}
}

// endless is an answer without an end.
type endless struct{ read int }

// Read reads blanks.
func (e *endless) Read(p []byte) (int, error) {
	if e.read += len(p); e.read > 200<<20 {
		return 0, io.ErrUnexpectedEOF
	}
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A server of the manifests' choice cannot fill the memory.
func TestPlanReadsNoEndlessAnswer(t *testing.T) {
	w := crash.New(t, "12.4.0")
	w.Seed()
	w.Create(crash.Organization("Tenant"))
	w.MustRest()
	grafana := w.Grafana.RoundTripper()
	answer, asked := &endless{}, 0
	network := through(func(r *http.Request) (*http.Response, error) {
		resp, err := grafana.RoundTrip(r)
		if err == nil && strings.HasPrefix(r.URL.Path, "/api/orgs/") {
			if asked++; asked == 1 { // the next one is worth another try
				resp.Body = io.NopCloser(answer)
			}
		}
		return resp, err
	})
	planWith(t, w, plan.Options{Transport: network, Manifests: []unstructured.Unstructured{
		manifestOf(t, crash.Organization("Tenant"))}})
	if asked == 0 || answer.read > 150<<20 {
		t.Errorf("it reads %d bytes of an answer, and asks %d times", answer.read, asked)
	}
}
