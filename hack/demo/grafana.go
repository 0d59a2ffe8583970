package main

import (
	"cmp"
	"net/http"
	"os"
	"strings"

	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
)

// grafana is the Grafana that the demo works on.
type grafana struct {
	url, user, password string

	about   string // in words
	lasting bool   // it outlives the demo
	close   func()
	metrics *metrics // that data sources reach
}

// openGrafana takes the Grafana at GRAFANA_URL, or starts one in memory.
func openGrafana() *grafana {
	if url := os.Getenv("GRAFANA_URL"); url != "" {
		say("using the Grafana at %s", url)
		return &grafana{
			url:      strings.TrimRight(url, "/"),
			user:     cmp.Or(os.Getenv("GRAFANA_USER"), "admin"),
			password: cmp.Or(os.Getenv("GRAFANA_PASSWORD"), "admin"),
			about:    "the one at GRAFANA_URL",
			lasting:  true,
			close:    func() {},
		}
	}
	server := grafanatest.NewServer(grafanatest.Options{Sources: http.DefaultTransport})
	say("started a Grafana in memory at %s", server.URL)
	return &grafana{
		url:      server.URL,
		user:     "admin",
		password: "admin",
		about:    "in memory, API only; log in as admin with password admin",
		close:    server.Close,
	}
}
