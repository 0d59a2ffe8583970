package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"grafana-tenancy.dev/operator/hack/internal/local"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// memory looks at the operator's resident memory with ever more large dashboards, in a Grafana in memory that answers
// at once.
func (b *bench) memory(ctx context.Context) error {
	if !b.report.wants("^memory-") {
		return nil
	}
	const large = 100_000
	prompt := func() (*front, error) { return standIn(grafanatest.Options{}) }
	return b.within(
		ctx,
		setting{grafana: prompt, orgs: b.orgs, size: large},
		func(ctx context.Context, w *world) error {
			if err := w.applyOrgs(ctx); err != nil {
				return err
			}
			empty, err := w.settle(ctx)
			if err != nil {
				return err
			}
			b.report.row("memory-empty-peak", empty.peak)
			b.report.row("memory-empty-rest", empty.rest)
			there := 0
			for _, step := range []struct {
				row   string
				times int
			}{{"memory-1x", 1}, {"memory-5x", 5}} {
				if !b.report.wants("^" + step.row) {
					continue
				}
				b.progress("creating dashboards of 100 kB, up to %d", step.times*b.dashboards)
				if err := w.applyDashboards(ctx, there, step.times*b.dashboards); err != nil {
					return err
				}
				there = step.times * b.dashboards
				if err := b.weigh(ctx, w, step.row, empty); err != nil {
					return err
				}
			}
			return nil
		},
	)
}

// weigh reports the memory that the dashboards take, as it is and after a restart.
func (b *bench) weigh(ctx context.Context, w *world, row string, empty weight) error {
	have, err := w.settle(ctx)
	if err != nil {
		return err
	}
	b.report.row(row+"-peak", have.peak)
	b.report.row(row+"-added", have.rest-empty.rest)
	b.progress("restarting the operator")
	w.stop()
	w.front.reset()
	if err := w.start(); err != nil {
		return err
	}
	if err := w.front.quiet(ctx, patience); err != nil {
		return err
	}
	if have, err = w.settle(ctx); err != nil {
		return err
	}
	b.report.row(row+"-restart-peak", have.peak)
	b.report.row(row+"-restart-added", have.rest-empty.rest)
	return nil
}

// weight is resident memory, in MiB.
type weight struct{ peak, rest float64 }

// settle waits until the operator's memory has not moved by more than 2 MiB for 20 s, but no longer than three minutes.
func (w *world) settle(ctx context.Context) (weight, error) {
	const still, slack, atMost = 20 * time.Second, 2, 3 * time.Minute
	var now weight
	var since time.Time
	reference := -1.0 - slack
	err := local.PollEvery(ctx, time.Second, atMost, func(context.Context) (_ bool, err error) {
		if now, err = weighProcess(w.operator.PID()); err != nil {
			return false, err
		}
		if now.rest < reference-slack || now.rest > reference+slack {
			reference, since = now.rest, time.Now()
		}
		return time.Since(since) > still, nil
	})
	if errors.Is(err, local.ErrTimeout) {
		err = nil
	}
	return now, err
}

// weighProcess reads what Linux knows of a process.
func weighProcess(pid int) (w weight, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return w, fmt.Errorf("memory can be measured on Linux only: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "VmHWM" && name != "VmRSS" {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 64)
		if err != nil {
			return w, err
		}
		if name == "VmHWM" {
			w.peak = kib / 1024
		} else {
			w.rest = kib / 1024
		}
	}
	if w.peak == 0 || w.rest == 0 {
		return w, errors.New("the process's status does not tell its memory")
	}
	return w, nil
}
