package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// content is a dashboard of about so many bytes, with panels as people build them.
func content(seed uint64, number, size int) string {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	var panels []any
	for left := size; left > 0; {
		panel := timeseries(random, len(panels))
		panels = append(panels, panel)
		text, err := json.Marshal(panel)
		if err != nil {
			panic(err) // plain structures can be marshalled
		}
		left -= len(text)
	}
	text, err := json.Marshal(map[string]any{
		"title": fmt.Sprintf("Dashboard %d", number), "tags": []string{"bench"}, "schemaVersion": 39,
		"time": map[string]any{"from": "now-6h", "to": "now"}, "panels": panels,
		"templating": map[string]any{"list": []any{map[string]any{
			"name": "datasource", "type": "datasource", "query": "prometheus", "current": map[string]any{},
		}}},
	})
	if err != nil {
		panic(err) // as above
	}
	return string(text)
}

func timeseries(random *rand.Rand, n int) any {
	source := map[string]any{"type": "prometheus", "uid": "${datasource}"} // as most public dashboards have it
	var targets []any
	for i := range 3 {
		targets = append(
			targets,
			map[string]any{
				"refId":        string(rune('A' + i)),
				"datasource":   source,
				"expr":         query(random),
				"legendFormat": "{{instance}}",
			},
		)
	}
	return map[string]any{
		"id":         n + 1,
		"type":       "timeseries",
		"title":      fmt.Sprintf("Panel %d", n),
		"datasource": source,
		"targets":    targets,
		"gridPos":    map[string]any{"h": 8, "w": 12, "x": n % 2 * 12, "y": n / 2 * 8},
		"fieldConfig": map[string]any{
			"defaults": map[string]any{
				"unit":   "reqps",
				"min":    0,
				"custom": map[string]any{"lineWidth": 1, "fillOpacity": 10},
			},
			"overrides": []any{},
		},
		"options": map[string]any{
			"legend":  map[string]any{"displayMode": "list", "placement": "bottom"},
			"tooltip": map[string]any{"mode": "multi"},
		},
	}
}

func query(random *rand.Rand) string {
	var names []string
	for range 8 {
		names = append(names, fmt.Sprintf("service_%x", random.Uint64()))
	}
	return fmt.Sprintf(
		`sum by (instance) (rate(http_requests_total{job=~%q,code!~"5.."}[5m]))`,
		strings.Join(names, "|"),
	)
}
