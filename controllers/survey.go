package controllers

import (
	"context"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// surveys are lists of all dashboards of an organization without their content. One serves all Dashboards that are looked at in the same beat, instead of a request for each.
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
	failed  time.Time                        // when Grafana last could not make one
	alone   int                              // how many have asked for their own dashboard since
	since   time.Time
}

const (
	// moment is how long a list serves those whom some change brings, all at about the same time.
	moment = 5 * time.Second
	// aFew is how many of these ask for their own dashboard before a list of all is made.
	aFew = 3
	// surveyRetry is how long Grafana is not asked for a list again that it could not make.
	surveyRetry = 10 * time.Minute
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

// survey lists the dashboards of an organization, or brings the list that others have made in this beat. nil: ask for the one dashboard.
func (c *Connection) survey(ctx context.Context, org *grafana.OrgClient, beat time.Time, interval time.Duration) (map[string]grafana.DashboardMeta, error) {
	version := c.dashboardAPI.Load()
	if version == nil || *version == "" {
		return nil, nil
	}
	s := c.surveys.of(org.ID())
	s.mu.Lock()
	defer s.mu.Unlock()
	now, session := c.now(), c.SessionID()
	inBeat := now.Sub(beat) < interval/4
	switch {
	case s.found != nil && s.session == session && (now.Sub(s.begun) < moment || inBeat && !s.begun.Before(beat)):
		return s.found, nil
	case now.Sub(s.failed) < surveyRetry, !inBeat && s.few(now):
		return nil, nil
	}
	list, err := org.ListDashboards(ctx, *version)
	if err != nil {
		s.found, s.failed = nil, now
		return nil, answeredOnly(err)
	}
	s.begun, s.session, s.found = now, session, make(map[string]grafana.DashboardMeta, len(list))
	for _, d := range list {
		s.found[d.UID] = d
	}
	return s.found, nil
}

// few counts those who come outside of a beat, and reports whether they are still few.
func (s *survey) few(now time.Time) bool {
	if now.Sub(s.since) >= moment {
		s.since, s.alone = now, 0
	}
	s.alone++
	return s.alone <= aFew
}

// answeredOnly is nil if Grafana has answered with something that concerns the list alone: then each dashboard is asked for.
func answeredOnly(err error) error {
	if grafana.IsUnauthorized(err) || grafana.IsRateLimited(err) || !grafana.IsAnswered(err) {
		return err
	}
	return nil
}

// beat is the last moment at which all that share the text were due, which is once an interval.
func beat(text string, interval time.Duration, now time.Time) time.Time {
	return now.Add(-time.Duration((now.UnixNano() - int64(spread(text, interval))) % int64(interval)))
}
