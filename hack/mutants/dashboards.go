package main

// dashboardMutants are bugs in what is particular to dashboards: their sources, folders and lists.
var dashboardMutants = []mutant{
	{
		name: "list of dashboards trusted whatever the version",
		file: "controllers/dashboard.go",
		old:  "	case status.Drift != nil, seen.Generation != status.Version:\n",
		new:  "	case status.Drift != nil:\n", scenarios: "seen at the resync",
	},
	{
		name: "list of dashboards trusted whatever the birth",
		file: "controllers/dashboard.go",
		old:  "	if !listed || !x.sameBirth(seen.Created) {\n",
		new:  "	if !listed {\n", scenarios: "seen at the resync",
	},
	{
		name: "content of an older generation taken for the present one",
		file: "controllers/dashboard_source.go",
		old:  "	return obj.Status.ContentGeneration == obj.Generation && dashboard",
		new:  "	return obj.Status.ContentGeneration > 0 && dashboard", scenarios: "dashboard changed",
	},
	{
		name: "folder made without a uid of its own",
		file: "controllers/dashboard_folder.go",
		old:  "grafana.Folder{UID: uid, Title: path[len(path)-1]",
		new:  "grafana.Folder{UID: uid[:0], Title: path[len(path)-1]", scenarios: "folder",
	},
	{
		name: "folder found by its title only",
		file: "controllers/dashboard_folder.go",
		old:  "		uid = made.UID\n",
		new:  "		uid = made.UID[:0]\n", test: "TestFolderRenamedWithAPersonsInIt",
	},
	{
		name: "folders of ours in the way of the organization's deletion",
		file: "controllers/organization_deletion.go",
		old:  "		if h.Type == \"dash-folder\" &&",
		new:  "		if h.Type == \"\" &&", scenarios: "with a folder deleted",
	},
	{
		name: "what is fetched is never fetched again",
		file: "controllers/dashboard_fetched.go",
		old:  "	if known && !old {\n",
		new:  "	if known || old && known {\n", scenarios: "url",
	},
	{
		name: "source that cannot be fetched taken for unchanged",
		file: "controllers/dashboard_fetched.go",
		old:  "	case err != nil:\n		err = notFetched(err)\n",
		new:  "	case err != nil:\n		return nil\n", test: "TestAPIDashboardURL",
	},
	{
		name: "everything rests at first",
		file: "controllers/lifecycle.go",
		old:  "ready.ObservedGeneration == p.obj.GetGeneration() && p.ext.Settled()\n",
		new:  "p.ext.Settled()\n", test: "TestRestartActsOnChanges",
	},
}
