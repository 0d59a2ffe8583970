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
)

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// tokenOf applies an organization, a service account and a token, and waits until the token is Ready.
func (w *world) tokenOf(changes ...func(*v1alpha1.ServiceAccountToken)) *v1alpha1.ServiceAccountToken {
	w.t.Helper()
	w.organization("team")
	w.account("robot", "team")
	return ready(w, w.token("ci", "robot", changes...))
}

// rotate asks for another key.
func (w *world) rotate(token *v1alpha1.ServiceAccountToken, wish string) {
	w.t.Helper()
	change(w, token, func() { metav1.SetMetaDataAnnotation(&token.ObjectMeta, v1alpha1.AnnotationRotate, wish) })
}

// revised waits until a revision is the live one, and Ready.
func revised(w *world, token *v1alpha1.ServiceAccountToken, revision int64) *v1alpha1.ServiceAccountToken {
	w.t.Helper()
	return until(w, token, fmt.Sprintf("revision %d", revision), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionTrue && token.Status.Revision == revision
	})
}

func (w *world) alive(key string) bool {
	_, _, _, alive := w.grafana.KeyAlive(key)
	return alive
}

// dead waits until a key is refused.
func (w *world) dead(key string) {
	w.t.Helper()
	w.eventually("the old key's end", func() error {
		if w.alive(key) {
			return errors.New("it still works")
		}
		return nil
	})
}

// rests checks that visits to a token change nothing, and that there are so many keys and no more.
func (w *world) rests(token *v1alpha1.ServiceAccountToken, keys int) {
	w.t.Helper()
	w.visitTwice(token, w.tokensPath(token))
	if all := w.grafana.Keys(); len(all) != keys {
		w.t.Errorf("%d keys were made, not %d", len(all), keys)
	}
}

// states records each state of a token from now on. What it returns ends the recording with the state that the token
// has then.
func (w *world) states(token *v1alpha1.ServiceAccountToken) func() []v1alpha1.ServiceAccountToken {
	w.t.Helper()
	c, err := client.NewWithWatch(w.config, client.Options{Scheme: w.scheme})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), reservationTimeout)
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: get(w, token).ResourceVersion}}
	seen, err := c.Watch(ctx, &v1alpha1.ServiceAccountTokenList{}, from, client.InNamespace(w.ns))
	if err != nil {
		w.t.Fatal(err)
	}
	return func() (states []v1alpha1.ServiceAccountToken) {
		w.t.Helper()
		defer cancel()
		last := get(w, token.DeepCopy()).ResourceVersion
		for e := range seen.ResultChan() {
			state, ok := e.Object.(*v1alpha1.ServiceAccountToken)
			if !ok {
				w.t.Fatalf("the watch ended: %+v", e.Object)
			}
			states = append(states, *state)
			if state.ResourceVersion == last {
				return states
			}
		}
		w.t.Fatal("the watch ended early")
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
			clock := newClock()
			w := newWorld(t, grafanatest.Options{Version: version, Now: clock.Now})
			token := w.tokenOf()
			first, id := w.key("ci"), token.Status.TokenID
			states := w.states(token)
			w.rotate(token, "1")
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
			w.checkOverlap(token, first, id)

			change(w, token, func() { delete(token.Annotations, v1alpha1.AnnotationRotate) })
			w.rests(token, 2)
			w.rotate(token, "1")
			w.rests(token, 2)

			secret := w.secret("ci")
			clock.advance(4 * time.Minute)
			w.rests(token, 2)
			if !w.alive(first) {
				t.Error("the old key was revoked before the overlap ended")
			}
			clock.advance(time.Minute)
			visit(w, token)
			w.dead(first)
			until(w, token, "the overlap's end", func(c metav1.Condition) bool {
				return c.Status == metav1.ConditionTrue && len(token.Status.Superseded) == 0
			})
			if now := w.secret("ci"); now.ResourceVersion != secret.ResourceVersion {
				t.Errorf("the Secret was written for nothing: %s", cmp.Diff(secret.ObjectMeta, now.ObjectMeta))
			}
			w.rests(token, 2)
			w.rotate(token, "2")
			revised(w, token, 3)
		})
	}
}

