package main

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// kubeWrites is what the API server was asked to write.
type kubeWrites struct {
	objects int // of our kinds, by anybody but who creates them
	events  int
}

// requestCounts are the API server's own.
var requestCounts = regexp.MustCompile(`(?m)^apiserver_request_total\{(.+)\} (\S+)$`)

// kubeWrites reads the counts so far.
func (w *world) kubeWrites(ctx context.Context) (n kubeWrites, err error) {
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
	path := "/apis/" + v1alpha1.GroupVersion.String() + "/" + resource + "?includeObject=None&resourceVersion=0"
	answer, err := w.cluster.Raw(ctx, path, asTable)
	if err != nil {
		return 0, err
	}
	var table metav1.Table
	if err := json.Unmarshal(answer, &table); err != nil {
		return 0, err
	}
	column := slices.IndexFunc(
		table.ColumnDefinitions,
		func(c metav1.TableColumnDefinition) bool { return c.Name == v1alpha1.ConditionReady },
	)
	if column < 0 {
		return 0, errors.New("the table of " + resource + " has no column Ready")
	}
	n := 0
	for _, row := range table.Rows {
		if row.Cells[column] == "True" {
			n++
		}
	}
	return n, nil
}
