package connection

import (
	"context"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// dashboardLists are lists of all dashboards of an organization without their content. One serves all Dashboards that
// are looked at at about the same time, instead of a request for each.
type dashboardLists struct {
	mu  sync.Mutex
	all map[int64]*dashboardList
}

// dashboardList is the last list of one organization. Its lock is held while it is made, so that all wait for the same
// one.
type dashboardList struct {
	mu          sync.Mutex
	begun       time.Time
	session     string
	found       map[string]grafana.DashboardMeta // nil: there is none
	saves       int                              // how many saves went by it
	notYet      time.Time                        // until when Grafana is not asked for one again
	singleReads int                              // how many have asked for their own dashboard since
	since       time.Time
}

// ListUse is what somebody wants the list of dashboards for.
type ListUse int

const (
	// ToLook is for those whom some change brings: what somebody has just done in Grafana is to be seen.
	ToLook ListUse = iota
	// ToSave is for those who save under the version on the list. Grafana refuses that if it is another one by now.
	ToSave
	// ToResync is for those whose resync is due, which they all are at once.
	ToResync
)

// life is how old the list is at most.
func (u ListUse) life() time.Duration {
	if u == ToLook {
		return listLife
	}
	return dueListLife
}

const (
	// dueListLife is how long a list serves those that are due, which they are all at once.
	dueListLife = 20 * time.Second
	// listLife is how long a list serves those whom some change brings, and maxSingleReads how many of them ask for
	// their own dashboard before there is one.
	listLife       = 5 * time.Second
	maxSingleReads = 3
	// unsupportedListPause is how long Grafana is not asked for a list again that it does not make, and failedListPause
	// for one that failed: others ask for their own dashboard meanwhile, instead of waiting for one failure after the
	// other.
	unsupportedListPause = 10 * time.Minute
	failedListPause      = time.Minute
)

func (s *dashboardLists) of(org int64) *dashboardList {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[int64]*dashboardList{}
	}
	if s.all[org] == nil {
		s.all[org] = &dashboardList{}
	}
	return s.all[org]
}

// ListOfDashboards lists the dashboards of an organization, or brings the list that others have just made. nil: ask for
// the one dashboard.
func (c *Conn) ListOfDashboards(
	ctx context.Context, org *grafana.OrgClient, use ListUse,
) (map[string]grafana.DashboardMeta, error) {
	version := c.DashboardAPIServed()
	if version == "" {
		return nil, nil
	}
	s := c.dashboardLists.of(org.ID())
	s.mu.Lock()
	defer s.mu.Unlock()
	now, session := c.Clock(), c.SessionID()
	serves := s.found != nil && s.session == session && now.Sub(s.begun) < use.life()
	switch {
	case now.Before(s.notYet):
		return nil, nil
	case s.fewReaders(now, use):
		return nil, nil
	case serves:
		s.countSave(use)
		return s.found, nil
	}
	list, err := org.ListDashboards(ctx, version)
	if grafana.IsNoList(err) {
		s.found, s.notYet = nil, now.Add(unsupportedListPause)
		return nil, nil
	}
	if err != nil {
		s.notYet = c.Clock().Add(failedListPause)
		return nil, err
	}
	s.begun, s.session, s.saves, s.found = now, session, 0, make(map[string]grafana.DashboardMeta, len(list))
	for _, d := range list {
		s.found[d.UID] = d
	}
	s.countSave(use)
	return s.found, nil
}

func (s *dashboardList) countSave(use ListUse) {
	if use == ToSave {
		s.saves++
	}
}

// fewReaders counts those who are not due, and reports whether they are still few. A list that was made for saves
// serves further ones, and where many went by it, more are to come.
func (s *dashboardList) fewReaders(now time.Time, use ListUse) bool {
	age := now.Sub(s.begun)
	if use == ToResync ||
		use == ToSave && (s.saves > 0 && age < dueListLife || s.saves >= maxSingleReads && age < 2*dueListLife) {
		return false
	}
	if now.Sub(s.since) >= use.life() {
		s.since, s.singleReads = now, 0
	}
	s.singleReads++
	return s.singleReads <= maxSingleReads
}

// DashboardAPIServed is the version of /apis that lists dashboards; empty: there is none.
func (c *Conn) DashboardAPIServed() string {
	for _, version := range c.DashboardAPIs() {
		return version
	}
	return ""
}

// DashboardAPIs are the versions in which /apis has dashboards, as the last probe has found.
func (c *Conn) DashboardAPIs() []string {
	if versions := c.dashboardAPIs.Load(); versions != nil {
		return *versions
	}
	return nil
}

// SetDashboardAPIs notes what a probe has found.
func (c *Conn) SetDashboardAPIs(versions []string) { c.dashboardAPIs.Store(&versions) }