// checkOverlap checks a token that has just been rotated for the first time, with the default overlap.
func (w *world) checkOverlap(token *v1alpha1.ServiceAccountToken, first string, id int64) {
	w.t.Helper()
	second := w.key("ci")
	if first == second || !w.alive(first) || !w.alive(second) {
		w.t.Errorf(
			"another key: %v; the old one works: %v, the new one: %v",
			first != second,
			w.alive(first),
			w.alive(second),
		)
	}
	made := find(
		w.grafana.Tokens(orgOf(w, "team")),
		func(t grafanatest.Tok) bool { return t.ID == token.Status.TokenID },
	)
	if made == nil {
		w.t.Fatalf("Grafana has no token %d", token.Status.TokenID)
	}
	want := []v1alpha1.SupersededToken{{TokenID: id, RevokedAfter: metav1.NewTime(made.Created.Add(5 * time.Minute))}}
	if diff := cmp.Diff(want, token.Status.Superseded); diff != "" {
		w.t.Errorf("superseded (-want +got):\n%s", diff)
	}
	if token.Status.TokenName != made.Name || !w.proven(token) || token.Status.ExpiresAt != nil ||
		token.Status.NextRotation != nil {
		w.t.Errorf("status: %+v", token.Status)
	}
}

// Without overlap, the old key ends with the rotation.
func TestAPITokenRotatedWithoutOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf(
		func(o *v1alpha1.ServiceAccountToken) { o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: duration(0)} },
	)
	first := w.key("ci")
	w.rotate(token, "now")
	revised(w, token, 2)
	w.dead(first)
	w.rests(token, 2)
	if len(token.Status.Superseded) > 0 || !w.alive(w.key("ci")) {
		t.Errorf("superseded: %+v; the new key works: %v", token.Status.Superseded, w.alive(w.key("ci")))
	}
}

// What the Secret held before it was lost is not kept for an overlap: who deletes it wants every key of it dead.
func TestAPITokenLostWithinOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	token := w.tokenOf()
	first := w.key("ci")
	w.rotate(token, "now")
	revised(w, token, 2)
	second := w.key("ci")
	w.delete(w.secret("ci"))
	revised(w, token, 3)
	w.dead(first)
	w.dead(second)
	if !w.alive(w.key("ci")) {
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
				clock := newClock()
				clock.advance(skew)
				w := newWorld(t, grafanatest.Options{Now: clock.Now})
				token := w.tokenOf(func(o *v1alpha1.ServiceAccountToken) { o.Spec.TTL = duration(ttl) })
				for round := 1; round <= 3; round++ {
					w.checkRotationTime(token, ttl)
					w.rests(token, round)
					old := w.key("ci")
					clock.advance(token.Status.NextRotation.Sub(clock.Now()) - time.Minute)
					w.rests(token, round)
					clock.advance(time.Minute + time.Second)
					visit(w, token)
					revised(w, token, int64(round+1))
					if !w.alive(old) || !w.alive(w.key("ci")) || w.key("ci") == old {
						t.Fatalf(
							"round %d: the old key works: %v, the new one: %v",
							round,
							w.alive(old),
							w.alive(w.key("ci")),
						)
					}
					clock.advance(5 * time.Minute)
					visit(w, token)
					w.dead(old)
					until(
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
func (w *world) checkRotationTime(token *v1alpha1.ServiceAccountToken, ttl time.Duration) {
	w.t.Helper()
	made := find(
		w.grafana.Tokens(orgOf(w, "team")),
		func(t grafanatest.Tok) bool { return t.ID == token.Status.TokenID },
	)
	if made == nil || made.Expires == nil || made.Expires.Sub(made.Created) != ttl {
		w.t.Fatalf("token: %+v", made)
	}
	status := token.Status
	if status.ExpiresAt == nil || status.NextRotation == nil || !status.ExpiresAt.Time.Equal(*made.Expires) {
		w.t.Fatalf("status: %+v; it expires at %v", status, made.Expires)
	}
	before := status.ExpiresAt.Sub(status.NextRotation.Time)
	if before < ttl/3 || before > ttl/3+ttl/15+time.Second {
		w.t.Errorf("it is to be rotated %s before its end", before)
	}
}

// Tokens made together are not rotated together.
func TestAPITokenRotationsAreSpread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, grafanatest.Options{})
	w.organization("team")
	ready(w, w.account("robot", "team"))
	const tokens, interval = 100, 20 * 24 * time.Hour
	var all []*v1alpha1.ServiceAccountToken
	for i := range tokens {
		all = append(all, w.token(fmt.Sprintf("ci-%d", i), "robot", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.TTL, o.Spec.Rotation = duration(
				interval*3/2,
			), &v1alpha1.TokenRotation{
				Before: duration(interval / 2),
			}
		}))
	}
	var in [10]int // in each tenth of the tenth of the interval
	for _, token := range all {
		ready(w, token)
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
