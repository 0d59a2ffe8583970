package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// tokenOf applies an organization, a service account and a token, and waits until the token is Ready.
func tokenOf(w *suite.World, changes ...func(*v1alpha1.ServiceAccountToken)) *v1alpha1.ServiceAccountToken {
	w.T.Helper()
	w.Organization("team")
	w.Account("robot", "team")
	return suite.Ready(w, w.Token("ci", "robot", changes...))
}

// rotate asks for another key.
func rotate(w *suite.World, token *v1alpha1.ServiceAccountToken, wish string) {
	w.T.Helper()
	suite.Change(w, token, func() { metav1.SetMetaDataAnnotation(&token.ObjectMeta, v1alpha1.AnnotationRotate, wish) })
}

// revised waits until a revision is the live one, and Ready.
func revised(w *suite.World, token *v1alpha1.ServiceAccountToken, revision int64) *v1alpha1.ServiceAccountToken {
	w.T.Helper()
	return suite.Until(w, token, fmt.Sprintf("revision %d", revision), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && token.Status.Revision == revision
	})
}

func alive(w *suite.World, key string) bool {
	_, _, _, alive := w.Grafana.KeyAlive(key)
	return alive
}

// dead waits until a key is refused.
func dead(w *suite.World, key string) {
	w.T.Helper()
	w.Eventually("the old key's end", func() error {
		if alive(w, key) {
			return errors.New("it still works")
		}
		return nil
	})
}

// rests checks that visits to a token change nothing, and that there are so many keys and no more.
func rests(w *suite.World, token *v1alpha1.ServiceAccountToken, keys int) {
	w.T.Helper()
	visitTwice(w, token, tokensPath(w, token))
	if all := w.Grafana.Keys(); len(all) != keys {
		w.T.Errorf("%d keys were made, not %d", len(all), keys)
	}
}

// states records each state of a token from now on. What it returns ends the recording with the state that the token
// has then.
func states(w *suite.World, token *v1alpha1.ServiceAccountToken) func() []v1alpha1.ServiceAccountToken {
	w.T.Helper()
	c, err := client.NewWithWatch(w.Config, client.Options{Scheme: w.Scheme})
	if err != nil {
		w.T.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.T.Context(), suite.Timeout)
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: suite.Get(w, token).ResourceVersion}}
	seen, err := c.Watch(ctx, &v1alpha1.ServiceAccountTokenList{}, from, client.InNamespace(w.NS))
	if err != nil {
		w.T.Fatal(err)
	}
	return func() (states []v1alpha1.ServiceAccountToken) {
		w.T.Helper()
		defer cancel()
		last := suite.Get(w, token.DeepCopy()).ResourceVersion
		for e := range seen.ResultChan() {
			state, ok := e.Object.(*v1alpha1.ServiceAccountToken)
			if !ok {
				w.T.Fatalf("the watch ended: %+v", e.Object)
			}
			states = append(states, *state)
			if state.ResourceVersion == last {
				return states
			}
		}
		w.T.Fatal("the watch ended early")
		return nil
	}
}

// A rotation on demand: the token is Ready all the while, both keys work for the overlap by Grafana's clock, and then
// only the new one. The same wish is fulfilled once.
func TestAPITokenRotatedOnDemand(t *testing.T) {
	t.Parallel()
	for _, version := range grafanatest.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			clock := suite.NewClock()
			w := suite.New(t, grafanatest.Options{Version: version, Now: clock.Now})
			token := tokenOf(w)
			first, id := w.Key("ci"), token.Status.TokenID
			states := states(w, token)
			rotate(w, token, "1")
			revised(w, token, 2)
			seen := states()
			for _, state := range seen {
				if !meta.IsStatusConditionTrue(state.Status.Conditions, v1alpha1.ConditionReady) {
					t.Errorf("while it was rotated, it was not Ready: %+v", state.Status.Conditions)
				}
			}
			if len(seen) < 2 {
				t.Errorf("only %d states were seen", len(seen))
			}
			checkOverlap(w, token, first, id)

			suite.Change(w, token, func() { delete(token.Annotations, v1alpha1.AnnotationRotate) })
			rests(w, token, 2)
			rotate(w, token, "1")
			rests(w, token, 2)

			secret := w.Secret("ci")
			clock.Advance(4 * time.Minute)
			rests(w, token, 2)
			if !alive(w, first) {
				t.Error("the old key was revoked before the overlap ended")
			}
			clock.Advance(time.Minute)
			suite.Visit(w, token)
			dead(w, first)
			suite.Until(w, token, "the overlap's end", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && len(token.Status.Superseded) == 0
			})
			if now := w.Secret("ci"); now.ResourceVersion != secret.ResourceVersion {
				t.Errorf("the Secret was written for nothing: %s", cmp.Diff(secret.ObjectMeta, now.ObjectMeta))
			}
			rests(w, token, 2)
			rotate(w, token, "2")
			revised(w, token, 3)
		})
	}
}

// checkOverlap checks a token that has just been rotated for the first time, with the default overlap.
func checkOverlap(w *suite.World, token *v1alpha1.ServiceAccountToken, first string, id int64) {
	w.T.Helper()
	second := w.Key("ci")
	if first == second || !alive(w, first) || !alive(w, second) {
		w.T.Errorf(
			"another key: %v; the old one works: %v, the new one: %v",
			first != second,
			alive(w, first),
			alive(w, second),
		)
	}
	made := suite.Find(
		w.Grafana.Tokens(orgOf(w, "team")),
		func(t grafanatest.Tok) bool { return t.ID == token.Status.TokenID },
	)
	if made == nil {
		w.T.Fatalf("Grafana has no token %d", token.Status.TokenID)
	}
	want := []v1alpha1.SupersededToken{{TokenID: id, RevokedAfter: metav1.NewTime(made.Created.Add(5 * time.Minute))}}
	if diff := cmp.Diff(want, token.Status.Superseded); diff != "" {
		w.T.Errorf("superseded (-want +got):\n%s", diff)
	}
	if token.Status.TokenName != made.Name || !isProven(w, token) || token.Status.ExpiresAt != nil ||
		token.Status.NextRotation != nil {
		w.T.Errorf("status: %+v", token.Status)
	}
}

