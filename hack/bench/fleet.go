package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

const (
	ordinary = 8 << 10          // the size of a dashboard where size is not the subject
	calm     = 20 * time.Second // without a request is the end of what follows a restart
	resync   = 10 * time.Minute // the default; what is left to compare after a restart is spread over it
)

const (
	creation = `^(requests-per-(org|dash)|converge|dashboards-per|cpu-|kube-((writes|reads)-per-dash|events))`
	rest     = `^(restart|idle)-`
)

// fleet has many organizations come to be, with dashboards in them, and restarts the operator. With -compare the other
// build's operator does the same in turn, in a control plane of its own with its own CRDs.
func (b *bench) fleet(ctx context.Context) error {
	if !b.report.wants(creation + "|" + rest) {
		return nil
	}
	if b.compare == "" {
		return b.fleetOf(ctx, "", true)
	}
	for round := range b.rounds {
		last := round == b.rounds-1
		b.report.build = thisBuild
		if err := b.fleetOf(ctx, "", last); err != nil {
			return err
		}
		b.progress("the same with %s", b.compare)
		b.report.build = otherBuild
		if err := b.fleetOf(ctx, b.compare, last); err != nil {
			return fmt.Errorf("with %s: %w", b.compare, err)
		}
	}
	b.report.build = thisBuild
	return nil
}

func (b *bench) fleetOf(ctx context.Context, tree string, restarts bool) error {
	return b.within(
		ctx,
		setting{tree: tree, grafana: b.profile.open, orgs: b.orgs, size: ordinary},
		func(ctx context.Context, w *world) error {
			w.front.reset()
			b.progress("creating %d organizations", w.orgs)
			if err := w.applyOrgs(ctx); err != nil {
				return err
			}
			b.report.row("requests-per-organization", float64(w.front.counted().requests)/float64(w.orgs))
			if err := b.converge(ctx, w); err != nil || !restarts || !b.report.wants(rest) {
				return err
			}
			return b.restart(ctx, w)
		},
	)
}

// converge creates the dashboards, and the same ones by a bare loop.
func (b *bench) converge(ctx context.Context, w *world) error {
	var bare time.Duration
	if b.report.wants("^converge-(ratio|throughput)$") {
		b.progress("saving %d dashboards in a bare loop", b.dashboards)
		var err error
		if _, bare, err = b.bareLoop(ctx, w, b.dashboards); err != nil {
			return fmt.Errorf("the bare loop: %w", err)
		}
	}
	before, err := w.spent(ctx)
	if err != nil {
		return err
	}
	b.progress("creating %d dashboards", b.dashboards)
	w.front.reset()
	if err := w.applyDashboards(ctx, 0, b.dashboards); err != nil {
		return err
	}
	end, asked := time.Now(), w.front.counted()
	after, err := w.spent(ctx)
	if err != nil {
		return err
	}
	n, took := float64(b.dashboards), end.Sub(asked.firstSave)
	if bare != 0 {
		b.progress("the operator took %.1f s, the bare loop %.1f s", took.Seconds(), bare.Seconds())
		if b.profile.overlap {
			b.report.row("converge-throughput", bare.Seconds()/took.Seconds())
		} else {
			b.report.row("converge-ratio", took.Seconds()/bare.Seconds())
		}
	}
	b.report.row("converge-errors", float64(asked.errors))
	b.report.row("dashboards-per-second", n/took.Seconds())
	for _, row := range slices.Sorted(maps.Keys(after.cpu)) {
		b.report.row(row, (after.cpu[row]-before.cpu[row])/n*1000)
	}
	b.report.row("requests-per-dashboard", float64(asked.requests)/n)
	b.report.row("kube-writes-per-dashboard", float64(after.objects-before.objects)/n)
	b.report.row("kube-reads-per-dashboard", float64(after.reads-before.reads)/n)
	b.report.row("kube-events-per-dashboard", float64(after.events-before.events)/n)
	if !b.report.wants("^converge-without-permissions$") {
		return nil
	}
	missing, err := w.withoutPermissions(ctx)
	b.report.row("converge-without-permissions", float64(missing))
	return err
}

// spent is what the API server was asked to write, and the processes have computed.
type spent struct {
	kubeCounts
	cpu cpu
}

func (w *world) spent(ctx context.Context) (s spent, err error) {
	if s.kubeCounts, err = w.kubeCounts(ctx); err != nil {
		return s, err
	}
	s.cpu, err = readCPU()
	return s, err
}

// withoutPermissions counts the dashboards that have no permissions at all.
func (w *world) withoutPermissions(ctx context.Context) (int, error) {
	c, err := w.connect()
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ctx) }() // the session expires by itself, too
	var all v1alpha1.DashboardList
	if err := w.cluster.Client.List(ctx, &all); err != nil {
		return 0, err
	}
	var missing atomic.Int64
	err = parallel(ctx, len(all.Items), func(ctx context.Context, i int) error {
		status := all.Items[i].Status
		items, err := c.Org(status.OrgID).DashboardPermissions(ctx, status.UID)
		if len(items) == 0 {
			missing.Add(1)
		}
		return err
	})
	return int(missing.Load()), err
}

// bareLoop saves n of the same dashboards one after the other in as many organizations, which it makes first. It tells
// how long all took, and how long the saves did, which are timed as the operator's are, from when the first one reaches
// Grafana.
func (b *bench) bareLoop(ctx context.Context, w *world, n int) (all, saves time.Duration, err error) {
	c, err := w.connect()
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = c.Close(ctx) }() // the session expires by itself, too
	start := time.Now()
	ids := make([]int64, w.orgs)
	for i := range ids {
		if ids[i], err = c.CreateOrg(ctx, w.org(i)+" bare"); err != nil {
			return 0, 0, err
		}
	}
	w.front.reset()
	for i := range n {
		save := grafana.SaveDashboard{Model: []byte(content(w.seed, i, w.size)), Message: "Saved by a bare loop"}
		if _, err := c.Org(ids[i%w.orgs]).SaveDashboard(ctx, save); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(start), time.Since(w.front.counted().firstSave), nil
}

// restart restarts the operator with nothing changed, and watches it at rest.
func (b *bench) restart(ctx context.Context, w *world) error {
	if err := w.front.quiet(ctx, 2*time.Minute); err != nil {
		return err
	}
	if err := b.restartUntilQuiet(ctx, w, "restart", resync+resync/10); err != nil {
		return err
	}
	if !b.report.wants("^idle-") {
		return nil
	}
	b.progress("watching it at rest for %s", b.idle)
	before, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	w.front.reset()
	if err := pause(ctx, b.idle); err != nil {
		return err
	}
	asked := w.front.counted()
	rested, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	b.report.row("idle-writes", float64(asked.writes))
	b.report.row("idle-kube-writes", float64(rested.objects-before.objects))
	b.report.row("idle-requests-per-organization", float64(asked.requests)/float64(w.orgs))
	return nil
}

// restartUntilQuiet restarts the operator, and counts what follows until it asks nothing any more.
func (b *bench) restartUntilQuiet(ctx context.Context, w *world, row string, atMost time.Duration) error {
	b.progress("restarting the operator")
	w.stop()
	w.front.reset()
	before, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	if err := w.start(); err != nil {
		return err
	}
	if err := w.front.quiet(ctx, atMost); err != nil {
		return err
	}
	after, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	b.report.row(row+"-requests-per-organization", float64(w.front.counted().requests)/float64(w.orgs))
	b.report.row(row+"-kube-writes", float64(after.objects-before.objects))
	return nil
}
