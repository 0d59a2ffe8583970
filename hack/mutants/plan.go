package main

// planMutants are bugs in what foresees the operator.
var planMutants = []mutant{
	{
		name: "plan that makes things in Grafana",
		file: "internal/plan/draft/draft.go",
		old:  "	if isSession(path) {\n",
		new:  "	if isSession(path) || req.Method == http.MethodPost {\n", test: "TestPlanForeseesTheOperator",
		scenarios: "^organization",
	},
	{
		name: "plan that changes things in Grafana",
		file: "internal/plan/draft/draft.go",
		old:  "	if isSession(path) {\n",
		new:  "	if isSession(path) || req.Method == http.MethodPut {\n", test: "TestPlanForeseesTheOperator",
		scenarios: "^organization",
	},
	{
		name: "plan that keeps a creation to itself",
		file: "internal/plan/result.go",
		old:  "		return Create\n	case v.has(v1alpha1.EventFound) != nil:\n",
		new:  "		return None\n	case v.has(v1alpha1.EventFound) != nil:\n", test: "TestPlanForeseesTheOperator",
		scenarios: "^organization deleted by a person",
	},
	{
		name: "plan that keeps a change to itself",
		file: "internal/plan/result.go",
		old:  "		return Change\n",
		new:  "		return None\n", test: "TestPlanForeseesTheOperator",
		scenarios: "^organization",
	},
	{
		name: "plan that believes what was in sync",
		file: "internal/plan/work.go",
		old:  "(w.told.Unvisited || isFetched(obj))",
		new:  "isFetched(obj)", test: "TestPlanSeesWhatPeopleHaveChanged",
	},
	{
		name: "plan that believes what was fetched",
		file: "internal/plan/work.go",
		old:  "				w.ahead = believedFor\n",
		new:  "				w.ahead = 0\n", test: "TestPlanForeseesTheOperator", scenarios: "at its url",
	},
	{
		name: "plan in which nothing goes",
		file: "internal/plan/draft/draft.go",
		old:  "&thing{gone: true}",
		new:  "&thing{}", test: "TestPlanForeseesTheOperator",
		scenarios: "tenant with a folder deleted|folder deleted with its dashboard",
	},
	{
		name: "plan that counts what was refused",
		file: "internal/plan/draft/draft.go",
		old:  "	if !c.reads && a.status < http.StatusBadRequest {\n",
		new:  "	if !c.reads {\n", test: "TestPlanForeseesTheOperator",
		scenarios: "uid is taken",
	},
	{
		name: "plan of objects as they were",
		file: "internal/plan/apply.go",
		old:  "			obj.SetGeneration(is.GetGeneration() + 1)\n",
		new:  "			obj.SetGeneration(is.GetGeneration())\n", test: "TestPlanForeseesTheOperator",
		scenarios: "dashboard changed",
	},
}
