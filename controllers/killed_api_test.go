package controllers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// TestAPIKilled runs the operator as it is shipped, as a process, and kills it at chosen writes: before the write has
// gone out, and after it took effect but before the operator could know. The next process must bring everything to
// exactly one of each, with no key lost or left.
func TestAPIKilled(t *testing.T) {
	suite.NotOnReal(t, "the operator is killed at chosen requests")
	t.Parallel()
	binary := operator(t)
	bare := suite.Bare(t)
	for _, s := range deadlyScenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			newHaunt(t, bare, binary).play(s)
		})
	}
	t.Run("tells no key", func(t *testing.T) {
		t.Parallel()
		tellsNoKey(newHaunt(t, bare, binary))
	})
	t.Run("tells no key in a panic", func(t *testing.T) {
		t.Parallel()
		tellsNoKeyInPanic(newHaunt(t, bare, binary))
	})
}

const kubeconfigTo = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "%s"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
`

var numbers = regexp.MustCompile(`/\d+`)

// robot is a token with all that it needs.
type robot struct {
	org   *v1alpha1.Organization
	sa    *v1alpha1.ServiceAccount
	token *v1alpha1.ServiceAccountToken
}

// robot applies a tenant from nothing.
func (h *haunt) robot(name string, changes ...func(*v1alpha1.ServiceAccountToken)) *robot {
	h.T.Helper()
	return &robot{
		h.Organization("team-" + name),
		h.Account("robot-"+name, "team-"+name),
		h.Token("ci-"+name, "robot-"+name, changes...),
	}
}

// deadly is a change that the operator is killed over.
type deadly struct {
	name string
	// begin makes what must be there before the first change.
	begin func(h *haunt) *robot
	// renew makes what must be there before each change; nil: nothing.
	renew func(h *haunt, r *robot, i int)
	// change is what people do. It returns what fails until the operator is through with it.
	change func(h *haunt, r *robot, i int) (done func() error)
}

func deadlyScenarios() []deadly {
	nothing := func(*haunt) *robot { return nil }
	one := func(h *haunt) *robot {
		return h.robot("one", func(o *v1alpha1.ServiceAccountToken) {
			o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{}} // so that the old key goes at once
		})
	}
	always := func() error { return nil }
	return []deadly{
		{
			name: "a tenant from nothing", begin: nothing,
			change: func(h *haunt, _ *robot, i int) func() error {
				h.robot(fmt.Sprint(i))
				return always
			},
		},
		{
			name: "Secret deleted", begin: one,
			change: func(h *haunt, r *robot, _ int) func() error {
				h.Delete(h.Secret(r.token.SecretName()))
				return always // there must be one
			},
		},
		{
			name: "token and service account deleted", begin: one,
			renew: func(h *haunt, r *robot, i int) {
				r.sa = h.Account(fmt.Sprint("robot-", i), r.org.Name)
				r.token = h.Token(fmt.Sprint("ci-", i), r.sa.Name)
			},
			change: func(h *haunt, r *robot, _ int) func() error {
				h.Delete(r.sa, r.token)
				return func() error {
					if err := h.Client.Get(
						h.T.Context(),
						client.ObjectKeyFromObject(r.sa),
						r.sa,
					); !apierrors.IsNotFound(
						err,
					) {
						return fmt.Errorf("ServiceAccount %s: %+v (%w)", r.sa.Name, r.sa.Status, err)
					}
					return nil
				}
			},
		},
		{
			name: "key rotated", begin: one,
			change: func(h *haunt, r *robot, i int) func() error {
				before := h.Key(r.token.SecretName())
				suite.Change(
					h.World,
					r.token,
					func() { r.token.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint(i)} },
				)
				return func() error {
					if _, _, _, alive := h.Grafana.KeyAlive(before); alive {
						return errors.New("the old key lives")
					}
					return nil
				}
			},
		},
		{
			name: "Secret renamed", begin: one,
			change: func(h *haunt, r *robot, i int) func() error {
				before, keys := h.Key(r.token.SecretName()), len(h.Grafana.Keys())
				suite.Change(h.World, r.token, func() { r.token.Spec.Secret.Name = fmt.Sprint("secret-", i) })
				return func() error {
					if _, _, _, alive := h.Grafana.KeyAlive(before); !alive || len(h.Grafana.Keys()) != keys {
						h.T.Fatal("another key was made, where the old one was to move")
					}
					return nil
				}
			},
		},
		{
			name: "type of the Secret changed", begin: one,
			change: func(h *haunt, r *robot, i int) func() error {
				kind := fmt.Sprint("example.com/", i)
				suite.Change(h.World, r.token, func() { r.token.Spec.Secret.Type = kind })
				return func() error {
					var s corev1.Secret
					if err := h.Client.Get(
						h.T.Context(),
						client.ObjectKey{Namespace: h.NS, Name: r.token.SecretName()},
						&s,
					); err != nil ||
						string(s.Type) != kind {
						return fmt.Errorf("the Secret is of type %q (%w)", s.Type, err)
					}
					return nil
				}
			},
		},
	}
}

// play plays a scenario once unharmed, to see which writes there are, and then once for each moment of a sample of
// them.
func (h *haunt) play(s deadly) {
	h.start()
	r := s.begin(h)
	once := func(i int, target *listLife) bool {
		if s.renew != nil {
			s.renew(h, r, i)
		}
		h.settle("before", func() error { return nil })
		h.begin(target)
		done := s.change(h, r, i)
		killed := target != nil && h.struck(done)
		if killed {
			h.start()
		}
		h.settle(target.String(), done)
		return killed
	}
	once(0, nil)
	moments, kills := sample(h.noted()), 0
	for i, m := range moments {
		if once(i+1, m) {
			kills++
		}
	}
	h.T.Logf("killed %d times; to be killed %v", kills, moments)
	if kills < 3 || kills < len(moments)/2 {
		h.T.Error("that tests too little")
	}
}

// sample picks moments from the writes of an unharmed run: all around a key, those after which only Grafana knows what
// was created, and some of the others.
func sample(writes []string) (moments []*listLife) {
	count := map[string]int{}
	for i, write := range writes {
		count[write]++
		aboutKeys := strings.HasSuffix(write, "secrets") ||
			strings.HasPrefix(write, "grafana") && strings.Contains(write, "/tokens")
		for j, after := range []bool{false, true} {
			created := after && strings.HasPrefix(write, "grafana: POST")
			if aboutKeys || created || (2*i+j)%7 == 1 {
				moments = append(moments, &listLife{write, count[write], after})
			}
		}
	}
	return moments
}

// struck waits until the operator has been killed. It is false if all is done without: not every run has the same
// writes.
func (h *haunt) struck(done func() error) bool {
	h.T.Helper()
	struck := true
	h.Eventually("the kill", func() error {
		select {
		case <-h.hit:
			return nil
		default:
		}
		if err := h.settled(done); err != nil {
			return err
		}
		struck = !h.pending()
		return nil
	})
	if struck {
		<-h.hit
	}
	return struck
}

// settle waits until the operator is through with all there is.
func (h *haunt) settle(when string, done func() error) {
	h.T.Helper()
	h.Eventually(when, func() error { return h.settled(done) })
}

// settled fails unless everything is Ready and in Grafana exactly once, and every live key is in its Secret and works.
func (h *haunt) settled(done func() error) error {
	if c := h.process(); c != nil && c.ended() {
		return errors.New("the operator has ended")
	}
	if err := done(); err != nil {
		return err
	}
	for _, obj := range h.Objects(h.T.Context(), h.NS) {
		if !suite.IsTrue(obj, v1alpha1.ConditionReady) ||
			obj.CommonStatus().ObservedGeneration != obj.GetGeneration() ||
			!obj.GetDeletionTimestamp().IsZero() {
			return fmt.Errorf("%T %s: %+v", obj, obj.GetName(), obj.CommonStatus().Conditions)
		}
	}
	return errors.Join(h.exactAccounts(), h.exactTokens())
}

// exactAccounts fails unless Grafana has the organizations and service accounts of the objects, and no others.
func (h *haunt) exactAccounts() error {
	wanted, found := map[string]int{"org 1 Main Org.": 1}, map[string]int{}
	for _, obj := range h.Objects(h.T.Context(), h.NS) {
		switch o := obj.(type) {
		case *v1alpha1.Organization:
			wanted[fmt.Sprint("org ", o.Status.OrgID, " ", o.WantedName())]++
		case *v1alpha1.ServiceAccount:
			wanted[fmt.Sprint("account ", o.Status.OrgID, " ", o.Status.ID, " ", o.WantedName())]++
		}
	}
	for _, org := range h.Grafana.Orgs() {
		found[fmt.Sprint("org ", org.ID, " ", org.Name)]++
		for _, sa := range h.Grafana.ServiceAccounts(org.ID) {
			found[fmt.Sprint("account ", org.ID, " ", sa.ID, " ", sa.Name)]++
		}
	}
	if diff := cmp.Diff(wanted, found); diff != "" {
		return fmt.Errorf("in Grafana (-want +got):\n%s", diff)
	}
	return nil
}

// exactTokens fails unless each token object has one token in Grafana, whose key is in its Secret and works, and there
// are no others.
func (h *haunt) exactTokens() error {
	var list corev1.SecretList
	if err := h.Client.List(
		h.T.Context(),
		&list,
		client.InNamespace(h.NS),
		client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
	); err != nil {
		return err
	}
	held, keys := map[string]string{}, map[string]bool{}
	for _, s := range list.Items {
		held[s.Name] = string(s.Data["token"])
		keys[string(s.Data["token"])] = true
	}
	tokens := 0
	for _, obj := range h.Objects(h.T.Context(), h.NS) {
		o, ok := obj.(*v1alpha1.ServiceAccountToken)
		if !ok {
			continue
		}
		tokens++
		if org, _, id, alive := h.Grafana.KeyAlive(
			held[o.SecretName()],
		); !alive || id != o.Status.TokenID ||
			!h.works(held[o.SecretName()], org) {
			return fmt.Errorf("the key of %s is of token %d, alive: %v; status %+v", o.Name, id, alive, o.Status)
		}
	}
	inGrafana := 0
	for _, org := range h.Grafana.Orgs() {
		inGrafana += len(h.Grafana.Tokens(org.ID))
	}
	if len(list.Items) != tokens || inGrafana != tokens {
		return fmt.Errorf("%d tokens have %d Secrets, and Grafana has %d", tokens, len(list.Items), inGrafana)
	}
	for _, key := range h.Grafana.Keys() {
		if _, _, id, alive := h.Grafana.KeyAlive(key); alive && !keys[key] {
			return fmt.Errorf("the key of token %d lives, and no Secret holds it", id)
		}
	}
	return nil
}

// works reports whether Grafana lets the key into the organization.
func (h *haunt) works(key string, org int64) bool {
	r, err := http.NewRequestWithContext(h.T.Context(), http.MethodGet, h.Grafana.URL+"/api/org", nil)
	if err != nil {
		h.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var of struct{ ID int64 }
	return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(&of) == nil && of.ID == org
}
