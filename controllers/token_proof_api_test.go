package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// refuseKeys has Grafana refuse to prove any key.
func refuseKeys(w *suite.World) {
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Path == "/api/access-control/user/permissions" {
			return grafanatest.Fault{
				Outcome: grafanatest.Answer,
				Status:  401,
				Body:    `{"message":"Unauthorized","messageId":"session.token.not-found","statusCode":401}`,
			}
		}
		return grafanatest.Fault{}
	})
}

// A key that Grafana does not accept is told, and not made anew over and over; once it is accepted, all is well. That a
// key works is asked once.
func TestAPITokenKeyRefused(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{Version: version})
			refuseKeys(w)
			w.Organization("team")
			w.Account("robot", "team")
			token := w.Token("ci", "robot")
			suite.Waiting(w, token, v1alpha1.ReasonKeyRefused, "Secret ci", "delete the Secret")
			secret := w.Secret("ci")
			looks(w, token)
			suite.Waiting(w, token, v1alpha1.ReasonKeyRefused)
			if keys := w.Grafana.Keys(); len(keys) != 1 || token.Status.ProvenAt != nil {
				t.Errorf("%d keys were made; proven at %v", len(keys), token.Status.ProvenAt)
			}
			w.Grafana.SetFault(nil)
			suite.Ready(w, token)
			if !isProven(w, token) {
				t.Error("it is Ready, and its key was not proven")
			}
			w.Grafana.ResetLog()
			rests(w, token, 1)
			unwritten(w, secret)
			if n := w.Asked("GET", "/api/access-control/user/permissions"); n > 0 && !w.Grafana.LetsAnybodyIn() {
				t.Errorf("the key was proven %d times more", n)
			}
		})
	}
}

// isProven says whether the key was, if Grafana tells a good one from none.
func isProven(w *suite.World, token *v1alpha1.ServiceAccountToken) bool {
	return token.Status.ProvenAt != nil || w.Grafana.LetsAnybodyIn()
}

// A key that a rotation made and that Grafana does not accept leaves the old one alive for the overlap, and is proven
// later.
func TestAPITokenRotatedKeyRefused(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	if w.Grafana.LetsAnybodyIn() {
		suite.NotOnReal(t, "anonymous access is on")
	}
	token := tokenOf(w)
	first, proven := w.Key("ci"), token.Status.ProvenAt
	refuseKeys(w)
	rotate(w, token, "now")
	suite.Waiting(w, token, v1alpha1.ReasonKeyRefused)
	if !alive(w, first) || token.Status.Revision != 2 || token.Status.ProvenAt != nil {
		t.Errorf("the old key works: %v; status: %+v", alive(w, first), token.Status)
	}
	w.Grafana.SetFault(nil)
	suite.Ready(w, token)
	if !isProven(w, token) || token.Status.ProvenAt != nil && token.Status.ProvenAt.Before(proven) {
		t.Errorf("proven at %v, the one before at %v", token.Status.ProvenAt, proven)
	}
	rests(w, token, 2)
}

// A status that was wiped is found again in the Secret and in Grafana, in the middle of an overlap as well, and costs
// no key.
func TestAPITokenStatusWiped(t *testing.T) {
	t.Parallel()
	clock := suite.NewClock()
	w := suite.New(t, grafanatest.Options{Now: clock.Now})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) { o.Spec.TTL = duration(time.Hour) })
	first := w.Key("ci")
	rotate(w, token, "now")
	revised(w, token, 2)
	secret, before := w.Secret("ci"), token.Status
	wipeToken(w, token)
	suite.Visit(w, token)
	revised(w, token, 2)
	if diff := cmp.Diff(
		before,
		token.Status,
		cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime"),
		cmpopts.IgnoreFields(before, "ProvenAt", "CommonStatus.CreateStarted"), // what others may have sent
	); diff != "" ||
		token.Status.ProvenAt == nil {
		t.Errorf("status (-before +after):\n%s", diff)
	}
	rests(w, token, 2)
	unwritten(w, secret)

	wipeToken(w, token)
	clock.Advance(6 * time.Minute)
	suite.Change(w, token, func() { token.Spec.Secret.Name = "elsewhere" })
	suite.Ready(w, token)
	dead(w, first)
	w.Gone(secret)
	if w.Key("elsewhere") != string(secret.Data["token"]) || !alive(w, w.Key("elsewhere")) {
		t.Error("the Secret that was renamed holds another key, or a dead one")
	}
	rests(w, token, 2)
}

// wipeToken takes the whole status off a token.
func wipeToken(w *suite.World, token *v1alpha1.ServiceAccountToken) {
	w.T.Helper()
	patch := client.RawPatch(
		types.JSONPatchType,
		[]byte(`[{"op": "replace", "path": "/status", "value": {"observedGeneration": -1}}]`),
	)
	if err := w.Client.Status().Patch(w.T.Context(), token, patch); err != nil {
		w.T.Fatal(err)
	}
	if token.Status.TokenID != 0 {
		w.T.Fatalf("the status was not wiped: %+v", token.Status)
	}
}

