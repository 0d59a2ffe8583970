package alerts_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// What a Grafana puts in the place of its variables before Prometheus sees an expression.
var macros = strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h")

// ours are the metrics that the operator has; controllers checks that all of them exist.
var ours = regexp.MustCompile(`^(up|(grafana_tenancy|workqueue|controller_runtime|go|process)_\w+)$`)

// Prometheus can read every expression of the operator's dashboard, and each asks for metrics of the operator's only.
func TestDashboardExpressions(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "../../config/grafana/operator.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	parse := parser.NewParser(parser.Options{})
	metrics := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expr, err := parse.ParseExpr(macros.Replace(target.Expr))
			if err != nil {
				t.Errorf("%s: %v in\n%s", panel.Title, err, target.Expr)
				continue
			}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				if selector, ok := node.(*parser.VectorSelector); ok {
					metrics++
					if !ours.MatchString(selector.Name) {
						t.Errorf("%s: %s is no metric of the operator's", panel.Title, selector.Name)
					}
				}
				return nil
			})
		}
	}
	if metrics == 0 {
		t.Error("found no expression")
	}
}
