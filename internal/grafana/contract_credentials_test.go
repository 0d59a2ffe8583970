package grafana_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) testServer(t *testing.T) {
	health := have(k.client.Health(t.Context()))(t)
	settings := have(k.client.Settings(t.Context()))(t)
	if health.Database != "ok" || health.Version != "" && health.Version != settings.Version {
		t.Errorf("health %+v, settings %+v", health, settings)
	}
	if settings.Edition == "" || settings.Namespace != "default" {
		t.Errorf("settings: %+v", settings)
	}
	version := apiVersion(t, k.client)
	if (version != "") != (k.major >= 12) {
		t.Errorf("Grafana %d has the dashboard API %q", k.major, version)
	}
	same(t, "there is a session", k.sessions, k.client.SessionID() != "")
	same(t, "organization of a server-wide call", int64(1), have(k.client.CurrentOrg(t.Context()))(t).ID)
}

func (k contract) testCredentials(t *testing.T) {
	login := k.someone(t)
	for _, session := range []bool{true, false} {
		right := k.connect(t, grafana.Config{
			BasicAuth: &grafana.BasicAuth{Username: login, Password: grafana.Key(login), Session: session},
		})
		_, err := right.MyOrgs(t.Context())
		must(t, err)
		if (right.SessionID() != "") != (session && k.sessions) {
			t.Errorf("session %v: its id is %q", session, right.SessionID())
		}
		wrong := k.connect(t,
			grafana.Config{BasicAuth: &grafana.BasicAuth{Username: login, Password: "wrong", Session: session}})
		for range 9 { // only the first is sent, or the login would be locked
			_, err := wrong.MyOrgs(t.Context())
			expect(t, "wrong password", err, grafana.IsUnauthorized)
			expect(t, "wrong password", err, func(err error) bool { return errors.As(err, new(*grafana.LoginError)) })
		}
	}
	again := k.as(t, login)
	_, err := again.MyOrgs(t.Context())
	expect(t, "right password after two wrong ones", err, func(err error) bool { return err == nil })

	dead := k.connect(t, grafana.Config{Token: "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"})
	_, err = dead.CurrentOrg(t.Context())
	expect(t, "unknown token", err, grafana.IsUnauthorized)
}

func (k contract) testTokenAsCredential(t *testing.T) {
	o := k.org(t)
	key := k.token(t, o, k.account(t, o, "operator", "Admin").ID, "operator", 0).Key
	c := k.connect(t, grafana.Config{Token: key})
	same(t, "its organization", o.ID(), have(c.CurrentOrg(t.Context()))(t).ID)
	same(t, "its memberships", 0, len(have(c.MyOrgs(t.Context()))(t)))
	same(t, "its session", "", c.SessionID())
	same(t, "its namespace", fmt.Sprintf("org-%d", o.ID()), have(c.Settings(t.Context()))(t).Namespace)
	_, err := c.CreateOrg(t.Context(), unique("x"))
	expect(t, "creating an organization", err, grafana.IsForbidden)

	own := c.Org(o.ID())
	must(t, own.SetOwnAddress(t.Context(), grafana.Address{Address2: "mark"}))
	same(t, "its address", "mark", have(c.CurrentOrg(t.Context()))(t).Address.Address2)
	must(t, own.SetPreferences(t.Context(), grafana.Preferences{Theme: "dark"}))
	account := k.account(t, own, "child", "Viewer")
	k.proves(t, own, k.token(t, own, account.ID, "child", 0).Key)
	k.save(t, own, "dash", nil)
	if version := apiVersion(t, c); version != "" {
		same(t, "dashboards", 1, len(have(own.ListDashboards(t.Context(), version))(t)))
	}
	_, err = c.Org(1).SearchServiceAccounts(t.Context(), "")
	expect(t, "in another organization", err, grafana.IsUnauthorized)
}

// testSessionRenewal uses a session when the client takes it for due, long before Grafana does.
func (k contract) testSessionRenewal(t *testing.T) {
	if !k.sessions {
		return
	}
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	c := k.connect(t, grafana.Config{
		Now:       now,
		BasicAuth: &grafana.BasicAuth{Username: k.user, Password: grafana.Key(k.password), Session: true},
	})
	have(c.MyOrgs(t.Context()))(t)
	id := c.SessionID()
	ahead.Store(int64(24 * time.Hour))
	have(c.MyOrgs(t.Context()))(t)
	same(t, "session", id, c.SessionID())
}
