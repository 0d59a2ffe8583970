package main

// schema2Mutants are bugs in how dashboards in schema v2 are saved and read.
var schema2Mutants = []mutant{
	{
		name:      "schema v2 by the classic route",
		file:      "controllers/dashboard_save.go",
		old:       `	if x.api != "" {`,
		new:       `	if x.api == "v2" {`,
		scenarios: "schema v2 created",
	},
	{
		name:  "schema v2 saved whatever is there",
		file:  "internal/grafana/dashboard_resource.go",
		old:   "Name: save.UID, ResourceVersion: save.ResourceVersion,",
		new:   "Name: save.UID,",
		test:  "TestContract$",
		tests: "internal/grafana",
	},
	{
		name:  "permissions of a dashboard in schema v2 not asked for",
		file:  "internal/grafana/dashboard_resource.go",
		old:   `		body.Metadata.Annotations.Grant = "default"`,
		new:   `		body.Metadata.Annotations.Grant = ""`,
		test:  "TestContract$",
		tests: "internal/grafana",
	},
	{
		name: "another version of the schema without a trial",
		file: "controllers/dashboard_resource.go",
		old:  "	if x.api == wanted {",
		new:  "	if x.api != \"\" {",
		test: "TestAPIDashboardOfSchema2InAnotherVersion",
	},
	{
		name: "what a person has saved in the classic model taken for schema v2",
		file: "controllers/dashboard_resource.go",
		old:  "	if stored != x.api {\n",
		new:  "	if stored == \"another\" {\n",
		test: "TestASaveInTheClassicModelThatLooksTheSame$",
	},
	{
		name:  "the same text in two schemas with one hash",
		file:  "internal/dashboard/hash.go",
		old:   "	if c.API != \"\" {",
		new:   "	if c.API == \"v2\" {",
		test:  "TestSchema2$",
		tests: "internal/dashboard",
	},
	{
		name:  "a save through /apis overtaken unnoticed",
		file:  "internal/grafana/verdict.go",
		old:   `strings.Contains(e.Message, "the object has been modified")`,
		new:   `e.Message == ""`,
		test:  "TestContract$",
		tests: "internal/grafana",
	},
}
