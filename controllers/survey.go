package controllers

import (
	"context"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// surveys are lists of all dashboards of an organization without their content. One serves all Dashboards that are looked at at about the same time, instead of a request for each.
type surveys struct {
	mu  sync.Mutex
	all map[int64]*survey
}

// survey is the last list of one organization. Its lock is held while it is made, so that all wait for the same one.
type survey struct {
	mu      sync.Mutex
	begun   time.Time
	session string
	found   map[string]grafana.DashboardMeta // nil: there is none
	notYet  time.Time                        // until when Grafana is not asked for one again, which it could not make
	alone   int                              // how many have asked for their own dashboard since
	since   time.Time
}

const (
	// surveyLife is how long a list serves those that are due, which they are all at once.
	surveyLife = 20 * time.Second
	// moment is how long a list serves those whom some change brings, and aFew how many of them ask for their own dashboard before there is one.
	moment = 5 * time.Second
	aFew   = 3
	// surveyRetry is how long Grafana is not asked for a list again that it does not make, and surveyPause for one that failed: others ask for their own dashboard meanwhile, instead of waiting for one
	// failure after the other.
	surveyRetry = 10 * time.Minute
	surveyPause = time.Minute
)

func (s *surveys) of(org int64) *survey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[int64]*survey{}
	}
	if s.all[org] == nil {
		s.all[org] = &survey{}
	}
	return s.all[org]
}

// survey lists the dashboards of an organization, or brings the list that others have just made. nil: ask for the one dashboard.
func (c *Connection) survey(ctx context.Context, org *grafana.OrgClient, due bool) (map[string]grafana.DashboardMeta, error) {
	version := c.dashboardAPI.Load()
	if version == nil || *version == "" {
		return nil, nil
	}
	s := c.surveys.of(org.ID())
	s.mu.Lock()
	defer s.mu.Unlock()
	now, session := c.now(), c.SessionID()
	age := now.Sub(s.begun)
	switch {
	case now.Before(s.notYet), !due && s.few(now):
		return nil, nil
	case s.found != nil && s.session == session && (age < moment || due && age < surveyLife):
		return s.found, nil
	}
	list, err := org.ListDashboards(ctx, *version)
	if grafana.IsNoDashboardList(err) {
		s.found, s.notYet = nil, now.Add(surveyRetry)
		return nil, nil
	}
	if err != nil {
		s.notYet = c.now().Add(surveyPause)
		return nil, err
	}
	s.begun, s.session, s.found = now, session, make(map[string]grafana.DashboardMeta, len(list))
	for _, d := range list {
		s.found[d.UID] = d
	}
	return s.found, nil
}

// few counts those who are not due, and reports whether they are still few.
func (s *survey) few(now time.Time) bool {
	if now.Sub(s.since) >= moment {
		s.since, s.alone = now, 0
	}
	s.alone++
	return s.alone <= aFew
}

// dashboards is the version of /apis that lists dashboards; empty: there is none.
func (c *Connection) dashboards() string {
	if version := c.dashboardAPI.Load(); version != nil {
		return *version
	}
	return ""
}
