package crash

import (
	"testing"

	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func TestMain(m *testing.M) { suite.Main(m) }
