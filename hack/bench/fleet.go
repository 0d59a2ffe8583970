package main

import (
	"context"
	"fmt"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

const (
	ordinary = 8 << 10          // the size of a dashboard where size is not the subject
	calm     = 20 * time.Second // without a request is the end of what follows a restart
	resync   = 10 * time.Minute // the default; what is left to compare after a restart is spread over it
)

// fleet has many organizations come to be, with dashboards in them, and restarts the operator.
func (b *bench) fleet(ctx context.Context) error {
	const creation, rest = `^(requests-per|converge|kube-)`, `^(restart|idle)-`
	if !b.report.wants(creation + "|" + rest) {
		return nil
	}
	return b.within(
		ctx,
		setting{grafana: openGrafana, orgs: b.orgs, size: ordinary},
		func(ctx context.Context, w *world) error {
			w.front.reset()
			b.progress("creating %d organizations", w.orgs)
			if err := w.applyOrgs(ctx); err != nil {
				return err
			}
			b.report.row("requests-per-organization", float64(w.front.counted().requests)/float64(w.orgs))
			if err := b.converge(ctx, w); err != nil || !b.report.wants(rest) {
				return err
			}
			return b.restart(ctx, w)
		},
	)
}

// converge creates the dashboards, and the same ones by a bare loop.
func (b *bench) converge(ctx context.Context, w *world) error {
	var bare time.Duration
	if b.report.wants("^converge-ratio$") {
		b.progress("saving %d dashboards in a bare loop", b.dashboards)
		var err error
		if bare, err = b.bareLoop(ctx, w); err != nil {
			return fmt.Errorf("the bare loop: %w", err)
		}
	}
	before, err := w.kubeWrites(ctx)
	if err != nil {
		return err
	}
	b.progress("creating %d dashboards", b.dashboards)
	w.front.reset()
	if err := w.applyDashboards(ctx, 0, b.dashboards); err != nil {
		return err
	}
	end, asked := time.Now(), w.front.counted()
	after, err := w.kubeWrites(ctx)
	if err != nil {
		return err
	}
	n := float64(b.dashboards)
	if bare != 0 {
		took := end.Sub(asked.firstSave)
		b.progress("the operator took %.1f s, the bare loop %.1f s", took.Seconds(), bare.Seconds())
		b.report.row("converge-ratio", took.Seconds()/bare.Seconds())
	}
	b.report.row("requests-per-dashboard", float64(asked.requests)/n)
	b.report.row("kube-writes-per-dashboard", float64(after.objects-before.objects)/n)
	b.report.row("kube-events-per-dashboard", float64(after.events-before.events)/n)
	return nil
}

// bareLoop saves the same dashboards one after the other, as many as the operator saves at once, in as many
// organizations, which are there already. It is timed as the operator is, from the first save that reaches Grafana on.
func (b *bench) bareLoop(ctx context.Context, w *world) (time.Duration, error) {
	c, err := w.connect()
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ctx) }() // the session expires by itself, too
	ids := make([]int64, w.orgs)
	for i := range ids {
		if ids[i], err = c.CreateOrg(ctx, w.org(i)+" bare"); err != nil {
			return 0, err
		}
	}
	w.front.reset()
	for i := range b.dashboards {
		save := grafana.SaveDashboard{Model: []byte(content(w.seed, i, w.size)), Message: "Saved by a bare loop"}
		if _, err := c.Org(ids[i%w.orgs]).SaveDashboard(ctx, save); err != nil {
			return 0, err
		}
	}
	return time.Since(w.front.counted().firstSave), nil
}

// restart restarts the operator with nothing changed, and watches it at rest.
func (b *bench) restart(ctx context.Context, w *world) error {
	if err := w.front.quiet(ctx, calm, resync); err != nil {
		return err
	}
	b.progress("restarting the operator")
	w.stop()
	w.front.reset()
	before, err := w.kubeWrites(ctx)
	if err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return err
	}
	if err := w.front.quiet(ctx, calm, resync+resync/10); err != nil {
		return err
	}
	restarted, err := w.kubeWrites(ctx)
	if err != nil {
		return err
	}
	b.report.row("restart-requests-per-organization", float64(w.front.counted().requests)/float64(w.orgs))
	b.report.row("restart-kube-writes", float64(restarted.objects-before.objects))
	if !b.report.wants("^idle-") {
		return nil
	}
	b.progress("watching it at rest for %s", b.idle)
	w.front.reset()
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	asked := w.front.counted()
	rested, err := w.kubeWrites(ctx)
	if err != nil {
		return err
	}
	b.report.row("idle-writes", float64(asked.writes))
	b.report.row("idle-kube-writes", float64(rested.objects-restarted.objects))
	b.report.row("idle-requests-per-organization", float64(asked.requests)/float64(w.orgs))
	return nil
}
