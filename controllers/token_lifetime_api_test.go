package controllers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// A life time that Grafana does not allow is refused with the name of its setting, and costs nobody a key.
func TestAPITokenLifetimeRefused(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]grafanatest.Options{
		"[auth] api_key_max_seconds_to_live":            {MaxSecondsToLive: 3600},
		"[service_accounts] token_expiration_day_limit": {TokenExpirationDayLimit: 1},
	} {
		for _, version := range grafanatest.Versions() {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				limited.Version = version
				w := suite.New(t, limited)
				w.Organization("team")
				w.Account("robot", "team")
				token := w.Token(
					"ci",
					"robot",
					func(o *v1alpha1.ServiceAccountToken) { o.Spec.TTL = duration(48 * time.Hour) },
				)
				suite.Stalled(w, token, v1alpha1.ReasonLifetimeRefused, name, "48h0m0s", "shorten spec.ttl")
				if keys := w.Grafana.Keys(); len(keys) > 0 {
					t.Errorf("%d keys were made", len(keys))
				}
				suite.Change(w, token, func() { token.Spec.TTL = duration(time.Hour) })
				suite.Ready(w, token)
				secret := w.Secret("ci")
				suite.Change(w, token, func() { token.Spec.TTL = duration(25 * time.Hour) })
				suite.Stalled(w, token, v1alpha1.ReasonLifetimeRefused, name)
				if now := w.Secret("ci"); now.ResourceVersion != secret.ResourceVersion || !alive(w, w.Key("ci")) {
					t.Errorf(
						"the old key works: %v; its Secret: %s",
						alive(w, w.Key("ci")),
						cmp.Diff(secret.ObjectMeta, now.ObjectMeta),
					)
				}
				suite.Change(w, token, func() { token.Spec.TTL = duration(time.Hour) })
				suite.Ready(w, token)
				rests(w, token, 1)
			})
		}
	}
}

// A Grafana that wants every token to expire says so of one that does not.
func TestAPITokenLifetimeDemanded(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]grafanatest.Options{
		"[auth] api_key_max_seconds_to_live":            {Version: "10.4.3", MaxSecondsToLive: 3600},
		"[service_accounts] token_expiration_day_limit": {Version: "12.4.0", TokenExpirationDayLimit: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := suite.New(t, limited)
			w.Organization("team")
			w.Account("robot", "team")
			token := w.Token("ci", "robot")
			suite.Stalled(w, token, v1alpha1.ReasonLifetimeRefused, name, "never expires: set spec.ttl")
			suite.Change(w, token, func() { token.Spec.TTL = duration(time.Minute) })
			suite.Ready(w, token)
		})
	}
}

// A key that leaked is revoked by deleting its Secret, even while Grafana makes no other.
func TestAPITokenRevokedThoughNoneIsMade(t *testing.T) {
	t.Parallel()
	clock := suite.NewClock()
	w := suite.New(t, grafanatest.Options{Now: clock.Now})
	token := tokenOf(w)
	first := w.Key("ci")
	clock.Advance(time.Hour) // no other manager can be about to write it
	w.Grafana.SetFault(func(r *grafanatest.Request) grafanatest.Fault {
		if r.Method != "POST" || r.Route != "/api/serviceaccounts/:account/tokens" {
			return grafanatest.Fault{}
		}
		return grafanatest.Fault{
			Outcome: grafanatest.Answer,
			Status:  400,
			Body:    `{"message":"Number of seconds before expiration should be set"}`,
		}
	})
	w.Delete(w.Secret("ci"))
	suite.Stalled(w, token, v1alpha1.ReasonLifetimeRefused)
	dead(w, first)
	w.Grafana.SetFault(nil)
	suite.Visit(w, token)
	suite.Ready(w, token)
}
