package main

import (
	"context"
	"time"

	"grafana-tenancy.dev/operator/hack/internal/local"
)

// single has all dashboards in one organization, which are compared with Grafana as often as may be, and then Grafana
// down for a minute.
func (b *bench) single(ctx context.Context) error {
	if !b.report.wants("^(resync-requests-per-500$|outage-)") {
		return nil
	}
	const often = 30 * time.Second // no resync interval may be shorter
	return b.within(
		ctx,
		setting{grafana: b.profile.open, orgs: 1, size: ordinary, resync: often},
		func(ctx context.Context, w *world) error {
			b.progress("creating %d dashboards in one organization", b.dashboards)
			if err := w.applyOrgs(ctx); err != nil {
				return err
			}
			if err := w.applyDashboards(ctx, 0, b.dashboards); err != nil {
				return err
			}
			b.progress("watching four resync intervals")
			if err := w.watchResyncs(ctx, 4, often); err != nil {
				return err
			}
			// an interval is up to a tenth shorter than it says, so that as many can begin in this time
			const rounds = 5
			pages := (b.dashboards + 499) / 500
			b.report.row("resync-requests-per-500", float64(w.front.counted().dashboards)/float64(rounds*pages))
			if !b.report.wants("^outage-") {
				return nil
			}
			return b.outage(ctx, w)
		},
	)
}

// outage takes Grafana down for a minute.
func (b *bench) outage(ctx context.Context, w *world) error {
	b.progress("Grafana is down for a minute")
	w.front.goDown()
	if err := pause(ctx, time.Minute); err != nil {
		return err
	}
	missing, err := b.notReady(ctx, w)
	if err != nil {
		return err
	}
	attempts, back := w.front.comeBack(), time.Now()
	burst := 0
	for _, at := range attempts {
		if at.Sub(attempts[0]) < time.Second {
			burst++
		}
	}
	b.progress("Grafana is back")
	w.front.reset()
	err = local.Poll(ctx, patience, func(ctx context.Context) (bool, error) {
		left, err := b.notReady(ctx, w)
		return left == 0 && w.front.counted().requests > 0, err
	})
	if err != nil {
		return err
	}
	b.report.row("outage-burst", float64(burst))
	b.report.row("outage-probes", float64(len(attempts)-burst))
	b.report.row("outage-not-ready", float64(missing))
	b.report.row("outage-recovery", time.Since(back).Minutes()/2)
	return nil
}

// notReady counts the objects that are not Ready.
func (b *bench) notReady(ctx context.Context, w *world) (int, error) {
	left := b.dashboards + w.orgs + 1
	for _, resource := range []string{"instances", "organizations", "dashboards"} {
		n, err := w.ready(ctx, resource)
		if err != nil {
			return 0, err
		}
		left -= n
	}
	return left, nil
}

// watchResyncs counts requests for so many resync intervals.
func (w *world) watchResyncs(ctx context.Context, intervals int, often time.Duration) error {
	if err := pause(ctx, often); err != nil { // the first one still has the traces of the creation
		return err
	}
	w.front.reset()
	return pause(ctx, time.Duration(intervals)*often)
}
