package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const samplesDir = "config/samples"

// apply applies the samples as a user would: by an overlay that puts in where
// the Grafana at hand is, and its admin's login.
func apply(ctx context.Context, cluster *cluster, grafana *grafana) error {
	say("applying %s", samplesDir)
	overlay, err := writeOverlay(filepath.Join(cluster.dir, "samples"), grafana)
	if err != nil {
		return err
	}
	return cluster.kubectl(ctx, os.Stdout, "apply", "-k", overlay)
}

func writeOverlay(dir string, grafana *grafana) (string, error) {
	samples, err := filepath.Abs(samplesDir)
	if err != nil {
		return "", err
	}
	if samples, err = filepath.EvalSymlinks(samples); err != nil {
		return "", err
	}
	base, err := filepath.Rel(dir, samples)
	if err != nil {
		return "", err
	}
	url, err := replace("/spec/url", grafana.url)
	if err != nil {
		return "", err
	}
	login, err := replace(
		"/stringData",
		map[string]string{"admin-user": grafana.user, "admin-password": grafana.password},
	)
	if err != nil {
		return "", err
	}
	source, err := patch(
		operation{"replace", "/spec/url", grafana.metrics.url()},
		operation{"add", "/spec/health", true},
	)
	if err != nil {
		return "", err
	}
	overlay, err := json.MarshalIndent(map[string]any{
		"resources": []string{base},
		"patches": []any{
			map[string]any{"target": map[string]string{"kind": "Instance"}, "patch": url},
			map[string]any{"target": map[string]string{"kind": "Secret", "name": "grafana"}, "patch": login},
			map[string]any{"target": map[string]string{"kind": "DataSource", "name": ".*-metrics"}, "patch": source},
		},
	}, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("writing the overlay of %s: %w", samplesDir, err)
	}
	return dir, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), overlay, 0o600)
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func replace(path string, value any) (string, error) { return patch(operation{"replace", path, value}) }

func patch(operations ...operation) (string, error) {
	text, err := json.Marshal(operations)
	return string(text), err
}
