package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/hack/internal/local"
)

// ofSets has a DashboardSet for each dashboard of an organization, over all organizations, and changes the templates of
// all.
func (b *bench) ofSets(ctx context.Context) error {
	if !b.report.wants("^sets-") {
		return nil
	}
	sets := max(1, b.dashboards/b.orgs)
	n := sets * b.orgs
	return b.within(
		ctx,
		setting{grafana: b.profile.open, orgs: b.orgs, size: ordinary, shared: true},
		func(ctx context.Context, w *world) error {
			b.progress("creating %d organizations", w.orgs)
			if err := w.applyOrgs(ctx); err != nil {
				return err
			}
			b.progress("saving %d dashboards in a bare loop", n)
			_, bare, err := b.bareLoop(ctx, w, n)
			if err != nil {
				return fmt.Errorf("the bare loop: %w", err)
			}
			b.progress("creating %d sets over %d organizations", sets, w.orgs)
			start := time.Now()
			if err := errors.Join(w.createSets(ctx, sets), w.awaitSets(ctx, n)); err != nil {
				return err
			}
			b.report.row("sets-ratio", time.Since(start).Seconds()/bare.Seconds())
			size, err := w.storedSize(ctx, "dashboards")
			b.report.row("sets-bytes-per-child", size)
			if err != nil {
				return err
			}
			if err := b.changeSets(ctx, w, n, bare); err != nil || !b.report.wants("^sets-restart-") {
				return err
			}
			return b.restartUntilQuiet(ctx, w, "sets-restart", resync+resync/10)
		},
	)
}

// changeSets changes the titles of all dashboards by the templates.
func (b *bench) changeSets(ctx context.Context, w *world, n int, bare time.Duration) error {
	if !b.report.wants("^sets-change-") {
		return nil
	}
	if err := w.front.quiet(ctx, 2*time.Minute); err != nil {
		return err
	}
	before, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	b.progress("changing the templates of all")
	w.front.reset()
	start := time.Now()
	if err := errors.Join(w.renameSets(ctx), w.awaitSets(ctx, n)); err != nil {
		return err
	}
	took, asked := time.Since(start), w.front.counted()
	after, err := w.kubeCounts(ctx)
	if err != nil {
		return err
	}
	if asked.saved < n {
		return fmt.Errorf("of %d dashboards %d were saved", n, asked.saved)
	}
	b.report.row("sets-change-ratio", took.Seconds()/bare.Seconds())
	b.report.row("sets-change-requests-per-dashboard", float64(asked.requests)/float64(n))
	b.report.row("sets-change-kube-writes-per-dashboard", float64(after.objects-before.objects)/float64(n))
	return nil
}

func (w *world) createSets(ctx context.Context, n int) error {
	return parallel(ctx, n, func(ctx context.Context, i int) error {
		text := content(w.seed, i, w.size)
		s := &v1alpha1.DashboardSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: platform, Name: fmt.Sprintf("set-%03d", i)},
		}
		s.Spec.Template.Spec.Source.JSON = &text
		return w.cluster.Client.Create(ctx, s)
	})
}

// renameSets gives all dashboards another title.
func (w *world) renameSets(ctx context.Context) error {
	var all v1alpha1.DashboardSetList
	if err := w.cluster.Client.List(ctx, &all); err != nil {
		return err
	}
	return parallel(ctx, len(all.Items), func(ctx context.Context, i int) error {
		s := &all.Items[i]
		s.Spec.Template.Spec.Title = fmt.Sprintf("Dashboard %d of {{ .orgName }}", i)
		return w.cluster.Client.Update(ctx, s)
	})
}

// awaitSets waits until all sets say of what they ask for now that so many objects in all are Ready.
func (w *world) awaitSets(ctx context.Context, want int) error {
	have := int64(0)
	err := local.Poll(ctx, patience, func(ctx context.Context) (bool, error) {
		var all v1alpha1.DashboardSetList
		if err := w.cluster.Client.List(ctx, &all); err != nil {
			return false, err
		}
		have = 0
		for _, s := range all.Items {
			if s.Status.ObservedGeneration == s.Generation {
				have += s.Status.Ready
			}
		}
		return have >= int64(want), nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d dashboards of sets are Ready: %w. The operator's last words:\n%s",
			have, want, err, w.operator.Tail())
	}
	return nil
}

// storedSize is how many bytes an object of a kind has on average, as it is stored.
func (w *world) storedSize(ctx context.Context, resource string) (float64, error) {
	answer, err := w.cluster.Raw(
		ctx, "/apis/"+v1alpha1.GroupVersion.String()+"/"+resource+"?resourceVersion=0", "application/json")
	if err != nil {
		return 0, err
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(answer, &list); err != nil {
		return 0, err
	}
	total := 0
	for _, item := range list.Items {
		total += len(item)
	}
	return float64(total) / float64(max(1, len(list.Items))), nil
}
