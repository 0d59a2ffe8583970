package grafana_test

import (
	"errors"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) testTokens(t *testing.T) {
	o, other := k.org(t), k.org(t)
	account := k.account(t, o, "sa", "Viewer")
	same(t, "at first", 0, len(have(o.Tokens(t.Context(), account.ID))(t)))
	forever := k.token(t, o, account.ID, "forever", 0)
	hour := k.token(t, o, account.ID, "hour", time.Hour)
	tokens := have(o.Tokens(t.Context(), account.ID))(t)
	if len(tokens) != 2 || tokens[0].ID != forever.ID || tokens[1].ID != hour.ID || tokens[0].Name != "forever" ||
		tokens[1].Name != "hour" {
		t.Fatalf("got %+v", tokens)
	}
	for _, token := range tokens {
		if token.HasExpired || token.IsRevoked || time.Since(token.Created).Abs() > time.Hour {
			t.Errorf("got %+v", token)
		}
	}
	if tokens[0].Expiration != nil || tokens[1].Expiration == nil ||
		tokens[1].Expiration.Sub(tokens[1].Created).Round(time.Minute) != time.Hour {
		t.Errorf("they expire at %v and %v", tokens[0].Expiration, tokens[1].Expiration)
	}

	same(t, "of no service account", 0, len(have(o.Tokens(t.Context(), 999_999_999))(t)))
	same(t, "in another organization", 0, len(have(other.Tokens(t.Context(), account.ID))(t)))
	_, err := o.CreateToken(t.Context(), 999_999_999, "x", 0)
	expect(t, "for no service account", err, grafana.IsNotFound)
	_, err = other.CreateToken(t.Context(), account.ID, "x", 0)
	expect(t, "from another organization", err, grafana.IsNotFound)

	expect(t, "deleting from another organization", other.DeleteToken(t.Context(), account.ID, hour.ID),
		grafana.IsNotFound)
	must(t, o.DeleteToken(t.Context(), account.ID, hour.ID))
	expect(t, "deleting twice", o.DeleteToken(t.Context(), account.ID, hour.ID), grafana.IsNotFound)
	left := have(o.Tokens(t.Context(), account.ID))(t)
	if len(left) != 1 || left[0].ID != forever.ID {
		t.Errorf("left: %+v", left)
	}
}

func (k contract) testTokenNames(t *testing.T) {
	o, other := k.org(t), k.org(t)
	one, two := k.account(t, o, "one", "Viewer"), k.account(t, o, "two", "Viewer")
	token := k.token(t, o, one.ID, "name", 0)
	_, err := o.CreateToken(t.Context(), one.ID, "name", 0)
	expect(t, "the same name", err, grafana.IsTaken)
	_, err = o.CreateToken(t.Context(), two.ID, "name", 0)
	expect(t, "the same name for another service account", err, grafana.IsTaken)
	k.token(t, other, k.account(t, other, "one", "Viewer").ID, "name", 0)
	must(t, o.DeleteToken(t.Context(), one.ID, token.ID))
	k.token(t, o, two.ID, "name", 0)
}

func (k contract) testKeys(t *testing.T) {
	o, other := k.org(t), k.org(t)
	account := k.account(t, o, "sa", "None")
	kept, deleted := k.token(t, o, account.ID, "kept", 0), k.token(t, o, account.ID, "deleted", 0)
	k.proves(t, o, kept.Key)
	k.proves(t, o, deleted.Key)
	neighbor := k.client.Org(o.ID() - 1)
	// A Viewer: who may nothing is answered {}, as anybody could.
	viewer := k.token(t, o, k.account(t, o, "viewer", "Viewer").ID, "viewer", 0)
	expect(t, "of the organization that it is asked for", neighbor.ProveKey(t.Context(), viewer.Key),
		grafana.IsUnauthorized)
	expect(t, "unknown key", o.ProveKey(t.Context(), "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"), k.refuses)
	expect(t, "no key at all", o.ProveKey(t.Context(), "glsa_x"), k.refuses)
	expect(t, "empty key", o.ProveKey(t.Context(), ""), k.refuses)

	must(t, o.DeleteToken(t.Context(), account.ID, deleted.ID))
	expect(t, "deleted token", o.ProveKey(t.Context(), deleted.Key), k.refuses)
	k.proves(t, o, kept.Key)

	yes := true
	must(t, o.UpdateServiceAccount(t.Context(), account.ID, grafana.ServiceAccountPatch{IsDisabled: &yes}))
	byKey := k.connect(t, grafana.Config{Token: kept.Key})
	eventually(t, "the key of a disabled service account is refused", func() bool {
		_, err := byKey.Org(o.ID()).Preferences(t.Context())
		return grafana.IsUnauthorized(err)
	})

	second := k.account(t, o, "second", "Viewer")
	key := k.token(t, o, second.ID, "second", 0).Key
	must(t, o.DeleteServiceAccount(t.Context(), second.ID))
	expect(t, "deleted service account", o.ProveKey(t.Context(), key), k.refuses)

	third := k.token(t, other, k.account(t, other, "third", "Viewer").ID, "third", 0)
	k.proves(t, other, third.Key)
	must(t, k.client.DeleteOrg(t.Context(), other.ID()))
	expect(t, "deleted organization", other.ProveKey(t.Context(), third.Key), k.refuses)
}

func (k contract) testExpiredKey(t *testing.T) {
	o := k.org(t)
	account := k.account(t, o, "sa", "Viewer")
	token := k.token(t, o, account.ID, "short", time.Second)
	eventually(t, "the key has expired", func() bool {
		tokens := have(o.Tokens(t.Context(), account.ID))(t)
		return len(tokens) == 1 && tokens[0].HasExpired && tokens[0].Expiration != nil
	})
	expect(t, "the expired key", o.ProveKey(t.Context(), token.Key), k.refuses)
	_, err := o.CreateToken(t.Context(), account.ID, "short", 0)
	expect(t, "its name stays taken", err, grafana.IsTaken)
}

func (k contract) token(
	t *testing.T,
	o *grafana.OrgClient,
	account int64,
	name string,
	ttl time.Duration,
) grafana.NewToken {
	t.Helper()
	return have(o.CreateToken(t.Context(), account, name, ttl))(t)
}

// proves has Grafana say that a key of an organization is good, if it tells.
func (k contract) proves(t *testing.T, o *grafana.OrgClient, key grafana.Key) {
	t.Helper()
	if err := o.ProveKey(t.Context(), key); !k.anonymous {
		must(t, err)
	} else {
		expect(t, "a good key", err, k.refuses)
	}
}

// refuses is what Grafana says of a key that is not good.
func (k contract) refuses(err error) bool {
	return k.anonymous && errors.Is(err, grafana.ErrUnexplained) || !k.anonymous && grafana.IsUnauthorized(err)
}
