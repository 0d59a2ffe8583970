package main

// dashboardMutants are bugs in what is particular to dashboards: their sources, folders and lists.
var dashboardMutants = []mutant{
	{
		name: "what a wiped status was about not looked for",
		file: "controllers/dashboard_search.go",
		old:  "	if !intended && !adopts && !x.lost {\n",
		new:  "	if !intended && !adopts {\n", test: "TestWhatAWipedStatusWasAboutIsNotLeft",
	},
	{
		name: "list of dashboards trusted whatever the version",
		file: "controllers/dashboard_search.go",
		old:  "	case status.Drift != nil, seen.Generation != status.Version,",
		new:  "	case status.Drift != nil, ", scenarios: "seen at the resync",
	},
	{
		name: "list of dashboards trusted whatever the birth",
		file: "controllers/dashboard_search.go",
		old:  "	if !listed || !sameBirth(x.obj.Status, seen.Created) {\n",
		new:  "	if !listed {\n", scenarios: "seen at the resync",
	},
	{
		name: "content of an older generation taken for the present one",
		file: "controllers/dashboard_source.go",
		old:  "	return status.ContentGeneration == obj.Generation && slices",
		new:  "	return status.ContentGeneration > 0 && slices", scenarios: "dashboard changed",
	},
	{
		name: "other data sources in the place of others not noticed",
		file: "controllers/dashboard_source.go",
		old:  " && slices.Equal(status.DataSources, sources) &&",
		new:  " && len(sources) >= 0 &&", scenarios: "mapped to renamed",
	},
	{
		name: "data source found once taken for the present one",
		file: "controllers/dashboard_datasources.go",
		old:  "	case to.Name != \"\" && !take(",
		new:  "	case to.Name != \"\" && s.UID == \"\" && !take(", test: "TestAPIDashboardIsMappedByName",
	},
	{
		name: "data source of another organization taken",
		file: "controllers/dashboard_datasources.go",
		old:  "	case in != scope.owner:\n",
		new:  "	case in != scope.owner && in.Name == \"\":\n", test: "TestAPIDashboardIsMappedToADataSource",
	},
	{
		name: "name that a DataSource wants taken for the one that it has",
		file: "controllers/dashboard_datasources.go",
		old:  "UID: d.Status.UID, Name: d.Status.Name, Type",
		new:  "UID: d.Status.UID, Name: d.WantedName(), Type", test: "TestNameThatADataSourceOnlyWants",
	},
	{
		name: "condition of other data sources left standing",
		file: "controllers/dashboard_datasources.go",
		old:  "	if !slices.Equal(status.NamedDataSources, x.content.named) ||",
		new:  "	if status == nil ||", test: "TestConditionOfAnOlderContentDoesNotStand",
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
		old:  "	if known && (!old || !c.final) {\n",
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
		file: "internal/lifecycle/pass.go",
		old: "	inSync := ready != nil && ready.Status == metav1.ConditionTrue && " +
			"ready.Reason == v1alpha1.ReasonInSync &&\n" +
			"		ready.ObservedGeneration == p.obj.GetGeneration() && !",
		new:  "	inSync := ready != nil && ready.Status == metav1.ConditionTrue && !",
		test: "TestRestartActsOnChanges",
	},
	{
		name: "dashboard that has lost its mark taken for another's",
		file: "controllers/dashboard_proof.go",
		old:  "!h.ours && !have.adopted && !recorded {",
		new:  "!h.ours && !have.adopted {", test: "TestAPIDashboardWithoutItsMark",
	},
	{
		name: "message that an edit carried along taken for our own",
		file: "controllers/dashboard_proof.go",
		old:  "	return s.as == v.Version && (",
		new:  "	return (", test: "TestAPIDashboardEditedThroughAPIsAfterAnUpgrade",
	},
	{
		name: "event says deleted, whatever was seen",
		file: "internal/lifecycle/remove.go",
		old:  "	if n > 0 {\n",
		new:  "	if n >= 0 {\n", test: "TestAPIDashboardReplacedAndDeleted",
	},
	{
		name: "dashboard of another uid taken for ours",
		file: "controllers/dashboard_proof.go",
		old:  "	if d.UID != x.uid {\n",
		new:  "	if d.UID == \"\" {\n", test: "TestAPIDashboardIsNotTakenOverByAnotherUID",
	},
	{
		name: "dashboard adopted that another object records",
		file: "controllers/dashboard_proof.go",
		old:  "	case held:\n",
		new:  "	case held && err != nil:\n", test: "TestAPIAdoptionOfWhatIsRecorded",
	},
	{
		name: "any content of ours taken for a form of what was saved last",
		file: "controllers/dashboard_proof.go",
		old:  "		(h.of == \"\" || h.of == ",
		new:  "		(h.of != \"-\" || h.of == ", scenarios: "restored to other content",
	},
	{
		name: "version of the list not compared with the time of the save",
		file: "controllers/dashboard_search.go",
		old:  ", fromBefore(status, seen):\n",
		new:  ", false && fromBefore(status, seen):\n", scenarios: "restored to other content",
	},
	{
		name: "dashboard of another uid adopted",
		file: "controllers/dashboard_proof.go",
		old:  "	case d.UID != x.uid, h.others:\n",
		new:  "	case h.others:\n", test: "TestAPIDashboardIsNotTakenOverByAnotherUID",
	},
	{
		name: "permissions of what was created not looked at",
		file: "controllers/dashboard_save.go",
		old:  "= \"\", true\n",
		new:  "= \"\", false\n", test: "TestAPIDashboardLeftWithoutPermissions",
	},
	{
		name: "on SQLite only the first dashboard's permissions looked at",
		file: "controllers/dashboard_permissions.go",
		old:  "(x.conn.OnSQLite(ctx) || !x.rolesSeen)",
		new:  "!x.rolesSeen", test: "TestAPIDashboardMadeWhileTheDatabaseIsLocked",
	},
	{
		name: "permissions of what was found after a lost answer not looked at",
		file: "controllers/dashboard_permissions.go",
		old:  "|| !x.rolesSeen",
		new:  "|| !x.conn.PermissionsSeen(x.org.ID(), needsRoles)", test: "TestAPIDashboardFoundWithoutPermissions",
	},
	{
		name: "folder in a folder left with permissions of its own",
		file: "controllers/dashboard_permissions.go",
		old:  "	case isBare(items) == inFolder:\n",
		new:  "	case inFolder || !isBare(items):\n", test: "TestAPIDashboardFolderInARestrictedOne",
	},
	{
		name: "uid of the content counts though there is another",
		file: "controllers/dashboard.go",
		old:  "	if x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID); x.uid == \"\" {\n",
		new:  "	if x.uid = cmp.Or(obj.Spec.UID, obj.Status.UID); x.uid != \"-\" {\n",
		test: "TestAPIDashboardUIDThatIsNone",
	},
	{
		name: "what Grafana makes of a save not remembered",
		file: "controllers/dashboard.go",
		old:  "		status.StoredHash = have.stored\n",
		new:  "", test: "TestAPIDashboardThatGrafanaAddsDefaultsTo",
	},
}