// Without overlap, the old key ends with the rotation.
func TestAPITokenRotatedWithoutOverlap(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w,
		func(o *v1alpha1.ServiceAccountToken) { o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: duration(0)} },
	)
	first := w.Key("ci")
	rotate(w, token, "now")
	revised(w, token, 2)
	dead(w, first)
	rests(w, token, 2)
	if len(token.Status.Superseded) > 0 || !alive(w, w.Key("ci")) {
		t.Errorf("superseded: %+v; the new key works: %v", token.Status.Superseded, alive(w, w.Key("ci")))
	}
}

// What the Secret held before it was lost is not kept for an overlap: who deletes it wants every key of it dead.
func TestAPITokenLostWithinOverlap(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w)
	first := w.Key("ci")
	rotate(w, token, "now")
	revised(w, token, 2)
	second := w.Key("ci")
	w.Delete(w.Secret("ci"))
	revised(w, token, 3)
	dead(w, first)
	dead(w, second)
	if !alive(w, w.Key("ci")) {
		t.Error("the new key is dead")
	}
}

// Keys are rotated ahead of their expiry by Grafana's clock, whatever the operator's says: neither over and over, nor
// too late.
func TestAPITokenRotatedAheadOfExpiry(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"together": 0, "hours ahead": 7 * time.Hour, "hours behind": -7 * time.Hour, "years behind": -9999 * time.Hour} {
		for _, ttl := range []time.Duration{time.Hour, 720 * time.Hour} {
			t.Run(fmt.Sprintf("%s, ttl %s", name, ttl), func(t *testing.T) {
				t.Parallel()
				clock := suite.NewClock()
				clock.Advance(skew)
				w := suite.New(t, grafanatest.Options{Now: clock.Now})
				token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) { o.Spec.TTL = duration(ttl) })
				for round := 1; round <= 3; round++ {
					checkRotationTime(w, token, ttl)
					rests(w, token, round)
					old := w.Key("ci")
					clock.Advance(token.Status.NextRotation.Sub(clock.Now()) - time.Minute)
					rests(w, token, round)
					clock.Advance(time.Minute + time.Second)
					suite.Visit(w, token)
					revised(w, token, int64(round+1))
					if !alive(w, old) || !alive(w, w.Key("ci")) || w.Key("ci") == old {
						t.Fatalf(
							"round %d: the old key works: %v, the new one: %v",
							round,
							alive(w, old),
							alive(w, w.Key("ci")),
						)
					}
					clock.Advance(5 * time.Minute)
					suite.Visit(w, token)
					dead(w, old)
					suite.Until(
						w,
						token,
						"the overlap's end",
						func(metav1.Condition) bool { return len(token.Status.Superseded) == 0 },
					)
				}
			})
		}
	}
}

// checkRotationTime compares a token's status with Grafana's token: it is rotated a third of its life before it ends,
// and up to a fifteenth, a tenth of the rest, earlier.
func checkRotationTime(w *suite.World, token *v1alpha1.ServiceAccountToken, ttl time.Duration) {
	w.T.Helper()
	made := suite.Find(
		w.Grafana.Tokens(orgOf(w, "team")),
		func(t grafanatest.Tok) bool { return t.ID == token.Status.TokenID },
	)
	if made == nil || made.Expires == nil || made.Expires.Sub(made.Created) != ttl {
		w.T.Fatalf("token: %+v", made)
	}
	status := token.Status
	if status.ExpiresAt == nil || status.NextRotation == nil || !status.ExpiresAt.Time.Equal(*made.Expires) {
		w.T.Fatalf("status: %+v; it expires at %v", status, made.Expires)
	}
	before := status.ExpiresAt.Sub(status.NextRotation.Time)
	if before < ttl/3 || before > ttl/3+ttl/15+time.Second {
		w.T.Errorf("it is to be rotated %s before its end", before)
	}
}

// Tokens made together are not rotated together.
func TestAPITokenRotationsAreSpread(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	suite.Ready(w, w.Account("robot", "team"))
	const tokens, interval = 100, 20 * 24 * time.Hour
	var all []*v1alpha1.ServiceAccountToken
	for i := range tokens {
		all = append(all, w.Token(fmt.Sprintf("ci-%d", i), "robot", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.TTL, o.Spec.Rotation = duration(
				interval*3/2,
			), &v1alpha1.TokenRotation{
				Before: duration(interval / 2),
			}
		}))
	}
	var in [10]int // in each tenth of the tenth of the interval
	for _, token := range all {
		suite.Ready(w, token)
		early := token.Status.ExpiresAt.Sub(token.Status.NextRotation.Time) - interval/2
		if early < 0 || early > interval/10 {
			t.Fatalf("%s is rotated %s too early, of an interval of %s", token.Name, early, interval)
		}
		in[min(9, early*100/interval)]++
	}
	spread := 0
	for _, n := range in {
		if n > 0 {
			spread++
		}
		if n > tokens*2/5 {
			t.Errorf("%d of %d tokens are rotated in a hundredth of the interval: %v", n, tokens, in)
		}
	}
	if spread < 8 {
		t.Errorf("the rotations are not spread: %v", in)
	}
}
