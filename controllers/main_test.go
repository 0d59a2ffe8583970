package controllers_test

import (
	"os"
	"testing"

	"grafana-tenancy.dev/operator/internal/testing/suite"
)

func TestMain(m *testing.M) {
	code := suite.Main(m)
	_ = os.RemoveAll(operatorDir)
	os.Exit(code)
}
