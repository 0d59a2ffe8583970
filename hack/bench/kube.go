package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// kubeCounts is what the API server was asked for.
type kubeCounts struct {
	objects int // writes of our kinds, by anybody but who creates them
	reads   int // of one object of our kinds, as it is
	events  int // writes of events
}

// requestCounts are the API server's own.
var requestCounts = regexp.MustCompile(`(?m)^apiserver_request_total\{(.+)\} (\S+)$`)

// kubeCounts reads the counts so far.
func (w *world) kubeCounts(ctx context.Context) (n kubeCounts, err error) {
	metrics, err := w.cluster.Raw(ctx, "/metrics", "text/plain")
	if err != nil {
		return n, err
	}
	lines := requestCounts.FindAllSubmatch(metrics, -1)
	if len(lines) == 0 {
		return n, errors.New("the API server's metrics have no counts of requests")
	}
	for _, line := range lines {
		labels := string(line[1])
		has := func(name string, values ...string) bool {
			return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(labels, name+`="`+v+`"`) })
		}
		count, err := strconv.ParseFloat(string(line[2]), 64)
		switch {
		case err != nil:
			return n, err
		case has("group", v1alpha1.GroupVersion.Group) && has("verb", "PUT", "PATCH", "APPLY", "DELETE"):
			n.objects += int(count)
		case has("group", v1alpha1.GroupVersion.Group) && has("verb", "GET"):
			n.reads += int(count)
		case has("resource", "events") && has("verb", "POST", "PUT", "PATCH", "APPLY"):
			n.events += int(count)
		}
	}
	return n, nil
}

// asTable has the API server answer what kubectl get prints, which is short however long the objects are.
const asTable = "application/json;as=Table;v=v1;g=meta.k8s.io"

// ready counts the objects of a kind that are Ready.
func (w *world) ready(ctx context.Context, resource string) (int, error) {
	answer, err := w.cluster.Raw(ctx, tablePath(resource), asTable)
	if err != nil {
		return 0, err
	}
	var table metav1.Table
	if err := json.Unmarshal(answer, &table); err != nil {
		return 0, err
	}
	column, err := readyColumn(table)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, row := range table.Rows {
		if row.Cells[column] == "True" {
			n++
		}
	}
	return n, nil
}

func tablePath(resource string) string {
	return "/apis/" + v1alpha1.GroupVersion.String() + "/" + resource + "?includeObject=None&resourceVersion=0"
}

func readyColumn(table metav1.Table) (int, error) {
	column := slices.IndexFunc(
		table.ColumnDefinitions,
		func(c metav1.TableColumnDefinition) bool { return c.Name == v1alpha1.ConditionReady },
	)
	if column < 0 {
		return 0, errors.New("the table has no column Ready")
	}
	return column, nil
}

// watchReady calls done with the number of objects of a kind that are Ready, whenever it may have changed, until done
// says so. It watches, since to ask again and again would cost the API server more than all that is measured. Nothing
// is deleted meanwhile.
func (w *world) watchReady(ctx context.Context, resource string, done func(ready int) bool) error {
	for {
		over, err := w.watchOnce(ctx, resource, done)
		if over || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// watchOnce does so until the API server ends the watch, as it does now and then.
func (w *world) watchOnce(ctx context.Context, resource string, done func(ready int) bool) (over bool, err error) {
	stream, err := w.cluster.Stream(ctx, tablePath(resource)+"&watch=true", asTable)
	if err != nil {
		return false, err
	}
	defer func() { _ = stream.Close() }() // only read
	ready, column := map[string]bool{}, -1
	for events := json.NewDecoder(stream); ; {
		var event struct {
			Type   watch.EventType
			Object metav1.Table
		}
		if err := events.Decode(&event); err != nil || event.Type == watch.Error {
			return false, nil
		}
		if len(event.Object.ColumnDefinitions) > 0 { // in the first one
			if column, err = readyColumn(event.Object); err != nil {
				return false, err
			}
		}
		if column < 0 {
			return false, fmt.Errorf("watching %s: the first event has no columns", resource)
		}
		for _, row := range event.Object.Rows {
			if name := fmt.Sprint(row.Cells[0]); row.Cells[column] == "True" { // names are unique among all namespaces
				ready[name] = true
			} else {
				delete(ready, name)
			}
		}
		if done(len(ready)) {
			return true, nil
		}
	}
}
