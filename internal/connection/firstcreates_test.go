package connection

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// newAloneWorld is a connection that lets so many write at once.
func newAloneWorld(t *testing.T, writers int) (*Conn, *gateWorld) {
	t.Helper()
	client, err := grafana.New(grafana.Config{
		URL:       "http://grafana.test",
		BasicAuth: &grafana.BasicAuth{Username: "admin", Password: "admin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(client, Config{MaxReads: 1, MaxWrites: writers, Clock: time.Now}), newGateWorld(1, 1)
}

func TestTheFirstOfAKindInAnOrganizationIsMadeAlone(t *testing.T) {
	c, w := newAloneWorld(t, 8)
	parked := func(org int64, kind, name string) bool {
		done, err := c.FirstCreate(org, kind, w.ticket("team", name))
		if err == nil {
			done(false)
		}
		return errors.Is(err, ErrQueued)
	}
	first, err := c.FirstCreate(3, "Dashboard", w.ticket("team", "first"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"second", "second", "third"} {
		if !parked(3, "Dashboard", name) {
			t.Errorf("the %s of the kind is let in beside it", name)
		}
	}
	if parked(3, "Folder", "folder") || parked(4, "Dashboard", "elsewhere") {
		t.Error("another kind, or another organization, has to wait")
	}
	if first(false); len(w.take()) != 2 {
		t.Error("those who wait were not woken once each when it failed")
	}
	second, err := c.FirstCreate(3, "Dashboard", w.ticket("team", "second"))
	if err != nil || !parked(3, "Dashboard", "third") {
		t.Fatalf("after one that failed, the next is not the first: %v", err)
	}
	if second(true); !slices.Equal(w.take(), []string{"team/third"}) {
		t.Error("who waited was not woken when it was made")
	}
	for n := range 8 {
		if _, err := c.FirstCreate(3, "Dashboard", w.ticket("team", fmt.Sprint(n))); err != nil {
			t.Errorf("there is one, and number %d has to wait: %v", n, err)
		}
	}
}

// With one writer all are alone already.
func TestASoleWriterWaitsForNobody(t *testing.T) {
	c, w := newAloneWorld(t, 1)
	for n := range 2 {
		if _, err := c.FirstCreate(3, "Dashboard", w.ticket("team", fmt.Sprint(n))); err != nil {
			t.Error(err)
		}
	}
}
