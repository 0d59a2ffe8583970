package connection

import (
	"context"
	"maps"
	"sync"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// panelUses remember which library panels the dashboards of an organization refer to, each as it was when it was read,
// so that who looks before a deletion reads only what has changed since.
type panelUses struct {
	mu  sync.Mutex
	all map[int64]*orgPanelUses
}

// orgPanelUses are those of one organization. One at a time looks at them, so that nobody reads what another one is
// reading.
type orgPanelUses struct {
	turn   chan struct{} // has something in it while somebody looks
	origin origin
	looked time.Time
	of     map[string]panelUse // by the dashboard's uid
}

type panelUse struct {
	as     grafana.DashboardMeta // it was when it was read
	panels []string
}

// panelUsesLife is how long is remembered what nobody looks at any more: some resyncs.
const panelUsesLife = time.Hour

func (s *panelUses) of(org int64) *orgPanelUses {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[int64]*orgPanelUses{}
	}
	if s.all[org] == nil {
		s.all[org] = &orgPanelUses{turn: make(chan struct{}, 1)}
	}
	return s.all[org]
}

func (s *panelUses) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for org, o := range s.all {
		select {
		case o.turn <- struct{}{}:
			if now.Sub(o.looked) >= panelUsesLife {
				delete(s.all, org)
			}
			<-o.turn
		default:
		}
	}
}

// mostUnread is how many dashboards may not be read before nobody asks for more.
const mostUnread = 10

// PanelUsers are the uids of the dashboards of an organization at this moment that refer to library panels, by the uids
// of these, which panelsIn finds in a content. It looks into the contents, since what Grafana 12 says of who uses a
// panel leaves out every dashboard in schema v2. Of those that are in unread, why is told there.
func (c *Conn) PanelUsers(
	ctx context.Context, org *grafana.OrgClient, panelsIn func(content []byte) []string,
) (users map[string][]string, unread map[string]error, err error) {
	o := c.panelUses.of(org.ID())
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	origin, now := c.origin(), c.Clock()
	all, err := c.dashboardsNow(ctx, org)
	if err != nil {
		return nil, nil, err
	}
	if o.of == nil || o.origin != origin || origin.session == "" {
		o.of = map[string]panelUse{}
	}
	o.origin, o.looked = origin, now
	users, unread = map[string][]string{}, map[string]error{}
	there := make(map[string]bool, len(all))
	for _, d := range all {
		there[d.UID] = true
		use, known := o.of[d.UID]
		if !known || use.as != d || d.ResourceVersion == "" {
			use = panelUse{as: d}
			_, err := org.ReadDashboard(ctx, d.UID, func(content []byte) { use.panels = panelsIn(content) })
			if grafana.IsNotFound(err) {
				delete(o.of, d.UID)
				continue
			}
			if err != nil && (len(unread) == mostUnread || concernsAll(ctx, err)) {
				return nil, nil, err
			}
			if err != nil {
				unread[d.UID] = err
				continue
			}
		}
		o.of[d.UID] = use
		for _, uid := range use.panels {
			users[uid] = append(users[uid], d.UID)
		}
	}
	maps.DeleteFunc(o.of, func(uid string, _ panelUse) bool { return !there[uid] })
	return users, unread, nil
}

// concernsAll reports whether an error is not about one dashboard.
func concernsAll(ctx context.Context, err error) bool {
	switch grafana.VerdictOf(err) {
	case grafana.NoAnswer, grafana.Untrusted, grafana.RateLimited, grafana.Unauthorized, grafana.Other:
		return true
	}
	return ctx.Err() != nil
}

// dashboardsNow are all dashboards of an organization at this moment. Where /apis does not list them the search does,
// which may lag behind on Grafana 12, and tells no more than the uids.
func (c *Conn) dashboardsNow(ctx context.Context, org *grafana.OrgClient) ([]grafana.DashboardMeta, error) {
	if version := c.DashboardAPIServed(); version != "" {
		if all, err := org.ListDashboards(ctx, version); !grafana.IsNoList(err) {
			return all, err
		}
	}
	hits, err := org.Search(ctx, "dash-db")
	all := make([]grafana.DashboardMeta, len(hits))
	for i, h := range hits {
		all[i] = grafana.DashboardMeta{UID: h.UID}
	}
	return all, err
}
