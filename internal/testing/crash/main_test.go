package crash

import (
	"os"
	"testing"

	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func TestMain(m *testing.M) { os.Exit(suite.Main(m)) }