// metrics are the series of a token, by name without the common part.
func metrics(w *suite.World, name string) map[string]float64 {
	w.T.Helper()
	families, err := ctrlmetrics.Registry.Gather()
	if err != nil {
		w.T.Fatal(err)
	}
	series := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if short, ours := strings.CutPrefix(
				family.GetName(),
				"grafana_tenancy_token_",
			); ours && labels["namespace"] == w.NS &&
				labels["name"] == name {
				series[short] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return series
}

// The metrics of a token tell what its status tells, count what was done, and go with it.
func TestAPITokenMetrics(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) { o.Spec.TTL = duration(time.Hour) })
	told := func(rotations, orphans float64) {
		t.Helper()
		w.Eventually("the metrics", func() error {
			suite.Get(w, token)
			want := map[string]float64{"rotations_total": rotations, "orphans_revoked_total": orphans}
			if at := token.Status.ExpiresAt; at != nil {
				want["expiration_timestamp_seconds"] = float64(at.Unix())
			}
			if at := token.Status.ProvenAt; at != nil {
				want["last_proof_timestamp_seconds"] = float64(at.Unix())
			}
			if diff := cmp.Diff(want, metrics(w, "ci")); diff != "" {
				return fmt.Errorf("-want +got:\n%s", diff)
			}
			return nil
		})
	}
	told(0, 0)
	rotate(w, token, "now")
	revised(w, token, 2)
	told(1, 0)
	w.Delete(w.Secret("ci"))
	revised(w, token, 3)
	told(1, 2)
	suite.Change(w, token, func() { token.Spec.TTL = nil })
	revised(w, token, 4)
	told(2, 2)
	w.Delete(token)
	w.Gone(token)
	w.Eventually("the metrics' end", func() error {
		if left := metrics(w, "ci"); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	})
}

var errNone = errors.New("there is none")

// What hides the question that proves a key says nothing about the key: the token is on Grafana's list and its key
// whole, which is enough.
func TestAPITokenProofIsHidden(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]grafanatest.Fault{
		"not found":        {Status: 404, Body: `{}`},
		"forbidden":        {Status: 403, Body: `{"message":"no"}`},
		"wrong method":     {Status: 405, Body: `{}`},
		"a page":           {Status: 403, Body: "<html>no</html>"},
		"a page not found": {Status: 404, Body: "<html>no</html>"},
		"a gateway's 401":  {Status: 401, Body: `{"error":"no"}`},
		"a login page":     {Status: 401, Body: "<html>log in</html>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			fault.Outcome = grafanatest.Answer
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if strings.HasPrefix(r.Path, "/api/access-control/") {
					return fault
				}
				return grafanatest.Fault{}
			})
			token := tokenOf(w)
			if token.Status.ProvenAt != nil || !alive(w, w.Key("ci")) {
				t.Errorf("proven at %v", token.Status.ProvenAt)
			}
			rests(w, token, 1)
			w.Grafana.SetFault(nil)
			suite.Visit(w, token)
			suite.Until(w, token, "proven", func(metav1.Condition) bool { return isProven(w, token) })
		})
	}
}

// With anonymous access Grafana tells a good key from a bad one only by what it keeps for a minute: the list is enough.
func TestAPITokenWithAnonymousAccess(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		w := suite.New(t, grafanatest.Options{Version: version, Anonymous: true})
		token := tokenOf(w)
		rests(w, token, 1)
	}
}

// A managed service's limit on tokens is told with its words and a hint, and not taken for one on how long they live.
func TestAPITokenLimitOfAManagedService(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 402, 409, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, grafanatest.Options{})
			w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
				if r.Method == "POST" && strings.HasSuffix(r.Path, "/tokens") {
					return grafanatest.Fault{
						Outcome: grafanatest.Answer,
						Status:  status,
						Body:    `{"message":"The service account already has 100 tokens"}`,
					}
				}
				return grafanatest.Fault{}
			})
			w.Organization("team")
			w.Account("robot", "team")
			token := suite.Stalled(
				w,
				w.Token("ci", "robot"),
				v1alpha1.ReasonRefused,
				"The service account already has 100 tokens",
				"expired tokens count",
			)
			w.Grafana.SetFault(nil)
			suite.Visit(w, token)
			suite.Ready(w, token)
		})
	}
}

// A token of somebody else's that the database takes for the next revision's name costs a number, and no more.
func TestAPITokenNameIsTakenElsewhere(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	org := orgOf(w, "team")
	other := w.Made(w.Ask("POST", "/api/serviceaccounts", org, map[string]any{"name": "other"}))
	theirs := fmt.Sprintf("%s-%d", token.Status.TokenName[:strings.LastIndex(token.Status.TokenName, "-")], 2)
	w.Ask("POST", fmt.Sprintf("/api/serviceaccounts/%d/tokens", other), org, map[string]any{"name": theirs})
	rotate(w, token, "now")
	revised(w, token, 3)
	if all := w.Grafana.Tokens(org); len(all) != 3 || !alive(w, w.Key("ci")) {
		t.Errorf("tokens: %+v", all)
	}
}

// A key that nobody has used yet sees what is made after it, for the operator has not had Grafana remember what it may
// see.
func TestAPITokenSeesWhatIsMadeAfterIt(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		for _, anonymous := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s anonymous %v", version, anonymous), func(t *testing.T) {
				t.Parallel()
				w := suite.New(t, grafanatest.Options{Version: version, Anonymous: anonymous})
				tokenOf(w)
				dash := suite.Ready(w, w.Dashboard("later", "team", overview))
				request, err := http.NewRequestWithContext(
					t.Context(),
					http.MethodGet,
					w.Grafana.URL+"/api/dashboards/uid/"+dash.Status.UID+"?forceLogin=true",
					http.NoBody,
				)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer "+w.Key("ci"))
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("the new key gets %s for a dashboard that was made after it", response.Status)
				}
			})
		}
	}
}
