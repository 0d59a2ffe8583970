package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	atMostLarge = 29 * time.Minute // of the 30; the last one is for taking all down
	resyncLarge = 5 * time.Minute
)

var errOutOfTime = errors.New("time is up: this is bounded to 30 minutes")

// large has very many organizations and dashboards come to be all at once, and restarts the operator.
func (b *bench) large(ctx context.Context) error {
	ctx, cancel := context.WithDeadlineCause(ctx, b.began.Add(atMostLarge), errOutOfTime)
	defer cancel()
	return b.within(
		ctx,
		setting{grafana: b.profile.open, orgs: b.orgs, size: ordinary, resync: resyncLarge},
		func(ctx context.Context, w *world) error {
			b.progress("making %d organizations and saving %d dashboards in a bare loop", w.orgs, b.dashboards)
			bare, _, err := b.bareLoop(ctx, w, b.dashboards)
			if err != nil {
				return fmt.Errorf("the bare loop: %w", err)
			}
			b.progress("creating %d organizations and %d dashboards", w.orgs, b.dashboards)
			start := time.Now()
			if err := w.createOrgs(ctx); err != nil {
				return err
			}
			if err := w.createDashboards(ctx, 0, b.dashboards); err != nil {
				return err
			}
			b.progress("all are there, and become Ready")
			if err := w.await(ctx, "organizations", w.orgs); err != nil {
				return err
			}
			if err := w.await(ctx, "dashboards", b.dashboards); err != nil {
				return err
			}
			took := time.Since(start)
			b.progress("the operator took %.1f s, the bare loop %.1f s", took.Seconds(), bare.Seconds())
			b.report.row("scale-ratio", took.Seconds()/bare.Seconds())
			b.report.row("scale-dashboards-per-second", float64(b.dashboards)/took.Seconds())
			if err := b.weighLarge(ctx, w, "scale"); err != nil {
				return err
			}
			return b.restartLarge(ctx, w)
		},
	)
}

func (b *bench) weighLarge(ctx context.Context, w *world, row string) error {
	have, err := w.settle(ctx)
	if err != nil {
		return err
	}
	b.report.row(row+"-peak", have.peak)
	b.report.row(row+"-rest", have.rest)
	return nil
}

// restartLarge watches the operator after a restart for as long as it takes until all has been looked at again.
func (b *bench) restartLarge(ctx context.Context, w *world) error {
	if err := b.restartUntilQuiet(ctx, w, "scale-restart", resyncLarge); err != nil {
		return err
	}
	b.report.row("scale-restart-writes", float64(w.front.counted().writes))
	return b.weighLarge(ctx, w, "scale-restart")
}
