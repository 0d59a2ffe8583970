package datasource

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// needURL are the types that Grafana changes only if they have a url. It makes them without, and then nothing about
// them could be changed any more.
var needURL = []string{
	"alertmanager", "elasticsearch", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource",
	"grafana-postgresql-datasource", "graphite", "influxdb", "influxdb_08", "jaeger", "loki", "mssql", "mysql",
	"opentsdb", "prometheus", "tempo", "zipkin",
}

var (
	hasScheme = regexp.MustCompile(`^[^:]*://`)
	hasUser   = regexp.MustCompile(`^([^/?#]*://)?[^/?#]*@`)
	odbc      = regexp.MustCompile(`^[^\\:]+(?:\\[^:]+)?(?::\d+)?(?:;.+)?$`)
)

// checkURL fails if Grafana would refuse the url at the next change.
func checkURL(kind, text string) error {
	switch {
	case text == "" && slices.Contains(needURL, kind), text != "" && strings.TrimSpace(text) == "":
		return fmt.Errorf("a data source of type %s needs a url: set spec.url", kind)
	case text == "":
		return nil
	case hasUser.MatchString(text):
		return fmt.Errorf("spec.url: a user in the url can be read by everybody in the organization: give " +
			"basicAuth instead")
	case strings.EqualFold(kind, "mssql"):
		if !odbc.MatchString(text) {
			return fmt.Errorf(
				`spec.url: %q is not what Grafana takes for mssql: host, host:port or host\instance`,
				text,
			)
		}
		return nil
	}
	address := text
	if !hasScheme.MatchString(text) {
		address = "http://" + text
	}
	if _, err := url.Parse(address); err != nil {
		return fmt.Errorf("spec.url: %q is no url that Grafana takes", text)
	}
	return nil
}
