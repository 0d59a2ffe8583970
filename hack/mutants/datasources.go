package main

// dataSourceMutants are bugs in what is particular to data sources: one for each trap that Grafana has for them.
var dataSourceMutants = []mutant{
	{
		name: "seal of a data source not looked at",
		file: "controllers/datasource_search.go",
		old:  "	if datasource.Sealed(d, status.Version, status.SecretsHash) {\n",
		new:  "	if true {\n", test: "TestDataSourceEditedAfterARestore",
	},
	{
		name:      "data source made without its mark",
		file:      "controllers/datasource.go",
		old:       "	want := x.wanted(false)\n	want.UID, want.IsDefault = x.uid,",
		new:       "	want := x.want\n	want.UID, want.IsDefault = x.uid,",
		scenarios: "data source created under a given uid",
	},
	{
		name: "data source that has lost its mark taken for another's",
		file: "controllers/datasource_search.go",
		old:  "		recorded && (owner ==",
		new:  "		recorded && owner.UID != \"\" && (owner ==", scenarios: "data source that has lost its mark",
	},
	{
		name: "the first data source left to be the default",
		file: "controllers/datasource_default.go",
		old:  "		return have.IsDefault && !have.newborn\n",
		new:  "		return have.IsDefault\n", scenarios: "data source created under a given uid",
	},
	{
		name: "default dropped by a change",
		file: "controllers/datasource.go",
		old:  "	want.UID, want.Version, want.IsDefault = have.UID, have.Version, x.wantsDefault(have)\n",
		new:  "	want.UID, want.Version = have.UID, have.Version\n", scenarios: "data source's secret changed",
	},
	{
		name: "default taken from what people made it",
		file: "controllers/datasource_default.go",
		old:  "		if err != nil || holder != nil || consent || x.obj.Status.Default {\n",
		new:  "		if err != nil || holder != nil || consent || !d.ReadOnly {\n",
		test: "TestAPIDataSourceDefaultOfPeople",
	},
	{
		name: "two objects at the default",
		file: "controllers/datasource_default.go",
		old:  "		if asks && x.yieldsTo(",
		new:  "		if asks && o.Name == x.obj.Name && x.yieldsTo(", test: "TestAPIDataSourceDefault",
	},
	{
		name: "secret that was taken out left in Grafana",
		file: "controllers/datasource.go",
		old:  "		secrets[name] = \"\" //",
		new:  "		delete(secrets, name) //", scenarios: "data source without its secret",
	},
	{
		name: "changed Secret not sent",
		file: "controllers/datasource_secrets.go",
		old:  "obj.GetUID(), obj.GetResourceVersion(), ref.Key)",
		new:  "obj.GetUID(), obj.GetUID(), ref.Key)", scenarios: "data source's secret changed",
	},
	{
		name: "secret edited in Grafana not sent again",
		file: "controllers/datasource_search.go",
		old:  "	if d.ID != status.ID || d.Version != 0 && d.Version != status.Version {",
		new:  "	if d.ID != status.ID {", test: "TestDataSourceSecretIsSeenToBeAnothersAtOnce",
	},
	{
		name: "source not tried again once a Secret is corrected",
		file: "controllers/datasource_health.go",
		old:  "	if was != nil && was.ObservedGeneration == x.obj.Generation && !x.due && !x.written && ",
		new:  "	if was != nil && was.ObservedGeneration == x.obj.Generation && !x.due && ",
		test: "TestDataSourceIsTriedAfterAChangeAndOnceMore",
	},
	{
		name: "line end of a certificate taken for a mistake",
		file: "controllers/datasource_secrets.go",
		old:  "	if len(strings.Fields(value)) == 1 {",
		new:  "	if len(strings.Fields(value)) > 1 {", test: "TestAPIDataSourceLineEndInASecret",
	},
	{
		name: "what Flux takes for a variable imported as it is",
		file: "internal/plugin/importer/write.go",
		old:  "		if bytes.Contains(text, []byte(\"${\")) {",
		new:  "		if bytes.Contains(text, []byte(\"$${\")) {", test: "TestImport$", tests: "internal/plugin",
	},
	{
		name: "list of data sources trusted whatever is on it",
		file: "controllers/datasource_search.go",
		old: "	if have.listed = true; len(x.Diff(have)) > 0 || have.secrets != x.secretsHash {\n" +
			"		return nil, nil\n	}\n",
		new: "	have.listed, have.kept = true, true\n", scenarios: "data source edited, seen at the resync",
	},
	{
		name: "what Grafana makes of settings taken for an edit",
		file: "controllers/datasource_search.go",
		old:  "	have.kept = status.StoredHash == datasource.Hash(d) &&",
		new:  "	have.kept = status.StoredHash == datasource.Hash(x.want) &&", test: "TestAPIDataSourceAlias",
	},
	{
		name: "data source from a file taken for ours",
		file: "controllers/datasource_search.go",
		old:  "	return !d.ReadOnly && (d.UID ==",
		new:  "	return (d.UID ==", test: "TestAPIDataSourceProvisioned",
	},
	{
		name: "data source adopted without the organization's consent",
		file: "controllers/datasource_search.go",
		old:  "	if x.object.Spec.Adoption != v1alpha1.AdoptionAllow {\n",
		new:  "	if x.object.Spec.Adoption == \"\" && x.due {\n", test: "TestAPIDataSourceTaken",
	},
	{
		name: "data source made with what Grafana refuses to change",
		file: "internal/datasource/url.go",
		old:  "	case text == \"\" && slices.Contains(needURL, kind), text",
		new:  "	case slices.Contains(needURL[:0], kind), text", test: "TestAPIDataSourceRefused",
	},
	{
		name: "secret in jsonData let through",
		file: "internal/datasource/wanted.go",
		old:  "is && text != \"\" && namesSecret(name) {",
		new:  "is && text == \"\" && namesSecret(name) {", test: "TestAPIDataSourceRefused",
	},
	{
		name: "health of a data source asked once, with the settings of before",
		file: "controllers/datasource_settings.go",
		old:  "settingsWrite{x.env.Now(), !made})\n",
		new:  "settingsWrite{x.env.Now(), made && !made})\n", test: "TestAPIDataSourceHealthAfterAChange",
	},
	{
		name: "data source changed twice within a second",
		file: "controllers/datasource_settings.go",
		old:  "	if x.written || left <= 0 {\n",
		new:  "	if true {\n", test: "TestChangesOfADataSourceAreASecondApart",
	},
	{
		name: "change of a data source that was just made held back",
		file: "controllers/datasource_settings.go",
		old:  "	if x.written || left <= 0 {\n",
		new:  "	if left <= 0 {\n", test: "TestWhatIsChangedAsItIsMadeWaitsForNothing",
	},
}
